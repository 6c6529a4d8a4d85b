"""How long things take and how they end: counted in every process, added up in PostgreSQL.

Webhook, workers and senders are any number of processes on any number of machines, and /metrics is
answered by one of web. So each keeps its counts in memory, and a thread adds them to the rows of
MetricTotal every ten seconds: one statement, in no transaction of the product, and nobody who waits
for an answer waits for it. A process that is killed takes at most these ten seconds with it.
"""

import os
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass
from multiprocessing.util import Finalize

import structlog
from django.db import DatabaseError, InterfaceError, connection

INTERVAL_SECONDS = 10.0
# Upper bounds in seconds: from an acknowledgement to a message that has waited for a minute.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BUCKET_NAMES = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")
SUM = "sum"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Series of one name: what they say, and the values that their label can have."""

    name: str
    help: str
    label: str = ""
    values: tuple[str, ...] = ("",)


ACKNOWLEDGEMENT = Family(
    name="quizarena_webhook_acknowledgement_seconds",
    help="Time from a request of Telegram to our answer, by which the update is stored.",
)
UPDATE = Family(
    name="quizarena_update_processing_seconds",
    help="Time from the arrival of an update to the commit of everything that it causes.",
)
HANDLING = Family(
    name="quizarena_update_handling_seconds",
    help="Time that the transaction of an update takes, without the time it has waited.",
)
DELIVERY = Family(
    name="quizarena_message_delivery_seconds",
    help="Time from a call written down to Telegram's acceptance, by how urgent it is.",
    label="lane",
    values=("answer", "bulk"),
)
CALL = Family(
    name="quizarena_telegram_call_seconds",
    help="Time that Telegram takes to answer one call.",
)
HISTOGRAMS = (ACKNOWLEDGEMENT, UPDATE, HANDLING, DELIVERY, CALL)

REQUESTS = Family(
    name="quizarena_webhook_requests_total",
    help="Requests of the webhook, by the HTTP status of our answer.",
    label="status",
    values=("200", "400", "403", "405", "413", "503"),
)
UPDATES = Family(
    name="quizarena_updates_total",
    help="Tries at updates, by how they have ended.",
    label="result",
    values=("done", "dropped", "failed", "dead"),
)
CALLS = Family(
    name="quizarena_telegram_calls_total",
    help="Calls made to Telegram, by how they have ended; pending ones are made again.",
    label="outcome",
    values=("sent", "pending", "refused", "given_up", "maybe_sent"),
)
RATE_LIMITED = Family(
    name="quizarena_telegram_rate_limited_total",
    help="Calls that Telegram has answered with 429 Too Many Requests.",
    label="lane",
    values=("answer", "bulk"),
)
COUNTERS = (REQUESTS, UPDATES, CALLS, RATE_LIMITED)

# By name, label and bucket, as in MetricTotal.
Totals = dict[tuple[str, str, str], float]
_counted: Totals = {}
_lock = threading.Lock()
_has_thread = False


def count(family: Family, label: str = "") -> None:
    """Count one."""
    assert label in family.values, f"{family.name} has no {label!r}"
    with _lock:
        _add_to(_counted, (family.name, label, ""), 1)
    _started()


def observe(family: Family, seconds: float, label: str = "") -> None:
    """Count one that took so long; a clock that was set back makes no time negative."""
    assert label in family.values, f"{family.name} has no {label!r}"
    seconds = max(seconds, 0.0)
    with _lock:
        bucket = BUCKET_NAMES[bisect_left(BUCKETS, seconds)]
        _add_to(_counted, (family.name, label, bucket), 1)
        _add_to(_counted, (family.name, label, SUM), seconds)
    _started()


def flush() -> int:
    """Add what this process has counted to the rows of all; return how many rows that were.

    Must not be part of a transaction. While the database is away everything stays in memory, and
    is added later.
    """
    with _lock:
        taken = dict(_counted)
        _counted.clear()
    try:
        if taken:
            add(taken)
    except (DatabaseError, InterfaceError) as error:
        log.warning("timings.not_added", error=type(error).__name__)
        with _lock:
            for key, value in taken.items():
                _add_to(_counted, key, value)
        return 0
    return len(taken)


def _started() -> None:
    """Start the thread with the first thing that this process counts."""
    global _has_thread
    if _has_thread:
        return
    with _lock:
        is_first, _has_thread = not _has_thread, True
    if is_first:
        start()


def _begin_anew() -> None:
    """Leave to the parent what it has counted: a child has a copy of that, and not its thread."""
    global _has_thread, _lock
    _has_thread, _lock = False, threading.Lock()
    _counted.clear()


os.register_at_fork(after_in_child=_begin_anew)


def _add_to(totals: Totals, key: tuple[str, str, str], value: float) -> None:
    totals[key] = totals.get(key, 0) + value


def add(added: Totals) -> None:
    """Add to the totals in one statement, which locks their rows in order."""
    keys = sorted(added)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ops_metrictotal AS total (name, label, bucket, value)
            SELECT name, label, bucket, value FROM unnest(
              %s::text[], %s::text[], %s::text[], %s::float8[]
            ) AS added (name, label, bucket, value)
            ORDER BY name, label, bucket
            ON CONFLICT (name, label, bucket) DO UPDATE SET value = total.value + excluded.value
            """,
            [
                [name for name, _, _ in keys],
                [label for _, label, _ in keys],
                [bucket for _, _, bucket in keys],
                [float(added[key]) for key in keys],
            ],
        )


def start() -> None:
    """Let a thread add what this process counts, until the process ends, and then what is left.

    The workers of Granian are forks, which end without atexit; so do Celery's, which do not come
    here either (OpsConfig).
    """
    Finalize(None, flush, exitpriority=0)
    threading.Thread(target=_flush_for_ever, name="timings", daemon=True).start()


def _flush_for_ever() -> None:
    while True:
        time.sleep(INTERVAL_SECONDS)
        try:
            flush()
        finally:
            # This thread's own: a new one every ten seconds costs less than one that is kept.
            connection.close()


def counted() -> Totals:
    """Return what has not been added yet."""
    with _lock:
        return dict(_counted)


def clear() -> None:
    """Forget what has not been added yet."""
    with _lock:
        _counted.clear()
