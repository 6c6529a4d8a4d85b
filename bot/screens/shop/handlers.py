"""The shop, from the list of products to the invoice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from telegram import Bot, InlineKeyboardMarkup, LabeledPrice, Update

from bot.chat import taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.offers import texts as offers_texts
from bot.screens.shop import buttons, texts
from economy.holdings import holdings
from payments import benefits, catalogue, offers, purchases, subscriptions
from payments.errors import Refusal, RefusedError, StaleOfferError
from payments.models import XTR, Purchase, PurchaseStatus
from quizarena.players.models import Player

# A further tap within this time is the same tap: the invoice stands in the chat already.
SAME_TAP = timedelta(seconds=10)
# Then the player sees what it costs now.
_PRICE_IS_ANOTHER = (Refusal.PROMO_EXPIRED, Refusal.PROMO_NOT_FITTING, Refusal.WRONG_AMOUNT)


async def shop(update: Update, context: Context) -> None:
    """Show what there is to buy."""
    shown = page(player=context.player, now=context.now)
    if update.callback_query is None:
        await taps.send_message(update, *shown)
    else:
        await update.callback_query.answer()
        await taps.edit_message(update.callback_query, *shown)


def page(*, player: Player, now: datetime) -> tuple[str, InlineKeyboardMarkup]:
    """Return what there is to buy, beside what the player has, and the buttons under it."""
    products = catalogue.available_products(player=player, now=now)
    owned = holdings(player=player, now=now)
    subscription = subscriptions.current(player=player, now=now)
    best = benefits.best_values(products)
    text = texts.shop(products, owned, best=best, subscription=subscription, now=now)
    return text, buttons.shop(products, best=best, subscription=subscription)


async def product(update: Update, context: Context) -> None:
    """Send the invoice; who would go on paying a subscription beside it has to confirm first."""
    code, _quoted = taps.arguments(taps.tap(update), 2)
    renewing = subscriptions.renewing(player=context.player, now=context.now)
    if renewing is not None and catalogue.is_premium(code):
        await _show(update, context, code, refused=None)
    else:
        await buy(update, context)


async def _show(
    update: Update, context: Context, code: str, *, refused: RefusedError | None
) -> None:
    """Turn the tapped message into the product's page, and say what has been `refused`, if so."""
    query = taps.tap(update)
    products = catalogue.available_products(player=context.player, now=context.now)
    offer = next((offer for offer in products if offer.product.pk == code), None)
    if offer is None:
        refused = RefusedError(Refusal.NOT_FOR_SALE)
    await query.answer(texts.refused(refused) if refused else None, show_alert=bool(refused))
    if offer is None:
        return
    owned = holdings(player=context.player, now=context.now)
    subscription = None
    if offer.product.plan is not None:
        subscription = subscriptions.current(player=context.player, now=context.now)
    text = texts.product(offer, owned, subscription, now=context.now)
    await taps.edit_message(query, text, buttons.product(offer, subscription))


async def buy(update: Update, context: Context) -> None:
    """Send the invoice (Bot API sendInvoice), or say why it cannot be bought.

    The button carries the discount that its price includes. If that is over, the answer says so and
    shows the current price: players never pay more than the button has said, or a screen since.
    """
    code, quoted = taps.arguments(taps.tap(update), 2)
    begin = partial(
        purchases.open_purchase,
        player=context.player,
        product_code=code,
        now=context.now,
        redemption_id=_reservation(context, code, quoted),
    )
    await _buy(update, context, code, begin)


async def take(update: Update, context: Context) -> None:
    """Send the invoice of what was offered; otherwise as `buy`."""
    query = taps.tap(update)
    impression, code, quoted = taps.arguments(query, 3)
    begin = partial(
        offers.take,
        player=context.player,
        impression_id=int(impression) if impression.isdecimal() else 0,
        product_code=code,
        now=context.now,
        redemption_id=_reservation(context, code, quoted),
    )
    try:
        await _buy(update, context, code, begin)
    except StaleOfferError:
        await query.answer(offers_texts.over())


def _reservation(context: Context, code: str, quoted: str) -> int | None:
    """Return the discount that a tap takes; `quoted` is the one that its button carries, if any."""
    return catalogue.reservation_for_tap(
        player=context.player,
        product_code=code,
        quoted=int(quoted) if quoted.isdecimal() else None,
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
            await query.answer(texts.refused(refusal), show_alert=True)
        return
    if purchase.status != PurchaseStatus.CREATED and context.now - purchase.changed_at < SAME_TAP:
        await query.answer(texts.invoice_is_there())
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
    subscription = (
        subscriptions.renewing(player=player, now=now) if bought.plan is not None else None
    )
    await bot.send_invoice(
        player.telegram_id,
        title=title,
        description=texts.invoice(purchase, subscription, language=player.language),
        payload=purchase.payload,
        currency=XTR,
        prices=[LabeledPrice(title, purchase.stars)],
        provider_token="",
        reply_markup=buttons.invoice(purchase, subscription),
    )
    purchases.invoice_sent(purchase, now=now)


async def subscribe(update: Update, context: Context) -> None:
    """Offer the link to a subscription; while Telegram has yet to make it, ask for patience.

    Only invoice links begin subscriptions (Bot API createInvoiceLink). A task asks for the link,
    and then bot/messages/notices.py notifies the player.
    """
    query = taps.tap(update)
    (code,) = taps.arguments(query, 1)
    try:
        purchase = purchases.open_purchase(
            player=context.player, product_code=code, now=context.now, is_subscription=True
        )
    except RefusedError as refusal:
        await query.answer(texts.refused(refusal), show_alert=True)
        return
    if not purchase.invoice_link:
        await query.answer(texts.one_moment())
        return
    purchases.invoice_sent(purchase, now=context.now)
    await query.answer()
    await taps.edit_message(query, texts.link(purchase), buttons.link(purchase))


SCREEN = Screen(
    commands={"shop": shop},
    buttons={
        Data.SHOP: shop,
        Data.PRODUCT: product,
        Data.BUY: buy,
        Data.SUBSCRIBE: subscribe,
        Data.OFFER: take,
    },
)
