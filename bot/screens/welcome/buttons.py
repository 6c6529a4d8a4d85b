"""The languages and the levels of who is new."""

from telegram import InlineKeyboardMarkup

from bot.chat import level_texts
from bot.chat.navigation import Data, button
from quizarena.game.models import Level
from quizarena.players.models import Language


def languages(first: Language) -> InlineKeyboardMarkup:
    """Return one button for each language, named in itself; `first` stands above the others."""
    return InlineKeyboardMarkup(
        [
            [button(language.label, Data.WELCOME, language.value)]
            for language in sorted(Language, key=lambda language: language is not first)
        ]
    )


def levels() -> InlineKeyboardMarkup:
    """Return one button for each level, and the way to find it."""
    return InlineKeyboardMarkup(
        [
            [button(level, Data.BEGIN, level) for level in Level],
            [button(level_texts.button_placement(), Data.PLACEMENT)],
        ]
    )
