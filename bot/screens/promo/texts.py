"""Every sentence about promo codes, in the language that is active; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import datetime
from html import escape, unescape

from django.utils import timezone, translation
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from bot.chat import dates, goods_texts
from economy.energy import FREE_CAP, Energy
from economy.holdings import Holdings
from payments import catalogue
from payments.catalogue import Offer
from promos import redemptions
from promos.errors import Refusal
from promos.models import RESERVATION_TTL, Campaign, Redemption, Scope
from promos.rules import Reason


def ask(*, minutes: int) -> str:
    """Return the request for a code."""
    return _(
        "🏷 <b>Your promo code</b>\n\nSend it to me as your next message, within {minutes} "
        "minutes. Capitals, spaces and hyphens do not matter."
    ).format(minutes=minutes)


# --- What a code brings ---------------------------------------------------------------------------


def granted(redemption: Redemption, owned: Holdings, *, now: datetime) -> str:
    """Return what a code has brought, and what the player has now."""
    campaign = redemption.campaign
    goods = redemptions.goods_of(kind=campaign.kind, value=campaign.value)
    lines = [
        _("🎁 <b>Your code is redeemed. This is yours now:</b>"),
        *goods_texts.delivery(goods),
        "",
        _("<b>You have now</b>"),
        *goods_texts.possessions(owned, now=now, of=goods),
    ]
    return "\n".join(lines)


def reserved(reservation: Redemption, offers: Sequence[Offer], *, now: datetime) -> str:
    """Return a discount: how much, for what, until when, and what `offers` cost with it."""
    discount = f"<b>−{reservation.campaign.value} %</b> {_scope(reservation)}"
    lines = [
        _("🏷 <b>Your code is accepted.</b>")
        if reservation.created_at == now
        else _("🏷 <b>You have this discount already.</b>"),
        "",
        f"{discount} · {goods_texts.time_left(reservation, now=now)}",
        "",
        *(
            f"{escape(goods_texts.title(offer.product))} · {goods_texts.price(offer)}"
            for offer in offers
        ),
    ]
    if not offers:
        lines.append(_("At the moment there is nothing that you could buy cheaper with it."))
    return "\n".join(lines)


def _scope(reservation: Redemption) -> str:
    """Return what a discount is for."""
    campaign = reservation.campaign
    return {
        Scope.ANY: _("on everything in the shop"),
        Scope.MICRO_ANY: _("on everything but Premium"),
        Scope.PREMIUM_ANY: _("on every Premium plan"),
        Scope.PRODUCT: _("on one product"),
    }[Scope(campaign.scope)]


def preview(campaign: Campaign, language: str, product: str) -> str:
    """Return what a newcomer with a code of the campaign reads, without bold and the like.

    For operators (promos/previews.py); the campaign may not be stored yet.
    """
    now = timezone.now()
    with translation.override(language):
        if campaign.is_discount:
            reservation = Redemption(
                campaign=campaign, created_at=now, reserved_until=now + RESERVATION_TTL
            )
            text = reserved(reservation, catalogue.offers_with(reservation), now=now)
        else:
            goods = redemptions.goods_of(kind=campaign.kind, value=campaign.value)
            owned = Holdings(
                energy=Energy(free=FREE_CAP, paid=goods.paid_energy, counted_until=now),
                streak_savers=0,
                duel_tickets=0,
                premium_until=now + goods.premium_time if goods.premium else None,
                modes_until={},
            )
            text = granted(Redemption(campaign=campaign), owned, now=now)
    return unescape(strip_tags(text.replace("</s>", " →</s>")))


# --- Why a code is not accepted -------------------------------------------------------------------


def refused(
    refusal: Refusal, *, blocked_until: datetime | None, reason: Reason | None = None
) -> str:
    """Return why a code was not accepted, and until when none is looked at, if so.

    Whoever guesses learns nothing: what was never made, is not there yet, or was revoked reads the
    same, and a condition that is not met is not named. `reason` says whose use of a code counts.
    """
    used_by_other = reason is Reason.USED_BY_OTHER
    text = {
        Refusal.INVALID: _("🤔 <b>This code does not work.</b>\n\nPlease check every character."),
        Refusal.EXPIRED: _(
            "⌛ <b>This code has expired.</b>\n\nIts offer is over, or everything has been "
            "given away."
        ),
        Refusal.ALREADY_USED: _("☑️ <b>This code has already been used.</b>")
        if used_by_other
        else _("☑️ <b>You have already used this code.</b>"),
        Refusal.NOT_APPLICABLE: _(
            "🙂 <b>This code is not for you at the moment.</b>\n\nMany offers have a condition: "
            "they are for those who are new, for a first purchase, for a language, for a level, or "
            "for some players chosen at random."
        ),
        Refusal.RATE_LIMITED: _("⏳ <b>Too many codes that do not work.</b>"),
        Refusal.PAUSED: _(
            "⏸ <b>This offer is paused at the moment.</b>\n\nPlease try the code again later."
        ),
    }[refusal]
    if blocked_until is None:
        return text
    wait = _("You can try again from {day} on.").format(day=dates.full(blocked_until))
    return f"{text}\n\n{wait}"


# --- Buttons --------------------------------------------------------------------------------------


def button_another() -> str:
    """Return the label of the button that asks for a code once more."""
    return _("🏷 Enter another code")
