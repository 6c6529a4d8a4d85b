"""Questions about payments (Telegram asks every bot that sells for /paysupport)."""

from datetime import timedelta

from telegram import Update

from bot import buying, keyboards, screens
from bot.application import Context
from payments import support
from payments.errors import TooManyRequestsError
from quizarena.players import services as players
from quizarena.players.models import Awaited

COMMAND = "/paysupport"


def is_for_support(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the player turns to support, which nobody is shut out from."""
    return screens.words(update).startswith(COMMAND) or screens.is_awaited(
        update, Awaited.PAYMENT_QUESTION, awaited
    )


async def paysupport(update: Update, context: Context) -> None:
    """Take what stands behind the command for the question; without, wait for it."""
    _command, *question = screens.words(update).split(maxsplit=1)
    if question:
        await _ask(update, context, question[0])
        return
    players.await_message(player=context.player, what=Awaited.PAYMENT_QUESTION, now=context.now)
    minutes = players.AWAITED_FOR // timedelta(minutes=1)
    await screens.say(update, buying.ask_support(minutes=minutes), keyboards.way_back())


async def asked(update: Update, context: Context) -> None:
    """Take the message for the question that was awaited, if it says anything."""
    if question := screens.words(update).strip():
        await _ask(update, context, question)
        return
    players.await_message(player=context.player, what=Awaited.PAYMENT_QUESTION, now=context.now)
    await screens.say(update, buying.in_words(), keyboards.way_back())


async def _ask(update: Update, context: Context, question: str) -> None:
    """Hand the question to support."""
    try:
        request = support.ask(player=context.player, text=question, now=context.now)
    except TooManyRequestsError:
        text = buying.too_many_questions()
    else:
        text = buying.asked_support(request)
    await screens.say(update, text, keyboards.way_back())
