"""What the bot brings along."""

from django.apps import AppConfig


class BotConfig(AppConfig):
    """Telegram in and out."""

    name = "bot"

    def ready(self) -> None:
        """Let operators read what players will read of a campaign."""
        from bot import promo_texts
        from promos import previews

        previews.tell_with(promo_texts.preview)
