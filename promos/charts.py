"""Campaigns and invitations as pictures: SVG bars, sparklines, funnels; charts for Chart.js."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from promos.models import OVER, Campaign
from promos.referral_statistics import Outcomes, Week
from promos.statistics import Funnel, Span
from quizarena.staff import dates

# Distinguishable for people who see no red and green, too (Okabe and Ito).
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#e69f00", "#009e73", "#9ca3af"
# A window without an end is drawn as if it had this long to go.
ENDLESS = timedelta(days=30)


def _bar(label: str, *parts: SafeString) -> SafeString:
    """Return a bar of 100 by 8 units, as wide as its place."""
    return format_html(
        '<svg class="promos-bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><title>{}</title>'
        '<rect class="promos-track" width="100" height="8" rx="2"/>{}</svg>',
        label,
        label,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def _part(kind: str, start: float, end: float) -> SafeString:
    """Return the part of a bar between two of its hundredths."""
    width = max(0.0, end - start)
    return format_html(
        '<rect class="promos-{}" x="{}" width="{}" height="8"/>',
        kind,
        f"{start:.1f}",
        f"{width:.1f}",
    )


def window_bar(campaign: Campaign, *, now: datetime) -> SafeString:
    """Return the campaign's window as a bar with a mark where now is, and how long it has to go."""
    starts, ends = campaign.starts_at, campaign.ends_at
    until = ends or max(starts, now) + ENDLESS
    first, last = min(starts, now), max(until, now)
    whole = (last - first) / 100
    place = {moment: (moment - first) / whole for moment in (starts, until, now)}
    stopped = campaign.status in OVER and (ends is None or now < ends)
    over = "stopped" if ends is None else "stopped before its end"
    left = over if stopped else _time_left(starts, ends, now=now)
    window = f"{day(starts)} – {day(ends) if ends else 'open'}"
    bar = _bar(
        f"{window}, {left}",
        _part("window", place[starts], place[until]),
        _part("passed", place[starts], min(place[now], place[until])),
        _part("now", min(place[now], 97.5), min(place[now], 97.5) + 2.5),
    )
    return format_html(
        '<div class="promos-measure">{}<small>{}<br>{}</small></div>', bar, window, left
    )


def _time_left(starts: datetime, ends: datetime | None, *, now: datetime) -> str:
    """Return how long the window has to go, or to wait, or has been over."""
    if now < starts:
        return f"begins in {dates.span(starts - now)}"
    if ends is None:
        return "has no end"
    return (
        f"ends in {dates.span(ends - now)}" if now < ends else f"over for {dates.span(now - ends)}"
    )


def day(moment: datetime | None) -> str:
    """Return the day of an instant, with its year only if that is not this one."""
    if moment is None:
        return "–"
    is_this_year = timezone.localtime(moment).year == timezone.localdate().year
    return dates.short_day(moment) if is_this_year else dates.day(moment)


def limit_bar(used: int, reserved: int, limit: int | None, *, unit: str = "") -> SafeString:
    """Return what is used and reserved against its limit, as a bar and in numbers."""
    unit = f" {unit}" if unit else ""
    waiting = f" + {reserved:,} reserved" if reserved else ""
    if limit is None:
        return format_html(
            '<div class="promos-measure"><span>{}{}{}</span><small>no limit</small></div>',
            f"{used:,}",
            unit,
            waiting,
        )
    figures = f"{used:,}{waiting} of {limit:,}{unit}"
    done, both = 100 * used / limit, 100 * (used + reserved) / limit
    bar = _bar(figures, _part("used", 0, done), _part("held", done, both))
    return format_html('<div class="promos-measure">{}<small>{}</small></div>', bar, figures)


def sparkline(counts: Sequence[int]) -> SafeString:
    """Return a small picture of what was accepted on each of the last days."""
    top = max(counts, default=0)
    label = f"{sum(counts):,} in {len(counts)} days, at most {top:,} on one"
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="5" height="{}"/>',
        (
            (index * 6, f"{24 - height:.1f}", f"{height:.1f}")
            for index, count in enumerate(counts)
            for height in [max(22 * count / top, 1.5) if top and count else 0.5]
        ),
    )
    return format_html(
        '<svg class="promos-spark" viewBox="0 0 {} 24" role="img" aria-label="{}">'
        "<title>{}</title>{}</svg>",
        len(counts) * 6,
        label,
        label,
        bars,
    )


def funnel_rows(funnel: Funnel, *, is_discount: bool) -> list[dict[str, Any]]:
    """Return the steps of the funnel with their share of the attempts, as bars."""
    steps = [
        ("Attempts", funnel.attempts, "window"),
        ("Accepted", funnel.accepted, "passed"),
        *([("Reserved now", funnel.reserved, "held")] if is_discount else []),
        ("Applied", funnel.used, "used"),
        ("Refunded" if is_discount else "Taken back", funnel.refunded, "back"),
    ]
    return _rows(steps, whole=max(funnel.attempts, funnel.accepted, 1))


def referral_rows(outcomes: Outcomes) -> list[dict[str, Any]]:
    """Return what has become of invitations, each with its share of the starts, as bars."""
    steps = [
        ("Started", outcomes.started, "window"),
        ("Qualified", outcomes.qualified, "passed"),
        ("Rewarded", outcomes.rewarded, "used"),
        ("Held for review", outcomes.held, "held"),
        ("Did not qualify in time", outcomes.lapsed, "held"),
        ("Rejected as fraud", outcomes.rejected, "back"),
        ("Canceled", outcomes.canceled, "back"),
    ]
    return _rows(steps, whole=max(outcomes.started, 1))


def _rows(steps: Sequence[tuple[str, int, str]], *, whole: int) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "count": f"{count:,}",
            "share": f"{count / whole:.0%}",
            "bar": _bar(f"{name}: {count:,}", _part(kind, 0, 100 * count / whole)),
        }
        for name, count, kind in steps
    ]


def flow_chart(spans: Sequence[Span], *, by_hour: bool) -> dict[str, str]:
    """Return what was applied, accepted only, and refused, as Chart.js takes it."""
    return _stacked(
        [
            dates.short_day(one.begins_at) + (f", {dates.time(one.begins_at)}" if by_hour else "")
            for one in spans
        ],
        [
            ("applied", GREEN, [one.used for one in spans]),
            ("accepted, not applied", BLUE, [one.accepted - one.used for one in spans]),
            ("refused", ORANGE, [one.refused for one in spans]),
        ],
    )


def weeks_chart(weeks: Sequence[Week]) -> dict[str, str]:
    """Return what has become of those who started in each week, as Chart.js takes it."""
    outcomes = [week.outcomes for week in weeks]
    known = [one.qualified + one.held + one.rejected + one.canceled for one in outcomes]
    return _stacked(
        [dates.short_day(week.monday) for week in weeks],
        [
            ("rewarded", GREEN, [one.rewarded for one in outcomes]),
            ("qualified, not rewarded", BLUE, [one.qualified - one.rewarded for one in outcomes]),
            (
                "held, rejected, canceled",
                ORANGE,
                [one.held + one.rejected + one.canceled for one in outcomes],
            ),
            (
                "only started",
                GREY,
                [one.started - counted for one, counted in zip(outcomes, known, strict=True)],
            ),
        ],
    )


def _stacked(
    labels: Sequence[str], series: Sequence[tuple[str, str, Sequence[int]]]
) -> dict[str, str]:
    """Return bars on top of each other, each with its name and colour, as Chart.js takes them."""
    axis = {"grid": {"color": f"{GREY}33"}, "stacked": True}
    ticks = {"color": GREY, "precision": 0, "maxRotation": 0, "autoSkip": True}
    return {
        "data": json.dumps(
            {
                "labels": labels,
                "datasets": [
                    {"label": label, "data": counts, "backgroundColor": colour, "stack": "all"}
                    for label, colour, counts in series
                ],
            }
        ),
        "options": json.dumps(
            {
                "animation": False,
                "responsive": True,
                "maintainAspectRatio": False,
                "plugins": {"legend": {"display": True, "labels": {"color": GREY}}},
                "interaction": {"mode": "index", "intersect": False},
                "scales": {
                    "x": {**axis, "ticks": {**ticks, "maxTicksLimit": 8}},
                    "y": {**axis, "ticks": ticks},
                },
            }
        ),
    }
