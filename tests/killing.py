"""A process of our own that is killed with -9 at a named point of what it does.

`kill_at("after payments.purchases:_deliver", step="work")` runs the step in a new process on the
test's database and asserts that it has died just there.
"""

import asyncio
import inspect
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from bot import application
from bot.messages import broadcast_job, reminders
from bot.queue import inbox, intake, outbox, sender
from payments import refunds

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 300


def environment() -> dict[str, str]:
    """Return the environment of a process that works on the test's own database and sandbox."""
    database = {**connection.settings_dict, **settings.DATABASE_APPLICATION}
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{database['USER']}:{quote(database['PASSWORD'])}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "TELEGRAM_API_URL": settings.TELEGRAM_API_URL,
        "TELEGRAM_BOT_TOKEN": settings.TELEGRAM_BOT_TOKEN,
    }


def kill_at(point: str, *, step: str, **arguments: Any) -> None:
    """Run `step` with `arguments` in a process that dies at `point`.

    It is a fork of the test's own process, which has imported everything and has the test's time.
    """
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_run, args=(point, step), kwargs=arguments, daemon=True)
    process.start()
    process.join(DEADLINE_S)
    assert process.exitcode == -signal.SIGKILL


def _run(point: str, step: str, **arguments: Any) -> None:
    for one in connections.all():
        # Who closed it would end the session of the test, whose socket it is.
        one.connection = None
    _die_at(point)
    _STEPS[step](**arguments)


def _die_at(point: str) -> None:
    """Replace the function at `point` by one that kills the process before or after its work."""
    moment, _, place = point.partition(" ")
    module_name, _, name = place.partition(":")
    module = import_module(module_name)
    function: Callable[..., Any] = getattr(module, name)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @wraps(function)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        if moment == "before":
            die()
        result = function(*args, **kwargs)
        die()
        return result

    @wraps(function)
    async def deadly_coroutine(*args: Any, **kwargs: Any) -> Any:
        if moment == "before":
            die()
        await function(*args, **kwargs)
        die()

    setattr(module, name, deadly_coroutine if inspect.iscoroutinefunction(function) else deadly)


def _arrive(raw: str) -> None:

    intake.arrive(raw=raw.encode(), now=timezone.now())


def _work() -> None:

    until = timezone.now() + timedelta(seconds=30)
    inbox.work(
        handle=application.handle,
        slow_down=application.slow_down,
        give_up=application.give_up,
        until=until,
    )


def _send() -> None:

    async def send() -> None:
        async with sender.build_bot() as bot:
            for delivery in await sync_to_async(outbox.record_and_claim)(
                outcomes=[], limit=64, now=timezone.now()
            ):
                await sender.deliver(bot, delivery)

    asyncio.run(send())


def _refund(refund_id: int) -> None:

    refunds.finish(refund_id=refund_id, now=timezone.now())


def _remind() -> None:

    reminders.remind(until=timezone.now() + timedelta(seconds=5))


def _broadcast() -> None:

    broadcast_job.run(until=timezone.now() + timedelta(seconds=5))


_STEPS: dict[str, Callable[..., None]] = {
    "arrive": _arrive,
    "work": _work,
    "send": _send,
    "refund": _refund,
    "remind": _remind,
    "broadcast": _broadcast,
}
