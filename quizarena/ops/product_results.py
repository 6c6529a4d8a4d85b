"""What has come of promo codes, offers and invitations in some time, for Analytics.

Each section counts what began in that time, with everything that came of it until now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from payments import offer_funnel
from promos import referral_statistics, statistics
from promos.referral_rules import WINDOW
from quizarena.ops.product_figures import ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of a section; None where nothing can be said."""

    name: str
    value: float | None
    is_share: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines about one part of the product, from an instant to another."""

    title: str
    # Who may see it, and the page that says more.
    permission: str
    page: str
    results: Callable[[datetime, datetime], Sequence[Result]]
    note: str


def _promos(since: datetime, until: datetime) -> Sequence[Result]:
    found = statistics.results(since=since, until=until)
    return [
        Result(name="Accepted", value=found.accepted),
        Result(name="Used", value=found.used),
        Result(name="Used of accepted", value=found.conversion, is_share=True),
        Result(name="Used, then refunded", value=found.refunded),
        Result(name="Refused", value=found.refused),
    ]


def _offers(since: datetime, until: datetime) -> Sequence[Result]:
    funnels = offer_funnel.funnels(since=since, until=until).values()
    shown = sum(one.shown for one in funnels)
    bought = sum(one.bought for one in funnels)
    muted = sum(one.muted for one in funnels)
    return [
        Result(name="Shown", value=shown),
        Result(name="Clicked", value=sum(one.clicked for one in funnels)),
        Result(name="Bought", value=bought),
        Result(name="Bought of shown", value=ratio(bought, shown), is_share=True),
        Result(name="Stars", value=sum(one.stars for one in funnels)),
        Result(name="Stars refunded of these", value=sum(one.refunded for one in funnels)),
        Result(name="Muted of shown", value=ratio(muted, shown), is_share=True),
    ]


def _invitations(since: datetime, until: datetime) -> Sequence[Result]:
    found = referral_statistics.between(since=since, until=until)
    return [
        Result(name="Started", value=found.started),
        Result(name="Qualified", value=found.qualified),
        Result(
            name="Qualified of started",
            value=ratio(found.qualified, found.started),
            is_share=True,
        ),
        Result(name="Rewarded", value=found.rewarded),
        Result(name="Held for review", value=found.held),
        Result(name="Rejected or canceled", value=found.rejected + found.canceled),
    ]


SECTIONS = (
    Section(
        title="Promo codes",
        permission="promos.view_campaign",
        page="admin:promos_campaign_changelist",
        results=_promos,
        note="Codes of campaigns by when they were entered; what is no code is not among them.",
    ),
    Section(
        title="Offers",
        permission="payments.view_impression",
        page="admin:payments_impression_funnel",
        results=_offers,
        note="Offers by when they were shown. Bought are credited purchases, also refunded ones.",
    ),
    Section(
        title="Invitations",
        permission="promos.view_referral",
        page="admin:promos_referral_results",
        results=_invitations,
        note=f"Invited players by when they started; they have {WINDOW.days} days to qualify.",
    ),
)
