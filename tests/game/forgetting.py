"""Learners whose forgetting is known, who review for some days by the rules of the game.

What a learner remembers follows FSRS's own power curve with parameters of the learner's own, near
the published ones. The scheduler does not know them: it sees answers and how long they took.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fsrs import Scheduler
from fsrs.scheduler import (
    DEFAULT_PARAMETERS,
    LOWER_BOUNDS_PARAMETERS,
    UPPER_BOUNDS_PARAMETERS,
)

from quizarena.game import review_rules
from quizarena.game.review_rules import Memory

BEGIN = datetime(2026, 11, 2, 7, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the scheduler has predicted, and whether the answer was right."""

    predicted: float
    is_right: bool


class Learner:
    """Somebody with a memory of their own, and so many new cards a day.

    `visits` are when they come on a day, in minutes after the mistakes. `first` is how probable the
    first answer to a new card is right: it comes a quarter of an hour after the mistake and its
    explanation. `spread` is how far each parameter is from the published one, as the deviation of
    its logarithm.
    """

    def __init__(
        self,
        seed: int,
        *,
        spread: float = 0.1,
        new_cards: int = 3,
        first: float = 0.95,
        visits: Sequence[int] = (15, 30, 240, 480, 720),
    ) -> None:
        self._visits = visits
        self._rng = random.Random(seed)
        self._own = Scheduler(
            parameters=[
                min(max(value * self._rng.lognormvariate(0, spread), low), high)
                for value, low, high in zip(
                    DEFAULT_PARAMETERS,
                    LOWER_BOUNDS_PARAMETERS,
                    UPPER_BOUNDS_PARAMETERS,
                    strict=True,
                )
            ],
            enable_fuzzing=False,
        )
        self._new_cards, self._first = new_cards, first

    def review(self, *, days: int) -> Iterator[Outcome]:
        """Come every day within the same two hours, and answer what is due at each visit."""
        # What the game knows of a card, and what is so.
        cards: list[tuple[Memory, Memory]] = []
        for day in range(days):
            at = BEGIN + timedelta(days=day, minutes=self._rng.randrange(120))
            cards += [(review_rules.new(at), review_rules.new(at)) for _ in range(self._new_cards)]
            for minutes in self._visits:
                now = at + timedelta(minutes=minutes)
                for number, (known, true) in enumerate(cards):
                    if known.due_at > now:
                        continue
                    predicted = review_rules.predict(known, at=now)
                    is_right = self._rng.random() < self._remembers(true, now)
                    # About seven seconds: a tenth is easy, as much is hard.
                    elapsed = timedelta(seconds=self._rng.lognormvariate(2, 0.5))
                    rating = review_rules.rate(is_right=is_right, elapsed=elapsed)
                    cards[number] = (
                        review_rules.review(known, rating, at=now),
                        review_rules.review(true, rating, at=now, scheduler=self._own),
                    )
                    if predicted is not None:
                        yield Outcome(predicted, is_right)

    def _remembers(self, true: Memory, now: datetime) -> float:
        """Return how probable a right answer is, by the exact time since the last one."""
        if true.stability is None or true.last_review_at is None:
            return self._first
        decay = -self._own.parameters[20]
        factor = 0.9 ** (1 / decay) - 1
        days = (now - true.last_review_at) / timedelta(days=1)
        return float((1 + factor * days / true.stability) ** decay)
