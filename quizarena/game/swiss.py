"""The Swiss system: who meets whom in the next round, and in which order players stand. Pure.

No database, no clock, no Django. Points are whole numbers, however they are shown.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

# A win and a draw. A private tournament shows them halved.
WIN, DRAW = 2, 1

# Two players, or one who has a bye.
Pair = tuple[int, int | None]


class NoPairingError(Exception):
    """Everybody has met everybody: there is no further round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a player has reached so far; `opponents` without byes."""

    player_id: int
    registered_at: datetime
    points: int = 0
    right: int = 0
    time: timedelta = timedelta()
    opponents: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A player's place, from 1, and the Buchholz score: the points of all opponents together."""

    score: Score
    place: int
    buchholz: int


def standings(scores: Collection[Score], *, with_buchholz: bool = True) -> list[Standing]:
    """Return the players in their order; no two have the same place.

    More points, a higher Buchholz score (unless it does not count), more right answers, less time,
    and whoever has registered first.
    """
    points = {one.player_id: one.points for one in scores}

    def buchholz(score: Score) -> int:
        return sum(points[opponent] for opponent in score.opponents) if with_buchholz else 0

    ordered = sorted(
        scores,
        key=lambda one: (
            -one.points,
            -buchholz(one),
            -one.right,
            one.time,
            one.registered_at,
            one.player_id,
        ),
    )
    return [
        Standing(score=score, place=place, buchholz=buchholz(score))
        for place, score in enumerate(ordered, 1)
    ]


def pair(
    ordered: Sequence[int],
    *,
    points: Mapping[int, int],
    met: Collection[frozenset[int]],
    had_bye: Collection[int],
    rng: random.Random,
) -> list[Pair]:
    """Return the pairs of the next round, of players in the order of their standing.

    Nobody meets twice. Of an odd number the last one who has had no bye gets it, if the others can
    then be paired. Players of as many points meet as far as possible; which of them, is drawn.
    Raises NoPairingError when no round is left.
    """
    if len(ordered) % 2 == 0:
        return [*_match(ordered, points=points, met=met, rng=rng)]
    for left_out in reversed(ordered):
        if left_out in had_bye:
            continue
        others = [one for one in ordered if one != left_out]
        try:
            matched = _match(others, points=points, met=met, rng=rng)
        except NoPairingError:
            continue
        return [*matched, (left_out, None)]
    raise NoPairingError("nobody can have a bye")


def _match(
    players: Sequence[int],
    *,
    points: Mapping[int, int],
    met: Collection[frozenset[int]],
    rng: random.Random,
) -> list[tuple[int, int]]:
    """Pair an even number of players: a maximum matching in which points differ least."""
    import networkx  # Slow to import, and seldom needed.

    # The order of nodes decides between matchings that are as good.
    shuffled = rng.sample(players, len(players))
    graph = networkx.Graph()
    graph.add_nodes_from(shuffled)
    graph.add_edges_from(
        (one, other, {"weight": -((points[one] - points[other]) ** 2)})
        for one, other in combinations(shuffled, 2)
        if frozenset((one, other)) not in met
    )
    matched = networkx.max_weight_matching(graph, maxcardinality=True)
    if 2 * len(matched) < len(players):
        raise NoPairingError("somebody would have to meet twice")
    place = {player: number for number, player in enumerate(players)}
    pairs = [
        (min(pair, key=place.__getitem__), max(pair, key=place.__getitem__)) for pair in matched
    ]
    return sorted(pairs, key=lambda one: place[one[0]])
