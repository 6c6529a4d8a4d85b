"""How reviews are rated, scheduled and predicted; and how well, for learners who are known."""

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from fsrs import Card, Rating

from quizarena.game import review_rules
from quizarena.game.models import Kind
from tests.game.forgetting import Learner, Outcome

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
AGAIN, HARD, GOOD, EASY = 1, 2, 3, 4


class TestRating:
    @pytest.mark.parametrize(
        ("seconds", "rating"),
        [
            (0, EASY),
            (3.999, EASY),
            (4, GOOD),
            (15, GOOD),
            (15.001, HARD),
            (86_400, HARD),
        ],
    )
    def test_a_right_answer_is_rated_by_its_time(self, seconds: float, rating: int) -> None:
        assert review_rules.rate(is_right=True, elapsed=timedelta(seconds=seconds)) == rating

    @pytest.mark.parametrize(
        ("kind", "seconds", "rating"),
        [
            ("picture", 3.999, EASY),
            ("mistake", 15.001, HARD),
            ("typed", 7.999, EASY),
            ("typed", 8, GOOD),
            ("typed", 30, GOOD),
            ("typed", 30.001, HARD),
            ("order", 14.999, EASY),
            ("order", 15, GOOD),
            ("order", 60, GOOD),
            ("order", 60.001, HARD),
        ],
    )
    def test_what_is_written_takes_longer(self, kind: str, seconds: float, rating: int) -> None:
        elapsed = timedelta(seconds=seconds)

        assert review_rules.rate(is_right=True, elapsed=elapsed, kind=kind) == rating
        assert kind in Kind.values

    @pytest.mark.parametrize("seconds", [0, 4, 15, 86_400])
    def test_a_wrong_one_is_again_whatever_its_time(self, seconds: float) -> None:
        assert review_rules.rate(is_right=False, elapsed=timedelta(seconds=seconds)) == AGAIN


class TestSchedule:
    def test_a_new_card_is_due_at_once(self) -> None:
        new = review_rules.new(NOON)

        assert (new.state, new.step, new.stability, new.due_at) == (1, 0, None, NOON)

    @pytest.mark.parametrize(
        ("rating", "state", "step", "stability", "due_in"),
        [
            (AGAIN, 1, 0, 0.212, timedelta(minutes=1)),
            (HARD, 1, 0, 1.2931, timedelta(minutes=5.5)),
            (GOOD, 1, 1, 2.3065, timedelta(minutes=10)),
            (EASY, 2, None, 8.2956, timedelta(days=8)),
        ],
    )
    def test_the_first_answer(
        self, rating: int, state: int, step: int | None, stability: float, due_in: timedelta
    ) -> None:
        known = review_rules.review(review_rules.new(NOON), Rating(rating), at=NOON)

        assert (known.state, known.step, known.stability) == (state, step, stability)
        assert known.due_at - NOON == due_in
        assert known.last_review_at == NOON

    def test_two_right_answers_bring_a_card_back_in_two_days_each_time_the_same(self) -> None:
        """There is no fuzz: everybody who answers like that has the same date."""
        for _ in range(20):
            known = review_rules.new(NOON)
            for minutes in (0, 10):
                at = NOON + timedelta(minutes=minutes)
                known = review_rules.review(known, Rating.Good, at=at)

            assert known.state == 2
            assert known.due_at == NOON + timedelta(minutes=10, days=2)

    def test_a_card_comes_back_when_it_is_remembered_with_nine_tenths(self) -> None:
        easy = review_rules.review(review_rules.new(NOON), Rating.Easy, at=NOON)

        assert review_rules.predict(easy, at=easy.due_at) == pytest.approx(0.9, abs=0.01)


class TestPrediction:
    def test_there_is_none_of_a_new_card(self) -> None:
        assert review_rules.predict(review_rules.new(NOON), at=NOON + timedelta(days=3)) is None

    def test_there_is_none_within_a_day(self) -> None:
        good = review_rules.review(review_rules.new(NOON), Rating.Good, at=NOON)

        assert review_rules.predict(good, at=NOON + timedelta(days=1) - MILLISECOND) is None
        assert review_rules.predict(good, at=NOON + timedelta(days=1)) == pytest.approx(
            0.946, abs=0.001
        )

    @pytest.mark.parametrize("days", [1, 2, 30, 400])
    def test_after_whole_days_it_is_what_the_library_says(self, days: int) -> None:
        good = review_rules.review(review_rules.new(NOON), Rating.Good, at=NOON)
        at = NOON + timedelta(days=days)
        card = Card(card_id=1, stability=good.stability, difficulty=5.0, last_review=NOON)

        said = review_rules.SCHEDULER.get_card_retrievability(card, at)

        assert review_rules.predict(good, at=at) == pytest.approx(said, rel=1e-12)

    def test_parts_of_days_count(self) -> None:
        good = review_rules.review(review_rules.new(NOON), Rating.Good, at=NOON)
        one, half, two = (
            review_rules.predict(good, at=NOON + timedelta(days=days)) for days in (1, 1.5, 2)
        )

        assert one is not None
        assert half is not None
        assert two is not None
        assert one > half > two


class TestLogLoss:
    def test_of_nothing_there_is_none(self) -> None:
        assert review_rules.log_loss([]) is None

    def test_it_is_the_mean_of_what_each_prediction_cost(self) -> None:
        loss = review_rules.log_loss([(0.9, True), (0.9, False)])

        assert loss == pytest.approx((0.105361 + 2.302585) / 2, abs=1e-6)


def log_loss(found: Sequence[Outcome]) -> float:
    """Return the log loss of what was predicted."""
    loss = review_rules.log_loss((one.predicted, one.is_right) for one in found)
    assert loss is not None
    return loss


def entropy(found: Sequence[Outcome]) -> float:
    """Return the log loss that there is if the predictions are as sure as they say: chance."""
    return math.fsum(
        -one.predicted * math.log(one.predicted) - (1 - one.predicted) * math.log(1 - one.predicted)
        for one in found
    ) / len(found)


class TestKnownLearners:
    """Three new cards a day, 60 days; what they remember is known to the test alone."""

    def test_the_log_loss_is_at_most_0_34(self) -> None:
        """Forty learners who come five times a day: a card is asked soon after it is due."""
        began = time.process_time()

        found = [one for seed in range(40) for one in Learner(seed).review(days=60)]

        assert len(found) > 15_000
        assert log_loss(found) <= 0.34
        # Nobody can do better than this who asks when nine of ten cards are known.
        assert abs(log_loss(found) - entropy(found)) < 0.01
        assert entropy(found) > 0.325
        assert time.process_time() - began < 10

    def test_who_comes_once_a_day_is_asked_later_and_less_sure(self) -> None:
        learners = [Learner(seed, visits=(15, 30)) for seed in range(20)]

        found = [one for learner in learners for one in learner.review(days=60)]

        assert log_loss(found) < 0.37
        assert abs(log_loss(found) - entropy(found)) < 0.01

    def test_as_many_answers_are_right_as_was_predicted_even_of_who_forgets_at_once(self) -> None:
        """Half of the first answers are wrong: such cards are asked again when less is sure."""
        learners = [Learner(seed, first=0.5) for seed in range(10)]

        found = [one for learner in learners for one in learner.review(days=60)]

        predicted = math.fsum(one.predicted for one in found) / len(found)
        right = sum(one.is_right for one in found) / len(found)
        assert abs(predicted - right) < 0.015

    def test_a_memory_of_another_kind_is_predicted_worse(self) -> None:
        """Show that the figures can be bad: these forget by parameters far from the published."""
        learners = [Learner(seed, spread=2.0) for seed in range(5)]

        found = [one for learner in learners for one in learner.review(days=60)]

        assert abs(log_loss(found) - entropy(found)) > 0.015
