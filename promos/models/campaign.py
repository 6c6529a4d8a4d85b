"""Campaigns: what is given away, to whom, when, and how often at most. Product rules, section 8."""

from typing import Self
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from economy.models import never_truncated

# The days of Premium that can be given away, and as which plan.
GRANT_DAYS = (7, 30, 90)
ENERGY_MAX = 10_000
# More players than get something are never kept from it.
HOLDOUT_MAX = 50


class CampaignKind(models.TextChoices):
    """What a campaign gives."""

    PREMIUM_GRANT = "PREMIUM_GRANT", "days of Premium"
    ENERGY_GRANT = "ENERGY_GRANT", "energy"
    PERCENT_DISCOUNT = "PERCENT_DISCOUNT", "discount"


class Scope(models.TextChoices):
    """What a discount is for."""

    ANY = "ANY", "everything"
    MICRO_ANY = "MICRO_ANY", "every small product"
    PREMIUM_ANY = "PREMIUM_ANY", "every Premium plan"
    PRODUCT = "PRODUCT", "one product"


class CampaignStatus(models.TextChoices):
    """The state of a campaign."""

    DRAFT = "DRAFT", "draft"
    ACTIVE = "ACTIVE", "active"
    PAUSED = "PAUSED", "paused"
    EXPIRED = "EXPIRED", "expired"
    DEPLETED = "DEPLETED", "depleted"
    ENDED = "ENDED", "ended"


RUNNING = (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)
OVER = (CampaignStatus.EXPIRED, CampaignStatus.DEPLETED, CampaignStatus.ENDED)

# Every arrow of a campaign's life. What is not here cannot happen.
CAMPAIGN_MOVES = (
    (CampaignStatus.DRAFT, CampaignStatus.ACTIVE),
    (CampaignStatus.DRAFT, CampaignStatus.ENDED),
    (CampaignStatus.ACTIVE, CampaignStatus.PAUSED),
    (CampaignStatus.PAUSED, CampaignStatus.ACTIVE),
    *((running, over) for running in RUNNING for over in OVER),
)

COUNTED_BY_REDEMPTIONS = """
IF pg_trigger_depth() > 1 THEN
  RETURN NEW;
END IF;
IF TG_OP = 'INSERT' THEN
  IF (NEW.reserved, NEW.applied, NEW.stars_reserved, NEW.stars_given)
    IS DISTINCT FROM (0, 0, 0, 0)
  THEN
    RAISE EXCEPTION 'A campaign begins with nothing used.';
  END IF;
ELSIF (NEW.reserved, NEW.applied, NEW.stars_reserved, NEW.stars_given)
  IS DISTINCT FROM (OLD.reserved, OLD.applied, OLD.stars_reserved, OLD.stars_given)
THEN
  RAISE EXCEPTION 'What a campaign has given is counted by its redemptions.';
END IF;
RETURN NEW;
"""


TAGS_ARE_NORMALISED = """
IF cardinality(NEW.tags) > 10
  OR NEW.tags IS DISTINCT FROM ARRAY(
    SELECT DISTINCT tag COLLATE "C" AS tag FROM unnest(NEW.tags) AS tag ORDER BY tag
  )::varchar[]
  OR EXISTS (
    SELECT FROM unnest(NEW.tags) AS tag
    WHERE tag = '' OR tag <> lower(tag) OR tag <> btrim(tag, ' -') OR tag ~ '[,_[:cntrl:]]|  |--'
  )
THEN
  RAISE EXCEPTION 'The tags of a campaign are normalised, in order, and ten at most.';
END IF;
RETURN NEW;
"""


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Questions about campaigns."""

    def running(self) -> Self:
        """Return those that are active or paused."""
        return self.filter(status__in=RUNNING)


def open_sql(campaign: str = "", *, at: str = "%(now)s") -> str:
    """Return as SQL whether the row `campaign` gives at `at` what it has left, for who may have it.

    The same as promos/rules.py says of the campaign. Conditions to stand between others.
    """
    row = f"{campaign}." if campaign else ""
    return (
        f"{row}status = 'ACTIVE'\n"
        f"  AND {row}starts_at <= {at} AND ({row}ends_at IS NULL OR {row}ends_at > {at})"
    )


class Campaign(models.Model):
    """Something to give away, to whom, when, and how often at most."""

    # Who prepares it twice (a button pressed twice) gets one.
    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, choices=CampaignKind)
    value = models.PositiveIntegerField(
        help_text="Days of Premium (7, 30 or 90), points of energy, or per cent off (1 to 90)."
    )
    scope = models.CharField(max_length=12, choices=Scope, default=Scope.ANY)
    product_code = models.CharField(max_length=32, blank=True, default="")

    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    uses_max = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: unlimited; each player can use it once."
    )
    stars_max = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="The most that all discounts together may take off, in Stars.",
    )

    # Whom it is for; what is empty does not matter.
    for_new_players = models.BooleanField(default=False)
    for_first_purchase = models.BooleanField(default=False)
    for_language = models.CharField(max_length=2, blank=True, default="")
    for_level = models.CharField(max_length=2, blank=True, default="")
    for_lapsed_days = models.PositiveSmallIntegerField(null=True, blank=True)

    # The share of these players who get nothing, for comparison; who that is follows from the key
    # (promos/holdout.py).
    holdout_percent = models.PositiveSmallIntegerField(default=0, db_default=0)
    holdout_key = models.UUIDField(default=uuid4, db_default=RandomUUID(), editable=False)

    # Players are offered it from Friday evening to Sunday night (product rules, section 10).
    is_weekend_offer = models.BooleanField(default=False)

    status = models.CharField(max_length=8, choices=CampaignStatus, default=CampaignStatus.DRAFT)
    # Normalised, in order, each once (promos/tags.py).
    tags = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    # Of one that is over, when it ended: nothing that is done to it later changes it.
    changed_at = models.DateTimeField()
    # What the guard had counted when staff unpaused it does not count again.
    unpaused_at = models.DateTimeField(null=True, editable=False)
    # Who has let it cost what it can cost, and when: by starting it or by raising its limits.
    authorised_at = models.DateTimeField(null=True, editable=False)
    authorised_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    authorised_client = models.ForeignKey(
        "api.ApiClient", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # Whether a second person has agreed.
    is_approved = models.BooleanField(default=False, editable=False)

    # How often it is reserved and has been applied, and what that takes off in Stars.
    reserved = models.PositiveIntegerField(default=0)
    applied = models.PositiveIntegerField(default=0)
    stars_reserved = models.PositiveIntegerField(default=0)
    stars_given = models.PositiveIntegerField(default=0)

    # The kill switch releases all reservations. Grants are being reversed since (then empty again).
    killed_at = models.DateTimeField(null=True, editable=False)
    revoking_since = models.DateTimeField(null=True, editable=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        permissions = [
            ("run_campaign", "Can start, pause, unpause, end and clone campaigns"),
            ("approve_campaign", "Can approve expensive campaigns and revocations"),
            ("test_campaign", "Can test codes as a player"),
        ]
        indexes = [
            # The console's list, by status.
            models.Index(fields=["status", "-id"], name="campaign_by_status"),
            # What rolls over, and what ends soon.
            models.Index(fields=["ends_at"], condition=Q(status__in=RUNNING), name="campaign_ends"),
            # What one person has started today.
            models.Index(fields=["authorised_at"], name="campaign_authorised"),
            # The campaigns with a tag.
            GinIndex(fields=["tags"], name="campaign_tags"),
            # What players are offered at the weekend.
            models.Index(
                fields=["-value"],
                condition=Q(status="ACTIVE", is_weekend_offer=True),
                name="campaign_weekend_offer",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="campaign_has_a_name"),
            models.CheckConstraint(
                condition=Q(kind="PREMIUM_GRANT", value__in=GRANT_DAYS)
                | Q(kind="ENERGY_GRANT", value__gte=1, value__lte=ENERGY_MAX)
                | Q(kind="PERCENT_DISCOUNT", value__gte=1, value__lte=90),
                name="campaign_has_an_effect",
            ),
            models.CheckConstraint(
                condition=(Q(scope="PRODUCT") & ~Q(product_code=""))
                | Q(scope__in=["ANY", "MICRO_ANY", "PREMIUM_ANY"], product_code=""),
                name="campaign_scope_is_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="PERCENT_DISCOUNT") | Q(scope="ANY", stars_max=None),
                name="campaign_grant_is_for_everything",
            ),
            models.CheckConstraint(
                condition=Q(kind="PERCENT_DISCOUNT") | Q(is_weekend_offer=False),
                name="campaign_weekend_offer_is_a_discount",
            ),
            models.CheckConstraint(
                condition=Q(status__in=CampaignStatus.values), name="campaign_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="campaign_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(killed_at=None, revoking_since=None) | Q(status__in=OVER),
                name="campaign_killed_is_over",
            ),
            models.CheckConstraint(
                condition=Q(holdout_percent__lte=HOLDOUT_MAX),
                name="campaign_holdout_is_at_most_half",
            ),
            models.CheckConstraint(
                condition=Q(uses_max=None) | Q(uses_max__gt=0), name="campaign_can_be_used"
            ),
            models.CheckConstraint(
                condition=Q(uses_max=None) | Q(uses_max__gte=F("applied") + F("reserved")),
                name="campaign_never_overrun",
            ),
            models.CheckConstraint(
                condition=Q(stars_max=None)
                | Q(stars_max__gt=0, stars_max__gte=F("stars_given") + F("stars_reserved")),
                name="campaign_budget_never_overrun",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="campaign_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in CAMPAIGN_MOVES],
            ),
            pgtrigger.Trigger(
                name="begins_as_a_draft",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'DRAFT'"),
                func="RAISE EXCEPTION 'A campaign begins as a draft.';",
            ),
            pgtrigger.Trigger(
                name="counted_by_redemptions",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=COUNTED_BY_REDEMPTIONS,
            ),
            pgtrigger.Trigger(
                name="effect_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "(OLD.status <> 'DRAFT' AND (NEW.kind, NEW.value, NEW.scope, NEW.product_code)"
                    " IS DISTINCT FROM (OLD.kind, OLD.value, OLD.scope, OLD.product_code))"
                ),
                func="RAISE EXCEPTION 'What a campaign gives stays once it has run: clone it.';",
            ),
            pgtrigger.Trigger(
                name="holdout_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "(OLD.holdout_key IS DISTINCT FROM NEW.holdout_key OR (OLD.status <> 'DRAFT'"
                    " AND OLD.holdout_percent IS DISTINCT FROM NEW.holdout_percent))"
                ),
                func="RAISE EXCEPTION 'Who is held out of a campaign stays once it has run.';",
            ),
            pgtrigger.Trigger(
                name="tags_are_normalised",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("tags"),  # type: ignore[no-untyped-call]
                func=TAGS_ARE_NORMALISED,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "campaigns"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_segment(self) -> bool:
        """Whether it is for some players only."""
        return bool(
            self.for_new_players
            or self.for_first_purchase
            or self.for_language
            or self.for_level
            or self.for_lapsed_days
        )

    @property
    def is_discount(self) -> bool:
        """Whether it takes something off a price; otherwise it gives goods at once."""
        return self.kind == CampaignKind.PERCENT_DISCOUNT

    def fits(self, *, product_code: str, is_premium: bool) -> bool:
        """Return whether it is a discount for the product."""
        if not self.is_discount:
            return False
        return {
            "ANY": True,
            "MICRO_ANY": not is_premium,
            "PREMIUM_ANY": is_premium,
            "PRODUCT": self.product_code == product_code,
        }[self.scope]
