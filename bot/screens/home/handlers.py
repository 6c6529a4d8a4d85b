"""The home screen."""

from telegram import InlineKeyboardMarkup, Update

from bot.chat import navigation, phrases, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.offers import touchpoints
from payments.offer_rules import Touchpoint
from quizarena.game import rounds


async def greet(update: Update, context: Context) -> None:
    """Greet by name."""
    await taps.send_message(
        update, phrases.greeting(name=context.player.first_name), _buttons(context)
    )
    await touchpoints.show_offer(context, Touchpoint.HOME)


async def home(update: Update, context: Context) -> None:
    """Turn the message into the greeting."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(
        query, phrases.greeting(name=context.player.first_name), _buttons(context)
    )
    await touchpoints.show_offer(context, Touchpoint.HOME)


def _buttons(context: Context) -> InlineKeyboardMarkup:
    """Return the ways from here, first of all to an open round."""
    return navigation.home(rounds.open_question(player=context.player))


SCREEN = Screen(
    buttons={Data.HOME: home},
)
