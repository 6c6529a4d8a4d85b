"""Wake-ups through Redis: they make things quick and carry nothing.

Whoever misses one finds the work with the next tick, so a Redis that is away, slow to come back
or was flushed costs time and nothing else.
"""

from functools import cache

import redis
import structlog
from django.conf import settings
from kombu.exceptions import OperationalError

from quizarena.celery import app

# Lists: "there is something to send", "... to work on". Whoever listens takes what is there.
SENDERS = "wake:senders"
WORKERS = "wake:workers"
# More elements than this say nothing more.
_LENGTH_MAX = 100
# By its name: the task stands above all that wakes it.
WORK_INBOX = "bot.tasks.work_inbox"
# A Celery message is on its way to a worker that does not listen yet.
CALLED = "wake:called"
_CALLED_TTL_MS = 1_000
# How long a worker with an empty inbox listens before it lets other tasks have the process. A
# player who taps every few hundred milliseconds is answered without a Celery message each.
LISTEN_SECONDS = 0.4

log = structlog.get_logger(__name__)


@cache
def _redis() -> redis.Redis:
    """Return this process's client (thread-safe, pooled), impatient with a Redis that hangs."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=0.5, retry=None
    )


def workers() -> None:
    """Have a worker look into the inbox, usually with one command.

    A worker that listens keeps the list empty, and the last one to stop leaves an element behind.
    So an element that was there already means that no worker listens, or that all who do are busy:
    then Celery calls one more.
    """
    try:
        waiting = _push(WORKERS)
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))
        return
    if waiting > 1:
        call_worker()


def call_worker() -> None:
    """Send the Celery message that makes one more worker drain the inbox, unless one is sent."""
    try:
        if _redis().set(CALLED, "1", nx=True, px=_CALLED_TTL_MS):
            app.send_task(WORK_INBOX, retry=False, ignore_result=True)
    except (redis.RedisError, OperationalError) as error:
        log.debug("wake.failed", error=str(error))


def worker_started() -> None:
    """Note that a called worker has started and is about to look: the next call calls another."""
    try:
        _redis().delete(CALLED, WORKERS)
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))


def wait_for_work() -> bool:
    """Listen for LISTEN_SECONDS; return whether there is something to work on."""
    try:
        return _redis().blpop([WORKERS], timeout=LISTEN_SECONDS) is not None
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))
        return False


def worker_stopped() -> None:
    """Note that a worker has stopped listening.

    It must look into the inbox once more: what came until now has relied on it.
    """
    try:
        _push(WORKERS)
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))


def senders() -> None:
    """Have a sender look into the outbox."""
    try:
        _push(SENDERS)
    except redis.RedisError as error:
        log.debug("wake.failed", error=str(error))


def _push(name: str) -> int:
    """Put an element on the list; return how many are there, and keep them few."""
    length = int(_redis().lpush(name, "1"))
    if length > _LENGTH_MAX:
        _redis().ltrim(name, 0, 0)
    return length
