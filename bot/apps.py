"""What the bot brings along."""

from django.apps import AppConfig


class BotConfig(AppConfig):
    """Telegram in and out."""

    name = "bot"

    def ready(self) -> None:
        """Say what staff have to look at and approve, and what players will read of a campaign."""
        from bot import broadcasts, promo_texts
        from promos import previews

        previews.tell_with(promo_texts.preview)
        broadcasts.register()
