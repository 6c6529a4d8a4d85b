"""The economy in the admin: a module for each noun, which Django finds here."""

from economy.admin import (
    controls,
    ledger,
    outages,
    player_questions,
    player_timeline,
    players,
    wallets,
)

__all__ = [
    "controls",
    "ledger",
    "outages",
    "player_questions",
    "player_timeline",
    "players",
    "wallets",
]

player_questions.declare()
