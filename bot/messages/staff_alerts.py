"""Alerts for the chats of those staff whom ALERT_TELEGRAM_STAFF names."""

from django.conf import settings

from bot.chat.models import StaffPlayer
from bot.queue import client, outbox
from quizarena.staff import alert_messages
from quizarena.staff.alert_delivery import NoChatError
from quizarena.staff.alert_messages import Message


def send(message: Message) -> None:
    """Write the message into the outbox, for each of the chats. Raises NoChatError."""
    # Who has blocked the bot gets nothing. Whose account is deleted counts as such, too.
    linked = StaffPlayer.objects.select_related("player").filter(
        user__username__in=settings.ALERT_TELEGRAM_STAFF,
        user__is_active=True,
        player__bot_blocked_at=None,
    )
    players = {one.player_id: one.player for one in linked.order_by("user")}
    if not players:
        raise NoChatError(
            "No chat that has the bot is linked to an account that ALERT_TELEGRAM_STAFF names."
        )
    text = alert_messages.plain(message)
    with outbox.collecting():
        for player in players.values():
            client.run(client.bot().send_message(player.telegram_id, text))
