"""What has happened to purchases, Stars and promo codes, as totals that only grow.

The tables that say it are append-only and large, so nothing counts them: a job adds what has come
since it last looked, by the primary key, and remembers up to where it has counted. Totals begin
with 0 when they are first recorded; the past stands under Analytics.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction

from payments.models import EventKind
from promos.errors import Refusal
from quizarena.ops import timings
from quizarena.ops.models import MetricPosition
from quizarena.ops.timings import Family, Totals

# Rows so young are left to the next run: one with a lower key may still be about to be committed.
LEFT_ALONE = timedelta(seconds=30)
BATCH = 5_000

PURCHASE_EVENTS = Family(
    name="quizarena_purchase_events_total",
    help="What has happened to purchases: credits, refunds, refused pre-checkouts and more.",
    label="kind",
    values=tuple(kind.lower() for kind in EventKind.values),
)
# Events by which Stars move, or the goods for them.
_MOVED = {EventKind.PAID: "paid", EventKind.CREDITED: "credited", EventKind.REFUNDED: "refunded"}
STARS = Family(
    name="quizarena_stars_total",
    help="Stars that players have paid, that were credited, and that were refunded.",
    label="kind",
    values=tuple(_MOVED.values()),
)
PROMO_ATTEMPTS = Family(
    name="quizarena_promo_attempts_total",
    help="Promo codes entered, by what came of them.",
    label="result",
    values=("accepted", *(refusal.lower().removeprefix("e_promo_") for refusal in Refusal)),
)
FAMILIES = (PURCHASE_EVENTS, STARS, PROMO_ATTEMPTS)

_NEW_EVENTS = f"""
WITH latest AS MATERIALIZED (
  SELECT id, purchase_id, kind, at FROM payments_purchaseevent
  WHERE id > %(position)s ORDER BY id LIMIT {BATCH}
)
SELECT latest.kind, count(*), max(latest.id),
  coalesce(sum(purchase.paid_stars) FILTER (WHERE purchase.paid_currency = 'XTR'), 0)
FROM latest JOIN payments_purchase AS purchase ON purchase.id = latest.purchase_id
WHERE latest.id < coalesce((SELECT min(id) FROM latest WHERE at > %(until)s), {2**63 - 1})
GROUP BY latest.kind
"""  # noqa: S608 -- what is put in are numbers of ours.
_NEW_ATTEMPTS = f"""
WITH latest AS MATERIALIZED (
  SELECT id, refusal, at FROM promos_attempt
  WHERE id > %(position)s ORDER BY id LIMIT {BATCH}
)
SELECT refusal, count(*), max(id), 0 FROM latest
WHERE id < coalesce((SELECT min(id) FROM latest WHERE at > %(until)s), {2**63 - 1})
GROUP BY refusal
"""  # noqa: S608
# The statements, by the table that they count.
STATEMENTS = {"payments_purchaseevent": _NEW_EVENTS, "promos_attempt": _NEW_ATTEMPTS}


def record(*, now: datetime) -> int:
    """Add what has come since the last run to the totals; return how many rows that were.

    Each table is a transaction of its own, which locks its position; what somebody else is just
    counting is skipped.
    """
    return sum(_record(source, now=now) for source in STATEMENTS)


@transaction.atomic
def _record(source: str, *, now: datetime) -> int:
    position = MetricPosition.objects.select_for_update(skip_locked=True).filter(pk=source).first()
    if position is None:
        _begin(source)
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            STATEMENTS[source], {"position": position.position, "until": now - LEFT_ALONE}
        )
        rows = cursor.fetchall()
    if not rows:
        return 0
    added: Totals = {}
    for kind, count, _, stars in rows:
        for family, label, value in _counted(source, kind, count, int(stars)):
            added[family.name, label, ""] = value
    timings.add(added)
    position.position = max(last for _, _, last, _ in rows)
    position.save(update_fields=["position"])
    return sum(count for _, count, _, _ in rows)


def _begin(source: str) -> None:
    """Let the totals of a table begin with what comes next, unless they have begun."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO ops_metricposition (source, position) "  # noqa: S608
            f"SELECT %s, coalesce(max(id), 0) FROM {source} ON CONFLICT DO NOTHING",
            [source],
        )


def _counted(source: str, kind: str, count: int, stars: int) -> Iterator[tuple[Family, str, int]]:
    if source == "promos_attempt":
        yield PROMO_ATTEMPTS, kind.lower().removeprefix("e_promo_") or "accepted", count
        return
    yield PURCHASE_EVENTS, kind.lower(), count
    if kind in _MOVED:
        yield STARS, _MOVED[EventKind(kind)], stars
