"""Promos in the admin."""

from promos.admin import attempts, campaigns, codes, referrals

__all__ = ["attempts", "campaigns", "codes", "referrals"]
