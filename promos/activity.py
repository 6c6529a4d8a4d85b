"""What players have answered, day by day. The game knows it and stands beside us: see levels.py."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol


class Span(NamedTuple):
    """From when up to, not at, when a player's answers are asked for."""

    player_id: int
    since: datetime
    until: datetime


class Day(Protocol):
    """What a player has answered on one business day."""

    @property
    def day(self) -> date:
        """Which day."""

    @property
    def answers(self) -> int:
        """How many questions."""

    @property
    def fast(self) -> int:
        """How many of them too fast to have been read."""

    @property
    def first_at(self) -> datetime:
        """When the first one was answered."""

    @property
    def last_at(self) -> datetime:
        """When the last one was answered."""


Answered = Mapping[int, Sequence[Day]]


def _unknown(spans: Sequence[Span]) -> Answered:
    return {}


_read: Callable[[Sequence[Span]], Answered] = _unknown


def read_with(read: Callable[[Sequence[Span]], Answered]) -> None:
    """Let `read` say the days of many players at once, by player, the earliest day first.

    Whoever has answered nothing may be missing.
    """
    global _read  # noqa: PLW0603 -- set once, at the start of the process.
    _read = read


def answered(spans: Sequence[Span]) -> Answered:
    """Return the days on which players have answered anything within their spans."""
    return _read(spans) if spans else {}
