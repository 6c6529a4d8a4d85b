"""The buttons under the messages, and what their data means.

Data is at most 64 bytes (Bot API InlineKeyboardButton). `Data` is the one home of its grammar.
"""

from collections.abc import Collection
from enum import StrEnum

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot import texts
from quizarena.game.models import Mode, Round, Showing
from quizarena.players.models import Language

# What is played in rounds; a mode that is not open is shown with a lock.
MENU = (
    Mode.QUICK_MIX_A1A2,
    Mode.ARTIKEL_SPRINT,
    Mode.CASES_PRACTICE,
    Mode.TRENNBARE_VERBEN,
    Mode.WORD_ORDER,
)
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
    WALLET = "wallet"  # wallet:<entry after which the statement goes on>
    STATS = "stats"


def _button(label: str, *data: object) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=":".join(str(part) for part in data))


def home() -> InlineKeyboardMarkup:
    """Return the buttons under the greeting."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            [
                _button(texts.button_wallet(), Data.WALLET),
                _button(texts.button_stats(), Data.STATS),
            ],
            [_button(texts.button_language(), Data.LANGUAGES)],
        ]
    )


def menu(*, start_key: str, open_modes: Collection[str] | None) -> InlineKeyboardMarkup:
    """Return one button for each mode; `start_key` makes all taps on one of them one start.

    `open_modes` are those without a lock; None is all of them.
    """
    rows = []
    for mode in MENU:
        is_open = open_modes is None or mode in open_modes
        label = texts.mode_name(mode) if is_open else f"🔒 {texts.mode_name(mode)}"
        rows.append([_button(label, Data.PLAY, mode, start_key)])
    return InlineKeyboardMarkup([*rows, [_button(texts.button_back(), Data.HOME)]])


def wallet(*, older: int | None) -> InlineKeyboardMarkup:
    """Return the way to older entries, if there are any, and the way out."""
    rows = [[_button(texts.button_older(), Data.WALLET, older)]] if older else []
    return InlineKeyboardMarkup([*rows, [_button(texts.button_back(), Data.HOME)]])


def way_back() -> InlineKeyboardMarkup:
    """Return the way to a round, and the way out."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            [_button(texts.button_back(), Data.HOME)],
        ]
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
