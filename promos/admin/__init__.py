"""Promos in the admin."""

from promos.admin import attempts, campaigns, codes, player_timeline, referrals, searches

__all__ = ["attempts", "campaigns", "codes", "player_timeline", "referrals", "searches"]
