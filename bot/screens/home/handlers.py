"""The home screen."""

from telegram import Update

from bot.chat import navigation, phrases, taps
from bot.chat.context import Context
from bot.screens.offers import touchpoints
from payments.offer_rules import Event


async def home(update: Update, context: Context) -> None:
    """Turn the message into the greeting."""
    query = taps.tap(update)
    await query.answer()
    await taps.become(query, phrases.greeting(name=context.player.first_name), navigation.home())
    await touchpoints.pause_in(context, Event.HOME)
