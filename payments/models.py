"""What is sold, who bought it, and what Telegram has to say about it. Product rules, 4 and 5."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Abs, Cast, Coalesce, Greatest

from economy.goods import UNUSED, Goods, Plan
from economy.models import never_truncated
from payments.offer_rules import SHOWN_A_DAY_MAX, Event, Trigger
from promos.models import Redemption
from quizarena.staff import dates

# The currency of Telegram Stars.
XTR = "XTR"
# Telegram takes no more for one subscription; nothing of ours is dearer.
STARS_MAX = 10_000
# How long an invoice stays open without a payment (product rules, section 5.6).
OPEN_FOR = timedelta(minutes=30)


# So long a price counts for the reference price (product rules, section 4).
REFERENCE_FOR = timedelta(days=90)

# The price that was: whoever changes it, by whatever way.
KEEP_PRICE = """
INSERT INTO payments_pastprice (product_id, stars, until)
VALUES (
  OLD.code, OLD.stars,
  CASE WHEN NEW.priced_at IS DISTINCT FROM OLD.priced_at THEN NEW.priced_at ELSE now() END
);
RETURN NULL;
"""


class ProductQuerySet(models.QuerySet["Product"]):
    """Questions about products."""

    def with_reference_stars(self, now: datetime) -> Self:
        """Annotate `reference_stars`, the highest price of the 90 days before `now`."""
        past = (
            PastPrice.objects.filter(product=OuterRef("pk"), until__gt=now - REFERENCE_FOR)
            .order_by("-stars")
            .values("stars")
        )
        # GREATEST leaves out what is NULL.
        return self.annotate(reference_stars=Greatest("stars", Subquery(past[:1])))


class Product(models.Model):
    """Something that Stars can buy. A purchase keeps what it was and what it cost when opened."""

    code = models.CharField(primary_key=True, max_length=32)
    stars = models.PositiveIntegerField(help_text="The price, in Telegram Stars.")
    # Since when; empty for the price of the first day.
    priced_at = models.DateTimeField(null=True, editable=False)
    is_for_sale = models.BooleanField(
        default=True, help_text="What is not for sale is not shown. Whoever has paid still gets it."
    )
    position = models.PositiveSmallIntegerField(help_text="Its place in the shop.")
    paid_energy = models.PositiveIntegerField(default=0)
    streak_savers = models.PositiveIntegerField(default=0)
    duel_tickets = models.PositiveIntegerField(default=0)
    premium = models.CharField(
        max_length=16, blank=True, default="", choices=[(plan.value, plan.value) for plan in Plan]
    )
    premium_days = models.PositiveIntegerField(default=0)
    mode_codes = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    mode_hours = models.PositiveIntegerField(default=0)
    once_per_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="A player can buy it once within so many days (sliding)."
    )
    can_subscribe = models.BooleanField(
        default=False, help_text="Also offered as a subscription of 30 days (Bot API)."
    )
    # For each language its title and description; payments/catalogue.py shows the shape.
    texts = models.JSONField(default=dict)

    # Only what `with_reference_stars` has fetched.
    reference_stars: int

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        permissions = [("approve_price", "Can approve large price cuts")]
        constraints = [
            models.CheckConstraint(
                condition=Q(stars__gte=1, stars__lte=STARS_MAX), name="product_has_a_price"
            ),
            models.CheckConstraint(
                condition=Q(premium="", premium_days=0)
                | Q(premium__in=[plan.value for plan in Plan], premium_days__gt=0),
                name="product_premium_is_a_plan_and_its_days",
            ),
            models.CheckConstraint(
                condition=Q(mode_codes=[], mode_hours=0)
                | (~Q(mode_codes=[]) & Q(mode_hours__gt=0)),
                name="product_modes_have_hours",
            ),
            models.CheckConstraint(
                condition=Q(paid_energy__gt=0)
                | Q(streak_savers__gt=0)
                | Q(duel_tickets__gt=0)
                | ~Q(premium="")
                | ~Q(mode_codes=[]),
                name="product_delivers_something",
            ),
            # Product rules, section 4.
            models.CheckConstraint(
                condition=Q(is_for_sale=False) | Q(**dict.fromkeys(UNUSED, 0)),
                name="product_for_sale_can_be_used",
            ),
            models.CheckConstraint(
                condition=Q(once_per_days=None) | Q(once_per_days__gt=0),
                name="product_window_is_of_days",
            ),
            # Telegram renews every 30 days, and what is renewed is Premium.
            models.CheckConstraint(
                condition=Q(can_subscribe=False) | Q(premium_days=30),
                name="product_subscription_is_of_30_days",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="keep_price",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("stars"),
                func=KEEP_PRICE,
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def goods(self) -> Goods:
        """Return what a purchase delivers."""
        return Goods(
            paid_energy=self.paid_energy,
            streak_savers=self.streak_savers,
            duel_tickets=self.duel_tickets,
            premium=self.plan,
            premium_days=self.premium_days,
            mode_codes=tuple(self.mode_codes),
            mode_hours=self.mode_hours,
        )

    @property
    def plan(self) -> Plan | None:
        """Return the Premium plan, if it is one."""
        return Plan(self.premium) if self.premium else None

    def title(self, language: str) -> str:
        """Return its name in `language`, else in German."""
        return self._text(language, "title")

    def description(self, language: str) -> str:
        """Return what it is in `language`, else in German."""
        return self._text(language, "description")

    def _text(self, language: str, name: str) -> str:
        told = self.texts.get(language, {}).get(name) or self.texts.get("de", {}).get(name)
        return str(told or self.code)


class PastPrice(models.Model):
    """What a product cost until some instant; the database keeps it."""

    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="past_prices", db_index=False
    )
    stars = models.PositiveIntegerField()
    until = models.DateTimeField()

    class Meta:
        indexes = [
            # The reference price.
            models.Index(fields=["product", "until"], name="past_price_of_product"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "prices"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.stars} until {dates.day(self.until)}"


# --- Purchases ------------------------------------------------------------------------------------


class PurchaseStatus(models.TextChoices):
    """Where a purchase is on its road."""

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
    # An invoice link may be paid before we have heard that it was made.
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
    PROMO_LAPSED = "PROMO_LAPSED", "the discount's hold was over"
    BELOW_REFERENCE = "BELOW_REFERENCE", "renewed at less than half of the reference price"
    HEALED = "HEALED", "Telegram told us only in its list of transactions"


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

    def paid(self) -> Self:
        """Return those whose Stars we have."""
        return self.filter(status__in=PAID)

    def stale(self, now: datetime) -> Self:
        """Return those that nobody has paid for OPEN_FOR, or whose discount was kept so long.

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
        """Return those whose players wait for the link that has been made."""
        return self.filter(
            is_subscription=True, status=PurchaseStatus.INVOICE_SENT, link_sent_at=None
        ).order_by("changed_at")

    def charged(self) -> Self:
        """Return those for which Telegram has taken Stars, given back or not; the newest first."""
        return self.filter(charge_id__isnull=False).order_by("-opened_at")

    def delay_notice_due(self) -> Self:
        """Return those whose players have yet to hear that the goods come later than the Stars."""
        return self.filter(
            Q(status=PurchaseStatus.CREDIT_REVIEW) | Q(event=EventKind.NOT_CREDITED),
            status__in=(PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDIT_REVIEW),
            delay_told_at=None,
        ).order_by("paid_at")

    def receipt_due(self) -> Self:
        """Return those whose players have yet to hear what has arrived, the oldest first."""
        return self.filter(status=PurchaseStatus.CREDITED, receipt_sent_at=None).order_by("paid_at")

    def refund_notice_due(self) -> Self:
        """Return those whose players have yet to hear of a refund, the oldest first."""
        return self.filter(status=PurchaseStatus.REFUNDED, refund_told_at=None).order_by("paid_at")


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
    # The hold that makes it cheaper; the purchase carries it, not the player's memory.
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
    delay_told_at = models.DateTimeField(null=True)
    receipt_sent_at = models.DateTimeField(null=True)
    refund_told_at = models.DateTimeField(null=True)

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
            # What the bot has to tell.
            models.Index(
                fields=["paid_at"],
                condition=Q(status="CREDITED", receipt_sent_at=None),
                name="purchase_receipt_due",
            ),
            models.Index(
                fields=["paid_at"],
                condition=Q(status="REFUNDED", refund_told_at=None),
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
                name="purchase_one_open_per_hold",
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
    def delivers(self) -> Goods | None:
        """Return what it delivers; None when nobody knows."""
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


class SubscriptionState(models.TextChoices):
    """What a subscription is at an instant. Never stored: it follows from time."""

    ACTIVE = "ACTIVE", "active"
    CANCELED = "CANCELED", "cancelled, runs until its end"
    GRACE = "GRACE", "not renewed, in grace"
    ENDED = "ENDED", "ended"


# How long Premium goes on when a renewal has not come in time.
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
        """Return those that Telegram has to be told not to renew, the oldest first."""
        return self.filter(cancel_due_at__lte=now).order_by("cancel_due_at")

    def grace_notice_due(self) -> Self:
        """Return those whose players have yet to hear that the renewal failed.

        Telegram says so, or the days of grace have begun without it.
        """
        return self.filter(
            Q(failed_at__isnull=False) | Q(grace_entry__isnull=False),
            grace_told_at=None,
            canceled_at=None,
        )


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
    # Telegram has told us that a renewal failed (Bot API 10.2, update `subscription`).
    failed_at = models.DateTimeField(null=True)
    # The days of grace that were given when the renewal did not come; it takes the rest back.
    grace_entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="+"
    )
    grace_told_at = models.DateTimeField(null=True)
    # When Telegram is to be told (again) not to renew it; empty when it has agreed.
    cancel_due_at = models.DateTimeField(null=True)
    cancel_tries = models.PositiveSmallIntegerField(default=0)
    cancel_error = models.TextField(blank=True, default="")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        indexes = [
            # Whose renewal has not come, and the admin's list.
            models.Index(fields=["expires_at"], name="subscription_expires"),
            # What the bot has to tell.
            models.Index(
                fields=["player"],
                condition=(Q(failed_at__isnull=False) | Q(grace_entry__isnull=False))
                & Q(grace_told_at=None, canceled_at=None),
                name="subscription_grace_notice_due",
            ),
            # What Telegram has to be told.
            models.Index(
                fields=["cancel_due_at"],
                condition=Q(cancel_due_at__isnull=False),
                name="subscription_cancel_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(cancel_due_at=None) | Q(canceled_at__isnull=False),
                name="subscription_canceled_before_telegram_is_told",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "subscriptions"),
        ]

    def __str__(self) -> str:
        return f"subscription {self.pk}"

    def state(self, now: datetime) -> SubscriptionState:
        """Return what it is at `now`."""
        if now < self.expires_at:
            canceled = self.canceled_at is not None
            return SubscriptionState.CANCELED if canceled else SubscriptionState.ACTIVE
        if self.canceled_at is None and now < self.expires_at + GRACE:
            return SubscriptionState.GRACE
        return SubscriptionState.ENDED


# --- Refunds --------------------------------------------------------------------------------------


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
    """The intent to refund a purchase, stored before Telegram hears of it. One per purchase."""

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
            # What the saga has to go on with.
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


# --- What Telegram says ---------------------------------------------------------------------------


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
    # Until it is finished: when somebody may go on with it. A claim, a time that Telegram has
    # asked us to wait, and the time after a failure all put it off.
    due_at = models.DateTimeField(null=True)
    # How often in a row Telegram could not be asked.
    tries = models.PositiveSmallIntegerField(default=0)
    # Where in Telegram's list it goes on, and after it the next run.
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

    UNHEARD_PAYMENT = "UNHEARD_PAYMENT", "Telegram has a payment that we had not heard of"
    OUTSIDE_REFUND = "OUTSIDE_REFUND", "refunded at Telegram, not by us"
    NO_PAYMENT = "NO_PAYMENT", "paid by our books, not by Telegram's"
    NO_REFUND = "NO_REFUND", "refunded by our books, not by Telegram's"
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


# --- Support --------------------------------------------------------------------------------------


class SupportRequestQuerySet(models.QuerySet["SupportRequest"]):
    """Questions about requests."""

    def unanswered(self) -> Self:
        """Return those that wait for support, the oldest first."""
        return self.filter(answered_at=None).order_by("asked_at")

    def answer_due(self) -> Self:
        """Return those whose players have yet to hear the answer, the oldest first."""
        return self.filter(answered_at__isnull=False, told_at=None).order_by("answered_at")


class SupportRequest(models.Model):
    """What a player wrote to /paysupport (Telegram asks for that command), and the answer."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="support_requests"
    )
    # Empty while a player who has only sent pictures is asked for words.
    text = models.TextField(max_length=4096, blank=True)
    # What was sent along: [{"kind": "photo", "file_id": "..."}], as Telegram keeps it.
    attachments = models.JSONField(default=list)
    # Telegram's media_group_id of what was sent along, if there were several.
    album = models.CharField(max_length=64, blank=True, default="")
    asked_at = models.DateTimeField()
    answer = models.TextField(max_length=3500, blank=True, default="")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    objects = SupportRequestQuerySet.as_manager()

    class Meta:
        permissions = [("answer_supportrequest", "Can answer players who ask about payments")]
        indexes = [
            # The admin's list: what waits comes first.
            models.Index(fields=["-answered_at", "id"], name="supportrequest_list"),
            # What waits for support.
            models.Index(
                fields=["asked_at"], condition=Q(answered_at=None), name="supportrequest_open"
            ),
            # What the bot has to tell.
            models.Index(
                fields=["answered_at"],
                condition=Q(answered_at__isnull=False, told_at=None),
                name="supportrequest_answer_due",
            ),
            # "Is this picture of an album that has asked something?"
            models.Index(
                fields=["player", "album"], condition=~Q(album=""), name="supportrequest_album"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(text="") | ~Q(attachments=[]), name="supportrequest_says_something"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by=None, answer="")
                | (Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer="")),
                name="supportrequest_answer_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(told_at=None) | Q(answered_at__isnull=False),
                name="supportrequest_is_told_when_answered",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "what players have asked"),
        ]

    def __str__(self) -> str:
        return f"{self.player} {dates.moment(self.asked_at)}"


class SupportFile(models.Model):
    """A file that a player has sent to support, fetched because somebody wants to see it.

    Telegram keeps the file itself; what was fetched is purged a day later and can be fetched again.
    """

    request = models.ForeignKey(SupportRequest, on_delete=models.PROTECT, related_name="files")
    # Which of the request's attachments it is.
    number = models.PositiveSmallIntegerField()
    wanted_at = models.DateTimeField()
    # When it is asked for (again); empty once it is there, or cannot be had.
    due_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    content = models.BinaryField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        indexes = [
            # What a worker has to fetch.
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="supportfile_due"
            ),
            # What is to be purged.
            models.Index(fields=["wanted_at"], name="supportfile_wanted"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="supportfile_one_each"),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, content=None)
                | (Q(due_at=None) & (Q(content__isnull=False) ^ ~Q(error=""))),
                name="supportfile_waits_or_is_there_or_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"file {self.number} of {self.request}"


# --- Offers ---------------------------------------------------------------------------------------


def hours_from(field: str, *, hours: int) -> models.Func:
    """Return the instants of the `hours` from the field's on; the last one is not among them.

    A plain Func, so that migrations name no class of ours.
    """
    return models.Func(
        field,
        # In UTC, where an hour is an hour, whatever the session's zone: an index needs that.
        template="TSRANGE(%(expressions)s AT TIME ZONE 'UTC', "
        f"%(expressions)s AT TIME ZONE 'UTC' + INTERVAL '{hours} hours')",
        output_field=DateTimeRangeField(),
    )


class Impression(models.Model):
    """An offer that was shown to a player; stored in the transaction that sends it.

    How often that may be is kept by constraints, so it holds for events that meet, too.
    """

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="impressions", db_index=False
    )
    trigger = models.CharField(
        max_length=24, choices=[(one.value, one.value.replace("_", " ").lower()) for one in Trigger]
    )
    priority = models.PositiveSmallIntegerField()
    event = models.CharField(
        max_length=16, choices=[(one.value, one.value.replace("_", " ").lower()) for one in Event]
    )
    is_blocking = models.BooleanField()
    # What was offered, and what the player was told that it costs, in Stars, by product.
    prices = models.JSONField(default=dict)
    # The campaign whose discount was offered.
    campaign = models.ForeignKey(
        "promos.Campaign", null=True, on_delete=models.PROTECT, related_name="impressions"
    )
    # What was given for nothing.
    entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="impression"
    )
    shown_at = models.DateTimeField()
    # The business day, and its first, second or third offer to the player.
    day = models.DateField()
    ordinal = models.PositiveSmallIntegerField()
    clicked_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    muted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # A player's story, and what was shown lately.
            models.Index(fields=["player", "-shown_at"], name="impression_of_player"),
            # What a player does not want to see for a while.
            models.Index(
                fields=["player", "muted_at"],
                condition=Q(muted_at__isnull=False),
                name="impression_muted",
            ),
            # The funnel, and what can be forgotten.
            models.Index(fields=["shown_at"], name="impression_by_time"),
            # The desk's list, by trigger.
            models.Index(fields=["trigger", "-id"], name="impression_by_trigger"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(trigger__in=[one.value for one in Trigger]),
                name="impression_trigger_is_known",
            ),
            models.CheckConstraint(
                condition=Q(event__in=[one.value for one in Event]),
                name="impression_event_is_known",
            ),
            models.UniqueConstraint(
                fields=["player", "day", "ordinal"], name="impression_one_after_the_other"
            ),
            models.CheckConstraint(
                condition=Q(ordinal__gte=1, ordinal__lte=SHOWN_A_DAY_MAX),
                name="impression_three_a_day",
            ),
            ExclusionConstraint(
                expressions=[
                    ("player", RangeOperators.EQUAL),
                    (hours_from("shown_at", hours=6), RangeOperators.OVERLAPS),
                ],
                condition=Q(is_blocking=True),
                name="impression_blocking_once_in_6_hours",
            ),
            ExclusionConstraint(
                expressions=[
                    ("player", RangeOperators.EQUAL),
                    ("trigger", RangeOperators.EQUAL),
                    (hours_from("shown_at", hours=24), RangeOperators.OVERLAPS),
                ],
                name="impression_same_once_in_24_hours",
            ),
            # No promise that is not kept: what is given has been given.
            models.CheckConstraint(
                condition=Q(trigger=Trigger.COMEBACK_3D.value, entry__isnull=False, prices={})
                | (~Q(trigger=Trigger.COMEBACK_3D.value) & Q(entry=None) & ~Q(prices={})),
                name="impression_gives_or_sells",
            ),
            models.CheckConstraint(
                condition=Q(trigger=Trigger.WEEKEND_FLASH.value, campaign__isnull=False)
                | (~Q(trigger=Trigger.WEEKEND_FLASH.value) & Q(campaign=None)),
                name="impression_of_a_weekend_has_its_campaign",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="stays_as_shown",
                fields=[
                    "player", "trigger", "priority", "event", "is_blocking", "prices", "campaign",
                    "entry", "shown_at", "day", "ordinal",
                ],
            ),
            never_truncated("never_truncated", "impressions"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.trigger} {self.pk}"


OF_ITS_OFFER = """
IF NOT EXISTS (
  SELECT FROM payments_purchase AS purchase JOIN payments_impression AS impression
    ON impression.player_id = purchase.player_id
   AND jsonb_exists(impression.prices, purchase.product_id)
  WHERE purchase.id = NEW.purchase_id AND impression.id = NEW.impression_id
    AND purchase.charge_id IS NULL
) THEN
  RAISE EXCEPTION 'A purchase is attributed to an offer of its product to its player, until paid.';
END IF;
RETURN NEW;
"""


class Attribution(models.Model):
    """That a purchase comes from an offer: the last one through which it was opened."""

    purchase = models.OneToOneField(
        Purchase, primary_key=True, on_delete=models.PROTECT, related_name="attribution"
    )
    impression = models.ForeignKey(
        Impression, on_delete=models.PROTECT, related_name="attributions"
    )
    at = models.DateTimeField()

    class Meta:
        triggers = [
            pgtrigger.Trigger(
                name="of_its_offer",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=OF_ITS_OFFER,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "attributions"),
        ]

    def __str__(self) -> str:
        return f"{self.purchase_id} from impression {self.impression_id}"
