"""Fair play at the desk: what was found, the rows behind it, and what staff think of it."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import players_found
from quizarena.game import fair_play, fair_play_evidence
from quizarena.game.errors import FindingDecidedError, GameError
from quizarena.game.fair_play_rules import FindingKind, FindingState
from quizarena.game.models import FairPlayFinding
from quizarena.players.admin import TimelineSection, timeline_source
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, button, object_link, own_user
from quizarena.staff.errors import StaffError

MAY_DECIDE = "game.decide_fairplayfinding"
STATE_COLOURS = {
    FindingState.OPEN: "warning",
    FindingState.DISMISSED: "primary",
    FindingState.CONFIRMED: "danger",
}
VERDICTS = {"dismiss": FindingState.DISMISSED, "confirm": FindingState.CONFIRMED}
# A player's page shows so many of the latest; the list has all.
SECTION_LENGTH = 10


@admin.register(FairPlayFinding)
class FairPlayFindingAdmin(ReadOnlyAdmin[FairPlayFinding]):
    """What was found, the latest first. A verdict changes nothing but the finding."""

    list_display = ("found", "who", "of", "figures_in_words", "state_badge", "since")
    list_select_related = ("player", "other")
    list_filter = ("state", "kind")
    ordering = ("-pk",)
    search_fields = ("player__username",)
    search_help_text = "Telegram id, @ and beginning of a user name, or name"
    change_form_outer_after_template = "game/fair_play_finding.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("found", "of"),
                    ("account", "other_account"),
                    ("figures_in_words", "state_badge"),
                    ("since", "decided"),
                    "reason",
                )
            },
        ),
    )

    # --- The list -----------------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[FairPlayFinding], search_term: str
    ) -> tuple[QuerySet[FairPlayFinding], bool]:
        """Find the findings about the players whom the term names."""
        if term := search_term.strip():
            accounts = players_found(term)
            queryset = queryset.filter(Q(player__in=accounts) | Q(other__in=accounts))
        return queryset, False

    @display(description="What")
    def found(self, finding: FairPlayFinding) -> str:
        name: str = finding.get_kind_display()
        return name.capitalize()

    @display(description="Players")
    def who(self, finding: FairPlayFinding) -> str:
        """Return whom it is about."""
        if finding.other is None:
            return str(finding.player)
        return f"{finding.player} – {finding.other}"

    @display(description="Player")
    def account(self, finding: FairPlayFinding) -> SafeString:
        return _account(finding.player)

    @display(description="Other player")
    def other_account(self, finding: FairPlayFinding) -> SafeString | str:
        return "–" if finding.other is None else _account(finding.other)

    @display(description="Of")
    def of(self, finding: FairPlayFinding) -> str:
        """Return the day or the week."""
        return _window(finding)

    @display(description="Figures")
    def figures_in_words(self, finding: FairPlayFinding) -> str:
        return _figures(finding)

    @display(description="State")
    def state_badge(self, finding: FairPlayFinding) -> SafeString:
        return _state(finding)

    @display(description="Found")
    def since(self, finding: FairPlayFinding) -> str:
        return age(finding.found_at)

    @display(description="Decided")
    def decided(self, finding: FairPlayFinding) -> SafeString | str:
        if finding.decided_at is None:
            return "–"
        return format_html("{} by {}", age(finding.decided_at), finding.decided_by)

    @display(description="Note")
    def reason(self, finding: FairPlayFinding) -> str:
        return finding.note or "–"

    # --- The page -----------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, obj: FairPlayFinding) -> dict[str, Any]:
        """Return the rows behind the finding."""
        return {"evidence": fair_play_evidence.of(obj)}

    def buttons(self, request: HttpRequest, obj: FairPlayFinding) -> list[SafeString]:
        """Offer both verdicts while there is none, to who may decide."""
        if obj.state != FindingState.OPEN or not request.user.has_perm(MAY_DECIDE):
            return []
        return [
            button(name.capitalize(), "game_fairplayfinding_decide", obj.pk, name)
            for name in VERDICTS
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which a finding is dismissed or confirmed."""
        view = self.admin_site.admin_view(self.decide_view)
        name = "game_fairplayfinding_decide"
        return [path("<int:pk>/<str:verdict>/decide/", view, name=name), *super().get_urls()]

    def decide_view(self, request: HttpRequest, pk: int, verdict: str) -> HttpResponse:
        """Ask for the note, show what changes, and decide."""
        if not request.user.has_perm(MAY_DECIDE):
            raise PermissionDenied
        if verdict not in VERDICTS:
            raise Http404
        finding = get_object_or_404(
            FairPlayFinding.objects.select_related("player", "other"), pk=pk
        )
        state = VERDICTS[verdict]

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, str, str]]:
            if finding.state != FindingState.OPEN:
                raise FindingDecidedError(finding)
            return [("State", finding.state.lower(), state.lower())]

        def execute(cleaned: dict[str, Any]) -> str:
            fair_play.decide(
                state,
                finding_id=pk,
                note=cleaned["reason"],
                staff=own_user(request),
                now=timezone.now(),
            )
            return f"The finding is {state.lower()}."

        decision = Decision(
            title=f"{verdict.capitalize()}: {self.found(finding)}, {self.who(finding)}",
            form=ReasonForm,
            preview=preview,
            execute=execute,
            refusals=(GameError, StaffError),
            back=reverse("admin:game_fairplayfinding_change", args=[pk]),
            note="This cannot be changed later. It takes nothing from anybody: suspend a player, "
            "reset a name or adjust a wallet on the player’s own page.",
            confirm=verdict.capitalize(),
        )
        return decide(request, decision, model_admin=self)


def _account(player: Player) -> SafeString:
    """Return a link to an account, and whether it is suspended."""
    suspended = badge("suspended", "danger") if player.suspended_at is not None else ""
    return format_html("{} {}", object_link(player), suspended)


def _window(finding: FairPlayFinding) -> str:
    if finding.first_day == finding.last_day:
        return dates.day(finding.first_day)
    return f"week of {dates.day(finding.first_day)}"


def _figures(finding: FairPlayFinding) -> str:
    """Return what was counted, as a sentence."""
    figures = finding.figures
    match FindingKind(finding.kind):
        case FindingKind.FAST_ANSWERS:
            return f"{figures['fast']:,} of {figures['answers']:,} answers under 0.7 s"
        case FindingKind.SAME_ANSWERS:
            return f"{figures['questions']:,} questions, all alike, {figures['wrong']:,} wrong"
        case FindingKind.ONLY_LOSES_TO:
            return f"{figures['lost']:,} duels lost, none won"


def _state(finding: FairPlayFinding) -> SafeString:
    return badge(finding.get_state_display(), STATE_COLOURS[FindingState(finding.state)])


@timeline_source
def findings_about_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show what was found about the player, for who may see that."""
    if not request.user.has_perm("game.view_fairplayfinding"):
        return None
    latest: Iterable[FairPlayFinding] = (
        FairPlayFinding.objects.filter(Q(player=player) | Q(other=player))
        .select_related("player", "other")
        .order_by("-pk")[:SECTION_LENGTH]
    )
    return TimelineSection(
        title="Fair play",
        headers=["What", "Of", "Figures", "Other player", "State"],
        rows=[
            [
                object_link(one, one.get_kind_display()),
                _window(one),
                _figures(one),
                str((one.other if one.player_id == player.pk else one.player) or "–"),
                _state(one),
            ]
            for one in latest
        ],
    )
