"""Two callers at once, and races that happen on purpose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from threading import Barrier, BrokenBarrierError, Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from quizarena.prepared import Prepared

# Long enough for the other one to come, short enough to wait for somebody who cannot.
PATIENCE_S = 0.5
DEADLINE_S = 20.0


def meet_after(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, *, callers: int = 2
) -> None:
    """Make so many callers of `owner.name` wait for each other right after it returns.

    With a lock only one arrives, and goes on alone after PATIENCE_S; without it both go on with
    what they read before the other one wrote.
    """
    function = getattr(owner, name)
    barrier = Barrier(callers)

    @wraps(function)
    def meeting(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        # Broken means: nobody came, the other one is waiting for our lock.
        with suppress(BrokenBarrierError):
            barrier.wait(PATIENCE_S)
        return result

    monkeypatch.setattr(owner, name, meeting)


def take_row_locks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every query read without its lock."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    compile_anew(monkeypatch)


def compile_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let prepared queries be compiled at each use, so that they follow what a test changes."""
    monkeypatch.setattr(Prepared, "_compiled", property(vars(Prepared)["_compiled"].func))


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
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), "A caller hangs: a deadlock that PostgreSQL cannot see?"
    return results


def overlap(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """Call `second` while the transaction in which `first` was called is open; return both results.

    Where `second` needs what `first` has locked, it goes on once that is committed, after
    PATIENCE_S. Results as of `run_together`.
    """
    called, answered = Event(), Event()

    def begin() -> Any:
        with transaction.atomic():
            try:
                result = first()
            finally:
                called.set()
            answered.wait(PATIENCE_S)
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
