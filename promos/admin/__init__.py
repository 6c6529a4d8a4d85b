"""Promos in the admin."""

from promos.admin import (
    attempts,
    campaigns,
    codes,
    home_panels,
    player_questions,
    player_timeline,
    referrals,
    searches,
)

__all__ = [
    "attempts",
    "campaigns",
    "codes",
    "home_panels",
    "player_questions",
    "player_timeline",
    "referrals",
    "searches",
]

player_questions.declare()
