"""Duels at the desk: who plays whom, what was asked and answered, and how it has ended."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import players_found
from quizarena.game.duel_rules import SERIES_LENGTH, DuelState
from quizarena.game.models import Duel, DuelAnswer, DuelQuestion
from quizarena.players.models import Player
from quizarena.staff import search
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, exactly, object_link, row_number

STATE_COLOURS = {
    DuelState.PENDING: "info",
    DuelState.ACCEPTED: "warning",
    DuelState.COMPLETED: "success",
    DuelState.WALKOVER: "success",
    DuelState.EXPIRED: "primary",
    DuelState.CANCELED: "primary",
}


def _find_duels(term: str) -> Iterable[search.Found]:
    """Find by the number of the duel."""
    number = row_number(term.removeprefix("#"))
    for duel in Duel.objects.filter(pk=number or 0).select_related("creator", "opponent"):
        yield search.Found(
            title=f"Duel {duel.pk}: {duel.creator} – {duel.opponent or 'nobody yet'}",
            detail=duel.get_state_display(),
            page="game_duel_change",
            pk=duel.pk,
        )


search.declare(
    search.SearchSource(
        title="Duels", symbol="swords", permission="game.view_duel", find=_find_duels
    )
)


@admin.register(Duel)
class DuelAdmin(ReadOnlyAdmin[Duel]):
    """All duels, the latest first. The token of a link is nobody's business."""

    list_display = ("number", "players", "rounds", "where", "outcome", "created", "until")
    list_select_related = ("creator", "opponent")
    list_filter = ("state", "is_open")
    ordering = ("-pk",)
    search_fields = ("creator__username",)
    search_help_text = "Telegram id, @ and beginning of a user name, or name"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "where", "outcome"),
                    ("rounds", "level", "kind"),
                    ("price", "follows", "best_of"),
                    ("created", "accepted"),
                    ("until", "ended"),
                )
            },
        ),
    )
    change_form_outer_after_template = "game/duel.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Duel], search_term: str
    ) -> tuple[QuerySet[Duel], bool]:
        """Find the duels of the players whom the term names."""
        if term := search_term.strip():
            found = players_found(term)
            queryset = queryset.filter(Q(creator__in=found) | Q(opponent__in=found))
        return queryset, False

    @display(description="Duel")
    def number(self, duel: Duel) -> str:
        return str(duel.pk)

    @display(description="Players")
    def players(self, duel: Duel) -> str:
        """Return who plays whom."""
        return f"{duel.creator} – {duel.opponent or 'nobody yet'}"

    @display(description="Rounds")
    def rounds(self, duel: Duel) -> str:
        return str(duel.length)

    @display(description="State")
    def where(self, duel: Duel) -> SafeString:
        return badge(duel.get_state_display(), STATE_COLOURS[DuelState(duel.state)])

    @display(description="Result")
    def outcome(self, duel: Duel) -> str:
        """Return who has won and how."""
        if not duel.result:
            return "–"
        winner = duel.creator if duel.winner_id == duel.creator_id else duel.opponent
        words = "draw" if duel.winner_id is None else f"{winner} wins"
        return f"{duel.creator_score}:{duel.opponent_score}, {words}"

    @display(description="For")
    def kind(self, duel: Duel) -> str:
        """Return who can accept it."""
        if duel.rematch_of_id is not None:
            return "the opponent of before"
        return "whoever is near in level" if duel.is_open else "whoever has the link"

    @display(description="Follows")
    def follows(self, duel: Duel) -> str | SafeString:
        """Return a link to the duel after which this one was asked for."""
        before = duel.rematch_of
        return "–" if before is None else object_link(before, f"duel {before.pk}")

    @display(description="Best of three")
    def best_of(self, duel: Duel) -> str:
        return "–" if duel.game is None else f"duel {duel.game} of {SERIES_LENGTH}"

    @display(description="Created")
    def created(self, duel: Duel) -> str:
        return age(duel.created_at)

    @display(description="Accepted")
    def accepted(self, duel: Duel) -> str:
        return age(duel.accepted_at)

    @display(description="Until")
    def until(self, duel: Duel) -> SafeString:
        return exactly(duel.deadline)

    @display(description="Ended")
    def ended(self, duel: Duel) -> str:
        return age(duel.ended_at)

    def page_context(self, request: HttpRequest, obj: Duel) -> dict[str, Any]:
        """Return players, questions and answers for their template."""
        answers = {(one.player_id, one.number): one for one in obj.answers.all()}
        asked = obj.questions.select_related("version__question_row").order_by("number")
        two: list[tuple[str, Player | None]] = [
            ("creator", obj.creator),
            ("opponent", obj.opponent),
        ]
        started = {"creator": obj.creator_started_at, "opponent": obj.opponent_started_at}
        counted = {
            row["player"]: row
            for row in obj.answers.values("player").annotate(
                answered=Count("pk"), right=Count("pk", filter=Q(is_correct=True))
            )
        }
        nothing = {"answered": 0, "right": 0}
        return {
            "players": {
                "headers": ["Role", "Player", "Answered", "Right", "Started"],
                "rows": [
                    [
                        role,
                        object_link(player),
                        f"{counted.get(player.pk, nothing)['answered']} of {obj.length}",
                        str(counted.get(player.pk, nothing)["right"]),
                        age(started[role]),
                    ]
                    for role, player in two
                    if player is not None
                ],
            },
            "questions": {
                "headers": ["No.", "Level", "Question", "Answer", "Creator", "Opponent"],
                "rows": [
                    [
                        str(question.number),
                        question.level,
                        object_link(
                            question.version.question_row,
                            f"{question.version.question_row.quiz_id}: {question.version.question}",
                        ),
                        question.version.correct_answer,
                        *[
                            _answer(question, answers.get((player.pk, question.number)))
                            if player is not None
                            else "–"
                            for _, player in two
                        ],
                    ]
                    for question in asked
                ],
            },
        }


def _answer(question: DuelQuestion, answer: DuelAnswer | None) -> str | SafeString:
    """Return what somebody has answered, and after how long by the server's clock."""
    if answer is None:
        return "–"
    seconds = (answer.answered_at - answer.shown_at).total_seconds()
    mark = badge("right", "success") if answer.is_correct else badge("wrong", "danger")
    chosen = question.version.options[answer.choice]
    return format_html("{} {} ({} s)", mark, chosen, f"{seconds:,.1f}")
