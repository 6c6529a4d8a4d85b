"""Buttons that share a row are short enough for half a telephone, in each language."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from telegram import InlineKeyboardMarkup

from bot.chat import navigation
from bot.chat.models import ReminderSettings
from bot.chat.navigation import Data
from bot.screens.game import buttons as game_buttons
from bot.screens.rules import buttons as rules_buttons
from bot.screens.settings import buttons as settings_buttons
from quizarena.game.models import Kind, Level, QuestionVersion, RoundQuestion

# On a telephone 390 points wide a longer label of a row of two breaks into two lines.
LETTERS = 14
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)


def too_long(keyboard: InlineKeyboardMarkup, *, letters: int = LETTERS) -> list[str]:
    """Return the labels that stand beside another one and are too long for that."""
    return [
        button.text
        for row in keyboard.inline_keyboard
        for button in row
        if len(row) > 1 and len(button.text) > letters
    ]


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("er sieht jetzt den Film", [4, 1]),
        ("die Rechnung bezahlen soll er", [3, 2]),
        ("Namen buchstabiert den", [2, 1]),
        ("Sehenswürdigkeiten an", [1, 1]),
    ],
)
def test_words_have_room_for_the_longest_of_their_row(words: str, rows: list[int]) -> None:
    buttons = [navigation.button(word, Data.CHIP) for word in words.split()]

    assert [len(row) for row in navigation.word_rows(buttons)] == rows


@pytest.mark.parametrize("language", ["de", "en", "uk"])
class TestRows:
    def test_home(self, language: str) -> None:
        with translation.override(language):
            assert too_long(navigation.home(due=12)) == []

    @pytest.mark.parametrize("goal", [1, 2, 3])
    def test_settings(self, language: str, goal: int) -> None:
        with translation.override(language):
            keyboard = settings_buttons.settings(ReminderSettings(), daily_goal=goal, now=NOON)

            assert too_long(keyboard) == []

    def test_clocks(self, language: str) -> None:
        with translation.override(language):
            keyboard = settings_buttons.zones(now=NOON)

            assert too_long(keyboard, letters=navigation.SHORT) == []
            assert [len(row) for row in keyboard.inline_keyboard] == [1, *[2] * 7, 1]

    def test_topics_of_rules(self, language: str) -> None:
        with translation.override(language):
            keyboard = rules_buttons.topics([], level=Level.A1, page=1, pages=3)

            assert too_long(keyboard, letters=navigation.SHORT) == []

    def test_a_question_after_one_that_can_be_saved(self, language: str) -> None:
        before = RoundQuestion(pk=1, number=9, is_correct=True)
        asked = RoundQuestion(pk=2, number=10, order=[0, 1], chips=[], placed=[])
        with translation.override(language):
            for kind in Kind:
                asked.version = QuestionVersion(kind=kind, options=["geht", "gehst"])

                keyboard = game_buttons.options(asked, answered=before)

                assert too_long(keyboard, letters=navigation.SHORT) == []
