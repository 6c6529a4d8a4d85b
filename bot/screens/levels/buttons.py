"""The modes with their levels, the levels of one, and the options of a placement's question."""

from collections.abc import Mapping

from telegram import InlineKeyboardMarkup

from bot.chat import level_texts, navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.levels import texts
from quizarena.game import levels
from quizarena.game.models import Level, Mode, PlacementQuestion

# In the data of a button, where a mode stands otherwise.
ALL = "all"
# The start key of the round after a placement, which is followed by the id of the placement.
PLACED = "p"


def overview(stored: Mapping[Mode, Level]) -> InlineKeyboardMarkup:
    """Return one button for all modes and one for each, the placement, and the way back."""
    modes = [
        [button(f"{phrases.mode_name(mode)}: {level}", Data.LEVEL, mode)]
        for mode, level in stored.items()
    ]
    return InlineKeyboardMarkup(
        [
            [button(texts.all_modes(), Data.LEVEL, ALL)],
            *modes,
            [button(level_texts.button_placement(), Data.PLACEMENT)],
            [button(phrases.button_back(), Data.SETTINGS)],
        ]
    )


def choose(mode: Mode | None) -> InlineKeyboardMarkup:
    """Return one button for each level, and the way back."""
    return InlineKeyboardMarkup(
        [
            [button(level, Data.LEVEL, mode or ALL, level) for level in Level],
            [button(phrases.button_back(), Data.LEVELS)],
        ]
    )


def options(asked: PlacementQuestion) -> InlineKeyboardMarkup:
    """Return the options in the order of the question, and the way out."""
    buttons = [
        button(asked.text_at(index), Data.PLACEMENT_ANSWER, asked.placement_id, asked.number, index)
        for index in range(len(asked.order))
    ]
    way_out = [button(texts.button_pause(), Data.HOME)]
    return InlineKeyboardMarkup([*navigation.option_rows(buttons), way_out])


def result(asked: PlacementQuestion, level: Level) -> InlineKeyboardMarkup:
    """Return the way to the first question at the level that was found, and the ways on."""
    start_key = f"{PLACED}{asked.placement_id}"
    return InlineKeyboardMarkup(
        [
            [button(texts.button_play(), Data.PLAY, levels.first_mode(level), start_key)],
            [button(level_texts.button_levels(), Data.LEVELS)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )
