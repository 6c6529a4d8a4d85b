"""What of staff's own things waits for a person; and how other apps let their alerts wait."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse

from quizarena.staff import alerts, approvals, inbox
from quizarena.staff.alert_models import AlertDelivery, AlertEvent, DeliveryState, Severity
from quizarena.staff.models import Alert, ApprovalRequest

DELIVERIES = "alert-deliveries"


def declare() -> None:
    """Declare what waits, and the alert about what waits too long."""
    alerts.declare(
        kind=inbox.LATE,
        label="Waits too long in the staff inbox",
        runbook="docs/runbooks/inbox.md",
        severity=Severity.WARNING,
    )
    inbox.declare(
        inbox.Source(
            name="alerts",
            title="Alerts",
            label="Alert",
            step="Look into it",
            page="staff.alert",
            permission="staff.view_alert",
            waiting=_other_alerts,
            since="first_at",
            order=("first_at", "id"),
            late_after=timedelta(hours=24),
            # An alert about an alert says nothing new.
            is_watched=False,
            kind=lambda alert: alerts.label_of(alert.kind),
            alerts=(inbox.LATE,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="approvals",
            title="Approvals",
            label="Approval",
            step="Decide",
            page="staff.approvalrequest",
            permission="staff.view_approvalrequest",
            waiting=_approvals,
            since="asked_at",
            # Each expires as long after it was asked.
            order=("expires_at", "id"),
            late_after=timedelta(hours=24),
            related=("maker",),
            describe=_asked,
        )
    )
    inbox.declare(
        inbox.Source(
            name=DELIVERIES,
            title="Alert deliveries",
            label="Alert not delivered",
            step="Send again",
            page="staff.alertdelivery",
            permission="staff.view_alertdelivery",
            waiting=_failed_deliveries,
            is_the_same_for_all=True,
            since="finished_at",
            order=("id",),
            late_after=timedelta(hours=24),
            related=("alert",),
            describe=lambda delivery: f"{delivery.get_channel_display()}: {delivery.alert}",
        )
    )


def of_alerts(*kinds: str) -> inbox.Waiting:
    """Return what waits of the alerts of these kinds: those that are open."""

    def waiting(*, user: User | None, now: datetime) -> QuerySet[Any]:
        return Alert.objects.filter(resolved_at=None, kind__in=kinds)

    return waiting


def page_of_subject(page: str) -> Callable[[Alert], str]:
    """Return how to find the page of what an alert is about; without one it is the alert's own."""

    def address(alert: Alert) -> str:
        if alert.subject_id:
            return reverse(f"admin:{page}_change", args=[alert.subject_id])
        return reverse("admin:staff_alert_change", args=[alert.pk])

    return address


def _other_alerts(*, user: User | None, now: datetime) -> QuerySet[Any]:
    """Return the open alerts that no other source shows to the user."""
    seen: Sequence[inbox.Source] = (
        list(inbox.sources.values()) if user is None else inbox.seen_by(user)
    )
    shown = [kind for source in seen for kind in source.alerts]
    return Alert.objects.filter(resolved_at=None).exclude(kind__in=shown)


def _approvals(*, user: User | None, now: datetime) -> QuerySet[Any]:
    waiting = ApprovalRequest.objects.waiting(now)
    return waiting if user is None else approvals.decided_by(user, waiting)


def _asked(request: ApprovalRequest) -> str:
    return f"{approvals.label_of(request.kind)}: {request.subject_name}, asked by {request.maker}"


def _failed_deliveries(*, user: User | None, now: datetime) -> QuerySet[Any]:
    """Return what is still to be said: an alert that is over is not sent again.

    Nor is the alert about this very list: its own failed delivery would keep it open for ever.
    """
    # By the open alerts, which are few. What has failed is kept, and there is more and more of it.
    is_open = Alert.objects.filter(resolved_at=None)
    return AlertDelivery.objects.filter(
        state=DeliveryState.FAILED,
        event=AlertEvent.RAISED,
        alert__in=is_open.exclude(kind=inbox.LATE, key=DELIVERIES),
    )
