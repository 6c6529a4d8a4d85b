"""Purchases, receipts and subscriptions in words; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from django.utils.translation import gettext as _

from bot.chat import dates, goods_texts
from economy.holdings import Holdings
from payments.models import GRACE, Purchase, PurchaseStatus, Subscription, SubscriptionState
from payments.subscriptions import PERIOD


def number(purchase: Purchase) -> str:
    """Return the short number of a receipt, which players can read out."""
    return f"{purchase.pk.hex[:4]}-{purchase.pk.hex[4:8]}".upper()


def _what_for(purchase: Purchase) -> str:
    """Return what was bought, and for how many Stars."""
    name = f"<b>{escape(goods_texts.title(purchase.product))}</b>"
    return f"{name} · {goods_texts.stars(purchase.paid_stars)}"


def receipt(
    purchase: Purchase, owned: Holdings, subscription: Subscription | None, *, now: datetime
) -> str:
    """Return the message that what was paid for has arrived.

    `subscription` is one that is renewed beside it, if there is one.
    """
    head = (
        _("🔁 <b>Your subscription has been renewed.</b>")
        if purchase.renews_id
        else _("✅ <b>Thank you! Your purchase is here.</b>")
    )
    goods = purchase.delivers
    assert goods is not None
    assert purchase.paid_at is not None
    lines = [
        head,
        "",
        _what_for(purchase),
        *goods_texts.saving(purchase),
        *goods_texts.delivery(goods),
        "",
        _("<b>You have now</b>"),
        *goods_texts.possessions(owned, now=now, of=goods),
        *(["", goods_texts.renewed_beside(subscription)] if subscription else []),
        "",
        _("<i>{day} · receipt {number}</i>").format(
            day=dates.full(purchase.paid_at), number=number(purchase)
        ),
    ]
    return "\n".join(lines)


def delay(purchase: Purchase) -> str:
    """Return the message that the Stars have arrived, and the goods have not."""
    return _(
        "⏳ <b>Your payment of {stars} has arrived.</b>\n\nWhat you bought is not there yet: "
        "something went wrong on our side. We are looking after it, and nothing is lost – you get "
        "it soon, or your Stars back.\n\n<i>Receipt {number} · /paysupport</i>"
    ).format(stars=goods_texts.stars(purchase.paid_stars), number=number(purchase))


def refund(purchase: Purchase) -> str:
    """Return the message that the Stars have been given back, and what was taken for them."""
    lines = [
        _("↩️ <b>{stars} refunded.</b>").format(stars=goods_texts.stars(purchase.paid_stars)),
        escape(goods_texts.title(purchase.product)),
        *_taken_back(purchase),
        "",
        _("<i>Receipt {number} · questions: /paysupport</i>").format(number=number(purchase)),
    ]
    return "\n".join(lines)


def _taken_back(purchase: Purchase) -> list[str]:
    """Return what a refund has taken back; what was spent already is left out."""
    goods, taken = purchase.delivers, purchase.evidence.get("taken", {})
    return goods_texts.taken_back(goods, taken) if goods else []


def purchases(page: Sequence[Purchase]) -> str:
    """Return what stands above the list of purchases."""
    if not page:
        return _("🧾 <b>Your purchases</b>\n\nYou have not bought anything yet.")
    return _("🧾 <b>Your purchases</b>\n\nTap one to see its receipt.")


def purchase(bought: Purchase, *, now: datetime) -> str:
    """Return the label of a purchase in the list."""
    assert bought.paid_at is not None
    sign = {PurchaseStatus.CREDITED: "✅", PurchaseStatus.REFUNDED: "↩️"}.get(
        PurchaseStatus(bought.status), "⏳"
    )
    what = f"{goods_texts.title(bought.product)} · {goods_texts.stars(bought.paid_stars)}"
    return f"{sign} {what} · {dates.recent_day(bought.paid_at, now=now)}"


def receipt_page(bought: Purchase) -> str:
    """Return a receipt to look at later."""
    goods = bought.delivers
    assert bought.paid_at is not None
    lines = [
        _("🧾 <b>Receipt {number}</b>").format(number=number(bought)),
        "",
        _what_for(bought),
        *goods_texts.saving(bought),
        *(goods_texts.delivery(goods) if goods else []),
        "",
        status(bought),
        *(_taken_back(bought) if bought.status == PurchaseStatus.REFUNDED else []),
        "",
        _("Paid: {day}").format(day=dates.full(bought.paid_at)),
        _("Telegram's number: {charge}").format(
            charge=f"<code>{escape(bought.charge_id or '')}</code>"
        ),
        "",
        _("Something is wrong? Use /paysupport."),
    ]
    return "\n".join(lines)


def status(bought: Purchase) -> str:
    """Return how far a purchase that has been paid is."""
    if bought.status == PurchaseStatus.REFUNDED:
        return _("↩️ Refunded on {day}.").format(day=dates.full(bought.changed_at))
    if bought.refund_asked_at is not None:
        return _("↩️ Your Stars are on their way back.")
    if bought.status == PurchaseStatus.CREDITED:
        return _("✅ Paid and delivered.")
    if bought.status == PurchaseStatus.CREDIT_REVIEW:
        return _("⏳ Paid. We are looking after the delivery.")
    return _("⏳ Paid. The delivery is on its way.")


def subscription(subscription: Subscription, *, now: datetime) -> str:
    """Return the player's subscription: what it costs, where it stands, and what follows."""
    lines = [
        _("🔁 <b>Your Premium subscription</b>"),
        "",
        _("{stars} every {days} days").format(
            stars=goods_texts.stars(subscription.purchase.stars), days=PERIOD.days
        ),
        goods_texts.subscription_line(subscription, now=now),
        "",
    ]
    match subscription.state(now):
        case SubscriptionState.ACTIVE:
            lines.append(
                _(
                    "If you cancel, Telegram takes no more Stars, and your Premium runs until the "
                    "end of the month that is paid."
                )
            )
        case SubscriptionState.CANCELED:
            lines.append(
                _(
                    "Telegram takes no more Stars. Until it ends you can switch the renewal on "
                    "again."
                )
            )
        case SubscriptionState.GRACE:
            lines.append(_top_up())
        case SubscriptionState.ENDED:
            lines.append(_("Premium is for sale in /shop."))
    return "\n".join(lines)


def renewal_failed(subscription: Subscription) -> str:
    """Return the message that the next month could not be paid, and what to do."""
    head = _(
        "⚠️ <b>Your subscription could not be renewed.</b>\n\nYour Premium goes on until {day}."
    ).format(day=dates.short_day(subscription.expires_at + GRACE))
    return f"{head}\n\n{_top_up()}"


def _top_up() -> str:
    return _(
        "Most of the time there are too few Stars: top them up in Telegram under Settings → My "
        "Stars, and Telegram tries again automatically."
    )


def canceled(subscription: Subscription, *, now: datetime) -> str:
    """Return the note that a subscription is not renewed any more."""
    paid_until = subscription.expires_at
    # In its days of grace what was paid for is over.
    until = paid_until if now < paid_until else paid_until + GRACE
    return _("Your subscription is cancelled. Premium runs until {day}.").format(
        day=dates.short_day(until)
    )


def renewed_again(subscription: Subscription) -> str:
    """Return the note that a subscription is renewed again."""
    return _("Your subscription continues. It renews on {day}.").format(
        day=dates.short_day(subscription.expires_at)
    )


def resumable(subscription: Subscription) -> str:
    """Return how the player switches the renewal on again, which only Telegram can do."""
    return _(
        "🔁 <b>Almost done</b>\n\nFrom our side the renewal is allowed again. Please switch it on "
        "in Telegram: Settings → My Stars → your subscription → Renew. Until {day} there is time "
        "for that; I tell you when it has worked."
    ).format(day=dates.short_day(subscription.expires_at))


def button_resume() -> str:
    """Return the label of the button that resumes a subscription."""
    return _("Switch the renewal on again")


def button_newer() -> str:
    """Return the label of the button that goes back in a list."""
    return _("⬆️ Newer")
