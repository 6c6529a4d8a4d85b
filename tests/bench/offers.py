"""Offers: what a pause costs, in statements and in time."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from economy import ledger, streaks
from economy.energy import FREE_CAP
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, Source
from payments import offers
from payments.models import Impression
from payments.offer_rules import Touchpoint
from quizarena.players.models import Player
from tests.bench.report import Figure

# Telegram ids of the players who pause here.
FIRST_TELEGRAM_ID = 7 * 10**15
# Offers that were shown before, so that the indexes have something in them.
SHOWN_BEFORE = 100_000
PLAYERS = 5_000
TURNS = 100

_numbers = count()


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Count the statements of a touchpoint without and with an offer, then take the time."""
    _populate()
    pauses: tuple[tuple[str, Callable[[], Player], bool], ...] = (
        ("nothing due", _quiet, False),
        ("an offer", _out_of_energy, True),
    )
    for what, make, is_shown in pauses:
        yield Figure(
            what=f"statements: a touchpoint with {what}",
            unit="count",
            samples=[_statements(make(), is_shown=is_shown)],
        )
    for what, make, is_shown in pauses:
        samples = []
        for _ in range(repetitions):
            times: list[float] = []
            for _ in range(TURNS):
                _pause(make(), is_shown=is_shown, times=times)
            samples.append(sorted(times)[TURNS // 2] * 1000)
        yield Figure(what=f"a touchpoint with {what}: median", unit="ms", samples=samples)


def _statements(player: Player, *, is_shown: bool) -> int:
    """Return the statements of one pause, BEGIN and COMMIT aside."""
    with CaptureQueriesContext(connection) as queries:
        _pause(player, is_shown=is_shown, times=[])
    return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in queries.captured_queries)


def _pause(player: Player, *, is_shown: bool, times: list[float]) -> None:
    """Let the player pause, and take the time."""
    touchpoint = Touchpoint.OUT_OF_ENERGY if is_shown else Touchpoint.HOME
    begin = time.perf_counter()
    with transaction.atomic():
        proposal = offers.propose(player=player, touchpoint=touchpoint, now=timezone.now())
    times.append(time.perf_counter() - begin)
    assert (proposal is not None) is is_shown


def _quiet() -> Player:
    """Return a player who has played for some days, and has energy."""
    player = _player()
    now = timezone.now()
    for back in (2, 1, 0):
        streaks.record_activity(player=player, now=now - timedelta(days=back))
    return player


def _out_of_energy() -> Player:
    """Return a player like that without energy."""
    player, now = _quiet(), timezone.now()
    ledger.post(
        player=player,
        type=EntryType.QUESTION,
        asset=Asset.FREE_ENERGY,
        direction=Direction.DEBIT,
        amount=FREE_CAP,
        deltas=Deltas(free_energy=-FREE_CAP),
        source=Source.GAME,
        key="bench",
        request={},
        now=now,
        energy_counted_until=now,
    )
    return player


def _player() -> Player:
    """Return somebody new."""
    now = timezone.now()
    return Player.objects.create(
        telegram_id=FIRST_TELEGRAM_ID + PLAYERS + time.time_ns() % 10**12 + next(_numbers),
        first_name="Bench",
        created_at=now,
        last_seen_at=now,
    )


@transaction.atomic
def _populate() -> None:
    """Show offers to players before, a day apart, once."""
    if Impression.objects.exists():
        return
    now = timezone.now()
    Player.objects.bulk_create(
        Player(
            telegram_id=FIRST_TELEGRAM_ID + number,
            first_name="Bench",
            created_at=now,
            last_seen_at=now,
        )
        for number in range(PLAYERS)
    )
    known = Player.objects.filter(telegram_id__gte=FIRST_TELEGRAM_ID).values_list("pk", flat=True)
    rows = (
        Impression(
            player_id=player,
            trigger="ENERGY_LOW",
            priority=60,
            event="HOME",
            is_blocking=False,
            prices={"ENERGY_10": 5},
            shown_at=now - timedelta(days=back + 2),
            day=(now - timedelta(days=back + 2)).date(),
            ordinal=1,
        )
        for player in known
        for back in range(SHOWN_BEFORE // PLAYERS)
    )
    Impression.objects.bulk_create(rows, batch_size=5_000)
