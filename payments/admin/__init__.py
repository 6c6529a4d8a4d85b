"""Payments in the admin: a module for each noun, which Django finds here."""

from payments.admin import (
    offers,
    player_timeline,
    products,
    purchases,
    reconciliation,
    refunds,
    subscriptions,
    support,
)

__all__ = [
    "offers",
    "player_timeline",
    "products",
    "purchases",
    "reconciliation",
    "refunds",
    "subscriptions",
    "support",
]
