"""Payments in the admin: a module for each noun, which Django finds here."""

from payments.admin import (
    exports,
    offers,
    products,
    purchases,
    reconciliation,
    refunds,
    statements,
    subscriptions,
    support,
)

__all__ = [
    "exports",
    "offers",
    "products",
    "purchases",
    "reconciliation",
    "refunds",
    "statements",
    "subscriptions",
    "support",
]
