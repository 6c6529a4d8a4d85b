"""/my_data: everything about oneself, as a file. Product rules, section 16."""

from telegram import Update

from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.chat.screen import Screen
from bot.screens.my_data import texts
from quizarena.players import data_requests


async def my_data(update: Update, context: Context) -> None:
    """Have the file put together, or say when there can be another one."""
    request, is_new = data_requests.ask(player=context.player, now=context.now)
    if is_new or request.sent_at is None:
        words = texts.asked()
    else:
        words = texts.had(request, next_at=request.asked_at + data_requests.EVERY)
    await taps.send_message(update, words, navigation.home())


SCREEN = Screen(commands={"my_data": my_data})
