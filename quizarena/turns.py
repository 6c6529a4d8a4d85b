"""Jobs on the queue `critical` take turns and are short. Product rules, section 13.

A tick that finds the last one still at work leaves it to it, instead of taking one more place of
the queue for the same work. And while Telegram hangs, each call takes as long as it may: so all
jobs that ask Telegram share one turn, and the other places stay free for what needs no Telegram.
On `bulk` exports and archives of codes take turns, which may hold a place for minutes.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from django.utils import timezone

from quizarena import advisory_locks
from quizarena.advisory_locks import AlreadyLockedError, Space

# What a job may begin within. A refund of a subscription is two calls, each of seven seconds at
# most (payments/telegram.py): nineteen seconds in all.
WORK_FOR = timedelta(seconds=5)
# The turn of every job that asks Telegram.
TELEGRAM = "telegram"
# The turn of exports and of the archives of codes, which take minutes.
FILES = "exports"

Item = TypeVar("Item")


def take_turn(key: str, work: Callable[[datetime], int]) -> int:
    """Let `work` do what it can until the time that it is given, and return its count.

    While another job has the turn of this `key`, do nothing and return 0: the next tick looks
    again.
    """
    try:
        with advisory_locks.locked(Space.CRITICAL_JOB, key):
            return work(timezone.now() + WORK_FOR)
    except AlreadyLockedError:
        return 0


def in_time(items: Iterable[Item], *, until: datetime) -> Iterator[Item]:
    """Yield the items as long as it is not `until`."""
    for item in items:
        if timezone.now() >= until:
            return
        yield item
