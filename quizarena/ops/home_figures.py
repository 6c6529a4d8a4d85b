"""What the home page compares with last week, counted by a job: nobody waits for sums there."""

from datetime import datetime, time, timedelta

from django.db.models import Sum

from economy.wallets import business_zone
from payments.models import XTR, Purchase, Refund
from promos.models import Campaign, CampaignStatus, Redemption
from promos.statistics import USED
from quizarena.staff import home

# The figures of payments and promos, as their panels read them.
DAYS = "days"
WEEK = timedelta(days=7)


def spans(now: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return today and seven days that end now, each with the same a week earlier.

    Days are those of the business, and a week earlier it was as late by the clock.
    """
    zone = business_zone()
    local = now.astimezone(zone)
    today, clock = local.date(), local.time()

    def midnight(days_ago: int) -> datetime:
        return datetime.combine(today - timedelta(days=days_ago), time.min, tzinfo=zone)

    week_ago = datetime.combine(today - WEEK, clock, tzinfo=zone)
    return {
        "today": (midnight(0), now),
        "week_ago": (midnight(7), week_ago),
        "days_7": (midnight(6), now),
        "days_7_before": (midnight(13), week_ago),
    }


def count(*, now: datetime) -> None:
    """Count Stars and redemptions of all spans, and store them. Three queries for each."""
    figures = {name: _of(begin, end) for name, (begin, end) in spans(now).items()}
    home.record(panel=DAYS, figures=figures, now=now)


def _of(begin: datetime, end: datetime) -> dict[str, int]:
    paid = Purchase.objects.filter(paid_at__gte=begin, paid_at__lt=end, paid_currency=XTR)
    refunded = Refund.objects.filter(
        finished_at__gte=begin, finished_at__lt=end, purchase__paid_currency=XTR
    )
    # By the index of each campaign.
    redeemed = Redemption.objects.filter(
        campaign__in=Campaign.objects.exclude(status=CampaignStatus.DRAFT),
        created_at__gte=begin,
        created_at__lt=end,
        status__in=USED,
    )
    return {
        "stars": paid.aggregate(stars=Sum("paid_stars"))["stars"] or 0,
        "refunded": refunded.aggregate(stars=Sum("purchase__paid_stars"))["stars"] or 0,
        "redemptions": redeemed.count(),
    }
