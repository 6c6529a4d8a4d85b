"""Who watches the controls: alerts for those that have not run cleanly, or are switched off.

Beat itself does this with its ticks (scheduler.py), so that no row of the schedule can pause it. An
alert that somebody closes comes back within a minute, as long as there is a reason for it.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog
from celery.schedules import maybe_schedule
from django.conf import settings
from django.template.defaultfilters import pluralize
from django_celery_beat.models import PeriodicTask

from economy.controls import CONTROLS, OVERDUE, OVERDUE_FOR_DAYS, SWITCHED_OFF, Control
from economy.models import ControlRun
from quizarena.staff import alerts
from quizarena.staff.dates import span
from quizarena.staff.models import AuditEntry

log = structlog.get_logger(__name__)


def watch(*, now: datetime) -> int:
    """Raise and resolve the alerts about controls; return how many there is a reason for."""
    return sum(_watch_age(code, now=now) + _watch_schedule(code, now=now) for code in CONTROLS)


def is_a_control(task: PeriodicTask) -> bool:
    """Whether the job of the schedule is a control's, which nobody may pause at the desk."""
    return any(task.name in jobs_of(control) for control in CONTROLS.values()) or any(
        task.task == control.task for control in CONTROLS.values()
    )


def _watch_age(code: str, *, now: datetime) -> int:
    """Look how old the last clean run of a control is."""
    control = CONTROLS[code]
    clean = ControlRun.objects.clean().filter(control=code).order_by("-id")
    clean_at = clean.values_list("last_at", flat=True).first()
    # What has never run cleanly is counted from the first run of any control.
    since = (
        clean_at or ControlRun.objects.order_by("id").values_list("started_at", flat=True).first()
    )
    if since is None or now - since <= control.clean_within:
        for kind in (OVERDUE, OVERDUE_FOR_DAYS):
            alerts.resolve(kind=kind, key=code, now=now)
        return 0
    for_days = now - since > control.critical_after
    if for_days:
        log.critical("control.overdue_for_days", control=code, since=since)
    _alert(
        OVERDUE_FOR_DAYS if for_days else OVERDUE,
        code,
        f"{control.label} has had no clean run for {span(now - since)}. {_last_run(code)}",
        now=now,
    )
    return 1


def _last_run(code: str) -> str:
    """Return how the last run of a control has ended, in a sentence."""
    last = ControlRun.objects.filter(control=code).order_by("-pk").first()
    if last is None:
        return "It has never run."
    if last.error:
        return f"The last run ended with {last.error}."
    if last.findings:
        return f"The last run ended with {last.findings} open finding{pluralize(last.findings)}."
    return "Since then it has not run, or has not finished."


def _watch_schedule(code: str, *, now: datetime) -> int:
    """Look whether the schedule still has the jobs of a control, as the settings have them."""
    differences = list(_differences(CONTROLS[code]))
    if not differences:
        alerts.resolve(kind=SWITCHED_OFF, key=code, now=now)
        return 0
    _alert(SWITCHED_OFF, code, f"{CONTROLS[code].label}: {' '.join(differences)}", now=now)
    return 1


def jobs_of(control: Control) -> dict[str, dict[str, Any]]:
    """Return the jobs of a control in the settings, by name."""
    return {
        name: job
        for name, job in settings.CELERY_BEAT_SCHEDULE.items()
        if job["task"] == control.task and job.get("kwargs", {}) == dict(control.kwargs)
    }


def _differences(control: Control) -> Iterator[str]:
    """Say how the schedule in the database differs from the settings."""
    jobs = jobs_of(control)
    if not jobs:
        yield "The settings have no job for this control."
    rows = {row.name: row for row in PeriodicTask.objects.filter(name__in=jobs)}
    for name, job in jobs.items():
        row = rows.get(name)
        if row is None:
            yield f'"{name}" is missing in the schedule.'
            continue
        changed = _changed(row, job)
        if changed:
            yield f'"{name}" is {changed}{_by_whom(row)}.'


def _changed(row: PeriodicTask, job: dict[str, Any]) -> str:
    """Return what somebody has done to a job of the schedule, if anything."""
    if not row.enabled:
        return "paused"
    options = job.get("options", {})
    is_as_set = (
        row.task == job["task"]
        and row.schedule == maybe_schedule(job["schedule"])
        and _json(row.kwargs, {}) == job.get("kwargs", {})
        and _json(row.args, []) == list(job.get("args", []))
        and (row.queue or None) == options.get("queue")
        and row.start_time is None
        and row.expires is None
        and row.expire_seconds == (round(options["expires"]) if "expires" in options else None)
        and not row.one_off
    )
    return "" if is_as_set else "different from the settings"


def _json(text: str, empty: Any) -> Any:
    """Return what a JSON column says; what cannot be read is not what the settings say."""
    try:
        return json.loads(text or json.dumps(empty))
    except ValueError:
        return None


def _by_whom(row: PeriodicTask) -> str:
    """Return who has last done something to a job at the desk."""
    entry = (
        AuditEntry.objects.filter(
            object_type="django_celery_beat.periodictask", object_id=str(row.pk)
        )
        .select_related("actor")
        .order_by("-id")
        .first()
    )
    return f" (last changed by {entry.actor})" if entry is not None and entry.actor else ""


def _alert(kind: str, code: str, summary: str, *, now: datetime) -> None:
    """Raise an alert about a control."""
    alerts.raise_alert(kind=kind, key=code, summary=summary, details={"control": code}, now=now)
