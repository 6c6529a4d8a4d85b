"""The monthly statement: opening, credits and debits by reason, closing, of assets and Stars.

Counted by a job of the night and stored. A month begins with the balances with which the one before
it was closed, so that no statement reads the whole history. Product rules, section 5.11.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Min

from economy import month_accounts
from economy.models import ASSETS
from economy.wallets import business_zone
from payments.models import XTR, MonthlyStatement, Purchase
from quizarena.staff import alerts

# The account of what Telegram has taken for us and not given back.
STARS = "stars"
# A payment of an earlier month that was found when its statement was closed.
RECORDED_LATE = "RECORDED_LATE"
# What was begun before midnight is in the ledger by then.
CLOSE_AFTER = timedelta(hours=2)
# So many months are counted in one run; the next one continues.
MONTHS_MAX = 12
# The kind of alert for a statement that does not add up.
DIFFERENCE = "statement_difference"

Line = dict[str, Any]


def count(*, now: datetime) -> int:
    """Count the months that are not closed, the oldest first; return how many.

    Each is a transaction of its own. Two runs at once count the same.
    """
    counted = 0
    for month in _unclosed(now)[:MONTHS_MAX]:
        count_month(month, now=now)
        counted += 1
    return counted


@transaction.atomic
def count_month(month: date, *, now: datetime) -> MonthlyStatement:
    """Count one month until `now`, or until its end; close it CLOSE_AFTER its end.

    A closed one stays as it is. Raises an alert if an account does not add up. Locks the statement.
    """
    begin, end = instants(month)
    until = min(end, now)
    before = MonthlyStatement.objects.filter(month=_before(month), is_closed=True).first()
    accounts = {**_assets(begin, until, before), STARS: _stars(begin, until, before)}
    counted = {
        "counted_until": until,
        "counted_at": now,
        "is_closed": now >= end + CLOSE_AFTER,
        "accounts": accounts,
    }
    if not MonthlyStatement.objects.filter(month=month, is_closed=False).update(**counted):
        statement = MonthlyStatement(month=month, **counted)
        MonthlyStatement.objects.bulk_create([statement], ignore_conflicts=True)
    statement = MonthlyStatement.objects.get(month=month)
    _alert(statement, now=now)
    return statement


def instants(month: date) -> tuple[datetime, datetime]:
    """Return the instants at which a month of business begins and has ended."""
    zone = business_zone()
    return (
        datetime.combine(month, time.min, zone),
        datetime.combine(_after(month), time.min, zone),
    )


def _unclosed(now: datetime) -> list[date]:
    """Return the months since the last closed one, or since the first movement."""
    closed = MonthlyStatement.objects.filter(is_closed=True).order_by("-month").first()
    if closed is not None:
        month = _after(closed.month)
    else:
        paid_at = Purchase.objects.aggregate(first=Min("paid_at"))["first"]
        firsts = [at for at in (month_accounts.first_entry_at(), paid_at) if at is not None]
        month = min([*firsts, now]).astimezone(business_zone()).date().replace(day=1)
    months = []
    this_month = now.astimezone(business_zone()).date().replace(day=1)
    while month <= this_month:
        months.append(month)
        month = _after(month)
    return months


def _after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _line(
    *,
    opening: int,
    credits: Mapping[str, int],  # noqa: A002 -- the word of accounting.
    debits: Mapping[str, int],
    counted: int,
    shortfall: int = 0,
) -> Line:
    """Return an account; its closing follows from what stands before it."""
    return {
        "opening": opening,
        "credits": dict(credits),
        "debits": dict(debits),
        "closing": opening + sum(credits.values()) - sum(debits.values()),
        "counted": counted,
        "shortfall": shortfall,
    }


def _assets(begin: datetime, end: datetime, before: MonthlyStatement | None) -> dict[str, Line]:
    """Return the account of each asset: its movements are entries, its closing is in wallets."""
    if before is None:
        openings = month_accounts.balances_before(begin)
    else:
        openings = {asset: before.accounts[asset]["closing"] for asset in ASSETS}
    return {
        asset: _line(
            opening=openings[asset],
            credits=account.credits,
            debits=account.debits,
            counted=account.owned,
            shortfall=account.shortfall,
        )
        for asset, account in month_accounts.between(begin=begin, end=end).items()
    }


# One statement, so that a payment that comes in meanwhile stands on both sides or on neither.
_STARS = """
WITH moved AS (
  SELECT product_id AS product, paid_at AS at, paid_stars AS came, 0 AS went
  FROM payments_purchase
  WHERE paid_currency = %(currency)s AND paid_at < %(end)s
  UNION ALL
  SELECT purchase.product_id, refund.finished_at, 0, purchase.paid_stars
  FROM payments_refund AS refund
  JOIN payments_purchase AS purchase ON purchase.id = refund.purchase_id
  WHERE purchase.paid_currency = %(currency)s AND refund.finished_at < %(end)s
)
SELECT coalesce(product, ''),
  coalesce(sum(came) FILTER (WHERE at >= %(begin)s), 0),
  coalesce(sum(went) FILTER (WHERE at >= %(begin)s), 0),
  coalesce(sum(came - went) FILTER (WHERE at < %(begin)s), 0)
FROM moved
GROUP BY product
ORDER BY product
"""


def _stars(begin: datetime, end: datetime, before: MonthlyStatement | None) -> Line:
    """Return the account of Stars, by product.

    A payment counts when it was made and a refund when it ended; what reconciliation has found of
    an earlier month, after that was closed, is a line of this month.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STARS, {"currency": XTR, "begin": begin, "end": end})
        products = cursor.fetchall()
    came = {code: stars for code, stars, _, _ in products if stars}
    went = {code: stars for code, _, stars, _ in products if stars}
    known = sum(stars for *_, stars in products)
    opening = known if before is None else before.accounts[STARS]["closing"]
    late = known - opening
    return _line(
        opening=opening,
        credits={**came, **({RECORDED_LATE: late} if late > 0 else {})},
        debits={**went, **({RECORDED_LATE: -late} if late < 0 else {})},
        counted=known + sum(came.values()) - sum(went.values()),
    )


def _alert(statement: MonthlyStatement, *, now: datetime) -> None:
    """Raise an alert for a statement that does not add up; resolve that of one that does."""
    key = str(statement)
    if statement.adds_up:
        alerts.resolve(kind=DIFFERENCE, key=key, now=now)
        return
    wrong = {
        name: {"closing": account["closing"], "counted": account["counted"]}
        for name, account in statement.accounts.items()
        if account["closing"] != account["counted"]
    }
    alerts.raise_alert(
        kind=DIFFERENCE,
        key=key,
        summary=f"The statement of {statement} does not add up: {', '.join(sorted(wrong))}.",
        details=wrong,
        now=now,
        subject=statement,
    )
