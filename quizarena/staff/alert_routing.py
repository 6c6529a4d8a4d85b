"""Who gets which alerts outside of the house: by severity, unless an administrator says otherwise.

What leaves is written down in the transaction that raises or resolves the alert, as rows of
AlertDelivery; quizarena/staff/alert_delivery.py sends them. A channel without an address in the
environment gets nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from quizarena.staff import audit, reasons
from quizarena.staff.alert_models import (
    AlertChannel,
    AlertDelivery,
    AlertEvent,
    AlertRoute,
    DeliveryState,
    Severity,
)
from quizarena.staff.errors import (
    AlertResolvedError,
    ChannelNotConfiguredError,
    DeliveryNotFailedError,
)
from quizarena.staff.models import Alert

# What no administrator has changed.
CHANNELS: dict[Severity, tuple[AlertChannel, ...]] = {
    Severity.CRITICAL: tuple(AlertChannel),
    Severity.WARNING: (AlertChannel.SLACK, AlertChannel.WEBHOOK, AlertChannel.TELEGRAM),
    Severity.INFO: (AlertChannel.SLACK, AlertChannel.WEBHOOK),
}
# The variables of the environment without which a channel has nowhere to send to.
VARIABLES: dict[AlertChannel, str] = {
    AlertChannel.PAGERDUTY: "ALERT_PAGERDUTY_ROUTING_KEY",
    AlertChannel.SLACK: "ALERT_SLACK_WEBHOOK_URL",
    AlertChannel.WEBHOOK: "ALERT_WEBHOOK_URL",
    AlertChannel.TELEGRAM: "ALERT_TELEGRAM_STAFF",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How severe the alerts of a kind are, and by which channels they leave."""

    severity: Severity
    channels: tuple[AlertChannel, ...]


def configured() -> tuple[AlertChannel, ...]:
    """Return the channels that have an address in the environment."""
    return tuple(channel for channel in AlertChannel if getattr(settings, VARIABLES[channel]))


def default_route(severity: Severity) -> Route:
    """Return where alerts of this severity go, as long as nobody has chosen otherwise."""
    return Route(severity=severity, channels=CHANNELS[severity])


def route_of(kind: str, *, severity: Severity) -> Route:
    """Return where alerts of the kind go, whose severity is `severity` by the code."""
    chosen = AlertRoute.objects.filter(kind=kind).first()
    if chosen is None:
        return default_route(severity)
    channels = tuple(channel for channel in AlertChannel if channel in chosen.channels)
    return Route(severity=Severity(chosen.severity), channels=channels)


def enqueue_raised(*, alert_id: int, kind: str, severity: Severity, now: datetime) -> None:
    """Write down what leaves about a new alert; without a configured channel, nothing."""
    if not (ways := configured()):
        return
    route = route_of(kind, severity=severity)
    AlertDelivery.objects.bulk_create(
        AlertDelivery(
            alert_id=alert_id,
            channel=channel,
            event=AlertEvent.RAISED,
            severity=route.severity,
            created_at=now,
            next_at=now,
        )
        for channel in ways
        if channel in route.channels
    )


def enqueue_resolved(*, alert_ids: Iterable[int], now: datetime) -> None:
    """Write down that the alerts are resolved, for every channel that they have left by."""
    raised = AlertDelivery.objects.filter(alert__in=alert_ids, event=AlertEvent.RAISED)
    AlertDelivery.objects.bulk_create(
        [
            AlertDelivery(
                alert_id=one.alert_id,
                channel=one.channel,
                event=AlertEvent.RESOLVED,
                severity=one.severity,
                created_at=now,
                next_at=now,
            )
            for one in raised.order_by("pk")
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def choose(
    *,
    kind: str,
    label: str,
    severity: Severity,
    channels: Collection[AlertChannel],
    default: Severity,
    staff: User,
    reason: str,
    now: datetime,
) -> Route:
    """Let alerts of the kind go these ways from now on; what is the default needs no row.

    The audit log keeps who has chosen and why. Raises BadReasonError.
    """
    why = reasons.normalise(reason)
    before = route_of(kind, severity=default)
    after = Route(
        severity=severity,
        channels=tuple(channel for channel in AlertChannel if channel in channels),
    )
    if after == default_route(default):
        AlertRoute.objects.filter(kind=kind).delete()
    else:
        AlertRoute.objects.update_or_create(
            kind=kind, defaults={"severity": after.severity, "channels": list(after.channels)}
        )
    audit.record(
        actor=staff,
        action="alertroute.chosen",
        obj=None,
        summary=f"{label}: {describe(after)}. {why}",
        details={"kind": kind, "before": describe(before), "after": describe(after)},
    )
    return after


def describe(route: Route) -> str:
    """Return a route in words."""
    names = ", ".join(channel.label for channel in route.channels)
    return f"{route.severity.label}, {f'to {names}' if names else 'to nobody outside'}"


@transaction.atomic
def request_test(*, channel: AlertChannel, staff: User, now: datetime) -> AlertDelivery:
    """Write down a test message for the channel. Raises ChannelNotConfiguredError."""
    if channel not in configured():
        raise ChannelNotConfiguredError(f"{VARIABLES[channel]} is not set")
    delivery = AlertDelivery.objects.create(
        channel=channel,
        event=AlertEvent.TEST,
        severity=Severity.INFO,
        created_at=now,
        next_at=now,
    )
    audit.record(
        actor=staff,
        action="alertdelivery.test",
        obj=delivery,
        summary=f"{channel.label}: a test message was requested.",
    )
    return delivery


@transaction.atomic
def send_again(*, delivery_id: int, now: datetime) -> AlertDelivery:
    """Let a delivery that has failed be tried anew. Locks its alert, and it.

    Raises DeliveryNotFailedError, and AlertResolvedError for an alert that would be raised outside
    although it is resolved: nothing would close it there.
    """
    alert = Alert.objects.select_for_update(of=("self",)).filter(deliveries=delivery_id).first()
    delivery = AlertDelivery.objects.select_for_update(of=("self",)).get(pk=delivery_id)
    if delivery.state != DeliveryState.FAILED:
        raise DeliveryNotFailedError(f"it is {delivery.get_state_display()}")
    is_over = alert is not None and alert.resolved_at is not None
    if delivery.event == AlertEvent.RAISED and is_over:
        raise AlertResolvedError("the alert is resolved")
    delivery.state = DeliveryState.PENDING
    delivery.attempts, delivery.finished_at, delivery.next_at = 0, None, now
    delivery.save(update_fields=["state", "attempts", "finished_at", "next_at"])
    return delivery


def alert_url(alert_id: int) -> str:
    """Return the absolute address of an alert's page, as far as the site knows its own."""
    base = settings.PUBLIC_URL.rstrip("/")
    # Written out: workers do not load the pages of the admin.
    return f"{base}/admin/staff/alert/{alert_id}/change/" if base else ""


def runbook_url(runbook: str) -> str:
    """Return the absolute address of a runbook ("docs/runbooks/….md"), or nothing."""
    base = settings.DOCUMENTATION_URL.rstrip("/")
    return f"{base}/{quote(runbook)}" if base and runbook else ""
