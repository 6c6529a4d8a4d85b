"""A placement: eight free questions that find the level at which a player begins.

Answers are steps of an update's transaction: every refusal comes before the first write.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BigIntegerField, F, QuerySet

from economy import streaks
from economy.streaks import StreakChange
from quizarena.game import bank, daily, levels, reviews
from quizarena.game.errors import (
    NoPlacementError,
    PlacementAnsweredError,
    PlacementTakenError,
    StaleTapError,
)
from quizarena.game.models import (
    CHOICES,
    LEVELLED_MODES,
    PLACEMENT_LENGTH,
    DailyQuestion,
    Level,
    LevelReason,
    Placement,
    PlacementQuestion,
    Question,
    QuestionVersion,
)
from quizarena.players.models import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementAnswer:
    """How an answer was graded, and the next question or, after the eighth, the level found."""

    graded: PlacementQuestion
    streak: StreakChange
    next: PlacementQuestion | None = None
    level: Level | None = None


def found(outcomes: Sequence[bool], *, known: Sequence[Level]) -> Level:
    """Return the level after these answers, of the ones the bank has, the easiest first. Pure.

    Questions come in pairs of one level: two right ones lead a level up, two wrong ones down.
    """
    place = 0
    for first, second in zip(outcomes[::2], outcomes[1::2], strict=False):
        if first == second:
            place = min(max(place + (1 if first else -1), 0), len(known) - 1)
    return known[place]


@transaction.atomic
def start(*, player: Player, now: datetime) -> PlacementQuestion:
    """Start a placement, or return to the question that the open one waits for.

    However often and from however many devices: one is open at a time, and one is started on a
    business day. Raises PlacementTakenError when today's is finished, and NoPlacementError when
    the bank has too few questions.
    """
    placement = _lock_open(player)
    if placement is None:
        placement, is_new = Placement.objects.get_or_create(
            player=player, day=daily.today(now), defaults={"started_at": now}
        )
        if not is_new and placement.finished_at is not None:
            raise PlacementTakenError(placement)
        Placement.objects.select_for_update().get(pk=placement.pk)
    waiting = placement.questions.filter(answered_at=None).select_related("version").first()
    return waiting or _ask(placement, now=now)


@transaction.atomic
def answer(
    *, player: Player, placement_id: int, number: int, option_index: int, now: datetime
) -> PlacementAnswer:
    """Grade the option at `option_index` of a question, and return what comes next.

    The eighth answer sets the level of every mode. Each makes the day an active one, and a wrong
    one a review card of its question. Locks the placement. Raises PlacementAnsweredError for a
    question that has its answer, StaleTapError for one that is not the player's next, and
    NoPlacementError when there is no question to follow.
    """
    if not (option_index >= 0 and 0 < placement_id <= BigIntegerField.MAX_BIGINT):
        raise StaleTapError("this question does not exist")
    placement = Placement.objects.select_for_update().filter(pk=placement_id, player=player).first()
    if placement is None:
        raise StaleTapError("the player has no such placement")
    questions = placement.questions.select_related("version")
    question = questions.filter(number=number).first()
    if question is None:
        raise StaleTapError("this question is not the next one")
    if question.answered_at is not None:
        raise PlacementAnsweredError(f"question {number} is answered")
    if option_index >= len(question.order):
        raise StaleTapError("this option does not exist")
    question.choice = question.order[option_index]
    question.is_correct = question.is_right(question.choice)
    question.answered_at = now
    question.save(update_fields=["choice", "is_correct", "answered_at"])
    if number < PLACEMENT_LENGTH:
        following, level = _ask(placement, now=now), None
    else:
        following, level = None, _finish(placement, now=now)
    if not question.is_correct:
        question_id = question.version.question_row_id
        reviews.add_mistake(player=player, question_id=question_id, now=now)
    return PlacementAnswer(
        graded=question,
        streak=streaks.record_activity(player=player, now=now),
        next=following,
        level=level,
    )


def _lock_open(player: Player) -> Placement | None:
    """Lock the player's open placement until the transaction ends."""
    return Placement.objects.select_for_update().filter(player=player, finished_at=None).first()


def _outcomes(placement: Placement) -> list[bool]:
    answered = placement.questions.exclude(answered_at=None).order_by("number")
    return [bool(right) for right in answered.values_list("is_correct", flat=True)]


def _playable() -> QuerySet[Question]:
    """Return the questions that may be asked: those that are answered by a button."""
    return Question.objects.filter(is_enabled=True, category__in=LEVELLED_MODES, kind__in=CHOICES)


def _known() -> list[Level]:
    """Return the levels for which the bank has questions, the easiest first."""
    known = set(_playable().order_by().values_list("level", flat=True).distinct())
    return [level for level in Level if level in known]


def _ask(placement: Placement, *, now: datetime) -> PlacementQuestion:
    """Show a random question of the level that the answers have led to."""
    outcomes, known = _outcomes(placement), _known()
    if not known:
        raise NoPlacementError("the bank has no questions")
    level = found(outcomes, known=known)
    asked = placement.questions.values("version__question_row")
    left = _playable().filter(level=level).exclude(pk__in=asked).order_by("pk")
    # What a challenge is going to ask is not shown before, unless nothing else is left.
    of_challenges = DailyQuestion.objects.filter(set__ends_at__gt=now)
    free = left.exclude(pk__in=of_challenges.values("version__question_row"))
    count = free.count()
    if not count:
        free, count = left, left.count()
    if not count:
        raise NoPlacementError(f"the bank has too few questions of the level {level}")
    chosen = free[random.randrange(count)]
    version = QuestionVersion.objects.get(question_row=chosen, number=F("question_row__version"))
    return PlacementQuestion.objects.create(
        placement=placement,
        number=len(outcomes) + 1,
        version=version,
        level=level,
        order=bank.shuffled(len(version.options)),
        shown_at=now,
    )


def _finish(placement: Placement, *, now: datetime) -> Level:
    """Finish a placement, which is locked and has all its answers, and set the levels."""
    placement.level = found(_outcomes(placement), known=_known() or [levels.FIRST])
    placement.finished_at = now
    placement.save(update_fields=["level", "finished_at"])
    levels.choose(
        player=placement.player, level=placement.level, reason=LevelReason.PLACED, now=now
    )
    return placement.level
