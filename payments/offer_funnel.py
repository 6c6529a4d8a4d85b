"""The funnel of offers by trigger, and its alerts. Product rules, section 10.

An impression counts on the day on which it was shown, with everything that came of it later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate

from economy.wallets import business_zone
from payments.models import Impression
from payments.offer_rules import BLOCKING_EVERY, SAME_EVERY, SHOWN_A_DAY_MAX, Trigger
from quizarena.staff import alerts

# The kinds of alerts.
DROP = "offer_drop"
SPAM = "offer_spam"

# What is looked at, and what it is compared with: the days before.
LATELY = timedelta(days=7)
BEFORE = timedelta(days=28)
# Where so many were to be expected to buy, chance alone hardly ever makes fewer than this part.
EXPECTED_MIN = 20
DROP_TO = 0.5
# Where of so many that were shown more than this part is muted, the offer is a nuisance.
SHOWN_MIN = 100
MUTED_MAX = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How far offers have come. `stars` is what was paid, `refunded` what of it went back.

    `bought` counts credited purchases, also those that were refunded afterwards.
    """

    shown: int = 0
    clicked: int = 0
    bought: int = 0
    dismissed: int = 0
    muted: int = 0
    stars: int = 0
    refunds: int = 0
    refunded: int = 0

    @property
    def conversion(self) -> float | None:
        """Return how many purchases there are for each offer shown; None if none was."""
        return self.bought / self.shown if self.shown else None


_FUNNEL = """
SELECT
  impression.trigger, count(*) AS shown, count(clicked_at) AS clicked,
  count(dismissed_at) AS dismissed, count(muted_at) AS muted,
  coalesce(sum(sales.bought), 0) AS bought, coalesce(sum(sales.stars), 0) AS stars,
  coalesce(sum(sales.refunds), 0) AS refunds, coalesce(sum(sales.refunded), 0) AS refunded
FROM payments_impression AS impression
LEFT JOIN (
  SELECT
    attribution.impression_id, count(*) AS bought, sum(purchase.paid_stars) AS stars,
    count(*) FILTER (WHERE purchase.status = 'REFUNDED') AS refunds,
    sum(purchase.paid_stars) FILTER (WHERE purchase.status = 'REFUNDED') AS refunded
  FROM payments_attribution AS attribution
  JOIN payments_purchase AS purchase ON purchase.id = attribution.purchase_id
  WHERE purchase.credit_entry_id IS NOT NULL AND attribution.at >= %(since)s
  GROUP BY attribution.impression_id
) AS sales ON sales.impression_id = impression.id
WHERE impression.shown_at >= %(since)s AND impression.shown_at < %(until)s
GROUP BY impression.trigger
"""


def funnels(*, since: datetime, until: datetime) -> dict[Trigger, Funnel]:
    """Return the funnel of every trigger of what was shown from `since` to `until`. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_FUNNEL, {"since": since, "until": until})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    by_trigger = {row.pop("trigger"): row for row in rows}
    return {
        trigger: Funnel(**{name: int(value) for name, value in by_trigger.get(trigger, {}).items()})
        for trigger in Trigger
    }


def shown_by_day(*, since: datetime) -> Mapping[tuple[date, str], int]:
    """Return how many offers of each trigger were shown on each business day. One query."""
    rows = (
        Impression.objects.filter(shown_at__gte=since)
        .values_list(TruncDate("shown_at", tzinfo=business_zone()), "trigger")
        .annotate(shown=Count("pk"))
        .order_by()
    )
    return {(day, trigger): shown for day, trigger, shown in rows}


# --- The guard ------------------------------------------------------------------------------------


def guard(*, now: datetime) -> int:
    """Raise an alert for each trigger that has dropped or that players do not want to see, and for
    caps that were overrun; return how many. Alerts without trouble are resolved."""
    lately = funnels(since=now - LATELY, until=now)
    before = funnels(since=now - LATELY - BEFORE, until=now - LATELY)
    found = 0
    for trigger in Trigger:
        found += _raise_or_resolve(
            kind=DROP,
            key=trigger,
            trouble=_dropped(lately[trigger], before[trigger]),
            figures=(lately[trigger], before[trigger]),
            now=now,
        )
        found += _raise_or_resolve(
            kind=SPAM,
            key=trigger,
            trouble=_unwanted(lately[trigger]),
            figures=(lately[trigger],),
            now=now,
        )
    overrun = _overrun(since=now - LATELY)
    return found + _raise_or_resolve(kind=SPAM, key="caps", trouble=overrun, figures=(), now=now)


def _dropped(lately: Funnel, before: Funnel) -> str:
    """Return in words that a trigger sells far less than it did, if that is no chance."""
    expected = lately.shown * (before.conversion or 0)
    if expected < EXPECTED_MIN or lately.bought >= expected * DROP_TO:
        return ""
    return (
        f"{lately.bought} of {lately.shown:,} bought in the last {LATELY.days} days; at the rate "
        f"of the {BEFORE.days} days before, {expected:.0f} were expected."
    )


def _unwanted(lately: Funnel) -> str:
    """Return in words that too many do not want to see an offer."""
    if lately.shown < SHOWN_MIN or lately.muted <= lately.shown * MUTED_MAX:
        return ""
    return f"{lately.muted:,} of {lately.shown:,} muted it in the last {LATELY.days} days."


_OVERRUN = """
SELECT player_id FROM (
  SELECT player_id,
    count(*) OVER (PARTITION BY player_id, day) > %(a_day)s AS a_day,
    shown_at - lag(shown_at) OVER (PARTITION BY player_id, trigger ORDER BY shown_at)
      < %(same)s AS same,
    is_blocking AND shown_at
      - lag(shown_at) OVER (PARTITION BY player_id, is_blocking ORDER BY shown_at)
      < %(blocking)s AS blocking
  FROM payments_impression WHERE shown_at >= %(since)s
) AS shown WHERE a_day OR same OR blocking LIMIT 1
"""


def _overrun(*, since: datetime) -> str:
    """Return in words whose caps were overrun. The constraints make it impossible; this looks."""
    values: dict[str, Any] = {
        "since": since,
        "a_day": SHOWN_A_DAY_MAX,
        "same": SAME_EVERY,
        "blocking": BLOCKING_EVERY,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OVERRUN, values)
        row = cursor.fetchone()
    return f"Player {row[0]} was shown more offers than the limits allow." if row else ""


def _raise_or_resolve(
    *, kind: str, key: str, trouble: str, figures: tuple[Funnel, ...], now: datetime
) -> int:
    """Raise the alert if there is `trouble`, else resolve it; return how many were raised."""
    if not trouble:
        alerts.resolve(kind=kind, key=key, now=now)
        return 0
    names = ("lately", "before")
    details = {
        name: {"shown": one.shown, "clicked": one.clicked, "bought": one.bought, "muted": one.muted}
        for name, one in zip(names, figures, strict=False)
    }
    alerts.raise_alert(kind=kind, key=key, summary=f"{key}: {trouble}", details=details, now=now)
    return 1
