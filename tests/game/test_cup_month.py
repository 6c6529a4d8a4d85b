"""A month of cups with 500 players, and the nights in which the clock is set forward and back."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import transaction

from economy.models import LedgerEntry, Wallet
from quizarena.game import cups, tasks, tournament_play
from quizarena.game.errors import RegistrationClosedError, RoundOverError, TournamentFullError
from quizarena.game.models import (
    Badge,
    CupPrize,
    DailySet,
    LeagueGroup,
    Pairing,
    Tournament,
    TournamentAnswer,
    TournamentPlayer,
    TournamentQuestion,
    TournamentRound,
)
from quizarena.players.models import Player
from tests.factories import PlayerFactory
from tests.game.challenges import make_bank
from tests.game.leagues import players_with, tiers
from tests.game.touring import bank

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
# The clock is set forward on the 29th.
FIRST = date(2026, 3, 16)
DAYS = 30
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return an instant by Berlin's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN)


def utc(instant: str) -> datetime:
    """Return an instant by the world's clock."""
    return datetime.fromisoformat(instant).replace(tzinfo=UTC)


def run(now: datetime) -> None:
    """Let the job run, and run again, as with two schedulers."""
    with time_machine.travel(now, tick=False):
        tasks.run_tournaments()
        tasks.run_tournaments()


def play(cup: Tournament, rng: random.Random, *, now: datetime) -> None:
    """Let a few players of the round answer a few questions, and two of them all."""
    open_round = TournamentRound.objects.filter(tournament=cup, ended_at=None).first()
    if open_round is None:
        return
    orders = dict(
        TournamentQuestion.objects.filter(round=open_round).values_list("number", "order")
    )
    pairings = list(Pairing.objects.filter(round=open_round).select_related("player"))
    for index, pairing in enumerate(rng.sample(pairings, min(4, len(pairings)))):
        with transaction.atomic():
            tournament_play.play(player=pairing.player, tournament_id=cup.pk, now=now)
        for number in range(1, 8 if index < 2 else 3):
            right = rng.random() < 0.6
            with transaction.atomic():
                tournament_play.answer(
                    player=pairing.player,
                    pairing_id=pairing.pk,
                    number=number,
                    option_index=orders[number].index(1 if right else 0),
                    now=now + number * SECOND,
                )


def hold(sizes: Sequence[int], *, first: date, players: list[Player], rng: random.Random) -> None:
    """Let so many players register for the cup of each day from the first on, and play it."""
    for number, size in enumerate(sizes):
        day = first + timedelta(days=number)
        run(at(day, 16))
        turned_away = 0
        for one in rng.sample(players, size):
            try:
                cups.register(player=one, now=at(day, 17, 59))
            except TournamentFullError:
                turned_away += 1
        assert turned_away == max(0, size - 100)
        # The job comes late on some days, and not at all before somebody looks on others.
        late = rng.choice((0, 0, 3, 20)) * MINUTE
        run(at(day, 18) + late)
        cup = Tournament.objects.get(day=day)
        for round_number in range(4):
            begins = at(day, 18) + late + round_number * 30 * MINUTE
            play(cup, rng, now=begins + MINUTE)
            run(begins + 30 * MINUTE)
            run(begins + 30 * MINUTE + SECOND)
        run(at(day, 23))


def check(sizes: Sequence[int], *, first: date) -> None:
    """See that each cup of these days has been played to its end, and nothing of it is missing."""
    assert Tournament.objects.count() == len(sizes)
    assert not Tournament.objects.filter(state__in=["OPEN", "RUNNING"]).exists()
    assert {cup.day for cup in Tournament.objects.filter(call_off="TOO_FEW")} == {
        first + timedelta(days=number) for number, size in enumerate(sizes) if size < 4
    }
    for cup in Tournament.objects.filter(state="FINISHED"):
        entries = list(TournamentPlayer.objects.filter(tournament=cup).order_by("place"))
        assert [entry.place for entry in entries] == list(range(1, len(entries) + 1))
        assert len(entries) == min(100, sizes[(cup.day - first).days] if cup.day else 0)
        assert cup.rounds == (4 if len(entries) >= 21 else 3)
        for played in TournamentRound.objects.filter(tournament=cup):
            assert played.ended_at is not None
            assert played.deadline - played.begins_at >= 30 * MINUTE
        pairings = Pairing.objects.filter(tournament=cup)
        assert pairings.count() == len(entries) * (cup.rounds or 0)
        met = Counter(pairings.exclude(opponent=None).values_list("player", "opponent"))
        assert set(met.values()) == {1}
        byes = pairings.filter(opponent=None).values_list("player", flat=True)
        assert len(byes) == len(set(byes)) == len(entries) % 2 * (cup.rounds or 0)
        # Each win has its loss, and each draw another one, unless nobody has come.
        outcomes = Counter(pairings.values_list("outcome", flat=True))
        nobody = pairings.filter(answered=0, outcome="LOSS", opponent__isnull=False)
        idle = set(nobody.values_list("round", "player"))
        both = sum((row, other) in idle for row, other in nobody.values_list("round", "opponent"))
        assert outcomes["WIN"] == outcomes["LOSS"] - both
        assert outcomes["DRAW"] % 2 == 0
        for player_id, place in entries_with_prize(cup):
            prize = LedgerEntry.objects.get(
                player=player_id, idempotency_key=f"cup:{cup.day}:{player_id}"
            )
            assert (prize.type, prize.metadata["place"]) == ("PRIZE", place)


@pytest.mark.slow
def test_a_month_of_cups() -> None:
    rng = random.Random(20260316)
    bank()
    players = Player.objects.bulk_create(PlayerFactory.build_batch(500))
    CupPrize.objects.create(place_from=1, place_to=1, duel_tickets=1, paid_energy=5)
    CupPrize.objects.create(place_from=2, place_to=10, paid_energy=3)
    # Too few, as few as can be, more than can be, and numbers around the fourth round.
    sizes = [3, 4, 5, 20, 21, 22, 101, *(rng.randint(2, 14) for _ in range(DAYS - 7))]

    hold(sizes, first=FIRST, players=players, rng=rng)

    check(sizes, first=FIRST)
    finished = Tournament.objects.filter(state="FINISHED")
    prizes = LedgerEntry.objects.filter(type="PRIZE")
    granted = TournamentPlayer.objects.filter(prize__isnull=False)
    assert prizes.count() == granted.count() == granted.exclude(prize_entry=None).count()
    assert prizes.count() > 2 * finished.count()
    wallets = Wallet.objects.all()
    assert sum(wallet.paid_energy for wallet in wallets) == sum(
        entry.paid_energy for entry in prizes
    )
    assert sum(wallet.duel_tickets for wallet in wallets) == sum(
        entry.duel_tickets for entry in prizes
    )
    assert Badge.objects.filter(kind="CUP_FIRST").count() <= finished.count()
    counted = sum(Pairing.objects.values_list("answered", flat=True))
    assert counted == TournamentAnswer.objects.count() > 1_000
    with pytest.raises(RoundOverError):
        late_answer()


def test_around_the_night_in_which_an_hour_comes_twice() -> None:
    """The clock is set back on Sunday the 25th of October: at 3:00 it is 2:00 again, once."""
    rng = random.Random(20261023)
    bank()
    players = Player.objects.bulk_create(PlayerFactory.build_batch(30))
    sizes = [5, 21, 6, 4]
    friday = date(2026, 10, 23)

    hold(sizes[:2], first=friday, players=players, rng=rng)
    # Both hours of 2 o'clock: what the job does every few minutes is nothing.
    for minutes in range(0, 180, 10):
        run(datetime(2026, 10, 25, 0, tzinfo=UTC) + minutes * MINUTE)
    assert Tournament.objects.filter(state="FINISHED").count() == 2
    assert not Tournament.objects.exclude(state="FINISHED").exists()
    hold(sizes[2:], first=friday + timedelta(days=2), players=players, rng=rng)

    check(sizes, first=friday)
    assert list(Tournament.objects.order_by("day").values_list("opens_at", "closes_at")) == [
        (utc("2026-10-23T14:00"), utc("2026-10-23T16:00")),
        (utc("2026-10-24T14:00"), utc("2026-10-24T16:00")),
        (utc("2026-10-25T15:00"), utc("2026-10-25T17:00")),
        (utc("2026-10-26T15:00"), utc("2026-10-26T17:00")),
    ]
    sunday = TournamentRound.objects.filter(tournament__day=date(2026, 10, 25), number=1).get()
    assert sunday.begins_at >= utc("2026-10-25T17:00")
    assert sunday.deadline >= utc("2026-10-25T17:30")


def test_registration_is_open_for_two_hours_after_the_longer_night() -> None:
    """At 16:00 to the moment, by the clock that has been set back."""
    bank()
    players = PlayerFactory.create_batch(2)

    run(utc("2026-10-25T14:59:59"))
    with pytest.raises(RegistrationClosedError):
        cups.register(player=players[0], now=utc("2026-10-25T14:59:59"))
    cups.register(player=players[0], now=utc("2026-10-25T15:00:00"))
    cups.register(player=players[1], now=utc("2026-10-25T16:59:59"))
    with pytest.raises(RegistrationClosedError):
        cups.leave(player=players[1], now=utc("2026-10-25T17:00:00"))

    run(utc("2026-10-25T16:59:59"))
    assert Tournament.objects.get().state == "OPEN"
    run(utc("2026-10-25T17:00:00"))
    assert Tournament.objects.get().call_off == "TOO_FEW"


def test_the_week_of_the_longer_night_ends_once_and_each_day_has_one_challenge() -> None:
    """The hour that comes twice is of Sunday; the league's week has 169 hours."""
    bank()
    make_bank("DAILY_CHALLENGE", A1=4, A2=6, B1=4)
    players = players_with(50, 40, 30, now=utc("2026-10-24T12:00"))
    sets = []
    for instant in [
        "2026-10-24T21:59:59",
        "2026-10-24T22:00:00",
        "2026-10-25T00:30:00",
        "2026-10-25T01:30:00",
        "2026-10-25T22:59:59",
        "2026-10-25T23:00:00",
    ]:
        now = utc(instant)
        with time_machine.travel(now, tick=False):
            tasks.draw_daily_challenge()
            tasks.update_leagues()
        daily_set = DailySet.objects.get(starts_at__lte=now, ends_at__gt=now)
        finished = LeagueGroup.objects.exclude(finished_at=None).count()
        sets.append((daily_set.day.day, finished))

    assert sets == [(24, 0), (25, 0), (25, 0), (25, 0), (25, 0), (26, 1)]
    assert DailySet.objects.count() == 3
    assert LeagueGroup.objects.get().week == date(2026, 10, 19)
    # Of three the better one rises.
    assert tiers(players) == [2, 1, 1]


def entries_with_prize(cup: Tournament) -> list[tuple[int, int | None]]:
    """Return whoever has won a prize, with the place."""
    won = TournamentPlayer.objects.filter(tournament=cup, prize__isnull=False)
    return list(won.values_list("player", "place"))


def late_answer() -> None:
    """Answer a question of the month when everything is over."""
    pairing = Pairing.objects.select_related("player").filter(answered=2).latest("pk")
    tournament_play.answer(
        player=pairing.player,
        pairing_id=pairing.pk,
        number=3,
        option_index=0,
        now=at(FIRST + timedelta(days=DAYS), 12),
    )
