"""Signs of life of the processes that serve no requests."""

import socket
import time
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Count
from django.utils import timezone

from quizarena.ops.models import Downtime, Heartbeat, ProcessRun

# Workers by their queue, named as the services of docker-compose.yml.
PROCESSES = ("worker-critical", "worker-default", "worker-bulk", "beat", "sender")
INTERVAL = timedelta(seconds=10)
# A process that missed three signs of life is missed.
FRESH = 3 * INTERVAL
# A longer silence is kept as downtime; a restart is over before.
SILENCE_MAX = timedelta(minutes=5)
# A process whose runs ended so often within so long keeps restarting.
RESTARTS_MAX = 3
RESTART_WINDOW = timedelta(minutes=10)
RUNS_KEPT = timedelta(days=1)

log = structlog.get_logger(__name__)
_host = socket.gethostname()
_started_at = timezone.now()
_last_beat: dict[str, float] = {}


def beat(name: str) -> None:
    """Write down that process `name` is alive, at most every ten seconds; never raise for a
    database that is away: a sign of life must not kill its owner."""
    monotonic = time.monotonic()
    if monotonic - _last_beat.get(name, float("-inf")) < INTERVAL.total_seconds():
        return
    _last_beat[name] = monotonic
    now = timezone.now()
    try:
        record(name, now=now)
        record_run(name, host=_host, started_at=_started_at, now=now)
    except DatabaseError as error:
        log.warning("heartbeat.failed", process=name, error=str(error))
        close_old_connections()


@transaction.atomic
def record(name: str, *, now: datetime) -> None:
    """Write down that process `name` is alive at `now`, and the downtime that this ends, if any.

    Locks the sign of life: of several processes of a name the first one back ends the downtime.
    """
    heartbeat, _ = Heartbeat.objects.select_for_update().get_or_create(
        name=name, defaults={"seen_at": now}
    )
    if now - heartbeat.seen_at > SILENCE_MAX:
        Downtime.objects.create(process=name, began_at=heartbeat.seen_at, ended_at=now)
    heartbeat.seen_at = max(heartbeat.seen_at, now)
    heartbeat.save(update_fields=["seen_at"])


def record_run(name: str, *, host: str, started_at: datetime, now: datetime) -> None:
    """Write down that the process `name` that `host` started at `started_at` is alive at `now`.

    The first time, runs that ended long ago are deleted.
    """
    _, is_new = ProcessRun.objects.update_or_create(
        process=name,
        host=host,
        started_at=started_at,
        # A clock that jumps back must not stop the signs of life.
        defaults={"seen_at": max(now, started_at)},
    )
    if is_new:
        ProcessRun.objects.filter(seen_at__lt=now - RUNS_KEPT).delete()


def seen_recently(name: str, *, now: datetime, within: timedelta = FRESH) -> bool:
    """Return whether process `name` gave a sign of life in the last `within`."""
    return Heartbeat.objects.filter(pk=name, seen_at__gte=now - within).exists()


def seen_here(name: str, *, now: datetime, within: timedelta = FRESH) -> bool:
    """Return whether a process `name` of this host gave a sign of life in the last `within`."""
    runs = ProcessRun.objects.filter(process=name, host=_host)
    return runs.filter(seen_at__gte=now - within).exists()


def restarting(*, now: datetime) -> set[str]:
    """Return the processes of which one keeps restarting.

    These are the ones with RESTARTS_MAX runs on one host that both started and ended within the
    last RESTART_WINDOW. Whoever crashes before the first sign of life is not seen at all.
    """
    ended = ProcessRun.objects.filter(
        process__in=PROCESSES, started_at__gt=now - RESTART_WINDOW, seen_at__lt=now - FRESH
    )
    runs = ended.order_by().values("process", "host").annotate(runs=Count("pk"))
    return {run["process"] for run in runs if run["runs"] >= RESTARTS_MAX}
