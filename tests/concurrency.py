"""Transactions that run at the same time, and races that happen on purpose.

Nobody waits for a time that is hoped to be enough: PostgreSQL knows who waits for a lock.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Barrier, Condition, Event, Thread, get_ident
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from quizarena.prepared import Prepared

# Only a defect of the test itself takes so long, on a slow machine under a faked clock, too.
DEADLINE_S = 60.0
LOOK_EVERY_S = 0.01
WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""
# Who waits for nobody in particular, for a moment, may still come.
BLOCKED = """
WITH RECURSIVE waits AS MATERIALIZED (
    SELECT pid, unnest(pg_blocking_pids(pid)) AS blocker FROM pg_locks WHERE NOT granted
), blocked AS (
    SELECT unnest(%s::int[]) AS pid
    UNION SELECT waits.pid FROM waits JOIN blocked ON waits.blocker = blocked.pid
)
SELECT count(*) FROM blocked WHERE pid <> ALL(%s::int[])
"""


def meet_after(
    monkeypatch: pytest.MonkeyPatch, owner: object, *names: str, callers: int = 2
) -> None:
    """Make so many callers of any of `owner.names` wait for each other right after it returns.

    Without a lock all of them come, and continue with what they read before anybody wrote. With one
    a caller continues as soon as all others have ended, wait for a lock of somebody who is here, or
    wait at another meeting; and nobody meets again.
    """
    meeting = Meeting(callers)

    def meeting_after(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def waiting(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            meeting.wait()
            return result

        return waiting

    for name in names:
        monkeypatch.setattr(owner, name, meeting_after(getattr(owner, name)))


# Who waits at a meeting, whichever it is: the process of PostgreSQL, by thread.
_at_meetings: dict[int, int | None] = {}


class Meeting:
    """A barrier that breaks when it is certain that nobody else comes."""

    def __init__(self, callers: int) -> None:
        self._callers = callers
        self._here: list[int] = []
        self._held = 0
        self._is_broken = False
        self._changed = Condition()

    def wait(self) -> bool:
        """Return True when all are here, and False once nobody else can come."""
        with self._changed:
            if self._is_broken:
                return False
            raw = connection.connection
            _at_meetings[get_ident()] = raw.info.backend_pid if raw is not None else None
            self._here.append(get_ident())
            if len(self._here) == self._callers:
                self._end()
            elif len(self._here) == 1:
                self._wait_and_look()
            else:
                held = self._held
                self._changed.wait_for(lambda: self._held > held)
            return not self._is_broken

    def _wait_and_look(self) -> None:
        held = self._held
        end = time.monotonic() + DEADLINE_S
        with another_connection() as observer:
            while not self._changed.wait_for(lambda: self._held > held, timeout=LOOK_EVERY_S):
                here = dict(_at_meetings)
                elsewhere = _under_way() - len(here)
                blocked = _blocked_by([pid for pid in here.values() if pid], observer)
                if elsewhere <= blocked or time.monotonic() > end:
                    self._is_broken = True
                    self._end()

    def _end(self) -> None:
        for thread in self._here:
            del _at_meetings[thread]
        self._here.clear()
        self._held += 1
        self._changed.notify_all()


def _blocked_by(pids: list[int], observer: CursorWrapper) -> int:
    """Return how many connections cannot continue before one of these does."""
    observer.execute(BLOCKED, [pids, pids])
    (count,) = observer.fetchone()
    return int(count)


def waiting_for_locks(observer: CursorWrapper) -> int:
    """Return how many connections to this database wait for a lock that another one has."""
    observer.execute(WAITING)
    (count,) = observer.fetchone()
    return int(count)


def wait_for_waiting(count: int = 1, *, unless: Callable[[], bool] = lambda: False) -> None:
    """Return once so many connections wait for a lock, or `unless` says that none will."""
    end = time.monotonic() + DEADLINE_S
    with another_connection() as observer:
        while waiting_for_locks(observer) < count and not unless():
            assert time.monotonic() < end, "Nobody waits for a lock."
            time.sleep(LOOK_EVERY_S)


def take_row_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every query read without its lock."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    compile_anew(monkeypatch)


def compile_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let prepared queries be compiled at each use, so that they follow what a test changes."""
    monkeypatch.setattr(Prepared, "_compiled", property(vars(Prepared)["_compiled"].func))


# Those of the latest run_together.
_threads: list[Thread] = []


def _under_way() -> int:
    return sum(thread.is_alive() for thread in _threads)


def run_together(*callers: Callable[[], Any]) -> list[Any]:
    """Call all of them at once, each on a connection of its own.

    Return for each, in the same order, what it returned or the exception that it raised.
    """
    results: list[Any] = [None] * len(callers)
    # Connecting takes the longer, the busier the machine: nobody begins before all have.
    connected = Barrier(len(callers))

    def run(number: int, caller: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            connected.wait(DEADLINE_S)
            results[number] = caller()
        except Exception as error:  # noqa: BLE001 - Whatever it is, it is the result.
            results[number] = error
        finally:
            connection.close()

    threads = [
        Thread(target=run, args=(number, caller), daemon=True)
        for number, caller in enumerate(callers)
    ]
    _threads[:] = threads
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), "A caller hangs: a deadlock that PostgreSQL cannot see?"
    return results


def overlap(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """Call `second` while the transaction in which `first` was called is open; return both results.

    Where `second` waits for what `first` has locked, that is committed then. Results as of
    `run_together`.
    """
    called, answered = Event(), Event()

    def begin() -> Any:
        with transaction.atomic():
            try:
                result = first()
            finally:
                called.set()
            wait_for_waiting(unless=answered.is_set)
        return result

    def follow() -> Any:
        called.wait(DEADLINE_S)
        try:
            return second()
        finally:
            answered.set()

    return run_together(begin, follow)


@contextmanager
def another_connection() -> Iterator[CursorWrapper]:
    """Yield a cursor of somebody else's connection to the same database, in autocommit."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()
