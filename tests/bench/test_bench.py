"""What is measured does not disturb what is measured next, and starts from any shell."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection

from bot.queue.models import InboxUpdate
from tests.bench import databases, pgbench, processes
from tests.factories import InboxUpdateFactory, PlayerFactory
from tests.owner import use_application_role, use_owner_role

COUNT = """
import django
django.setup()
from quizarena.players.models import Player
print(Player.objects.count())
"""


@pytest.fixture
def all_rights(transactional_db: None) -> Iterator[None]:
    """Be the owner, as who fills the tables of a measurement."""
    use_owner_role()
    yield
    use_application_role()


@pytest.mark.usefixtures("all_rights")
def test_a_part_leaves_nothing_to_the_next_one() -> None:
    PlayerFactory.create()
    usual = os.environ["DATABASE_URL"]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        with databases.fresh("bench_first"):
            InboxUpdateFactory.create()
            PlayerFactory.create()
            client.lpush("celery", "left over")
            in_a_process = subprocess.check_output([sys.executable, "-c", COUNT], text=True)
            by_pgbench = settings.DATABASES["default"]["NAME"]

        assert (in_a_process, by_pgbench) == ("2\n", "bench_first")
        assert InboxUpdate.objects.count() == 0
        assert client.dbsize() == 0
    assert os.environ["DATABASE_URL"] == usual
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname = 'bench_first'")
        assert cursor.fetchall() == []


@pytest.mark.parametrize("name", sorted(processes.procfile()))
def test_the_programs_are_those_of_this_environment(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    command, environ = processes.command(name)

    found = shutil.which(command[0], path=environ["PATH"])
    assert found is not None
    assert Path(found).parent == Path(sys.executable).parent


def test_pgbench_is_there() -> None:
    assert Path(pgbench.program()).exists()
