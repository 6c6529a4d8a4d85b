"""Payments in the admin: a module for each noun, which Django finds here."""

from payments.admin import (
    exports,
    home_panels,
    offers,
    player_questions,
    player_timeline,
    products,
    purchases,
    reconciliation,
    refunds,
    statements,
    subscriptions,
    support,
    support_templates,
)

__all__ = [
    "exports",
    "home_panels",
    "offers",
    "player_questions",
    "player_timeline",
    "products",
    "purchases",
    "reconciliation",
    "refunds",
    "statements",
    "subscriptions",
    "support",
    "support_templates",
]

player_questions.declare()
