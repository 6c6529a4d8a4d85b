"""What the bot brings along."""

from django.apps import AppConfig


class BotConfig(AppConfig):
    """Telegram in and out."""

    name = "bot"

    def ready(self) -> None:
        """Say what staff approve, what players will read of a campaign, and what is urgent.

        With the last of INSTALLED_APPS all is imported that every process has.
        """
        from bot import payment_updates
        from bot.messages import broadcast_templates, broadcasts, staff_alerts
        from bot.queue import inbox_sources, intake
        from bot.screens.promo import texts as promo_texts
        from promos import previews
        from quizarena import garbage
        from quizarena.staff import alert_delivery

        previews.render_with(promo_texts.preview)
        broadcasts.register()
        broadcast_templates.register()
        inbox_sources.declare()
        alert_delivery.send_to_staff_chats_with(staff_alerts.send)
        intake.handle_at_once(payment_updates.handle_payment_update, words=payment_updates.WORDS)
        garbage.begin()
