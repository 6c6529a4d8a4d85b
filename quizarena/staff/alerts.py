"""Alerts: what staff must look at, once per trouble, however often it happens.

What of it leaves the house, and by which way, stands in quizarena/staff/alert_routing.py.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction

from quizarena.staff import alert_routing, audit, reasons
from quizarena.staff.alert_models import Severity
from quizarena.staff.errors import AlertResolvedError
from quizarena.staff.models import Alert

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of trouble."""

    label: str
    # The way out, from the top of the repository: docs/runbooks/….md.
    runbook: str
    # As long as no administrator has chosen another one.
    severity: Severity


kinds: dict[str, Kind] = {}


def declare(*, kind: str, label: str, runbook: str, severity: Severity = Severity.WARNING) -> None:
    """Make a kind of trouble known; belongs into the AppConfig.ready of its app."""
    kinds[kind] = Kind(label=label, runbook=runbook, severity=severity)


def label_of(kind: str) -> str:
    """Return the label of the kind, or the name of one that no app has any more."""
    return kinds[kind].label if kind in kinds else kind


def runbook_of(kind: str) -> str:
    """Return where the way out of this kind of trouble is written."""
    return kinds[kind].runbook if kind in kinds else ""


@transaction.atomic(savepoint=False)
def raise_alert(
    *,
    kind: str,
    key: str,
    summary: str,
    details: Mapping[str, Any],
    now: datetime,
    subject: models.Model | None = None,
) -> Alert:
    """Make sure that staff look at it: return the open alert of this kind and key.

    The first time it is made, logged as an error, and leaves the house by the channels of its kind
    once the caller's transaction is committed; a repeat counts it up, and brings its summary,
    details and time up to date, in one statement. Its row is locked until the caller's transaction
    ends, and lives and dies with that.
    """
    assert kind in kinds, f"No app declares alerts of the kind {kind}."
    [alert] = Alert.objects.raw(
        """
        INSERT INTO staff_alert (
          kind, key, summary, details, subject_type, subject_id, times, first_at, last_at,
          resolve_reason
        )
        VALUES (%s, %s, %s, %s::jsonb, %s, %s, 1, %s, %s, '')
        ON CONFLICT (kind, key) WHERE resolved_at IS NULL DO UPDATE SET
          times = staff_alert.times + 1,
          last_at = greatest(staff_alert.last_at, excluded.last_at),
          summary = excluded.summary,
          details = excluded.details,
          subject_type = excluded.subject_type,
          subject_id = excluded.subject_id
        RETURNING *
        """,
        [
            kind,
            key,
            summary[:500],
            json.dumps(dict(details), cls=DjangoJSONEncoder),
            subject._meta.label_lower if subject else "",
            str(subject.pk) if subject else "",
            now,
            now,
        ],
    )
    if alert.times == 1:
        alert_routing.enqueue_raised(
            alert_id=alert.pk, kind=kind, severity=kinds[kind].severity, now=now
        )
        log.error("alert.raised", kind=kind, key=key, summary=alert.summary, alert=alert.pk)
    return alert


@transaction.atomic(savepoint=False)
def resolve(*, kind: str, key: str, now: datetime) -> bool:
    """Close the alert because the trouble has gone by itself; return whether one was open."""
    is_open = Alert.objects.filter(kind=kind, key=key, resolved_at=None)
    closed = is_open.update(resolved_at=now)
    if closed:
        alerts = Alert.objects.filter(kind=kind, key=key, resolved_at=now)
        alert_routing.enqueue_resolved(alert_ids=alerts.values_list("pk", flat=True), now=now)
        log.info("alert.resolved", kind=kind, key=key)
    return bool(closed)


@transaction.atomic
def resolve_by_hand(*, alert_id: int, staff: User, reason: str, now: datetime) -> Alert:
    """Close the alert for a reason, which the audit log keeps. Locks it.

    Raises AlertResolvedError if it is closed, and BadReasonError.
    """
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    if alert.resolved_at is not None:
        raise AlertResolvedError("it is resolved already")
    alert.resolved_at = now
    alert.resolved_by = staff
    alert.resolve_reason = reasons.normalise(reason)
    alert.save(update_fields=["resolved_at", "resolved_by", "resolve_reason"])
    alert_routing.enqueue_resolved(alert_ids=[alert.pk], now=now)
    audit.record(
        actor=staff,
        action="alert.resolved",
        obj=alert,
        summary=f"{label_of(alert.kind)}: resolved. {alert.resolve_reason}",
        details={"key": alert.key, "times": alert.times},
    )
    return alert
