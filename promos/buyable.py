"""What a player could buy now, as far as promos need it: a port that payments implement.

payments call `read_with` when the process starts; until then nothing can be bought.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from quizarena.players.models import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyable:
    """A product that the player can buy."""

    code: str
    is_premium: bool


def _nothing(player: Player, now: datetime) -> Sequence[Buyable]:
    return ()


_by: Callable[[Player, datetime], Sequence[Buyable]] = _nothing


def read_with(by: Callable[[Player, datetime], Sequence[Buyable]]) -> None:
    """Let `by` say what a player could buy at an instant."""
    global _by  # noqa: PLW0603 -- set once, at the start of the process.
    _by = by


def by(*, player: Player, now: datetime) -> Sequence[Buyable]:
    """Return what the player could buy at `now`."""
    return _by(player, now)
