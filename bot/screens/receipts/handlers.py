"""What a player has bought: the list, the receipts, and the subscription."""

from uuid import UUID

from telegram import Update

from bot.chat import phrases, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.receipts import buttons, texts
from bot.screens.receipts.buttons import PURCHASES_LENGTH
from payments import subscriptions
from payments.models import Purchase, Subscription

# More pages than anybody has.
PAGES_MAX = 10_000


async def purchases(update: Update, context: Context) -> None:
    """Turn the message into a page of the list, the newest purchase first."""
    query = taps.tap(update)
    (argument,) = taps.arguments(query, 1)
    number = min(int(argument), PAGES_MAX) if argument.isdecimal() else 0
    charged = Purchase.objects.charged().filter(player=context.player).select_related("product")
    first = number * PURCHASES_LENGTH
    page = list(charged[first : first + PURCHASES_LENGTH + 1])
    shown, has_more = page[:PURCHASES_LENGTH], len(page) > PURCHASES_LENGTH
    await query.answer()
    keyboard = buttons.purchases(shown, number=number, has_more=has_more, now=context.now)
    await taps.edit_message(query, texts.purchases(shown), keyboard)


async def receipt(update: Update, context: Context) -> None:
    """Turn the message into the receipt of one purchase of the player."""
    query = taps.tap(update)
    purchase_id, page = taps.arguments(query, 2)
    try:
        mine = Purchase.objects.charged().filter(player=context.player, pk=UUID(purchase_id))
    except ValueError:
        mine = Purchase.objects.none()
    bought = mine.select_related("product").first()
    if bought is None:
        await query.answer(phrases.stale())
        return
    await query.answer()
    await taps.edit_message(query, texts.receipt_page(bought), buttons.receipt(page=page))


async def subscription(update: Update, context: Context) -> None:
    """Turn the message into the player's subscription."""
    await _show(update, context, toast=None)


async def cancel(update: Update, context: Context) -> None:
    """Let the subscription run out; a task cancels it at Telegram (payments/subscriptions.py)."""
    canceled = subscriptions.cancel(player=context.player, now=context.now)
    toast = texts.canceled(canceled, now=context.now) if canceled else None
    await _show(update, context, toast=toast, canceled=canceled)


async def cancel_beside(update: Update, context: Context) -> None:
    """Cancel as `cancel`, from an invoice or a receipt of something else, which stays there."""
    now = context.now
    subscription = subscriptions.cancel(player=context.player, now=now) or subscriptions.current(
        player=context.player, now=now
    )
    text = phrases.stale() if subscription is None else texts.canceled(subscription, now=now)
    await taps.tap(update).answer(text, show_alert=True)


async def resume(update: Update, context: Context) -> None:
    """Let the player switch the renewal on again, which happens in Telegram; say how."""
    query = taps.tap(update)
    subscription = subscriptions.resume(player=context.player, now=context.now)
    if subscription is None or subscription.canceled_at is None:
        await _show(
            update, context, toast=texts.renewed_again(subscription) if subscription else None
        )
        return
    await context.bot.edit_user_star_subscription(
        context.player.telegram_id, _first_charge(subscription.purchase), is_canceled=False
    )
    await query.answer()
    await taps.edit_message(
        query, texts.resumable(subscription), buttons.after_subscription_notice()
    )


async def _show(
    update: Update,
    context: Context,
    *,
    toast: str | None,
    canceled: Subscription | None = None,
) -> None:
    """Turn the message into the subscription as it is now, with a note over the chat.

    One that was canceled in its days of grace has ended with that.
    """
    query = taps.tap(update)
    subscription = subscriptions.current(player=context.player, now=context.now) or canceled
    if subscription is None:
        await query.answer(toast or phrases.stale())
        return
    await query.answer(toast)
    text = texts.subscription(subscription, now=context.now)
    await taps.edit_message(query, text, buttons.subscription(subscription, now=context.now))


def _first_charge(purchase: Purchase) -> str:
    """Return the charge by which Telegram knows the subscription."""
    assert purchase.charge_id is not None
    return purchase.charge_id


SCREEN = Screen(
    buttons={
        Data.PURCHASES: purchases,
        Data.RECEIPT: receipt,
        Data.SUBSCRIPTION: subscription,
        Data.CANCEL: cancel,
        Data.CANCEL_BESIDE: cancel_beside,
        Data.RESUME: resume,
    },
)
