"""What was played, for tests of what is counted of it: rows, without the way to them."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

from quizarena.game.models import (
    DailyAnswer,
    DailyQuestion,
    DailyRun,
    DailySet,
    Question,
    QuestionVersion,
    Round,
    RoundQuestion,
)
from quizarena.players.models import Player
from tests.factories import PlayerFactory, QuestionFactory

# A Wednesday in Berlin, an hour ahead.
TODAY = date(2026, 12, 16)
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
DAY = timedelta(days=1)

_keys = count(1)


def newcomer(started_at: datetime = NOON, **fields: object) -> Player:
    """Return a player who has started then."""
    made: Player = PlayerFactory.create(started_at=started_at, **fields)
    return made


def question_of(level: str, mode: str) -> Question:
    """Return a question of the level and mode, a new one if there is none."""
    found = Question.objects.filter(level=level, category=mode).first()
    return found or QuestionFactory.create(level=level, category=mode)


def answer_round(
    player: Player,
    *outcomes: bool,
    at: datetime = NOON,
    took: timedelta = timedelta(seconds=5),
    level: str = "A1",
    mode: str = "ARTIKEL_SPRINT",
    finishes: bool = False,
) -> Round:
    """Let the player have answered like that in a round; each answer at this very moment."""
    question = question_of(level, mode)
    version = QuestionVersion.objects.get(question_row=question, number=question.version)
    played = Round.objects.create(
        player=player,
        mode=mode,
        start_key=f"key:{next(_keys)}",
        started_at=at,
        state="FINISHED" if finishes else "STOPPED",
        finished_at=at,
    )
    for number, right in enumerate(outcomes, 1):
        RoundQuestion.objects.create(
            round=played,
            number=number,
            player=player,
            mode=mode,
            question=question,
            version=version,
            order=[0, 1, 2, 3],
            shown_at=at - took,
            answered_at=at,
            choice=1 if right else 0,
            is_correct=right,
        )
    return played


def draw_day(day: date) -> DailySet:
    """Store the challenge of a day in winter, from a bank that has seven questions for it."""
    starts_at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1)
    daily_set = DailySet.objects.create(
        day=day, starts_at=starts_at, ends_at=starts_at + DAY, drawn_at=starts_at
    )
    for number, level in enumerate(("A1", "A1", "A2", "A2", "A2", "B1", "B1"), 1):
        question = QuestionFactory.create(level=level, category="DAILY_CHALLENGE")
        DailyQuestion.objects.create(
            set=daily_set,
            number=number,
            version=QuestionVersion.objects.get(question_row=question),
            level=level,
            order=[0, 1, 2, 3],
        )
    return daily_set


def answer_daily(
    player: Player,
    daily_set: DailySet,
    choices: str,
    *,
    took: timedelta = timedelta(seconds=5),
) -> DailyRun:
    """Let the player have chosen these options, "1" is right; who has seven has finished."""
    begin = daily_set.starts_at + timedelta(hours=12)
    run = DailyRun.objects.create(player=player, set=daily_set, started_at=begin)
    for number, choice in enumerate(choices, 1):
        DailyAnswer.objects.create(
            run=run,
            number=number,
            choice=int(choice),
            is_correct=choice == "1",
            answered_at=begin + number * took,
        )
    if len(choices) == 7:
        run.finished_at, run.score = begin + 7 * took, choices.count("1")
        run.save()
    return run
