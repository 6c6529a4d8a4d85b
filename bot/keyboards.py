"""The buttons under the messages, and what their data means.

Data is at most 64 bytes (Bot API InlineKeyboardButton). `Data` is the one home of its grammar.
"""

from enum import StrEnum

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot import texts
from quizarena.game.models import Mode, Round, Showing
from quizarena.players.models import Language

# What is playable; the other modes are opened by what a player owns.
MENU = (Mode.QUICK_MIX_A1A2, Mode.ARTIKEL_SPRINT)
# Options up to this many characters stand two in a row.
SHORT = 16


class Data(StrEnum):
    """The first word of a button's data."""

    MENU = "menu"
    HOME = "home"
    PLAY = "play"  # play:<mode>:<start key>
    ANSWER = "answer"  # answer:<showing>:<place>
    STOP = "stop"  # stop:<round>
    LANGUAGES = "languages"
    LANGUAGE = "language"  # language:<code>


def _button(label: str, *data: object) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=":".join(str(part) for part in data))


def home() -> InlineKeyboardMarkup:
    """Return the buttons under the greeting."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            [_button(texts.button_language(), Data.LANGUAGES)],
        ]
    )


def menu(*, start_key: str) -> InlineKeyboardMarkup:
    """Return one button for each mode; `start_key` makes all taps on one of them one start."""
    return InlineKeyboardMarkup(
        [[_button(texts.mode_name(mode), Data.PLAY, mode, start_key)] for mode in MENU]
        + [[_button(texts.button_back(), Data.HOME)]]
    )


def options(showing: Showing) -> InlineKeyboardMarkup:
    """Return the four options in the order of the showing, and the way out."""
    buttons = [
        _button(showing.text_at(place), Data.ANSWER, showing.pk, place)
        for place in range(len(showing.order))
    ]
    short = all(len(button.text) <= SHORT for button in buttons)
    rows = [buttons[:2], buttons[2:]] if short else [[button] for button in buttons]
    return InlineKeyboardMarkup(
        [*rows, [_button(texts.button_stop(), Data.STOP, showing.round_id)]]
    )


def after_round(played: Round) -> InlineKeyboardMarkup:
    """Return the buttons under a result."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_again(), Data.PLAY, played.mode, f"r{played.pk}")],
            [_button(texts.button_modes(), Data.MENU)],
        ]
    )


def languages() -> InlineKeyboardMarkup:
    """Return one button for each language, named in itself."""
    return InlineKeyboardMarkup(
        [[_button(language.label, Data.LANGUAGE, language.value)] for language in Language]
        + [[_button(texts.button_back(), Data.HOME)]]
    )
