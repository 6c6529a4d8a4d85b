"""The choice of a language."""

from django.utils import translation
from telegram import Update

from bot.chat import home_page, profile, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.language import buttons, texts
from quizarena.players import services as players
from quizarena.players.models import Language


async def language(update: Update, context: Context) -> None:
    """Offer the languages."""
    await taps.send_message(update, texts.choose_language(), buttons.languages())


async def languages(update: Update, context: Context) -> None:
    """Turn the message into the choice of language."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, texts.choose_language(), buttons.languages())


async def choose_language(update: Update, context: Context) -> None:
    """Speak the chosen language from now on, beginning with the confirmation."""
    query = taps.tap(update)
    (code,) = taps.arguments(query, 1)
    if code not in Language.values:
        await taps.stale(update, context)
        return
    players.set_language(player=context.player, language=Language(code))
    translation.activate(code)
    await query.answer(texts.language_chosen())
    await profile.set_chat_commands(context.bot, chat_id=context.player.telegram_id)
    await taps.edit_message(query, *home_page.page(player=context.player, now=context.now))


SCREEN = Screen(
    commands={"language": language},
    buttons={Data.LANGUAGES: languages, Data.LANGUAGE: choose_language},
)
