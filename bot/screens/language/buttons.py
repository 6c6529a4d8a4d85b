"""One button for each language."""

from telegram import InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button
from quizarena.players.models import Language


def languages() -> InlineKeyboardMarkup:
    """Return one button for each language, named in itself."""
    return InlineKeyboardMarkup(
        [[button(language.label, Data.LANGUAGE, language.value)] for language in Language]
        + [[button(phrases.button_back(), Data.HOME)]]
    )
