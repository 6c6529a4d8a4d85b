"""Wake-ups through Redis: they make things quick and carry nothing.

Whoever misses one finds the work with the next tick, so a Redis that is away, slow to come back
or was flushed costs time and nothing else.
"""

from functools import cache

import redis
import structlog
from django.conf import settings
from kombu.exceptions import OperationalError

# One list element at most: "there is something to send".
SENDERS = "wake:senders"
# Set from the first wake-up of the workers until one of them has heard it.
WORKERS = "wake:workers"
_WORKERS_TTL_MS = 1_000

log = structlog.get_logger(__name__)


@cache
def _redis() -> redis.Redis:
    """Return this process's client (thread-safe, pooled), impatient with a Redis that hangs."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None
    )


def workers() -> None:
    """Have a worker look into the inbox, unless one was called already and has not come yet."""
    from bot.tasks import work_inbox

    try:
        if _redis().set(WORKERS, "1", nx=True, px=_WORKERS_TTL_MS):
            work_inbox.apply_async(retry=False)
    except (redis.RedisError, OperationalError) as error:
        log.debug("wake.failed", error=str(error))


def workers_heard() -> None:
    """Take the workers' wake-up away: from now on the next update calls again."""
    try:
        _redis().delete(WORKERS)
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))


def senders() -> None:
    """Have a sender look into the outbox."""
    try:
        with _redis().pipeline(transaction=False) as pipeline:
            pipeline.lpush(SENDERS, "1")
            pipeline.ltrim(SENDERS, 0, 0)
            pipeline.execute()
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))
