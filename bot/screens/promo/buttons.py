"""The buttons under what has come of a promo code."""

from collections.abc import Sequence

from telegram import InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button, products
from bot.screens.promo import texts
from payments.catalogue import Offer


def discounted(offers: Sequence[Offer]) -> InlineKeyboardMarkup:
    """Return one button for each product that a discount makes cheaper, and the way to all."""
    return InlineKeyboardMarkup([*products(offers), [button(phrases.button_shop(), Data.SHOP)]])


def refused_code(*, can_retry: bool) -> InlineKeyboardMarkup:
    """Return the way to another code, unless none is looked at now, and the way out."""
    rows = [[button(texts.button_another(), Data.PROMO)]] if can_retry else []
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.HOME)]])
