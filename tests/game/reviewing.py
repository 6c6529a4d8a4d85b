"""Review cards for tests: questions, cards in any state, and answers in reviews."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from quizarena.game import reviews
from quizarena.game.models import Question, ReviewCard, ReviewQuestion
from quizarena.game.reviews import Answer
from quizarena.players.models import Player
from tests.factories import QuestionFactory

# A Wednesday in Berlin, an hour ahead.
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
# Within which an answer is good.
USUAL = timedelta(seconds=8)


def make_question(number: int = 0, **fields: Any) -> Question:
    """Store a question whose second option is right."""
    made: Question = QuestionFactory.create(
        question=f"Frage {number}?",
        option_1=f"falsch {number}",
        option_2=f"richtig {number}",
        option_3=f"verkehrt {number}",
        option_4=f"daneben {number}",
        explanation=f"Weil {number} richtig ist.",
        **fields,
    )
    return made


def make_card(
    player: Player,
    *,
    question: Question | None = None,
    stability: float | None = None,
    last: datetime | None = None,
    due: datetime = NOON,
    origin: str = "MISTAKE",
) -> ReviewCard:
    """Store a card of a question of its own; with `stability` it is in review since `last`."""
    known: dict[str, Any] = {"state": 1, "step": 0}
    if stability is not None:
        known = {
            "state": 2,
            "step": None,
            "stability": stability,
            "difficulty": 5.0,
            "last_review_at": last or NOON - DAY,
        }
    return ReviewCard.objects.create(
        player=player,
        question=question or make_question(ReviewCard.objects.count()),
        origin=origin,
        # So that fifty of them are not all that a day can have.
        created_at=NOON - DAY * (1 + ReviewCard.objects.count() // 50),
        created_on=(NOON - DAY * (1 + ReviewCard.objects.count() // 50)).date(),
        due_at=due,
        **known,
    )


def start(player: Player, now: datetime = NOON) -> ReviewQuestion:
    """Let the player come to a review; return its question."""
    with transaction.atomic():
        return reviews.start(player=player, now=now)


def tap(
    player: Player, asked: ReviewQuestion, *, right: bool = True, now: datetime | None = None
) -> Answer:
    """Answer a card; the bank's second option is right, its first is wrong."""
    with transaction.atomic():
        return reviews.answer(
            player=player,
            review_question_id=asked.pk,
            option_index=asked.order.index(1 if right else 0),
            now=now or asked.shown_at + USUAL,
        )


def undo(player: Player, asked: ReviewQuestion, now: datetime) -> ReviewQuestion:
    """Take an answer back; return the question that is asked again."""
    with transaction.atomic():
        return reviews.undo(player=player, review_question_id=asked.pk, now=now)
