"""The calendar of campaigns: a month of weeks, in which each campaign is a bar.

Other apps add what is planned on one day (`add_source`), such as broadcasts.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from economy.wallets import business_zone
from promos import planning
from promos.models import OVER, Campaign, CampaignStatus
from quizarena.staff import dates
from quizarena.staff.desk import StaffAdmin

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# A month has at most so many bars and dots, and a week so many bars below each other.
CAMPAIGNS_MAX = 200
DOTS_MAX = 200
LANES_MAX = 10
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A campaign from its first day to its last."""

    name: str
    address: str
    status: str
    first: date
    # None has no end.
    last: date | None
    says: str

    def reaches(self, first: date, last: date) -> bool:
        """Return whether it has a day from `first` to `last`."""
        return self.first <= last and (self.last is None or self.last >= first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """Something that is planned or has happened on one day."""

    at: datetime
    name: str
    address: str
    says: str

    @property
    def day(self) -> date:
        """Return the day of business on which it is."""
        return self.at.astimezone(business_zone()).date()

    @property
    def when(self) -> str:
        """Return when it is, in words."""
        return dates.moment(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    permission: str
    between: Callable[[datetime, datetime, int], Iterable[Dot]]


_sources: list[_Source] = []


def add_source(
    *, permission: str, between: Callable[[datetime, datetime, int], Iterable[Dot]]
) -> None:
    """Show what `between` returns of two instants, at most so many, to who has the permission."""
    _sources.append(_Source(permission=permission, between=between))


# --- What is in a month ---------------------------------------------------------------------------


def _first_of(text: str, *, today: date) -> date:
    """Return the first day of the month that an address names, or of this one."""
    named = _MONTH.fullmatch(text)
    return date(int(named[1]), int(named[2]), 1) if named else today.replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=business_zone())


def bars(*, first: date, last: date) -> list[Bar]:
    """Return the campaigns of these days, at most CAMPAIGNS_MAX and one, in their order. One query.

    One that staff have ended was there up to then; a draft that they ended never was.
    """
    begin, end = _midnight(first), _midnight(last + DAY)
    found = Campaign.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=begin),
        Q(authorised_at__isnull=False) | ~Q(status__in=OVER),
        ~Q(status__in=OVER) | Q(changed_at__gt=begin),
        starts_at__lt=end,
    )
    ordered = found.order_by("starts_at", "pk")[: CAMPAIGNS_MAX + 1]
    shown = [_bar(campaign) for campaign in ordered]
    return [bar for bar in shown if bar.reaches(first, last)]


def _bar(campaign: Campaign) -> Bar:
    zone = business_zone()
    ends = campaign.ends_at
    if campaign.status in OVER:
        ends = min(campaign.changed_at, ends or campaign.changed_at)
    first = campaign.starts_at.astimezone(zone).date()
    # What ends at midnight does not have the day that begins then.
    last = (ends - timedelta(microseconds=1)).astimezone(zone).date() if ends else None
    until = dates.moment(ends) if ends else "no end"
    return Bar(
        name=campaign.name,
        address=reverse("admin:promos_campaign_change", args=[campaign.pk]),
        status=CampaignStatus(campaign.status).label,
        first=first,
        last=None if last is None else max(first, last),
        says=f"{planning.gives(campaign)}, to {planning.segment(campaign)}: "
        f"{dates.moment(campaign.starts_at)} – {until}",
    )


def _dots(request: HttpRequest, *, first: date, last: date) -> list[Dot]:
    """Return what other apps have on these days, for who may see it."""
    begin, end = _midnight(first), _midnight(last + DAY)
    found = [
        dot
        for source in _sources
        if request.user.has_perm(source.permission)
        for dot in source.between(begin, end, DOTS_MAX)
    ]
    return sorted(found, key=lambda dot: dot.at)


# --- How it is laid out ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A part of a row of a week: a bar, or nothing, over so many days."""

    days: int
    bar: Bar | None = None
    # Whether the bar goes on in the week before, or after.
    from_before: bool = False
    goes_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Seven days from a Monday on, with rows of bars; `hidden` bars had no room."""

    days: Sequence[dict[str, Any]]
    lanes: Sequence[Sequence[Cell]]
    hidden: int


def week(monday: date, *, bars: Sequence[Bar]) -> tuple[list[list[Cell]], int]:
    """Return the rows of a week's bars, each in the first row with room, and how many had none."""
    sunday = monday + WEEK - DAY
    lanes: list[list[Bar]] = []
    hidden = 0
    for bar in bars:
        if not bar.reaches(monday, sunday):
            continue
        free = next((lane for lane in lanes if _ends(lane[-1], sunday) < bar.first), None)
        if free is not None:
            free.append(bar)
        elif len(lanes) < LANES_MAX:
            lanes.append([bar])
        else:
            hidden += 1
    return [_cells(lane, monday=monday, sunday=sunday) for lane in lanes], hidden


def _ends(bar: Bar, sunday: date) -> date:
    return sunday if bar.last is None else bar.last


def _cells(lane: Sequence[Bar], *, monday: date, sunday: date) -> list[Cell]:
    """Return the row with what is empty before, between and after its bars."""
    cells, day = [], monday
    for bar in lane:
        first, last = max(bar.first, monday), min(_ends(bar, sunday), sunday)
        if first > day:
            cells.append(Cell(days=(first - day).days))
        cells.append(
            Cell(
                days=(last - first).days + 1,
                bar=bar,
                from_before=bar.first < monday,
                goes_on=bar.last is None or bar.last > sunday,
            )
        )
        day = last + DAY
    if day <= sunday:
        cells.append(Cell(days=(sunday - day).days + 1))
    return cells


def page(request: HttpRequest, *, model_admin: StaffAdmin[Campaign]) -> HttpResponse:
    """Show a month of campaigns; the view checks who may. Beside the desk's own, a query for each
    kind of thing in it, however many there are."""
    today = timezone.now().astimezone(business_zone()).date()
    first = _first_of(request.GET.get("month", ""), today=today)
    following = (first + 31 * DAY).replace(day=1)
    last = following - DAY
    begins, ends = first - first.weekday() * DAY, last + (6 - last.weekday()) * DAY
    found = bars(first=begins, last=ends)
    shown, more = found[:CAMPAIGNS_MAX], len(found) > CAMPAIGNS_MAX
    dots = _dots(request, first=begins, last=ends)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Campaigns in {first:%B %Y}",
        "month": f"{first:%B %Y}",
        "opts": model_admin.opts,
        "media": model_admin.media + forms.Media(css={"all": ["promos/calendar.css"]}),
        "weeks": [
            _week(monday, shown=shown, dots=dots, month=first, today=today)
            for monday in _days(begins, ends, WEEK)
        ],
        "weekdays": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "bars": [{"bar": bar, "window": _window(bar)} for bar in shown if bar.reaches(first, last)],
        "dots": [dot for dot in dots if first <= dot.day <= last],
        "has_more": more,
        "before": f"{first - DAY:%Y-%m}",
        "after": f"{following:%Y-%m}",
        "zone": dates.zone_name(),
    }
    return TemplateResponse(request, "promos/calendar.html", context)


def _days(first: date, last: date, step: timedelta) -> list[date]:
    return [first + step * number for number in range((last - first) // step + 1)]


def _week(
    monday: date, *, shown: Sequence[Bar], dots: Sequence[Dot], month: date, today: date
) -> Week:
    lanes, hidden = week(monday, bars=shown)
    days = [
        {
            "number": day.day,
            "name": dates.day(day),
            "is_today": day == today,
            "is_other": day.month != month.month,
            "dots": [dot for dot in dots if dot.day == day],
        }
        for day in _days(monday, monday + WEEK - DAY, DAY)
    ]
    return Week(days=days, lanes=lanes, hidden=hidden)


def _window(bar: Bar) -> str:
    first = dates.day(bar.first)
    if bar.last == bar.first:
        return first
    return f"{first} – {dates.day(bar.last) if bar.last else 'no end'}"
