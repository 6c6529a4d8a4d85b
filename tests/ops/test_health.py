"""What load balancers and people read off /healthz and /readyz."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from quizarena.ops import heartbeats
from quizarena.ops.models import Heartbeat
from tests.factories import InboxUpdateFactory


def seen(*, ago: timedelta) -> None:
    """Let all three processes have been seen some time ago."""
    for name in ("worker", "beat", "sender"):
        Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": timezone.now() - ago})


def test_alive_asks_nobody(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"alive": True})


@pytest.mark.django_db
def test_ready_when_every_part_was_seen_lately(client: Client) -> None:
    seen(ago=timedelta(seconds=5))

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": True,
        "broker": True,
        "worker": True,
        "beat": True,
        "sender": True,
        "oldest_inbox_seconds": 0.0,
        "oldest_outbox_seconds": 0.0,
    }


@pytest.mark.django_db
@pytest.mark.parametrize("silent", ["worker", "beat", "sender"])
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
def test_the_age_of_the_oldest_waiting_update_is_told(client: Client) -> None:
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

    with pytest.raises(CommandError, match=r"No worker was seen in the last 0:01:00\."):
        call_command("seen", "worker")


@pytest.mark.django_db
def test_seen_is_content_with_a_process_that_is_alive(capsys: pytest.CaptureFixture[str]) -> None:
    seen(ago=timedelta(seconds=59))

    call_command("seen", "beat")

    assert capsys.readouterr().out == "A beat is alive.\n"


@pytest.mark.django_db
def test_the_tables_that_readyz_names_exist() -> None:
    tables = connection.introspection.table_names()

    assert {"bot_inboxupdate", "bot_outgoingcall"} <= set(tables)
