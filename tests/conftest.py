"""What every test may ask for: the sandbox, and the road from a tap to the player's screen."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction
from django.db.backends.postgresql.operations import DatabaseOperations
from django.utils import timezone
from pytest_django.fixtures import Settings
from xdist.scheduler import LoadScopeScheduling

from bot import application, arrivals, inbox, outbox
from bot.outbox import Outcome
from bot.sender import build_bot, deliver
from tests.sandbox import Sandbox


class StoriesTogether(LoadScopeScheduling):
    """Gives all stories to one process, since each process that has any starts a whole stack.

    pytest 9.2 does not see the groups of xdist 3.8, so the scheduler looks at the paths itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "stories" if nodeid.startswith("tests/stories/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> StoriesTogether:
    """Take the place of xdist's own schedulers."""
    return StoriesTogether(config, log)


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """Start one sandbox for the whole run; take `sandbox` instead, which is clean."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox, settings: Settings) -> Sandbox:
    """Return a sandbox without players that the bot takes for Telegram."""
    running_sandbox.reset()
    settings.TELEGRAM_API_URL = running_sandbox.url
    settings.TELEGRAM_BOT_TOKEN = running_sandbox.token
    application.build.cache_clear()
    return running_sandbox


class Road:
    """The road of an update, step by step in this process: fetch, work, send."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._offset = 0

    def fetch(self) -> int:
        """Move what the sandbox has for the bot into the inbox; return how many updates."""
        updates: list[dict[str, Any]] = self.sandbox.call("getUpdates", offset=self._offset)
        for update in updates:
            answer = arrivals.arrive(raw=json.dumps(update).encode(), now=timezone.now())
            if answer is not None:
                self.sandbox.call(answer.pop("method"), **answer)
            self._offset = update["update_id"] + 1
        return len(updates)

    def work(self) -> int:
        """Work on everything in the inbox that is due; return how many claims that took."""
        until = timezone.now() + timedelta(seconds=30)
        return inbox.work(handle=application.handle, give_up=application.give_up, until=until)

    def send(self) -> None:
        """Make every call in the outbox that may leave now."""
        async_to_sync(self._send)()

    async def _send(self) -> None:
        outcomes: list[Outcome] = []
        async with build_bot() as bot:
            while True:
                deliveries = await sync_to_async(outbox.take_turn)(
                    outcomes=outcomes, room=64, now=timezone.now()
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
        """Let the player tap a button of the last message, and return what it became."""
        self.sandbox.tap(player, label)
        self.travel()
        return self.sandbox.last_message(player)


@pytest.fixture
def road(sandbox: Sandbox, db: None) -> Road:
    """Return the road through this process, on the test's own transaction."""
    return Road(sandbox)


@pytest.fixture(autouse=True, scope="session")
def _append_only_tables_can_be_emptied_between_tests() -> Iterator[None]:
    """Let the flush after a transactional test pass the triggers that forbid TRUNCATE."""

    def flush(self: DatabaseOperations, sql_list: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for sql in sql_list:
                cursor.execute(sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
        yield
