"""How the product does, at the desk: a period beside the one before it. It reads recorded days."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from economy.charts import COLOURS, chart_options
from economy.streak_rules import DAY
from quizarena.game import points
from quizarena.ops.models import ProductDay
from quizarena.staff import dates
from quizarena.staff.desk import ReadOnlyAdmin

# The periods, in days; the first is today so far.
PERIODS = {1: "Today", 7: "7 days", 30: "30 days", 90: "90 days"}
PERIOD = 30
BLUE, ORANGE, GREEN = COLOURS[:3]
NOTHING = "–"

Days = Sequence[ProductDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the comparison."""

    name: str
    # Of the recorded days of a period, the latest last; None where nothing can be said.
    of: Callable[[Days], float | None]
    show: Callable[[float], str]


def _number(number: float) -> str:
    return f"{number:,.0f}".replace("-", "−")


def _tenths(number: float) -> str:
    return f"{number:,.1f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _stars(number: float) -> str:
    return f"⭐ {number:,.2f}".replace("-", "−")


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _of_last(name: str) -> Callable[[Days], float | None]:
    """Return what the last day of a period says."""
    return lambda days: getattr(days[-1], name) if days else None


def _sum(name: str) -> Callable[[Days], float | None]:
    return lambda days: sum(getattr(one, name) for one in days) if days else None


def _of_cohorts(part: str) -> Callable[[Days], float | None]:
    """Return a part of those who started, over the days for which it is known."""

    def share(days: Days) -> float | None:
        known = [one for one in days if getattr(one, part) is not None]
        return _ratio(
            sum(getattr(one, part) for one in known), sum(one.new_players for one in known)
        )

    return share


def _mean_active(days: Days) -> float | None:
    return _ratio(sum(one.active for one in days), len(days))


def _net_stars(days: Days) -> float | None:
    return sum(one.stars - one.refunded_stars for one in days) if days else None


def _conversion(days: Days) -> float | None:
    return _ratio(days[-1].payers_30, days[-1].active_30) if days else None


def _arpu(days: Days) -> float | None:
    return _ratio(days[-1].net_stars_30, days[-1].active_30) if days else None


FIGURES = (
    Figure(name="Active players a day (DAU)", of=_mean_active, show=_tenths),
    Figure(name="Active in 7 days (WAU), at the end", of=_of_last("active_7"), show=_number),
    Figure(name="Active in 30 days (MAU), at the end", of=_of_last("active_30"), show=_number),
    Figure(name="New players", of=_sum("new_players"), show=_number),
    Figure(name="Purchases", of=_sum("purchases"), show=_number),
    Figure(name="Stars, refunds taken off", of=_net_stars, show=_number),
    Figure(name="Conversion, of 30 days", of=_conversion, show=_percent),
    Figure(name="ARPU, of 30 days", of=_arpu, show=_stars),
    Figure(name="Back on day 1 (D1)", of=_of_cohorts("retained_1"), show=_percent),
    Figure(name="Back on day 7 (D7)", of=_of_cohorts("retained_7"), show=_percent),
    Figure(name="Back on day 30 (D30)", of=_of_cohorts("retained_30"), show=_percent),
    Figure(name="New players paying in 30 days", of=_of_cohorts("cohort_payers"), show=_percent),
    Figure(name="Lifetime value of 30 days (LTV)", of=_of_cohorts("cohort_net_stars"), show=_stars),
)  # fmt: skip


@admin.register(ProductDay)
class ProductDayAdmin(ReadOnlyAdmin[ProductDay]):
    """The report, in place of a list of the days."""

    class Media:
        css = {"all": ["economy/economy.css", "game/play.css"]}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show today, or the last 7, 30 or 90 days that are over, beside as many before them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        length = _period(request.GET.get("days", ""))
        today = points.today(timezone.now())
        last = today if length == 1 else today - DAY
        recorded = {
            one.day: one
            for one in ProductDay.objects.filter(day__gt=last - 2 * length * DAY, day__lte=last)
        }
        days = [last - back * DAY for back in reversed(range(length))]
        now = [recorded[day] for day in days if day in recorded]
        before = [recorded[day - length * DAY] for day in days if day - length * DAY in recorded]
        latest = ProductDay.objects.order_by("-counted_at").first()
        context = {
            **self.admin_site.each_context(request),
            "title": _title(days),
            "opts": self.opts,
            "media": self.media,
            "periods": [(days_, name, days_ == length) for days_, name in PERIODS.items()],
            "counted_at": dates.moment(latest.counted_at) if latest else "",
            "zone": dates.zone_name(),
            "is_empty": not now,
            "coverage": _coverage(now, before, length=length),
            "figures": _comparison(now, before, length=length),
            "charts": _charts(days, recorded) if length > 1 else {},
            "cohorts": _cohorts(now),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "ops/analytics.html", context)


def _title(days: Sequence[date]) -> str:
    if len(days) == 1:
        return "Analytics: today so far"
    return f"Analytics: {len(days)} days, {dates.day(days[0])} to {dates.day(days[-1])}"


def _period(asked: str) -> int:
    """Return the days that somebody has asked for, or else the usual ones."""
    return next((length for length in PERIODS if str(length) == asked), PERIOD)


def _coverage(now: Days, before: Days, *, length: int) -> str:
    """Say what the comparison rests on, where a day is missing."""
    if length == 1 or len(now) == len(before) == length:
        return ""
    return (
        f"Recorded are {len(now)} of {length} days of this period and {len(before)} of {length} "
        "before it. A change is only shown between complete periods."
    )


def _comparison(now: Days, before: Days, *, length: int) -> dict[str, Any]:
    is_comparable = len(now) == len(before) == length
    rows = []
    for figure in FIGURES:
        value, earlier = figure.of(now), figure.of(before)
        rows.append(
            [
                figure.name,
                NOTHING if value is None else figure.show(value),
                NOTHING if earlier is None else figure.show(earlier),
                _change(value, earlier) if is_comparable else NOTHING,
            ]
        )
    if length == 1:
        # A part of a day has no change against a whole one.
        return {"headers": ["", "Today so far", "Yesterday"], "rows": [row[:3] for row in rows]}
    return {"headers": ["", "Period", "Before", "Change"], "rows": rows}


def _change(value: float | None, earlier: float | None) -> str:
    """Return by how much of what was before it has changed; of nothing there is no part."""
    if value is None or earlier is None or earlier <= 0:
        return NOTHING
    return f"{(value - earlier) / earlier:+.1%}".replace("-", "−")


def _charts(days: Sequence[date], recorded: Mapping[date, ProductDay]) -> dict[str, str]:
    """Return the charts; a day that was not recorded has a gap, which is not the same as 0."""

    def chart(*series: tuple[str, str, Callable[[ProductDay], int | None]]) -> str:
        return json.dumps(
            {
                "labels": [dates.short_day(day) for day in days],
                "datasets": [
                    {
                        "label": label,
                        "data": [of(recorded[day]) if day in recorded else None for day in days],
                        "backgroundColor": colour,
                        "borderColor": colour,
                        "borderWidth": 2,
                        "pointRadius": 1.5,
                    }
                    for label, colour, of in series
                ],
            }
        )

    return {
        "active": chart(
            ("a day", BLUE, lambda one: one.active),
            ("7 days", ORANGE, lambda one: one.active_7),
            ("30 days", GREEN, lambda one: one.active_30),
        ),
        "stars": chart(("Stars", BLUE, lambda one: one.stars - one.refunded_stars)),
        "new": chart(("new players", BLUE, lambda one: one.new_players)),
        "options": json.dumps(chart_options(stacked=False)),
    }


def _cohorts(now: Iterable[ProductDay]) -> dict[str, Any]:
    """Return what came of each day's new players, without days on which nobody has started."""

    def share(part: int | None, whole: int) -> str:
        return NOTHING if part is None else f"{part:,} ({part / whole:.1%})"

    return {
        "headers": ["Started on", "Players", "Day 1", "Day 7", "Day 30", "Paid", "Stars each"],
        "rows": [
            [
                dates.day(one.day),
                f"{one.new_players:,}",
                share(one.retained_1, one.new_players),
                share(one.retained_7, one.new_players),
                share(one.retained_30, one.new_players),
                share(one.cohort_payers, one.new_players),
                NOTHING
                if one.cohort_net_stars is None
                else _stars(one.cohort_net_stars / one.new_players),
            ]
            for one in sorted(now, key=lambda one: one.day, reverse=True)
            if one.new_players
        ],
    }
