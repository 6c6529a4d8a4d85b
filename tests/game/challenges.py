"""Daily challenges for tests: a bank, players, and their way through a day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from django.db import transaction

from quizarena.game import daily
from quizarena.game.daily import Answer
from quizarena.game.models import DailyAnswer, DailyQuestion, DailyRun, DailySet, Question
from quizarena.players.models import Player
from tests.factories import PlayerFactory, QuestionFactory

# A Wednesday in Berlin, an hour ahead.
TODAY = date(2026, 12, 16)
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
LAST_MOMENT = datetime(2026, 12, 16, 22, 59, 59, 999_999, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 16, 23, tzinfo=UTC)


def make_bank(mode: str = "DAILY_CHALLENGE", /, **levels: int) -> list[Question]:
    """Store so many questions of each level; the second option is right."""
    questions = [
        QuestionFactory.build(
            quiz_id=f"{mode}-{level}-{number}",
            question=f"Frage {level} {number}?",
            option_1=f"falsch {number}",
            option_2=f"richtig {number}",
            option_3=f"verkehrt {number}",
            option_4=f"daneben {number}",
            explanation=f"Weil {number} richtig ist.",
            level=level,
            category=mode,
            key=f"{mode}-{level}-{number}",
        )
        for level, count in levels.items()
        for number in range(count)
    ]
    return Question.objects.bulk_create(questions)


def make_day() -> list[Question]:
    """Store exactly the questions of one day."""
    return make_bank(A1=2, A2=3, B1=2)


def quiz_ids(daily_set: DailySet) -> list[str]:
    """Return the questions of a set in their order."""
    questions = daily_set.questions.order_by("number")
    return list(questions.values_list("version__question_row__quiz_id", flat=True))


def levels(daily_set: DailySet) -> list[str]:
    """Return the levels of a set in the order of its questions."""
    return list(daily_set.questions.order_by("number").values_list("level", flat=True))


def tap(
    player: Player, run: DailyRun, number: int, *, right: bool = True, now: datetime = NOON
) -> Answer:
    """Answer a question of the run; the bank's second option is right, its first is wrong."""
    question = DailyQuestion.objects.get(set=run.set_id, number=number)
    with transaction.atomic():
        return daily.answer(
            player=player,
            run_id=run.pk,
            number=number,
            option_index=question.order.index(1 if right else 0),
            now=now,
        )


def play(
    player: Player | None = None,
    outcomes: Sequence[bool] = (True,) * 7,
    *,
    started: datetime = NOON,
    now: datetime = NOON,
) -> DailyRun:
    """Let a player answer like that, and return the run."""
    player = player or PlayerFactory.create()
    run = daily.start(player=player, now=started).run
    for number, right in enumerate(outcomes, DailyAnswer.objects.filter(run=run).count() + 1):
        tap(player, run, number, right=right, now=now)
    run.refresh_from_db()
    return run
