"""The options of a card, what follows an answer, and the ways on from a review."""

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.review import texts
from quizarena.game.models import WRITTEN, ReviewQuestion
from quizarena.game.reviews import Answer, Summary


def options(question: ReviewQuestion) -> InlineKeyboardMarkup:
    """Return what a question of its kind is answered with, and the way out."""
    way_out = button(texts.button_stop(), Data.REVIEW_STOP, question.review_id)
    if question.version.kind in WRITTEN:
        rows = navigation.words_left(
            question, put_down=Data.REVIEW_CHIP, take_back=Data.REVIEW_CHIP_BACK
        )
        skip = button(texts.button_skip(), Data.REVIEW_SKIP, question.pk)
        return InlineKeyboardMarkup([*rows, [skip, way_out]])
    buttons = [
        button(question.text_at(index), Data.REVIEW_ANSWER, question.pk, index)
        for index in range(len(question.order))
    ]
    return InlineKeyboardMarkup([*navigation.option_rows(buttons), [way_out]])


def after_mistake(answered: Answer) -> InlineKeyboardMarkup:
    """Return the way to the next card, the way back to this one after a slip, and the way out."""
    question = answered.question
    return InlineKeyboardMarkup(
        [
            [button(texts.button_next(), Data.REVIEW)],
            *_slip(answered),
            [button(texts.button_stop(), Data.REVIEW_STOP, question.review_id)],
        ]
    )


def result(summary: Summary, answered: Answer | None = None) -> InlineKeyboardMarkup:
    """Return the ways on from a review, with more cards first; after a wrong answer that to it."""
    return InlineKeyboardMarkup(
        [
            *(_slip(answered) if answered is not None else []),
            *navigation.review(due=summary.due),
            [navigation.play()],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def nothing_due() -> InlineKeyboardMarkup:
    """Return the ways on when no card is due."""
    return navigation.way_back()


def _slip(answered: Answer) -> list[list[InlineKeyboardButton]]:
    """Return the row that takes a wrong answer back; none after one that was asked again."""
    if answered.is_right or answered.question.is_repeat:
        return []
    return [[button(texts.button_slip(), Data.REVIEW_UNDO, answered.question.pk)]]
