"""Who got a broadcast and who did not, as a list and as a file."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from bot.messages.models import Broadcast, BroadcastRecipient, Delivered
from quizarena.players.admin import matching_term
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, link, object_link

OUTCOME_COLOURS = {
    Delivered.PENDING: "default",
    Delivered.QUEUED: "info",
    Delivered.SENT: "success",
    Delivered.REFUSED: "danger",
    Delivered.BLOCKED: "warning",
    Delivered.GIVEN_UP: "danger",
    Delivered.MAYBE_SENT: "warning",
    Delivered.LEFT_OUT: "default",
}
CSV_HEADERS = ("telegram_id", "username", "outcome", f"finished_at ({dates.zone_name()})")
CSV_CHUNK = 2_000


class OutcomeFilter(admin.SimpleListFilter):
    """The outcomes within one broadcast; across all of them there is no filter."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the outcomes, once a broadcast is chosen."""
        return Delivered.choices if "broadcast__id__exact" in request.GET else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[BroadcastRecipient]
    ) -> QuerySet[BroadcastRecipient]:
        """Return those with the chosen outcome."""
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(BroadcastRecipient)
class BroadcastRecipientAdmin(ReadOnlyAdmin[BroadcastRecipient]):
    """Who gets a broadcast, and with which outcome."""

    list_display = ("who", "which", "shown_outcome", "finished", "shown_call")
    list_display_links = None
    list_filter = (OutcomeFilter,)
    list_select_related = ("player", "broadcast")
    linked_lookups = ("broadcast__id__exact",)
    search_fields = ("player__username",)
    search_help_text = "Telegram id, @ and beginning of a user name, or name"
    ordering = ("-broadcast", "-player")
    fieldsets = (
        (None, {"fields": (("who", "which"), ("shown_outcome", "finished"), "shown_call")}),
    )

    @display(description="Player")
    def who(self, recipient: BroadcastRecipient) -> SafeString:
        """Return a link to the player."""
        return object_link(recipient.player)

    @display(description="Broadcast")
    def which(self, recipient: BroadcastRecipient) -> SafeString:
        """Return a link to the broadcast."""
        return object_link(recipient.broadcast)

    @display(description="Outcome")
    def shown_outcome(self, recipient: BroadcastRecipient) -> SafeString:
        """Return the outcome in its colour."""
        outcome = Delivered(recipient.outcome)
        return badge(outcome.label, OUTCOME_COLOURS[outcome])

    @display(description="Finished")
    def finished(self, recipient: BroadcastRecipient) -> str:
        """Return when the outcome was known."""
        return age(recipient.finished_at)

    @display(description="Call")
    def shown_call(self, recipient: BroadcastRecipient) -> str | SafeString:
        """Return a link to the call, which the outbox keeps for a month."""
        number = recipient.call_id
        return link(number, "bot_outgoingcall_changelist", query=f"q={number}") if number else "–"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[BroadcastRecipient], search_term: str
    ) -> tuple[QuerySet[BroadcastRecipient], bool]:
        """Find the broadcasts to a player."""
        if search_term.strip():
            queryset = queryset.filter(player__in=matching_term(Player.objects.all(), search_term))
        return queryset, False


def csv_lines(broadcast: Broadcast) -> Iterator[str]:
    """Return the recipients as lines of CSV, with the mark by which Excel knows UTF-8."""
    yield "\ufeff" + _line(CSV_HEADERS)
    rows = broadcast.addressees.order_by("player").values_list(
        "player__telegram_id", "player__username", "outcome", "finished_at"
    )
    for telegram_id, username, outcome, finished_at in rows.iterator(chunk_size=CSV_CHUNK):
        moment = dates.for_csv(finished_at) if finished_at else ""
        yield _line((telegram_id, username, outcome, moment))


def _line(cells: Iterable[object]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
