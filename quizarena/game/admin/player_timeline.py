"""What a player has played, as kinds of the player's timeline, and the level in the summary."""

from collections.abc import Iterable
from functools import partial

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from quizarena.game import (
    levels,
)
from quizarena.game.models import (
    DailyAnswer,
    DailyRun,
    Duel,
    PlayerLevel,
    Round,
    RoundQuestion,
    RoundState,
    Sprint,
    SprintState,
    TournamentPlayer,
)
from quizarena.players import timeline
from quizarena.players.admin import Fact, TimelineSection, fact_source, timeline_source
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import (
    age,
    object_link,
)

CHAPTER_LENGTH = 20


@fact_source
def level_of_player(request: HttpRequest, player: Player) -> Iterable[Fact]:
    """Say at which level the player is asked."""
    yield Fact(label="Level", value=str(levels.overall(player)))


def _rounds(player: Player) -> QuerySet[Round]:
    answers = RoundQuestion.objects.filter(answered_at__isnull=False).only("round", "is_correct")
    return Round.objects.filter(player=player, state=RoundState.FINISHED).prefetch_related(
        Prefetch("round_questions", queryset=answers, to_attr="answered")
    )


def _round_line(played: Round, player: Player) -> timeline.Line:
    answered = played.answered  # type: ignore[attr-defined]  # Of the Prefetch.
    right = sum(1 for one in answered if one.is_correct)
    return timeline.Line(
        what=f"Round {played.pk}: {played.get_mode_display()}, {right} of {len(answered)} right"
    )


def _daily_runs(player: Player) -> QuerySet[DailyRun]:
    answers = DailyAnswer.objects.only("run", "is_correct")
    return (
        DailyRun.objects.filter(player=player)
        .select_related("set")
        .prefetch_related(Prefetch("answers", queryset=answers, to_attr="given"))
    )


def _daily_line(run: DailyRun, player: Player) -> timeline.Line:
    given = run.given  # type: ignore[attr-defined]  # Of the Prefetch.
    right = sum(1 for one in given if one.is_correct)
    what = f"Daily challenge of {dates.day(run.set.day)}: {right} of {len(given)} right"
    return timeline.Line(what=what, detail="" if run.finished_at else "not finished")


def _duels(player: Player, *, of: str) -> QuerySet[Duel]:
    return Duel.objects.filter(**{of: player}).select_related("creator", "opponent")


def _duel_line(duel: Duel, player: Player) -> timeline.Line:
    other = duel.opponent if duel.creator_id == player.pk else duel.creator
    what = f"Duel {duel.pk} with {other or 'nobody yet'}, {duel.length} rounds"
    return timeline.Line(
        what=object_link(duel, what),
        detail=", ".join(filter(None, (duel.get_state_display(), _result(duel, player)))),
    )


def _result(duel: Duel, player: Player) -> str:
    if not duel.result:
        return ""
    if duel.winner_id is None:
        return "draw"
    return "won" if duel.winner_id == player.pk else "lost"


def _tournament_line(row: TournamentPlayer, player: Player) -> timeline.Line:
    place = f", place {row.place}" if row.place else ""
    return timeline.Line(
        what=object_link(row.tournament, f"{row.tournament}{place}"),
        detail=row.tournament.get_state_display(),
    )


_KINDS = (
    timeline.Kind(
        code="rounds",
        label="Rounds",
        permission="players.view_player",
        streams=(
            timeline.Stream(
                name="round",
                rows=_rounds,
                order=("finished_at", "id"),
                at=lambda played: played.finished_at,
                line=_round_line,
            ),
            timeline.Stream(
                name="daily",
                rows=_daily_runs,
                order=("set_id",),
                at=lambda run: run.started_at,
                line=_daily_line,
            ),
        ),
    ),
    timeline.Kind(
        code="duels",
        label="Duels",
        permission="game.view_duel",
        streams=tuple(
            timeline.Stream(
                name=of,
                rows=partial(_duels, of=of),
                order=("id",),
                at=lambda duel: duel.created_at,
                line=_duel_line,
            )
            for of in ("creator", "opponent")
        ),
    ),
    timeline.Kind(
        code="tournaments",
        label="Tournaments",
        permission="game.view_tournament",
        streams=(
            timeline.Stream(
                name="tournament",
                rows=lambda player: TournamentPlayer.objects.filter(player=player).select_related(
                    "tournament"
                ),
                order=("id",),
                at=lambda row: row.registered_at,
                line=_tournament_line,
            ),
        ),
    ),
)
for _kind in _KINDS:
    timeline.declare(_kind)


@timeline_source
def sprints_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show the latest sprints, for who may see players."""
    sprints = (
        Sprint.objects.filter(player=player)
        .annotate(
            given=Count("answers"), right=Count("answers", filter=Q(answers__is_correct=True))
        )
        .order_by("-id")[:CHAPTER_LENGTH]
    )
    return TimelineSection(
        title="Latest sprints",
        headers=["Sprint", "State", "Right", "Started", "Finished"],
        rows=[
            [
                str(sprint.pk),
                SprintState(sprint.state).label,
                format_html("{} of {}", sprint.right, sprint.given),
                age(sprint.started_at),
                age(sprint.finished_at),
            ]
            for sprint in sprints
        ],
    )


@timeline_source
def levels_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show at which level the player is asked, and why; elsewhere it is A1."""
    stored = PlayerLevel.objects.filter(player=player).order_by("mode")
    return TimelineSection(
        title="Levels",
        headers=["Mode", "Level", "Why", "Since"],
        rows=[
            [one.get_mode_display(), one.level, one.get_reason_display(), age(one.since)]
            for one in stored
        ],
    )
