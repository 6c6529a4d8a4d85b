"""What the bot answers. A handler reads the update, calls a service and says a text.

Nothing here waits: see bot/application.py. Whatever is sent is a row of the same transaction.
"""

from telegram import Update
from telegram.constants import ChatType
from telegram.ext import (
    ApplicationHandlerStop,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    MessageHandler,
    PreCheckoutQueryHandler,
    TypeHandler,
    filters,
)

from bot import payment_updates, texts
from bot.application import QuizApplication
from bot.chat import dates, navigation, phrases, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.screens.game import handlers as game_handlers
from bot.screens.help import handlers as help_handlers
from bot.screens.home import handlers as home_handlers
from bot.screens.invite import handlers as invite_handlers
from bot.screens.language import handlers as language_handlers
from bot.screens.offers import handlers as offers_handlers
from bot.screens.offers import touchpoints
from bot.screens.promo import handlers as promo_handlers
from bot.screens.receipts import handlers as receipts_handlers
from bot.screens.settings import handlers as settings_handlers
from bot.screens.shop import handlers as shop_handlers
from bot.screens.staff_chats import handlers as staff_chats_handlers
from bot.screens.staff_chats import linking as staff_chats
from bot.screens.stats import handlers as stats_handlers
from bot.screens.support import handlers as support_handlers
from bot.screens.wallet import handlers as wallet_handlers
from payments.offer_rules import Event
from quizarena.players import services as players


def register(application: QuizApplication) -> None:
    """Put every handler in its place: first who it is, then what they want."""
    # Money comes before everything, whoever it is from and whatever staff think of them.
    for handler in (
        PreCheckoutQueryHandler(payment_updates.checked_out),
        MessageHandler(filters.SUCCESSFUL_PAYMENT, payment_updates.paid),
        MessageHandler(filters.StatusUpdate.REFUNDED_PAYMENT, payment_updates.refunded),
        TypeHandler(Update, payment_updates.subscription_changed),
    ):
        application.add_handler(handler, group=-2)
    application.add_handler(TypeHandler(Update, meet), group=-1)
    application.add_handler(ChatMemberHandler(blocked_or_back, ChatMemberHandler.MY_CHAT_MEMBER))
    private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
    for name, callback in {
        "start": start,
        "play": game_handlers.play,
        "shop": shop_handlers.shop,
        "wallet": wallet_handlers.wallet,
        "stats": stats_handlers.stats,
        "language": language_handlers.language,
        "help": help_handlers.help_command,
        "terms": help_handlers.terms,
        "paysupport": support_handlers.paysupport,
        "promo": promo_handlers.promo,
        "invite": invite_handlers.invite,
        "settings": settings_handlers.settings,
        "unlink": staff_chats_handlers.unlinked,
    }.items():
        application.add_handler(CommandHandler(name, callback, filters=private))
    for data, tapped in {
        Data.MENU: game_handlers.menu,
        Data.HOME: home_handlers.home,
        Data.PLAY: game_handlers.start_round,
        Data.ANSWER: game_handlers.answer,
        Data.STOP: game_handlers.stop,
        Data.WALLET: wallet_handlers.wallet_page,
        Data.STATS: stats_handlers.stats_page,
        Data.LANGUAGES: language_handlers.languages,
        Data.LANGUAGE: language_handlers.choose_language,
        Data.SHOP: shop_handlers.shop,
        Data.PRODUCT: shop_handlers.product,
        Data.BUY: shop_handlers.buy,
        Data.SUBSCRIBE: shop_handlers.subscribe,
        Data.PURCHASES: receipts_handlers.purchases,
        Data.RECEIPT: receipts_handlers.receipt,
        Data.SUBSCRIPTION: receipts_handlers.subscription,
        Data.CANCEL: receipts_handlers.cancel,
        Data.CANCEL_BESIDE: receipts_handlers.cancel_beside,
        Data.RESUME: receipts_handlers.resume,
        Data.PROMO: promo_handlers.ask,
        Data.INVITE: invite_handlers.invite,
        Data.REWARD: invite_handlers.choose,
        Data.OFFER: shop_handlers.take,
        Data.FLASH: offers_handlers.discount,
        Data.LATER: offers_handlers.later,
        Data.MUTE: offers_handlers.mute,
        Data.SETTINGS: settings_handlers.settings,
        Data.SWITCH: settings_handlers.switch,
        Data.ZONES: settings_handlers.zones,
        Data.ZONE: settings_handlers.zone,
        Data.HOURS: settings_handlers.hours,
        Data.HOUR: settings_handlers.hour,
        Data.REMIND: settings_handlers.may_remind,
        Data.NO_NEWS: settings_handlers.no_news,
    }.items():
        application.add_handler(CallbackQueryHandler(tapped, pattern=rf"^{data}(:|$)"))
    application.add_handler(CallbackQueryHandler(taps.stale))
    application.add_handler(MessageHandler(private, unknown))


# --- Who it is ------------------------------------------------------------------------------------


async def meet(update: Update, context: Context) -> None:
    """Know the player and speak their language; turn away who is suspended, telling them once."""
    user, chat = update.effective_user, update.effective_chat
    if user is None or user.is_bot or chat is None or chat.type != ChatType.PRIVATE:
        raise ApplicationHandlerStop  # The game is played in private; groups are none of its.
    if update.my_chat_member is not None:
        return
    if update.message is not None and not taps.is_from_a_person(update.message):
        raise ApplicationHandlerStop  # Something was pinned, a timer set: nobody has said anything.
    context.player = players.meet(
        telegram_id=user.id,
        first_name=user.first_name,
        last_name=user.last_name or "",
        username=user.username or "",
        language_code=user.language_code,
        now=context.now,
    )
    dates.activate(context.player)
    if update.message is not None or update.callback_query is not None:
        context.awaited = players.stop_awaiting(player=context.player, now=context.now)
    if context.player.suspended_at is not None:
        if support_handlers.is_for_support(update, context.awaited) or taps.is_rest_of_album(
            update
        ):
            return
        if update.callback_query is not None:
            await update.callback_query.answer(texts.suspended(), show_alert=True)
        if players.tell_suspension(player=context.player, now=context.now):
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


# --- Commands -------------------------------------------------------------------------------------


async def start(update: Update, context: Context) -> None:
    """Greet by name; a deep link may bring a code, or somebody's invitation."""
    parameter = next(iter(context.args or []), "")
    is_first = players.start(player=context.player, now=context.now)
    if parameter.startswith(invite_handlers.LINK):
        await invite_handlers.followed(update, context, parameter, is_first=is_first)
        return
    if parameter.startswith(promo_handlers.LINK):
        await promo_handlers.followed(update, context, parameter)
        return
    if parameter.startswith(staff_chats.LINK):
        await staff_chats_handlers.followed(update, context, parameter)
        return
    await taps.say(update, phrases.greeting(name=context.player.first_name), navigation.home())
    if context.player.created_at != context.now:
        await touchpoints.pause_in(context, Event.HOME)


async def unknown(update: Update, context: Context) -> None:
    """Take the message for what it was asked for; answer kindly to what is none of the above.

    An album is answered once, whatever it is for.
    """
    if taps.is_rest_of_album(update):
        await support_handlers.keep_rest_of_album(update, context)
        return
    if support_handlers.is_for_support(update, context.awaited):
        await support_handlers.asked(update, context)
        return
    if promo_handlers.is_code(update, context.awaited):
        await promo_handlers.entered(update, context)
        return
    await taps.say(update, texts.unknown(), navigation.home())


# --- Buttons --------------------------------------------------------------------------------------


# --- Pages ---------------------------------------------------------------------------
