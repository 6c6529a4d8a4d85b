"""Monthly subscriptions, which Telegram renews."""

from datetime import datetime, timedelta
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from payments.models.purchase import Purchase


class SubscriptionState(models.TextChoices):
    """What a subscription is at an instant. Never stored: it follows from time."""

    ACTIVE = "ACTIVE", "active"
    CANCELED = "CANCELED", "cancelled, runs until its end"
    GRACE = "GRACE", "not renewed, in grace"
    ENDED = "ENDED", "ended"


# How long Premium continues when a renewal has not come in time.
GRACE = timedelta(days=3)


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Questions about subscriptions."""

    def running(self, now: datetime) -> Self:
        """Return those that have not ended."""
        return self.filter(Q(expires_at__gt=now) | Q(canceled_at=None, expires_at__gt=now - GRACE))

    def grace_due(self, now: datetime) -> Self:
        """Return those whose renewal has not come, and that have no days of grace yet."""
        return self.filter(
            canceled_at=None, grace_entry=None, expires_at__lte=now, expires_at__gt=now - GRACE
        )

    def cancel_due(self, now: datetime) -> Self:
        """Return those that still have to be cancelled at Telegram, the oldest first."""
        return self.filter(cancel_due_at__lte=now).order_by("cancel_due_at")

    def grace_notice_due(self) -> Self:
        """Return those whose players are not notified yet that the renewal failed.

        Telegram says so, or the days of grace have begun without it.
        """
        return self.filter(
            Q(failed_at__isnull=False) | Q(grace_entry__isnull=False),
            grace_notified_at=None,
            canceled_at=None,
        )


def renewed_sql(subscription: str) -> str:
    """Return as SQL whether the row `subscription` is ACTIVE or in GRACE at the parameter `now`."""
    grace = f"INTERVAL '{GRACE.total_seconds():.0f} seconds'"
    return f"({subscription}.canceled_at IS NULL AND {subscription}.expires_at > %(now)s - {grace})"


class Subscription(models.Model):
    """A monthly subscription that Telegram renews; its first purchase began it."""

    purchase = models.OneToOneField(
        Purchase, primary_key=True, on_delete=models.PROTECT, related_name="subscription"
    )
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="subscriptions"
    )
    # Until when it has been paid.
    expires_at = models.DateTimeField()
    canceled_at = models.DateTimeField(null=True)
    # When Telegram reported that a renewal failed (Bot API 10.2, update `subscription`).
    failed_at = models.DateTimeField(null=True)
    # The days of grace that were given when the renewal did not come; it takes the rest back.
    grace_entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="+"
    )
    grace_notified_at = models.DateTimeField(null=True)
    # When the next attempt to cancel it at Telegram is due; empty once Telegram has agreed.
    cancel_due_at = models.DateTimeField(null=True)
    cancel_tries = models.PositiveSmallIntegerField(default=0)
    cancel_error = models.TextField(blank=True, default="")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        indexes = [
            # Whose renewal has not come, and the admin's list.
            models.Index(fields=["expires_at"], name="subscription_expires"),
            # What the bot has to send.
            models.Index(
                fields=["player"],
                condition=(Q(failed_at__isnull=False) | Q(grace_entry__isnull=False))
                & Q(grace_notified_at=None, canceled_at=None),
                name="subscription_grace_notice_due",
            ),
            # What has to be cancelled at Telegram.
            models.Index(
                fields=["cancel_due_at"],
                condition=Q(cancel_due_at__isnull=False),
                name="subscription_cancel_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(cancel_due_at=None) | Q(canceled_at__isnull=False),
                name="subscription_canceled_here_before_at_telegram",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "subscriptions"),
        ]

    def __str__(self) -> str:
        return f"subscription {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Subscription of {self.player}"

    def state(self, now: datetime) -> SubscriptionState:
        """Return what it is at `now`."""
        if now < self.expires_at:
            canceled = self.canceled_at is not None
            return SubscriptionState.CANCELED if canceled else SubscriptionState.ACTIVE
        if self.canceled_at is None and now < self.expires_at + GRACE:
            return SubscriptionState.GRACE
        return SubscriptionState.ENDED
