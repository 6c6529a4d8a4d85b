"""Buying: the shop, the invoice, and what happens when Telegram has taken the Stars."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from telegram import Bot, LabeledPrice, Update
from telegram.ext import ApplicationHandlerStop

from bot import buying, keyboards, notices, payment_updates
from bot.chat import dates, taps
from bot.chat.context import Context
from bot.screens.offers import texts as offers_texts
from bot.screens.offers.touchpoints import pause
from economy.holdings import holdings
from payments import catalogue, offers, purchases, refunds, subscriptions
from payments.errors import Refusal, RefusedError, StaleOfferError
from payments.models import XTR, Purchase, PurchaseStatus
from payments.offer_rules import Event

# A further tap within this time is the same tap: the invoice stands in the chat already.
SAME_TAP = timedelta(seconds=10)
# Then the player sees what it costs now.
_PRICE_IS_ANOTHER = (Refusal.PROMO_EXPIRED, Refusal.PROMO_NOT_FITTING, Refusal.WRONG_AMOUNT)


# --- The shop -------------------------------------------------------------------------------------


async def shop(update: Update, context: Context) -> None:
    """Show what there is to buy."""
    shelf = catalogue.shelf(player=context.player, now=context.now)
    owned = holdings(player=context.player, now=context.now)
    text, keyboard = buying.shop(shelf, owned, now=context.now), keyboards.shop(shelf)
    if update.callback_query is None:
        await taps.say(update, text, keyboard)
    else:
        await update.callback_query.answer()
        await taps.become(update.callback_query, text, keyboard)


async def product(update: Update, context: Context) -> None:
    """Turn the message into the page of one product."""
    query = taps.tap(update)
    (code,) = taps.arguments(query, 1)
    await _show(update, context, code, refused=None)


async def _show(
    update: Update, context: Context, code: str, *, refused: RefusedError | None
) -> None:
    """Turn the tapped message into the product's page, and say what has been `refused`, if so."""
    query = taps.tap(update)
    shelf = catalogue.shelf(player=context.player, now=context.now)
    offer = next((offer for offer in shelf if offer.product.pk == code), None)
    if offer is None:
        refused = RefusedError(Refusal.NOT_FOR_SALE)
    await query.answer(buying.refused(refused) if refused else None, show_alert=bool(refused))
    if offer is None:
        return
    owned = holdings(player=context.player, now=context.now)
    held = None
    if offer.product.plan is not None:
        held = subscriptions.current(player=context.player, now=context.now)
    text = buying.product(offer, owned, held, now=context.now)
    await taps.become(query, text, keyboards.product(offer, held))


async def buy(update: Update, context: Context) -> None:
    """Send the invoice (Bot API sendInvoice), or say why it cannot be bought.

    The button carries the discount with which its price was told. If that is over, the player is
    told so and sees the price of now: nobody pays more than the button has said, or than a screen
    has said since.
    """
    code, told = taps.arguments(taps.tap(update), 2)
    begin = partial(
        purchases.open_purchase,
        player=context.player,
        product_code=code,
        now=context.now,
        redemption_id=_hold(context, code, told),
    )
    await _buy(update, context, code, begin)


async def take(update: Update, context: Context) -> None:
    """Send the invoice of what was offered; otherwise as `buy`."""
    query = taps.tap(update)
    impression, code, told = taps.arguments(query, 3)
    begin = partial(
        offers.take,
        player=context.player,
        impression_id=int(impression) if impression.isdecimal() else 0,
        product_code=code,
        now=context.now,
        redemption_id=_hold(context, code, told),
    )
    try:
        await _buy(update, context, code, begin)
    except StaleOfferError:
        await query.answer(offers_texts.over())


def _hold(context: Context, code: str, told: str) -> int | None:
    """Return the discount that a tap takes; `told` is the one that its button carries, if any."""
    return catalogue.hold_for_tap(
        player=context.player,
        product_code=code,
        told=int(told) if told.isdecimal() else None,
        now=context.now,
    )


async def _buy(update: Update, context: Context, code: str, begin: Callable[[], Purchase]) -> None:
    """Send the invoice of the purchase that `begin` opens, or say why it cannot be bought."""
    query = taps.tap(update)
    try:
        purchase = begin()
    except RefusedError as refusal:
        if refusal.refusal in _PRICE_IS_ANOTHER:
            await _show(update, context, code, refused=refusal)
        else:
            await query.answer(buying.refused(refusal), show_alert=True)
        return
    if purchase.status != PurchaseStatus.CREATED and context.now - purchase.changed_at < SAME_TAP:
        await query.answer(buying.invoice_is_there())
        return
    await query.answer()
    await send_invoice(context.bot, purchase, now=context.now)


async def send_invoice(bot: Bot, purchase: Purchase, *, now: datetime) -> None:
    """Send the invoice of an open purchase that the caller has locked, in the player's language."""
    bought, player = purchase.product, purchase.player
    assert bought is not None
    assert purchase.payload is not None
    assert purchase.stars is not None
    title = bought.title(player.language)
    held = subscriptions.renewing(player=player, now=now) if bought.plan is not None else None
    await bot.send_invoice(
        player.telegram_id,
        title=title,
        description=buying.invoice(purchase, held, language=player.language),
        payload=purchase.payload,
        currency=XTR,
        prices=[LabeledPrice(title, purchase.stars)],
        provider_token="",
        reply_markup=keyboards.invoice(purchase, held),
    )
    purchases.invoice_sent(purchase, now=now)


async def subscribe(update: Update, context: Context) -> None:
    """Offer the link to a subscription; while Telegram has yet to make it, ask for patience.

    Only invoice links begin subscriptions (Bot API createInvoiceLink). A task asks for the link,
    and then bot/notices.py tells the player.
    """
    query = taps.tap(update)
    (code,) = taps.arguments(query, 1)
    try:
        purchase = purchases.open_purchase(
            player=context.player, product_code=code, now=context.now, is_subscription=True
        )
    except RefusedError as refusal:
        await query.answer(buying.refused(refusal), show_alert=True)
        return
    if not purchase.invoice_link:
        await query.answer(buying.one_moment())
        return
    purchases.invoice_sent(purchase, now=context.now)
    await query.answer()
    await taps.become(query, buying.link(purchase), keyboards.link(purchase))


# --- What Telegram tells --------------------------------------------------------------------------


async def checked_out(update: Update, context: Context) -> None:
    """Do nothing more: the pre-checkout was answered when it arrived (bot/queue/intake.py)."""
    raise ApplicationHandlerStop


async def paid(update: Update, context: Context) -> None:
    """Credit what has been paid, and say what has arrived (Bot API successful_payment).

    Only then is it time for an offer.
    """
    assert update.message is not None
    payment = payment_updates.payment(update.message.to_dict())
    try:
        purchase = purchases.credit(charge_id=payment.charge_id, now=context.now)
    except Purchase.DoesNotExist:
        # It could not be written down when it arrived.
        purchases.record_payment(payment, now=context.now)
        purchase = purchases.credit(charge_id=payment.charge_id, now=context.now)
    is_there = purchase.status == PurchaseStatus.CREDITED
    source = notices.RECEIPTS if is_there else notices.DELAYS
    notices.tell(player=purchase.player, now=context.now, sources=[source])
    if is_there:
        await pause(
            context.bot,
            player=purchase.player,
            event=Event.PURCHASED,
            about=purchase.product_id or "",
            now=context.now,
        )
    raise ApplicationHandlerStop


async def refunded(update: Update, context: Context) -> None:
    """End a refund that Telegram tells of (Bot API refunded_payment), and say what it took."""
    assert update.message is not None
    payment = payment_updates.payment(update.message.to_dict())
    purchase = refunds.came_from_telegram(payment, now=context.now)
    notices.tell(player=purchase.player, now=context.now, sources=[notices.REFUNDS])
    raise ApplicationHandlerStop


async def subscription_changed(update: Update, context: Context) -> None:
    """Note what Telegram tells of a subscription (Bot API 10.2, update `subscription`).

    python-telegram-bot does not know that kind of update yet and keeps it as it came.
    """
    told = update.api_kwargs.get("subscription")
    if told is None:
        return
    held = subscriptions.hear(
        payload=told["invoice_payload"],
        telegram_id=told["user"]["id"],
        state=told["state"],
        now=context.now,
    )
    if held is not None and told["state"] == "failed":
        notices.tell(player=held.player, now=context.now, sources=[notices.FAILED_RENEWALS])
    elif held is not None and held.player.bot_blocked_at is None:
        with dates.speaking_to(held.player):
            is_over = held.canceled_at is not None
            text = buying.canceled(held) if is_over else buying.goes_on(held)
            keyboard = keyboards.told_of_subscription()
            await context.bot.send_message(held.player.telegram_id, text, reply_markup=keyboard)
    raise ApplicationHandlerStop
