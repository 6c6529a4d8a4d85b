"""What operators plan: drafts, changes of what runs, and what a campaign can cost at most.

Product rules, section 8. What a campaign gives and to whom stays once it has run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from economy.adjustments import lock_staff
from economy.wallets import business_zone
from promos import campaigns, products
from promos.errors import BadTermsError, ChangedMeanwhileError, IllegalMoveError
from promos.models import OVER, Campaign, CampaignKind, CampaignStatus, Scope
from quizarena.api.models import ApiClient
from quizarena.staff import audit, limits

# What can be changed of a campaign that runs; of a draft the others, too.
CHANGEABLE = ("name", "tags", "starts_at", "ends_at", "uses_max", "stars_max", "is_weekend_offer")
FIXED = (
    "kind",
    "value",
    "scope",
    "product_code",
    "for_new_players",
    "for_first_purchase",
    "for_language",
    "for_level",
    "for_lapsed_days",
    "holdout_percent",
)
# From here a discount for everybody is more likely a slip than a plan.
BIG_DISCOUNT = 50
OVERLAPS_NAMED = 3


@transaction.atomic
def create(*, campaign: Campaign, now: datetime, staff: User | None) -> tuple[Campaign, bool]:
    """Store a campaign, whose terms have been checked, as a draft of the member of staff.

    Return it, and whether it is new: once per `key`, a second time the first one comes back.
    """
    campaign.owner, campaign.created_at, campaign.changed_at = staff, now, now
    try:
        with transaction.atomic():
            campaign.save(force_insert=True)
    except IntegrityError:
        earlier = Campaign.objects.filter(key=campaign.key).first()
        if earlier is None:
            raise
        return earlier, False
    audit.record(
        actor=staff,
        action="campaign.created",
        obj=campaign,
        summary=f"{campaign}: created.",
        details={"terms": _plain(campaign, (*CHANGEABLE, *FIXED))},
    )
    return campaign, True


@transaction.atomic
def edit(
    *,
    campaign_id: int,
    terms: Mapping[str, Any],
    seen_at: datetime,
    now: datetime,
    staff: User | None,
    reason: str = "",
) -> Campaign:
    """Give the campaign the `terms`, by the names of its fields. Locks `staff`, and then it.

    `seen_at` is its `changed_at` as the member of staff has seen it; if that is another one now,
    raises ChangedMeanwhileError. Raises IllegalMoveError for a campaign that is over and for what
    stays once it has run, BadTermsError for limits below what is used, or above what one person
    may let run, and for a holdout beside unique codes.
    """
    if staff is not None:
        lock_staff(staff)
    campaign = campaigns.lock(campaign_id)
    if campaign.changed_at != seen_at:
        raise ChangedMeanwhileError("The campaign has been changed meanwhile. Open the page again.")
    if campaign.status in OVER:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}: clone it.")
    changed = {name: value for name, value in terms.items() if getattr(campaign, name) != value}
    has_run = campaign.status != CampaignStatus.DRAFT
    if has_run and not set(changed) <= set(CHANGEABLE):
        raise IllegalMoveError(
            "What a campaign gives, and to whom, cannot be changed once it has run"
        )
    if not changed:
        return campaign
    before, cost_before = _plain(campaign, changed), most_it_costs(campaign, now=now)
    for name, value in changed.items():
        setattr(campaign, name, value)
    _check_limits(campaign)
    if has_run and most_it_costs(campaign, now=now).is_above(cost_before):
        if why := why_a_second_person(campaign, staff=staff, now=now):
            raise BadTermsError(
                "uses_max",
                f"A second person has to approve that, because {why}: clone it, and start the "
                "clone.",
            )
        campaigns.authorise(campaign, staff=staff, client=None, is_approved=False, now=now)
    campaign.changed_at = now
    campaign.save(update_fields=[*changed, "changed_at", *campaigns.AUTHORISATION])
    after = _plain(campaign, changed)
    names = ", ".join(name.replace("_", " ") for name in changed)
    audit.record(
        actor=staff,
        action="campaign.edited",
        obj=campaign,
        summary=f"{campaign}: changed {names}. {reason}".strip(),
        details={
            "changed": {name: [before[name], after[name]] for name in changed},
            # Whole: the sentence is cut where it is too long.
            **({"reason": reason} if reason else {}),
        },
    )
    return campaign


def _check_limits(campaign: Campaign) -> None:
    """Raise BadTermsError if limits are below what was given, or a holdout has unique codes."""
    used = campaign.applied + campaign.reserved
    if campaign.uses_max is not None and campaign.uses_max < used:
        raise BadTermsError("uses_max", f"{used:,} uses are used or reserved already.")
    stars = campaign.stars_given + campaign.stars_reserved
    if campaign.stars_max is not None and campaign.stars_max < stars:
        raise BadTermsError("stars_max", f"{stars:,} Stars are given or reserved already.")
    if campaign.holdout_percent and campaigns.has_unique_codes(campaign):
        raise BadTermsError("holdout_percent", campaigns.NO_UNIQUE_CODES)


def _plain(campaign: Campaign, names: Any) -> dict[str, Any]:
    """Return fields of the campaign as JSON can hold them."""
    values = {name: getattr(campaign, name) for name in names}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


# --- What it can cost -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The most that a campaign can cost; None is unlimited or unknown."""

    uses: int | None
    # Of one use, and of all of them.
    stars_each: int | None
    stars: int | None

    def __str__(self) -> str:
        if self.stars is not None:
            return f"up to {self.stars:,} Stars"
        if self.uses is None:
            return "unlimited cost"
        return "an unknown number of Stars"

    def is_above(self, other: "Cost") -> bool:
        """Return whether it is more than another one."""
        return other.stars is not None and (self.stars is None or self.stars > other.stars)


def most_it_costs(campaign: Campaign, *, now: datetime) -> Cost:
    """Return what the campaign can cost at most: every use at its dearest, within the budget."""
    uses, each = campaign.uses_max, products.stars_each(campaign, now=now)
    known = [] if campaign.stars_max is None else [campaign.stars_max]
    if uses is not None and each is not None:
        known.append(uses * each)
    return Cost(uses=uses, stars_each=each, stars=min(known, default=None))


# What Security has not set otherwise (quizarena.staff.limits).
DAY_COST = limits.Kind(
    name="campaign-day",
    label="Cost of the campaigns that one person starts on a day",
    unit="Stars",
    defaults=lambda: dict.fromkeys(
        ("Operator", "Administrator", limits.API_CLIENTS), settings.PROMO_APPROVAL_STARS
    ),
)


def day_limit(*, staff: User | None, client: ApiClient | None = None) -> int:
    """Return what the campaigns that one person, or client, starts on a day may cost."""
    return (
        limits.of(DAY_COST.name, staff=staff)
        if client is None
        else limits.of_api_clients(DAY_COST.name)
    )


def why_a_second_person(
    campaign: Campaign, *, staff: User | None, client: ApiClient | None = None, now: datetime
) -> str:
    """Return why `staff`, or an API `client`, cannot let the campaign run alone; empty if they can.

    What they have let run on the same day of business counts (product rules, section 8). Whoever
    acts on the answer has locked `staff`, or two starts at once would pass the limit together.
    """
    limit = day_limit(staff=staff, client=client)
    cost = most_it_costs(campaign, now=now)
    if cost.stars is None or cost.stars > limit:
        return f"it can cost {cost}"
    today = _authorised_today(staff=staff, client=client, but=campaign, now=now)
    if today + cost.stars > limit:
        return (
            f"it can cost {cost}, and campaigns of up to {today:,} of at most {limit:,} Stars "
            "have been started today"
        )
    return ""


def _authorised_today(
    *, staff: User | None, client: ApiClient | None, but: Campaign, now: datetime
) -> int:
    """Return what the campaigns can cost that were let run today without a second person."""
    midnight = datetime.combine(
        now.astimezone(business_zone()).date(), time.min, tzinfo=business_zone()
    )
    others = Campaign.objects.filter(
        authorised_at__gte=midnight,
        authorised_by=staff,
        authorised_client=client,
        is_approved=False,
    ).exclude(pk=but.pk)
    return sum(most_it_costs(other, now=now).stars or 0 for other in others)


# --- What to think about before it runs -----------------------------------------------------------


def warnings(campaign: Campaign, *, now: datetime) -> list[str]:
    """Return, in sentences, what is allowed but may be a slip. The campaign may not be stored."""
    found = []
    if campaign.ends_at is not None and campaign.ends_at <= now:
        found.append("The window has ended already.")
    if campaign.ends_at is None:
        found.append("It has no end.")
    if campaign.uses_max is None:
        found.append("There is no limit: every player can use it once.")
    if campaign.is_discount and campaign.value >= BIG_DISCOUNT and not has_segment(campaign):
        found.append(f"{campaign.value}% off, and for everyone.")
    if campaign.is_discount and products.on_sale() and not products.fitting(campaign):
        found.append("No product for sale fits the discount.")
    if campaign.holdout_percent and campaign.for_new_players:
        found.append(
            "The holdout is compared with players who are there at the start, and most new players "
            "come later."
        )
    others = list(overlapping(campaign).values_list("name", flat=True)[: OVERLAPS_NAMED + 1])
    if others:
        more = ", and more" if len(others) > OVERLAPS_NAMED else ""
        named = ", ".join(others[:OVERLAPS_NAMED])
        found.append(f"Running at the same time with the same effect: {named}{more}.")
    return found


def has_segment(campaign: Campaign) -> bool:
    """Return whether it is for some players only."""
    return bool(
        campaign.for_new_players
        or campaign.for_first_purchase
        or campaign.for_language
        or campaign.for_level
        or campaign.for_lapsed_days is not None
    )


def overlapping(campaign: Campaign) -> QuerySet[Campaign]:
    """Return the other running campaigns that give the same kind of thing at the same time."""
    others = Campaign.objects.running().filter(kind=campaign.kind).exclude(pk=campaign.pk)
    others = others.filter(Q(ends_at=None) | Q(ends_at__gt=campaign.starts_at))
    if campaign.ends_at is not None:
        others = others.filter(starts_at__lt=campaign.ends_at)
    if campaign.kind == CampaignKind.PERCENT_DISCOUNT and campaign.scope != Scope.ANY:
        same = Q(scope=campaign.scope, product_code=campaign.product_code)
        others = others.filter(same | Q(scope=Scope.ANY))
    return others.order_by("-pk")


# --- In words -------------------------------------------------------------------------------------


def gives(campaign: Campaign) -> str:
    """Return what a use of the campaign gives: 30 days of Premium, 20% off every Premium plan."""
    if campaign.kind == CampaignKind.PREMIUM_GRANT:
        return f"{campaign.value} days of Premium"
    if campaign.kind == CampaignKind.ENERGY_GRANT:
        return f"{campaign.value:,} energy"
    return f"{campaign.value}% off {campaign.product_code or campaign.get_scope_display()}"


def segment(campaign: Campaign) -> str:
    """Return whom the campaign is for."""
    parts = [
        "new players" if campaign.for_new_players else "",
        "first purchase" if campaign.for_first_purchase else "",
        f"language {campaign.for_language}" if campaign.for_language else "",
        f"level {campaign.for_level}" if campaign.for_level else "",
        f"away for {campaign.for_lapsed_days} days or more"
        if campaign.for_lapsed_days is not None
        else "",
    ]
    whom = ", ".join(filter(None, parts)) or "everybody"
    held_out = f", but a holdout of {campaign.holdout_percent}%" if campaign.holdout_percent else ""
    return whom + held_out
