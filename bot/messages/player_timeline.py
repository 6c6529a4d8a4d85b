"""The messages that a player got, or did not, as kinds of the player's timeline."""

from html import unescape

from django.db.models import QuerySet
from django.utils.html import format_html, strip_tags
from telegram.constants import ParseMode

from bot.messages.models import BroadcastRecipient, Delivered, Reminder
from bot.messages.recipient_admin import OUTCOME_COLOURS
from bot.queue.models import FAILED_STATES, CallState, OutgoingCall
from quizarena.players import timeline
from quizarena.players.models import Player
from quizarena.staff.desk import badge, object_link

# So much of a message's text is shown.
TEXT_LENGTH = 200


def _broadcasts(player: Player) -> QuerySet[BroadcastRecipient]:
    return player.broadcasts.select_related("broadcast")


def _broadcast_line(row: BroadcastRecipient, player: Player) -> timeline.Line:
    outcome = Delivered(row.outcome)
    return timeline.Line(
        what=format_html(
            "{} {}", object_link(row.broadcast), badge(outcome.label, OUTCOME_COLOURS[outcome])
        )
    )


def _reminder_line(reminder: Reminder, player: Player) -> timeline.Line:
    skipped = "" if reminder.ordinal else "skipped: two were sent that day"
    return timeline.Line(what=f"Reminder: {reminder.get_kind_display()}", detail=skipped)


def _sends(player: Player) -> QuerySet[OutgoingCall]:
    return OutgoingCall.objects.filter(chat_key=player.telegram_id, method__startswith="send")


def text_of(call: OutgoingCall, *, at_most: int = TEXT_LENGTH) -> str:
    """Return how the message begins, or by which method it is sent if it has no text."""
    text = str(call.parameters.get("text") or call.parameters.get("caption") or call.method)
    if call.parameters.get("parse_mode") == ParseMode.HTML:
        text = unescape(strip_tags(text))
    return text if len(text) <= at_most else f"{text[:at_most]} …"


def _call_line(call: OutgoingCall, player: Player) -> timeline.Line:
    state = CallState(call.state)
    colour = "danger" if state in FAILED_STATES else "info"
    return timeline.Line(
        what=format_html("{} {}", object_link(call, text_of(call)), badge(state.label, colour)),
        detail=call.error,
    )


_KINDS = (
    timeline.Kind(
        code="broadcasts",
        label="Broadcasts",
        permission="bot.view_broadcastrecipient",
        streams=(
            timeline.Stream(
                name="broadcast",
                rows=_broadcasts,
                order=("id",),
                at=lambda row: (
                    row.finished_at or row.broadcast.started_at or row.broadcast.created_at
                ),
                line=_broadcast_line,
            ),
        ),
    ),
    timeline.Kind(
        code="reminders",
        label="Reminders",
        permission="bot.view_outgoingcall",
        streams=(
            timeline.Stream(
                name="reminder",
                rows=lambda player: player.reminders.all(),
                order=("day", "id"),
                at=lambda reminder: reminder.created_at,
                line=_reminder_line,
            ),
        ),
    ),
    # The bot answers everything that a player does.
    timeline.Kind(
        code="messages",
        label="All messages",
        permission="bot.view_outgoingcall",
        is_frequent=True,
        streams=(
            timeline.Stream(
                name="call",
                rows=_sends,
                order=("id",),
                at=lambda call: call.created_at,
                line=_call_line,
            ),
        ),
    ),
    # Of a month: older calls are deleted.
    timeline.Kind(
        code="failed",
        label="Failed messages",
        permission="bot.view_outgoingcall",
        streams=(
            timeline.Stream(
                name="failed",
                rows=lambda player: _sends(player).filter(state__in=FAILED_STATES),
                order=("id",),
                at=lambda call: call.created_at,
                line=_call_line,
            ),
        ),
    ),
)
for _kind in _KINDS:
    timeline.declare(_kind)
