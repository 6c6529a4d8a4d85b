"""What energy there is at an instant, and what consuming does to it. Product rules, section 2.

Pure: no database, no clock, no Django. economy/wallets.py keeps what this computes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

FREE_CAP = 20
REGEN_INTERVAL = timedelta(minutes=30)
COST = 1
# So much, and not nothing, is nearly used up.
LOW_MAX = 3


class Bucket(StrEnum):
    """Where a point of energy is taken from: first free, then paid."""

    FREE = "free_energy"
    PAID = "paid_energy"


class EmptyError(Exception):
    """There is no energy in either bucket. Nothing has been changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """The two buckets, counted up to an instant.

    `free` is 0 to FREE_CAP; `paid` has no cap. Up to `counted_until` regeneration is in `free`
    already; the started interval since then still counts towards the next point.
    """

    free: int
    paid: int
    counted_until: datetime

    @property
    def total(self) -> int:
        """How many questions it is good for."""
        return self.free + self.paid

    def at(self, now: datetime, *, zone: tzinfo) -> "Energy":
        """Return the energy at `now`: regenerated, then topped up if a midnight of `zone` passed.

        A `now` before the count (a clock that jumped back) changes nothing.
        """
        if now <= self.counted_until:
            return self
        ticks = (now - self.counted_until) // REGEN_INTERVAL
        midnight_passed = now.astimezone(zone).date() > self.counted_until.astimezone(zone).date()
        if midnight_passed or self.free + ticks >= FREE_CAP:
            # At the cap no interval runs: the next one starts when a point is used.
            return replace(self, free=FREE_CAP, counted_until=now)
        return replace(
            self,
            free=self.free + ticks,
            # Not `now`: the started interval still counts towards the next energy.
            counted_until=self.counted_until + ticks * REGEN_INTERVAL,
        )

    def regenerated_by(self, now: datetime) -> int:
        """Return how many points regeneration alone has added by `now`, top-up aside."""
        ticks = max(timedelta(0), now - self.counted_until) // REGEN_INTERVAL
        return min(ticks, FREE_CAP - self.free)

    def consume(self) -> tuple["Energy", Bucket]:
        """Return what is left after one question, and the bucket it was taken from.

        Raises EmptyError when there is nothing to take.
        """
        if self.free >= COST:
            return replace(self, free=self.free - COST), Bucket.FREE
        if self.paid >= COST:
            return replace(self, paid=self.paid - COST), Bucket.PAID
        raise EmptyError

    def next_point_at(self, *, zone: tzinfo) -> datetime | None:
        """Return when the next free point comes, or None at the cap."""
        if self.free >= FREE_CAP:
            return None
        return min(self.counted_until + REGEN_INTERVAL, _next_midnight(self.counted_until, zone))

    def full_at(self, *, zone: tzinfo) -> datetime | None:
        """Return when free energy is at the cap without further use, or None if it is."""
        if self.free >= FREE_CAP:
            return None
        by_regeneration = self.counted_until + (FREE_CAP - self.free) * REGEN_INTERVAL
        return min(by_regeneration, _next_midnight(self.counted_until, zone))


def _next_midnight(instant: datetime, zone: tzinfo) -> datetime:
    """Return the first midnight of `zone` after `instant`, whatever the clocks do that day."""
    tomorrow = instant.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, tzinfo=zone)
