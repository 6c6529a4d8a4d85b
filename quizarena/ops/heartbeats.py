"""Signs of life of the processes that serve no requests."""

import time
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, close_old_connections, transaction
from django.utils import timezone

from quizarena.ops.models import Downtime, Heartbeat

INTERVAL = timedelta(seconds=10)
# A process that missed three signs of life is missed.
FRESH = 3 * INTERVAL
# A longer silence is kept as downtime; a restart is over before.
SILENCE_MAX = timedelta(minutes=5)

log = structlog.get_logger(__name__)
_last_beat: dict[str, float] = {}


def beat(name: str) -> None:
    """Write down that process `name` is alive, at most every ten seconds; never raise for a
    database that is away: a sign of life must not kill its owner."""
    monotonic = time.monotonic()
    if monotonic - _last_beat.get(name, float("-inf")) < INTERVAL.total_seconds():
        return
    _last_beat[name] = monotonic
    try:
        record(name, now=timezone.now())
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


def seen_lately(name: str, *, now: datetime, within: timedelta = FRESH) -> bool:
    """Return whether process `name` gave a sign of life in the last `within`."""
    return Heartbeat.objects.filter(pk=name, seen_at__gte=now - within).exists()
