"""Beat ends when it is asked to, in the midst of a statement, too."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from quizarena.ops.models import Heartbeat
from quizarena.ops.scheduler import Scheduler
from tests.concurrency import LOOK_EVERY_S
from tests.killing import ROOT, environment

# A process starts in seconds, and on a machine that is busy with other things in minutes.
PATIENCE_S = 300


class HasSomethingToSave(Scheduler):
    """The scheduler, which saves all entries whenever it is closed."""

    def close(self) -> None:
        """Save."""
        self._dirty.update(self._schedule or ())
        super().close()


class SavesInTheHandler(HasSomethingToSave):
    """As Celery's handler would have it."""

    def close(self) -> None:
        """Save, whatever is interrupted for it."""
        self._uses_the_connection = False
        super().close()


@contextmanager
def beat_in_the_midst_of_a_statement(scheduler: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run beat until its sign of life waits for a row that this test has locked."""
    Heartbeat.objects.create(name="beat", seen_at=timezone.now())
    words = ["-m", "celery", "--app", "quizarena", "beat", "--scheduler", scheduler]
    with transaction.atomic():
        Heartbeat.objects.select_for_update().get(name="beat")
        beat = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environment())
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not _somebody_waits_for_this_test():
                assert beat.poll() is None
                assert time.monotonic() < deadline
                time.sleep(LOOK_EVERY_S)
            yield beat
        finally:
            beat.kill()
            beat.wait()


def _somebody_waits_for_this_test() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_beat_ends_in_the_midst_of_a_statement() -> None:
    with beat_in_the_midst_of_a_statement("tests.ops.test_scheduler:HasSomethingToSave") as beat:
        beat.terminate()

        assert beat.wait(PATIENCE_S) == 0


@pytest.mark.django_db(transaction=True)
def test_without_a_close_of_our_own_beat_waits_for_itself() -> None:
    with beat_in_the_midst_of_a_statement("tests.ops.test_scheduler:SavesInTheHandler") as beat:
        beat.terminate()

        with pytest.raises(subprocess.TimeoutExpired):
            beat.wait(2)
