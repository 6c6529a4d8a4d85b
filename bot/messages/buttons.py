"""The buttons under a reminder and a broadcast."""

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button
from bot.messages import texts
from bot.screens.offers import buttons as offers_buttons
from payments.offers import Proposal


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


def share(text: str) -> InlineKeyboardMarkup:
    """Return the way to share `text`, below a picture."""
    address = phrases.share_address(text)
    return InlineKeyboardMarkup([[InlineKeyboardButton(phrases.button_share(), url=address)]])


def broadcast(*, label: str, screen: str, url: str) -> InlineKeyboardMarkup:
    """Return the button of a broadcast, if it has one, and the one that ends broadcasts."""
    rows = [[button(texts.button_no_news(), Data.NO_NEWS)]]
    if url:
        rows.insert(0, [InlineKeyboardButton(label, url=url)])
    elif screen:
        rows.insert(0, [button(label, screen)])
    return InlineKeyboardMarkup(rows)
