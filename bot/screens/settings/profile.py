"""How others see the player: the name, whether it is shown, and whether one is in the leagues."""

from datetime import timedelta

from telegram import InlineKeyboardMarkup, Update

from bot.chat import taps
from bot.chat.context import Context
from bot.screens.settings import buttons, texts
from quizarena.game import leagues
from quizarena.players import names
from quizarena.players import services as players
from quizarena.players.errors import BadNameError
from quizarena.players.models import Awaited


async def profile(update: Update, context: Context) -> None:
    """Turn the message into how others see the player."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, *_page(context))


async def ask_name(update: Update, context: Context) -> None:
    """Wait for a name in the player's next message."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, _ask(context), buttons.back_to_profile())


def is_name(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the message is the name that the bot has asked for."""
    return taps.is_awaited(update, Awaited.PUBLIC_NAME, awaited)


async def named(update: Update, context: Context) -> None:
    """Take the message as the player's name, or say what is wrong with it and wait for another."""
    try:
        names.choose(player=context.player, name=taps.words(update))
    except BadNameError as refusal:
        text = f"{texts.bad_name(refusal.problem)}\n\n{_ask(context)}"
        await taps.send_message(update, text, buttons.back_to_profile())
        return
    await taps.send_message(update, *_page(context))


async def forget_name(update: Update, context: Context) -> None:
    """Let the player be called as at Telegram again."""
    query = taps.tap(update)
    await query.answer()
    names.forget_choice(player=context.player)
    await taps.edit_message(query, *_page(context))


async def show_name(update: Update, context: Context) -> None:
    """Let others see the player's name, or not; the button says which."""
    query = taps.tap(update)
    await query.answer()
    (value,) = taps.arguments(query, 1)
    names.set_hidden(player=context.player, is_hidden=value == "0")
    await taps.edit_message(query, *_page(context))


async def take_part(update: Update, context: Context) -> None:
    """Let the player take part in the leagues, or not; the button says which."""
    query = taps.tap(update)
    await query.answer()
    (value,) = taps.arguments(query, 1)
    if value == "0":
        leagues.opt_out(player=context.player, now=context.now)
    else:
        leagues.opt_in(player=context.player, now=context.now)
    await taps.edit_message(query, *_page(context))


def _ask(context: Context) -> str:
    players.await_message(player=context.player, what=Awaited.PUBLIC_NAME, now=context.now)
    return texts.ask_name(minutes=players.AWAITED_FOR // timedelta(minutes=1))


def _page(context: Context) -> tuple[str, InlineKeyboardMarkup]:
    is_in = not leagues.is_opted_out(context.player)
    return texts.profile(context.player), buttons.profile(context.player, is_in_leagues=is_in)
