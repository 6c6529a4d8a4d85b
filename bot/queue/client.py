"""python-telegram-bot's Bot, whose calls become rows of the outbox.

Nothing that uses it waits, so a coroutine of its calls is run to its end without an event loop, in
the caller's own thread and on its own connection (decision 0003).
"""

import asyncio
from collections.abc import Coroutine
from functools import cache
from typing import Any

from django.conf import settings
from telegram.ext import ExtBot

from bot.queue.outbox import OutboxRequest


class HandlerWaitedError(RuntimeError):
    """A handler waited for something outside. Inside a transaction nothing may be waited for."""


@cache
def bot() -> ExtBot[None]:
    """Return this process's Bot; its calls belong inside outbox.collecting()."""
    bot: ExtBot[None] = ExtBot(
        settings.TELEGRAM_BOT_TOKEN,
        request=OutboxRequest(),
        get_updates_request=OutboxRequest(),
    )
    asyncio.run(bot.initialize())
    return bot


def run(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that never waits; raise HandlerWaitedError if it does."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise HandlerWaitedError("A handler awaited something other than a call of the bot.")
