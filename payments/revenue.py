"""What came in and went back, day by day and product by product, in Stars."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate

from economy.wallets import business_zone
from payments.models import PAID, XTR, Purchase, Refund
from promos.products import Sale

# Payments with an unknown product.
UNKNOWN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """What came in and went back, by day of business and product (UNKNOWN without one)."""

    stars: Counter[tuple[date, str]]
    purchases: Counter[tuple[date, str]]
    refunded: Counter[tuple[date, str]]


def by_day(*, first_day: date, last_day: date) -> Revenue:
    """Return the revenue of the days from `first_day` to `last_day`. Two queries.

    A payment counts on the day on which it was made, a refund on the day on which it ended.
    """
    zone = business_zone()
    begin = datetime.combine(first_day, time.min, tzinfo=zone)
    end = datetime.combine(last_day + timedelta(days=1), time.min, tzinfo=zone)
    paid = Purchase.objects.filter(paid_at__gte=begin, paid_at__lt=end, paid_currency=XTR)
    came_in = list(
        paid.values(day=TruncDate("paid_at", tzinfo=zone), code=F("product"))
        .annotate(stars=Sum("paid_stars"), purchases=Count("pk"))
        .order_by()
    )
    ended = Refund.objects.filter(
        finished_at__gte=begin, finished_at__lt=end, purchase__paid_currency=XTR
    )
    went_back = (
        ended.values(day=TruncDate("finished_at", tzinfo=zone), code=F("purchase__product"))
        .annotate(stars=Sum("purchase__paid_stars"))
        .order_by()
    )
    return Revenue(
        stars=_counted(came_in, "stars"),
        purchases=_counted(came_in, "purchases"),
        refunded=_counted(went_back, "stars"),
    )


def _counted(rows: Any, name: str) -> Counter[tuple[date, str]]:
    return Counter({(row["day"], row["code"] or UNKNOWN): row[name] for row in rows})


def of_campaign(campaign_id: int) -> list[Sale]:
    """Return what a campaign's discounts have sold, refunds left out, the best first."""
    sold = (
        Purchase.objects.filter(redemption__campaign=campaign_id, status__in=PAID)
        .values("product")
        .annotate(times=Count("pk"), paid=Sum("paid_stars"), full=Sum("base_stars"))
        .order_by("-times", "product")
    )
    return [
        Sale(
            product_code=row["product"],
            times=row["times"],
            stars_paid=row["paid"],
            stars_full=row["full"],
        )
        for row in sold
    ]
