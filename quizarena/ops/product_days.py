"""How the product does, recorded day by day: who comes, who comes back, who pays.

One row a business day (ProductDay). The job records today so far, and every other day when it is
over, and once more when what reconciliation finds late has come. A missed run is made up for by the
next one.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from economy.streak_rules import DAY
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.game import points
from quizarena.game.play_counts import LATE, bounds
from quizarena.ops.models import ProductDay
from quizarena.players.models import Player

# So many days back are recorded when they have not been: two periods of 90 days, to compare.
RECORDED_DAYS = 181
# A payment that only reconciliation has found is dated when Telegram took it.
FOUND_LATE = timedelta(days=3)
# On which day after their start players count as having come back.
RETENTION_DAYS = (1, 7, 30)
COHORT_DAYS = 30

# A day has a row of the streak's for every player who has answered on it.
_RECORD_DAY = """
WITH played AS MATERIALIZED (
  SELECT player_id, max(day) AS day FROM economy_streakday
  WHERE outcome = 'PLAYED' AND day > %(day)s::date - 30 AND day <= %(day)s
  GROUP BY player_id
), paid AS MATERIALIZED (
  SELECT player_id, paid_stars, paid_at FROM payments_purchase
  WHERE paid_at >= %(month_begins)s AND paid_at < %(end)s AND paid_currency = 'XTR'
), refunded AS MATERIALIZED (
  SELECT purchase.paid_stars, refund.finished_at FROM payments_refund AS refund
  JOIN payments_purchase AS purchase ON purchase.id = refund.purchase_id
  WHERE refund.finished_at >= %(month_begins)s AND refund.finished_at < %(end)s
    AND purchase.paid_currency = 'XTR'
), played_counts AS (
  SELECT count(*) FILTER (WHERE day = %(day)s) AS active,
    count(*) FILTER (WHERE day > %(day)s::date - 7) AS active_7, count(*) AS active_30
  FROM played
), paid_counts AS (
  SELECT count(*) FILTER (WHERE paid_at >= %(begin)s) AS purchases,
    count(DISTINCT player_id) FILTER (WHERE paid_at >= %(begin)s) AS payers,
    coalesce(sum(paid_stars) FILTER (WHERE paid_at >= %(begin)s), 0) AS stars,
    count(DISTINCT player_id) AS payers_30, coalesce(sum(paid_stars), 0) AS stars_30
  FROM paid
), refunded_counts AS (
  SELECT coalesce(sum(paid_stars) FILTER (WHERE finished_at >= %(begin)s), 0) AS stars,
    coalesce(sum(paid_stars), 0) AS stars_30
  FROM refunded
)
INSERT INTO ops_productday AS recorded (
  day, active, active_7, active_30, purchases, payers, stars, refunded_stars, payers_30,
  net_stars_30, counted_at, new_players
)
SELECT %(day)s, played_counts.active, played_counts.active_7, played_counts.active_30,
  paid_counts.purchases, paid_counts.payers, paid_counts.stars, refunded_counts.stars,
  paid_counts.payers_30, paid_counts.stars_30 - refunded_counts.stars_30, %(now)s, 0
FROM played_counts, paid_counts, refunded_counts
ON CONFLICT (day) DO UPDATE SET
  active = excluded.active, active_7 = excluded.active_7, active_30 = excluded.active_30,
  purchases = excluded.purchases, payers = excluded.payers, stars = excluded.stars,
  refunded_stars = excluded.refunded_stars, payers_30 = excluded.payers_30,
  net_stars_30 = excluded.net_stars_30, counted_at = excluded.counted_at
"""

# A cohort's days and payments are found by the indexes on the player.
_RECORD_COHORT = """
WITH cohort AS MATERIALIZED (
  SELECT id FROM players_player WHERE started_at >= %(begin)s AND started_at < %(end)s
), returned AS MATERIALIZED (
  SELECT streakday.day - %(day)s::date AS after FROM cohort
  JOIN economy_streakday AS streakday ON streakday.player_id = cohort.id
    AND streakday.day = ANY (%(return_days)s::date[]) AND streakday.outcome = 'PLAYED'
), paid AS MATERIALIZED (
  SELECT purchase.id, purchase.player_id, purchase.paid_stars FROM cohort
  JOIN payments_purchase AS purchase ON purchase.player_id = cohort.id
  WHERE purchase.paid_at >= %(begin)s AND purchase.paid_at < %(month_ends)s
    AND purchase.paid_currency = 'XTR'
), refunded AS (
  SELECT coalesce(sum(paid.paid_stars), 0) AS stars FROM paid
  JOIN payments_refund AS refund ON refund.purchase_id = paid.id
  WHERE refund.finished_at < %(month_ends)s
)
UPDATE ops_productday SET
  new_players = (SELECT count(*) FROM cohort),
  retained_1 = CASE WHEN %(over)s >= 1 THEN
    (SELECT count(*) FROM returned WHERE after = 1) END,
  retained_7 = CASE WHEN %(over)s >= 7 THEN
    (SELECT count(*) FROM returned WHERE after = 7) END,
  retained_30 = CASE WHEN %(over)s >= 30 THEN
    (SELECT count(*) FROM returned WHERE after = 30) END,
  cohort_payers = CASE WHEN %(over)s >= 30 THEN
    (SELECT count(DISTINCT player_id) FROM paid) END,
  cohort_net_stars = CASE WHEN %(over)s >= 30 THEN
    (SELECT coalesce(sum(paid_stars), 0) FROM paid) - (SELECT stars FROM refunded) END
WHERE day = %(day)s
"""


def record_due(*, now: datetime, until: datetime) -> int:
    """Record today and every day that is due, the latest first; return how many.

    Each is a transaction of its own, and what has no time before `until` is left to the next run.
    Ends where somebody else is recording. Without players there is nothing to record.
    """
    recorded = 0
    for day in _due(now):
        if not record_day(day=day, now=now):
            break
        recorded += 1
        if timezone.now() >= until:
            break
    return recorded


def record_day(*, day: date, now: datetime) -> bool:
    """Record a business day and what has come of those who started on it, in place of before.

    Recording it again gives the same unless something has been added. Returns False when somebody
    else is recording.
    """
    begin, end = bounds(day)
    asked: dict[str, Any] = {
        "day": day,
        "begin": begin,
        "end": end,
        "month_begins": bounds(day - 29 * DAY)[0],
        "month_ends": bounds(day + COHORT_DAYS * DAY)[1],
        "return_days": [day + after * DAY for after in RETENTION_DAYS],
        "over": _days_over(day, now=now),
        "now": now,
    }
    with transaction.atomic():
        if not advisory_locks.try_lock(Space.PRODUCT_DAYS):
            return False
        with connection.cursor() as cursor:
            cursor.execute(_RECORD_DAY, asked)
            cursor.execute(_RECORD_COHORT, asked)
    return True


def _days_over(day: date, *, now: datetime) -> int:
    """Return up to which day after `day` nothing can be added any more, -1 if `day` is not over."""
    over = -1
    for after in (0, *RETENTION_DAYS):
        if now >= bounds(day + after * DAY)[1] + LATE:
            over = after
    return over


def _looks(day: date) -> Sequence[datetime]:
    """Return when a day is to be recorded: when it is over, and whenever more of it is known."""
    after = [bounds(day + days * DAY)[1] + LATE for days in (0, *RETENTION_DAYS)]
    return sorted([*after, bounds(day)[1] + FOUND_LATE])


def _due(now: datetime) -> Iterator[date]:
    """Return the days that are to be recorded, the latest first."""
    first = Player.objects.order_by("pk").values_list("created_at", flat=True).first()
    if first is None:
        return
    today = points.today(now)
    earliest = max(points.today(first), today - (RECORDED_DAYS - 1) * DAY)
    recorded = dict(ProductDay.objects.filter(day__gte=earliest).values_list("day", "counted_at"))
    day = today
    while day >= earliest:
        counted_at = recorded.get(day)
        if (
            day == today
            or counted_at is None
            or any(counted_at < look <= now for look in _looks(day))
        ):
            yield day
        day -= DAY
