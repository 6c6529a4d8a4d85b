"""What is worth a look, at every border."""

import pytest

from quizarena.game import fair_play_rules


@pytest.mark.parametrize(
    ("fast", "is_found"), [(0, False), (19, False), (20, True), (21, True), (700, True)]
)
def test_twenty_fast_answers_on_a_day(fast: int, is_found: bool) -> None:
    assert fair_play_rules.answers_too_fast(fast=fast) is is_found


@pytest.mark.parametrize(
    ("questions", "wrong", "differing", "is_found"),
    [
        (10, 5, 0, True),
        (9, 5, 0, False),
        (10, 4, 0, False),
        (10, 5, 1, False),
        (49, 49, 0, True),
        (49, 49, 1, False),
        # Two who know everything prove nothing.
        (49, 0, 0, False),
    ],
)
def test_ten_questions_alike_and_five_of_them_wrong(
    questions: int, wrong: int, differing: int, is_found: bool
) -> None:
    assert (
        fair_play_rules.answers_alike(questions=questions, wrong=wrong, differing=differing)
        is is_found
    )


@pytest.mark.parametrize(
    ("lost", "duels", "won", "is_found"),
    [
        (5, 5, 0, True),
        (4, 4, 0, False),
        (6, 6, 0, True),
        # One of them drawn or won.
        (5, 6, 0, False),
        # Somebody else was beaten.
        (5, 5, 1, False),
    ],
)
def test_five_duels_lost_against_one_and_nothing_but_that(
    lost: int, duels: int, won: int, is_found: bool
) -> None:
    assert fair_play_rules.only_loses(lost=lost, duels=duels, won=won) is is_found
