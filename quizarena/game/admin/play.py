"""How much is played, at the desk: by day, by mode and level, and the first days of new players."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from economy.charts import COLOURS, chart_options
from quizarena.game import play_counts, points, review_accuracy, review_charts
from quizarena.game.models import FirstDayCohort, Mode, PlayDay, PlayDayMode, ReviewAccuracy
from quizarena.game.play_counts import (
    DUEL,
    PLACEMENT,
    REVIEW,
    SECOND_DAY,
    SEVENTH_DAY,
    SPRINT,
    TOURNAMENT,
)
from quizarena.staff import dates
from quizarena.staff.desk import ReadOnlyAdmin

# How many days a report can have.
PERIODS = (7, 30, 90)
PERIOD = 30
MODE_NAMES = {
    **{mode.value: mode.label for mode in Mode},
    DUEL: "Duels",
    TOURNAMENT: "Cups and tournaments",
    PLACEMENT: "Placement",
    SPRINT: "Sprints",
    REVIEW: "Review",
}
BLUE, ORANGE, GREEN = COLOURS[:3]


@admin.register(PlayDay)
class PlayDayAdmin(ReadOnlyAdmin[PlayDay]):
    """The report of the days that were counted. It reads counts, and no answer."""

    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("day", "counted_at"),
                    ("active_players", "new_players"),
                    ("rounds", "challenges"),
                    ("answers", "right"),
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css", "game/play.css"]}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the last 7, 30 or 90 days, in place of a list of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        length = _period(request.GET.get("days", ""))
        today = points.today(timezone.now())
        days = [today - timedelta(days=back) for back in reversed(range(length))]
        counted = {one.day: one for one in PlayDay.objects.filter(day__in=days)}
        cohorts = {one.day: one for one in FirstDayCohort.objects.filter(day__in=days)}
        latest = PlayDay.objects.order_by("-counted_at").first()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Play of the last {length} days",
            "opts": self.opts,
            "media": self.media,
            "periods": [(one, one == length) for one in PERIODS],
            "counted_at": dates.moment(latest.counted_at) if latest else "",
            "zone": dates.zone_name(),
            "is_empty": not counted,
            "figures": _figures(counted.values()),
            **_charts(days, counted),
            "modes": _modes(days),
            "funnel": _funnel(cohorts.values()),
            "by_day": _by_day(days, counted),
            "reviews": _reviews(days),
            "cohorts": _cohorts(days, cohorts),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "game/play.html", context)


def _period(asked: str) -> int:
    """Return the days that somebody has asked for, or else the usual ones."""
    return next((length for length in PERIODS if str(length) == asked), PERIOD)


def _figures(counted: Iterable[PlayDay]) -> list[tuple[str, str]]:
    """Return the sums of the days. Players are not among them: who comes every day is one."""
    rows = list(counted)
    answers, right = sum(one.answers for one in rows), sum(one.right for one in rows)
    active = sum(one.active_players for one in rows)
    return [
        ("Active players a day", f"{active / len(rows):,.1f}" if rows else "–"),
        ("New players", f"{sum(one.new_players for one in rows):,}"),
        ("Rounds finished", f"{sum(one.rounds for one in rows):,}"),
        ("Daily challenges finished", f"{sum(one.challenges for one in rows):,}"),
        ("Answers", f"{answers:,}"),
        ("Right", _percent(right, answers)),
    ]


def _charts(days: Sequence[date], counted: Mapping[date, PlayDay]) -> dict[str, str]:
    """Return the charts; a day that was not counted has a gap, which is not the same as 0."""

    def chart(*series: tuple[str, str, list[int | None]]) -> str:
        return json.dumps(
            {
                "labels": [dates.short_day(day) for day in days],
                "datasets": [
                    {"label": label, "data": units, "backgroundColor": colour, "stack": "all"}
                    for label, colour, units in series
                ],
            }
        )

    def units(name: str) -> list[int | None]:
        return [getattr(counted[day], name) if day in counted else None for day in days]

    wrong = [counted[day].answers - counted[day].right if day in counted else None for day in days]
    return {
        "active_chart": chart(("active players", BLUE, units("active_players"))),
        "answers_chart": chart(("right", GREEN, units("right")), ("wrong", ORANGE, wrong)),
        "rounds_chart": chart(
            ("rounds", BLUE, units("rounds")), ("daily challenges", ORANGE, units("challenges"))
        ),
        "chart_options": json.dumps(chart_options(stacked=True)),
    }


def _by_day(days: Sequence[date], counted: Mapping[date, PlayDay]) -> dict[str, Any]:
    return {
        "headers": ["Day", "Active", "New", "Rounds", "Challenges", "Answers", "Right"],
        "rows": [
            [
                _day(one.day, is_final=play_counts.is_final(one.counted_at, day=one.day)),
                f"{one.active_players:,}",
                f"{one.new_players:,}",
                f"{one.rounds:,}",
                f"{one.challenges:,}",
                f"{one.answers:,}",
                _part(one.right, one.answers),
            ]
            for one in (counted[day] for day in reversed(days) if day in counted)
        ],
    }


def _day(day: date, *, is_final: bool) -> str:
    return dates.day(day) if is_final else f"{dates.day(day)}, so far"


def _modes(days: Sequence[date]) -> dict[str, Any]:
    """Return how much of what was answered in each mode and at each level was right."""
    rows = (
        PlayDayMode.objects.filter(day__in=days)
        .values("mode", "level")
        .annotate(answered=Sum("answers"), correct=Sum("right"))
        .order_by("mode", "level")
    )
    return {
        "headers": ["Mode", "Level", "Answers", "Right"],
        "rows": [
            [
                MODE_NAMES.get(row["mode"], row["mode"]),
                row["level"],
                f"{row['answered']:,}",
                _part(row["correct"], row["answered"]),
            ]
            for row in rows
        ],
    }


def _reviews(days: Sequence[date]) -> dict[str, Any]:
    """Return how well the scheduler of reviews has predicted, by day and over 30 days."""
    rows = list(ReviewAccuracy.objects.filter(day__in=days).order_by("-day"))
    latest = review_accuracy.latest()
    return {
        "log_loss": _loss(latest.month_log_loss if latest is not None else None),
        "predictions": f"{latest.month_predictions:,}" if latest is not None else "0",
        "until": dates.day(latest.day) if latest is not None else "",
        "target": f"{review_accuracy.TARGET:.2f}",
        "curve": review_charts.loss_curve(days, {one.day: one for one in rows}),
        "headers": ["Day", "Predictions", "Log loss", "Predictions, 30 days", "Log loss, 30 days"],
        "rows": [
            [
                dates.day(one.day),
                f"{one.predictions:,}",
                _loss(one.log_loss),
                f"{one.month_predictions:,}",
                _loss(one.month_log_loss),
            ]
            for one in rows
        ],
    }


def _loss(loss: float | None) -> str:
    return "–" if loss is None else f"{loss:.3f}"


def _funnel(cohorts: Iterable[FirstDayCohort]) -> dict[str, Any]:
    """Return how far those have come who started in these days.

    A later day is compared with those for whom it is over: others may still come.
    """
    rows = list(cohorts)
    second = [one for one in rows if _is_over(one, SECOND_DAY)]
    seventh = [one for one in rows if _is_over(one, SEVENTH_DAY)]
    started = sum(one.started for one in rows)
    steps = [
        ("Started", started, started),
        ("Answered on the first day", sum(one.answered for one in rows), started),
        ("Finished a round on the first day", sum(one.finished_round for one in rows), started),
        ("Answered on day 2", *_later(second, "day_2")),
        ("Answered on day 7", *_later(seventh, "day_7")),
    ]
    return {
        "headers": ["Step", "Players", "Of", "Share"],
        "rows": [
            [name, f"{count:,}", f"{whole:,}", _part(count, whole, shows_count=False)]
            for name, count, whole in steps
        ],
    }


def _later(cohorts: Sequence[FirstDayCohort], name: str) -> tuple[int, int]:
    """Return how many have come on a later day, and how many could have."""
    return sum(getattr(one, name) for one in cohorts), sum(one.started for one in cohorts)


def _is_over(cohort: FirstDayCohort, after: timedelta) -> bool:
    """Return whether the day so long after the first was counted when it was over."""
    return play_counts.is_final(cohort.counted_at, day=cohort.day + after)


def _cohorts(days: Sequence[date], cohorts: Mapping[date, FirstDayCohort]) -> dict[str, Any]:
    """Return the same of each day's new players, without days on which nobody has started."""
    return {
        "headers": ["Started on", "Players", "Answered", "Round", "Day 2", "Day 7"],
        "rows": [
            [
                dates.day(one.day),
                f"{one.started:,}",
                _part(one.answered, one.started),
                _part(one.finished_round, one.started),
                _part(one.day_2, one.started, is_final=_is_over(one, SECOND_DAY)),
                _part(one.day_7, one.started, is_final=_is_over(one, SEVENTH_DAY)),
            ]
            for one in (cohorts[day] for day in reversed(days) if day in cohorts)
            if one.started
        ],
    }


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _part(
    part: int | None, whole: int, *, is_final: bool = True, shows_count: bool = True
) -> SafeString | str:
    """Return a part with its share of the whole, as a picture, too; "–" for what is to come."""
    if part is None or not whole:
        return "–"
    share = f"{part / whole:.1%}"
    text = f"{part:,} ({share})" if shows_count else share
    return format_html(
        '<div class="play-part"><span>{}{}</span><i style="--part: {}%"></i></div>',
        text,
        "" if is_final else ", so far",
        f"{100 * part / whole:.1f}",
    )
