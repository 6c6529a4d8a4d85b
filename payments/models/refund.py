"""Refunds: who wanted them, why, and how far they are."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from economy.models import never_truncated
from payments.models.purchase import Purchase


class RefundSource(models.TextChoices):
    """Who wanted it."""

    STAFF = "STAFF", "staff"
    API = "API", "API"
    TELEGRAM = "TELEGRAM", "Telegram"


class RefundQuerySet(models.QuerySet["Refund"]):
    """Questions about refunds."""

    def due(self, now: datetime) -> Self:
        """Return those that have yet to come to their end and may be tried, the oldest first."""
        return self.filter(finished_at=None, due_at__lte=now).order_by("due_at")


class Refund(models.Model):
    """The intent to refund a purchase, stored before Telegram is asked. One per purchase."""

    purchase = models.OneToOneField(Purchase, on_delete=models.PROTECT, related_name="refund")
    source = models.CharField(max_length=8, choices=RefundSource)
    reason = models.CharField(max_length=500)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # The second person, where one had to agree.
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    # When Telegram said that the Stars are back, stored at once; the rest is ours to do.
    telegram_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the saga has to continue.
            models.Index(fields=["due_at"], condition=Q(finished_at=None), name="refund_due"),
            # Revenue by day.
            models.Index(
                fields=["finished_at"],
                condition=Q(finished_at__isnull=False),
                name="refund_finished",
            ),
            # What a member of staff has refunded on a day.
            models.Index(
                fields=["staff", "asked_at"],
                condition=Q(staff__isnull=False),
                name="refund_by_staff",
            ),
            # What clients of the API have refunded within 24 hours.
            models.Index(fields=["asked_at"], condition=Q(source="API"), name="refund_by_api"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=RefundSource.values), name="refund_source_is_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(source="STAFF") | Q(staff__isnull=False),
                name="refund_of_staff_is_theirs",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None)
                | (Q(staff__isnull=False) & ~Q(approved_by=F("staff"))),
                name="refund_maker_is_never_the_checker",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(telegram_at__isnull=False),
                name="refund_ends_after_telegram",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "refunds"),
        ]

    def __str__(self) -> str:
        return f"refund of {self.purchase_id}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Refund: {self.purchase.page_name}"
