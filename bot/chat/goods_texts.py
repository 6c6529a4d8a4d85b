"""How goods, prices and what a player owns read; see bot/chat/phrases.py."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from bot.chat import dates, phrases
from economy.goods import Goods, Plan
from economy.holdings import Holdings
from payments.catalogue import Offer
from payments.models import GRACE, Product, Purchase, Subscription, SubscriptionState
from payments.subscriptions import PERIOD
from promos.models import Redemption
from quizarena.game.models import Mode


def stars(count: int | None) -> str:
    """Return an amount of Telegram Stars."""
    return f"⭐ {count or 0}"


def title(product: Product | None) -> str:
    """Return the name of a product; None is a payment for an unknown one."""
    return product.title(get_language() or "") if product else _("Payment")


def price(offer: Offer) -> str:
    """Return what a product costs the player; what it costs others is struck through."""
    if offer.reservation is None:
        return stars(offer.stars)
    return f"<s>{stars(offer.product.stars)}</s> <b>{stars(offer.stars)}</b>"


def discount(reservation: Redemption, *, now: datetime) -> str:
    """Return a discount that is reserved for the player: how much, and for how long."""
    return f"🏷 −{reservation.campaign.value} % · {time_left(reservation, now=now)}"


def time_left(reservation: Redemption, *, now: datetime) -> str:
    """Return how long a discount is reserved, in minutes rounded up."""
    if reservation.is_locked_for_payment:
        return _("kept for your invoice")
    assert reservation.reserved_until is not None
    minutes = max(1, math.ceil((reservation.reserved_until - now) / timedelta(minutes=1)))
    return ngettext("{minutes} minute left", "{minutes} minutes left", minutes).format(
        minutes=minutes
    )


def saving(bought: Purchase) -> list[str]:
    """Return the line that says what a discount has made of the price, if there was one."""
    if not bought.percent:
        return []
    return [
        _("🏷 −{percent} %: {stars} instead of {base}").format(
            percent=bought.percent, stars=stars(bought.stars), base=stars(bought.base_stars)
        )
    ]


def delivery(goods: Goods) -> list[str]:
    """Return a delivery, line by line."""
    plans = {
        Plan.STARTER: _("Starter"),
        Plan.MONTH: _("Month"),
        Plan.SEASON: _("Season"),
        Plan.YEAR: _("Year"),
    }
    lines = []
    if goods.paid_energy:
        lines.append(
            ngettext(
                "🔋 {count} energy point", "🔋 {count} energy points", goods.paid_energy
            ).format(count=goods.paid_energy)
        )
    if goods.streak_savers:
        lines.append(
            ngettext(
                "🛟 {count} streak saver", "🛟 {count} streak savers", goods.streak_savers
            ).format(count=goods.streak_savers)
        )
    if goods.duel_tickets:
        lines.append(
            ngettext("🎟 {count} duel ticket", "🎟 {count} duel tickets", goods.duel_tickets).format(
                count=goods.duel_tickets
            )
        )
    if goods.premium:
        lines.append(
            ngettext(
                "👑 Premium {plan}: {days} day",
                "👑 Premium {plan}: {days} days",
                goods.premium_days,
            ).format(plan=plans[goods.premium], days=goods.premium_days)
        )
    if goods.mode_codes:
        lines.append(
            _("🔓 {hours} h: {modes}").format(
                hours=goods.mode_hours, modes=_modes(goods.mode_codes)
            )
        )
    return lines


def possessions(owned: Holdings, *, now: datetime, of: Goods | None = None) -> list[str]:
    """Return what the player has; with `of` only of what these goods are, too."""
    lines = []
    if of is None or of.premium or of.paid_energy:
        if owned.premium_until is not None:
            lines.append(_("👑 Premium until {day}").format(day=dates.full(owned.premium_until)))
        elif of is None:
            lines.append(phrases.energy_line(owned.energy, None, now=now))
        elif of.premium:
            lines.append(_("👑 No Premium"))
    if of is None or of.paid_energy:
        lines.append(_("🔋 Paid energy: {count}").format(count=owned.energy.paid))
    if of is None or of.streak_savers:
        lines.append(_("🛟 Streak savers: {count}").format(count=owned.streak_savers))
    # Nothing uses tickets yet: only who has some sees how many.
    if owned.duel_tickets if of is None else of.duel_tickets:
        lines.append(_("🎟 Duel tickets: {count}").format(count=owned.duel_tickets))
    return lines + open_modes(owned.modes_until, of=of)


def open_modes(modes_until: Mapping[str, datetime], *, of: Goods | None = None) -> list[str]:
    """Return which modes are open until when; with `of` only lines with those that it opens.

    Modes that were opened together stand in one line.
    """
    lines = []
    for until in sorted(set(modes_until.values())):
        modes = [mode for mode, end in modes_until.items() if end == until]
        if of is None or set(modes) & set(of.mode_codes):
            lines.append(
                _("🔓 {modes}: until {day}").format(modes=_modes(modes), day=dates.full(until))
            )
    return lines


def _modes(codes: Iterable[str]) -> str:
    """Return the names of modes."""
    known = (phrases.mode_name(code) if code in Mode.values else code for code in codes)
    return escape(", ".join(known))


def renewed_beside(subscription: Subscription) -> str:
    """Return that a subscription is renewed although the player buys Premium once."""
    return _(
        "🔁 Your subscription goes on: Telegram takes {stars} every {days} days until you cancel "
        "it."
    ).format(stars=stars(subscription.purchase.stars), days=PERIOD.days)


def taken_back(goods: Goods, taken: Mapping[str, int]) -> list[str]:
    """Return what of `goods` was taken back, by the names of economy.grants.ReversalPlan."""
    if not any(taken.values()):
        return []
    back = replace(
        goods,
        **{unit: taken.get(unit, 0) for unit in goods.units},
        premium=goods.premium if taken.get("premium_days") else None,
        premium_days=taken.get("premium_days", 0),
        mode_codes=goods.mode_codes if taken.get("mode_hours") else (),
        mode_hours=taken.get("mode_hours", 0),
    )
    return ["", _("<b>Removed</b>"), *delivery(back)]


def subscription_line(subscription: Subscription, *, now: datetime) -> str:
    """Return where a subscription stands, in one line."""
    match subscription.state(now):
        case SubscriptionState.ACTIVE if subscription.failed_at is None:
            line = _("🔁 Subscription: renews on {day}")
        case SubscriptionState.CANCELED:
            line = _("🔁 Subscription: cancelled, runs until {day}")
        case SubscriptionState.ENDED:
            line = _("🔁 Subscription: ended on {day}")
        case _:
            line = _("🔁 Subscription: could not be renewed, Premium until {day}")
            return line.format(day=dates.short_day(subscription.expires_at + GRACE))
    return line.format(day=dates.short_day(subscription.expires_at))


def button_product(offer: Offer, *, is_best: bool = False) -> str:
    """Return the label of the button that buys a product; `is_best` marks the best value."""
    mark = "⏳ " if offer.refused else "🏅 " if is_best else ""
    # Labels have no format, so the old price stands before the arrow.
    old = f"{stars(offer.product.stars)} → " if offer.reservation else ""
    return f"{mark}{title(offer.product)} · {old}{stars(offer.stars)}"
