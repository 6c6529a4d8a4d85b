"""How a player's granted time lies: end to end, the higher plan first. Product rules, section 6.

Pure: no database, no clock, no Django. economy/entitlements.py keeps what this computes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The time of one grant that has not passed yet, from `starts_at` up to, not at, `ends_at`."""

    grant: int
    rank: int
    starts_at: datetime
    ends_at: datetime

    def left(self, now: datetime) -> timedelta:
        """Return how much of it is to come at `now`."""
        return max(timedelta(0), self.ends_at - max(self.starts_at, now))


def lay_out(pieces: Sequence[Piece], *, now: datetime) -> list[Piece]:
    """Lay what is left of `pieces` end to end from `now`, a higher rank before a lower one.

    Pieces of one rank keep the order in which they are passed: as they lie, a later grant last.
    A piece that has begun and stays in front keeps its start; any other starts where the one
    before it ends. Nothing is lost: each piece has as much left as before, to the microsecond,
    and only what has nothing left vanishes.
    """
    laid: list[Piece] = []
    # A day is 86,400 s; in a zone whose clocks change, adding one could be more or less.
    end = now.astimezone(UTC)
    for piece in sorted(pieces, key=lambda piece: -piece.rank):
        left = piece.left(now)
        if not left:
            continue
        start = end if laid else min(piece.starts_at, now)
        end += left
        laid.append(replace(piece, starts_at=start, ends_at=end))
    return laid
