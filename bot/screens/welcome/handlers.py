"""The first /start: a tap for the language, a tap for the level, and the first question.

The second tap is the game's (bot/screens/game): it turns the message into a question.
"""

from django.utils import translation
from telegram import Update

from bot.chat import profile, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.welcome import buttons, texts
from quizarena.players import services as players
from quizarena.players.models import Language


async def greet(update: Update, context: Context) -> None:
    """Greet who is here for the first time, and ask for the language."""
    await taps.send_message(
        update,
        texts.hello(name=context.player.first_name),
        buttons.languages(Language(context.player.language)),
    )


async def ask(update: Update, context: Context) -> None:
    """Ask who is here for the first time for the language, below the answer to a link."""
    await taps.send_message(
        update, texts.which_language(), buttons.languages(Language(context.player.language))
    )


async def choose_language(update: Update, context: Context) -> None:
    """Speak the chosen language from now on, and turn the message into the question for a level."""
    query = taps.tap(update)
    (code,) = taps.arguments(query, 1)
    if code not in Language.values:
        await taps.stale(update, context)
        return
    is_another = code != context.player.language
    players.set_language(player=context.player, language=Language(code))
    translation.activate(code)
    await query.answer()
    if is_another:  # Else Telegram shows the commands in it already.
        await profile.set_chat_commands(context.bot, chat_id=context.player.telegram_id)
    await taps.edit_message(query, texts.which_level(), buttons.levels())


SCREEN = Screen(
    buttons={Data.WELCOME: choose_language},
)
