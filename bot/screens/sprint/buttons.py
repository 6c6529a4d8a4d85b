"""The ways into a sprint, its three buttons, and the ways on from its result."""

from collections.abc import Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.answered import below
from bot.chat.navigation import Data, button
from bot.screens.sprint import texts
from quizarena.game.models import Mode
from quizarena.game.sprints import ARTICLES, Given, Result, Step

# The start keys of a result, which is followed by the id of its sprint, begin so.
AGAIN = "n"
# The start key of a round begins so where it is to be played below the message.
BELOW = "r"
# A page of answers has so many, and a row of its buttons so many.
PAGE = 10
PER_ROW = 5


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
    """Return the ways on from a result, and the way to everything that was answered."""
    answered = (
        [[button(texts.button_answers(), Data.SPRINT_ANSWERS, over.sprint.pk)]]
        if over.sprint.answered
        else []
    )
    return InlineKeyboardMarkup(
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
            *answered,
            [button(phrases.button_back(), Data.MENU)],
        ]
    )


def answers(
    shown: Sequence[Given], *, sprint_id: int, page: int, pages: int
) -> InlineKeyboardMarkup:
    """Return a number for each answer of a page, the pages beside it, and the way out."""
    numbers = [button(str(one.number), Data.SPRINT_NOUN, sprint_id, one.number) for one in shown]
    rows = [numbers[start : start + PER_ROW] for start in range(0, len(numbers), PER_ROW)]
    beside = []
    if page > 0:
        beside.append(button(texts.button_before(), Data.SPRINT_ANSWERS, sprint_id, page - 1))
    if page + 1 < pages:
        beside.append(button(texts.button_after(), Data.SPRINT_ANSWERS, sprint_id, page + 1))
    if beside:
        rows.append(beside)
    return InlineKeyboardMarkup([*rows, [navigation.close()]])


def noun(shown: Given, *, sprint_id: int) -> InlineKeyboardMarkup:
    """Return the rule and the report of an answered noun, and the way back to its page."""
    page = (shown.number - 1) // PAGE
    back = button(phrases.button_back(), Data.SPRINT_ANSWERS, sprint_id, page)
    return below(shown.version, InlineKeyboardMarkup([[back]]))


def out_of_energy(free: list[list[InlineKeyboardButton]]) -> InlineKeyboardMarkup:
    """Return what is free, the way to more energy, and the way out."""
    return InlineKeyboardMarkup(
        [
            *free,
            [button(phrases.button_shop(), Data.SHOP)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )
