"""What stands below an answered question, wherever it was asked: its rule, and the report."""

from telegram import InlineKeyboardMarkup

from bot.chat import navigation
from quizarena.game import rule_cards
from quizarena.game.models import QuestionVersion


def below(
    version: QuestionVersion, keyboard: InlineKeyboardMarkup, *, above: int = 1
) -> InlineKeyboardMarkup:
    """Return the keyboard with a row about the answered question, above its last row or rows.

    One query, if the question names a rule.
    """
    row = navigation.about_answer(version.pk, card_id=rule_cards.id_of(version.rule))
    rows = list(keyboard.inline_keyboard)
    return InlineKeyboardMarkup([*rows[:-above], row, *rows[-above:]])
