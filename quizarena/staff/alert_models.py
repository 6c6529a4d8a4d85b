"""Which alerts leave the house, by which way, and how far each of them has come."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Severity(models.TextChoices):
    """How soon somebody has to look at an alert."""

    CRITICAL = "CRITICAL", "critical"
    WARNING = "WARNING", "warning"
    INFO = "INFO", "info"


class AlertChannel(models.TextChoices):
    """A way out of the house. Its address and key stand in the environment, never in a row."""

    PAGERDUTY = "PAGERDUTY", "PagerDuty"
    SLACK = "SLACK", "Slack"
    WEBHOOK = "WEBHOOK", "Webhook"
    TELEGRAM = "TELEGRAM", "Telegram"


class AlertEvent(models.TextChoices):
    """What a delivery says about its alert."""

    RAISED = "RAISED", "raised"
    RESOLVED = "RESOLVED", "resolved"
    TEST = "TEST", "test"


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "PENDING", "pending"
    SENT = "SENT", "sent"
    FAILED = "FAILED", "failed"


# Every arrow of a delivery's life. FAILED -> PENDING is a person's "send again".
DELIVERY_MOVES = (
    (DeliveryState.PENDING, DeliveryState.SENT),
    (DeliveryState.PENDING, DeliveryState.FAILED),
    (DeliveryState.FAILED, DeliveryState.PENDING),
)


class AlertRoute(models.Model):
    """Who gets the alerts of a kind, where an administrator has chosen otherwise than the code."""

    kind = models.CharField(max_length=64, unique=True)
    severity = models.CharField(max_length=8, choices=Severity)
    # Of those that are configured; none of them keeps the alert inside the house.
    channels = ArrayField(models.CharField(max_length=9, choices=AlertChannel), blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values), name="alertroute_severity_is_known"
            ),
            models.CheckConstraint(
                condition=Q(channels__contained_by=AlertChannel.values),
                name="alertroute_channels_are_known",
            ),
        ]

    def __str__(self) -> str:
        return self.kind.replace("_", " ").capitalize()


class AlertDelivery(models.Model):
    """One message about an alert by one channel, written in the transaction that raises it."""

    # None of a test.
    alert = models.ForeignKey(
        "staff.Alert",
        null=True,
        on_delete=models.PROTECT,
        related_name="deliveries",
        # The constraint that there is one of each is the index, too.
        db_index=False,
    )
    channel = models.CharField(max_length=9, choices=AlertChannel)
    event = models.CharField(max_length=8, choices=AlertEvent)
    severity = models.CharField(max_length=8, choices=Severity)
    state = models.CharField(max_length=7, choices=DeliveryState, default=DeliveryState.PENDING)
    created_at = models.DateTimeField()
    # When it is tried next; while somebody tries, when that claim is over.
    next_at = models.DateTimeField()
    # Counted with the claim, so that a worker that dies with it has tried, too.
    attempts = models.PositiveSmallIntegerField(default=0)
    # It fences: the outcome of a claim that was taken over changes nothing.
    claim_number = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name_plural = "alert deliveries"
        indexes = [
            # The next ones to claim.
            models.Index(
                fields=["next_at", "id"], condition=Q(state="PENDING"), name="alertdelivery_due"
            ),
            # The admin's list of what has not got through.
            models.Index(fields=["-id"], condition=Q(state="FAILED"), name="alertdelivery_failed"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel", "event"], name="alertdelivery_once_per_event"
            ),
            models.CheckConstraint(
                condition=Q(alert=None, event="TEST") | (Q(alert__isnull=False) & ~Q(event="TEST")),
                name="alertdelivery_test_is_of_no_alert",
            ),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values)
                & Q(channel__in=AlertChannel.values)
                & Q(event__in=AlertEvent.values)
                & Q(severity__in=Severity.values),
                name="alertdelivery_choices_are_known",
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", finished_at=None)
                | (~Q(state="PENDING") & Q(finished_at__isnull=False)),
                name="alertdelivery_finished_has_finished_at",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="alertdelivery_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in DELIVERY_MOVES],
            ),
            pgtrigger.ReadOnly(
                name="alertdelivery_identity_stays",
                fields=["alert", "channel", "event", "severity", "created_at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.pk}"
