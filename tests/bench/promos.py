"""Promos: what a code costs beside the least SQL, and what a million codes cost beside COPY."""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

from django.db import connection, transaction
from django.utils import timezone

from promos import batches, campaigns, redemptions, reservations
from promos.models import Campaign, Channel, Redemption
from quizarena.players.models import Player
from tests.bench.clients import CLIENTS, Work, clients, per_second
from tests.bench.pgbench import transactions_per_second
from tests.bench.report import Figure

FLOOR = Path(__file__).with_name("floor")
# Different codes, each of a campaign of its own.
CODES = 500
CODES_MADE = 1_000_000
# A process takes so many players at once; nobody redeems twice.
BLOCK, BLOCKS = 5_000, 60
FIRST_TELEGRAM_ID = 6 * 10**15
# Of the players, and which of their blocks have been taken.
_POPULATE = f"""
CREATE SEQUENCE IF NOT EXISTS bench_blocks MINVALUE 0;
GRANT USAGE ON SEQUENCE bench_blocks TO PUBLIC;
INSERT INTO players_player
  (telegram_id, first_name, last_name, username, language, awaits, created_at, last_seen_at)
SELECT {FIRST_TELEGRAM_ID} + number, 'Bench', '', '', 'de', '', now(), now()
FROM generate_series(0, {BLOCK * BLOCKS - 1}) AS number
"""  # noqa: S608 -- the numbers are constants.


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Measure redeeming and holding beside their floor, then the making of codes."""
    yield from _redeeming(repetitions=repetitions, seconds=seconds)
    yield from _making(repetitions=min(repetitions, 3))


# --- Redeeming ------------------------------------------------------------------------------------


def redeem_hot(client: int, number: int) -> None:
    """Let a player redeem the one code that everybody has."""
    _redeem("BENCHHOT", number)


def redeem_distinct(client: int, number: int) -> None:
    """Let a player redeem one of many codes."""
    _redeem(f"BENCH{(client + CLIENTS * number) % CODES}", number)


def reserve_and_release(client: int, number: int) -> None:
    """Let a player hold a discount, and give it back."""
    reserved = _redeem("BENCHHOLD", number)
    assert reservations.release(redemption_id=reserved.pk, now=timezone.now())


def _redeem(raw: str, number: int) -> Redemption:
    result = redemptions.redeem(
        player=next(_players()),
        raw=raw,
        channel=Channel.API,
        key=f"bench:{number}",
        now=timezone.now(),
    )
    assert result.redemption, result
    return result.redemption


@cache
def _players() -> Iterator[Player]:
    """Return players whom no other process takes."""
    return _fresh_players()


def _fresh_players() -> Iterator[Player]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('bench_blocks')")
            first = FIRST_TELEGRAM_ID + cursor.fetchone()[0] * BLOCK
        taken = Player.objects.filter(telegram_id__gte=first, telegram_id__lt=first + BLOCK)
        yield from list(taken.order_by("pk"))


def _redeeming(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Let clients redeem in turns with pgbench."""
    _populate()
    parts: tuple[tuple[str, Work, str, int, str], ...] = (
        ("redeem a grant, one hot shared code", redeem_hot, "redeem.sql", 1, ">= 0.3"),
        ("redeem a grant, distinct codes", redeem_distinct, "redeem.sql", CODES, ""),
        ("reserve a discount and release it", reserve_and_release, "hold.sql", 1, ""),
    )
    with clients() as pool:
        for what, work, script, codes, target in parts:
            ours, floor = [], []
            # The first round warms up.
            for _ in range(repetitions + 1):
                with connection.cursor() as cursor:
                    cursor.execute("TRUNCATE bench_redemption")
                floor.append(
                    transactions_per_second(
                        FLOOR / script,
                        clients=CLIENTS,
                        seconds=seconds,
                        variables={"codes": codes, "turn": 0, "run": time.time_ns()},
                    )
                )
                ours.append(per_second(pool, work, seconds=seconds))
            sizes: dict[str, str | int | float] = {
                "clients": CLIENTS,
                "codes": codes,
                "seconds": seconds,
            }
            yield Figure(what=what, unit="codes/s", samples=ours[1:], settings=sizes)
            yield Figure(
                what=f"{what}: ratio to pgbench",
                unit="ratio",
                samples=[mine / least for mine, least in zip(ours[1:], floor[1:], strict=True)],
                target=target,
                settings={**sizes, "pgbench_per_second": median(floor[1:])},
            )


@transaction.atomic
def _populate() -> None:
    """Make the players, the campaigns, and the tables of the floor."""
    with connection.cursor() as cursor:
        cursor.execute((FLOOR / "promo_tables.sql").read_text())
        cursor.execute(_POPULATE)
    _run_campaign("BENCHHOT", kind="PREMIUM_GRANT", value=7)
    _run_campaign("BENCHHOLD", kind="PERCENT_DISCOUNT", value=20)
    for number in range(CODES):
        _run_campaign(f"BENCH{number}", kind="PREMIUM_GRANT", value=7)


def _run_campaign(code: str, *, kind: str, value: int) -> Campaign:
    """Start a campaign with a limit that nobody reaches; return it."""
    now = timezone.now()
    campaign = Campaign.objects.create(
        name=code,
        kind=kind,
        value=value,
        starts_at=now,
        uses_max=1_000_000,
        created_at=now,
        changed_at=now,
    )
    campaigns.share_code(campaign_id=campaign.pk, raw=code, now=now)
    return campaigns.start(campaign_id=campaign.pk, reason="", now=now, staff=None)


# --- Making codes ---------------------------------------------------------------------------------


def _making(*, repetitions: int) -> Iterator[Figure]:
    """Make a million codes, and copy the same rows into a table with the same indexes."""
    seconds, megabytes, floor = [], [], []
    for number in range(repetitions):
        # A process of its own: what it needs at most is what the making needs.
        with clients() as pool:
            batch_id, taken, peak = pool.submit(_make, f"MAKE{number}").result()
        seconds.append(taken)
        megabytes.append(peak)
        floor.append(_copy_again(batch_id))
    sizes: dict[str, str | int | float] = {"codes": CODES_MADE}
    what = "making a million codes"
    yield Figure(what=what, unit="s", samples=seconds, target="< 60", settings=sizes)
    yield Figure(
        what=f"{what}: ratio to COPY",
        unit="ratio",
        samples=[mine / least for mine, least in zip(seconds, floor, strict=True)],
        target="<= 3",
        settings={**sizes, "copy_seconds": median(floor)},
    )
    yield Figure(
        what=f"{what}: peak memory", unit="MB", samples=megabytes, target="< 200", settings=sizes
    )


def _make(code: str) -> tuple[int, float, float]:
    """Make the codes of a batch; return which, in how many seconds, with how many MB at most."""
    now = timezone.now()
    campaign = _run_campaign(code, kind="PREMIUM_GRANT", value=7)
    batch = batches.order(
        campaign_id=campaign.pk, size=CODES_MADE, prefix="BENCH", now=now, staff=None
    )
    began = time.perf_counter()
    while batches.make(batch_id=batch.pk):
        pass
    taken = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return batch.pk, taken, peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _copy_again(batch_id: int) -> float:
    """Copy the rows of a batch into an empty table; return in how many seconds."""
    with tempfile.TemporaryFile() as rows, connection.cursor() as cursor:
        columns = "(campaign_id, batch_id, is_shared, digest, pepper_id, label)"
        cursor.execute("DROP TABLE IF EXISTS bench_code")
        cursor.execute("CREATE TABLE bench_code (LIKE promos_code INCLUDING ALL)")
        chosen = columns.strip("()")
        with cursor.copy(
            f"COPY (SELECT {chosen} FROM promos_code WHERE batch_id = {batch_id})"  # noqa: S608
            " TO STDOUT (FORMAT BINARY)"
        ) as copy:
            for block in copy:
                rows.write(block)
        rows.seek(0)
        began = time.perf_counter()
        with cursor.copy(f"COPY bench_code {columns} FROM STDIN (FORMAT BINARY)") as copy:
            while block := rows.read(1 << 16):
                copy.write(block)
        return time.perf_counter() - began
