"""Supply, sources and sinks as the desk draws them, with the Chart.js that Unfold brings."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from economy.models import EntryType
from economy.statements import ASSET_NAMES, REGENERATION, Flow
from quizarena.staff import dates
from quizarena.staff.desk import DayInput


class DaysForm(forms.Form):
    """From which day to which."""

    first_day = forms.DateField(
        label="From",
        initial=timezone.localdate,
        widget=DayInput,
    )
    last_day = forms.DateField(
        label="To",
        initial=timezone.localdate,
        widget=DayInput,
    )


# Told apart by people who see no red and green, too (Okabe and Ito).
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b3a500", "#7f7f7f",
)  # fmt: skip
GREY = "#9ca3af"


def asset_charts(
    asset: str, flows: Sequence[Flow], by_day: Mapping[date, Mapping[str, int]]
) -> dict[str, Any]:
    """Return the charts and the table of one asset."""
    mine = [flow for flow in flows if flow.asset == asset]
    sources: Counter[str] = Counter()
    sinks: Counter[str] = Counter()
    for flow in mine:
        sources[flow.type] += flow.source
        sinks[flow.type] += flow.sink
    types = sorted(sources, key=lambda type_: -max(sources[type_], sinks[type_]))
    moves = {(flow.day, flow.type): flow for flow in mine}
    days = list(by_day)
    bars = []
    for number, type_ in enumerate(types):
        for sign, name in ((1, "source"), (-1, "sink")):
            units = [
                sign * getattr(moves[day, type_], name) if (day, type_) in moves else 0
                for day in days
            ]
            if any(units):
                bars.append(
                    {
                        "label": _type_name(type_),
                        "data": units,
                        "backgroundColor": _colour(number),
                        "stack": "all",
                    }
                )
    labels = [dates.short_day(day) for day in days]
    line = {
        "label": "supply",
        "data": [by_day[day][asset] for day in days],
        "borderColor": COLOURS[0],
        "backgroundColor": COLOURS[0],
        "borderWidth": 2,
        "pointRadius": 1.5,
    }
    return {
        "name": ASSET_NAMES[asset].capitalize(),
        "is_quiet": not mine,
        "supply_chart": json.dumps({"labels": labels, "datasets": [line]}),
        "flow_chart": json.dumps({"labels": labels, "datasets": bars}),
        "line_options": json.dumps(chart_options(stacked=False)),
        "bar_options": json.dumps(chart_options(stacked=True)),
        "table": {
            "headers": ["Reason", "Source", "Sink", "Net"],
            "rows": [
                [_key(type_, number), *_numbers(sources[type_], sinks[type_])]
                for number, type_ in enumerate(types)
            ]
            + [["Total", *_numbers(sources.total(), sinks.total())]],
        },
    }


def chart_options(*, stacked: bool) -> dict[str, Any]:
    """Return what Chart.js has to know; Unfold's own options belong to its thin bars."""
    axis = {"grid": {"color": f"{GREY}33"}, "stacked": stacked}
    ticks = {"color": GREY, "precision": 0, "maxRotation": 0}
    return {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "plugins": {"legend": {"display": False}},
        "interaction": {"mode": "index", "intersect": False},
        "scales": {"x": {**axis, "ticks": ticks}, "y": {**axis, "ticks": ticks}},
    }


def _numbers(source: int, sink: int) -> list[str]:
    """Return the cells of a source, a sink and what remains."""
    return [f"{source:,}", f"{sink:,}", f"{source - sink:+,}".replace("-", "−")]


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _key(type_: str, number: int) -> SafeString:
    """Return the name of a type with its colour in the chart."""
    return format_html(
        '<i class="economy-key" style="background: {}"></i>{}', _colour(number), _type_name(type_)
    )


def _type_name(type_: str) -> str:
    """Return what an entry's type is called."""
    return "regeneration" if type_ == REGENERATION else EntryType(type_).label
