"""What the buttons under an offer do. Product rules, section 10.

The product buttons lead to bot/screens/shop/handlers.py.
"""

from telegram import CallbackQuery, Update

from bot.chat import home_page, navigation, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.offers import buttons, texts
from payments import catalogue, offers
from payments.errors import StaleOfferError


async def discount(update: Update, context: Context) -> None:
    """Reserve the discount of the weekend for the player, and show what is cheaper now."""
    query = taps.tap(update)
    try:
        impression, result = offers.take_discount(
            player=context.player, impression_id=_impression(query), now=context.now
        )
    except StaleOfferError:
        await query.answer(texts.over(), show_alert=True)
        return
    await query.answer()
    if result.redemption is None:
        await taps.edit_message(query, texts.discount_over(), navigation.way_back())
        return
    products = [
        offered
        for offered in catalogue.available_products(player=context.player, now=context.now)
        if offered.reservation == result.redemption
        and offered.refused is None
        and offered.product.pk in impression.prices
    ]
    text = texts.discount_reserved(result.redemption, products, now=context.now)
    await taps.edit_message(query, text, buttons.offer_discounted(impression, products))


async def snooze(update: Update, context: Context) -> None:
    """Put the offer away for now: the message turns into the home screen."""
    await _put_away(update, context, is_muted=False)


async def mute(update: Update, context: Context) -> None:
    """Put the offer away for some days: the message turns into the home screen."""
    await _put_away(update, context, is_muted=True)


async def _put_away(update: Update, context: Context, *, is_muted: bool) -> None:
    """Note what the player wants, and show the home screen, whether or not it was the player's."""
    query = taps.tap(update)
    put_away = offers.mute if is_muted else offers.dismiss
    try:
        put_away(player=context.player, impression_id=_impression(query), now=context.now)
    except StaleOfferError:
        await query.answer(texts.over())
        return
    await query.answer(texts.muted() if is_muted else texts.snoozed())
    await taps.edit_message(query, *home_page.page(player=context.player, now=context.now))


def _impression(query: CallbackQuery) -> int:
    """Return the impression that the button is of; 0 is none."""
    (argument,) = taps.arguments(query, 1)
    return int(argument) if argument.isdecimal() else 0


SCREEN = Screen(
    buttons={Data.FLASH: discount, Data.LATER: snooze, Data.MUTE: mute},
)
