"""What every test may ask for: the sandbox, and the road from a tap to the player's screen."""

import gc
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import psycopg
import pytest
import time_machine
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings
from xdist.scheduler import LoadScopeScheduling

from bot import application
from bot.queue import client, inbox, intake, outbox
from bot.queue.outbox import Outcome
from bot.queue.sender import build_bot, deliver
from quizarena.ops import timings
from tests import lock_order
from tests.let_in import let_in
from tests.owner import (
    behind_the_guards,
    log_in_as_owner,
    use_application_role,
    use_owner_role,
)
from tests.sandbox import Sandbox

# A Wednesday in the middle of a month, at noon in Berlin: far from quiet hours, week's ends and
# nights that are an hour longer or shorter.
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)

# How long an example takes says more about what else the machine does.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


# What takes longest begins first, so that at the end nobody waits for it alone.
LONGEST = (
    "tests/stories/",
    "tests/test_migrations.py",
    "tests/local/",
    "tests/staff/test_addresses.py",
    "tests/bench/",
)


# Tables of more than 1 MB.
GROWN = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 1048576
"""


class FilesTogether(LoadScopeScheduling):
    """Gives a file to one process, and all stories to one.

    What a module makes once is made once, and each process that has a story starts a whole stack.
    pytest 9.2 does not see the groups of xdist 3.8, so the scheduler looks at the paths itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "stories" if nodeid.startswith("tests/stories/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    """Take the place of xdist's own schedulers, and keep the order of the collection."""
    config.option.loadscopereorder = False
    return FilesTogether(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, then with the files that have a slow test, or most tests."""
    tests = Counter(item.nodeid.partition("::")[0] for item in items)
    slow = {item.nodeid.partition("::")[0] for item in items if item.get_closest_marker("slow")}

    def rank(file: str) -> tuple[int, bool, int, str]:
        begins = [number for number, path in enumerate(LONGEST) if file.startswith(path)]
        return (*begins, len(LONGEST))[0], file not in slow, -tests[file], file

    ranks = {file: rank(file) for file in tests}
    items.sort(key=lambda item: ranks[item.nodeid.partition("::")[0]])


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Collect the tests without looking for garbage among them."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage only in what the tests themselves make, and seldom: the rest stays.

    With the little garbage of the collection: to find it takes longer than it is worth.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let every test's transactions take their locks in one order.

    Not where a lock is taken away to show what it is there for: `test_without_...`.
    """
    if item.name.startswith("test_without_") or item.get_closest_marker("out_of_order"):
        yield
        return
    with lock_order.recorded() as recorder:
        yield
    if recorder.violations:
        pytest.fail("Locks out of order (docs/architecture.md):\n" + "\n".join(recorder.violations))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Let no test inherit a connection that is broken, or a transaction that nobody has ended.

    And no file the room of rows that are gone.
    """
    try:
        yield
    finally:
        raw = connection.connection
        if raw is not None and (connection.in_atomic_block or raw.closed):
            raw.close()
            connection.connection = None  # Who connects begins outside of any transaction.
            connection.in_atomic_block = False
        elif raw is not None and nextitem is not None and nextitem.path != item.path:
            _give_room_back(raw)


def _give_room_back(raw: psycopg.Connection[Any]) -> None:
    """Vacuum the tables that have grown, as autovacuum does where it is on.

    What a test has stored and rolled back is read over by all that come after it: an empty table of
    questions had 28 MB once.
    """
    raw.execute("SET ROLE NONE")
    for (table,) in raw.execute(GROWN).fetchall():
        raw.execute(f'VACUUM "{table}"')
    if role := connection.settings_dict["OPTIONS"].get("assume_role"):
        raw.execute(f'SET ROLE "{role}"')


@pytest.fixture(autouse=True, scope="session")
def _no_test_looks_at_the_wall_clock() -> Iterator[None]:
    """Let it be noon also while the database is made: its first prices are valid from then on."""
    with time_machine.travel(NOON):
        yield


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Begin every test at the same noon; from there the time goes on.

    A directory whose tests have processes that share the machine's time takes its own fixture of
    this name.
    """
    with time_machine.travel(NOON) as traveller:
        yield traveller


@pytest.fixture(autouse=True, scope="session")
def _a_password_is_hashed_once() -> Iterator[None]:
    """Let hashing a password, which is to take half a second, take none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture(autouse=True, scope="session")
def _who_is_let_in_has_shown_the_factor() -> Iterator[None]:
    """Let `force_login` stand for the whole sign-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "force_login", let_in)
        yield


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """Start one sandbox for the whole run; take `sandbox` instead, which is clean."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox, settings: Settings) -> Sandbox:
    """Return a sandbox without players and webhook, at the test's time, as the bot's Telegram."""
    running_sandbox.call("deleteWebhook")
    running_sandbox.reset(now=timezone.now())
    settings.TELEGRAM_API_URL = running_sandbox.url
    settings.TELEGRAM_BOT_TOKEN = running_sandbox.token
    client.bot.cache_clear()
    application.build.cache_clear()
    return running_sandbox


@pytest.fixture(autouse=True, scope="session")
def _no_thread_adds_timings() -> Iterator[None]:
    """Let this process add what it counts only where a test asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timings, "start", lambda: None)
        yield


class Road:
    """The road of an update, step by step in this process: fetch, work, send."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._offset = 0

    def fetch(self) -> int:
        """Move what the sandbox has for the bot into the inbox; return how many updates."""
        updates: list[dict[str, Any]] = self.sandbox.call("getUpdates", offset=self._offset)
        for update in updates:
            answer = intake.arrive(raw=json.dumps(update).encode(), now=timezone.now())
            if answer is not None:
                self.sandbox.call(answer.pop("method"), **answer)
            self._offset = update["update_id"] + 1
        return len(updates)

    def work(self) -> int:
        """Work on everything in the inbox that is due; return how many claims that took."""
        until = timezone.now() + timedelta(seconds=30)
        return inbox.work(
            handle=application.handle,
            slow_down=application.slow_down,
            give_up=application.give_up,
            until=until,
        )

    def send(self) -> None:
        """Make every call in the outbox that may leave now."""
        async_to_sync(self._send)()

    async def _send(self) -> None:
        outcomes: list[Outcome] = []
        async with build_bot() as bot:
            while True:
                deliveries = await sync_to_async(outbox.record_and_claim)(
                    outcomes=outcomes, limit=64, now=timezone.now()
                )
                if not deliveries:
                    return
                outcomes = [(await deliver(bot, delivery))[0] for delivery in deliveries]

    def travel(self) -> None:
        """Take everything that is under way to its end."""
        self.fetch()
        self.work()
        self.send()

    def say(self, player: int, text: str) -> dict[str, Any]:
        """Let the player write, and return the bot's last message."""
        self.sandbox.say(player, text)
        self.travel()
        return self.sandbox.last_message(player)

    def tap(self, player: int, label: str) -> dict[str, Any]:
        """Let the player tap a button of the last message, and return the message as it is then."""
        self.sandbox.tap(player, label)
        self.travel()
        return self.sandbox.last_message(player)


@pytest.fixture
def road(sandbox: Sandbox, settings: Settings, db: None) -> Road:
    """Return the road through this process, on the test's own transaction.

    Players may act as fast as they like: many tests stop the clock.
    """
    settings.PLAYER_ACTIONS_PER_SECOND = None
    return Road(sandbox)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Let the owner make the database of the tests."""
    log_in_as_owner()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Make the database as its owner, and remember what stands in it before any test.

    From then on the tests are the application.

    After a transactional test Django truncates every table and makes contents, permissions, roles
    and products anew, which takes longer than the test. The few rows of a test are deleted instead
    and the remembered ones put back; the triggers of append-only tables stand aside meanwhile.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        tables = connection.introspection.django_table_names(only_existing=True)
        kept = _tables_with_rows(cursor, tables)
        cursor.execute("DROP SCHEMA IF EXISTS as_made CASCADE; CREATE SCHEMA as_made")
        for table in kept:
            cursor.execute(f'CREATE TABLE as_made."{table}" AS TABLE "{table}"')
    use_application_role()

    def empty(self: DatabaseOperations, sql_list: Any) -> None:
        with behind_the_guards() as cursor:
            for table in _tables_with_rows(cursor, tables):
                cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608
            for table in kept:
                cursor.execute(f'INSERT INTO "{table}" TABLE as_made."{table}"')

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", empty)
        # It would make what has just been put back.
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        yield
    use_owner_role()


@pytest.fixture
def owner(db: None) -> None:
    """Give the test the rights of the owner, for whom the guards of the tables hold, too."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE NONE")  # Until the test's transaction is rolled back.


def _tables_with_rows(cursor: CursorWrapper, tables: list[str]) -> list[str]:
    each = (f"SELECT '{table}' WHERE EXISTS (TABLE \"{table}\")" for table in tables)
    cursor.execute(" UNION ALL ".join(each))
    return [table for (table,) in cursor.fetchall()]
