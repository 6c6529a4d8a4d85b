"""What has come of campaigns, counted for those who look at them."""

from dataclasses import dataclass

from django.db.models import Count

from promos.models import Attempt, Campaign, Redemption, RedemptionStatus

# Those that have been used, whether or not their purchase was refunded afterwards.
USED = (RedemptionStatus.APPLIED, RedemptionStatus.REVOKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How far those have come who entered a code."""

    attempts: int
    accepted: int
    held: int
    used: int
    refunded: int


def funnel(campaign: Campaign, *, attempts: int) -> Funnel:
    """Return how far everybody has come of so many who entered a code of the campaign."""
    by_status = dict(
        Redemption.objects.filter(campaign=campaign)
        .values_list("status")
        .annotate(times=Count("*"))
        .order_by()
    )
    return Funnel(
        attempts=attempts,
        accepted=sum(by_status.values()),
        held=by_status.get(RedemptionStatus.RESERVED, 0),
        used=sum(by_status.get(status, 0) for status in USED),
        refunded=by_status.get(RedemptionStatus.REVOKED, 0),
    )


def attempts(campaign: Campaign) -> dict[str, int]:
    """Return how often codes of the campaign were tried, by what stood against it.

    The most frequent comes first; what was accepted has no reason.
    """
    return dict(
        Attempt.objects.filter(campaign=campaign)
        .values_list("detail")
        .annotate(times=Count("*"))
        .order_by("-times", "detail")
    )
