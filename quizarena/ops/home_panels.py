"""What the home page shows of the running system, and of money and promos together."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from economy.controls import CONTROLS
from economy.models import ControlRun
from quizarena.ops import backups, health, home_figures
from quizarena.ops.heartbeats import PROCESSES
from quizarena.ops.models import BackupKind
from quizarena.staff import dates, home
from quizarena.staff.desk import age, badge
from quizarena.staff.home import Content, Panel


def _health(user: User, now: datetime) -> Content:
    """Return what /readyz says, a second old at most, and what is recorded of backups."""
    report = health.recent_report()
    parts = {"database": "Database", "broker": "Redis", **{name: name for name in PROCESSES}}
    rows = [
        (label, badge("answers", "success") if report[part] else badge("missing", "danger"))
        for part, label in parts.items()
    ]
    return Content(
        figures=[
            ("Oldest update that waits", _seconds(report.get("oldest_inbox_seconds"))),
            ("Oldest message that waits", _seconds(report.get("oldest_outbox_seconds"))),
        ],
        rows=[*rows, *_backups(now)],
    )


def _backups(now: datetime) -> Iterator[tuple[str, SafeString]]:
    """Yield how old the last backup is, and since when none was restored."""
    for label, kind in (
        ("Last backup", BackupKind.BACKUP),
        ("Last restored to try it", BackupKind.REHEARSAL),
    ):
        last = backups.latest(kind)
        if last is None:
            yield label, badge("never recorded", "warning")
        else:
            late = badge("overdue", "danger") if backups.is_overdue(last, now=now) else ""
            size = filesizeformat(last.size) if last.size else ""
            yield label, format_html("{} {} {}", age(last.began_at), size, late)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return dates.span(timedelta(seconds=seconds)) if seconds else "0 s"


def _checks(user: User, now: datetime) -> Content:
    """Return when each control has last run cleanly. One statement."""
    parts = [
        ControlRun.objects.clean()
        .filter(control=code)
        .order_by("-id")
        .values_list("control", "last_at")[:1]
        for code in CONTROLS
    ]
    first, *others = parts
    clean = dict(first.union(*others, all=True))
    return Content(
        rows=[
            (
                control.label,
                format_html("{} {}", age(clean[code]), _overdue(now - clean[code], code))
                if code in clean
                else badge("never", "warning"),
            )
            for code, control in CONTROLS.items()
        ]
    )


def _overdue(past: timedelta, code: str) -> str:
    """Return a badge for a control whose last clean run is too long ago."""
    return badge("overdue", "danger") if past > CONTROLS[code].clean_within else ""


def _compared(*what: tuple[str, str]) -> Content:
    """Return figures of today and of seven days beside those a week earlier."""
    found = home.recorded(home_figures.DAYS)
    if found is None:
        return Content(
            empty="Nothing has been counted yet. The job “count-home-figures” of the schedule"
            " counts every ten minutes."
        )
    figures = found.figures
    return Content(
        rows=[
            (
                f"{label}, {span_name}",
                format_html(
                    "<strong>{}</strong> <small>a week before {}</small>",
                    f"{figures[span][name]:,}",
                    f"{figures[before][name]:,}",
                ),
            )
            for name, label in what
            for span, before, span_name in (
                ("today", "week_ago", "today"),
                ("days_7", "days_7_before", "7 days"),
            )
        ],
        note=f"Counted at {dates.moment(found.counted_at)} ({dates.zone_name()}); the week before"
        " until the same time of day.",
    )


def _sales(user: User, now: datetime) -> Content:
    return _compared(("redemptions", "Redemptions"), ("stars", "Stars"))


def _stars(user: User, now: datetime) -> Content:
    return _compared(("stars", "Stars in"), ("refunded", "Stars out"))


for panel in (
    Panel(
        name="sales",
        title="Today and this week",
        roles=("Operator",),
        permission="ops.view_productday",
        draw=_sales,
        page="ops_productday_changelist",
        more="Analytics",
        order=20,
    ),
    Panel(
        name="stars",
        title="Stars in and out",
        roles=("Finance",),
        permission="ops.view_productday",
        draw=_stars,
        page="payments_purchase_revenue",
        more="Revenue",
        order=10,
    ),
    Panel(
        name="health",
        title="Health",
        roles=("Administrator",),
        permission="ops.view_heartbeat",
        draw=_health,
        page="ops_heartbeat_changelist",
        more="Heartbeats",
        order=10,
    ),
    Panel(
        name="checks",
        title="Last clean checks",
        roles=("Administrator",),
        permission="economy.view_controlrun",
        draw=_checks,
        page="economy_controlrun_changelist",
        more="Controls",
        order=20,
    ),
):
    home.declare(panel)
