"""How the players of a tournament stand: points, right answers, time. Product rules, section 11.

The order itself is pure, in swiss.py; here is what it is made from.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet

from quizarena.game import swiss
from quizarena.game.models import Pairing, Tournament, TournamentPlayer
from quizarena.game.swiss import Score, Standing
from quizarena.game.tournament_rules import POINTS, Outcome
from quizarena.prepared import prepared


class Played(NamedTuple):
    """What standings need to know of a pairing: there are hundreds, and an instance costs more."""

    player_id: int
    opponent_id: int | None
    round_id: int
    outcome: str
    answered: int
    correct: int
    started_at: datetime | None
    last_answer_at: datetime | None


def played_in(tournament: Tournament) -> list[Played]:
    """Return everybody's pairings so far, those of the open round included. One query."""
    return [Played._make(row) for row in _played.rows(tournament_id=tournament.pk)]


@prepared
def _played(*, tournament_id: int) -> "QuerySet[Pairing, Any]":
    pairings = Pairing.objects.filter(tournament_id=tournament_id)
    return pairings.values_list(
        "player_id",
        "opponent_id",
        "round_id",
        "outcome",
        "answered",
        "correct",
        "started_at",
        "last_answer_at",
    )


@prepared
def _registered(*, tournament_id: int) -> "QuerySet[TournamentPlayer, tuple[int, datetime]]":
    rows = TournamentPlayer.objects.filter(tournament_id=tournament_id)
    return rows.values_list("player_id", "registered_at")


def standings_of(
    tournament: Tournament, *, pairings: Sequence[Pairing] | Sequence[Played] | None = None
) -> list[Standing]:
    """Return how the players stand, by what is stored now; of a round that is open only answers.

    Two queries, one with `pairings`: a row per player and round.
    """
    if pairings is None:
        pairings = played_in(tournament)
    by_player: dict[int, list[Pairing | Played]] = {}
    for pairing in pairings:
        by_player.setdefault(pairing.player_id, []).append(pairing)
    registered = _registered.rows(tournament_id=tournament.pk)
    return swiss.standings(
        [
            _score(tournament, player_id, registered_at, by_player.get(player_id, []))
            for player_id, registered_at in registered
        ],
        with_buchholz=tournament.format.with_buchholz,
    )


def _score(
    tournament: Tournament,
    player_id: int,
    registered_at: datetime,
    pairings: Sequence[Pairing | Played],
) -> Score:
    return Score(
        player_id=player_id,
        registered_at=registered_at,
        points=sum(POINTS[Outcome(one.outcome)] for one in pairings if one.outcome),
        right=sum(one.correct for one in pairings),
        time=sum((_time(tournament, one) for one in pairings), timedelta()),
        opponents=[one.opponent_id for one in pairings if one.opponent_id and one.outcome],
    )


def _time(tournament: Tournament, pairing: Pairing | Played) -> timedelta:
    """Return how long the player has taken; the whole time for what is not answered to the end.

    A round that begins early lasts longer: nobody is behind somebody who has not finished it.
    """
    whole = tournament.format.round_time
    if pairing.answered < tournament.length or pairing.started_at is None:
        return whole
    assert pairing.last_answer_at is not None
    return min(pairing.last_answer_at - pairing.started_at, whole)
