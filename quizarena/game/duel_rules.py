"""What a duel is, when it ends, and who has won it. Pure; product rules, section 11.

No database, no clock, no Django: quizarena/game/duels.py applies what stands here, and so do the
triggers of quizarena/game/models/duel.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

LENGTHS = (3, 5, 12)
# How long a duel waits for its opponent, and how long both may take from then on.
ACCEPT_WITHIN = timedelta(hours=6)
PLAY_WITHIN = timedelta(hours=48)
# A player is reminded so long before the end.
REMIND_BEFORE = timedelta(hours=6)
# Of a player: live duels, duels created on a business day, and how many of these are free.
LIVE_MAX = 10
CREATED_PER_DAY = 20
FREE_PER_DAY = 2
# Whoever takes an open duel is at most so many levels away from who made it.
LEVELS_APART = 1
# How many duels make a best of three, and how many won ones decide it.
SERIES_LENGTH = 3
SERIES_WINS = 2


class DuelState(StrEnum):
    """Where a duel stands."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    COMPLETED = "COMPLETED"
    WALKOVER = "WALKOVER"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


# Every arrow of a duel's life. What is not here cannot happen.
DUEL_MOVES = (
    (DuelState.PENDING, DuelState.ACCEPTED),
    (DuelState.PENDING, DuelState.CANCELED),
    (DuelState.PENDING, DuelState.EXPIRED),
    (DuelState.ACCEPTED, DuelState.COMPLETED),
    (DuelState.ACCEPTED, DuelState.WALKOVER),
    (DuelState.ACCEPTED, DuelState.EXPIRED),
)
LIVE = (DuelState.PENDING, DuelState.ACCEPTED)


class DuelResult(StrEnum):
    """Who has won; a duel that is live, expired or canceled has none."""

    CREATOR = "CREATOR"
    OPPONENT = "OPPONENT"
    DRAW = "DRAW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How many questions one of the two has answered, and how many of them right."""

    answered: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a duel ends; a state without a result has nobody who won."""

    state: DuelState
    result: DuelResult | None = None


def ending(
    *, state: DuelState, length: int, creator: Side, opponent: Side, is_over: bool
) -> Ending | None:
    """Return how a live duel ends now, or None while it goes on. `is_over`: its time has passed.

    The last answer ends it at once; else its time decides. Whoever asks, and when, gets the same.
    """
    if state not in LIVE:
        return None
    if state is DuelState.PENDING:
        return Ending(state=DuelState.EXPIRED) if is_over else None
    has_finished = (creator.answered >= length, opponent.answered >= length)
    match has_finished:
        case (True, True):
            return Ending(state=DuelState.COMPLETED, result=_better(creator, opponent))
        case _ if not is_over:
            return None
        case (True, False):
            return Ending(state=DuelState.WALKOVER, result=DuelResult.CREATOR)
        case (False, True):
            return Ending(state=DuelState.WALKOVER, result=DuelResult.OPPONENT)
        case _:
            return Ending(state=DuelState.EXPIRED)


def _better(creator: Side, opponent: Side) -> DuelResult:
    if creator.right == opponent.right:
        return DuelResult.DRAW
    return DuelResult.CREATOR if creator.right > opponent.right else DuelResult.OPPONENT


def visible(*, own: Sequence[bool], other: Sequence[bool], has_ended: bool) -> Sequence[bool]:
    """Return what a player may see of the other's answers: those of rounds that both have had.

    Once a duel has ended nothing can be answered any more, and all of them.
    """
    return other if has_ended else other[: len(own)]


def is_near(level: str, other: str, *, levels: Sequence[str]) -> bool:
    """Return whether two levels are near enough for an open duel."""
    return abs(levels.index(level) - levels.index(other)) <= LEVELS_APART


def nearest(level: str, *, levels: Sequence[str]) -> list[str]:
    """Return all levels, from the nearest to the farthest; of two as near, the easier one first."""
    place = levels.index(level)
    return sorted(levels, key=lambda one: (abs(levels.index(one) - place), levels.index(one)))


def needs_decider(winners: Sequence[int | None]) -> bool:
    """Return whether a best of three needs its last duel; None among the winners is a draw."""
    decided = [winner for winner in winners if winner is not None]
    most = max((decided.count(winner) for winner in decided), default=0)
    return len(winners) == SERIES_LENGTH - 1 and most < SERIES_WINS
