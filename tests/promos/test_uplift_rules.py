"""How two groups are compared, against values that were computed elsewhere."""

import pytest

from promos.uplift_rules import (
    Group,
    difference_of_means,
    difference_of_shares,
    is_enough,
)


def share(of: int, players: int) -> Group:
    """Return a group in which `of` players have done something once."""
    return Group(players=players, players_with=of, total=of, squared=of)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        # Newcombe, Interval estimation for the difference between independent proportions,
        # Statistics in Medicine 17 (1998), table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_shares_are_compared_as_newcombe_does(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    difference = difference_of_shares(share(*one), share(*other))

    assert (round(difference.low, 4), round(difference.high, 4)) == (low, high)


def test_means_are_compared_with_unequal_variances() -> None:
    # 150 players without, 30 with one, 15 with two and 5 with four, against 85, 12 and 3 with two.
    # By Python's statistics: variances 0.6934673 and 0.2096970.
    offered = Group(players=200, players_with=50, total=80, squared=170)
    held_out = Group(players=100, players_with=15, total=18, squared=24)

    difference = difference_of_means(offered, held_out)

    assert round(offered.variance, 7) == 0.6934673
    assert round(held_out.variance, 7) == 0.2096970
    assert round(difference.value, 6) == 0.22
    assert (round(difference.low, 6), round(difference.high, 6)) == (0.073798, 0.366202)
    assert difference.is_clear


def test_no_difference_is_not_clear() -> None:
    difference = difference_of_shares(share(20, 200), share(10, 100))

    assert difference.value == 0
    assert difference.low < 0 < difference.high
    assert not difference.is_clear


@pytest.mark.parametrize(
    ("offered", "held_out", "enough"),
    [
        (share(10, 100), share(10, 100), True),
        (share(10, 100), share(9, 100), False),
        (share(9, 5_000), share(10, 100), False),
        (share(10, 100), share(10, 99), False),
    ],
)
def test_a_hundred_players_and_ten_buyers_in_each_are_enough(
    offered: Group, held_out: Group, enough: bool
) -> None:
    assert is_enough(offered, held_out) is enough
