"""What is sold, for how many Stars, and what it cost before. Product rules, section 4."""

from datetime import datetime, timedelta
from typing import Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Greatest

from economy.goods import Goods, Plan
from economy.models import never_truncated
from quizarena.staff import dates

# The currency of Telegram Stars.
XTR = "XTR"
# Telegram takes no more for one subscription; nothing of ours is dearer.
STARS_MAX = 10_000

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
        default=True,
        help_text="Hidden products are not in the shop. What was paid is still delivered.",
    )
    position = models.PositiveSmallIntegerField(help_text="Position in the shop, the lowest first.")
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
        null=True,
        blank=True,
        help_text="A player can buy it once in this many days (sliding window).",
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
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{self.title('en')} ({self.code})"

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
        text = self.texts.get(language, {}).get(name) or self.texts.get("de", {}).get(name)
        return str(text or self.code)


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
