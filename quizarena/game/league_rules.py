"""Leagues: how a group ends, and which week an instant is in. Product rules, section 11.

Pure: no database, no clock, no Django. A week begins on the Monday of the business zone, so one
with a change of the clock is a week like any other.
"""

from datetime import date, datetime, timedelta, tzinfo
from enum import IntEnum, StrEnum

GROUP_SIZE = 30
# So many of a group rise and fall at most.
RISING, FALLING = 7, 5
WEEK = timedelta(days=7)


class Tier(IntEnum):
    """The tiers, from the one in which everybody begins."""

    BRONZE = 1
    SILBER = 2
    GOLD = 3
    PLATIN = 4
    DIAMANT = 5


class Outcome(StrEnum):
    """How a week has ended for a member of a group."""

    ROSE = "ROSE"
    STAYED = "STAYED"
    FELL = "FELL"
    LEFT = "LEFT"


def week_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def ends_at(week: date, *, zone: tzinfo) -> datetime:
    """Return the midnight with which the week ends."""
    return datetime.combine(week + WEEK, datetime.min.time(), tzinfo=zone)


def rising(size: int, *, tier: Tier) -> int:
    """Return how many of a group of `size` rise: seven, of fewer than 14 the better half."""
    return 0 if tier is max(Tier) else min(RISING, size // 2)


def falling(size: int, *, tier: Tier) -> int:
    """Return how many of a group of `size` fall: five, of fewer than 15 the last third.

    Together with those who rise that is never more than all of them, and whoever is alone stays.
    """
    return 0 if tier is min(Tier) else min(FALLING, size // 3)


def outcome(place: int, *, size: int, tier: Tier) -> Outcome:
    """Return what becomes of who is at `place`, from 1, of a group of `size`."""
    if place <= rising(size, tier=tier):
        return Outcome.ROSE
    if place > size - falling(size, tier=tier):
        return Outcome.FELL
    return Outcome.STAYED


def next_tier(tier: Tier, outcome: Outcome) -> Tier:
    """Return the tier of the next week."""
    step = {Outcome.ROSE: 1, Outcome.FELL: -1}.get(outcome, 0)
    return Tier(tier + step)
