"""The buttons under the list of purchases, a receipt and a subscription."""

from collections.abc import Sequence
from datetime import datetime

from telegram import InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button
from bot.screens.receipts import texts
from payments.models import Purchase, Subscription, SubscriptionState

# Purchases on one page of the list.
PURCHASES_LENGTH = 6


def after_subscription_notice() -> InlineKeyboardMarkup:
    """Return the ways to the subscription, and out."""
    return InlineKeyboardMarkup(
        [
            [button(phrases.button_subscription(), Data.SUBSCRIPTION)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def purchases(
    page: Sequence[Purchase], *, number: int, has_more: bool, now: datetime
) -> InlineKeyboardMarkup:
    """Return one button for each purchase on the page, the ways to other pages, and back."""
    rows = [
        [button(texts.purchase(bought, now=now), Data.RECEIPT, bought.pk.hex, number)]
        for bought in page
    ]
    turns = [button(texts.button_newer(), Data.PURCHASES, number - 1)] if number else []
    if has_more:
        turns.append(button(phrases.button_older(), Data.PURCHASES, number + 1))
    if not page:
        turns = [button(phrases.button_shop(), Data.SHOP)]
    return InlineKeyboardMarkup(
        [*rows, *([turns] if turns else []), [button(phrases.button_back(), Data.WALLET)]]
    )


def receipt(*, page: str) -> InlineKeyboardMarkup:
    """Return the way back to the page of the list."""
    return InlineKeyboardMarkup([[button(phrases.button_back(), Data.PURCHASES, page)]])


def subscription(subscription: Subscription, *, now: datetime) -> InlineKeyboardMarkup:
    """Return what can be done with a subscription, and the way back."""
    rows = [[button(phrases.button_back(), Data.WALLET)]]
    if subscription.state(now) is SubscriptionState.CANCELED:
        rows.insert(0, [button(texts.button_resume(), Data.RESUME)])
    elif subscription.canceled_at is None:
        rows.insert(0, [button(phrases.button_cancel(), Data.CANCEL)])
    return InlineKeyboardMarkup(rows)
