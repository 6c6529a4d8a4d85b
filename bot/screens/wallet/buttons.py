"""The buttons under the wallet."""

from telegram import InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button


def wallet(*, older: int | None, has_subscription: bool) -> InlineKeyboardMarkup:
    """Return the ways to older entries, if there are any, to what was bought, and the way out."""
    bought = [button(phrases.button_purchases(), Data.PURCHASES)]
    if has_subscription:
        bought.append(button(phrases.button_subscription(), Data.SUBSCRIPTION))
    rows = [[button(phrases.button_older(), Data.WALLET, older)]] if older else []
    return InlineKeyboardMarkup([*rows, bought, [button(phrases.button_back(), Data.HOME)]])
