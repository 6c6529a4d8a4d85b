"""The rules of tournaments, on their own."""

from datetime import UTC, datetime, timedelta

import pytest

from quizarena.game.tournament_rules import (
    FORMATS,
    TOURNAMENT_MOVES,
    Outcome,
    Side,
    TournamentKind,
    choose,
    deadline,
    outcome,
    rounds_for,
)

CUP, PRIVATE = TournamentKind.CUP, TournamentKind.PRIVATE
STARTS = datetime(2026, 12, 16, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def side(answered: int, correct: int) -> Side:
    """Return what somebody has answered in a round."""
    return Side(answered=answered, correct=correct)


def test_the_moves_of_a_tournament() -> None:
    assert [(old.value, new.value) for old, new in TOURNAMENT_MOVES] == [
        ("OPEN", "RUNNING"),
        ("OPEN", "CALLED_OFF"),
        ("RUNNING", "FINISHED"),
        ("RUNNING", "CALLED_OFF"),
    ]


def test_the_numbers_of_both_kinds() -> None:
    cup, private = FORMATS[CUP], FORMATS[PRIVATE]

    assert (cup.players_min, cup.players_max, cup.lengths) == (4, 100, (7,))
    assert cup.round_time == 30 * MINUTE
    assert (private.players_min, private.players_max, private.lengths) == (2, 8, (5, 12))
    assert private.round_time == timedelta(hours=24)
    assert (cup.with_buchholz, private.with_buchholz) == (True, False)


@pytest.mark.parametrize(
    ("kind", "players", "rounds"),
    [
        (CUP, 4, 3), (CUP, 20, 3), (CUP, 21, 4), (CUP, 100, 4),
        (PRIVATE, 2, 1), (PRIVATE, 3, 3), (PRIVATE, 4, 3), (PRIVATE, 5, 3), (PRIVATE, 8, 3),
    ],
)  # fmt: skip
def test_rounds(kind: TournamentKind, players: int, rounds: int) -> None:
    assert rounds_for(kind, players=players) == rounds


@pytest.mark.parametrize(
    ("number", "begins", "ends"),
    [
        (1, 0, 30), (1, 7, 37), (2, 30, 60), (2, 8, 60), (2, 29, 60), (2, 31, 61), (4, 40, 120),
        (4, 95, 125),
    ],
)  # fmt: skip
def test_a_round_of_a_cup_has_its_time_and_ends_no_earlier_than_by_the_clock(
    number: int, begins: int, ends: int
) -> None:
    assert (
        deadline(CUP, starts_at=STARTS, number=number, begins_at=STARTS + begins * MINUTE)
        == STARTS + ends * MINUTE
    )


def test_a_round_of_a_private_tournament_has_a_day() -> None:
    begins = STARTS + timedelta(hours=3)

    ends = deadline(PRIVATE, starts_at=STARTS, number=2, begins_at=begins)

    assert ends == begins + timedelta(hours=24)


@pytest.mark.parametrize(
    ("own", "other", "result"),
    [
        (side(7, 4), side(7, 3), "WIN"),
        (side(7, 3), side(7, 4), "LOSS"),
        (side(7, 4), side(7, 4), "DRAW"),
        (side(2, 2), side(7, 1), "WIN"),
        (side(7, 0), side(0, 0), "WIN"),
        (side(0, 0), side(7, 0), "LOSS"),
        (side(1, 0), side(7, 0), "DRAW"),
        (side(0, 0), side(0, 0), "LOSS"),
        (side(0, 0), None, "BYE"),
        (side(7, 7), None, "BYE"),
    ],
)
def test_how_a_round_goes(own: Side, other: Side | None, result: str) -> None:
    assert outcome(own, other) is Outcome(result)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["A1", "A1"], ["a1", "b1"]),
        (["B2"], ["d3"]),
        (["A1", "A2"], ["a1", "c2"]),
        (["A1", "A1", "A1"], ["a1", "b1", "c2"]),
        (["B1", "A2"], ["d3", "c2"]),
        (["A1"] * 5, ["a1", "b1", "c2", "d3"]),
    ],
)
def test_what_a_level_lacks_comes_from_the_nearest(wanted: list[str], chosen: list[str]) -> None:
    levels = {"1": "A1", "2": "A2", "3": "B1"}

    found = choose(["a1", "b1", "c2", "d3"], wanted=wanted, level_of=lambda one: levels[one[1]])

    assert found == chosen
