"""The economy: what a move costs beside the least SQL, and what a big ledger costs."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from django.db import connection, transaction
from django.utils import timezone

from economy import grants, statements, verification, wallets
from economy.goods import Goods
from economy.models import EntryType, Source
from quizarena.players.models import Player
from tests.bench import databases
from tests.bench.clients import CLIENTS, Work, clients, per_second
from tests.bench.pgbench import transactions_per_second
from tests.bench.processes import family
from tests.bench.report import Figure

FLOOR = Path(__file__).with_name("floor")
PLAYERS = 1_000
# More than anybody can use up while it is measured.
ENERGY = 100_000
# Telegram ids of the players who play here lie above those of all others.
FIRST_TELEGRAM_ID = 7 * 10**15
# Of the ledgers of two sizes: each player has the same number of entries in both.
ENTRIES_PER_PLAYER = 100
SMALL, LARGE = 10_000, 1_000_000
PAGES = 200


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Measure moves beside their floor, then pages and verifications of ledgers of two sizes."""
    yield from _moves(repetitions=repetitions, seconds=seconds)
    with _ledger(SMALL) as small, _ledger(LARGE) as large:
        yield from _pages(small, large, repetitions=repetitions)
        with databases.connected_to(large):
            yield from _verifications(repetitions=repetitions)


# --- Moves ----------------------------------------------------------------------------------------


def consume(client: int, number: int) -> None:
    """Charge a player of this client's own for a question."""
    _charge(_players()[client + CLIENTS * (number % (PLAYERS // CLIENTS))], client, number)


def consume_hot(client: int, number: int) -> None:
    """Charge the one player whom all clients play as."""
    _charge(_players()[0], client, number)


def give(client: int, number: int) -> None:
    """Grant a player of this client's own something."""
    with transaction.atomic():
        grants.grant(
            player=_players()[client + CLIENTS * (number % (PLAYERS // CLIENTS))],
            goods=Goods(paid_energy=10),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key=f"grant:{client}:{number}",
            now=timezone.now(),
        )


def _charge(player: Player, client: int, number: int) -> None:
    with transaction.atomic():
        wallets.charge_question(
            player=player, key=f"question:{client}:{number}", now=timezone.now()
        )


_known: list[Player] = []


def _players() -> list[Player]:
    """Return the players of this part, read once in each process."""
    if not _known:
        _known.extend(Player.objects.filter(telegram_id__gte=FIRST_TELEGRAM_ID).order_by("pk"))
    return _known


def _moves(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Let clients move in turns with pgbench."""
    _invite()
    with connection.cursor() as cursor:
        cursor.execute((FLOOR / "tables.sql").read_text())
    moves: tuple[tuple[str, Work, str, int, str], ...] = (
        ("consume, distinct players", consume, "consume.sql", PLAYERS, ">= 0.35"),
        ("consume, one hot player", consume_hot, "consume.sql", 1, ">= 0.5"),
        ("grant, distinct players", give, "grant.sql", PLAYERS, ""),
    )
    with clients() as pool:
        for what, work, script, players, target in moves:
            ours, floor = [], []
            # The first round warms up.
            for _ in range(repetitions + 1):
                variables = {"players": players, "turn": 0, "run": time.time_ns()}
                floor.append(
                    transactions_per_second(
                        FLOOR / script, clients=CLIENTS, seconds=seconds, variables=variables
                    )
                )
                ours.append(per_second(pool, work, seconds=seconds))
            sizes: dict[str, str | int | float] = {
                "clients": CLIENTS,
                "players": players,
                "seconds": seconds,
            }
            yield Figure(what=what, unit="moves/s", samples=ours[1:], settings=sizes)
            yield Figure(
                what=f"{what}: ratio to pgbench",
                unit="ratio",
                samples=[mine / least for mine, least in zip(ours[1:], floor[1:], strict=True)],
                target=target,
                settings={**sizes, "pgbench_per_second": median(floor[1:])},
            )


@transaction.atomic
def _invite() -> None:
    """Make the players who play here, with energy enough."""
    now = timezone.now()
    for number in range(PLAYERS):
        player = Player.objects.create(
            telegram_id=FIRST_TELEGRAM_ID + number,
            first_name="Bench",
            created_at=now,
            last_seen_at=now,
        )
        # All clients together play as the first.
        for parcel in range(10 if number == 0 else 1):
            grants.grant(
                player=player,
                goods=Goods(paid_energy=ENERGY),
                type=EntryType.PRIZE,
                source=Source.SYSTEM,
                key=f"bench:{parcel}",
                now=now,
            )


# --- Ledgers of two sizes -------------------------------------------------------------------------

# As the ledger itself would have written it, entry by entry, but in one statement.
_FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO players_player
  (id, telegram_id, first_name, last_name, username, language, awaits, created_at, last_seen_at)
SELECT number, number, 'Bench', '', '', 'de', '', now(), now()
FROM generate_series(1, {players}) AS number;
INSERT INTO economy_ledgerentry
  (player_id, type, asset, direction, amount, free_energy, paid_energy, streak_savers,
   duel_tickets, free_energy_after, paid_energy_after, streak_savers_after, duel_tickets_after,
   source, idempotency_key, fingerprint, metadata, reason, created_at)
SELECT 1 + number % {players}, 'PRIZE', 'PAID_ENERGY', 'CREDIT', 1, 0, 1, 0,
  0, 0, number / {players} + 1, 0, 0,
  'SYSTEM', 'bench:' || number, repeat('f', 64), '{{}}', '',
  now() + number * interval '1 millisecond'
FROM generate_series(0, {entries} - 1) AS number;
INSERT INTO economy_wallet
  (player_id, free_energy, paid_energy, streak_savers, duel_tickets, changed_at)
SELECT number, 0, {entries} / {players}, 0, 0, now()
FROM generate_series(1, {players}) AS number;
"""


@contextmanager
def _ledger(entries: int) -> Iterator[str]:
    """Make a database whose ledger has so many entries; yield its name, and drop it at the end."""
    from django.core.management import call_command

    name = f"bench_ledger_{entries}"
    databases.maintain(f'DROP DATABASE IF EXISTS "{name}"')
    databases.maintain(f'CREATE DATABASE "{name}"')
    try:
        with databases.connected_to(name):
            call_command("migrate", verbosity=0)
            with transaction.atomic(), connection.cursor() as cursor:
                fill = _FILL.format(players=entries // ENTRIES_PER_PLAYER, entries=entries)
                for statement in fill.split(";\n"):
                    if statement.strip():
                        cursor.execute(statement)
            with connection.cursor() as cursor:
                cursor.execute("VACUUM (ANALYZE)")
                cursor.execute("CHECKPOINT")
        yield name
    finally:
        databases.maintain(f'DROP DATABASE IF EXISTS "{name}"')


def _pages(small: str, large: str, *, repetitions: int) -> Iterator[Figure]:
    """Read statements of single players of both ledgers in turns."""
    taken: dict[str, list[float]] = {small: [], large: []}
    for _ in range(repetitions + 1):
        for name, seconds in taken.items():
            with databases.connected_to(name):
                seconds.append(_page_seconds())
    ours, least = taken[large][1:], taken[small][1:]
    sizes: dict[str, str | int | float] = {"small": SMALL, "large": LARGE, "pages": PAGES}
    yield Figure(
        what="statement page of one player at 1 million entries",
        unit="ms",
        samples=[seconds * 1_000 for seconds in ours],
        settings=sizes,
    )
    yield Figure(
        what="statement page: 1 million entries to 10 thousand",
        unit="ratio",
        samples=[one / other for one, other in zip(ours, least, strict=True)],
        target="<= 1.5",
        settings=sizes,
    )


def _page_seconds() -> float:
    """Return how long a page of a player's statement takes, the median of many players."""
    samples = []
    players = list(Player.objects.order_by("pk")[:PAGES])
    # Three times before it counts: PostgreSQL plans a statement anew until then.
    for player in [*players[:10], *players]:
        began = time.perf_counter()
        page = statements.statement(player=player)
        samples.append(time.perf_counter() - began)
        assert len(page.entries) == statements.PAGE_LENGTH
    return median(samples[10:])


# --- Verifications --------------------------------------------------------------------------------

GROUP_BY = """
SELECT player_id, sum(free_energy), sum(paid_energy), sum(streak_savers), sum(duel_tickets)
FROM economy_ledgerentry GROUP BY player_id
"""


def _verifications(*, repetitions: int) -> Iterator[Figure]:
    """Verify the big ledger in turns with the one query that no verification can do without."""
    verifications: dict[str, Callable[..., Any]] = {
        "nightly ledger verification": verification.verify_nightly,
        "full ledger verification": verification.verify_all,
    }
    for what, verify in verifications.items():
        ours, floor = [], []
        for _ in range(repetitions + 1):
            floor.append(_seconds(_group))
            ours.append(_seconds(partial(_verify, verify)))
        nightly = verify is verification.verify_nightly
        sizes: dict[str, str | int | float] = {"entries": LARGE}
        yield Figure(
            what=f"{what} of 1 million entries", unit="s", samples=ours[1:], settings=sizes
        )
        yield Figure(
            what=f"{what}: ratio to GROUP BY",
            unit="ratio",
            samples=[mine / least for mine, least in zip(ours[1:], floor[1:], strict=True)],
            target="<= 1.5" if nightly else "",
            settings={**sizes, "group_by_seconds": median(floor[1:])},
        )
        # By itself, because looking takes time, too.
        memory = [_megabytes(partial(_verify, verify)) for _ in range(repetitions)]
        yield Figure(what=f"{what}: peak memory", unit="MB", samples=memory, settings=sizes)


def _verify(verify: Callable[..., Any]) -> None:
    run = verify(now=timezone.now())
    assert (run.entries, run.differences) == (LARGE, 0)


def _group() -> None:
    with connection.cursor() as cursor:
        cursor.execute(GROUP_BY)
        cursor.fetchall()


def _seconds(work: Callable[[], None]) -> float:
    """Return how long `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _megabytes(work: Callable[[], None]) -> float:
    """Return how much more memory this process and the database need while `work` is done.

    Of the servers that were started with it; what several processes share is not counted.
    """
    before, peak, over = _own_memory(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.02):
            peak = max(peak, _own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return max(0, peak - before) / 1e6


def _own_memory() -> int:
    """Return the bytes that this process and its database have for themselves."""
    total = 0
    for one in (psutil.Process(os.getpid()), *_postgres()):
        try:
            total += one.memory_full_info().uss
        except psutil.Error:
            continue
    return total


def _postgres() -> Sequence[psutil.Process]:
    """Return the processes of the database, if it was started with this one."""
    return [one for one in family() if "postgres" in " ".join(_line(one))]


def _line(one: psutil.Process) -> Sequence[str]:
    try:
        return one.cmdline()
    except psutil.Error:
        return ()
