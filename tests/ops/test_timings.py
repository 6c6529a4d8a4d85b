"""What processes count for /metrics, and how it comes together in the database."""

import os
import subprocess
import sys

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from quizarena.ops import timings
from quizarena.ops.models import MetricTotal
from quizarena.ops.timings import Family
from tests.killing import ROOT, environment

HISTOGRAM = Family(name="quizarena_test_seconds", help="?", label="lane", values=("a", "b"))
COUNTER = Family(name="quizarena_test_total", help="?")


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """Begin with nothing in memory."""
    timings.clear()


def totals() -> dict[tuple[str, str, str], float]:
    """Return what stands in the database."""
    return {(one.name, one.label, one.bucket): one.value for one in MetricTotal.objects.all()}


@pytest.mark.django_db
class TestFlush:
    def test_every_bucket_ends_with_its_bound(self) -> None:
        for seconds in (-1, 0.005, 0.0051, 0.01, 60, 60.1):
            timings.observe(HISTOGRAM, seconds, "a")
        timings.observe(HISTOGRAM, 2, "b")

        assert timings.flush() == 7
        name = "quizarena_test_seconds"
        assert totals() == {
            (name, "a", "0.005"): 2,
            (name, "a", "0.01"): 2,
            (name, "a", "60"): 1,
            (name, "a", "+Inf"): 1,
            (name, "a", "sum"): pytest.approx(120.1201),
            (name, "b", "2.5"): 1,
            (name, "b", "sum"): 2,
        }

    def test_processes_add_to_one_another_in_one_statement_each(self) -> None:
        for _ in range(2):
            timings.count(COUNTER)
            timings.count(COUNTER)
            timings.observe(HISTOGRAM, 1, "a")
            with CaptureQueriesContext(connection) as queries:
                timings.flush()
            assert len(queries) == 1

        assert totals()["quizarena_test_total", "", ""] == 4
        assert totals()["quizarena_test_seconds", "a", "1"] == 2

    def test_without_anything_new_nothing_is_asked(self) -> None:
        timings.count(COUNTER)
        timings.flush()

        with CaptureQueriesContext(connection) as queries:
            assert timings.flush() == 0
        assert len(queries) == 0

    def test_what_the_database_could_not_take_is_added_later(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(added: timings.Totals) -> None:
            # Somebody counts meanwhile.
            timings.count(COUNTER)
            raise OperationalError

        timings.count(COUNTER)
        timings.observe(HISTOGRAM, 1.5, "a")
        with monkeypatch.context() as patch:
            patch.setattr(timings, "add", away)
            assert timings.flush() == 0
        assert totals() == {}

        timings.flush()
        assert totals()["quizarena_test_total", "", ""] == 2
        assert totals()["quizarena_test_seconds", "a", "sum"] == 1.5

    def test_a_label_that_nobody_has_declared_is_a_defect(self) -> None:
        with pytest.raises(AssertionError, match="has no 'c'"):
            timings.observe(HISTOGRAM, 1, "c")
        with pytest.raises(AssertionError, match="has no 'Anna'"):
            timings.count(COUNTER, "Anna")


def test_each_process_has_one_thread_and_a_child_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []
    # As in a process that has not counted anything yet.
    monkeypatch.setattr(timings, "_has_thread", False)
    monkeypatch.setattr(timings, "start", lambda: started.append("a thread"))

    timings.count(COUNTER)
    timings.observe(HISTOGRAM, 1, "a")
    assert started == ["a thread"]
    reading, writing = os.pipe()
    if not (child := os.fork()):
        had = len(timings.counted())
        timings.count(COUNTER)
        os.write(writing, f"{had} {len(timings.counted())} {len(started)}".encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 100) == b"0 1 2"
    assert len(timings.counted()) == 3
    os.close(reading)
    os.close(writing)


# How the processes end that count: a server of Granian, a worker of Celery, a sender.
ENDS = {
    "granian": """
import multiprocessing
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
""",
    "celery": """
import os
from celery.concurrency.prefork import process_destructor
work()
process_destructor(os.getpid(), 0)
os._exit(0)
""",
    "sender": "work()",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("process", ENDS)
def test_what_a_process_has_counted_is_added_when_it_ends(process: str) -> None:
    script = f"""
import django
django.setup()
from quizarena.ops import timings

def work():
    timings.count(timings.UPDATES, "done")

{ENDS[process]}
"""
    settings = {"DJANGO_SETTINGS_MODULE": "quizarena.settings"}
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**environment(), **settings}, check=True
    )

    assert totals() == {("quizarena_updates_total", "done", ""): 1}


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def test_a_total_only_grows(self) -> None:
        MetricTotal.objects.create(name="x", value=2)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            MetricTotal.objects.update(value=1)
        MetricTotal.objects.update(value=2)
        MetricTotal.objects.update(value=3)

    def test_no_series_stands_twice_or_is_negative(self) -> None:
        MetricTotal.objects.create(name="x", label="a", bucket="1", value=0)

        with pytest.raises(IntegrityError, match="one_per_series"), transaction.atomic():
            MetricTotal.objects.create(name="x", label="a", bucket="1", value=1)
        with pytest.raises(IntegrityError, match="is_not_negative"), transaction.atomic():
            MetricTotal.objects.create(name="y", value=-1)
