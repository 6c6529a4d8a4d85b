"""What a campaign brings, on its page: the holdout against the others, with intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from promos import uplift
from promos.models import OVER, Campaign, CampaignStatus, GroupCount, Uplift
from promos.uplift_rules import (
    EVENTS_MIN,
    PLAYERS_MIN,
    Difference,
    Group,
    difference_of_means,
    difference_of_shares,
    is_enough,
)
from quizarena.staff import dates

# The picture of an interval, in units of its own; no difference is in the middle.
WIDTH, MIDDLE, HEIGHT = 200, 100, 24
REACH = 90

METHOD = (
    "Both groups are the players of the segment as it was when the campaign began, whether or not "
    "they have come to know of it. Counted are credited purchases (renewals and what was refunded "
    "later, too) and days with an answer, from the campaign's begin to its end. Intervals are of "
    "95%: Newcombe's for the share of players, otherwise by the normal approximation with unequal "
    "variances. They hold for one look, at the end: whoever looks often and stops at a good moment "
    "sees differences that are none."
)
TOO_FEW = (
    f"Too few to conclude: at least {PLAYERS_MIN} players in each group are needed, "
    f"{EVENTS_MIN} of them with a purchase (or an active day)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """One line of the comparison."""

    title: str
    group: Callable[[GroupCount], Group]
    is_share: bool = False
    digits: int = 3

    def compare(self, offered: Group, held_out: Group) -> Difference:
        compare = difference_of_shares if self.is_share else difference_of_means
        return compare(offered, held_out)

    def average(self, group: Group) -> str:
        """Return what an average player of the group has done, in figures."""
        return f"{group.share:.1%}" if self.is_share else f"{group.mean:.{self.digits}f}"

    def signed(self, value: float) -> str:
        """Return a difference with its sign; of shares in points of a hundred."""
        digits, value = (1, 100 * value) if self.is_share else (self.digits, value)
        return f"{value:+.{digits}f}".replace("-", "−")


_MEASURES = (
    _Measure(
        title="Players who bought",
        group=lambda count: Group(
            players=count.players,
            players_with=count.buyers,
            total=count.buyers,
            squared=count.buyers,
        ),
        is_share=True,
    ),
    _Measure(
        title="Purchases per player",
        group=lambda count: Group(
            players=count.players,
            players_with=count.buyers,
            total=count.purchases,
            squared=count.purchases_squared,
        ),
    ),
    _Measure(
        title="Stars paid per player",
        group=lambda count: Group(
            players=count.players,
            players_with=count.buyers,
            total=count.stars,
            squared=count.stars_squared,
        ),
        digits=2,
    ),
    _Measure(
        title="Active days per player",
        group=lambda count: Group(
            players=count.players,
            players_with=count.active_players,
            total=count.active_days,
            squared=count.active_days_squared,
        ),
        digits=2,
    ),
)


def section(campaign: Campaign) -> dict[str, Any] | None:
    """Return the comparison as promos/uplift.html shows it; None without a holdout."""
    if not campaign.holdout_percent:
        return None
    found: dict[str, Any] = {"percent": campaign.holdout_percent, "method": METHOD}
    measured = Uplift.objects.filter(campaign=campaign).first()
    if measured is None or measured.counted_until is None:
        return found | {"waiting": _waiting(campaign, measured)}
    counts = uplift.counts(measured)
    if len(counts) < len(("offered", "held out")):
        return found | {"waiting": "When the campaign began, one of the two groups had nobody."}
    if campaign.for_language and measured.recorded_at is not None:
        found["method"] += (
            f" Of the language counts what it was on {dates.moment(measured.recorded_at)}, when "
            "the players were recorded."
        )
    return found | {
        "until": dates.moment(measured.counted_until),
        "begins": dates.moment(measured.begins_at),
        "is_final": measured.ends_at is not None and measured.counted_until >= measured.ends_at,
        "offered": f"{counts[False].players:,}",
        "held_out": f"{counts[True].players:,}",
        "rows": [_row(measure, counts) for measure in _MEASURES],
    }


def _waiting(campaign: Campaign, measured: Uplift | None) -> str:
    """Return why there is nothing to compare yet."""
    if campaign.status == CampaignStatus.DRAFT:
        return "The comparison begins with the campaign."
    if measured is None and campaign.status in OVER and campaign.changed_at <= campaign.starts_at:
        return "It was over before it began: there is nothing to compare."
    if measured is None:
        return "The comparison begins within a minute of the campaign's begin."
    if measured.recorded_at is None:
        return "Who is compared is being recorded."
    return "The first count is being made."


def _row(measure: _Measure, counts: Mapping[bool, GroupCount]) -> dict[str, Any]:
    """Return a line of the comparison; without a difference if there are too few."""
    offered, held_out = measure.group(counts[False]), measure.group(counts[True])
    row: dict[str, Any] = {
        "title": measure.title,
        "offered": measure.average(offered),
        "held_out": measure.average(held_out),
    }
    if not is_enough(offered, held_out):
        return row | {"verdict": TOO_FEW}
    difference = measure.compare(offered, held_out)
    unit = " points" if measure.is_share else ""
    low, high = measure.signed(difference.low), measure.signed(difference.high)
    return row | {
        "difference": f"{measure.signed(difference.value)}{unit}",
        "interval": f"{low} to {high}",
        "picture": picture(difference, label=f"{measure.title}: {low} to {high}{unit}"),
        "verdict": _verdict(difference),
    }


def _verdict(difference: Difference) -> str:
    if not difference.is_clear:
        return "No clear difference: none at all lies within the interval."
    return "More than in the holdout." if difference.value > 0 else "Less than in the holdout."


def picture(difference: Difference, *, label: str) -> SafeString:
    """Return the interval as a bar with a mark at its value, beside a line at no difference."""
    scale = REACH / max(abs(difference.low), abs(difference.high), 1e-12)
    low, value, high = (
        MIDDLE + scale * one for one in (difference.low, difference.value, difference.high)
    )
    kind = "clear" if difference.is_clear else "open"
    return format_html(
        '<svg class="uplift-picture" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "<title>{}</title>"
        '<line class="uplift-zero" x1="{}" x2="{}" y1="0" y2="{}"/>'
        '<rect class="uplift-{}" x="{}" y="9" width="{}" height="6" rx="3"/>'
        '<circle class="uplift-value" cx="{}" cy="12" r="5"/></svg>',
        WIDTH,
        HEIGHT,
        label,
        label,
        MIDDLE,
        MIDDLE,
        HEIGHT,
        kind,
        f"{low:.1f}",
        f"{high - low:.1f}",
        f"{value:.1f}",
    )
