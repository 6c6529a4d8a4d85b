"""/delete_me: explained, confirmed, and cancellable for seven days. Product rules, section 16."""

from telegram import InlineKeyboardMarkup, Update

from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.deletion import buttons, texts
from payments import subscriptions
from quizarena.players import deletions


async def delete_me(update: Update, context: Context) -> None:
    """Explain what a deletion means, or say when the one that was asked for comes."""
    await taps.send_message(update, *_page(context))


async def confirmed(update: Update, context: Context) -> None:
    """Ask for the deletion, unless a subscription is to be cancelled first."""
    query = taps.tap(update)
    await query.answer()
    if subscriptions.renewing(player=context.player, now=context.now) is None:
        deletions.ask(player=context.player, now=context.now)
    await taps.edit_message(query, *_page(context))


async def keep(update: Update, context: Context) -> None:
    """Cancel the deletion; a second tap finds it cancelled."""
    query = taps.tap(update)
    await query.answer()
    deletions.cancel(player=context.player, now=context.now)
    await taps.edit_message(query, texts.kept(), navigation.way_back())


def _page(context: Context) -> tuple[str, InlineKeyboardMarkup]:
    request = deletions.running(player=context.player)
    if request is not None:
        return texts.asked(request, now=context.now), buttons.keep()
    if subscriptions.renewing(player=context.player, now=context.now) is not None:
        return texts.subscribed(), buttons.subscription()
    return texts.explained(), buttons.confirm()


SCREEN = Screen(
    commands={"delete_me": delete_me},
    buttons={Data.DELETE_ME: confirmed, Data.KEEP_ME: keep},
)
