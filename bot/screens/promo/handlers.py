"""Promo codes: /promo, the button, and the deep link. Product rules, section 8.

A code is tried only where the player means one: behind /promo, in the message that the bot has
asked for, or in a link. All three are the one verb of promos/redemptions.py.
"""

from datetime import timedelta

from telegram import InlineKeyboardMarkup, Update

from bot.chat import navigation, phrases, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.promo import buttons, texts
from economy.holdings import holdings
from payments import catalogue
from promos import redemptions
from promos.errors import Refusal
from promos.models import Channel, Redemption
from quizarena.game import rounds
from quizarena.players import services as players
from quizarena.players.models import Awaited

# How the start parameter of a deep link begins (t.me/<bot>?start=promo_<code>).
LINK = "promo_"


async def promo(update: Update, context: Context) -> None:
    """Try what stands behind the command; without, wait for the code."""
    _command, *code = taps.words(update).split(maxsplit=1)
    if code:
        await _redeem(update, context, code[0], Channel.COMMAND)
    else:
        await taps.send_message(update, *_ask(context))


async def ask(update: Update, context: Context) -> None:
    """Turn the message into the request for a code."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, *_ask(context))


def is_code(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the message is the code that the bot has asked for."""
    return taps.is_awaited(update, Awaited.PROMO_CODE, awaited)


async def entered(update: Update, context: Context) -> None:
    """Try the message that was awaited, if it says anything."""
    if code := taps.words(update).strip():
        await _redeem(update, context, code, Channel.PROMPT)
    else:
        await taps.send_message(update, *_ask(context))


async def followed(update: Update, context: Context, parameter: str, *, is_first: bool) -> None:
    """Try the code of a deep link; who is here for the first time is greeted before."""
    if context.player.created_at == context.now:
        greeting = phrases.greeting(name=context.player.first_name)
        await taps.send_message(
            update, greeting, navigation.home(rounds.open_question(player=context.player))
        )
    await _redeem(update, context, parameter.removeprefix(LINK), Channel.LINK)


def _ask(context: Context) -> tuple[str, InlineKeyboardMarkup]:
    """Wait for the code in the player's next message; return how that is asked for."""
    players.await_message(player=context.player, what=Awaited.PROMO_CODE, now=context.now)
    minutes = players.AWAITED_FOR // timedelta(minutes=1)
    return texts.ask(minutes=minutes), navigation.way_back()


async def _redeem(update: Update, context: Context, code: str, channel: Channel) -> None:
    """Let the player use the code, and say what has come of it."""
    result = redemptions.redeem(
        player=context.player,
        raw=code,
        channel=channel,
        key=f"u{update.update_id}",
        now=context.now,
    )
    if result.redemption is None:
        assert result.refusal is not None
        text = texts.refused(
            result.refusal, blocked_until=result.blocked_until, reason=result.reason
        )
        can_retry = result.blocked_until is None
        if can_retry and result.refusal is Refusal.INVALID and channel is not Channel.LINK:
            # Who has mistyped a code types it again, and it must not be taken for an answer to an
            # open question.
            players.await_message(player=context.player, what=Awaited.PROMO_CODE, now=context.now)
        keyboard = buttons.refused_code(can_retry=can_retry)
        await taps.send_message(update, text, keyboard)
    elif result.redemption.campaign.is_discount:
        await taps.send_message(update, *_discount(result.redemption, context))
    else:
        owned = holdings(player=context.player, now=context.now)
        text = texts.granted(result.redemption, owned, now=context.now)
        await taps.send_message(update, text, navigation.way_back())


def _discount(reservation: Redemption, context: Context) -> tuple[str, InlineKeyboardMarkup]:
    """Return what a discount is for, and the ways straight to what it makes cheaper."""
    offers = [
        offer
        for offer in catalogue.available_products(player=context.player, now=context.now)
        if offer.reservation == reservation and offer.refused is None
    ]
    return texts.reserved(reservation, offers, now=context.now), buttons.discounted(offers)


SCREEN = Screen(
    commands={"promo": promo},
    buttons={Data.PROMO: ask},
    links={LINK: followed},
    messages=((is_code, entered),),
)
