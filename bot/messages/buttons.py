"""The buttons under a reminder and a broadcast."""

from django.conf import settings
from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button
from bot.messages import texts
from bot.screens.offers import buttons as offers_buttons
from payments.offers import Proposal

# How the inline query for one picture begins, which its number follows (bot/messages/inline.py).
CARD_QUERY = "#"


def reminder(way: InlineKeyboardButton, proposal: Proposal | None) -> InlineKeyboardMarkup:
    """Return the way to what is reminded of, to what is offered, and to the switch of reminders."""
    offered = offers_buttons.offer(proposal).inline_keyboard if proposal else ()
    return InlineKeyboardMarkup(
        [
            [way],
            *offered,
            [button(phrases.button_settings(), Data.SETTINGS)],
        ]
    )


def share(text: str, *, card_id: int) -> InlineKeyboardMarkup:
    """Return the way to share the picture above it, or without inline mode only its `text`."""
    label = phrases.button_share()
    if settings.TELEGRAM_INLINE_MODE:
        way = InlineKeyboardButton(label, switch_inline_query=f"{CARD_QUERY}{card_id}")
    else:
        way = InlineKeyboardButton(label, url=phrases.share_address(text))
    return InlineKeyboardMarkup([[way]])


def broadcast(*, label: str, screen: str, url: str) -> InlineKeyboardMarkup:
    """Return the button of a broadcast, if it has one, and the one that ends broadcasts."""
    rows = [[button(texts.button_no_news(), Data.NO_NEWS)]]
    if url:
        rows.insert(0, [InlineKeyboardButton(label, url=url)])
    elif screen:
        rows.insert(0, [button(label, screen)])
    return InlineKeyboardMarkup(rows)
