"""The daily challenge: the day's seven questions, and every player's one run through them.

A day is a business day. Its questions are drawn once, by whoever comes first, and stay as they are
from the first run on. Answers are steps of an update's transaction: every refusal comes before the
first write.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import BigIntegerField, Count, F, Q, QuerySet

from economy import streaks
from economy.streak_rules import DAY, midnight_after
from economy.streaks import StreakChange
from economy.wallets import business_zone
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.game import bank, points, reviews
from quizarena.game.errors import (
    DailyAnsweredError,
    DailyOverError,
    DailyQuestionError,
    StaleTapError,
    TooFewQuestionsError,
)
from quizarena.game.models import (
    CHOICES,
    DAILY_LENGTH,
    DAILY_LEVELS,
    DAILY_PAUSE_DAYS,
    DailyAnswer,
    DailyQuestion,
    DailyRun,
    DailySet,
    Level,
    Mode,
    Question,
    QuestionVersion,
)
from quizarena.players.models import Player
from quizarena.prepared import prepared
from quizarena.staff import audit, reasons

# So many days after today can be drawn ahead.
PLANNED_DAYS = 7

log = structlog.get_logger(__name__)


# --- The day's questions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A question that may be drawn: nobody has had it in the days around."""

    question_id: int
    level: Level
    mode: Mode


def today(now: datetime) -> date:
    """Return the business day of an instant."""
    return now.astimezone(business_zone()).date()


def draw(*, day: date, now: datetime) -> DailySet:
    """Return the set of the day; whoever comes first draws it.

    Two at once draw one: the second waits, and has the set of the first. A level without a question
    that may be asked is taken from the nearest one, which is logged. Raises TooFewQuestionsError
    when there are not seven questions of any level.
    """
    stored = DailySet.objects.filter(day=day).first()
    return stored or _draw(day=day, now=now)


def draw_today(*, now: datetime) -> bool:
    """Make sure that today's set is there; return False, and log it, if the bank has too little."""
    try:
        draw(day=today(now), now=now)
    except TooFewQuestionsError:
        log.exception("daily.too_few_questions", day=str(today(now)))
        return False
    return True


@transaction.atomic
def _draw(*, day: date, now: datetime) -> DailySet:
    stored = _lock_and_look(day)
    if stored is not None:
        return stored
    chosen = choose(_candidates(day), levels=DAILY_LEVELS, rng=random.Random())
    if len(chosen) < DAILY_LENGTH:
        raise TooFewQuestionsError(day)
    daily_set = DailySet.objects.create(
        day=day,
        starts_at=midnight_after(day - DAY, zone=business_zone()),
        ends_at=midnight_after(day, zone=business_zone()),
        drawn_at=now,
    )
    current = QuestionVersion.objects.filter(
        number=F("question_row__version"), question_row__in=[one.question_id for one in chosen]
    )
    versions = {version.question_row_id: version for version in current}
    DailyQuestion.objects.bulk_create(
        DailyQuestion(
            set=daily_set,
            number=number,
            version=versions[one.question_id],
            level=one.level,
            order=bank.shuffled(len(versions[one.question_id].options)),
        )
        for number, one in enumerate(chosen, 1)
    )
    for number, (wanted, one) in enumerate(zip(DAILY_LEVELS, chosen, strict=True), 1):
        if one.level != wanted:
            log.warning(
                "daily.level_missing",
                day=str(day),
                number=number,
                wanted=wanted.value,
                drawn=one.level.value,
            )
    return daily_set


def _lock_and_look(day: date) -> DailySet | None:
    """Keep all others from drawing until the transaction ends; return what they have drawn."""
    advisory_locks.lock(Space.DAILY_SETS)
    return DailySet.objects.filter(day=day).first()


def _candidates(day: date, *, without: DailyQuestion | None = None) -> list[Candidate]:
    """Return the questions that may be asked on the day, by id.

    None of the days around counts that has them only as the question `without`.
    """
    around = (day - DAILY_PAUSE_DAYS * DAY, day + DAILY_PAUSE_DAYS * DAY)
    asked = DailyQuestion.objects.filter(set__day__range=around)
    if without is not None:
        asked = asked.exclude(pk=without.pk)
    free = Question.objects.filter(is_enabled=True, kind__in=CHOICES).exclude(
        pk__in=asked.values("version__question_row")
    )
    rows = free.order_by("pk").values_list("pk", "level", "category")
    return [
        Candidate(question_id=pk, level=Level(level), mode=Mode(mode)) for pk, level, mode in rows
    ]


def choose(
    candidates: Iterable[Candidate], *, levels: Sequence[Level], rng: random.Random
) -> list[Candidate]:
    """Return a question for each of `levels`, as many as there are. Pure.

    Questions of the challenge's own mode come before those of the others. Only when every level has
    taken its own is what is missing taken from the nearest, the easier one first.
    """
    pool = list(candidates)
    rng.shuffle(pool)
    pool.sort(key=lambda one: one.mode != Mode.DAILY_CHALLENGE)
    chosen: dict[int, Candidate] = {}
    for most in (0, len(Level)):
        for number, wanted in enumerate(levels):
            near = [one for one in pool if _distance(one.level, wanted) <= most]
            if number in chosen or not near:
                continue
            one = min(near, key=lambda near_one: _distance(near_one.level, wanted))
            pool.remove(one)
            chosen[number] = one
    return [chosen[number] for number in sorted(chosen)]


def _distance(level: Level, wanted: Level) -> float:
    """Return how many levels the two are apart; a harder one is a little further away."""
    order = list(Level)
    steps = order.index(level) - order.index(wanted)
    return steps + 0.5 if steps > 0 else -steps


# --- A run ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a player is: whether each answer was right, and the question that comes next."""

    run: DailyRun
    outcomes: Sequence[bool]
    next: DailyQuestion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question or the end of the run."""

    question: DailyQuestion
    choice: int
    is_correct: bool
    progress: Progress
    streak: StreakChange | None = None
    # What the whole run has brought, once it is finished.
    points: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many others have finished so far, and how many of them did worse."""

    others: int
    worse: int

    @property
    def percent(self) -> int | None:
        """The share of the others who did worse, rounded down; None while there are none."""
        return self.worse * 100 // self.others if self.others else None


def progress(*, player: Player, now: datetime) -> Progress | None:
    """Return how far the player is in today's challenge; None before its start."""
    runs = DailyRun.objects.select_related("set").filter(player=player, set__day=today(now))
    run = runs.first()
    return None if run is None else Progress(run=run, outcomes=_outcomes(run))


def finished_run(*, run_id: int) -> Progress:
    """Return a finished run. Raises DailyRun.DoesNotExist."""
    run = DailyRun.objects.select_related("set").get(pk=run_id, finished_at__isnull=False)
    return Progress(run=run, outcomes=_outcomes(run))


def has_finished(*, player: Player, now: datetime) -> bool:
    """Return whether the player has finished today's challenge."""
    runs = DailyRun.objects.filter(player=player, set__day=today(now))
    return runs.filter(finished_at__isnull=False).exists()


@transaction.atomic
def start(*, player: Player, now: datetime) -> Progress:
    """Start today's challenge, or return to the question that it waits for.

    However often and from however many devices: a player has one run a day. Raises
    TooFewQuestionsError when today's questions cannot be drawn.
    """
    daily_set = draw(day=today(now), now=now)
    run, _ = DailyRun.objects.get_or_create(
        player=player, set=daily_set, defaults={"started_at": now}
    )
    run.set = daily_set
    outcomes = _outcomes(run)
    # After the run is stored: from then on nobody replaces a question.
    following = _question(run, len(outcomes) + 1) if run.finished_at is None else None
    return Progress(run=run, outcomes=outcomes, next=following)


def answer(*, player: Player, run_id: int, number: int, option_index: int, now: datetime) -> Answer:
    """Grade the option at `option_index` of a question, and return what comes next.

    The seventh answer finishes the run, which makes the day an active one. Each right answer brings
    points, unless it came too fast after the one before, and so does the end. Locks the run. Raises
    DailyOverError when midnight has passed, DailyAnsweredError for a question that has its answer,
    and StaleTapError for one that is not the player's next.
    """
    if not (option_index >= 0 and 0 < run_id <= BigIntegerField.MAX_BIGINT):
        raise StaleTapError("this question does not exist")
    run = _lock_run(run_id)
    if run is None or run.player_id != player.pk:
        raise StaleTapError("the player has no such run")
    _refuse_if_over(run, now=now)
    given = _given(run)
    outcomes = [is_correct for is_correct, _ in given]
    if 1 <= number <= len(outcomes):
        raise DailyAnsweredError(f"question {number} is answered")
    if number != len(outcomes) + 1:
        raise StaleTapError("this question is not the next one")
    question = _question(run, number)
    if option_index >= len(question.order):
        raise StaleTapError("this option does not exist")
    choice = question.order[option_index]
    is_correct = question.is_right(choice)
    DailyAnswer.objects.create(
        run=run, number=number, choice=choice, is_correct=is_correct, answered_at=now
    )
    if not is_correct:
        question_id = question.version.question_row_id
        reviews.add_mistake(player=player, question_id=question_id, now=now)
    outcomes.append(is_correct)
    following, streak, brought = None, None, None
    if number < DAILY_LENGTH:
        following = _question(run, number + 1)
    else:
        streak = _finish(run, score=sum(outcomes), player=player, now=now)
    # After the wallet, which the end of a run locks.
    points.answered(
        player=player,
        key=points.daily_answer_key(run_id=run.pk, number=number),
        is_correct=is_correct,
        # A question is shown with the answer to the one before.
        shown_at=given[-1][1] if given else run.started_at,
        now=now,
    )
    if number == DAILY_LENGTH:
        points.daily_finished(player=player, run_id=run.pk, now=now)
        brought = points_of(run, player=player)
    return Answer(
        question=question,
        choice=choice,
        is_correct=is_correct,
        progress=Progress(run=run, outcomes=outcomes, next=following),
        streak=streak,
        points=brought,
    )


def points_of(run: DailyRun, *, player: Player) -> int:
    """Return how many points the player's run has brought. One query."""
    numbers = range(1, DAILY_LENGTH + 1)
    return points.of_keys(
        player=player,
        keys=[
            points.daily_key(run_id=run.pk),
            *(points.daily_answer_key(run_id=run.pk, number=number) for number in numbers),
        ],
    )


def standing(run: DailyRun) -> Standing:
    """Return how a finished run compares with the others of its day so far.

    Fewer right answers are worse; of equally many, the longer time is. One query.
    """
    assert run.finished_at is not None
    slower = F("started_at") + (run.finished_at - run.started_at)
    is_worse = Q(score__lt=run.score) | Q(score=run.score, finished_at__gt=slower)
    counted = finished(set_id=run.set_id).aggregate(
        runs=Count("*"), worse=Count("score", filter=is_worse)
    )
    return Standing(others=counted["runs"] - 1, worse=counted["worse"])


def finished(*, set_id: int) -> QuerySet[DailyRun]:
    """Return the finished runs of a day."""
    return DailyRun.objects.filter(set=set_id, finished_at__isnull=False)


def results(daily_set: DailySet) -> Mapping[int, int]:
    """Return how many have finished with how many right answers."""
    scores = finished(set_id=daily_set.pk).values_list("score").annotate(runs=Count("*"))
    return Counter({score: runs for score, runs in scores if score is not None})


def _lock_run(run_id: int) -> DailyRun | None:
    """Lock the run until the transaction ends."""
    return _run.first(run_id=run_id)


@prepared
def _run(*, run_id: int) -> QuerySet[DailyRun]:
    return DailyRun.objects.select_for_update(of=["self"]).select_related("set").filter(pk=run_id)


def _refuse_if_over(run: DailyRun, *, now: datetime) -> None:
    if now >= run.set.ends_at:
        raise DailyOverError(run.set.day)


def _outcomes(run: DailyRun) -> list[bool]:
    """Return for each answered question, in order, whether it was right."""
    return [is_correct for is_correct, _ in _given(run)]


def _given(run: DailyRun) -> list[tuple[bool, datetime]]:
    """Return for each answered question, in order, whether it was right, and when."""
    return _answered.rows(run_id=run.pk)


@prepared
def _answered(*, run_id: int) -> QuerySet[DailyAnswer, tuple[bool, datetime]]:
    answers = DailyAnswer.objects.filter(run_id=run_id)
    return answers.order_by("number").values_list("is_correct", "answered_at")


def _question(run: DailyRun, number: int) -> DailyQuestion:
    question = _question_of.first(set_id=run.set_id, number=number)
    assert question is not None  # A set is stored with all its questions.
    return question


@prepared
def _question_of(*, set_id: int, number: int) -> QuerySet[DailyQuestion]:
    return DailyQuestion.objects.select_related("version").filter(set_id=set_id, number=number)


def _finish(run: DailyRun, *, score: int, player: Player, now: datetime) -> StreakChange:
    """Finish a run, which is locked and has all its answers, and count the day as active."""
    run.finished_at, run.score = now, score
    run.save(update_fields=["finished_at", "score"])
    return streaks.record_activity(player=player, now=now)


# --- What staff do --------------------------------------------------------------------------------


def planned(now: datetime) -> dict[date, DailySet | None]:
    """Return the days that can be drawn ahead, with their sets where they are drawn."""
    days = [today(now) + number * DAY for number in range(1, PLANNED_DAYS + 1)]
    stored = {daily_set.day: daily_set for daily_set in DailySet.objects.filter(day__in=days)}
    return {day: stored.get(day) for day in days}


@transaction.atomic
def plan(*, staff: User, reason: str, now: datetime) -> list[DailySet]:
    """Draw the next seven days that nobody has drawn yet, and return their sets.

    Raises TooFewQuestionsError when the bank does not suffice; then none is drawn.
    """
    words = reasons.normalise(reason)
    drawn = [draw(day=day, now=now) for day, stored in planned(now).items() if stored is None]
    for daily_set in drawn:
        audit.record(
            actor=staff,
            action="dailyset.drawn",
            obj=daily_set,
            summary=f"{daily_set} was drawn ahead: {words}",
            details={"reason": words},
        )
    return drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A question of a set, and the one that is to take its place."""

    question: DailyQuestion
    version: QuestionVersion

    @property
    def level(self) -> Level:
        """The level that the new question has now."""
        return Level(self.version.question_row.level)


def preview_replacement(
    *, set_id: int, number: int, quiz_id: str, seed: str, now: datetime
) -> Replacement:
    """Return what `replace` would do, or raise what it would raise. Nothing is written."""
    question = DailyQuestion.objects.select_related("set", "version__question_row").get(
        set=set_id, number=number
    )
    if now >= question.set.starts_at:
        raise DailyQuestionError("The day of this challenge has begun: its questions stay.")
    version = _chosen(question, quiz_id) if quiz_id else _drawn_anew(question, seed)
    return Replacement(question=question, version=version)


@transaction.atomic
def replace(
    *,
    set_id: int,
    number: int,
    version_id: int,
    quiz_id: str,
    seed: str,
    staff: User,
    reason: str,
    now: datetime,
) -> DailyQuestion:
    """Replace a question before its day begins, by one that is chosen or drawn anew.

    `version_id` is the version that is to be replaced: another one, because somebody else was
    faster, is refused. The same `seed` draws the same question as in the preview. Locks the set.
    Raises DailyQuestionError with the reason.
    """
    words = reasons.normalise(reason)
    advisory_locks.lock(Space.DAILY_SETS)  # Nobody draws the new question for another day.
    DailySet.objects.select_for_update().get(pk=set_id)
    found = preview_replacement(set_id=set_id, number=number, quiz_id=quiz_id, seed=seed, now=now)
    question, before = found.question, found.question.version
    if before.pk != version_id:
        raise DailyQuestionError("This question has been replaced meanwhile.")
    question.version, question.level = found.version, found.level
    question.order = bank.shuffled(len(found.version.options), random.Random(seed))
    question.save(update_fields=["version", "level", "order"])
    old, new = before.question_row.quiz_id, found.version.question_row.quiz_id
    audit.record(
        actor=staff,
        action="dailyset.question_replaced",
        obj=question.set,
        summary=f"{question.set}: question {number} is {new} instead of {old}: {words}",
        details={"number": number, "before": old, "after": new, "reason": words},
    )
    return question


def _chosen(question: DailyQuestion, quiz_id: str) -> QuestionVersion:
    """Return the newest version of the question that was named, if it can take the place."""
    wanted = Question.objects.filter(quiz_id=quiz_id).first()
    level = DAILY_LEVELS[question.number - 1]
    if wanted is None:
        raise DailyQuestionError(f"There is no question {quiz_id}.")
    if not wanted.is_enabled:
        raise DailyQuestionError(f"{quiz_id} is disabled.")
    if wanted.kind not in CHOICES:
        raise DailyQuestionError(f"{quiz_id} has no options to choose from.")
    if wanted.level != level:
        raise DailyQuestionError(f"{quiz_id} has the level {wanted.level}, not {level}.")
    free = _candidates(question.set.day, without=question)
    if wanted.pk not in {one.question_id for one in free}:
        raise DailyQuestionError(
            f"{quiz_id} is in a daily challenge of the {DAILY_PAUSE_DAYS} days before or after."
        )
    newest = _newest_version(wanted.pk)
    if newest.pk == question.version_id:
        raise DailyQuestionError(f"{quiz_id} is this question already.")
    return newest


def _drawn_anew(question: DailyQuestion, seed: str) -> QuestionVersion:
    """Return a question of the same level that may be asked, always the same for one seed."""
    level = DAILY_LEVELS[question.number - 1]
    same = [one for one in _candidates(question.set.day) if one.level == level]
    found = choose(same, levels=[level], rng=random.Random(seed))
    if not found:
        raise DailyQuestionError(f"No other question of the level {level} may be asked that day.")
    return _newest_version(found[0].question_id)


def _newest_version(question_id: int) -> QuestionVersion:
    versions = QuestionVersion.objects.select_related("question_row")
    return versions.get(question_row=question_id, number=F("question_row__version"))
