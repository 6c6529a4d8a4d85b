"""A sprint: sixty seconds, three buttons, as many articles as one can. Product rules, section 11.

The clock is the server's. These are steps of an update's transaction: every refusal comes before
the first write.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import BigIntegerField, Max
from django.utils import timezone

from economy import streaks, wallets
from economy.streaks import StreakChange
from economy.wallets import Charge
from quizarena import sweeps
from quizarena.game import grading, points, reviews
from quizarena.game.errors import (
    NoQuestionsError,
    SprintAnsweredError,
    SprintOverError,
    StaleTapError,
)
from quizarena.game.models import (
    SPRINT_GRACE,
    SPRINT_LENGTH,
    Level,
    Mode,
    QuestionVersion,
    Sprint,
    SprintAnswer,
    SprintQuestion,
    SprintState,
)
from quizarena.game.points import Earned
from quizarena.players.models import Player

# The buttons, in their order.
ARTICLES = ("der", "die", "das")
# Questions are drawn so many at a time; a bank with fewer has no sprint.
BATCH = 10
# So many of the player's latest questions of earlier sprints return last.
RECENT = 100
# So many random ids are tried before the mode is looked through.
PROBES = 500
# The idempotency keys of what sprints cost begin so.
CHARGE = "sprint:"
# Sprints whose time is over are looked for so many at a time.
SWEEP = 100

_LEVELS = f"ARRAY{[level.value for level in Level]}"
# What asks for one of the three articles, and has no other option.
_ARTICLE = (
    "array_remove(ARRAY[option_1, option_2, option_3, option_4]::text[], '') "
    f"<@ ARRAY{list(ARTICLES)} "
    f"AND ARRAY[option_1, option_2, option_3, option_4]::text[] @> ARRAY{list(ARTICLES)}"
)
_IN_PLAY = f"category = '{Mode.ARTIKEL_SPRINT.value}' AND is_enabled AND {_ARTICLE}"
# What a daily challenge of today or later asks is not given away.
_DAILY = """
SELECT version.question_id
FROM game_dailyset AS daily_set
JOIN game_dailyquestion AS asked ON asked.set_id = daily_set.id
JOIN game_questionversion AS version ON version.id = asked.version_id
WHERE daily_set.ends_at > %(now)s
"""
# Of the player's level and those below it first; of these what was not asked in the latest sprints.
# Random ids of the bank are tried for them, so that a mode of thousands is neither read nor sorted;
# where these find too few, because the mode is a small part of the bank or the player has had
# nearly all, the mode is looked through.
# A sprint only starts with enough besides the daily questions, so that these, at the very end, are
# a way out for one that runs while others leave play.
_DRAW = f"""
WITH daily AS MATERIALIZED ({_DAILY}), own AS MATERIALIZED (
  SELECT coalesce(
    (SELECT array_position({_LEVELS}, level::text) FROM game_playerlevel
     WHERE player_id = %(player)s AND mode = '{Mode.ARTIKEL_SPRINT.value}'),
    1
  ) AS number
), latest AS (
  (
    SELECT version.question_id, question.sprint_id
    FROM game_sprint AS sprint
    JOIN game_sprintquestion AS question ON question.sprint_id = sprint.id
    JOIN game_questionversion AS version ON version.id = question.version_id
    WHERE sprint.player_id = %(player)s AND sprint.id <> %(sprint)s
    ORDER BY question.id DESC LIMIT {RECENT}
  )
  UNION ALL
  SELECT version.question_id, question.sprint_id
  FROM game_sprintquestion AS question
  JOIN game_questionversion AS version ON version.id = question.version_id
  WHERE question.sprint_id = %(sprint)s
), asked AS MATERIALIZED (
  SELECT question_id, count(*) FILTER (WHERE sprint_id = %(sprint)s) AS times
  FROM latest GROUP BY question_id
), hit AS MATERIALIZED (
  SELECT id FROM (
    SELECT question.id
    FROM (
      SELECT lowest.id + floor(random() * (highest.id - lowest.id + 1))::bigint AS id
      FROM (SELECT id FROM game_question ORDER BY id LIMIT 1) AS lowest
      CROSS JOIN (SELECT id FROM game_question ORDER BY id DESC LIMIT 1) AS highest
      CROSS JOIN generate_series(1, {PROBES})
    ) AS probe
    CROSS JOIN LATERAL (
      SELECT id FROM game_question
      WHERE id = probe.id AND {_IN_PLAY}
        AND array_position({_LEVELS}, level::text) <= (SELECT number FROM own)
        AND id NOT IN (SELECT question_id FROM daily)
        AND id NOT IN (SELECT question_id FROM asked)
      LIMIT 1
    ) AS question
    LIMIT {4 * BATCH}
  ) AS each
  GROUP BY id
  ORDER BY random() LIMIT {BATCH}
), drawn AS (
  SELECT id FROM hit WHERE (SELECT count(*) FROM hit) = {BATCH}
  UNION ALL (
    SELECT question.id
    FROM game_question AS question
    LEFT JOIN asked ON asked.question_id = question.id
    CROSS JOIN own
    WHERE (SELECT count(*) FROM hit) < {BATCH} AND {_IN_PLAY}
    ORDER BY question.id IN (SELECT question_id FROM daily),
             coalesce(asked.times, 0),
             array_position({_LEVELS}, question.level::text) > own.number,
             asked.times IS NOT NULL,
             random()
    LIMIT {BATCH}
  )
)
INSERT INTO game_sprintquestion (sprint_id, number, version_id)
SELECT %(sprint)s, %(drawn)s + row_number() OVER (ORDER BY random()), version.id
FROM drawn
JOIN game_question AS question ON question.id = drawn.id
JOIN game_questionversion AS version
  ON version.question_id = question.id AND version.number = question.version
"""  # noqa: S608 -- the parts are constants.
_HAS_ENOUGH = f"""
SELECT count(*) = {BATCH} FROM (
  SELECT FROM game_question WHERE {_IN_PLAY} AND id NOT IN ({_DAILY}) LIMIT {BATCH}
) AS enough
"""  # noqa: S608 -- the parts are constants.


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The question that a sprint waits for, and how it stands: so many answers, so many right.

    `charge` is what it cost; None when a tap was repeated, and after the first question.
    """

    sprint: Sprint
    number: int
    version: QuestionVersion
    answered: int = 0
    correct: int = 0
    charge: Charge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A sprint that is over.

    `best` is the player's best before it, None for the first; `wrong` what was answered wrongly, in
    its order. `has_returned_energy` says that nothing was answered and the energy came back.
    """

    sprint: Sprint
    best: int | None
    wrong: Sequence[QuestionVersion]
    points: int = 0
    has_returned_energy: bool = False

    @property
    def is_record(self) -> bool:
        """Whether more were right than ever before, and any at all."""
        assert self.sprint.correct is not None
        return self.sprint.correct > (self.best or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer of a sprint that is over, and the question as it read."""

    number: int
    version: QuestionVersion
    is_correct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question or the result."""

    graded: QuestionVersion
    is_correct: bool
    streak: StreakChange
    earned: Earned | None = None
    next: Step | None = None
    result: Result | None = None


def is_possible(*, now: datetime) -> bool:
    """Return whether the bank has enough questions for a sprint, without the daily challenge's."""
    with connection.cursor() as cursor:
        cursor.execute(_HAS_ENOUGH, {"now": now})
        return bool(cursor.fetchone()[0])


def best(*, player: Player) -> int | None:
    """Return the player's best result; None before the first."""
    finished = Sprint.objects.filter(player=player, state=SprintState.FINISHED)
    found: int | None = finished.aggregate(best=Max("correct"))["best"]
    return found


def start(*, player: Player, key: str, now: datetime) -> Step:
    """Start a sprint, which costs one energy in all, with its first question.

    A key that has started a sprint starts no other and costs nothing: it returns to its question,
    or raises StaleTapError if it is over. An open sprint of the player is finished as it stands.
    Locks the open sprint and the wallet. Raises NoQuestionsError when the bank has too few, and
    NoEnergyError.
    """
    existing = Sprint.objects.select_for_update().filter(player=player, start_key=key).first()
    if existing is not None:
        if existing.state != SprintState.OPEN or _is_over(existing, now=now):
            raise StaleTapError("the sprint is over")
        given = _given(existing)
        return _step(existing, given=[right for right, _ in given], now=now)
    if not is_possible(now=now):
        raise NoQuestionsError(Mode.ARTIKEL_SPRINT)
    with transaction.atomic():  # A refusal leaves the open sprint as it was.
        for other in Sprint.objects.select_for_update().filter(
            player=player, state=SprintState.OPEN
        ):
            _finish(other, player=player, now=now)
        charge = wallets.charge_question(player=player, key=charge_key(key), now=now)
    sprint = Sprint.objects.create(player=player, start_key=key, started_at=now)
    _draw(sprint, after=0, now=now)
    return _step(sprint, given=[], charge=charge, now=now)


def answer(*, player: Player, sprint_id: int, number: int, article: str, now: datetime) -> Answer:
    """Grade an article, and return the next question, or the result when the time is over.

    An answer counts until SPRINT_GRACE after the sprint's time. Each right answer brings points,
    unless it came faster than one can read, and each wrong one makes a review card; any answer
    makes the day an active one. Locks the sprint, the card and the wallet. Raises SprintOverError
    when it is too late (`finish` has the result), SprintAnsweredError for a question that has its
    answer, and StaleTapError for one that is not the player's next.
    """
    sprint = _lock(player=player, sprint_id=sprint_id)
    if sprint.state != SprintState.OPEN or _is_over(sprint, now=now):
        raise SprintOverError(sprint)
    given = _given(sprint)
    if 1 <= number <= len(given):
        raise SprintAnsweredError(f"question {number} is answered")
    question = sprint.questions.filter(number=number).select_related("version").first()
    if number != len(given) + 1 or question is None or article not in ARTICLES:
        raise StaleTapError("this question is not the next one")
    version = question.version
    choice = version.options.index(article)
    grade = grading.grade_option(
        options=version.options, correct_option_id=version.correct_option_id, choice=choice
    )
    SprintAnswer.objects.create(
        sprint=sprint,
        number=number,
        choice=choice,
        is_correct=grade.is_correct,
        answered_at=now,
    )
    if not grade.is_correct:
        reviews.add_mistake(player=player, question_id=version.question_row_id, now=now)
    streak = streaks.record_activity(player=player, now=now)
    earned = points.answered(
        player=player,
        key=points.sprint_answer_key(sprint_id=sprint.pk, number=number),
        is_correct=grade.is_correct,
        # A question is shown with the answer to the one before.
        shown_at=given[-1][1] if given else sprint.started_at,
        now=now,
    )
    following, result = None, None
    if now < sprint.started_at + SPRINT_LENGTH:
        outcomes = [*(right for right, _ in given), grade.is_correct]
        following = _step(sprint, given=outcomes, now=now)
    else:
        result = _finish(sprint, player=player, now=now)
    return Answer(
        graded=version,
        is_correct=grade.is_correct,
        streak=streak,
        earned=earned,
        next=following,
        result=result,
    )


def finish(*, player: Player, sprint_id: int, now: datetime) -> Result:
    """Finish an open sprint as it stands; return its result, also of one that is over already.

    Locks the sprint, and the wallet where nothing was answered: then the energy comes back. Raises
    StaleTapError when the player has no such sprint.
    """
    sprint = _lock(player=player, sprint_id=sprint_id)
    if sprint.state == SprintState.OPEN:
        return _finish(sprint, player=player, now=now)
    return _result(sprint, player=player)


def answers(*, player: Player, sprint_id: int) -> list[Given]:
    """Return every answer of a sprint of the player's that is over, in order. Two statements.

    Raises StaleTapError when the player has no such sprint, or one that is open or has no answer.
    """
    found = SprintAnswer.objects.filter(
        sprint=_sprint_id(sprint_id), sprint__player=player, sprint__state=SprintState.FINISHED
    )
    given = dict(found.values_list("number", "is_correct"))
    if not given:
        raise StaleTapError("the player has answered nothing in such a sprint")
    asked = SprintQuestion.objects.select_related("version").filter(
        sprint=sprint_id, number__in=given
    )
    return [
        Given(number=one.number, version=one.version, is_correct=given[one.number])
        for one in asked.order_by("number")
    ]


def finish_due(*, until: datetime) -> int:
    """Finish the sprints whose time is over, until it is `until`; return how many."""

    def due(seen: Collection[int]) -> list[int]:
        over = Sprint.objects.filter(
            state=SprintState.OPEN, started_at__lt=timezone.now() - SPRINT_LENGTH - SPRINT_GRACE
        )
        return list(over.exclude(pk__in=seen).order_by("pk").values_list("pk", flat=True)[:SWEEP])

    return sweeps.one_by_one(due=due, apply=_finish_one, until=until)


@transaction.atomic
def _finish_one(sprint_id: int) -> bool:
    locked = Sprint.objects.select_for_update(of=["self"]).select_related("player")
    sprint = locked.filter(pk=sprint_id, state=SprintState.OPEN).first()
    if sprint is None:
        return False
    _finish(sprint, player=sprint.player, now=timezone.now())
    return True


def charge_key(start_key: str) -> str:
    """Return the idempotency key of what a sprint costs."""
    return f"{CHARGE}{start_key}"


def _lock(*, player: Player, sprint_id: int) -> Sprint:
    """Lock the player's sprint until the transaction ends. Raises StaleTapError without one."""
    own = Sprint.objects.select_for_update().filter(pk=_sprint_id(sprint_id), player=player)
    sprint = own.first()
    if sprint is None:
        raise StaleTapError("the player has no such sprint")
    return sprint


def _sprint_id(number: int) -> int:
    """Return a number from a button, if a sprint can have it as its id; else it is stale."""
    if not 0 < number <= BigIntegerField.MAX_BIGINT:
        raise StaleTapError("this sprint does not exist")
    return number


def _is_over(sprint: Sprint, *, now: datetime) -> bool:
    """Return whether no answer counts any more."""
    return now > sprint.started_at + SPRINT_LENGTH + SPRINT_GRACE


def _given(sprint: Sprint) -> list[tuple[bool, datetime]]:
    """Return for each answer, in order, whether it was right, and when it came."""
    answers = sprint.answers.order_by("number")
    return list(answers.values_list("is_correct", "answered_at"))


def _draw(sprint: Sprint, *, after: int, now: datetime) -> None:
    """Draw the next questions of the sprint; `after` have been drawn."""
    values: dict[str, Any] = {
        "player": sprint.player_id,
        "sprint": sprint.pk,
        "drawn": after,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, values)


def _step(
    sprint: Sprint, *, given: Sequence[bool], now: datetime, charge: Charge | None = None
) -> Step:
    """Return the next question of the sprint; more are drawn when all have been answered."""
    number = len(given) + 1
    wanted = SprintQuestion.objects.select_related("version").filter(sprint=sprint, number=number)
    question = wanted.first()
    if question is None:
        _draw(sprint, after=len(given), now=now)
        question = wanted.get()
    return Step(
        sprint=sprint,
        number=number,
        version=question.version,
        answered=len(given),
        correct=sum(given),
        charge=charge,
    )


def _finish(sprint: Sprint, *, player: Player, now: datetime) -> Result:
    """Finish an open sprint, which is locked, as it stands."""
    given = _given(sprint)
    sprint.state = SprintState.FINISHED
    sprint.finished_at = min(now, sprint.started_at + SPRINT_LENGTH)
    sprint.answered, sprint.correct = len(given), sum(right for right, _ in given)
    sprint.save(update_fields=["state", "finished_at", "answered", "correct"])
    returned = None
    if not given:
        key = charge_key(sprint.start_key)
        returned = wallets.return_question(player=player, key=key, now=now)
    return _result(sprint, player=player, has_returned_energy=returned is not None)


def _result(sprint: Sprint, *, player: Player, has_returned_energy: bool = False) -> Result:
    assert sprint.answered is not None
    before = Sprint.objects.filter(
        player=player, state=SprintState.FINISHED, started_at__lt=sprint.started_at
    )
    wrong = SprintQuestion.objects.select_related("version").filter(
        sprint=sprint,
        number__in=sprint.answers.filter(is_correct=False).values("number"),
    )
    keys = [
        points.sprint_answer_key(sprint_id=sprint.pk, number=number)
        for number in range(1, sprint.answered + 1)
    ]
    return Result(
        sprint=sprint,
        best=before.aggregate(best=Max("correct"))["best"],
        wrong=[question.version for question in wrong.order_by("number")],
        points=points.of_keys(player=player, keys=keys),
        has_returned_energy=has_returned_energy,
    )
