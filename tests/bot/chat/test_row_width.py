"""Buttons that share a row are short enough for half a telephone, in each language."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from telegram import InlineKeyboardMarkup

from bot.chat import navigation
from bot.chat.models import ReminderSettings
from bot.screens.settings import buttons as settings_buttons

# On a telephone 390 points wide a longer label of a row of two breaks into two lines.
LETTERS = 14
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)


def too_long(keyboard: InlineKeyboardMarkup) -> list[str]:
    """Return the labels that stand beside another one and are too long for that."""
    return [
        button.text
        for row in keyboard.inline_keyboard
        for button in row
        if len(row) > 1 and len(button.text) > LETTERS
    ]


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
