"""A player's timeline: the broadcasts and reminders that the player got."""

from django.http import HttpRequest

from bot.messages.models import Delivered
from quizarena.players.admin import TimelineSection, timeline_source
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import age, object_link

SECTION_LENGTH = 20


@timeline_source
def broadcasts_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """List the broadcasts to the player, for who may read them."""
    if not request.user.has_perm("bot.view_broadcastrecipient"):
        return None
    rows = player.broadcasts.select_related("broadcast").order_by("-broadcast")[:SECTION_LENGTH]
    return TimelineSection(
        title="Broadcasts",
        headers=["Broadcast", "Outcome", "Done"],
        rows=[
            [object_link(row.broadcast), Delivered(row.outcome).label, age(row.finished_at)]
            for row in rows
        ],
    )


@timeline_source
def reminders_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """List the reminders to the player, and those for which no slot was free."""
    if not request.user.has_perm("bot.view_outgoingcall"):
        return None
    rows = player.reminders.order_by("-day", "-ordinal")[:SECTION_LENGTH]
    return TimelineSection(
        title="Reminders",
        headers=["Day", "Kind", "Slot", "When"],
        rows=[
            [
                dates.day(row.day),
                row.get_kind_display(),
                row.ordinal or "skipped: two were sent that day",
                age(row.created_at),
            ]
            for row in rows
        ],
    )
