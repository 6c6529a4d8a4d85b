"""How well the scheduler of reviews predicts, as a picture that is seen on light and dark."""

from collections.abc import Mapping, Sequence
from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from quizarena.game.models import ReviewAccuracy
from quizarena.game.review_accuracy import MONTH_DAYS, TARGET
from quizarena.staff import dates

# The picture in its own units; to the left and below the plot is room for the words.
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 360, 120, 34, 16, 6
# The axis ends where a scheduler knows nothing (0.693), or higher; what is far above is at its end.
_LOSS_MIN, _LOSS_MAX = 0.7, 2.0
_RIGHT = 6


def loss_curve(days: Sequence[date], counted: Mapping[date, ReviewAccuracy]) -> SafeString | str:
    """Return the log loss by day: a line for that of 30 days, a dot for each day, the target.

    A day that was not counted, or had no prediction, is a gap. Empty if there is none at all.
    """
    rows = [counted.get(day) for day in days]
    losses = [
        loss
        for one in rows
        if one is not None
        for loss in (one.log_loss, one.month_log_loss)
        if loss is not None
    ]
    if not losses:
        return ""
    top = min(max(_LOSS_MIN, *losses), _LOSS_MAX)
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(days) - 1, 1)

    def x(index: int) -> str:
        return f"{_LEFT + index * step:.1f}"

    def y(loss: float) -> str:
        return f"{_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(loss, top) / top):.1f}"

    points = [
        None if one is None or one.month_log_loss is None else (x(index), y(one.month_log_loss))
        for index, one in enumerate(rows)
    ]
    dots = format_html_join(
        "",
        '<circle class="loss-day" cx="{}" cy="{}" r="2"><title>{}</title></circle>',
        (
            (x(index), y(one.log_loss), _of_day(one, one.log_loss))
            for index, one in enumerate(rows)
            if one is not None and one.log_loss is not None
        ),
    )
    return format_html(
        '<svg class="loss-curve" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        "{}{}{}{}{}</svg>",
        _WIDTH,
        _HEIGHT,
        *[_summary(rows)] * 2,
        _guide("loss-axis", y(0), "0"),
        _guide("loss-axis", y(top), f"{top:.2f}"),
        _guide("loss-target", y(TARGET), f"{TARGET:.2f}"),
        format_html('<path class="loss-month" d="{}"/>', _path(points)),
        format_html(
            '{}<text x="{}" y="{}">{}</text><text class="loss-end" x="{}" y="{}">{}</text>',
            dots,
            *(_LEFT, _HEIGHT - 4, dates.short_day(days[0])),
            *(_WIDTH - _RIGHT, _HEIGHT - 4, dates.short_day(days[-1])),
        ),
    )


def _path(points: Sequence[tuple[str, str] | None]) -> str:
    """Return the line through the points, broken where there is none; one on its own is a dot."""
    parts = []
    for index, point in enumerate(points):
        if point is None:
            continue
        continues = index > 0 and points[index - 1] is not None
        parts.append(f"{'L' if continues else 'M'}{point[0]} {point[1]}")
        if not continues:
            parts.append("h0")
    return "".join(parts)


def _guide(kind: str, y: str, label: str) -> SafeString:
    """Return a line across the plot with its loss beside it."""
    return format_html(
        '<path class="{}" d="M{} {}H{}"/><text class="loss-end" x="{}" y="{}">{}</text>',
        kind,
        *(_LEFT, y, _WIDTH - _RIGHT),
        *(_LEFT - 4, f"{float(y) + 3:.1f}", label),
    )


def _of_day(counted: ReviewAccuracy, loss: float) -> str:
    return f"{dates.day(counted.day)}: {loss:.3f} of {counted.predictions:,} predictions"


def _summary(rows: Sequence[ReviewAccuracy | None]) -> str:
    """Return what the picture shows, for who does not see it."""
    months = [one.month_log_loss for one in rows if one and one.month_log_loss is not None]
    if not months:
        return "Log loss by day"
    return (
        f"Log loss of {MONTH_DAYS} days, by day: from {months[0]:.3f} to {months[-1]:.3f}, between "
        f"{min(months):.3f} and {max(months):.3f}; the target is {TARGET:.2f} at most"
    )
