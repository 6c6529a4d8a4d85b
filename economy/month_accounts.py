"""What every asset gained and lost between two instants, and what players owned at the second."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import Sum

from economy.models import ASSETS, LedgerEntry
from economy.statements import REGENERATION


@dataclass(slots=True, kw_only=True)
class Account:
    """One asset of all players; credits and debits by the type of their entries."""

    credits: dict[str, int] = field(default_factory=dict)
    debits: dict[str, int] = field(default_factory=dict)
    # What could not be taken back because it was spent; it moved nothing.
    shortfall: int = 0
    # What players owned at the end, counted back from what they own now.
    owned: int = 0


# One statement, so that all of it is of one instant. What regenerated is a credit of its own.
_ACCOUNTS = f"""
WITH moved AS (
  SELECT type, shortfall, free_energy - regenerated.points AS free_energy,
    regenerated.points AS regenerated, {", ".join(ASSETS[1:])}
  FROM economy_ledgerentry AS entry
  CROSS JOIN LATERAL (
    SELECT coalesce((entry.metadata ->> 'regenerated')::int, 0)
      + coalesce((entry.metadata ->> 'topped_up')::int, 0) AS points
  ) AS regenerated
  WHERE created_at >= %(begin)s AND created_at < %(end)s
),
summed AS (
  SELECT type, sum(regenerated) AS regenerated,
    {", ".join(f"sum(greatest({asset}, 0)) AS {asset}_in" for asset in ASSETS)},
    {", ".join(f"sum(greatest(-{asset}, 0)) AS {asset}_out" for asset in ASSETS)},
    {", ".join(f"sum((shortfall ->> '{asset}')::int) AS {asset}_short" for asset in ASSETS)}
  FROM moved
  GROUP BY type
),
later AS (
  SELECT {", ".join(f"coalesce(sum({asset}), 0) AS {asset}" for asset in ASSETS)}
  FROM economy_ledgerentry WHERE created_at >= %(end)s
),
wallets AS (
  SELECT {", ".join(f"coalesce(sum({asset}), 0) AS {asset}" for asset in ASSETS)}
  FROM economy_wallet
)
SELECT asset, reason, credit::bigint, debit::bigint, coalesce(short, 0)::bigint, 0
FROM summed
CROSS JOIN LATERAL (VALUES
  ('free_energy', %(regeneration)s, regenerated, 0, 0),
  {", ".join(f"('{one}', type, {one}_in, {one}_out, {one}_short)" for one in ASSETS)}
) AS flow (asset, reason, credit, debit, short)
UNION ALL
SELECT asset, '', 0, 0, 0, owned::bigint
FROM wallets CROSS JOIN later
CROSS JOIN LATERAL (VALUES
  {", ".join(f"('{asset}', wallets.{asset} - later.{asset})" for asset in ASSETS)}
) AS balance (asset, owned)
"""  # noqa: S608 -- the assets are constants.


def between(*, begin: datetime, end: datetime) -> dict[str, Account]:
    """Return the account of each asset from `begin` until before `end`. One statement."""
    accounts: defaultdict[str, Account] = defaultdict(Account)
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, {"begin": begin, "end": end, "regeneration": REGENERATION})
        for asset, reason, credit, debit, short, owned in cursor.fetchall():
            account = accounts[asset]
            account.owned += owned
            account.shortfall += short
            for side, units in ((account.credits, credit), (account.debits, debit)):
                if units:
                    side[reason] = side.get(reason, 0) + units
    return {asset: accounts[asset] for asset in ASSETS}


def balances_before(instant: datetime) -> dict[str, int]:
    """Return what all entries before `instant` add up to. Reads them all, so it is for jobs."""
    sums = LedgerEntry.objects.filter(created_at__lt=instant).aggregate(
        **{f"{asset}_sum": Sum(asset, default=0) for asset in ASSETS}
    )
    return {asset: sums[f"{asset}_sum"] for asset in ASSETS}


def first_entry_at() -> datetime | None:
    """Return when the first entry was posted."""
    # Instants follow the ids player by player only, and a minute more or less is the same month.
    return LedgerEntry.objects.order_by("id").values_list("created_at", flat=True).first()
