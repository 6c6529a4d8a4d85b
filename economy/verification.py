"""Verify the ledger: recompute every wallet from its entries. Product rules, section 3."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import ceil

import structlog
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils.timezone import is_naive

from economy import controls
from economy.errors import InvalidEntryError
from economy.models import ASSETS, ControlRun, VerificationRun
from quizarena import advisory_locks
from quizarena.advisory_locks import AlreadyLockedError, Space
from quizarena.players.models import Player

# The players are verified in ranges that have about so many entries. Few ranges are fast, because
# each reads most of the table; a bigger one takes disk space, but of memory never more than this
# per process of the database.
ENTRIES_PER_RANGE = 10_000_000
MEMORY = "32MB"
# Of so many nights each has its players whose entries are looked at one by one.
NIGHTS = 7

log = structlog.get_logger(__name__)


class RunningError(Exception):
    """Another verification is running. Nothing has been done."""


def verify_nightly(*, now: datetime) -> VerificationRun:
    """Recompute every wallet from its entries; return the run, which is stored with its findings.

    Does what verify_all does, within the time of a night: the balances that entries state are
    verified for a seventh of the players, each night another one.
    """
    if is_naive(now):
        raise InvalidEntryError("An instant needs a time zone.")
    return _verify(now=now, night=now.toordinal() % NIGHTS, on_range=lambda _, __: None)


def verify_all(
    *, now: datetime, on_range: Callable[[int, int], None] = lambda _, __: None
) -> VerificationRun:
    """Recompute every wallet and every balance that an entry states; return the run.

    A balance must be the sum of the entries, and so must each balance that an entry states, of the
    entries up to it in the order of their ids. A wallet must have entries, and entries a wallet.

    The wallets of a range of players and the sums of their entries are one statement, so that what
    is posted meanwhile is in both or in neither. Memory is bounded here and in the database,
    however many players and entries there are. `on_range` is called with the number of ranges that
    are done, and of all. Raises RunningError while another verification runs. Must not run inside a
    transaction.
    """
    if is_naive(now):
        raise InvalidEntryError("An instant needs a time zone.")
    return _verify(now=now, night=None, on_range=on_range)


def _verify(
    *, now: datetime, night: int | None, on_range: Callable[[int, int], None]
) -> VerificationRun:
    """Verify all wallets, and the entries of the players of `night`, or of all of them."""
    with _alone(), controls.running(controls.LEDGER, now=now) as control_run:
        began = time.monotonic()
        run = VerificationRun.objects.create(started_at=now)
        ranges = _ranges()
        for number, (first, last) in enumerate(ranges, 1):
            _verify_range_or_report(run, control_run, first=first, last=last, night=night)
            on_range(number, len(ranges))
        run.seconds = time.monotonic() - began
        control_run.checked = run.wallets
        control_run.findings += run.differences
        control_run.headline = str(run.findings.order_by("pk").first() or "")
        control_run.save()
        run.control_run = control_run
        run.save(update_fields=["seconds", "control_run"])
    if run.differences:
        log.error("ledger.differs", run=run.pk, differences=run.differences)
    return run


def _verify_range_or_report(
    run: VerificationRun, control_run: ControlRun, *, first: int, last: int, night: int | None
) -> None:
    """Verify one range; a failure is stored as a finding and does not hold up the other ranges."""
    try:
        _verify_range(run, first=first, last=last, night=night)
    except Exception as error:
        log.exception("ledger.range_failed", run=run.pk, first=first, last=last)
        # What the range had counted has been rolled back in the database.
        run.refresh_from_db()
        controls.add_finding(
            control_run,
            summary=f"Players {first} to {last} could not be verified: {type(error).__name__}.",
            subject=run,
            details={"first": first, "last": last, "error": type(error).__name__},
        )


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other verifications away. Raises RunningError when one is running already."""
    try:
        with advisory_locks.locked(Space.LEDGER_VERIFICATION):
            yield
    except AlreadyLockedError as error:
        raise RunningError(
            "Another ledger verification is running: wait until it has ended."
        ) from error


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


def _verify_range(run: VerificationRun, *, first: int, last: int, night: int | None) -> None:
    """Verify the players `first` to `last`, store what is wrong and count it all in `run`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        cursor.execute(_COUNTED, {"first": first, "last": last})
        wallets, entries, wrong = cursor.fetchone()
        span = {"first": first, "last": last, "nights": NIGHTS, "night": night}
        cursor.execute(_CHAIN_FAULTS, span)
        [breaks] = cursor.fetchone()
        if wrong or breaks:
            # Once more and slowly: a statement that stores something has one processor.
            cursor.execute(_FINDINGS, {"run": run.pk, **span})
            run.differences += cursor.fetchone()[0]
        run.wallets += wallets
        run.entries += entries
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

# What a range's entries make its wallets, beside what these are.
_COMPARED = f"""
summed AS (
  SELECT player_id, count(*) AS entries, {_for_each_asset("sum({asset}) AS {asset}")}
  FROM economy_ledgerentry
  WHERE player_id BETWEEN %(first)s AND %(last)s
  GROUP BY player_id
),
wallet AS (
  SELECT * FROM economy_wallet WHERE player_id BETWEEN %(first)s AND %(last)s
),
compared AS (
  SELECT player_id, entries, (wallet.player_id IS NOT NULL)::int AS wallets,
    {_for_each_asset("wallet.{asset} AS {asset}_in_wallet, summed.{asset} AS {asset}_by_entries")}
  FROM summed FULL JOIN wallet USING (player_id)
)
"""  # noqa: S608 -- the assets are constants.

# The first wrong entry is the first whose balance is not the sum up to it.
_BROKEN_CHAINS = f"""
chain AS (
  SELECT id, player_id,
    {_for_each_asset("{asset}_after, sum({asset}) OVER up_to AS {asset}_up_to")}
  FROM economy_ledgerentry
  WHERE player_id BETWEEN %(first)s AND %(last)s
    AND (%(night)s::int IS NULL OR player_id %% %(nights)s = %(night)s)
  WINDOW up_to AS (PARTITION BY player_id ORDER BY id ROWS UNBOUNDED PRECEDING)
),
broken AS (
  SELECT player_id,
    {_for_each_asset("min(id) FILTER (WHERE {asset}_after <> {asset}_up_to) AS {asset}_wrong")}
  FROM chain
  WHERE ({_for_each_asset("{asset}_after")}) <> ({_for_each_asset("{asset}_up_to")})
  GROUP BY player_id
)
"""  # noqa: S608 -- the assets are constants.

# Only a statement that stores nothing runs in parallel; and the application makes no tables, not
# even temporary ones.
_COUNTED = f"""
WITH {_COMPARED}
SELECT coalesce(sum(wallets), 0), coalesce(sum(entries), 0), count(*) FILTER (
  WHERE ({_for_each_asset("{asset}_in_wallet")})
    IS DISTINCT FROM ({_for_each_asset("{asset}_by_entries")})
)
FROM compared
"""  # noqa: S608 -- the assets are constants.

_CHAIN_FAULTS = f"WITH {_BROKEN_CHAINS} SELECT count(*) FROM broken"  # noqa: S608 -- as above.

_FINDINGS = f"""
WITH {_COMPARED}, {_BROKEN_CHAINS},
found AS (
  INSERT INTO economy_verificationfinding
    (run_id, player_id, asset, in_wallet, by_entries, entry_id)
  SELECT %(run)s, player_id, asset, in_wallet, by_entries, first_wrong
  FROM compared LEFT JOIN broken USING (player_id) CROSS JOIN LATERAL (VALUES
    {_for_each_asset("('{asset}', {asset}_in_wallet, {asset}_by_entries, {asset}_wrong)")}
  ) AS balance (asset, in_wallet, by_entries, first_wrong)
  WHERE in_wallet IS DISTINCT FROM by_entries OR first_wrong IS NOT NULL
  ORDER BY player_id, asset
  RETURNING id
)
SELECT count(*) FROM found
"""  # noqa: S608 -- the assets are constants.
