"""What reports and answers say about a question, at every border."""

import pytest

from quizarena.game.report_rules import (
    Difficulty,
    difficulty,
    median_seconds,
    misleads,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "answers", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.278),
        (5, 10, 0.237, 0.763),
        (10, 10, 0.722, 1.0),
        (80, 100, 0.711, 0.867),
    ],
)
def test_the_interval_of_a_share(right: int, answers: int, low: float, high: float) -> None:
    interval = wilson(right, answers)

    assert round(interval.low, 3) == low
    assert round(interval.high, 3) == high


@pytest.mark.parametrize(
    ("right", "answers", "found"),
    [
        (0, 29, Difficulty.UNKNOWN),
        (0, 30, Difficulty.HARDER),
        # 45 % is where a player falls; the interval has to lie below it.
        (35, 100, Difficulty.HARDER),
        (36, 100, Difficulty.FITTING),
        (70, 100, Difficulty.FITTING),
        (95, 100, Difficulty.FITTING),
        (96, 100, Difficulty.EASIER),
        (30, 30, Difficulty.FITTING),
        (100, 100, Difficulty.EASIER),
    ],
)
def test_how_hard_a_question_is(right: int, answers: int, found: Difficulty) -> None:
    assert difficulty(right, answers) is found


@pytest.mark.parametrize(
    ("chosen", "correct", "found"),
    [
        ((15, 14, 0, 0), 1, False),  # 29 answers are too few.
        ((16, 14, 0, 0), 1, True),
        ((15, 15, 0, 0), 1, False),  # As often is not more often.
        ((14, 16, 0, 0), 1, False),
        ((5, 9, 10, 6), 1, True),
        ((30, 0), 0, False),
        ((0, 30), 0, True),
    ],
)
def test_a_wrong_option_that_is_chosen_more_often_than_the_right_one(
    chosen: tuple[int, ...], correct: int, found: bool
) -> None:
    assert misleads(chosen, correct=correct) is found


@pytest.mark.parametrize(
    ("counts", "median"),
    [
        ((), None),
        ((0, 0, 0), None),
        ((0, 1, 0), 1),
        ((1, 1, 0), 0),
        ((1, 0, 2), 2),
        ((3, 0, 2), 0),
    ],
)
def test_the_second_within_which_half_have_answered(
    counts: tuple[int, ...], median: int | None
) -> None:
    assert median_seconds(counts) == median
