"""Cups and private tournaments at the desk: standings, pairings, prizes, and calling one off."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.goods import Goods
from quizarena.game import tournament_standings, tournaments
from quizarena.game.errors import GameError, TournamentOverError
from quizarena.game.models import CupPrize, Pairing, Tournament, TournamentPlayer
from quizarena.game.tournament_rules import LIVE, TournamentState
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    StaffAdmin,
    age,
    badge,
    button,
    exactly,
    object_link,
    own_user,
)
from quizarena.staff.errors import BadReasonError
from quizarena.staff.fresh_factor import FreshFactorToSave

STATE_COLOURS = {
    TournamentState.OPEN: "info",
    TournamentState.RUNNING: "warning",
    TournamentState.FINISHED: "success",
    TournamentState.CALLED_OFF: "primary",
}


@admin.register(Tournament)
class TournamentAdmin(ReadOnlyAdmin[Tournament]):
    """All cups and private tournaments, the latest first. The token of a link is not shown."""

    list_display = ("name", "where", "players_in", "created", "started", "ended")
    list_filter = ("kind", "state")
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "where", "why"),
                    ("made_by", "cost", "questions"),
                    ("opens", "closes", "rounds_played"),
                    ("created", "started", "ended"),
                )
            },
        ),
    )
    change_form_outer_after_template = "game/tournament.html"

    @display(description="Tournament")
    def name(self, tournament: Tournament) -> str:
        """Return the day of a cup, or the number of a private tournament."""
        if tournament.day is not None:
            return f"Cup of {dates.day(tournament.day)}"
        return f"Private tournament {tournament.pk}"

    @display(description="State")
    def where(self, tournament: Tournament) -> SafeString:
        return badge(
            tournament.get_state_display(), STATE_COLOURS[TournamentState(tournament.state)]
        )

    @display(description="Called off because")
    def why(self, tournament: Tournament) -> str:
        """Return why it was called off, and by whom."""
        if not tournament.call_off:
            return "–"
        if tournament.called_off_by is None:
            return str(tournament.get_call_off_display())
        return f"{tournament.reason} ({tournament.called_off_by})"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tournament]:
        """Return the tournaments with how many players each has."""
        rows = TournamentPlayer.objects.filter(tournament=OuterRef("pk")).order_by()
        counted = rows.values("tournament").values_list(Count("pk"))
        number = Coalesce(Subquery(counted, output_field=IntegerField()), 0)
        return super().get_queryset(request).annotate(player_count=number)

    @display(description="Players")
    def players_in(self, tournament: Any) -> str:
        """Return how many players have registered."""
        return str(tournament.player_count)

    @display(description="Made by")
    def made_by(self, tournament: Tournament) -> str | SafeString:
        """Return a link to the creator of a private tournament."""
        return "–" if tournament.creator is None else object_link(tournament.creator)

    @display(description="Price")
    def cost(self, tournament: Tournament) -> str:
        return str(tournament.get_price_display()) or "–"

    @display(description="Questions of a round")
    def questions(self, tournament: Tournament) -> str:
        return str(tournament.length)

    @display(description="Rounds")
    def rounds_played(self, tournament: Tournament) -> str:
        return str(tournament.rounds or "–")

    @display(description="Registration from")
    def opens(self, tournament: Tournament) -> SafeString:
        return exactly(tournament.opens_at)

    @display(description="Registration until")
    def closes(self, tournament: Tournament) -> SafeString:
        return exactly(tournament.closes_at)

    @display(description="Created")
    def created(self, tournament: Tournament) -> str:
        return age(tournament.created_at)

    @display(description="Started")
    def started(self, tournament: Tournament) -> str:
        return age(tournament.started_at)

    @display(description="Ended")
    def ended(self, tournament: Tournament) -> str:
        return age(tournament.ended_at)

    def has_call_off_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may call tournaments off."""
        return request.user.has_perm("game.call_off_tournament")

    def buttons(self, request: HttpRequest, obj: Tournament) -> list[SafeString]:
        """Offer to call off one that has not ended."""
        if obj.state not in LIVE or not self.has_call_off_permission(request):
            return []
        return [button("Call off", "game_tournament_call_off", obj.pk)]

    def page_context(self, request: HttpRequest, obj: Tournament) -> dict[str, Any]:
        """Return standings and pairings for their template."""
        rows = obj.players.select_related("player", "prize_entry")
        by_player = {row.player_id: row for row in rows}
        pairings = obj.pairings.select_related("player", "opponent", "round")
        return {
            "standings": {
                "headers": ["Place", "Player", "Points", "Buchholz", "Right", "Time", "Prize"],
                "rows": [
                    [
                        str(one.place),
                        object_link(by_player[one.score.player_id].player),
                        _points(obj, one.score.points),
                        _points(obj, one.buchholz),
                        str(one.score.right),
                        f"{one.score.time.total_seconds():,.0f} s",
                        _prize(by_player[one.score.player_id]),
                    ]
                    for one in tournament_standings.standings_of(obj)
                ],
            },
            "pairings": {
                "headers": ["Round", "Player", "Against", "Answered", "Right", "Outcome"],
                "rows": [_pairing(one, obj) for one in pairings.order_by("round__number", "pk")],
            },
        }

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which a tournament is called off."""
        return [
            path(
                "<int:pk>/call-off/",
                self.admin_site.admin_view(self.call_off_view),
                name="game_tournament_call_off",
            ),
            *super().get_urls(),
        ]

    def call_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for the reason, and call the tournament off."""
        if not self.has_call_off_permission(request):
            raise PermissionDenied
        tournament = get_object_or_404(Tournament, pk=pk)

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, object, object]]:
            if tournament.state not in LIVE:
                raise TournamentOverError(tournament)
            return [
                ("State", tournament.get_state_display(), "called off"),
                ("Players who are notified", "–", tournament.players.count()),
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            called_off = tournaments.call_off(
                tournament_id=pk,
                staff=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"The {called_off} is called off."

        decision = Decision(
            title=f"Call off: {self.name(tournament)}",
            form=ReasonForm,
            preview=preview,
            execute=execute,
            refusals=(GameError, BadReasonError),
            back=reverse("admin:game_tournament_change", args=[pk]),
            note="What has been played does not count, and cannot be continued. A private "
            "tournament that has not begun returns its ticket.",
        )
        return decide(request, decision, model_admin=self)


def _points(tournament: Tournament, count: int) -> str:
    """Return points as their player sees them: those of a private tournament are halves."""
    return str(count) if tournament.is_cup else f"{count / 2:g}"


def _prize(row: TournamentPlayer) -> str | SafeString:
    """Return what a player has won, with a link to the entry that has granted it."""
    if row.prize is None:
        return "–"
    goods = Goods.from_metadata(row.prize)
    words = ", ".join(f"{name}: {value}" for name, value in goods.breakdown().items())
    return f"{words} (due)" if row.prize_entry is None else object_link(row.prize_entry, words)


def _pairing(pairing: Pairing, tournament: Tournament) -> list[object]:
    """Return how a round has gone for a player."""
    against = "bye" if pairing.opponent is None else object_link(pairing.opponent)
    return [
        str(pairing.round.number),
        object_link(pairing.player),
        against,
        f"{pairing.answered} of {tournament.length}",
        str(pairing.correct),
        pairing.get_outcome_display() if pairing.outcome else "–",
    ]


@admin.register(CupPrize)
class CupPrizeAdmin(FreshFactorToSave, StaffAdmin[CupPrize]):
    """What the places of a cup bring. A cup takes what stands here when it ends."""

    list_display = ("places", "energy", "savers", "tickets", "premium")
    ordering = ("place_from",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("place_from", "place_to"),
                    ("paid_energy", "streak_savers"),
                    ("duel_tickets", "premium_days"),
                )
            },
        ),
    )

    @display(description="Places")
    def places(self, prize: CupPrize) -> str:
        return str(prize)

    @display(description="Energy")
    def energy(self, prize: CupPrize) -> str:
        return str(prize.paid_energy)

    @display(description="Streak savers")
    def savers(self, prize: CupPrize) -> str:
        return str(prize.streak_savers)

    @display(description="Duel tickets")
    def tickets(self, prize: CupPrize) -> str:
        return str(prize.duel_tickets)

    @display(description="Days of Premium")
    def premium(self, prize: CupPrize) -> str:
        return str(prize.premium_days)
