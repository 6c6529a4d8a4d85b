"""Who has bought what, how far it is, and everything that has happened to it. Product rules, 5."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Greatest

from economy.goods import Goods
from economy.models import never_truncated
from payments.models.product import Product
from promos.models import Redemption
from quizarena.staff import dates

# How long an invoice stays open without a payment (product rules, section 5.6).
OPEN_FOR = timedelta(minutes=30)


class PurchaseStatus(models.TextChoices):
    """The state of a purchase."""

    CREATED = "CREATED", "created"
    INVOICE_SENT = "INVOICE_SENT", "invoice sent"
    PRECHECKOUT_OK = "PRECHECKOUT_OK", "pre-checkout approved"
    PAID_UNCREDITED = "PAID_UNCREDITED", "paid, not credited"
    CREDITED = "CREDITED", "credited"
    CREDIT_REVIEW = "CREDIT_REVIEW", "in review"
    REFUNDED = "REFUNDED", "refunded"
    FAILED = "FAILED", "failed"


OPEN = (PurchaseStatus.CREATED, PurchaseStatus.INVOICE_SENT, PurchaseStatus.PRECHECKOUT_OK)
# Telegram has the Stars, and we have not given them back.
PAID = (PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDITED, PurchaseStatus.CREDIT_REVIEW)

# Every arrow of a purchase's life. What is not here cannot happen.
PURCHASE_MOVES = (
    (PurchaseStatus.CREATED, PurchaseStatus.INVOICE_SENT),
    (PurchaseStatus.INVOICE_SENT, PurchaseStatus.PRECHECKOUT_OK),
    # An invoice link may be paid before its creation is recorded.
    (PurchaseStatus.CREATED, PurchaseStatus.PRECHECKOUT_OK),
    *((status, PurchaseStatus.FAILED) for status in OPEN),
    # Money is always honoured: before the pre-checkout is stored, and after the invoice has failed.
    *((status, PurchaseStatus.PAID_UNCREDITED) for status in (*OPEN, PurchaseStatus.FAILED)),
    *((status, PurchaseStatus.CREDIT_REVIEW) for status in (*OPEN, PurchaseStatus.FAILED)),
    (PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDITED),
    (PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDIT_REVIEW),
    (PurchaseStatus.CREDIT_REVIEW, PurchaseStatus.CREDITED),
    *((status, PurchaseStatus.REFUNDED) for status in PAID),
)


class Problem(models.TextChoices):
    """Why a payment is in review."""

    AMOUNT = "AMOUNT", "another amount than the price"
    CURRENCY = "CURRENCY", "another currency than Stars"
    UNKNOWN_PAYLOAD = "UNKNOWN_PAYLOAD", "no purchase of ours"
    FOREIGN_PLAYER = "FOREIGN_PLAYER", "paid by somebody else"
    SECOND_CHARGE = "SECOND_CHARGE", "paid a second time"
    NOT_CREDITED = "NOT_CREDITED", "could not be credited"


class Flag(models.TextChoices):
    """What a pre-checkout would have refused, and was honoured because the Stars had arrived."""

    LATE = "LATE", "paid after the invoice had failed"
    UNCHECKED = "UNCHECKED", "paid without a pre-checkout"
    NOT_FOR_SALE = "NOT_FOR_SALE", "not for sale any more"
    TOO_SOON = "TOO_SOON", "bought again within its window"
    LOWER_PLAN = "LOWER_PLAN", "a higher plan was active"
    SUSPENDED = "SUSPENDED", "the player was suspended"
    BOT_BLOCKED = "BOT_BLOCKED", "the player had blocked the bot"
    PROMO_LAPSED = "PROMO_LAPSED", "the discount's reservation was over"
    BELOW_REFERENCE = "BELOW_REFERENCE", "renewed at less than half of the reference price"
    HEALED = "HEALED", "found by reconciliation only"


class EventKind(models.TextChoices):
    """What can happen to a purchase."""

    OPENED = "OPENED", "opened"
    INVOICE_SENT = "INVOICE_SENT", "invoice sent"
    APPROVED = "APPROVED", "pre-checkout approved"
    REFUSED = "REFUSED", "pre-checkout refused"
    PAID = "PAID", "paid"
    CREDITED = "CREDITED", "credited"
    NOT_CREDITED = "NOT_CREDITED", "could not be credited"
    REVIEW = "REVIEW", "put in review"
    FAILED = "FAILED", "failed"
    REFUND_ASKED = "REFUND_ASKED", "refund asked for"
    REFUND_FAILED = "REFUND_FAILED", "Telegram did not refund"
    REVERSAL_FAILED = "REVERSAL_FAILED", "Telegram refunded, the reversal here failed"
    REFUNDED = "REFUNDED", "refunded"


# The columns stand in the triggers, too: PostgreSQL calls only those whose column is written.
OF_WHAT_IT_IS = (
    "id", "player_id", "product_id", "goods", "base_stars", "percent", "stars", "is_subscription",
    "renews_id", "redemption_id", "payload", "opened_at",
)  # fmt: skip
STAYS_AS_IT_WAS = f"""
IF ({", ".join(f"NEW.{column}" for column in OF_WHAT_IT_IS)})
  IS DISTINCT FROM
   ({", ".join(f"OLD.{column}" for column in OF_WHAT_IT_IS)})
THEN
  RAISE EXCEPTION 'What a purchase is of, and what it costs, stays as it was opened.';
END IF;
RETURN NEW;
"""
OF_THE_PAYMENT = (
    "charge_id", "provider_charge_id", "paid_stars", "paid_currency", "paid_at",
    "subscribed_until",
)  # fmt: skip
STAYS_AS_IT_CAME = f"""
IF OLD.charge_id IS NOT NULL AND
   ({", ".join(f"NEW.{column}" for column in OF_THE_PAYMENT)})
  IS DISTINCT FROM
   ({", ".join(f"OLD.{column}" for column in OF_THE_PAYMENT)})
THEN
  RAISE EXCEPTION 'A payment is evidence and stays as it came.';
END IF;
RETURN NEW;
"""
HAS_ENTRIES_OF_ITS_OWN = """
IF NEW.credit_entry_id IS DISTINCT FROM OLD.credit_entry_id AND NOT EXISTS (
  SELECT FROM economy_ledgerentry
  WHERE id = NEW.credit_entry_id AND player_id = NEW.player_id AND type = 'PURCHASE_CREDIT'
    AND amount = NEW.paid_stars AND idempotency_key = 'credit:purchase:' || NEW.id
) THEN
  RAISE EXCEPTION 'The credit of a purchase is the one entry of its own.';
END IF;
IF NEW.refund_entry_id IS DISTINCT FROM OLD.refund_entry_id AND NOT EXISTS (
  SELECT FROM economy_ledgerentry
  WHERE id = NEW.refund_entry_id AND type = 'PURCHASE_REFUND'
    AND reverses_id = NEW.credit_entry_id
) THEN
  RAISE EXCEPTION 'The refund of a purchase is the one entry that reverses its credit.';
END IF;
RETURN NEW;
"""

# Whatever happens to a purchase is one write of its row; the database keeps the timeline.
KEEP_THE_TIMELINE = """
INSERT INTO payments_purchaseevent (purchase_id, kind, status, evidence, at)
VALUES (NEW.id, NEW.event, NEW.status, NEW.evidence, NEW.changed_at);
RETURN NULL;
"""


class PurchaseQuerySet(models.QuerySet["Purchase"]):
    """Questions about purchases."""

    def open(self) -> Self:
        """Return those that wait for a payment."""
        return self.filter(status__in=OPEN)

    def stale(self, now: datetime) -> Self:
        """Return those that nobody has paid for OPEN_FOR, or whose discount's payment lock is over.

        Asking for the invoice again prolongs the first, and never the second.
        """
        overdue = Redemption.objects.overdue(now).filter(pk=OuterRef("redemption"))
        return self.open().filter(Q(changed_at__lte=now - OPEN_FOR) | Exists(overdue))

    def stuck(self) -> Self:
        """Return those that are paid and not credited: the review queue."""
        return self.filter(
            status__in=(PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDIT_REVIEW)
        )

    def link_may_be_asked_for(self, now: datetime) -> Self:
        """Return those whose link nobody is asking Telegram for, and has not just asked for."""
        return self.filter(Q(link_due_at=None) | Q(link_due_at__lte=now))

    def link_due(self, now: datetime) -> Self:
        """Return those that need an invoice link and have none yet, the oldest first.

        The bot sends the invoice of what is bought once in the transaction that opens it, so
        whatever is still CREATED is a subscription or was opened through the API.
        """
        waiting = self.link_may_be_asked_for(now)
        return waiting.filter(status=PurchaseStatus.CREATED, invoice_link="").order_by("changed_at")

    def link_notice_due(self) -> Self:
        """Return those whose players have not got the link that has been made."""
        return self.filter(
            is_subscription=True, status=PurchaseStatus.INVOICE_SENT, link_sent_at=None
        ).order_by("changed_at")

    def charged(self) -> Self:
        """Return those for which Telegram has taken Stars, given back or not; the newest first."""
        return self.filter(charge_id__isnull=False).order_by("-opened_at")

    def delay_notice_due(self) -> Self:
        """Return those whose players are not notified yet that the goods are delayed."""
        return self.filter(
            Q(status=PurchaseStatus.CREDIT_REVIEW) | Q(event=EventKind.NOT_CREDITED),
            status__in=(PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDIT_REVIEW),
            delay_notified_at=None,
        ).order_by("paid_at")

    def receipt_due(self) -> Self:
        """Return those whose receipts are not sent yet, the oldest first."""
        return self.filter(status=PurchaseStatus.CREDITED, receipt_sent_at=None).order_by("paid_at")

    def refund_notice_due(self) -> Self:
        """Return those whose players are not notified of a refund yet, the oldest first."""
        return self.filter(status=PurchaseStatus.REFUNDED, refund_notified_at=None).order_by(
            "paid_at"
        )


class Purchase(models.Model):
    """One purchase, from the tap to the credit and maybe the refund; every charge has its own.

    A charge that belongs to none (unknown payload, paid twice, paid by somebody else) gets a row
    in review, so nothing that Telegram took is ever without one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="purchases", db_index=False
    )
    product = models.ForeignKey(
        Product, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # What was bought, as economy.goods remembers it.
    goods = models.JSONField(null=True)
    base_stars = models.PositiveIntegerField(null=True)
    percent = models.PositiveSmallIntegerField(default=0)
    stars = models.PositiveIntegerField(null=True)
    is_subscription = models.BooleanField(default=False)
    # The first purchase of the subscription of which this is a renewal.
    renews = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="renewals")
    # The reservation of the discount that makes it cheaper.
    redemption = models.ForeignKey(
        "promos.Redemption", null=True, on_delete=models.PROTECT, related_name="purchases"
    )
    # What Telegram hands back with the payment (Bot API invoice_payload). Renewals have none.
    payload = models.CharField(max_length=128, null=True, unique=True)  # noqa: DJ001 -- as unique
    # Where Telegram opens the invoice, when it was asked for a link (Bot API createInvoiceLink).
    invoice_link = models.CharField(max_length=512, blank=True, default="")
    # How often Telegram was asked for it, and until when it is not asked again.
    link_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    link_due_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=PurchaseStatus, default=PurchaseStatus.CREATED)
    problem = models.CharField(max_length=16, choices=Problem, blank=True, default="")
    flags = ArrayField(models.CharField(max_length=16, choices=Flag), default=list)
    opened_at = models.DateTimeField()

    # The last thing that has happened, with its evidence; the timeline keeps them all.
    event = models.CharField(max_length=16, choices=EventKind, default=EventKind.OPENED)
    evidence = models.JSONField(default=dict)
    changed_at = models.DateTimeField()

    # The payment, as Telegram reported it (Bot API SuccessfulPayment).
    charge_id = models.CharField(max_length=128, null=True, unique=True)  # noqa: DJ001 -- as unique
    provider_charge_id = models.CharField(max_length=128, blank=True, default="")
    paid_stars = models.PositiveIntegerField(null=True)
    paid_currency = models.CharField(max_length=3, blank=True, default="")
    paid_at = models.DateTimeField(null=True)
    # Until when a subscription has been paid with it.
    subscribed_until = models.DateTimeField(null=True)
    recovery_tries = models.PositiveSmallIntegerField(default=0)
    # From here on nothing is credited any more; the refund itself says how far it is.
    refund_asked_at = models.DateTimeField(null=True)

    credit_entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="purchase"
    )
    refund_entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="refunded_purchase"
    )
    link_sent_at = models.DateTimeField(null=True)
    delay_notified_at = models.DateTimeField(null=True)
    receipt_sent_at = models.DateTimeField(null=True)
    refund_notified_at = models.DateTimeField(null=True)

    objects = PurchaseQuerySet.as_manager()

    class Meta:
        permissions = [
            ("refund_purchase", "Can refund purchases"),
            ("approve_refund", "Can approve large refunds"),
            ("replay_purchase", "Can replay credits"),
            ("recheck_purchase", "Can check purchases with Telegram"),
        ]
        indexes = [
            # A player's purchases, newest first.
            models.Index(fields=["player", "-opened_at"], name="purchase_of_player"),
            # The admin's list, and what its filters cannot find by going through the newest.
            models.Index(fields=["-opened_at"], name="purchase_newest"),
            models.Index(fields=["product", "-opened_at"], name="purchase_of_product"),
            models.Index(
                fields=["-opened_at"], condition=Q(status="REFUNDED"), name="purchase_refunded"
            ),
            models.Index(
                fields=["-opened_at"],
                condition=~Q(problem="") | ~Q(flags=[]),
                name="purchase_noteworthy",
            ),
            # What the stale job has to close.
            models.Index(fields=["changed_at"], condition=Q(status__in=OPEN), name="purchase_open"),
            # The review queue, and what recovery has to credit; oldest first.
            models.Index(
                fields=["paid_at"],
                condition=Q(status__in=["PAID_UNCREDITED", "CREDIT_REVIEW"]),
                name="purchase_stuck",
            ),
            # Revenue by day, and reconciliation.
            models.Index(
                fields=["paid_at"], condition=Q(paid_at__isnull=False), name="purchase_paid"
            ),
            # What the bot has to send.
            models.Index(
                fields=["paid_at"],
                condition=Q(status="CREDITED", receipt_sent_at=None),
                name="purchase_receipt_due",
            ),
            models.Index(
                fields=["paid_at"],
                condition=Q(status="REFUNDED", refund_notified_at=None),
                name="purchase_refund_notice_due",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "product"],
                condition=Q(status__in=OPEN),
                name="purchase_one_open_per_product",
            ),
            models.UniqueConstraint(
                fields=["redemption"],
                condition=Q(status__in=OPEN),
                name="purchase_one_open_per_reservation",
            ),
            models.CheckConstraint(
                condition=Q(redemption=None) | Q(percent__gt=0),
                name="purchase_with_a_hold_is_cheaper",
            ),
            models.CheckConstraint(
                condition=Q(status__in=PurchaseStatus.values), name="purchase_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(event__in=EventKind.values), name="purchase_event_is_known"
            ),
            models.CheckConstraint(
                condition=Q(problem="") | Q(problem__in=Problem.values),
                name="purchase_problem_is_known",
            ),
            models.CheckConstraint(
                condition=Q(percent__lte=90), name="purchase_percent_makes_sense"
            ),
            # final = max(1, ceil(base * (100 - percent) / 100)); product rules, section 5.1.
            models.CheckConstraint(
                condition=Q(stars=Greatest(1, (F("base_stars") * (100 - F("percent")) + 99) / 100))
                | Q(stars=None, base_stars=None),
                name="purchase_price_follows_from_the_percentage",
            ),
            models.CheckConstraint(
                condition=Q(
                    product__isnull=False,
                    goods__isnull=False,
                    base_stars__isnull=False,
                    stars__isnull=False,
                )
                | Q(
                    product=None,
                    goods=None,
                    base_stars=None,
                    stars=None,
                    status__in=["CREDIT_REVIEW", "REFUNDED"],
                ),
                name="purchase_knows_what_it_is_of",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[*OPEN, "FAILED"],
                    charge_id=None,
                    paid_stars=None,
                    paid_currency="",
                    paid_at=None,
                )
                | (
                    Q(
                        status__in=[*PAID, "REFUNDED"],
                        charge_id__isnull=False,
                        paid_stars__isnull=False,
                        paid_at__isnull=False,
                    )
                    & ~Q(charge_id="")
                    & ~Q(paid_currency="")
                ),
                name="purchase_is_paid_with_evidence",
            ),
            models.CheckConstraint(
                condition=Q(payload__isnull=False) | Q(charge_id__isnull=False),
                name="purchase_has_a_payload_or_a_charge",
            ),
            models.CheckConstraint(
                condition=~Q(status="CREDIT_REVIEW") | ~Q(problem=""),
                name="purchase_in_review_has_a_problem",
            ),
            models.CheckConstraint(
                condition=~Q(status="REFUNDED") | Q(refund_asked_at__isnull=False),
                name="purchase_is_refunded_when_asked_for",
            ),
            models.CheckConstraint(
                condition=Q(status="CREDITED", credit_entry__isnull=False, refund_entry=None)
                | Q(status="REFUNDED", credit_entry__isnull=False, refund_entry__isnull=False)
                | Q(status="REFUNDED", credit_entry=None, refund_entry=None)
                | (
                    ~Q(status__in=["CREDITED", "REFUNDED"])
                    & Q(credit_entry=None, refund_entry=None)
                ),
                name="purchase_one_credit_and_one_refund",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="purchase_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in PURCHASE_MOVES],
            ),
            pgtrigger.Trigger(
                name="stays_as_it_was",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf(*OF_WHAT_IT_IS),  # type: ignore[no-untyped-call]
                func=STAYS_AS_IT_WAS,
            ),
            pgtrigger.Trigger(
                name="payment_stays_as_it_came",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf(*OF_THE_PAYMENT),  # type: ignore[no-untyped-call]
                func=STAYS_AS_IT_CAME,
            ),
            pgtrigger.Trigger(
                name="has_entries_of_its_own",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("credit_entry_id", "refund_entry_id"),  # type: ignore[no-untyped-call]
                func=HAS_ENTRIES_OF_ITS_OWN,
            ),
            # Its entries come later, when the trigger above can see whose they are.
            pgtrigger.Protect(
                name="opened_without_entries",
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition(
                    "(NEW.credit_entry_id IS NOT NULL OR NEW.refund_entry_id IS NOT NULL)"
                ),
            ),
            pgtrigger.Trigger(
                name="timeline_begins",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=KEEP_THE_TIMELINE,
            ),
            pgtrigger.Trigger(
                name="timeline_goes_on",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((NEW.event, NEW.status, NEW.evidence, NEW.changed_at) IS DISTINCT FROM "
                    "(OLD.event, OLD.status, OLD.evidence, OLD.changed_at))"
                ),
                func=KEEP_THE_TIMELINE,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "purchases"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id or 'unknown'} {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it: Premium Season for @anna."""
        product = self.product.title("en") if self.product else "Unknown product"
        return f"{product} for {self.player}"

    @property
    def delivers(self) -> Goods | None:
        """Return what it delivers; None if the product is unknown."""
        return None if self.goods is None else Goods.from_metadata(self.goods)

    def moves(
        self,
        status: PurchaseStatus,
        event: EventKind,
        *,
        now: datetime,
        evidence: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Set what has happened and return the fields to save; the caller holds the lock."""
        self.status, self.event = status, event
        self.evidence, self.changed_at = dict(evidence or {}), now
        return ["status", "event", "evidence", "changed_at"]


class PurchaseEvent(models.Model):
    """Something that has happened to a purchase. Written by the database alone, append-only."""

    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=EventKind)
    status = models.CharField(max_length=16, choices=PurchaseStatus)
    evidence = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        triggers = [
            pgtrigger.Trigger(
                name="only_the_purchase",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                IF pg_trigger_depth() > 1 THEN
                  RETURN NEW;
                END IF;
                RAISE EXCEPTION 'The timeline is written by what happens to the purchase.';
                """,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "the timeline of purchases"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {dates.to_the_second(self.at)}"
