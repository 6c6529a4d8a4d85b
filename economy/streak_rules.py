"""What a day does to a streak. Product rules, section 7.

Pure: no database, no clock, no Django. A day is a date of the business zone, so a day of a clock
change is one day like any other. economy/streaks.py keeps what this computes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

EARN_BACK_WINDOW = timedelta(hours=48)
EARN_BACK_ROUNDS = 3
DAY = timedelta(days=1)
# Lengths of a streak that are celebrated with a picture.
MILESTONES = (7, 30, 50, 100, 200, 365, 500, 1_000)


class Outcome(StrEnum):
    """The outcome of a day."""

    PLAYED = "PLAYED"
    FROZEN_SAVER = "FROZEN_SAVER"
    FROZEN_PREMIUM = "FROZEN_PREMIUM"
    SHIELDED = "SHIELDED"
    MISSED = "MISSED"
    EARNED_BACK = "EARNED_BACK"


# Every arrow of a day's life: what the player has of it only gets better.
OUTCOME_MOVES = (
    # An outage was ours, or what saved a day before is free for this one.
    (Outcome.MISSED, Outcome.SHIELDED),
    (Outcome.MISSED, Outcome.FROZEN_SAVER),
    (Outcome.MISSED, Outcome.FROZEN_PREMIUM),
    (Outcome.FROZEN_SAVER, Outcome.SHIELDED),
    (Outcome.FROZEN_PREMIUM, Outcome.SHIELDED),
    # Three rounds of ten.
    (Outcome.MISSED, Outcome.EARNED_BACK),
    # An answer of just before midnight was recorded after the day had been rolled over.
    (Outcome.MISSED, Outcome.PLAYED),
    (Outcome.FROZEN_SAVER, Outcome.PLAYED),
    (Outcome.FROZEN_PREMIUM, Outcome.PLAYED),
    (Outcome.SHIELDED, Outcome.PLAYED),
    (Outcome.EARNED_BACK, Outcome.PLAYED),
)
# What an outage shield takes the place of.
SHIELDABLE = (Outcome.MISSED, Outcome.FROZEN_SAVER, Outcome.FROZEN_PREMIUM)


class Safety(Protocol):
    """What may save a missed day; asked only about days that need it."""

    def is_shielded(self, day: date, /) -> bool:
        """Whether an outage of ours kept everybody from playing."""

    def savers(self, day: date, /) -> int:
        """How many streak savers were owned when the day ended and are still free."""

    def freezes(self, day: date, /) -> int | None:
        """How many days of its week the plan of that day freezes; None means all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of a streak. `length` is the streak that the day prolonged, kept or, missed, ended."""

    day: date
    outcome: Outcome
    length: int

    @property
    def streak(self) -> int:
        """The streak when the day is over."""
        return 0 if self.outcome is Outcome.MISSED else self.length


def roll(
    *,
    length: int,
    first: date,
    last: date,
    recorded: Mapping[date, Outcome],
    facts: Mapping[date, Outcome],
    safety: Safety,
) -> list[Day]:
    """Return the outcomes of the days `first` to `last`, in order, after a streak of `length`.

    `recorded` is what has been decided before, also of other days of the first week; `facts` are
    the days that are known to be PLAYED or EARNED_BACK now. A day that was played or saved stays
    so: only a missed day is looked at again, and one of an outage that cost a saver or a freeze.
    While there is no streak, a day without activity is nothing at all: nothing is spent on it.
    """
    outcomes = {**recorded, **facts}
    rolled: list[Day] = []
    savers_used = 0
    for day in days(first, last):
        known = outcomes.get(day)
        if known is Outcome.PLAYED:
            length += 1
        elif length == 0:
            continue
        outcome = _outcome(day, outcomes=outcomes, safety=safety, savers_used=savers_used)
        savers_used += outcome is Outcome.FROZEN_SAVER
        savers_used -= recorded.get(day) is Outcome.FROZEN_SAVER
        outcomes[day] = outcome
        rolled.append(Day(day=day, outcome=outcome, length=length))
        length = rolled[-1].streak
    return rolled


def _outcome(
    day: date, *, outcomes: Mapping[date, Outcome], safety: Safety, savers_used: int
) -> Outcome:
    """Return the outcome of one day of a running streak."""
    known = outcomes.get(day, Outcome.MISSED)
    if known in SHIELDABLE and safety.is_shielded(day):
        return Outcome.SHIELDED
    if known is not Outcome.MISSED:
        return known
    if safety.savers(day) > savers_used:
        return Outcome.FROZEN_SAVER
    frozen = sum(outcomes.get(other) is Outcome.FROZEN_PREMIUM for other in week_of(day))
    is_frozen = can_freeze(safety.freezes(day), frozen=frozen)
    return Outcome.FROZEN_PREMIUM if is_frozen else Outcome.MISSED


def can_freeze(freezes: int | None, *, frozen: int) -> bool:
    """Return whether a plan of so many freezes a week (None: any) has one left after `frozen`."""
    return freezes is None or frozen < freezes


def days(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included; none if `last` is before `first`."""
    return [first + number * DAY for number in range((last - first).days + 1)]


def week_of(day: date) -> list[date]:
    """Return the seven days, Monday to Sunday, of the week of `day`."""
    monday = day - day.weekday() * DAY
    return days(monday, monday + 6 * DAY)


def midnight_after(day: date, *, zone: tzinfo) -> datetime:
    """Return the instant at which `day` is over in `zone`."""
    return datetime.combine(day + DAY, time.min, tzinfo=zone)


def earn_back_until(lost: date, *, zone: tzinfo) -> datetime:
    """Return until when a streak can be earned back whose day `lost` was missed.

    Counted from the end of that day and not from when anybody noticed.
    """
    # In UTC, because a window of 48 hours is as long on a day of a clock change.
    return midnight_after(lost, zone=zone).astimezone(UTC) + EARN_BACK_WINDOW
