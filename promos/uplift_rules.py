"""How two groups of players are compared. Pure: sums in, differences with their intervals out.

Means are compared with the normal approximation, without the assumption that both groups vary
alike; shares with Newcombe's interval, which is made of Wilson's. Product rules, section 8.
"""

from dataclasses import dataclass
from math import sqrt

# The normal distribution has 95 % within so many standard deviations.
Z = 1.959963984540054
# With fewer in either group nothing is concluded.
PLAYERS_MIN = 100
EVENTS_MIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One measure of one group: sum and sum of squares over its players.

    `players_with` are those for whom it is more than 0.
    """

    players: int
    players_with: int
    total: int
    squared: int

    @property
    def mean(self) -> float:
        """Return the measure of an average player."""
        return self.total / self.players if self.players else 0.0

    @property
    def share(self) -> float:
        """Return the share of players for whom it is more than 0."""
        return self.players_with / self.players if self.players else 0.0

    @property
    def variance(self) -> float:
        """Return the variance between players, as a sample estimates it."""
        return max(0.0, self.squared - self.total**2 / self.players) / (self.players - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much more one group has than the other, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return whether no difference at all lies outside the interval."""
        return self.low > 0 or self.high < 0


def is_enough(offered: Group, held_out: Group) -> bool:
    """Return whether the groups are large enough for a conclusion."""
    return all(
        group.players >= PLAYERS_MIN and group.players_with >= EVENTS_MIN
        for group in (offered, held_out)
    )


def difference_of_means(offered: Group, held_out: Group) -> Difference:
    """Return by how much the mean of `offered` is above that of `held_out`."""
    value = offered.mean - held_out.mean
    error = sqrt(offered.variance / offered.players + held_out.variance / held_out.players)
    return Difference(value=value, low=value - Z * error, high=value + Z * error)


def difference_of_shares(offered: Group, held_out: Group) -> Difference:
    """Return by how much the share of `offered` is above that of `held_out`."""
    value = offered.share - held_out.share
    low_1, high_1 = _wilson(offered)
    low_2, high_2 = _wilson(held_out)
    return Difference(
        value=value,
        low=value - sqrt((offered.share - low_1) ** 2 + (high_2 - held_out.share) ** 2),
        high=value + sqrt((high_1 - offered.share) ** 2 + (held_out.share - low_2) ** 2),
    )


def _wilson(group: Group) -> tuple[float, float]:
    """Return Wilson's interval of the group's share."""
    n, share = group.players, group.share
    middle = share + Z**2 / (2 * n)
    width = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return (middle - width) / (1 + Z**2 / n), (middle + width) / (1 + Z**2 / n)
