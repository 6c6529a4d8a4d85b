"""Controls: jobs that check our books, and the record of how each of their runs has ended.

A control that fails silently is worse than none. Each run is stored with its findings, one item
that raises becomes a finding and the run continues, and quizarena/ops/controls.py raises an alert
when a control has had no clean run for too long, or when somebody has switched it off.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.db.models import F, Model
from django.template.defaultfilters import pluralize

from economy.models import ControlFinding, ControlRun
from quizarena.staff import alerts

Item = TypeVar("Item")

# The kind of alert for a run with findings.
FINDINGS = "control_findings"
# The kinds of alert for a control without a clean run: for hours, and for days.
OVERDUE = "control_overdue"
OVERDUE_FOR_DAYS = "control_overdue_for_days"
# The kind of alert for a control that somebody has switched off or changed.
SWITCHED_OFF = "control_switched_off"

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What is known of a control: its job, and how old its last clean run may be."""

    label: str
    # The job in quizarena/beat_schedule.py.
    task: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    clean_within: timedelta
    # From here on it is critical.
    critical_after: timedelta
    # It runs every few seconds or minutes and looks only at what is due: clean runs of an hour are
    # one row, and one without findings does not say that those of the last one are resolved.
    is_frequent: bool = False
    # Its own code raises alerts for what it finds.
    raises_own_alerts: bool = False


LEDGER = "ledger"
CAMPAIGN_COUNTERS = "campaign_counters"
RECONCILIATION = "reconciliation"
FULL_RECONCILIATION = "full_reconciliation"
PAYMENT_RECOVERY = "payment_recovery"
REFUND_COMPLETION = "refund_completion"

# Every control, and how many hours it may be without a clean run. This is their only table.
CONTROLS: dict[str, Control] = {
    LEDGER: Control(
        label="Ledger verification",
        task="economy.tasks.verify_ledger",
        clean_within=30 * HOUR,
        critical_after=3 * DAY,
    ),
    CAMPAIGN_COUNTERS: Control(
        label="Campaign counters",
        task="promos.tasks.verify_campaign_counters",
        clean_within=30 * HOUR,
        critical_after=3 * DAY,
        raises_own_alerts=True,
    ),
    RECONCILIATION: Control(
        label="Reconciliation",
        task="payments.tasks.reconcile",
        clean_within=HOUR,
        critical_after=DAY,
        raises_own_alerts=True,
    ),
    FULL_RECONCILIATION: Control(
        label="Full reconciliation",
        task="payments.tasks.reconcile",
        kwargs={"is_full": True},
        clean_within=30 * HOUR,
        critical_after=3 * DAY,
        raises_own_alerts=True,
    ),
    PAYMENT_RECOVERY: Control(
        label="Payment recovery",
        task="payments.tasks.recover_payments",
        clean_within=HOUR,
        critical_after=DAY,
        is_frequent=True,
    ),
    REFUND_COMPLETION: Control(
        label="Refund completion",
        task="payments.tasks.finish_refunds",
        clean_within=HOUR,
        critical_after=DAY,
        is_frequent=True,
    ),
}


@contextmanager
def running(control: str, *, now: datetime) -> Iterator[ControlRun]:
    """Record one run of a control, from `now` to the end of the block.

    If the block raises, the run is stored with the name of the error, which is raised again.
    """
    run = ControlRun(control=control, started_at=now, last_at=now)
    try:
        yield run
    except Exception as error:
        run.error = type(error).__name__
        finish(run, now=now)
        raise
    finish(run, now=now)


def each(run: ControlRun, items: Iterable[Item], work: Callable[[Item], int], *, noun: str) -> int:
    """Do `work` for each item and return the sum; one that raises is a finding of the run."""
    total = 0
    for item in items:
        run.checked += 1
        try:
            total += work(item)
        except Exception as error:  # Of whatever kind: it must not hold up its neighbours.
            log.exception("control.item_failed", control=run.control, item=str(item))
            add_finding(
                run,
                summary=f"{noun} {item} could not be checked: {type(error).__name__}.",
                subject=None,
                details={"item": str(item), "error": type(error).__name__},
            )
    return total


def add_finding(
    run: ControlRun, *, summary: str, subject: Model | None, details: Mapping[str, Any]
) -> None:
    """Store one finding of a run at once, whatever happens to the rest."""
    if run._state.adding:
        run.save()
    ControlFinding.objects.create(
        run=run,
        summary=summary[:500],
        subject_type=subject._meta.label_lower if subject else "",
        subject_id=str(subject.pk) if subject else "",
        details=dict(details),
    )
    run.findings += 1


def finish(run: ControlRun, *, now: datetime) -> ControlRun:
    """Store how a run has ended, and raise or resolve its alerts; return the row it is in now."""
    control = CONTROLS[run.control]
    run.finished_at = now
    if run.findings or run.error:
        run.save()
        log.error("control.not_clean", control=run.control, findings=run.findings, error=run.error)
    elif not (control.is_frequent and _added_to_the_last(run, now=now)):
        run.save()
    if run.findings and not control.raises_own_alerts:
        first = run.headline or run.found.order_by("pk").values_list("summary", flat=True).first()
        alerts.raise_alert(
            kind=FINDINGS,
            key=run.control,
            summary=(
                f"{control.label}: {run.findings} finding{pluralize(run.findings)}. {first or ''}"
            ).strip(),
            details={"run": run.pk},
            now=now,
            subject=run,
        )
    if run.is_clean:
        for kind in (OVERDUE, OVERDUE_FOR_DAYS):
            alerts.resolve(kind=kind, key=run.control, now=now)
        if not control.is_frequent:
            alerts.resolve(kind=FINDINGS, key=run.control, now=now)
    return run


def _added_to_the_last(run: ControlRun, *, now: datetime) -> bool:
    """Count a clean run into the clean row of this hour, if the latest row is one."""
    last = ControlRun.objects.filter(control=run.control).order_by("-pk").first()
    if last is None or not last.is_clean or now - last.started_at >= HOUR:
        return False
    ControlRun.objects.filter(pk=last.pk).update(
        last_at=now, finished_at=now, runs=F("runs") + 1, checked=F("checked") + run.checked
    )
    return True
