"""Beat ends when it is asked to, in the midst of a statement, too."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from quizarena.ops.models import Heartbeat
from quizarena.ops.scheduler import Scheduler
from tests.concurrency import LOOK_EVERY_S
from tests.killing import ROOT, environment
from tests.owner import as_owner

# A process starts in seconds, and on a machine that is busy with other things in minutes.
PATIENCE_S = 300
# Its sign of life is written in a transaction, in which a save does not wait: django-celery-beat
# closes the connection first. The watch over backups reads the last one in no transaction.
IN_A_TRANSACTION = "SELECT FROM ops_heartbeat FOR UPDATE"
BY_ITSELF = "LOCK TABLE ops_backup IN ACCESS EXCLUSIVE MODE"
# The variable with the path of a file that says so.
WAITS_FOR_ITSELF = "WAITS_FOR_ITSELF"


class HasSomethingToSave(Scheduler):
    """The scheduler, which saves in each tick, and all entries whenever it is closed."""

    def schedule_changed(self) -> bool:
        """Save, as Celery does every three minutes after it has sent a task; then look."""
        self._do_sync()
        return bool(super().schedule_changed())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Save."""
        self._dirty.update(self._schedule or ())
        super().close()


class OwnLock:
    """A connection's lock that leaves a file when the only thread asks for what it has."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if self._lock.locked() and threading.active_count() == 1:
            Path(os.environ[WAITS_FOR_ITSELF]).touch()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class SavesInTheHandler(HasSomethingToSave):
    """As Celery's handler would have it."""

    def close(self) -> None:
        """Save, whatever is interrupted for it."""
        if connection.connection is not None:
            connection.connection.lock = OwnLock(connection.connection.lock)
        self._uses_the_connection = False
        super().close()


@contextmanager
def beat_in_the_midst_of_a_statement(
    scheduler: str, *, locked: str, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run beat until it waits for what `locked` has locked."""
    Heartbeat.objects.create(name="beat", seen_at=timezone.now())
    words = ["-m", "celery", "--app", "quizarena", "beat", "--scheduler", scheduler]
    with transaction.atomic():
        with as_owner() as owner:
            owner.execute(locked)
        beat = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env={**environment(), **environ}
        )
        try:
            wait_until(_somebody_waits_for_this_test, beat=beat)
            yield beat
        finally:
            beat.kill()
            beat.wait()


def wait_until(is_so: Callable[[], bool], *, beat: subprocess.Popen[bytes]) -> None:
    """Wait for what comes while beat runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert beat.poll() is None
        assert time.monotonic() < deadline
        time.sleep(LOOK_EVERY_S)


def _somebody_waits_for_this_test() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "locked", [IN_A_TRANSACTION, BY_ITSELF], ids=["in a transaction", "by itself"]
)
def test_beat_ends_in_the_midst_of_a_statement(locked: str) -> None:
    scheduler = "tests.ops.test_scheduler:HasSomethingToSave"
    with beat_in_the_midst_of_a_statement(scheduler, locked=locked) as beat:
        beat.terminate()

        assert beat.wait(PATIENCE_S) == 0


@pytest.mark.django_db(transaction=True)
def test_without_a_close_of_our_own_beat_waits_for_itself(tmp_path: Path) -> None:
    scheduler, waits = "tests.ops.test_scheduler:SavesInTheHandler", tmp_path / "waits"
    with beat_in_the_midst_of_a_statement(
        scheduler, locked=BY_ITSELF, **{WAITS_FOR_ITSELF: str(waits)}
    ) as beat:
        beat.terminate()

        wait_until(waits.exists, beat=beat)
