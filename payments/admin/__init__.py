"""Payments in the admin: a module for each noun, which Django finds here."""

from payments.admin import (
    offers,
    products,
    purchases,
    reconciliation,
    refunds,
    subscriptions,
    support,
)

__all__ = [
    "offers",
    "products",
    "purchases",
    "reconciliation",
    "refunds",
    "subscriptions",
    "support",
]
