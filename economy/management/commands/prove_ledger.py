"""The former name of verify_ledger, for one release."""

from economy.management.commands.verify_ledger import Command

__all__ = ["Command"]
