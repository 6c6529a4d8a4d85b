"""The buttons of the shop, of an invoice and of the message that says what was bought."""

from collections.abc import Collection, Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.shop import texts
from payments.catalogue import Offer
from payments.models import Purchase, Subscription


def shop(
    offers: Sequence[Offer], *, best: Collection[str], subscription: Subscription | None
) -> InlineKeyboardMarkup:
    """Return one button for each product by its group, the way to a discount, and the way out.

    Below what can be subscribed to stands how, unless the player has a subscription.
    """
    subscribable = texts.subscribable(offers, subscription)
    rows = []
    for _group, members in texts.groups(offers):
        for offer in members:
            rows.append([navigation.product(offer, is_best=offer.product.pk in best)])
            if offer in subscribable:
                rows.append([_subscribe(offer)])
    promo = [button(phrases.button_promo(), Data.PROMO)]
    return InlineKeyboardMarkup([*rows, promo, [button(phrases.button_back(), Data.HOME)]])


def _subscribe(offer: Offer) -> InlineKeyboardButton:
    sold = offer.product
    return button(texts.button_subscribe(sold.stars), Data.SUBSCRIBE, sold.pk)


def product(offer: Offer, subscription: Subscription | None) -> InlineKeyboardMarkup:
    """Return the ways to buy a product, if it can be bought now, and the way back.

    Who has a subscription is not offered a second one.
    """
    sold, rows = offer.product, []
    if offer.refused is None:
        reservation = [offer.reservation.pk] if offer.reservation else []
        rows.append([button(texts.button_buy(offer), Data.BUY, sold.pk, *reservation)])
        if texts.subscribable([offer], subscription):
            rows.append([_subscribe(offer)])
        if subscription is not None and subscription.canceled_at is None:
            rows.append([button(phrases.button_cancel(), Data.CANCEL_BESIDE)])
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.SHOP)]])


def invoice(purchase: Purchase, subscription: Subscription | None) -> InlineKeyboardMarkup:
    """Return the button that pays, which Telegram wants to be the first, and the way back.

    Beside it stands how to cancel the subscription that would continue, if there is one.
    """
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(texts.button_pay(purchase), pay=True)],
            *_cancel_beside(subscription),
            [button(phrases.button_back(), Data.SHOP)],
        ]
    )


def _cancel_beside(subscription: Subscription | None) -> list[list[InlineKeyboardButton]]:
    return [[button(phrases.button_cancel(), Data.CANCEL_BESIDE)]] if subscription else []


def link(purchase: Purchase) -> InlineKeyboardMarkup:
    """Return the button that opens the invoice of a subscription, and the way back."""
    label = texts.button_subscribe(purchase.stars)
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(label, url=purchase.invoice_link)],
            [button(phrases.button_back(), Data.SHOP)],
        ]
    )


def after_purchase_notice(subscription: Subscription | None = None) -> InlineKeyboardMarkup:
    """Return the ways to a round, and to what was bought; and out of a subscription beside it."""
    return InlineKeyboardMarkup(
        [
            [button(phrases.button_play(), Data.MENU)],
            [button(phrases.button_purchases(), Data.PURCHASES)],
            *_cancel_beside(subscription),
        ]
    )
