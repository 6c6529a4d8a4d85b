"""What came from Telegram and what goes there, row by row."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Right
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from bot.queue import inbox, outbox
from bot.queue.models import CallState, InboxState, InboxUpdate, OutgoingCall
from bot.queue.redaction import without_texts
from quizarena.players.admin import TimelineSection, timeline_source
from quizarena.players.models import Player
from quizarena.staff.dates import span
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    format_json,
    link,
    object_link,
    preformatted,
)

# So many rows of each kind stand in a player's timeline.
SECTION_LENGTH = 20
# The end of a traceback, where the error itself stands.
ERROR_TAIL = 400
INBOX_COLOURS = {"NEW": "info", "WORKING": "primary", "DONE": "success", "DEAD": "danger"}
CALL_COLOURS = {
    "PENDING": "info",
    "SENDING": "primary",
    "SENT": "success",
    "REFUSED": "danger",
    "GIVEN_UP": "danger",
    "MAYBE_SENT": "warning",
    "SUPERSEDED": "primary",
}


def _number(term: str) -> int | None:
    """Return what was typed into a search box as an id; groups' ids are negative."""
    term = term.strip()
    return int(term) if term.removeprefix("-").isdecimal() else None


def _last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = text.strip().splitlines()
    return lines[-1][-160:] if lines else ""


@admin.register(InboxUpdate)
class InboxUpdateAdmin(ReadOnlyAdmin[InboxUpdate]):
    """Updates: where each stands, why it failed, and another try for dead ones."""

    list_display = (
        "update_number",
        "kind",
        "player",
        "shown_state",
        "received",
        "took",
        "tries",
        "error",
    )
    list_filter = ("state",)
    search_fields = ("update_id", "player_key")
    search_help_text = "Update id, or Telegram id of a player"
    ordering = ("-update_id",)
    actions = ("try_again",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("update_number", "kind"),
                    ("player", "shown_state"),
                    ("received", "due"),
                    ("claimed", "done"),
                    "tries",
                )
            },
        ),
        ("Last error", {"fields": ("traceback",)}),
        ("Update from Telegram, without texts", {"fields": ("shown_payload",)}),
        ("Calls caused by the update", {"fields": ("caused",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxUpdate]:
        """Return updates; a list leaves the long columns in the database."""
        updates = super().get_queryset(request).annotate(error_end=Right("last_error", ERROR_TAIL))
        return updates.defer("payload", "last_error")

    @display(description="Update")
    def update_number(self, update: InboxUpdate) -> str:
        """Return Telegram's number as one copies it."""
        return str(update.update_id)

    @display(description="Player")
    def player(self, update: InboxUpdate) -> str | SafeString:
        """Return a link to the player behind the update."""
        return _player_link(update.player_key)

    @display(description="State")
    def shown_state(self, update: InboxUpdate) -> SafeString:
        """Return the state in its colour."""
        return badge(InboxState(update.state).label, INBOX_COLOURS[update.state])

    @display(description="Received")
    def received(self, update: InboxUpdate) -> str:
        """Return how old the update is."""
        return age(update.received_at)

    @display(description="Due")
    def due(self, update: InboxUpdate) -> str:
        """Return when it can be worked on (again)."""
        waiting = update.state in (InboxState.NEW, InboxState.WORKING)
        return age(update.due_at) if waiting else "–"

    @display(description="Claimed")
    def claimed(self, update: InboxUpdate) -> str:
        """Return when a worker last took it."""
        return age(update.claimed_at)

    @display(description="Done")
    def done(self, update: InboxUpdate) -> str:
        """Return when it was done."""
        return age(update.done_at)

    @display(description="Took")
    def took(self, update: InboxUpdate) -> str:
        """Return how long it was under way."""
        return span(update.done_at - update.received_at) if update.done_at else "–"

    @display(description="Tries")
    def tries(self, update: InboxUpdate) -> str:
        """Return how often a worker has taken it."""
        return str(update.attempts)

    @display(description="Error")
    def error(self, update: InboxUpdate) -> str:
        """Return the last line of the traceback."""
        return _last_line(getattr(update, "error_end", ""))

    @display(description="Traceback")
    def traceback(self, update: InboxUpdate) -> str | SafeString:
        """Return the whole traceback."""
        return preformatted(update.last_error) if update.last_error else "–"

    @display(description="Update as JSON")
    def shown_payload(self, update: InboxUpdate) -> SafeString:
        """Return the update as Telegram sent it, without texts: a code in one works for anybody."""
        return format_json(without_texts(update.payload))

    @display(description="Calls")
    def caused(self, update: InboxUpdate) -> str | SafeString:
        """Return links to the outgoing calls of this update."""
        calls = update.calls.order_by("pk")[:SECTION_LENGTH]
        return format_html_join(", ", "{}", ((object_link(call),) for call in calls)) or "–"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InboxUpdate], search_term: str
    ) -> tuple[QuerySet[InboxUpdate], bool]:
        """Find an update by its id, and all of a player (both indexed)."""
        if search_term:
            number = _number(search_term)
            queryset = queryset.filter(Q(update_id=number) | Q(player_key=number))
        return queryset, False

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may queue dead updates again."""
        return request.user.has_perm("bot.try_again_inboxupdate")

    def is_action_due(self, action: str, obj: InboxUpdate) -> bool:
        """Offer another try to the dead."""
        return obj.state == InboxState.DEAD

    @admin.action(description="Try again", permissions=["try_again"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[InboxUpdate]) -> None:
        """Queue dead updates again, with all their tries."""
        self.act(
            request,
            queryset,
            verb="queued again",
            service=lambda update: inbox.try_again(update_id=update.pk),
            refusal="only a dead update can be tried again",
        )


@admin.register(OutgoingCall)
class OutgoingCallAdmin(ReadOnlyAdmin[OutgoingCall]):
    """Outgoing calls: where each stands, what Telegram said, and another try for the failed."""

    list_display = (
        "number",
        "method",
        "player",
        "shown_state",
        "created",
        "took",
        "tries",
        "problem",
    )
    list_filter = ("state",)
    search_fields = ("id", "chat_key")
    search_help_text = "Call id, or Telegram id of a chat"
    ordering = ("-id",)
    actions = ("send_again",)
    list_select_related = ()
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "method"),
                    ("player", "shown_state"),
                    ("created", "due"),
                    ("claimed", "finished"),
                    ("tries", "delivery_uncertain"),
                    ("lane", "paced"),
                    ("cause", "message"),
                )
            },
        ),
        ("Answer of Telegram", {"fields": ("shown_error",)}),
        ("Parameters", {"fields": ("shown_parameters", "shown_files")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutgoingCall]:
        """Return calls; a list leaves the long columns in the database."""
        calls = super().get_queryset(request).annotate(error_end=Right("error", ERROR_TAIL))
        return calls.defer("parameters", "files", "error")

    @display(description="Call")
    def number(self, call: OutgoingCall) -> str:
        """Return the id as one copies it."""
        return str(call.pk)

    @display(description="Player")
    def player(self, call: OutgoingCall) -> str | SafeString:
        """Return a link to the player whose chat it is."""
        return _player_link(call.chat_key)

    @display(description="State")
    def shown_state(self, call: OutgoingCall) -> SafeString:
        """Return the state in its colour."""
        return badge(CallState(call.state).label, CALL_COLOURS[call.state])

    @display(description="Created")
    def created(self, call: OutgoingCall) -> str:
        """Return how old the call is."""
        return age(call.created_at)

    @display(description="Due")
    def due(self, call: OutgoingCall) -> str:
        """Return when it may leave."""
        return age(call.due_at) if call.finished_at is None else "–"

    @display(description="Claimed")
    def claimed(self, call: OutgoingCall) -> str:
        """Return when a sender last took it."""
        return age(call.claimed_at)

    @display(description="Finished")
    def finished(self, call: OutgoingCall) -> str:
        """Return when it ended."""
        return age(call.finished_at)

    @display(description="Took")
    def took(self, call: OutgoingCall) -> str:
        """Return how long it was under way."""
        return span(call.finished_at - call.created_at) if call.finished_at else "–"

    @display(description="Tries")
    def tries(self, call: OutgoingCall) -> str:
        """Return how often a sender has tried."""
        return str(call.attempts)

    @display(description="Error")
    def problem(self, call: OutgoingCall) -> str:
        """Return the last line of what Telegram said."""
        return _last_line(getattr(call, "error_end", ""))

    @display(description="Caused by")
    def cause(self, call: OutgoingCall) -> str | SafeString:
        """Return a link to the update that caused the call."""
        number = call.caused_by_id
        return link(number, "bot_inboxupdate_change", number) if number is not None else "–"

    @display(description="Message")
    def message(self, call: OutgoingCall) -> str:
        """Return the id of the message that came of it."""
        return str(call.message_id) if call.message_id is not None else "–"

    @display(description="Error")
    def shown_error(self, call: OutgoingCall) -> str | SafeString:
        """Return everything Telegram said."""
        return preformatted(call.error) if call.error else "–"

    @display(description="Parameters as JSON")
    def shown_parameters(self, call: OutgoingCall) -> SafeString:
        """Return what is sent."""
        return format_json(call.parameters)

    @display(description="Files")
    def shown_files(self, call: OutgoingCall) -> str:
        """Return names and sizes of what is uploaded with the call."""
        files = call.files or {}
        return (
            ", ".join(
                f"{name} ({mime}, {len(content) * 3 // 4:,} bytes)"
                for name, mime, content in files.values()
            )
            or "–"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutgoingCall], search_term: str
    ) -> tuple[QuerySet[OutgoingCall], bool]:
        """Find a call by its id, and all of a chat (both indexed)."""
        if search_term:
            number = _number(search_term)
            queryset = queryset.filter(Q(pk=number) | Q(chat_key=number))
        return queryset, False

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may have failed calls made again."""
        return request.user.has_perm("bot.send_again_outgoingcall")

    def is_action_due(self, action: str, obj: OutgoingCall) -> bool:
        """Offer another try to what was refused, given up or maybe sent."""
        return obj.state in (CallState.REFUSED, CallState.GIVEN_UP, CallState.MAYBE_SENT)

    @admin.action(description="Send again", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingCall]) -> None:
        """Let failed calls be made again."""
        self.act(
            request,
            queryset,
            verb="queued again",
            service=lambda call: outbox.send_again(call_id=call.pk),
            refusal="only a call that was refused, given up or maybe sent can be sent again",
        )


def _player_link(key: int | None) -> str | SafeString:
    """Return a link that finds the player with this Telegram id."""
    return link(key, "players_player_changelist", query=f"q={key}") if key is not None else "–"


@timeline_source
def updates_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """List the updates of the player, for who may read the inbox."""
    if not request.user.has_perm("bot.view_inboxupdate"):
        return None
    desk = _desk(InboxUpdate)
    updates = desk.get_queryset(request).filter(player_key=player.telegram_id)
    return TimelineSection(
        title="Latest updates",
        headers=["Update", "Kind", "State", "Received", "Took", "Error"],
        rows=[
            [
                object_link(update, update.pk),
                update.kind,
                desk.shown_state(update),
                desk.received(update),
                desk.took(update),
                desk.error(update),
            ]
            for update in updates.order_by("-update_id")[:SECTION_LENGTH]
        ],
        is_technical=True,
        more=link("All updates", "bot_inboxupdate_changelist", query=f"q={player.telegram_id}"),
    )


@timeline_source
def calls_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """List the calls to the player's chat, for who may read the outbox."""
    if not request.user.has_perm("bot.view_outgoingcall"):
        return None
    desk = _desk(OutgoingCall)
    calls = desk.get_queryset(request).filter(chat_key=player.telegram_id)
    return TimelineSection(
        title="Latest outgoing calls",
        headers=["Call", "Method", "State", "Created", "Took", "Error"],
        rows=[
            [
                object_link(call, call.pk),
                call.method,
                desk.shown_state(call),
                desk.created(call),
                desk.took(call),
                desk.problem(call),
            ]
            for call in calls.order_by("-id")[:SECTION_LENGTH]
        ],
        is_technical=True,
        more=link("All calls", "bot_outgoingcall_changelist", query=f"q={player.telegram_id}"),
    )


def _desk(model: Any) -> Any:
    """Return the admin of a model of this module."""
    return admin.site.get_model_admin(model)
