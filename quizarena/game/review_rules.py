"""How a review is rated, what the scheduler predicts and when a card is due next. Pure.

The scheduler is FSRS-6 with its published parameters: to fit them to a player the library needs
torch, which is nothing to do beside a game. So they are the same for everybody.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fsrs import Card, Rating, Scheduler, State

# How sure a player should still be when a card comes back.
DESIRED_RETENTION = 0.9
# Stability is in how many days so much is still known, whatever is desired.
KNOWN_AT_STABILITY = 0.9
DAY = timedelta(days=1)

# Two players with the same answers have the same dates: no fuzz.
SCHEDULER = Scheduler(desired_retention=DESIRED_RETENTION, enable_fuzzing=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Within which time a right answer is easy, and after which hard; on the borders it is good."""

    easy_under: timedelta
    hard_over: timedelta


# To tap an option; to write a word or two on a phone; to put five to nine words down, of which each
# comes back from the server before the next.
PACE = Pace(easy_under=timedelta(seconds=4), hard_over=timedelta(seconds=15))
PACES = {
    "typed": Pace(easy_under=timedelta(seconds=8), hard_over=timedelta(seconds=30)),
    "order": Pace(easy_under=timedelta(seconds=15), hard_over=timedelta(seconds=60)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What FSRS knows of one card: it has no stability before its first answer.

    `step` is that of a card that is learnt, or learnt again, within a day.
    """

    state: int
    step: int | None
    stability: float | None
    difficulty: float | None
    due_at: datetime
    last_review_at: datetime | None


def new(at: datetime) -> Memory:
    """Return the memory of a card without any answer, which is due at once."""
    return Memory(
        state=State.Learning.value,
        step=0,
        stability=None,
        difficulty=None,
        due_at=at,
        last_review_at=None,
    )


def rate(*, is_right: bool, elapsed: timedelta, kind: str = "choice") -> Rating:
    """Return the rating of an answer to a question of `kind` (models.Kind).

    By whether it is right, and how long it took.
    """
    if not is_right:
        return Rating.Again
    pace = PACES.get(kind, PACE)
    if elapsed < pace.easy_under:
        return Rating.Easy
    return Rating.Hard if elapsed > pace.hard_over else Rating.Good


def predict(memory: Memory, *, at: datetime) -> float | None:
    """Return how probable a right answer is, between 0 and 1.

    None of a card without an answer, and within a day of the last one, of which FSRS says nothing.
    This is its forgetting curve, with parts of days: the library counts whole ones only, and would
    be too sure of whoever comes a little later each day.
    """
    if memory.stability is None or memory.last_review_at is None:
        return None
    days = (at - memory.last_review_at) / DAY
    if days < 1:
        return None
    decay = -SCHEDULER.parameters[-1]
    factor = KNOWN_AT_STABILITY ** (1 / decay) - 1
    return float((1 + factor * days / memory.stability) ** decay)


def review(
    memory: Memory, rating: Rating, *, at: datetime, scheduler: Scheduler = SCHEDULER
) -> Memory:
    """Return what is known of the card after an answer with this rating."""
    card, _ = scheduler.review_card(_card(memory), rating, at.astimezone(UTC))
    return Memory(
        state=card.state.value,
        step=card.step,
        stability=card.stability,
        difficulty=card.difficulty,
        due_at=card.due,
        last_review_at=card.last_review,
    )


def log_loss(outcomes: Iterable[tuple[float, bool]]) -> float | None:
    """Return the mean log loss of predictions and whether the answers were right; None of none."""
    losses = [-math.log(one if is_right else 1 - one) for one, is_right in outcomes]
    return math.fsum(losses) / len(losses) if losses else None


def _card(memory: Memory) -> Card:
    last = memory.last_review_at
    return Card(
        card_id=0,  # Without one the library waits for the next millisecond.
        state=State(memory.state),
        step=memory.step,
        stability=memory.stability,
        difficulty=memory.difficulty,
        due=memory.due_at.astimezone(UTC),
        last_review=None if last is None else last.astimezone(UTC),
    )
