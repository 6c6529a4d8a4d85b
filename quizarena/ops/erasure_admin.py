"""Which accounts are deleted, and what the purges have deleted. Product rules, section 16."""

from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import OfPlayer
from quizarena.ops import erasure
from quizarena.players.models import DeletionRequest, DeletionState, PurgeRun
from quizarena.staff.dates import span
from quizarena.staff.desk import ReadOnlyAdmin, badge, exactly, object_link, with_code

STATE_COLOURS = {
    DeletionState.ASKED: "info",
    DeletionState.CANCELLED: "success",
    DeletionState.ERASING: "warning",
    DeletionState.DONE: "success",
}
# What a purge deletes, where its table does not say it plainly.
TABLE_LABELS = {
    "bot_inboxupdate": "Updates",
    "bot_outgoingcall": "Calls",
    "bot_reminder": "Reminders",
    "game_roundquestion": "Questions of rounds",
    "payments_impression": "Offer views",
    "promos_attempt": "Promo attempts",
    "promos_participant": "Who was compared for a campaign",
}


class DeletionRequestAdmin(OfPlayer[DeletionRequest]):
    """Who has asked to be deleted, how far that is, and what it waits for.

    The name that is still being erased elsewhere is not shown.
    """

    list_display = ("whose", "asked", "state_now", "due", "ended")
    list_display_links = ("asked",)
    list_filter = ("state",)
    list_select_related = ("player",)
    ordering = ("-id",)
    fields = (("whose", "state_now"), ("asked", "due"), ("begun", "ended"), "waits_for")

    @display(description="Player")
    def whose(self, request: DeletionRequest) -> SafeString:
        return object_link(request.player)

    @display(description="State")
    def state_now(self, request: DeletionRequest) -> SafeString:
        """Return how far it is; one that is overdue waits for something."""
        if request.state == DeletionState.ASKED and request.due_at <= timezone.now():
            return badge("waiting", "warning")
        return badge(request.get_state_display(), STATE_COLOURS[DeletionState(request.state)])

    @display(description="Asked")
    def asked(self, request: DeletionRequest) -> SafeString:
        return exactly(request.asked_at)

    @display(description="Due")
    def due(self, request: DeletionRequest) -> SafeString:
        return exactly(request.due_at)

    @display(description="Pseudonym since")
    def begun(self, request: DeletionRequest) -> str | SafeString:
        return exactly(request.begun_at) if request.begun_at else "–"

    @display(description="Ended")
    def ended(self, request: DeletionRequest) -> str | SafeString:
        """Return when it was done, or cancelled by the player."""
        return exactly(request.ended_at) if request.ended_at else "–"

    @display(description="Waits for")
    def waits_for(self, request: DeletionRequest) -> str:
        """Return what has to end before it can begin."""
        if request.state == DeletionState.ERASING:
            return "what is on its way to the player or from there"
        if request.state != DeletionState.ASKED:
            return "nothing"
        reasons = erasure.obstacles(player=request.player, now=timezone.now())
        if request.due_at > timezone.now():
            return "; ".join(["its seven days", *reasons])
        return "; ".join(reasons) or "the next run, every ten minutes"


class PurgeRunAdmin(ReadOnlyAdmin[PurgeRun]):
    """What the purges have deleted of each table."""

    list_display = ("what", "began", "lasted", "number", "state")
    list_display_links = None
    ordering = ("-started_at", "-id")

    @display(description="What")
    def what(self, run: PurgeRun) -> str:
        return with_code(TABLE_LABELS.get(run.table, run.table), run.table)

    @display(description="Began")
    def began(self, run: PurgeRun) -> SafeString:
        return exactly(run.started_at)

    @display(description="Lasted")
    def lasted(self, run: PurgeRun) -> str:
        return span(run.finished_at - run.started_at)

    @display(description="Rows deleted")
    def number(self, run: PurgeRun) -> str:
        return f"{run.deleted:,}"

    @display(description="State")
    def state(self, run: PurgeRun) -> SafeString:
        """Return whether there is more than its time was enough for."""
        return badge("more left", "warning") if run.has_more else badge("complete", "success")
