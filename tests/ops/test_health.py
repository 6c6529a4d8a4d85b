"""What load balancers and people read off /healthz and /readyz."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import redis
from celery.signals import heartbeat_sent
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from quizarena.celery import app
from quizarena.ops import health, heartbeats
from quizarena.ops.models import Heartbeat, ProcessRun
from tests.factories import InboxUpdateFactory
from tests.sandbox import ROOT

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
PROCESSES = ("worker-critical", "worker-default", "worker-bulk", "beat", "sender")


@pytest.fixture(autouse=True)
def _no_report_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first question of each test be looked up."""
    monkeypatch.setattr(health, "_last_report", None)


def seen(*, ago: timedelta) -> None:
    """Let all processes have been seen some time ago."""
    for name in PROCESSES:
        Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": timezone.now() - ago})


def test_alive_asks_nobody(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"alive": True})


@pytest.mark.django_db
def test_ready_when_every_part_was_seen_recently(client: Client) -> None:
    seen(ago=timedelta(seconds=5))

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": True,
        "broker": True,
        "worker-critical": True,
        "worker-default": True,
        "worker-bulk": True,
        "beat": True,
        "sender": True,
        "restarting": [],
        "oldest_inbox_seconds": 0.0,
        "oldest_outbox_seconds": 0.0,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("silent", PROCESSES)
def test_not_ready_when_a_process_has_been_silent_for_31_seconds(
    client: Client, silent: str
) -> None:
    seen(ago=timedelta(seconds=5))
    Heartbeat.objects.filter(name=silent).update(seen_at=timezone.now() - timedelta(seconds=31))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()[silent] is False
    assert answer.json()["database"] is True


@pytest.mark.django_db
def test_not_ready_without_the_broker(client: Client, settings: Settings) -> None:
    seen(ago=timedelta(seconds=5))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["broker"]) == (503, False)


@pytest.mark.django_db
def test_the_broker_is_asked_over_one_connection(client: Client) -> None:
    def answer() -> bool:
        return health.report(now=timezone.now())["broker"] is True

    assert answer()
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        before = broker.info("stats")["total_connections_received"]
        assert all(answer() for _ in range(20))
        after = broker.info("stats")["total_connections_received"]

    # Others may connect meanwhile; who connects for each answer does it twenty times.
    assert after - before < 20


@pytest.mark.django_db
def test_whoever_asks_again_within_a_second_asks_no_database(
    client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert health.REPORT_SECONDS_MAX == 1.0
    # This machine may take longer than a second between the two.
    monkeypatch.setattr(health, "REPORT_SECONDS_MAX", 3_600.0)
    client.get("/readyz")

    with django_assert_num_queries(0):
        client.get("/readyz")


@pytest.mark.django_db
def test_the_age_of_the_oldest_waiting_update_is_shown(client: Client) -> None:
    seen(ago=timedelta(seconds=5))
    InboxUpdateFactory.create(due_at=timezone.now() - timedelta(seconds=90))

    age = client.get("/readyz").json()["oldest_inbox_seconds"]

    assert 90 <= age < 100


@pytest.mark.django_db(transaction=True)
def test_a_sign_of_life_is_written_at_most_every_ten_seconds() -> None:
    heartbeats.beat("worker of this test")
    Heartbeat.objects.filter(name="worker of this test").delete()
    heartbeats.beat("worker of this test")

    assert not Heartbeat.objects.filter(name="worker of this test").exists()


@pytest.mark.django_db
def test_seen_says_in_one_sentence_that_a_process_is_missing() -> None:
    seen(ago=timedelta(seconds=61))

    with pytest.raises(CommandError, match=r"No worker-bulk was seen in the last 0:01:00\."):
        call_command("seen", "worker-bulk")


@pytest.mark.django_db
def test_seen_is_content_with_a_process_that_is_alive(capsys: pytest.CaptureFixture[str]) -> None:
    seen(ago=timedelta(seconds=59))

    call_command("seen", "beat")

    assert capsys.readouterr().out == "beat is alive.\n"


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        # Docker looks once a minute at each process.
        (
            ["manage.py", "seen", "beat"],
            {"quizarena.api.description", "rest_framework.serializers", "unfold.admin"},
        ),
        # As a worker and beat begin.
        (
            ["-c", "from quizarena.celery import app; app.loader.import_default_modules()"],
            {"quizarena.api.description", "quizarena.staff.admin.accounts"},
        ),
    ],
)
def test_what_answers_no_addresses_imports_no_pages(command: list[str], needless: set[str]) -> None:
    # Whatever it finds: nothing runs beside the tests.
    process = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=ROOT,
        # The tests have imported our own module, which sets it.
        env={name: value for name, value in os.environ.items() if name != "CELERY_SKIP_CHECKS"},
        check=False,
        capture_output=True,
        text=True,
    )

    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines()}
    assert "quizarena.logs" in imported
    assert not imported & needless


@pytest.mark.django_db
def test_seen_here_is_not_content_with_a_process_elsewhere() -> None:
    seen(ago=timedelta(seconds=5))
    at = timezone.now() - timedelta(seconds=5)
    heartbeats.record_run("beat", host="elsewhere", started_at=at, now=at)

    with pytest.raises(CommandError, match=r"No beat was seen on this host in the last 0:01:00\."):
        call_command("seen", "beat", "--here")

    heartbeats.record_run("beat", host=socket.gethostname(), started_at=at, now=at)
    call_command("seen", "beat", "--here")


@pytest.mark.django_db
def test_the_tables_that_readyz_names_exist() -> None:
    tables = connection.introspection.table_names()

    assert {"bot_inboxupdate", "bot_outgoingcall"} <= set(tables)


def ran(process: str, *, host: str = "one", began: float, ended: float) -> None:
    """Let a process have run from one to another number of seconds before noon."""
    started_at = NOON - timedelta(seconds=began)
    for at in (started_at, NOON - timedelta(seconds=ended)):
        heartbeats.record_run(process, host=host, started_at=started_at, now=at)


@pytest.mark.django_db
class TestRestarting:
    """A process that dies again and again is seen, although each of its lives gives a sign."""

    def test_three_lives_within_ten_minutes(self) -> None:
        for began in (599, 400, 200):
            ran("worker-critical", began=began, ended=began - 20)
        ran("worker-critical", began=5, ended=0)

        assert heartbeats.restarting(now=NOON) == {"worker-critical"}

    def test_two_lives_are_an_accident(self) -> None:
        for began in (400, 200):
            ran("worker-critical", began=began, ended=began - 20)

        assert heartbeats.restarting(now=NOON) == set()

    def test_a_life_that_began_before_is_the_end_of_a_good_one(self) -> None:
        for began in (601, 400, 200):
            ran("worker-critical", began=began, ended=began - 20)

        assert heartbeats.restarting(now=NOON) == set()

    def test_three_that_live_are_no_restarts(self) -> None:
        for began in (50, 49, 48):
            ran("worker-critical", began=began, ended=0)

        assert heartbeats.restarting(now=NOON) == set()

    def test_a_deployment_of_three_containers_is_no_restart(self) -> None:
        for host in ("one", "two", "three"):
            ran("worker-critical", host=host, began=400, ended=200)

        assert heartbeats.restarting(now=NOON) == set()

    def test_readyz_names_it_and_says_503(self, client: Client) -> None:
        self._crash_now("beat")

        answer = client.get("/readyz")

        assert answer.status_code == 503
        assert answer.json()["restarting"] == ["beat"]
        assert answer.json()["beat"] is False
        assert answer.json()["sender"] is True

    def test_its_health_check_and_that_of_the_whole_fail(self) -> None:
        self._crash_now("beat")

        with pytest.raises(CommandError, match=r"beat keeps restarting: read its log\."):
            call_command("seen", "beat")
        with pytest.raises(CommandError, match=r"Keeps restarting: beat\. Read its log\."):
            call_command("ready")
        call_command("seen", "sender")

    def test_lives_of_yesterday_are_forgotten(self) -> None:
        ran("sender", began=90_000, ended=86_410)
        ran("sender", began=80_000, ended=70_000)

        ran("sender", began=5, ended=0)

        assert ProcessRun.objects.count() == 2

    @staticmethod
    def _crash_now(process: str) -> None:
        """Let every process be alive, and one for the fourth time within minutes."""
        seen(ago=timedelta(seconds=5))
        for seconds in (300, 200, 100):
            at = timezone.now() - timedelta(seconds=seconds)
            heartbeats.record_run(process, host="one", started_at=at, now=at)


@pytest.mark.django_db
def test_ready_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    seen(ago=timedelta(seconds=5))
    call_command("ready")
    Heartbeat.objects.filter(name="worker-bulk").delete()

    with pytest.raises(CommandError, match=r"Not ready: worker-bulk\."):
        call_command("ready")

    assert capsys.readouterr().out == "Ready.\n"


@pytest.mark.django_db
def test_a_worker_is_seen_for_each_of_its_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test may just have let this process write one down.
    monkeypatch.setattr(heartbeats, "INTERVAL", timedelta(0))

    heartbeat_sent.send(sender=None)

    queues = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    assert sorted(app.amqp.queues.consume_from) == sorted(queues) == ["bulk", "critical", "default"]
    names = ["worker-bulk", "worker-critical", "worker-default"]
    assert sorted(Heartbeat.objects.values_list("name", flat=True)) == names
    assert sorted(ProcessRun.objects.values_list("process", flat=True)) == names


@pytest.mark.django_db
def test_what_was_seen_of_workers_before_they_had_names_counts_for_each() -> None:
    migration = import_module("quizarena.ops.migrations.0004_workers_by_queue").Migration
    (step,) = migration.operations
    Heartbeat.objects.create(name="worker", seen_at=NOON)
    Heartbeat.objects.create(name="beat", seen_at=NOON)

    with connection.cursor() as cursor:
        cursor.execute(step.sql)
        after = set(Heartbeat.objects.exclude(name="worker").values_list("name", "seen_at"))
        cursor.execute(step.reverse_sql)

    assert after == {
        ("beat", NOON),
        ("worker-critical", NOON),
        ("worker-default", NOON),
        ("worker-bulk", NOON),
    }
    back = set(Heartbeat.objects.values_list("name", "seen_at"))
    assert back == {("beat", NOON), ("worker", NOON)}
