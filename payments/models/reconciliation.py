"""Telegram's own list of transactions, and how our books differ from it."""

from typing import Any

import pgtrigger
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Abs, Cast, Coalesce

from economy.models import never_truncated
from payments.models.purchase import Purchase
from quizarena.staff import dates

# The parts of a Star (Bot API nanostar_amount).
NANOS = 1_000_000_000


def _in_nanostars(stars: Any, nanostars: Any) -> Any:
    """Return the expression for an amount of Stars and parts of them."""
    big = models.BigIntegerField()
    return Cast(stars, big) * Cast(Value(NANOS), big) + Cast(nanostars, big)


def _commission() -> Any:
    """Return the expression for what an affiliate got (Bot API AffiliateInfo), or gave back."""
    big = models.BigIntegerField()
    parts = [
        Coalesce(Cast(KT(f"partner__affiliate__{name}"), big), Cast(Value(0), big))
        for name in ("amount", "nanostar_amount")
    ]
    commission = Abs(_in_nanostars(*parts))
    is_outgoing = Q(stars__lt=0) | Q(nanostars__lt=0)
    return Case(When(is_outgoing, then=-commission), default=commission)


class StarTransaction(models.Model):
    """A line of Telegram's own list (Bot API StarTransaction), as a bank statement has lines.

    `stars` and `nanostars` count what came in, negative what went out: a refund has the id of its
    charge. Where an affiliate has brought the player, the commission never reaches the bot: what
    the player has paid is the line's amount and the commission.
    """

    transaction_id = models.CharField(max_length=128)
    stars = models.IntegerField()
    nanostars = models.IntegerField(default=0)
    at = models.DateTimeField()
    # A payment of an invoice, or its refund; everything else is none of ours.
    is_ours = models.BooleanField()
    partner = models.JSONField()
    seen_at = models.DateTimeField()
    # The database makes both from the columns above.
    commission_nanostars = models.GeneratedField(
        expression=_commission(), output_field=models.BigIntegerField(), db_persist=True
    )
    # What the player has paid, negative what the player has got back.
    gross_nanostars = models.GeneratedField(
        expression=_in_nanostars(F("stars"), F("nanostars")) + _commission(),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            # What a run compares.
            models.Index(fields=["at"], name="startransaction_at"),
            # What Telegram says about one invoice.
            models.Index(KT("partner__invoice_payload"), name="startransaction_of_payload"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["transaction_id"],
                condition=Q(gross_nanostars__gte=0),
                name="startransaction_comes_in_once",
            ),
            models.UniqueConstraint(
                fields=["transaction_id"],
                condition=Q(gross_nanostars__lt=0),
                name="startransaction_goes_out_once",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "what Telegram says"),
        ]

    def __str__(self) -> str:
        return f"{self.stars:+} {self.transaction_id}"


class ReconciliationRun(models.Model):
    """One comparison of our purchases with Telegram's list, with the ledger and the wallets."""

    is_full = models.BooleanField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Until it is finished: when a worker may continue it. A claim, a wait that Telegram has asked
    # for, and the delay after a failure all postpone it.
    due_at = models.DateTimeField(null=True)
    # How often in a row Telegram could not be asked.
    tries = models.PositiveSmallIntegerField(default=0)
    # Where in Telegram's list it continues, and after it the next run.
    position = models.PositiveBigIntegerField(default=0)
    transactions = models.PositiveIntegerField(default=0)
    # What was compared: payments and refunds from one instant (empty: from the beginning) to
    # another, how many, and how many younger ones were left to the next run.
    compared_from = models.DateTimeField(null=True)
    compared_until = models.DateTimeField(null=True)
    compared = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    control_run = models.OneToOneField(
        "economy.ControlRun", null=True, on_delete=models.PROTECT, related_name="reconciliation"
    )

    class Meta:
        get_latest_by = "pk"
        verbose_name = "reconciliation"
        constraints = [
            models.UniqueConstraint(
                fields=["is_full"],
                condition=Q(finished_at=None),
                name="reconciliation_one_unfinished_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False) | Q(due_at__isnull=False),
                name="reconciliation_unfinished_is_due",
            ),
        ]
        permissions = [("run_reconciliation", "Can compare our books with Telegram's now")]

    def __str__(self) -> str:
        return f"{'full' if self.is_full else 'recent'} {dates.moment(self.started_at)}"


class DifferenceKind(models.TextChoices):
    """How our books and Telegram's can differ."""

    UNHEARD_PAYMENT = "UNHEARD_PAYMENT", "Telegram has a payment that is missing here"
    OUTSIDE_REFUND = "OUTSIDE_REFUND", "refunded by Telegram, not here"
    NO_PAYMENT = "NO_PAYMENT", "paid here, missing in Telegram's list"
    NO_REFUND = "NO_REFUND", "refunded here, missing in Telegram's list"
    AMOUNT = "AMOUNT", "the amounts differ"
    UNCREDITED = "UNCREDITED", "paid and not credited for 30 minutes"
    NO_PURCHASE = "NO_PURCHASE", "a credit in the ledger without a credited purchase"
    WALLET = "WALLET", "a wallet is not the sum of its entries"
    NOT_COMPARED = "NOT_COMPARED", "could not be compared because of an error"


class Difference(models.Model):
    """One difference that a run has found, and what became of it."""

    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="found")
    kind = models.CharField(max_length=16, choices=DifferenceKind)
    purchase = models.ForeignKey(
        Purchase, null=True, on_delete=models.PROTECT, related_name="differences"
    )
    player = models.ForeignKey(
        "players.Player", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    charge_id = models.CharField(max_length=128, blank=True, default="")
    details = models.JSONField(default=dict)
    # The run itself has set it right: credited the payment, or carried out the refund.
    is_healed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=DifferenceKind.values), name="difference_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.charge_id}"
