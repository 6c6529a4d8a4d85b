"""The nightly proof that every campaign's counters are what its redemptions say."""

from datetime import datetime

import structlog
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from promos.models import Campaign
from quizarena.staff import alerts

# The kind of alert for a campaign whose counters differ.
MISCOUNTED = "promo_miscounted"

log = structlog.get_logger(__name__)


def prove(*, now: datetime) -> list[Campaign]:
    """Count the redemptions of every campaign; return those whose counters say otherwise.

    One statement, so that whatever is redeemed meanwhile is in both or in neither. Each of them is
    an alert.
    """
    reserved = Q(redemptions__status="RESERVED")
    used = Q(redemptions__status__in=("APPLIED", "REVOKED"))
    counted = Campaign.objects.annotate(
        rows_held=Count("redemptions", filter=reserved),
        rows_applied=Count("redemptions", filter=used),
        rows_stars_held=Coalesce(Sum("redemptions__stars_off", filter=reserved), 0),
        rows_stars_given=Coalesce(Sum("redemptions__stars_off", filter=used), 0),
    )
    differing = counted.exclude(
        held=F("rows_held"),
        applied=F("rows_applied"),
        stars_held=F("rows_stars_held"),
        stars_given=F("rows_stars_given"),
    )
    found = list(differing.order_by("pk"))
    for campaign in found:
        alerts.raise_alert(
            kind=MISCOUNTED,
            key=str(campaign.pk),
            summary=f"{campaign}: the counters are not what the redemptions say.",
            details={"campaign": campaign.pk},
            now=now,
            subject=campaign,
        )
    log.info("promos.proved", differing=len(found))
    return found
