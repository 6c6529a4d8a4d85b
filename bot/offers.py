"""Offers at the player's pauses, and what the buttons under them do. Product rules, section 10.

What is shown was stored before, in the same transaction (payments/offers.py). The product buttons
lead to bot/shop.py.
"""

from datetime import datetime

from telegram import Bot, CallbackQuery, Update
from telegram.constants import ParseMode

from bot import keyboards, offer_texts
from bot.chat import dates, navigation, phrases, taps
from bot.chat.context import Context
from payments import catalogue, offers
from payments.errors import StaleOfferError
from payments.offer_rules import Event
from payments.offers import Proposal
from quizarena.players.models import Player


async def pause(bot: Bot, *, player: Player, event: Event, now: datetime, about: str = "") -> bool:
    """Send the player what is offered at a pause, below everything else; return if anything is.

    In the player's language. A step of the caller's transaction, inside outbox.collecting().
    """
    proposal = offers.propose(player=player, event=event, about=about, now=now)
    if proposal is None:
        return False
    with dates.speaking_to(player):
        await _send(bot, proposal, player=player, now=now)
    return True


async def stand_in(
    query: CallbackQuery,
    context: Context,
    event: Event,
    *,
    about: str = "",
    above: str = "",
    toast: str = "",
) -> bool:
    """Turn the tapped message into the offer, below `above`; False if none takes its place.

    Without `above` the tap is answered, with `toast`.

    What does not block is a message of its own, beside the screen that the caller shows then.
    """
    player, now = context.player, context.now
    proposal = offers.propose(player=player, event=event, about=about, now=now)
    if proposal is None:
        return False
    if not proposal.impression.is_blocking:
        await _send(context.bot, proposal, player=player, now=now)
        return False
    if not above:
        await query.answer(toast or None)
    text = "\n\n".join(filter(None, [above, offer_texts.offer(proposal, now=now)]))
    await taps.become(query, text, keyboards.offer(proposal))
    return True


async def _send(bot: Bot, proposal: Proposal, *, player: Player, now: datetime) -> None:
    """Send the offer as a message of its own."""
    await bot.send_message(
        player.telegram_id,
        offer_texts.offer(proposal, now=now),
        parse_mode=ParseMode.HTML,
        reply_markup=keyboards.offer(proposal),
    )


# --- Buttons --------------------------------------------------------------------------------------


async def discount(update: Update, context: Context) -> None:
    """Hold the discount of the weekend for the player, and show what is cheaper now."""
    query = taps.tap(update)
    try:
        impression, result = offers.take_discount(
            player=context.player, impression_id=_impression(query), now=context.now
        )
    except StaleOfferError:
        await query.answer(offer_texts.over(), show_alert=True)
        return
    await query.answer()
    if result.redemption is None:
        await taps.become(query, offer_texts.discount_over(), navigation.way_back())
        return
    wares = [
        ware
        for ware in catalogue.shelf(player=context.player, now=context.now)
        if ware.hold == result.redemption
        and ware.refused is None
        and ware.product.pk in impression.prices
    ]
    text = offer_texts.discount_held(result.redemption, wares, now=context.now)
    await taps.become(query, text, keyboards.offer_discounted(impression, wares))


async def later(update: Update, context: Context) -> None:
    """Put the offer away for now: the message becomes the home screen."""
    await _put_away(update, context, is_muted=False)


async def mute(update: Update, context: Context) -> None:
    """Put the offer away for some days: the message becomes the home screen."""
    await _put_away(update, context, is_muted=True)


async def _put_away(update: Update, context: Context, *, is_muted: bool) -> None:
    """Note what the player wants, and show the home screen, whether or not it was the player's."""
    query = taps.tap(update)
    verb = offers.mute if is_muted else offers.dismiss
    try:
        verb(player=context.player, impression_id=_impression(query), now=context.now)
    except StaleOfferError:
        await query.answer(offer_texts.over())
        return
    await query.answer(offer_texts.muted() if is_muted else offer_texts.put_away())
    await taps.become(query, phrases.greeting(name=context.player.first_name), navigation.home())


def _impression(query: CallbackQuery) -> int:
    """Return the impression that the button is of; 0 is none."""
    (told,) = taps.arguments(query, 1)
    return int(told) if told.isdecimal() else 0
