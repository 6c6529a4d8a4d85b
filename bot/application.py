"""One update through python-telegram-bot's Application, inside one Django transaction.

Handlers are ordinary `async def` callbacks, but nothing in them waits: what they send becomes a
row (bot/queue/outbox.py), the database is spoken to synchronously. So the coroutine is run to its
end without an event loop, in the worker's own thread and on its own connection (decision 0003).
"""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import structlog
from telegram import Update
from telegram.constants import ChatType
from telegram.ext import (
    Application,
    ApplicationBuilder,
    ContextTypes,
)

from bot import routing, texts
from bot.chat import dates
from bot.chat.context import Context
from bot.chat.navigation import IN_THEIR_PLACE
from bot.queue import client
from bot.queue.updates import HANDLED_UPDATES
from quizarena.players.models import Player
from quizarena.players.services import language_for

# What a message looks like on the screen (Bot API Message).
_LOOKS = ("reply_markup", "entities", "caption_entities")


class QuizApplication(Application[Any, Any, Any, Any, Any, Any]):
    """An Application whose failed handlers fail the update instead of being swallowed."""

    async def process_error(
        self, update: object, error: Exception, *args: Any, **kwargs: Any
    ) -> bool:
        """Raise `error`, so that the transaction around the update rolls back."""
        raise error


@cache
def build() -> QuizApplication:
    """Return this process's application, with every handler in place."""
    application: QuizApplication = cast(
        QuizApplication,
        ApplicationBuilder()
        .application_class(QuizApplication)
        .bot(client.bot())
        .updater(None)
        .context_types(ContextTypes(context=Context))
        .build(),
    )
    routing.register(application)
    asyncio.run(application.initialize())
    return application


def handle(payload: dict[str, Any]) -> None:
    """Let the handlers do everything that one update causes; raise whatever they raise.

    A kind of update that no handler is for is not even read: the library may want what Telegram
    leaves out by now.
    Must run inside the update's transaction and inside outbox.collecting().
    """
    if not any(kind in payload for kind in HANDLED_UPDATES):
        return
    application = build()
    update = Update.de_json(_as_far_as_read(payload), application.bot)
    user = update.effective_user
    with (
        structlog.contextvars.bound_contextvars(player=user.id if user else None),
        dates.speaking_to(None),
    ):
        client.run(application.process_update(update))


def _as_far_as_read(payload: dict[str, Any]) -> dict[str, Any]:
    """Return an update without what no handler reads: how the tapped message looked.

    It is our own message, and its buttons alone are more objects than all the rest. Only a tap that
    changes its own button alone has to know the others.
    """
    match payload:
        case {"callback_query": {"data": str(data)}} if data.split(":")[0] in IN_THEIR_PLACE:
            return payload
        case {"callback_query": {"message": dict(tapped), **query}, **rest}:
            kept = {name: tapped[name] for name in tapped if name not in _LOOKS}
            return {**rest, "callback_query": {**query, "message": kept}}
    return payload


def give_up(payload: dict[str, Any]) -> None:
    """Apologise to whoever wrote or tapped, in their language, for an update that has died.

    Must run inside a transaction and inside outbox.collecting().
    """
    _reply(payload, texts.sorry)


def slow_down(payload: dict[str, Any]) -> None:
    """Ask whoever wrote or tapped, in their language, to act more slowly.

    Must run inside the update's transaction and inside outbox.collecting().
    """
    _reply(payload, texts.too_fast)


def _reply(payload: dict[str, Any], text: Callable[[], str]) -> None:
    update = Update.de_json(_as_far_as_read(payload), client.bot())
    user = update.effective_user
    if user is None or user.is_bot or not (update.message or update.callback_query):
        return
    player = Player.objects.known_as(user.id).first()
    with dates.speaking_to(player, language=language_for(user.language_code)):
        if update.callback_query is not None:
            client.run(update.callback_query.answer(text(), show_alert=True))
        elif update.message is not None and update.message.chat.type == ChatType.PRIVATE:
            client.run(update.message.reply_text(text()))
