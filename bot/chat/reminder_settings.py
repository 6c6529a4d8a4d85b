"""Which messages a player wants without asking."""

from datetime import datetime

from django.db import connection

from bot.chat.models import ReminderSettings
from quizarena.players.models import Player


def settings_of(player: Player) -> ReminderSettings:
    """Return what the player wants, as stored or by default."""
    stored = ReminderSettings.objects.filter(player=player).first()
    return stored or ReminderSettings(player=player)


def change(*, player: Player, **wanted: bool | int | str) -> ReminderSettings:
    """Store settings of the player by the names of their fields, and return all of them."""
    settings, _ = ReminderSettings.objects.update_or_create(player=player, defaults=wanted)
    return settings


def ask_once(*, player: Player, now: datetime) -> bool:
    """Return True once in a player's life: now is the moment to ask whether the bot may remind.

    One statement, since it comes with the last answer of every round.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bot_remindersettings (player_id, asked_at) VALUES (%s, %s)
            ON CONFLICT (player_id) DO UPDATE SET asked_at = excluded.asked_at
            WHERE bot_remindersettings.asked_at IS NULL AND NOT bot_remindersettings.streak_risk
            """,
            [player.pk, now],
        )
        is_first: bool = cursor.rowcount == 1
    return is_first
