"""The start of the daily challenge, the options of its questions, and the ways on from a result."""

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.daily import texts
from quizarena.game.daily import Progress


def page(*, is_started: bool) -> InlineKeyboardMarkup:
    """Return the way into the challenge, and the way out."""
    label = texts.button_continue() if is_started else texts.button_start()
    return InlineKeyboardMarkup(
        [
            [button(label, Data.DAILY_START)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def options(progress: Progress) -> InlineKeyboardMarkup:
    """Return the options in the order that all players see, and the way out."""
    question = progress.next
    assert question is not None
    buttons = [
        button(question.text_at(index), Data.DAILY_ANSWER, progress.run.pk, question.number, index)
        for index in range(len(question.order))
    ]
    way_out = [button(texts.button_pause(), Data.DAILY)]
    return InlineKeyboardMarkup([*navigation.option_rows(buttons), way_out])


def result(progress: Progress) -> InlineKeyboardMarkup:
    """Return the way to share a result, and the ways on."""
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(phrases.button_share(), url=texts.share(progress))],
            [button(phrases.button_play(), Data.MENU)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )
