"""From an update to the screen that answers it: first who it is, then what they want.

A handler reads the update, calls a service and says a text. Nothing here waits: see
bot/application.py. Whatever is sent is a row of the same transaction.
"""

from typing import Any

from telegram import Update
from telegram.constants import ChatType
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    InlineQueryHandler,
    MessageHandler,
    PreCheckoutQueryHandler,
    TypeHandler,
    filters,
)

from bot import payment_updates, texts
from bot.chat import dates, navigation, taps
from bot.chat.context import Context
from bot.messages import inline
from bot.screens.home import handlers as home
from bot.screens.registry import SCREENS
from bot.screens.support import handlers as support
from bot.screens.welcome import handlers as welcome
from quizarena.game import rounds
from quizarena.players import services as players


def register(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """Put the handlers of all screens in their place, and those that come before and after them."""
    # Money comes before everything, whoever it is from and whatever staff think of them.
    for handler in (
        PreCheckoutQueryHandler(payment_updates.checked_out),
        MessageHandler(filters.SUCCESSFUL_PAYMENT, payment_updates.paid),
        MessageHandler(filters.StatusUpdate.REFUNDED_PAYMENT, payment_updates.refunded),
        TypeHandler(Update, payment_updates.subscription_changed),
    ):
        application.add_handler(handler, group=-2)
    # It may be of anybody, in any chat.
    application.add_handler(InlineQueryHandler(inline.answer), group=-1)
    application.add_handler(TypeHandler(Update, identify), group=-1)
    application.add_handler(ChatMemberHandler(blocked_or_back, ChatMemberHandler.MY_CHAT_MEMBER))
    private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
    application.add_handler(CommandHandler("start", start, filters=private))
    for screen in SCREENS:
        for name, callback in screen.commands.items():
            application.add_handler(CommandHandler(name, callback, filters=private))
    for screen in SCREENS:
        for data, tapped in screen.buttons.items():
            application.add_handler(CallbackQueryHandler(tapped, pattern=rf"^{data}(:|$)"))
    application.add_handler(CallbackQueryHandler(taps.stale))
    application.add_handler(MessageHandler(private, message))


# --- Who it is ------------------------------------------------------------------------------------


async def identify(update: Update, context: Context) -> None:
    """Store the player and use their language; turn away who is suspended, answering once."""
    user, chat = update.effective_user, update.effective_chat
    if user is None or user.is_bot or chat is None or chat.type != ChatType.PRIVATE:
        raise ApplicationHandlerStop  # The game is played in private; groups are none of its.
    if update.my_chat_member is not None:
        return
    if update.message is not None and not taps.is_from_a_person(update.message):
        raise ApplicationHandlerStop  # Something was pinned, a timer set: no person wrote it.
    context.player = players.upsert_from_telegram(
        telegram_id=user.id,
        first_name=user.first_name,
        last_name=user.last_name or "",
        username=user.username or "",
        language_code=user.language_code,
        now=context.now,
    )
    dates.activate(context.player)
    if update.message is not None or update.callback_query is not None:
        context.awaited = players.stop_awaiting(
            player=context.player, now=taps.written_at(update, now=context.now)
        )
    if context.player.suspended_at is not None:
        if support.is_for_support(update, context.awaited) or taps.is_rest_of_album(update):
            return
        if update.callback_query is not None:
            await update.callback_query.answer(texts.suspended(), show_alert=True)
        if players.notify_of_suspension(player=context.player, now=context.now):
            await context.bot.send_message(user.id, texts.suspended())
        raise ApplicationHandlerStop


async def blocked_or_back(update: Update, context: Context) -> None:
    """Note that a player has blocked the bot (Bot API my_chat_member), or has come back."""
    change = update.my_chat_member
    assert change is not None
    if change.new_chat_member.status == change.new_chat_member.BANNED:
        players.bot_blocked(telegram_id=change.from_user.id, now=context.now)
    else:
        players.bot_unblocked(telegram_id=change.from_user.id)


# --- What they want -------------------------------------------------------------------------------


async def start(update: Update, context: Context) -> None:
    """Greet by name; a deep link may bring a code, or somebody's invitation.

    Who is here for the first time, and has not played by /play before, is asked for a language and
    a level, after what the link does.
    """
    parameter = next(iter(context.args or []), "")
    is_first = players.start(player=context.player, now=context.now)
    is_new = is_first and not rounds.has_played(player=context.player)
    for screen in SCREENS:
        for beginning, follow in screen.links.items():
            if parameter.startswith(beginning):
                await follow(update, context, parameter, is_first=is_first)
                if is_new and screen.is_for_players:
                    await welcome.ask(update, context)
                return
    if is_new:
        await welcome.greet(update, context)
    else:
        await home.greet(update, context)


async def message(update: Update, context: Context) -> None:
    """Take the message for what it was asked for; answer kindly to what is none of the above."""
    for screen in SCREENS:
        for is_for_it, take in screen.messages:
            if is_for_it(update, context.awaited):
                await take(update, context)
                return
    waiting = rounds.open_question(player=context.player)
    await taps.send_message(update, texts.unknown(), navigation.home(waiting))
