"""What has come of campaigns, counted for those who look at them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate, TruncHour

from economy.wallets import business_zone
from promos.models import Attempt, Campaign, CampaignKind, Redemption, RedemptionStatus

# The list shows so many days, today being the last.
SPARK_DAYS = 14
# Those that have been used, whether or not their purchase was refunded afterwards.
USED = (RedemptionStatus.APPLIED, RedemptionStatus.REVOKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentUse:
    """The last days of a campaign: what was accepted on each, and how much of it was used."""

    accepted_by_day: tuple[int, ...] = (0,) * SPARK_DAYS
    used: int = 0

    @property
    def accepted(self) -> int:
        """Return how many codes were accepted."""
        return sum(self.accepted_by_day)

    @property
    def conversion(self) -> float | None:
        """Return which part of what was accepted has been used; None if nothing was."""
        return self.used / self.accepted if self.accepted else None


def recent_use(campaign_ids: Sequence[int], *, now: datetime) -> dict[int, RecentUse]:
    """Return the last SPARK_DAYS days of each campaign. One query for all of them."""
    days = sparkline_days(now)
    accepted: dict[int, Counter[date]] = {pk: Counter() for pk in campaign_ids}
    used: Counter[int] = Counter()
    since = _midnight(days[0])
    rows = (
        Redemption.objects.filter(campaign__in=campaign_ids, created_at__gte=since)
        .annotate(day=TruncDate("created_at", tzinfo=business_zone()))
        .values("campaign", "day")
        .annotate(accepted=Count("*"), used=Count("status", filter=Q(status__in=USED)))
        .order_by()
    )
    for row in rows:
        accepted[row["campaign"]][row["day"]] = row["accepted"]
        used[row["campaign"]] += row["used"]
    return {
        pk: RecentUse(accepted_by_day=tuple(counted[day] for day in days), used=used[pk])
        for pk, counted in accepted.items()
    }


def sparkline_days(now: datetime) -> list[date]:
    """Return the last SPARK_DAYS business days, the oldest first."""
    today = now.astimezone(business_zone()).date()
    return [today - timedelta(days=back) for back in reversed(range(SPARK_DAYS))]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=business_zone())


# --- All campaigns --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What has come of the codes of all campaigns that were entered in some time.

    `used` counts also what was refunded afterwards; `refused` has nothing that is no code.
    """

    refused: int
    accepted: int
    used: int
    refunded: int

    @property
    def conversion(self) -> float | None:
        """Return which part of what was accepted has been used; None if nothing was."""
        return self.used / self.accepted if self.accepted else None


# Campaign by campaign, since there the indexes begin.
_RESULTS = """
SELECT coalesce(sum(tried.refused), 0) AS refused, coalesce(sum(redeemed.accepted), 0) AS accepted,
  coalesce(sum(redeemed.used), 0) AS used, coalesce(sum(redeemed.refunded), 0) AS refunded
FROM promos_campaign AS campaign
CROSS JOIN LATERAL (
  SELECT count(*) AS refused FROM promos_attempt
  WHERE campaign_id = campaign.id AND at >= %(since)s AND at < %(until)s AND detail <> ''
) AS tried
CROSS JOIN LATERAL (
  SELECT count(*) AS accepted, count(*) FILTER (WHERE status IN ('APPLIED', 'REVOKED')) AS used,
    count(*) FILTER (WHERE status = 'REVOKED') AS refunded
  FROM promos_redemption
  WHERE campaign_id = campaign.id AND created_at >= %(since)s AND created_at < %(until)s
) AS redeemed
"""


def results(*, since: datetime, until: datetime) -> Results:
    """Return what has come of the codes that were entered from `since` to `until`. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_RESULTS, {"since": since, "until": until})
        names = [column.name for column in cursor.description]
        return Results(
            **{name: int(value) for name, value in zip(names, cursor.fetchone(), strict=True)}
        )


# --- One campaign ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How far those have come who entered a code."""

    attempts: int
    accepted: int
    reserved: int
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
        reserved=by_status.get(RedemptionStatus.RESERVED, 0),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An hour or a day of a campaign."""

    begins_at: datetime
    refused: int
    accepted: int
    used: int


def by_hour(campaign: Campaign, *, hours: int, now: datetime) -> list[Span]:
    """Return the last `hours` hours, the current one being the last."""
    last = now.replace(minute=0, second=0, microsecond=0)
    starts = [last - timedelta(hours=back) for back in reversed(range(hours))]
    return _spans(campaign, starts, TruncHour)


def by_day(campaign: Campaign, *, days: int, now: datetime) -> list[Span]:
    """Return the last `days` business days, today being the last."""
    today = now.astimezone(business_zone()).date()
    starts = [_midnight(today - timedelta(days=back)) for back in reversed(range(days))]
    return _spans(campaign, starts, TruncDate)


def _spans(
    campaign: Campaign, starts: list[datetime], trunc: type[TruncDate | TruncHour]
) -> list[Span]:
    """Return what happened from each start up to the next. Two queries."""

    def counted(rows: QuerySet[Any], moment: str, **counts: Count) -> dict[Any, dict[str, int]]:
        mine = rows.filter(campaign=campaign, **{f"{moment}__gte": starts[0]})
        spans = mine.annotate(span=trunc(moment, tzinfo=business_zone())).values("span")
        return {row["span"]: row for row in spans.annotate(**counts).order_by()}

    tried = counted(Attempt.objects.exclude(detail=""), "at", refused=Count("*"))
    redeemed = counted(
        Redemption.objects.all(),
        "created_at",
        accepted=Count("*"),
        used=Count("status", filter=Q(status__in=USED)),
    )
    return [
        Span(
            begins_at=start,
            refused=tried.get(key, {}).get("refused", 0),
            accepted=redeemed.get(key, {}).get("accepted", 0),
            used=redeemed.get(key, {}).get("used", 0),
        )
        for start in starts
        for key in [start.date() if trunc is TruncDate else start]
    ]


def goods_given(campaign: Campaign, used: int) -> str:
    """Return what so many uses have given: Stars, days of Premium, or energy."""
    if campaign.is_discount:
        return f"{campaign.stars_given:,} Stars"
    unit = "days of Premium" if campaign.kind == CampaignKind.PREMIUM_GRANT else "energy"
    return f"{used * campaign.value:,} {unit}"


def reservations(campaign: Campaign, *, limit: int) -> QuerySet[Redemption]:
    """Return the reservations that run out next, also those that are locked for payment."""
    reserved = campaign.redemptions.filter(status=RedemptionStatus.RESERVED)
    return reserved.select_related("player").order_by("reserved_until")[:limit]


def imported_codes(campaign: Campaign) -> int:
    """Return how many codes of their own operators have brought along."""
    return campaign.codes.filter(batch=None, is_shared=False).count()


def is_short(campaign: Campaign, *, now: datetime) -> bool:
    """Return whether so little time has passed since the start that its hours tell more."""
    return now - campaign.starts_at < timedelta(days=3)
