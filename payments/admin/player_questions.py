"""Why a product costs a player what it does, and why an offer is not shown: in words, for staff."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from economy.energy import LOW_MAX
from payments import catalogue, offer_rules, offers
from payments.charts import TRIGGER_NAMES
from payments.models import PastPrice, Product, Purchase
from payments.offer_rules import Against, Touchpoint, Trigger
from quizarena.game.models import Mode
from quizarena.players import why
from quizarena.players.models import Player
from quizarena.players.why import Answer
from quizarena.staff import dates
from quizarena.staff.desk import link, object_link

PURCHASES = 10
PRICES = 20


# --- A price --------------------------------------------------------------------------------------


def _products() -> list[tuple[str, str]]:
    return [(one.pk, one.title("en")) for one in Product.objects.order_by("position")]


class ProductForm(why.WhyForm):
    """A product, for sale or not."""

    product = forms.ChoiceField(choices=_products, widget=UnfoldAdminSelectWidget)


def _price(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    product = Product.objects.get(pk=asked["product"])
    listed = catalogue.available_products(player=player, now=now)
    offer = next((one for one in listed if one.product.pk == product.pk), None)
    bought = Purchase.objects.filter(player=player, product=product).order_by("-opened_at")
    return Answer(
        sentence=_what_it_costs(product, offer),
        facts=[
            ("Until then it cost", f"{dates.moment(past.until)}: ⭐ {past.stars}")
            for past in PastPrice.objects.filter(product=product).order_by("-until")[:PRICES]
        ],
        headers=("Opened", "Purchase", "Status", "Price then", "To pay"),
        rows=[
            (
                dates.moment(one.opened_at),
                object_link(one),
                one.get_status_display(),
                f"⭐ {one.base_stars}",
                f"⭐ {one.stars}",
            )
            for one in bought[:PURCHASES]
        ],
    )


def _what_it_costs(product: Product, offer: catalogue.Offer | None) -> str:
    name = product.title("en")
    if offer is None:
        return f"{name} is not for sale: the shop does not show it."
    costs = f"{name} costs ⭐ {offer.stars}."
    if offer.reservation is not None:
        costs = (
            f"{name} costs ⭐ {offer.stars} instead of ⭐ {product.stars}, by the discount of"
            f" {offer.reservation.campaign}."
        )
    if offer.refused is None:
        return costs
    refused = offer.refused.refusal.value.replace("_", " ").lower()
    until = f" until {dates.moment(offer.refused.until)}" if offer.refused.until else ""
    return f"{costs} The player cannot buy it now: {refused}{until}."


# --- An offer -------------------------------------------------------------------------------------

_TOUCHPOINTS = {
    Touchpoint.HOME: "The player has come: home or wallet",
    Touchpoint.ROUND_OVER: "A round is over",
    Touchpoint.OUT_OF_ENERGY: "No energy for the next question",
    Touchpoint.LOCKED_MODE: "A tap on a locked mode",
    Touchpoint.PURCHASED: "Something was bought",
    Touchpoint.EVENING: "The reminder of the evening",
}
_AGAINST = {
    Against.TOUCHPOINT: "Is not made here.",
    Against.SHOWN_TODAY: (
        f"Not more than {offer_rules.SHOWN_A_DAY_MAX} offers a day, and so many were shown today."
    ),
    Against.SHOWN_LATELY: "It was shown within the last 24 hours.",
    Against.MUTED: "The player has switched it off within the last 72 hours.",
    Against.BLOCKED_LATELY: "An offer that stands in the way was shown within the last 6 hours.",
    Against.CONDITION: "Not now. It needs:",
}


_CONDITIONS = {
    Trigger.ENERGY_ZERO: "No energy is left, and there is no Premium.",
    Trigger.STREAK_RISK_22: (
        "After 22:00 in Berlin, with a streak of more than 14 days and nothing played today."
    ),
    Trigger.STARTER_EXPIRED: (
        "Premium Starter has ended within the last 48 hours, and nothing has followed it."
    ),
    Trigger.LOCKED_MODE_CLICK: "The mode is locked, and there is no Premium.",
    Trigger.MEGA_THIRD_BUY: "It is at least the third Mega Pack within 14 days.",
    Trigger.COMEBACK_3D: "The player has come back after 3 whole days or more.",
    Trigger.ENERGY10_SECOND_BUY: "It is at least the second energy pack within 7 days.",
    Trigger.MONTH_EXPIRING: "Premium Month ends within 72 hours and does not renew itself.",
    Trigger.ENERGY_LOW: f"1 to {LOW_MAX} energy are left, and there is no Premium.",
    Trigger.STREAK_MILESTONE_30: "The streak is 30 days long or longer.",
    Trigger.STREAK_GT7: "The streak is longer than 7 days.",
    Trigger.WEEKEND_FLASH: "From Friday 18:00 to Sunday, while a campaign of the weekend runs.",
}


def _about() -> list[tuple[str, str]]:
    return [("", "–"), *Mode.choices, *_products()]


class OfferForm(why.WhyForm):
    """A moment at which an offer may be made, and what it is about."""

    touchpoint = forms.ChoiceField(
        label="Where",
        choices=[(one.value, name) for one, name in _TOUCHPOINTS.items()],
        widget=UnfoldAdminSelectWidget,
    )
    about = forms.ChoiceField(
        label="About",
        choices=_about,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="The mode that was tapped, or the product that was bought.",
    )


def _offer(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    outlook = offers.outlook(
        player=player,
        touchpoint=Touchpoint(asked["touchpoint"]),
        about=asked["about"],
        now=now,
    )
    player_now = outlook.snapshot
    return Answer(
        sentence=_what_comes(player, outlook),
        facts=(
            ("Energy", player_now.energy),
            ("Premium", player_now.plan.title() if player_now.plan else "none"),
            ("Streak", player_now.streak),
            ("Offers shown today", player_now.shown_today),
        ),
        headers=("Offer", "Would be due", "Because"),
        rows=_rules(outlook),
        more=link("Offers that were shown", "payments_impression_changelist"),
    )


def _what_comes(player: Player, outlook: offers.Outlook) -> str:
    if player.suspended_at is not None:
        return "None: the player is suspended."
    if outlook.proposal is None:
        return "None would be shown now."
    name = TRIGGER_NAMES[Trigger(outlook.proposal.impression.trigger)]
    return f"“{name}” would be shown now."


def _rules(outlook: offers.Outlook) -> Sequence[Sequence[object]]:
    """Return the offers that are made here, the most important first."""
    shown = outlook.proposal and outlook.proposal.impression.trigger
    rows: list[Sequence[object]] = []
    for trigger, against in outlook.against.items():
        if against is Against.TOUCHPOINT:
            continue
        because = _AGAINST[against] if against else "Something more important comes first."
        if against is Against.CONDITION:
            because = f"{because} {_CONDITIONS[trigger]}"
        if trigger == shown:
            because = "It is the most important one that is due."
        elif against is None and shown is None:
            because = "Nothing of what it offers is of use to the player."
        rows.append((TRIGGER_NAMES[trigger], "no" if against else "yes", because))
    return rows


_QUESTIONS = (
    why.Question(
        code="price",
        title="Why does a product cost so much?",
        permission="payments.view_purchase",
        form=ProductForm,
        answer=_price,
    ),
    why.Question(
        code="offer",
        title="Why is an offer (not) shown?",
        permission="payments.view_impression",
        form=OfferForm,
        answer=_offer,
    ),
)


def declare() -> None:
    """Let the page “Why?” answer these questions."""
    for question in _QUESTIONS:
        why.declare(question)
