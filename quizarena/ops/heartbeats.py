"""Signs of life of the processes that serve no requests."""

import time
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from quizarena.ops.models import Heartbeat

INTERVAL = timedelta(seconds=10)
# A process that missed three signs of life is missed.
FRESH = 3 * INTERVAL

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
        Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": timezone.now()})
    except DatabaseError as error:
        log.warning("heartbeat.failed", process=name, error=str(error))
        close_old_connections()


def seen_lately(name: str, *, now: datetime, within: timedelta = FRESH) -> bool:
    """Return whether process `name` gave a sign of life in the last `within`."""
    return Heartbeat.objects.filter(pk=name, seen_at__gte=now - within).exists()
