"""How a duel ends, and what each may see of the other: pure."""

import pytest

from quizarena.game import duel_rules
from quizarena.game.duel_rules import DUEL_MOVES, DuelResult, DuelState, Ending, Side

LEVELS = ["A1", "A2", "B1", "B2"]


def ending(
    creator: tuple[int, int], opponent: tuple[int, int], *, state: str = "ACCEPTED", over: bool
) -> Ending | None:
    """Return how a duel of three rounds ends, by (answered, right) of both."""
    return duel_rules.ending(
        state=DuelState(state),
        length=3,
        creator=Side(answered=creator[0], right=creator[1]),
        opponent=Side(answered=opponent[0], right=opponent[1]),
        is_over=over,
    )


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize(
    ("creator", "opponent", "result"), [(3, 2, "CREATOR"), (0, 1, "OPPONENT"), (2, 2, "DRAW")]
)
def test_when_both_have_finished_more_right_answers_win(
    creator: int, opponent: int, result: str, over: bool
) -> None:
    assert ending((3, creator), (3, opponent), over=over) == Ending(
        state=DuelState.COMPLETED, result=DuelResult(result)
    )


@pytest.mark.parametrize(
    ("creator", "opponent"), [((0, 0), (0, 0)), ((2, 2), (3, 0)), ((3, 3), (2, 2))]
)
def test_until_its_time_has_passed_it_goes_on(
    creator: tuple[int, int], opponent: tuple[int, int]
) -> None:
    assert ending(creator, opponent, over=False) is None


@pytest.mark.parametrize(
    ("creator", "opponent", "state", "result"),
    [
        # Who has finished wins, however little was right.
        ((3, 0), (2, 2), "WALKOVER", "CREATOR"),
        ((2, 2), (3, 0), "WALKOVER", "OPPONENT"),
        ((2, 2), (0, 0), "EXPIRED", None),
    ],
)
def test_then_who_has_finished_alone_wins(
    creator: tuple[int, int], opponent: tuple[int, int], state: str, result: str | None
) -> None:
    end = ending(creator, opponent, over=True)

    assert end == Ending(state=DuelState(state), result=DuelResult(result) if result else None)


def test_what_nobody_has_accepted_expires_though_its_creator_has_finished() -> None:
    assert ending((3, 3), (0, 0), state="PENDING", over=False) is None
    assert ending((3, 3), (0, 0), state="PENDING", over=True) == Ending(state=DuelState.EXPIRED)


@pytest.mark.parametrize("state", ["COMPLETED", "WALKOVER", "EXPIRED", "CANCELED"])
def test_what_has_ended_does_not_end_again(state: str) -> None:
    assert ending((3, 3), (3, 1), state=state, over=True) is None
    assert not [old for old, _ in DUEL_MOVES if old == state]


def test_the_other_is_seen_as_far_as_one_has_answered() -> None:
    other = [True, False, True]

    assert duel_rules.visible(own=[], other=other, has_ended=False) == []
    assert duel_rules.visible(own=[False], other=other, has_ended=False) == [True]
    assert duel_rules.visible(own=[False] * 3, other=other[:1], has_ended=False) == [True]
    assert duel_rules.visible(own=[False], other=other, has_ended=True) == other


@pytest.mark.parametrize(
    ("level", "other", "near"),
    [("A1", "A1", True), ("A1", "A2", True), ("A1", "B1", False), ("B2", "B1", True),
     ("B2", "A2", False)],
)  # fmt: skip
def test_open_duels_are_at_most_one_level_apart(level: str, other: str, near: bool) -> None:
    assert duel_rules.is_near(level, other, levels=LEVELS) is near
    assert duel_rules.is_near(other, level, levels=LEVELS) is near


@pytest.mark.parametrize(
    ("level", "order"),
    [("A1", LEVELS), ("A2", ["A2", "A1", "B1", "B2"]), ("B2", ["B2", "B1", "A2", "A1"])],
)
def test_what_a_level_lacks_comes_from_the_nearest_the_easier_first(
    level: str, order: list[str]
) -> None:
    assert duel_rules.nearest(level, levels=LEVELS) == order


@pytest.mark.parametrize(
    ("winners", "needed"),
    [([1], False), ([1, 1], False), ([1, 2], True), ([1, None], True), ([None, None], True),
     ([1, 2, None], False)],
)  # fmt: skip
def test_two_duels_of_three_decide(winners: list[int | None], needed: bool) -> None:
    assert duel_rules.needs_decider(winners) is needed
