"""A player's level, for segments. The game knows it and stands beside us, so quizarena.ops sets it.

quizarena/ops, which may know both, calls `read_with` when the process starts.
"""

from collections.abc import Callable

from quizarena.players.models import Player


def _unknown(player: Player) -> str:
    return ""


_read: Callable[[Player], str] = _unknown


def read_with(read: Callable[[Player], str]) -> None:
    """Let `read` say the level of a player: A1 to B2, or nothing while it is not known."""
    global _read  # noqa: PLW0603 -- set once, at the start of the process.
    _read = read


def of(player: Player) -> str:
    """Return the level of the player, or nothing while it is not known."""
    return _read(player)
