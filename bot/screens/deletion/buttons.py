"""The way to a deletion, and the way out of it."""

from telegram import InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button
from bot.screens.deletion import texts


def confirm() -> InlineKeyboardMarkup:
    """Return the button that asks for the deletion, below the way out."""
    return InlineKeyboardMarkup(
        [
            [button(phrases.button_back(), Data.HOME)],
            [button(texts.button_delete(), Data.DELETE_ME)],
        ]
    )


def keep() -> InlineKeyboardMarkup:
    """Return the button that cancels the deletion, and the way out."""
    return InlineKeyboardMarkup(
        [
            [button(texts.button_keep(), Data.KEEP_ME)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def subscription() -> InlineKeyboardMarkup:
    """Return the way to the subscription, which is to be cancelled first."""
    return InlineKeyboardMarkup(
        [
            [button(phrases.button_subscription(), Data.SUBSCRIPTION)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )
