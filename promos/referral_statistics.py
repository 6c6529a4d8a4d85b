"""What comes of invitations, counted for those who look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncWeek

from economy.wallets import business_zone
from promos.models import COUNTING, Inviter, Referral, ReferralStatus

# The pictures show so many weeks, this one being the last.
WEEKS = 12
TOP_LENGTH = 20

_COUNTS: dict[str, Count] = {
    "started": Count("pk"),
    "qualified": Count("pk", filter=Q(status__in=COUNTING)),
    "rewarded": Count("pk", filter=Q(status=ReferralStatus.REWARDED)),
    "held": Count("pk", filter=Q(held_at__isnull=False)),
    "rejected": Count("pk", filter=Q(status=ReferralStatus.REJECTED_FRAUD)),
    "canceled": Count("pk", filter=Q(status=ReferralStatus.CANCELED)),
    "lapsed": Count("pk", filter=Q(lapsed_at__isnull=False)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What has become of those who have started: all of them, and parts of it.

    `qualified` have come to count, `rewarded` of these have brought a reward.
    """

    started: int = 0
    qualified: int = 0
    rewarded: int = 0
    held: int = 0
    rejected: int = 0
    canceled: int = 0
    lapsed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What has become of those who have started in one week, from its Monday on."""

    monday: date
    outcomes: Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """An inviter, and what has become of those who came."""

    inviter: Inviter
    outcomes: Outcomes


def first_monday(now: datetime) -> date:
    """Return the Monday with which the pictures begin."""
    today = now.astimezone(business_zone()).date()
    return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)


def by_week(*, now: datetime) -> list[Week]:
    """Return the last WEEKS weeks, also those without anybody. One query."""
    first = first_monday(now)
    rows = (
        _started_since(first)
        .annotate(monday=TruncWeek("started_at", tzinfo=business_zone()))
        .values("monday")
        .annotate(**_COUNTS)
        .order_by()
    )
    counted = {row.pop("monday").date(): Outcomes(**row) for row in rows}
    mondays = [first + timedelta(weeks=number) for number in range(WEEKS)]
    return [Week(monday=monday, outcomes=counted.get(monday, Outcomes())) for monday in mondays]


def together(weeks: Sequence[Week]) -> Outcomes:
    """Return what has become of everybody in these weeks."""
    return Outcomes(
        **{name: sum(getattr(week.outcomes, name) for week in weeks) for name in _COUNTS}
    )


def between(*, since: datetime, until: datetime) -> Outcomes:
    """Return what has become of those who started from `since` to `until`. One query."""
    started = Referral.objects.filter(started_at__gte=since, started_at__lt=until)
    return Outcomes(**started.aggregate(**_COUNTS))


def top(*, now: datetime) -> list[Referrer]:
    """Return whose friends count most often of those who came in the last WEEKS weeks."""
    rows = list(
        _started_since(first_monday(now))
        .values("inviter")
        .annotate(**_COUNTS)
        .order_by("-qualified", "-started", "inviter")[:TOP_LENGTH]
    )
    inviters = Inviter.objects.select_related("player").in_bulk(row["inviter"] for row in rows)
    return [
        Referrer(inviter=inviters[row.pop("inviter")], outcomes=Outcomes(**row)) for row in rows
    ]


def _started_since(monday: date) -> Any:
    """Return the invitations of that week and later."""
    begins = datetime.combine(monday, time(), tzinfo=business_zone())
    return Referral.objects.filter(started_at__gte=begins)
