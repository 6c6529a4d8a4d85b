"""Prove the ledger: recompute every wallet from its entries. Product rules, section 3."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import ceil

import structlog
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils.timezone import is_naive

from economy.errors import BadMoveError
from economy.models import ASSETS, ProverRun
from quizarena.players.models import Player

# The players are proved in ranges that have about so many entries. Few ranges are fast, because
# each reads most of the table; sorting a bigger one takes disk space, but of memory never more
# than this per process of the database.
ENTRIES_PER_RANGE = 4_000_000
MEMORY = "32MB"
# Any number will do that nobody else takes for a lock of theirs.
LOCK = 0x1ED6E5

log = structlog.get_logger(__name__)


class RunningError(Exception):
    """Another proof is running. Nothing has been done."""


def prove(*, now: datetime, on_range: Callable[[int, int], None] = lambda _, __: None) -> ProverRun:
    """Recompute every wallet from its entries; return the run, which is stored with its findings.

    A balance must be the sum of the entries, and so must each balance that an entry tells, of the
    entries up to it in the order of their ids. A wallet must have entries, and entries a wallet.

    A range of players is one statement, so that what is posted meanwhile is in both or in neither.
    Memory is bounded here and in the database, however many players and entries there are.
    `on_range` is told how many of all ranges are done. Raises RunningError while another proof
    runs; nobody may wrap this in a transaction.
    """
    if is_naive(now):
        raise BadMoveError("An instant needs a time zone.")
    with _alone():
        began = time.monotonic()
        run = ProverRun.objects.create(started_at=now)
        ranges = _ranges()
        for number, (first, last) in enumerate(ranges, 1):
            _prove_range(run, first=first, last=last)
            on_range(number, len(ranges))
        run.seconds = time.monotonic() - began
        run.save(update_fields=["seconds"])
    if run.differences:
        log.error("ledger.unproved", run=run.pk, differences=run.differences)
    return run


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other proofs away. Raises RunningError when one is there already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise RunningError("Another proof is running.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _ranges() -> list[tuple[int, int]]:
    """Return the first and the last player id of each range; together they are all players."""
    ids = Player.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if ids["first"] is None:
        return []
    with connection.cursor() as cursor:
        # What the planner thinks; after the last ANALYZE or by the size of the table.
        cursor.execute("EXPLAIN (FORMAT JSON) SELECT FROM economy_ledgerentry")
        entries = cursor.fetchone()[0][0]["Plan"]["Plan Rows"]
    first, beyond = ids["first"], ids["last"] + 1
    length = ceil((beyond - first) / ceil(max(entries, 1) / ENTRIES_PER_RANGE))
    return [(start, min(start + length, beyond) - 1) for start in range(first, beyond, length)]


def _prove_range(run: ProverRun, *, first: int, last: int) -> None:
    """Prove the players `first` to `last`, store what is wrong and count it all in `run`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        cursor.execute(_PROVED, {"first": first, "last": last})
        cursor.execute(_FINDINGS, {"run": run.pk})
        wallets, entries, differences = cursor.fetchone()
        cursor.execute("DROP TABLE proved")
        run.wallets += wallets
        run.entries += entries
        run.differences += differences
        run.save(update_fields=["wallets", "entries", "differences"])


def _for_each_asset(template: str) -> str:
    """Return the template for every asset in turn, with commas between them."""
    return ", ".join(template.format(asset=asset) for asset in ASSETS)


# Once through the table, by all processors, and sorted: any other plan takes longer, and so does
# compiling it. Each value has its plan, and each process its memory.
_SETTINGS = f"""
SELECT set_config(name, value, true) FROM (VALUES
  ('work_mem', '{MEMORY}'), ('jit', 'off'), ('enable_incremental_sort', 'off'),
  ('parallel_tuple_cost', '0.001'), ('plan_cache_mode', 'force_custom_plan')
) AS setting (name, value)
"""  # noqa: S608 -- all are constants.

# Only a statement that writes nothing but its own table runs in parallel. A kink is the first entry
# that tells another balance than the sum up to it.
_PROVED = f"""
CREATE TEMPORARY TABLE proved AS
WITH chain AS (
  SELECT id, player_id,
    {_for_each_asset("{asset}, {asset}_after, sum({asset}) OVER up_to AS {asset}_up_to")}
  FROM economy_ledgerentry
  WHERE player_id BETWEEN %(first)s AND %(last)s
  WINDOW up_to AS (PARTITION BY player_id ORDER BY id ROWS UNBOUNDED PRECEDING)
),
summed AS (
  SELECT player_id, count(*) AS entries,
    {_for_each_asset("sum({asset}) AS {asset}")},
    {_for_each_asset("min(id) FILTER (WHERE {asset}_after <> {asset}_up_to) AS {asset}_kink")}
  FROM chain
  GROUP BY player_id
),
wallet AS (
  SELECT * FROM economy_wallet WHERE player_id BETWEEN %(first)s AND %(last)s
)
SELECT player_id, entries, (wallet.player_id IS NOT NULL)::int AS wallets,
  {_for_each_asset("wallet.{asset} AS {asset}_in_wallet, summed.{asset} AS {asset}_by_entries")},
  {_for_each_asset("{asset}_kink")}
FROM summed FULL JOIN wallet USING (player_id)
"""  # noqa: S608 -- the assets are constants.

_FINDINGS = f"""
WITH found AS (
  INSERT INTO economy_proverfinding (run_id, player_id, asset, in_wallet, by_entries, entry_id)
  SELECT %(run)s, player_id, asset, in_wallet, by_entries, kink
  FROM proved CROSS JOIN LATERAL (VALUES
    {_for_each_asset("('{asset}', {asset}_in_wallet, {asset}_by_entries, {asset}_kink)")}
  ) AS balance (asset, in_wallet, by_entries, kink)
  WHERE in_wallet IS DISTINCT FROM by_entries OR kink IS NOT NULL
  ORDER BY player_id, asset
  RETURNING id
)
SELECT coalesce(sum(wallets), 0), coalesce(sum(entries), 0), (SELECT count(*) FROM found)
FROM proved
"""  # noqa: S608 -- the assets are constants.
