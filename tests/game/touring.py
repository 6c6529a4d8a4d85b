"""Cups and tournaments for tests: players, their way through rounds, and what the job does."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import time_machine
from django.db import transaction

from quizarena.game import cups, private_tournaments, tasks, tournament_play, tournaments
from quizarena.game.models import (
    Pairing,
    Tournament,
    TournamentNotice,
    TournamentPlayer,
    TournamentQuestion,
    TournamentRound,
)
from quizarena.game.tournament_play import Answer
from quizarena.players.models import Player
from tests.game.challenges import make_bank
from tests.game.duelling import player

# A Wednesday in Berlin, an hour ahead of UTC.
DAY = date(2026, 12, 16)
OPENS = datetime(2026, 12, 16, 15, tzinfo=UTC)
STARTS = datetime(2026, 12, 16, 17, tzinfo=UTC)
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


def bank() -> None:
    """Store enough questions for several rounds; the second option is right."""
    make_bank("QUICK_MIX_A1A2", A1=20, A2=30, B1=20)


def players(count: int) -> list[Player]:
    """Return so many new players."""
    return [player(f"P{number}") for number in range(1, count + 1)]


def registered(count: int, *, now: datetime = OPENS) -> list[Player]:
    """Return so many players who have registered for the cup, one second after the other."""
    made = players(count)
    for number, one in enumerate(made):
        cups.register(player=one, now=now + timedelta(seconds=number))
    return made


def cup() -> Tournament:
    """Return the cup of the day."""
    return Tournament.objects.get(day=DAY)


def run(now: datetime) -> int:
    """Let the job do what is due."""
    with time_machine.travel(now, tick=False):
        return int(tasks.run_tournaments())


def begun(count: int) -> list[Player]:
    """Return the players of a cup that has just begun."""
    made = registered(count)
    run(STARTS)
    return made


def current(tournament: Tournament) -> TournamentRound:
    """Return the round that is open."""
    return TournamentRound.objects.get(tournament=tournament, ended_at=None)


def pairing_of(one: Player, tournament: Tournament) -> Pairing:
    """Return whom the player meets now."""
    return Pairing.objects.get(player=one, round=current(tournament))


def show(one: Player, tournament: Tournament, *, now: datetime) -> None:
    """Let the player see the question that waits."""
    with transaction.atomic():
        tournament_play.play(player=one, tournament_id=tournament.pk, now=now)


def tap(one: Player, pairing: Pairing, number: int, *, right: bool = True, now: datetime) -> Answer:
    """Answer a question of the round; the bank's second option is right, its first is wrong."""
    question = TournamentQuestion.objects.get(round=pairing.round_id, number=number)
    with transaction.atomic():
        return tournament_play.answer(
            player=one,
            pairing_id=pairing.pk,
            number=number,
            option_index=question.order.index(1 if right else 0),
            now=now,
        )


def play(
    one: Player, tournament: Tournament, outcomes: Sequence[bool], *, now: datetime
) -> Answer | None:
    """Let the player begin the round and answer like that, a second each."""
    show(one, tournament, now=now)
    pairing = pairing_of(one, tournament)
    answer = None
    for number, right in enumerate(outcomes, 1):
        answer = tap(one, pairing, number, right=right, now=now + timedelta(seconds=number))
    return answer


def play_round(tournament: Tournament, right: Mapping[Player, int], *, now: datetime) -> None:
    """Let everybody finish the round, each with so many right answers."""
    for one, count in right.items():
        length = tournament.length
        play(one, tournament, [number < count for number in range(length)], now=now)


def places(tournament: Tournament) -> list[str]:
    """Return the players of a finished tournament in the order of their places."""
    rows = TournamentPlayer.objects.filter(tournament=tournament, place__isnull=False)
    return list(rows.order_by("place").values_list("player__first_name", flat=True))


def outcome_of(one: Player, tournament: Tournament, number: int) -> str:
    """Return how a round has gone for the player."""
    found = Pairing.objects.get(tournament=tournament, player=one, round__number=number)
    return found.outcome


def notices(one: Player) -> list[tuple[str, int]]:
    """Return of what the player is to be notified, with the round."""
    rows = TournamentNotice.objects.filter(player=one).order_by("due_at", "pk")
    return list(rows.values_list("kind", "round_number"))


def make(
    creator: Player,
    *,
    length: int = 5,
    key: str = "",
    with_ticket: bool = True,
    now: datetime = NOON,
) -> Tournament:
    """Let a player make a private tournament."""
    with transaction.atomic():
        return private_tournaments.create(
            player=creator,
            length=length,
            key=key or f"key:{Tournament.objects.count()}",
            with_ticket=with_ticket,
            now=now,
        )


def join(one: Player, tournament: Tournament, *, now: datetime = NOON) -> TournamentPlayer:
    """Let a player take part by the link."""
    with transaction.atomic():
        return private_tournaments.join(player=one, token=tournament.token, now=now)


def leave(one: Player, tournament: Tournament, *, now: datetime = NOON) -> Tournament:
    """Let a player leave the lobby."""
    with transaction.atomic():
        return private_tournaments.leave(player=one, tournament_id=tournament.pk, now=now)


def start(one: Player, tournament: Tournament, *, now: datetime = NOON) -> Tournament:
    """Let the creator begin."""
    with transaction.atomic():
        return private_tournaments.start(player=one, tournament_id=tournament.pk, now=now)


def advance(tournament: Tournament, *, now: datetime) -> bool:
    """Let the job take the tournament's next step."""
    return tournaments.advance_one(tournament_id=tournament.pk, now=now)
