"""The nightly verification of the counters of campaigns against their redemptions."""

from datetime import datetime

import structlog
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from economy import controls
from promos.models import Campaign
from quizarena.staff import alerts
from quizarena.staff.models import Alert

# The kind of alert for a campaign whose counters differ.
MISCOUNTED = "promo_miscounted"

log = structlog.get_logger(__name__)


def verify(*, now: datetime) -> int:
    """Run `find_differing` as a control: each campaign is a finding; return how many.

    The alert of a campaign that does not differ any more is resolved.
    """
    with controls.running(controls.CAMPAIGN_COUNTERS, now=now) as run:
        found = find_differing(now=now)
        run.checked = Campaign.objects.count()
        for campaign in found:
            controls.add_finding(
                run,
                summary=f"{campaign}: the counters differ from the redemptions.",
                subject=campaign,
                details={
                    name: {"counter": getattr(campaign, name), "redemptions": counted}
                    for name in ("reserved", "applied", "stars_reserved", "stars_given")
                    if (counted := getattr(campaign, f"rows_{name}")) != getattr(campaign, name)
                },
            )
        differing = {str(campaign.pk) for campaign in found}
        for alert in Alert.objects.unresolved().filter(kind=MISCOUNTED).exclude(key__in=differing):
            alerts.resolve(kind=MISCOUNTED, key=alert.key, now=now)
    return len(found)


def find_differing(*, now: datetime) -> list[Campaign]:
    """Return the campaigns whose counters differ from their redemptions, with an alert for each.

    One statement, so that whatever is redeemed meanwhile is in both or in neither.
    """
    reserved = Q(redemptions__status="RESERVED")
    used = Q(redemptions__status__in=("APPLIED", "REVOKED"))
    counted = Campaign.objects.annotate(
        rows_reserved=Count("redemptions", filter=reserved),
        rows_applied=Count("redemptions", filter=used),
        rows_stars_reserved=Coalesce(Sum("redemptions__stars_off", filter=reserved), 0),
        rows_stars_given=Coalesce(Sum("redemptions__stars_off", filter=used), 0),
    )
    differing = counted.exclude(
        reserved=F("rows_reserved"),
        applied=F("rows_applied"),
        stars_reserved=F("rows_stars_reserved"),
        stars_given=F("rows_stars_given"),
    )
    found = list(differing.order_by("pk"))
    for campaign in found:
        alerts.raise_alert(
            kind=MISCOUNTED,
            key=str(campaign.pk),
            summary=f"{campaign}: the counters differ from the redemptions.",
            details={"campaign": campaign.pk},
            now=now,
            subject=campaign,
        )
    log.info("promos.counters_verified", differing=len(found))
    return found
