"""The home screen."""

from telegram import Update

from bot.chat import home_page, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.offers import touchpoints
from payments.offer_rules import Touchpoint


async def greet(update: Update, context: Context) -> None:
    """Greet by name, with the day's goal."""
    await taps.send_message(update, *home_page.page(player=context.player, now=context.now))
    await touchpoints.show_offer(context, Touchpoint.HOME)


async def home(update: Update, context: Context) -> None:
    """Turn the message into the greeting."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, *home_page.page(player=context.player, now=context.now))
    await touchpoints.show_offer(context, Touchpoint.HOME)


SCREEN = Screen(
    buttons={Data.HOME: home},
)
