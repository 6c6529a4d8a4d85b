"""Configuration of the app."""

from django.apps import AppConfig


class EconomyConfig(AppConfig):
    """Wallets, their ledger, and what players own."""

    name = "economy"

    def ready(self) -> None:
        """Declare how much staff may adjust and grant on a day."""
        from economy import adjustments
        from quizarena.staff import limits

        limits.declare(adjustments.UNITS)
        limits.declare(adjustments.PREMIUM_DAYS)
