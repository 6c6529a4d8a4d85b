"""Advisory locks of PostgreSQL: every use has a key space of its own, so that none meets another.

PostgreSQL has two spaces that never meet: one of a bigint, one of two integers. The first belongs
to the players' turns alone (bot/queue/inbox.py), which lock a Telegram id. Everything else takes
the second, with the number of its `Space` in front.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from hashlib import sha256

from django.db import connection


class Space(IntEnum):
    """What locks are for. A number that was given away is never given again."""

    LEDGER_VERIFICATION = 1
    API_REFUND_LIMIT = 2
    IDEMPOTENCY_KEY = 3
    CRITICAL_JOB = 4
    DAILY_SETS = 5
    OPEN_DUELS = 6
    LEAGUES = 8
    BOARD_COUNTS = 9
    PLAY_COUNTS = 14
    QUESTION_COUNTS = 16
    PRODUCT_DAYS = 18


class AlreadyLockedError(Exception):
    """Somebody else has the lock. Nothing has been done."""


def lock(space: Space, key: str = "") -> None:
    """Wait for the lock and keep it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [*_numbers(space, key)])


def try_lock(space: Space, key: str = "") -> bool:
    """Take the lock until the transaction ends and return True, or False if somebody has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [*_numbers(space, key)])
        return bool(cursor.fetchone()[0])


@contextmanager
def locked(space: Space, key: str = "") -> Iterator[None]:
    """Keep the lock inside, over any number of transactions.

    Raises AlreadyLockedError when somebody else has it.
    """
    numbers = [*_numbers(space, key)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", numbers)
        if not cursor.fetchone()[0]:
            raise AlreadyLockedError(space.name)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", numbers)


def _numbers(space: Space, key: str) -> tuple[int, int]:
    """Return the two integers of the lock; keys that share a hash wait for each other, no more."""
    if not key:
        return int(space), 0
    digest = sha256(key.encode()).digest()
    return int(space), int.from_bytes(digest[:4], byteorder="big", signed=True)
