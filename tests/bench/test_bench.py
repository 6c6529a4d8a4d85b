"""What is measured does not disturb what is measured next, and starts from any shell."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection

from bot.queue.models import InboxUpdate
from quizarena.game.models import Question
from tests.bench import databases, pgbench, processes
from tests.bench.road import ROUNDS, next_button
from tests.bot.screens.buyers import newcomer, tap
from tests.conftest import Road
from tests.factories import InboxUpdateFactory, PlayerFactory, QuestionFactory
from tests.game.test_written_answers import make_order, make_typed
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


def test_what_fills_the_tables_knows_their_columns(db: None) -> None:
    """A part that nobody has run since a column came would only fail when somebody measures."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
            " WHERE table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL"
            " AND is_identity = 'NO' AND is_generated = 'NEVER' GROUP BY table_name"
        )
        needed = dict(cursor.fetchall())
    filled = [
        (file.name, table, set(needed[table]) - set(re.findall(r"\w+", columns)))
        for file in sorted(Path(__file__).parent.glob("*.py"))
        for table, columns in re.findall(
            r"INSERT INTO (\w+)\s*\(([^)]+)\)", file.read_text(encoding="utf-8")
        )
        if table in needed
    ]

    assert len(filled) > 15
    assert [one for one in filled if one[2]] == []


@pytest.mark.parametrize(
    ("make", "tapped"),
    [(QuestionFactory.create, "answer"), (make_typed, "skip"), (make_order, "skip")],
)
def test_the_crowd_plays_on_whatever_kind_the_questions_are(
    road: Road, make: Callable[[], Question], tapped: str
) -> None:
    make()
    anna = newcomer(road)
    tap(road, anna, "play:ARTIKEL_SPRINT:k")

    taps = []
    for _ in range(11):
        button = next_button(road.sandbox.last_message(anna), ROUNDS)
        assert button is not None
        taps.append(button.partition(":")[0])
        tap(road, anna, button)

    assert taps == [tapped] * 10 + ["play"]
