"""/metrics, for Prometheus: how the queues, the money and the product stand.

Facts are read from PostgreSQL when they are asked for, by a few statements that go through indexes
and stop counting at COUNTED_MAX: a table that grows makes none of them slower. What only grows is
added up elsewhere (timings.py, money_totals.py). No label names a player, a campaign or a product.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from hmac import compare_digest
from threading import Lock
from typing import Any

import structlog
from django.conf import settings
from django.db import (
    DatabaseError,
    InterfaceError,
    close_old_connections,
    connection,
    transaction,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from economy.controls import CONTROLS
from quizarena.game import points
from quizarena.game.play_counts import bounds
from quizarena.ops import money_totals, product_figures, timings
from quizarena.ops.heartbeats import PROCESSES
from quizarena.ops.models import MetricTotal, ProductDay
from quizarena.staff import alerts

# Whoever asks again within this gets the last answer: a second scraper costs nothing.
ANSWER_SECONDS_MAX = 5.0
# Where there is more of something it says so many, since counting on would take longer and longer.
COUNTED_MAX = 10_000
# Runs of a control that are looked at for a clean one; what has none among them is older than all.
RUNS_MAX = 1_000
STATEMENT_SECONDS_MAX = 5
# A database that is slow must not keep the few threads of web: no statement begins later than this,
# and whoever asks meanwhile waits no longer.
READ_SECONDS_MAX = 5.0
# A reservation is released within a minute (promos.tasks); afterwards somebody has to look.
STALE_AFTER = timedelta(minutes=5)
# Chats that Telegram has limited longer ago may write again.
LIMITED_WITHIN = timedelta(days=1)
COHORTS = 30

log = structlog.get_logger(__name__)


class TooSlowError(Exception):
    """Reading takes too long: another statement would keep a thread that players wait for."""


FAILED_CALLS = ("refused", "given_up", "maybe_sent")


def _count(table: str, condition: str) -> str:
    """Return the subquery that counts rows up to COUNTED_MAX."""
    return (
        f"(SELECT count(*) FROM (SELECT FROM {table} WHERE {condition} LIMIT {COUNTED_MAX})"  # noqa: S608
        " AS capped)"
    )


# `ops` lies below `bot` in the layers, so it names the tables and not the models. The limits and
# states are literals: a plan for any value would not know the partial indexes.
_QUEUES = f"""
SELECT
  {_count("bot_inboxupdate", "state IN ('NEW', 'WORKING')")} AS inbox_waiting,
  (SELECT extract(epoch FROM %(now)s - min(due_at)) FROM bot_inboxupdate
   WHERE state IN ('NEW', 'WORKING')) AS inbox_overdue,
  {_count("bot_inboxupdate", "state = 'DEAD'")} AS inbox_dead,
  {_count("bot_outgoingcall", "lane = 0 AND state = 'PENDING'")} AS outbox_answer,
  {_count("bot_outgoingcall", "lane = 1 AND state = 'PENDING'")} AS outbox_bulk,
  (SELECT extract(epoch FROM %(now)s - created_at) FROM bot_outgoingcall
   WHERE lane = 0 AND state = 'PENDING' ORDER BY id LIMIT 1) AS oldest_answer,
  (SELECT extract(epoch FROM %(now)s - created_at) FROM bot_outgoingcall
   WHERE lane = 1 AND state = 'PENDING' ORDER BY id LIMIT 1) AS oldest_bulk,
  (SELECT extract(epoch FROM %(now)s - min(due_at)) FROM bot_outgoingcall
   WHERE state IN ('PENDING', 'SENDING')) AS outbox_overdue,
  {_count("bot_outgoingcall", "state = 'REFUSED'")} AS refused,
  {_count("bot_outgoingcall", "state = 'GIVEN_UP'")} AS given_up,
  {_count("bot_outgoingcall", "state = 'MAYBE_SENT'")} AS maybe_sent,
  {
    _count(
        "bot_ratelimit",
        "limited_at IS NOT NULL AND limited_at > %(limited_after)s AND limited_until > %(now)s",
    )
} AS limited_chats,
  (SELECT extract(epoch FROM free_at - %(now)s) FROM bot_ratelimit WHERE name = 'stop') AS stopped,
  {_count("bot_broadcast", "status IN ('SCHEDULED', 'RUNNING')")} AS broadcasts,
  (SELECT sum(recipients - sent - refused - blocked - given_up - maybe_sent - left_out)
   FROM bot_broadcast WHERE status IN ('SCHEDULED', 'RUNNING')) AS recipients
"""  # noqa: S608 -- what is put in are literals of ours.

_MONEY = f"""
WITH stuck AS MATERIALIZED (
  SELECT status, paid_at FROM payments_purchase
  WHERE status IN ('PAID_UNCREDITED', 'CREDIT_REVIEW') ORDER BY paid_at LIMIT {COUNTED_MAX}
), unfinished AS MATERIALIZED (
  SELECT asked_at, last_error FROM payments_refund
  WHERE finished_at IS NULL ORDER BY due_at LIMIT {COUNTED_MAX}
), reserved AS MATERIALIZED (
  SELECT CASE WHEN is_locked_for_payment THEN locked_until ELSE reserved_until END AS ends_at
  FROM promos_redemption WHERE status = 'RESERVED' ORDER BY id LIMIT {COUNTED_MAX}
)
SELECT
  (SELECT count(*) FROM stuck WHERE status = 'PAID_UNCREDITED') AS uncredited,
  (SELECT count(*) FROM stuck WHERE status = 'CREDIT_REVIEW') AS in_review,
  (SELECT extract(epoch FROM %(now)s - min(paid_at)) FROM stuck) AS oldest_stuck,
  (SELECT count(*) FROM unfinished) AS refunds,
  (SELECT count(*) FROM unfinished WHERE last_error <> '') AS failed_refunds,
  (SELECT extract(epoch FROM %(now)s - min(asked_at)) FROM unfinished) AS oldest_refund,
  (SELECT count(*) FROM reserved) AS reservations,
  (SELECT count(*) FROM reserved WHERE ends_at < %(stale_before)s) AS stale,
  {_count("staff_approvalrequest", "status = 'OPEN' AND expires_at > %(now)s")} AS approvals,
  {_count("staff_alertdelivery", "state = 'PENDING'")} AS deliveries_pending,
  {_count("staff_alertdelivery", "state = 'FAILED'")} AS deliveries_failed
"""  # noqa: S608

_ALERTS = f"""
SELECT kind, count(*) AS open FROM (
  SELECT kind FROM staff_alert WHERE resolved_at IS NULL ORDER BY kind, key LIMIT {COUNTED_MAX}
) AS unresolved
GROUP BY kind
"""  # noqa: S608

_CONTROLS = f"""
SELECT asked.code, latest.findings, extract(epoch FROM coalesce(
  (SELECT last_at FROM (
     SELECT * FROM economy_controlrun WHERE control = asked.code ORDER BY id DESC LIMIT {RUNS_MAX}
   ) AS run
   WHERE finished_at IS NOT NULL AND findings = 0 AND error = '' ORDER BY id DESC LIMIT 1),
  (SELECT min(started_at) FROM (
     SELECT * FROM economy_controlrun WHERE control = asked.code ORDER BY id DESC LIMIT {RUNS_MAX}
   ) AS run)
)) AS clean_at
FROM unnest(%(controls)s::text[]) AS asked (code)
LEFT JOIN LATERAL (
  SELECT findings FROM economy_controlrun WHERE control = asked.code ORDER BY id DESC LIMIT 1
) AS latest ON true
"""  # noqa: S608

_RECONCILIATIONS = f"""
SELECT DISTINCT ON (is_full) is_full, differences, extract(epoch FROM finished_at) AS finished_at
FROM (
  SELECT * FROM payments_reconciliationrun ORDER BY id DESC LIMIT {RUNS_MAX}
) AS run
WHERE finished_at IS NOT NULL ORDER BY is_full, id DESC
"""  # noqa: S608

_HEARTBEATS = """
SELECT name, extract(epoch FROM seen_at) AS seen_at FROM ops_heartbeat
WHERE name = ANY (%(processes)s::text[])
"""

_BACKUPS = """
SELECT kind, extract(epoch FROM max(began_at)) AS began_at FROM ops_backup GROUP BY kind
"""

# What a scrape reads beside the totals and the latest days of the product.
STATEMENTS = {
    "queues": _QUEUES,
    "money": _MONEY,
    "alerts": _ALERTS,
    "controls": _CONTROLS,
    "reconciliations": _RECONCILIATIONS,
    "heartbeats": _HEARTBEATS,
    "backups": _BACKUPS,
}


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer 404 without a configured token, 401 without the right one, 503 without a database."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    # WSGI hands headers over as Latin-1.
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not compare_digest(given.encode("latin-1", "replace"), wanted.encode()):
        answer = HttpResponse("The token is wrong.\n", content_type="text/plain", status=401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    try:
        body = _recent()
    except TooSlowError as error:
        log.warning("metrics.not_read", error=str(error))
        return HttpResponse("The database is slow.\n", content_type="text/plain", status=503)
    except (DatabaseError, InterfaceError) as error:
        log.warning("metrics.not_read", error=str(error))
        close_old_connections()
        return HttpResponse("The database is unavailable.\n", content_type="text/plain", status=503)
    return HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4)


_answer_lock = Lock()
_last_answer: tuple[float, bytes] | None = None


def _recent() -> bytes:
    global _last_answer  # noqa: PLW0603 -- one answer for all threads is the point.
    if not _answer_lock.acquire(timeout=READ_SECONDS_MAX):
        raise TooSlowError("another thread is still reading")
    try:
        now = time.perf_counter()
        if _last_answer is None or now - _last_answer[0] > ANSWER_SECONDS_MAX:
            _last_answer = (now, text(now=timezone.now()))
        return _last_answer[1]
    finally:
        _answer_lock.release()


def text(*, now: datetime) -> bytes:
    """Return all metrics as Prometheus reads them.

    A statement that hangs is a DatabaseError; statements that are slow together, a TooSlowError.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS_MAX}s'")
        families = list(_collect(now))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(families))
    return generate_latest(registry)


class _Collector(Collector):
    """Hands over what has been read."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _collect(now: datetime) -> Iterator[Metric]:
    began = time.perf_counter()
    values = {
        "now": now,
        "limited_after": now - LIMITED_WITHIN,
        "stale_before": now - STALE_AFTER,
        "controls": list(CONTROLS),
        "processes": list(PROCESSES),
    }
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, sql in STATEMENTS.items():
        _expect_time(began)
        rows[name] = _rows(sql, values)
    _expect_time(began)
    yield from _of_queues(rows["queues"][0])
    yield from _of_money(rows["money"][0])
    yield from _of_staff(rows)
    yield from _of_days(now)
    _expect_time(began)
    yield from _of_totals()
    yield _gauge(
        "quizarena_scrape_seconds",
        "Time that it took to read all of this.",
        time.perf_counter() - began,
    )


def _expect_time(began: float) -> None:
    """Raise TooSlowError when there is no time for another statement."""
    seconds = time.perf_counter() - began
    if seconds > READ_SECONDS_MAX:
        raise TooSlowError(f"the statements so far have taken {seconds:.1f} seconds")


def _rows(sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    used = {name: value for name, value in values.items() if f"%({name})s" in sql}
    with connection.cursor() as cursor:
        cursor.execute(sql, used)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _gauge(
    name: str,
    words: str,
    values: float | Mapping[str, float | None] | None,
    *,
    label: str = "",
) -> GaugeMetricFamily:
    """Return a gauge, or one for each value of its label; None is left out."""
    family = GaugeMetricFamily(name, words, labels=[label] if label else [])
    each = values if isinstance(values, Mapping) else {"": values}
    for of, value in each.items():
        if value is not None:
            family.add_metric([of] if label else [], float(value))
    return family


def _age(seconds: Any) -> float:
    """Return an age: of nothing, and of what is due only later, it is 0."""
    return max(0.0, float(seconds or 0))


def _of_queues(row: Mapping[str, Any]) -> Iterator[Metric]:
    most = f"counted up to {COUNTED_MAX}"
    yield _gauge(
        "quizarena_inbox_waiting", f"Updates that wait or are processed, {most}.",
        row["inbox_waiting"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_inbox_overdue_seconds", "How long the update that is due first has been due.",
        _age(row["inbox_overdue"]),
    )  # fmt: skip
    yield _gauge(
        "quizarena_inbox_dead", f"Updates given up after their last try, {most}.",
        row["inbox_dead"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_outbox_waiting", f"Calls to Telegram that wait for a sender, {most}.",
        {"answer": row["outbox_answer"], "bulk": row["outbox_bulk"]}, label="lane",
    )  # fmt: skip
    yield _gauge(
        "quizarena_outbox_oldest_seconds", "Age of the first call that waits.",
        {"answer": _age(row["oldest_answer"]), "bulk": _age(row["oldest_bulk"])}, label="lane",
    )  # fmt: skip
    yield _gauge(
        "quizarena_outbox_overdue_seconds", "How long the call that is due first has been due.",
        _age(row["outbox_overdue"]),
    )  # fmt: skip
    yield _gauge(
        "quizarena_outbox_failed", f"Calls of the last 30 days that have failed, {most}.",
        {state: row[state] for state in FAILED_CALLS}, label="outcome",
    )  # fmt: skip
    yield _gauge(
        "quizarena_rate_limited_chats", f"Chats that Telegram has asked to wait, {most}.",
        row["limited_chats"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_sending_stopped_seconds", "How long nothing is sent yet, because of Telegram.",
        _age(row["stopped"]),
    )  # fmt: skip
    yield _gauge(
        "quizarena_broadcasts_active", "Broadcasts that are scheduled or run.", row["broadcasts"]
    )
    yield _gauge(
        "quizarena_broadcast_recipients_waiting", "Players to whom these have yet to be sent.",
        row["recipients"] or 0,
    )  # fmt: skip


def _of_money(row: Mapping[str, Any]) -> Iterator[Metric]:
    most = f"counted up to {COUNTED_MAX}"
    yield _gauge(
        "quizarena_payments_uncredited", f"Payments that are paid and not credited, {most}.",
        {"recovery": row["uncredited"], "review": row["in_review"]}, label="queue",
    )  # fmt: skip
    yield _gauge(
        "quizarena_payments_uncredited_oldest_seconds", "Age of the oldest of these payments.",
        _age(row["oldest_stuck"]),
    )  # fmt: skip
    yield _gauge("quizarena_refunds_unfinished", f"Refunds under way, {most}.", row["refunds"])
    yield _gauge(
        "quizarena_refunds_failing", f"Refunds under way of which a try has failed, {most}.",
        row["failed_refunds"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_refunds_oldest_seconds", "Age of the oldest refund under way.",
        _age(row["oldest_refund"]),
    )  # fmt: skip
    yield _gauge(
        "quizarena_reservations_open", f"Reserved uses of promo codes, {most}.",
        row["reservations"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_reservations_stale",
        "Reservations that ended over five minutes ago and are not released.",
        row["stale"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_approvals_waiting", f"Requests that wait for a second person, {most}.",
        row["approvals"],
    )  # fmt: skip
    yield _gauge(
        "quizarena_alert_deliveries", f"Messages about alerts that have not arrived, {most}.",
        {"pending": row["deliveries_pending"], "failed": row["deliveries_failed"]}, label="state",
    )  # fmt: skip


def _of_staff(rows: Mapping[str, list[dict[str, Any]]]) -> Iterator[Metric]:
    opened = {row["kind"]: row["open"] for row in rows["alerts"]}
    yield _gauge(
        "quizarena_alerts_open", "Alerts that nobody has resolved, by kind.",
        # Every kind of the code, and none that only old rows have.
        {kind: opened.get(kind, 0) for kind in alerts.kinds}, label="kind",
    )  # fmt: skip
    yield _gauge(
        "quizarena_control_clean_timestamp_seconds",
        "When the last clean run of a control began, at the latest; without any run there is none.",
        {row["code"]: row["clean_at"] for row in rows["controls"]}, label="control",
    )  # fmt: skip
    yield _gauge(
        "quizarena_control_clean_within_seconds", "How old the last clean run may be.",
        {code: one.clean_within.total_seconds() for code, one in CONTROLS.items()},
        label="control",
    )  # fmt: skip
    yield _gauge(
        "quizarena_control_findings", "Findings of the last run of a control.",
        {row["code"]: row["findings"] for row in rows["controls"]}, label="control",
    )  # fmt: skip
    kinds = {True: "full", False: "recent"}
    runs = {kinds[row["is_full"]]: row for row in rows["reconciliations"]}
    yield _gauge(
        "quizarena_reconciliation_finished_timestamp_seconds",
        "When the last comparison with Telegram's list was finished.",
        {kind: run["finished_at"] for kind, run in runs.items()}, label="kind",
    )  # fmt: skip
    yield _gauge(
        "quizarena_reconciliation_differences", "Differences that it has found.",
        {kind: run["differences"] for kind, run in runs.items()}, label="kind",
    )  # fmt: skip
    yield _gauge(
        "quizarena_process_seen_timestamp_seconds", "Last sign of life of a kind of process.",
        {row["name"]: row["seen_at"] for row in rows["heartbeats"]}, label="process",
    )  # fmt: skip
    yield _gauge(
        "quizarena_backup_timestamp_seconds",
        "Which moment the last backup, or the last one restored to try it, holds.",
        {row["kind"].lower(): row["began_at"] for row in rows["backups"]}, label="kind",
    )  # fmt: skip


def _of_days(now: datetime) -> Iterator[Metric]:
    """Yield what the recorded days of the product say: the last one that is over, and before."""
    over = ProductDay.objects.filter(day__lt=points.today(now)).order_by("-day")
    days = list(over[: 3 * COHORTS])[::-1]
    last = days[-1] if days else None

    def cohorts(part: str) -> float | None:
        known = [one for one in days if getattr(one, part) is not None]
        return product_figures.of_cohorts(part)(known[-COHORTS:])

    yield _gauge(
        "quizarena_product_day_end_timestamp_seconds", "When the last recorded day ended.",
        bounds(last.day)[1].timestamp() if last else None,
    )  # fmt: skip
    yield _gauge(
        "quizarena_active_players", "Players who have answered on the last day, or up to it.",
        {"1d": last.active, "7d": last.active_7, "30d": last.active_30} if last else {},
        label="window",
    )  # fmt: skip
    yield _gauge(
        "quizarena_new_players", "Players who have started on the last day.",
        last.new_players if last else None,
    )  # fmt: skip
    yield _gauge(
        "quizarena_day_purchases", "Payments of the last day.", last.purchases if last else None
    )
    yield _gauge(
        "quizarena_day_net_stars", "Stars of the last day, refunds taken off.",
        product_figures.net_stars(days[-1:]),
    )  # fmt: skip
    yield _gauge(
        "quizarena_conversion_ratio", "Share of the active players of 30 days who have paid.",
        product_figures.conversion(days),
    )  # fmt: skip
    yield _gauge(
        "quizarena_arpu_stars", "Stars of 30 days for each player active in them.",
        product_figures.arpu(days),
    )  # fmt: skip
    yield _gauge(
        "quizarena_retention_ratio",
        f"Share of new players who were back so many days later, of {COHORTS} days of starts.",
        {day: cohorts(f"retained_{day}") for day in ("1", "7", "30")}, label="day",
    )  # fmt: skip
    yield _gauge(
        "quizarena_ltv_30d_stars",
        f"Stars that a new player has paid within 30 days, of {COHORTS} days of starts.",
        cohorts("cohort_net_stars"),
    )  # fmt: skip


def _of_totals() -> Iterator[Metric]:
    """Yield the counters and histograms; those of which nothing has come stand at 0."""
    totals = {(one.name, one.label, one.bucket): one.value for one in MetricTotal.objects.all()}
    for family in (*timings.COUNTERS, *money_totals.FAMILIES):
        counter = CounterMetricFamily(
            family.name.removesuffix("_total"), family.help, labels=[family.label]
        )
        for label in family.values:
            counter.add_metric([label], totals.get((family.name, label, ""), 0))
        yield counter
    for family in timings.HISTOGRAMS:
        histogram = HistogramMetricFamily(
            family.name, family.help, labels=[family.label] if family.label else []
        )
        for label in family.values:
            below, buckets = 0.0, []
            for bucket in timings.BUCKET_NAMES:
                below += totals.get((family.name, label, bucket), 0)
                buckets.append((bucket, below))
            histogram.add_metric(
                [label] if family.label else [],
                buckets,
                sum_value=totals.get((family.name, label, timings.SUM), 0),
            )
        yield histogram
