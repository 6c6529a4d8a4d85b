"""Charts of revenue and offers for the admin, with the Chart.js that Unfold brings."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from economy.charts import COLOURS, chart_options
from payments.offer_funnel import Funnel
from payments.offer_rules import Trigger
from payments.revenue import UNKNOWN, Revenue
from quizarena.staff import dates
from quizarena.staff.desk import with_code

# None of the products has it.
COLOUR_OF_UNKNOWN = "#7c2d12"
TRIGGER_NAMES = {
    Trigger.ENERGY_ZERO: "Out of energy",
    Trigger.STREAK_RISK_22: "Streak at risk",
    Trigger.STARTER_EXPIRED: "Starter ended",
    Trigger.LOCKED_MODE_CLICK: "Locked mode tapped",
    Trigger.MEGA_THIRD_BUY: "Third Mega Pack",
    Trigger.COMEBACK_3D: "Back after 3 days",
    Trigger.ENERGY10_SECOND_BUY: "Second energy pack",
    Trigger.MONTH_EXPIRING: "Month ends soon",
    Trigger.ENERGY_LOW: "Low energy",
    Trigger.STREAK_MILESTONE_30: "Streak of 30 days",
    Trigger.STREAK_GT7: "Streak over 7 days",
    Trigger.WEEKEND_FLASH: "Weekend discount",
}
# There are more triggers than the eight colours that everybody can tell apart.
TRIGGER_COLOURS = (*COLOURS, "#7c2d12", "#1e3a5f", "#f0a8d0", "#86c5a4")


def revenue_chart(
    earned: Revenue, *, days: Sequence[date], names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the chart, stacked by product with refunds below zero, and the same as tables.

    `names` are those of the products by code, in their order.
    """
    bars, codes = [], list(names)
    for number, code in enumerate(codes):
        for sign, stars in ((1, earned.stars), (-1, earned.refunded)):
            heights = [sign * stars[day, code] for day in days]
            if any(heights):
                bars.append(
                    {
                        "label": names[code] if sign > 0 else f"{names[code]}, refunded",
                        "data": heights,
                        "backgroundColor": _colour(code, number),
                        "stack": "all",
                    }
                )
    by_product = [
        [_key(names[code], code, number), *_numbers(*sums)]
        for number, code in enumerate(codes)
        if any(sums := _sums(earned, days, [code]))
    ]
    by_day = [
        [dates.day(day), *_numbers(*sums)]
        for day in reversed(days)
        if any(sums := _sums(earned, [day], codes))
    ]
    together = _numbers(*_sums(earned, days, codes))
    headers = ["Purchases", "Stars", "Refunded", "Net"]
    return {
        "is_quiet": not bars,
        "chart": json.dumps({"labels": [dates.short_day(day) for day in days], "datasets": bars}),
        "options": json.dumps(chart_options(stacked=True)),
        "by_product": {
            "headers": ["Product", *headers],
            "rows": [*by_product, ["Total", *together]],
        },
        "by_day": {"headers": ["Day", *headers], "rows": by_day},
    }


def _sums(earned: Revenue, days: Sequence[date], codes: Sequence[str]) -> tuple[int, int, int]:
    """Return how many purchases there were, what they brought and what went back."""
    purchases, stars, refunded = (
        sum(counted[day, code] for day in days for code in codes)
        for counted in (earned.purchases, earned.stars, earned.refunded)
    )
    return purchases, stars, refunded


def _numbers(purchases: int, stars: int, refunded: int) -> list[str]:
    """Return the cells of what was sold, what went back and what remains."""
    net = f"{stars - refunded:,}".replace("-", "−")
    return [f"{purchases:,}", f"{stars:,}", f"−{refunded:,}" if refunded else "0", net]


def _colour(code: str, number: int) -> str:
    return COLOUR_OF_UNKNOWN if code == UNKNOWN else COLOURS[number % len(COLOURS)]


def _key(name: str, code: str, number: int) -> SafeString:
    """Return the name of a product with its colour in the chart."""
    return format_html(
        '<span><i class="economy-key" style="background: {}"></i>{}</span>',
        _colour(code, number),
        with_code(name, code),
    )


# --- Offers ---------------------------------------------------------------------------------------


def offers_chart(shown: Mapping[tuple[date, str], int], *, days: Sequence[date]) -> dict[str, Any]:
    """Return what was shown on each day, stacked by trigger."""
    bars = []
    for number, trigger in enumerate(Trigger):
        heights = [shown.get((day, trigger.value), 0) for day in days]
        if any(heights):
            bars.append(
                {
                    "label": TRIGGER_NAMES[trigger],
                    "data": heights,
                    "backgroundColor": TRIGGER_COLOURS[number],
                    "stack": "all",
                }
            )
    return {
        "is_quiet": not bars,
        "chart": json.dumps({"labels": [dates.short_day(day) for day in days], "datasets": bars}),
        "options": json.dumps(chart_options(stacked=True)),
    }


def offers_table(funnels: Mapping[Trigger, Funnel]) -> dict[str, Any]:
    """Return how far offers have come, trigger by trigger; the bars compare with what was shown."""
    return {
        "headers": ["Trigger", "Shown", "Clicked", "Bought", "Stars", "Refunded", "Muted"],
        "rows": [
            [
                _trigger_key(trigger, number),
                f"{funnel.shown:,}",
                _part(funnel.clicked, funnel.shown),
                _part(funnel.bought, funnel.shown),
                f"{funnel.stars:,}",
                f"−{funnel.refunded:,} ({funnel.refunds:,})" if funnel.refunds else "0",
                _part(funnel.muted, funnel.shown),
            ]
            for number, (trigger, funnel) in enumerate(funnels.items())
        ],
    }


def _part(count: int, shown: int) -> SafeString | str:
    """Return a number with its part of what was shown, as a picture, too."""
    if not shown:
        return "–"
    part = count / shown
    return format_html(
        '<div class="payments-part"><span>{} <small>{}</small></span>'
        '<i style="--part: {}%"></i></div>',
        f"{count:,}",
        f"{part:.1%}",
        f"{min(100.0, 100 * part):.1f}",
    )


def _trigger_key(trigger: Trigger, number: int) -> SafeString:
    """Return the name of a trigger with its colour in the chart."""
    return format_html(
        '<span class="payments-trigger"><i class="economy-key" style="background: {}"></i>'
        "{}</span>",
        TRIGGER_COLOURS[number],
        with_code(TRIGGER_NAMES[trigger], trigger.value),
    )
