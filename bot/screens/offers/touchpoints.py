"""Offers at touchpoints, below or in place of a screen. Product rules, section 10.

What is shown was stored before, in the same transaction (payments/offers.py).
"""

from collections.abc import Sequence
from datetime import datetime

from telegram import Bot, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode

from bot.chat import dates, taps
from bot.chat.context import Context
from bot.chat.taps import Show
from bot.screens.offers import buttons, texts
from payments import offers
from payments.offer_rules import Touchpoint
from payments.offers import Proposal
from quizarena.players.models import Player

Rows = Sequence[Sequence[InlineKeyboardButton]]


async def show_offer(context: Context, touchpoint: Touchpoint) -> None:
    """Send an offer below the screen, if one is due."""
    await send_offer(context.bot, player=context.player, touchpoint=touchpoint, now=context.now)


async def send_offer(
    bot: Bot, *, player: Player, touchpoint: Touchpoint, now: datetime, about: str = ""
) -> bool:
    """Send the player the offer of a touchpoint, below all else; return whether there is one.

    In the player's language. A step of the caller's transaction, inside outbox.collecting().
    """
    proposal = offers.propose(player=player, touchpoint=touchpoint, about=about, now=now)
    if proposal is None:
        return False
    with dates.speaking_to(player):
        await _send(bot, proposal, player=player, now=now)
    return True


async def fallback_offer(
    query: CallbackQuery,
    context: Context,
    touchpoint: Touchpoint,
    *,
    about: str = "",
    above: str = "",
    below: str = "",
    first: Rows = (),
    beside: Rows = (),
    toast: str = "",
    show: Show = taps.edit_message,
) -> bool:
    """Turn the tapped message into the offer, between `above` and `below`.

    Returns False if none takes its place. The rows `first` stand above its buttons, those of
    `beside` below what is offered. Without `above` the tap is answered, with `toast`.
    With `show` it is sent below the message instead.

    What does not block is a message of its own, beside the screen that the caller shows then.
    """
    player, now = context.player, context.now
    proposal = offers.propose(player=player, touchpoint=touchpoint, about=about, now=now)
    if proposal is None:
        return False
    if not proposal.impression.is_blocking:
        await _send(context.bot, proposal, player=player, now=now)
        return False
    if not above:
        await query.answer(toast or None)
    text = "\n\n".join(filter(None, [above, texts.offer(proposal, now=now), below]))
    offered = buttons.offer(proposal, beside=beside).inline_keyboard
    keyboard = InlineKeyboardMarkup([*first, *offered])
    await show(query, text, keyboard)
    return True


async def _send(bot: Bot, proposal: Proposal, *, player: Player, now: datetime) -> None:
    """Send the offer as a message of its own."""
    await bot.send_message(
        player.telegram_id,
        texts.offer(proposal, now=now),
        parse_mode=ParseMode.HTML,
        reply_markup=buttons.offer(proposal),
    )
