"""The ways into a sprint, its three buttons, and the ways on from its result."""

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.answered import below
from bot.chat.navigation import Data, button
from bot.screens.sprint import texts
from quizarena.game.models import Mode
from quizarena.game.sprints import ARTICLES, Result, Step

# The start keys of a result, which is followed by the id of its sprint, begin so.
AGAIN = "n"
# The start key of a round begins so where it is to be played below the message.
BELOW = "r"


def page(*, start_key: str) -> InlineKeyboardMarkup:
    """Return the way into a sprint, the way to a round of the mode, and the way out."""
    return InlineKeyboardMarkup(
        [
            [button(texts.button_sprint(), Data.SPRINT_START, start_key)],
            [button(texts.button_practice(), Data.PLAY, Mode.ARTIKEL_SPRINT, start_key)],
            [button(phrases.button_back(), Data.MENU)],
        ]
    )


def articles(step: Step) -> InlineKeyboardMarkup:
    """Return the three articles, always in the same order, and the way out."""
    return InlineKeyboardMarkup(
        [
            [
                button(article, Data.SPRINT_ANSWER, step.sprint.pk, step.number, article)
                for article in ARTICLES
            ],
            [button(texts.button_stop(), Data.SPRINT_STOP, step.sprint.pk)],
        ]
    )


def result(over: Result) -> InlineKeyboardMarkup:
    """Return the ways on from a result, and what can be done about the last noun that it lists."""
    ways_on = InlineKeyboardMarkup(
        [
            [button(texts.button_again(), Data.SPRINT_START, f"{AGAIN}{over.sprint.pk}")],
            [
                button(
                    texts.button_practice(),
                    Data.PLAY,
                    Mode.ARTIKEL_SPRINT,
                    f"{BELOW}{AGAIN}{over.sprint.pk}",
                )
            ],
            [button(phrases.button_back(), Data.MENU)],
        ]
    )
    listed = over.wrong[: texts.WRONG_MAX]
    return below(listed[-1], ways_on) if listed else ways_on


def out_of_energy(free: list[list[InlineKeyboardButton]]) -> InlineKeyboardMarkup:
    """Return what is free, the way to more energy, and the way out."""
    return InlineKeyboardMarkup(
        [
            *free,
            [button(phrases.button_shop(), Data.SHOP)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )
