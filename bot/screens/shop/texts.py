"""Every sentence of the shop; see bot/chat/phrases.py."""

from collections.abc import Collection, Sequence
from datetime import datetime
from html import escape

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bot.chat import dates, goods_texts
from economy.holdings import Holdings
from payments.benefits import Benefit, benefit
from payments.catalogue import Offer
from payments.errors import Refusal, RefusedError
from payments.models import Purchase, Subscription
from payments.subscriptions import PERIOD

# Bot API sendInvoice, `description`.
DESCRIPTION_LENGTH = 255


def shop(
    offers: Sequence[Offer],
    owned: Holdings,
    *,
    best: Collection[str],
    subscription: Subscription | None,
    now: datetime,
) -> str:
    """Return what there is to buy, by what it is good for, beside what the player has.

    Prices stand on the buttons. `subscription` is the player's that runs.
    """
    lines = [_("🛍 <b>Shop</b>"), "", *goods_texts.possessions(owned, now=now)]
    if subscription is not None:
        lines.append(goods_texts.subscription_line(subscription, now=now))
    # Each discount once, however many products it makes cheaper.
    reservations = dict.fromkeys(
        offer.reservation for offer in offers if offer.reservation is not None
    )
    if reservations:
        lines += ["", *(goods_texts.discount(reservation, now=now) for reservation in reservations)]
    for group, members in groups(offers):
        lines += ["", _head(group), *_members(members, best)]
    for offer in subscribable(offers, subscription):
        lines += ["", _subscription_terms(offer)]
    if not offers:
        lines += ["", _("There is nothing to buy at the moment.")]
    return "\n".join(lines)


def groups(offers: Sequence[Offer]) -> list[tuple[Benefit, list[Offer]]]:
    """Return what is for sale by its group, in the order of the shop, without empty groups."""
    members: dict[Benefit, list[Offer]] = {group: [] for group in Benefit}
    for offer in offers:
        members[benefit(offer.product.goods)].append(offer)
    return [(group, some) for group, some in members.items() if some]


def subscribable(offers: Sequence[Offer], subscription: Subscription | None) -> list[Offer]:
    """Return what can be subscribed to; nothing for who has a subscription that runs."""
    if subscription is not None:
        return []
    return [one for one in offers if one.product.can_subscribe and one.refused is None]


def _head(group: Benefit) -> str:
    """Return the headline of a group: what its products are good for."""
    return {
        Benefit.ENERGY: _("🔋 <b>Energy</b> – play on at once"),
        Benefit.PREMIUM: _("👑 <b>Premium</b> – no limit, and all modes"),
        Benefit.EXTRAS: _("🧩 <b>Extras</b> – for your streak and for duels"),
    }[group]


def _members(offers: Sequence[Offer], best: Collection[str]) -> list[str]:
    """Return the products of a group, each with why one wants it; `best` are the best values."""
    language, lines = get_language() or "", []
    for offer in offers:
        name = f"<b>{escape(goods_texts.title(offer.product))}</b>"
        if offer.product.pk in best:
            name = _("🏅 {name} (best value)").format(name=name)
        lines.append(f"• {name}: {escape(offer.product.description(language))}")
        if offer.refused is not None:
            lines.append(f"<i>⏳ {escape(refused(offer.refused))}</i>")
    return lines


def _subscription_terms(offer: Offer) -> str:
    return _(
        "With the subscription Telegram takes {stars} every {days} days, until you cancel "
        "it. You can do so at any time in /wallet."
    ).format(stars=goods_texts.stars(offer.product.stars), days=PERIOD.days)


def product(
    offer: Offer, owned: Holdings, subscription: Subscription | None, *, now: datetime
) -> str:
    """Return one product: what it is, what it delivers, what the player has of it already.

    Shown where a tap must not bring the invoice at once: beside a subscription that is renewed, or
    when the price has changed. `subscription` is the player's that runs.
    """
    sold = offer.product
    language = get_language() or ""
    lines = [
        f"🛍 <b>{escape(goods_texts.title(sold))}</b> · {goods_texts.price(offer)}",
        *([goods_texts.discount(offer.reservation, now=now)] if offer.reservation else []),
        "",
        escape(sold.description(language)),
        "",
        _("<b>You get</b>"),
        *goods_texts.delivery(sold.goods),
        "",
        _("<b>You have</b>"),
        *goods_texts.possessions(owned, now=now, of=sold.goods),
    ]
    if subscription is not None:
        lines.append(goods_texts.subscription_line(subscription, now=now))
    if offer.refused is not None:
        lines += ["", f"⏳ {escape(refused(offer.refused))}"]
    elif subscription is not None and subscription.canceled_at is None:
        lines += ["", goods_texts.renewed_beside(subscription)]
    elif subscribable([offer], subscription):
        lines += ["", _subscription_terms(offer)]
    return "\n".join(lines)


def refused(refusal: RefusedError) -> str:
    """Return why something cannot be bought or paid now (Bot API answerPreCheckoutQuery)."""
    if refusal.refusal is Refusal.TOO_SOON and refusal.until is not None:
        return _("You have bought this already. The next one is for sale from {day}.").format(
            day=dates.full(refusal.until)
        )
    return {
        Refusal.NOT_FOR_SALE: _("This is not for sale any more."),
        Refusal.TOO_SOON: _("You have bought this in the last few days. Please wait a little."),
        Refusal.LOWER_PLAN: _("You have a higher Premium plan at the moment."),
        Refusal.SUSPENDED: _("You cannot buy anything at the moment. Use /paysupport."),
        Refusal.SUBSCRIBED: _("You have a subscription already. You find it in /wallet."),
        Refusal.PROMO_EXPIRED: _(
            "Your discount is not valid any more. Without it you can buy in the /shop at any time."
        ),
        Refusal.PROMO_NOT_FITTING: _(
            "Your discount is not for this. The /shop shows what it makes cheaper."
        ),
        Refusal.PROMO_NOT_APPLICABLE: _(
            "This discount does not apply to you any more: it is for a first purchase, or for "
            "other players. You can buy without it in the /shop."
        ),
        Refusal.TOO_MANY_TODAY: _(
            "You have opened very many invoices today. What you have open you can still pay; new "
            "ones there are tomorrow."
        ),
        Refusal.UNKNOWN: _("This invoice is not known. Please open the /shop again."),
        Refusal.NOT_YOURS: _("This invoice belongs to somebody else. Open your own with /shop."),
        Refusal.WRONG_AMOUNT: _("The price has changed. Please open the /shop again."),
        Refusal.EXPIRED: _("This invoice has expired. Please open the /shop again."),
        Refusal.ALREADY_PAID: _("You have paid this invoice already."),
    }[refusal.refusal]


def invoice(purchase: Purchase, subscription: Subscription | None, *, language: str) -> str:
    """Return the description on an invoice: what is bought, and what a discount takes off.

    With a subscription that is renewed beside it that comes first: it costs Stars.
    """
    assert purchase.product is not None
    parts = [
        *([goods_texts.renewed_beside(subscription)] if subscription else []),
        purchase.product.description(language),
        *goods_texts.saving(purchase),
    ]
    # Where not all of it fits, the amount alone tells of the discount, and the title what it is.
    while len(parts) > 1 and len("\n".join(parts)) > DESCRIPTION_LENGTH:
        parts.pop()
    return "\n".join(parts)


def invoice_is_there() -> str:
    """Return the note for a second tap, when the invoice has just been sent."""
    return _("The invoice is on its way – you find it at the end of the chat.")


def one_moment() -> str:
    """Return the note while Telegram makes the link to a subscription."""
    return _("One moment, your subscription is being prepared …")


def link(purchase: Purchase) -> str:
    """Return what stands above the button that opens the invoice of a subscription."""
    return _(
        "🔁 <b>{title} as a subscription</b>\n\nTelegram takes {stars} every {days} days. You can "
        "cancel at any time in /wallet; what has been paid stays yours."
    ).format(
        title=escape(goods_texts.title(purchase.product)),
        stars=goods_texts.stars(purchase.stars),
        days=PERIOD.days,
    )


def button_buy(offer: Offer) -> str:
    """Return the label of the button that brings the invoice."""
    return _("Buy for {stars}").format(stars=goods_texts.stars(offer.stars))


def button_subscribe(count: int | None) -> str:
    """Return the label of the button that begins a subscription."""
    return _("Subscribe monthly {stars}").format(stars=goods_texts.stars(count))


def button_pay(purchase: Purchase) -> str:
    """Return the label of the button on an invoice (Bot API InlineKeyboardButton.pay)."""
    return _("Pay {stars}").format(stars=goods_texts.stars(purchase.stars))
