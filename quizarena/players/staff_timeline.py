"""What staff did about a player, as kinds of the player's timeline."""

from django.db.models import QuerySet
from django.utils.html import format_html

from quizarena.players import timeline
from quizarena.players.models import NoteVersion, Player, StaffMessage
from quizarena.staff import audit, dates
from quizarena.staff.desk import link
from quizarena.staff.models import AuditEntry


def _notes(player: Player) -> QuerySet[NoteVersion]:
    return NoteVersion.objects.filter(note__player=player).select_related("author")


def _note_line(version: NoteVersion, player: Player) -> timeline.Line:
    verb = "noted" if version.number == 1 else f"edited note {version.note_id}"
    return timeline.Line(
        what=link(f"{version.author} {verb}", "players_player_note", player.pk, version.note_id),
        detail=format_html('<span class="desk-lines">{}</span>', version.text),
    )


def _message_line(message: StaffMessage, player: Player) -> timeline.Line:
    sent = f"sent {dates.moment(message.notified_at)}" if message.notified_at else "not sent yet"
    return timeline.Line(
        what=f"{message.author} wrote to the player ({sent}): {message.reason}",
        detail=format_html('<span class="desk-lines">{}</span>', message.text),
    )


def _action_line(entry: AuditEntry, player: Player) -> timeline.Line:
    return timeline.Line(what=entry.summary, detail=entry.by)


def declare() -> None:
    """Let timelines show notes, messages by staff, and actions."""
    timeline.declare(
        timeline.Kind(
            code="notes",
            label="Notes",
            permission="players.view_note",
            streams=(
                timeline.Stream(
                    name="note",
                    rows=_notes,
                    order=("id",),
                    at=lambda version: version.at,
                    line=_note_line,
                ),
            ),
        )
    )
    timeline.declare(
        timeline.Kind(
            code="staff",
            label="Staff actions",
            permission="players.view_player",
            streams=(
                timeline.Stream(
                    name="action",
                    rows=audit.of_object,
                    order=("id",),
                    at=lambda entry: entry.at,
                    line=_action_line,
                ),
                timeline.Stream(
                    name="message",
                    rows=lambda player: player.staff_messages.select_related("author"),
                    order=("at", "id"),
                    at=lambda message: message.at,
                    line=_message_line,
                ),
            ),
        )
    )
