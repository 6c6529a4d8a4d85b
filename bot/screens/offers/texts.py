"""Every sentence about offers, in the language that is active; see bot/chat/phrases.py.

An offer says first what costs nothing, and promises nothing that the purchase does not keep.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, goods_texts, phrases
from economy.energy import REGEN_INTERVAL
from payments.catalogue import Offer
from payments.offer_rules import BOUGHT_WITHIN, MUTED_FOR, Trigger
from payments.offers import Proposal, weekend_until
from promos.models import RESERVATION_TTL, Campaign, Redemption
from quizarena.game.models import Mode


def offer(proposal: Proposal, *, now: datetime) -> str:
    """Return an offer: why, and what it brings at which price."""
    return _under(_HEADS[Trigger(proposal.impression.trigger)](proposal), proposal, now=now)


def with_reminder(reminder: str, proposal: Proposal, *, now: datetime) -> str:
    """Return a reminder that a streak is at risk, and the offer that goes with it."""
    return _under(f"{reminder} {_saves_the_day()}", proposal, now=now)


def _under(head: str, proposal: Proposal, *, now: datetime) -> str:
    products = [_product(offered) for offered in proposal.products]
    return "\n\n".join([head, *products, *_footer(proposal, now=now)])


def _product(offered: Offer) -> str:
    """Return a product with its price and what it delivers."""
    name = f"<b>{escape(goods_texts.title(offered.product))}</b>"
    return "\n".join(
        [
            f"{name} · {goods_texts.price(offered)}",
            " · ".join(goods_texts.delivery(offered.product.goods)),
        ]
    )


# --- Why --------------------------------------------------------------------------------------


def _energy_zero(proposal: Proposal) -> str:
    return _("💡 <b>Would you rather go on right away?</b>")


def _streak_at_risk(proposal: Proposal) -> str:
    days = proposal.snapshot.streak
    head = ngettext(
        "🔥 <b>Your streak of {days} day ends at {time}.</b>",
        "🔥 <b>Your streak of {days} days ends at {time}.</b>",
        days,
    ).format(days=days, time=phrases.top_up_time(now=proposal.snapshot.now))
    enough = _("One answered question is enough to keep it.")
    return f"{head}\n\n{enough} {_saves_the_day()}"


def _saves_the_day() -> str:
    return _("If you cannot play any more today, this saves the day:")


def _starter_expired(proposal: Proposal) -> str:
    ended_at = proposal.snapshot.starter_ended_at
    assert ended_at is not None
    return _(
        "👑 <b>Your Premium ended on {day}.</b>\n\nIf you liked to play without limits, here is a "
        "month of it:"
    ).format(day=dates.full(ended_at))


def _locked_mode(proposal: Proposal) -> str:
    mode = proposal.snapshot.about
    name = phrases.mode_name(mode) if mode in Mode.values else mode
    return _("🔒 <b>“{mode}” is locked.</b>\n\nThis opens it for you:").format(mode=escape(name))


def _third_mega_pack(proposal: Proposal) -> str:
    count, days = proposal.snapshot.times_bought, BOUGHT_WITHIN["MEGA_PACK_15"].days
    head = ngettext(
        "💡 <b>{count} Mega Pack in {days} days</b> – you like to play!",
        "💡 <b>{count} Mega Packs in {days} days</b> – you like to play!",
        count,
    ).format(count=count, days=days)
    return head + "\n\n" + _("With Premium all modes are open, and energy does not run out:")


def _comeback(proposal: Proposal) -> str:
    return ngettext(
        "👋 <b>Nice to see you again!</b>\n\n🎁 A present for you: "
        "<b>{count} energy point</b>. It is in your wallet already, and it never expires.",
        "👋 <b>Nice to see you again!</b>\n\n🎁 A present for you: "
        "<b>{count} energy points</b>. They are in your wallet already, and they never expire.",
        proposal.gift,
    ).format(count=proposal.gift)


def _second_energy(proposal: Proposal) -> str:
    return _("💡 <b>Would you like to try something else, too?</b>\n\nThis opens further modes:")


def _month_expiring(proposal: Proposal) -> str:
    until = proposal.snapshot.premium_until
    assert until is not None
    return _(
        "👑 <b>Your Premium ends on {day}.</b>\n\nIf you want to go on for longer: the time you "
        "have left is kept, whatever you choose."
    ).format(day=dates.full(until))


def _energy_low(proposal: Proposal) -> str:
    count = proposal.snapshot.energy
    head = ngettext(
        "🪫 <b>{count} energy point left.</b>", "🪫 <b>{count} energy points left.</b>", count
    ).format(count=count)
    way = _(
        "One comes back every {minutes} minutes, and all of them at {time}. If you do not want to "
        "wait:"
    ).format(
        minutes=REGEN_INTERVAL // timedelta(minutes=1),
        time=phrases.top_up_time(now=proposal.snapshot.now),
    )
    return f"{head}\n\n{way}"


def _streak_of_30(proposal: Proposal) -> str:
    return (
        _days_in_a_row(proposal)
        + "\n\n"
        + _("What a streak! This protects it on a day on which you cannot play:")
    )


def _streak_over_7(proposal: Proposal) -> str:
    return _days_in_a_row(proposal) + "\n\n" + _("Time for something new? This opens more modes:")


def _days_in_a_row(proposal: Proposal) -> str:
    days = proposal.snapshot.streak
    return ngettext(
        "🔥 <b>{days} day in a row!</b>", "🔥 <b>{days} days in a row!</b>", days
    ).format(days=days)


def _weekend(proposal: Proposal) -> str:
    assert proposal.campaign is not None
    return _("🎉 <b>Only this weekend: −{percent} %</b>").format(percent=proposal.campaign.value)


_HEADS: dict[Trigger, Callable[[Proposal], str]] = {
    Trigger.ENERGY_ZERO: _energy_zero,
    Trigger.STREAK_RISK_22: _streak_at_risk,
    Trigger.STARTER_EXPIRED: _starter_expired,
    Trigger.LOCKED_MODE_CLICK: _locked_mode,
    Trigger.MEGA_THIRD_BUY: _third_mega_pack,
    Trigger.COMEBACK_3D: _comeback,
    Trigger.ENERGY10_SECOND_BUY: _second_energy,
    Trigger.MONTH_EXPIRING: _month_expiring,
    Trigger.ENERGY_LOW: _energy_low,
    Trigger.STREAK_MILESTONE_30: _streak_of_30,
    Trigger.STREAK_GT7: _streak_over_7,
    Trigger.WEEKEND_FLASH: _weekend,
}


def _footer(proposal: Proposal, *, now: datetime) -> list[str]:
    """Return until when it is so, for what has an end."""
    campaign = proposal.campaign
    if campaign is None:
        return []
    until = min(filter(None, [campaign.ends_at, weekend_until(now)]))
    # What is over at midnight is shown as the last minute of the day before.
    last = dates.full(until - timedelta(minutes=1))
    return [
        _(
            "Until {when} at the latest, and while there is any left. When you take it, the price "
            "is kept for you for {minutes} minutes."
        ).format(when=last, minutes=RESERVATION_TTL // timedelta(minutes=1))
    ]


# --- Afterwards -----------------------------------------------------------------------------------


def discount_reserved(reservation: Redemption, products: Sequence[Offer], *, now: datetime) -> str:
    """Return what the discount of a weekend, which is reserved now, makes cheaper."""
    lines = [
        _("🎉 <b>The discount is yours.</b>"),
        goods_texts.discount(reservation, now=now),
        "",
        *(
            f"{escape(goods_texts.title(offered.product))} · {goods_texts.price(offered)}"
            for offered in products
        ),
    ]
    return "\n".join(lines)


def discount_over() -> str:
    """Return the message for a discount that cannot be had any more."""
    return _(
        "⌛ <b>This offer is over.</b>\n\nIt has ended early, or everything has been given away."
    )


def snoozed() -> str:
    """Return the note over the chat for what is not wanted now."""
    return _("All right!")


def muted() -> str:
    """Return the note over the chat for what is not to be shown for a while."""
    return _("All right – you will not see this for {days} days.").format(days=MUTED_FOR.days)


def over() -> str:
    """Return the note over the chat for an offer whose time is over."""
    return _("This offer is over. The /shop shows what there is now.")


# --- Buttons --------------------------------------------------------------------------------------


def button_discount(campaign: Campaign) -> str:
    """Return the label of the button that takes the discount of a weekend."""
    return _("🎉 Take −{percent} %").format(percent=campaign.value)


def button_snooze() -> str:
    """Return the label of the button that puts an offer away."""
    return _("Not now")


def button_mute() -> str:
    """Return the label of the button that keeps an offer away for a while."""
    return _("🔕 Do not show for {days} days").format(days=MUTED_FOR.days)
