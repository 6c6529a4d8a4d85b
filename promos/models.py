"""Campaigns, their codes, and who has redeemed them. Product rules, section 8.

The limits are the database's: a redemption that is inserted or moved counts itself into its
campaign, nothing else may write the counters, and a CHECK keeps them within the limits. Locks are
taken in the order Redemption, Campaign, Wallet.
"""

from datetime import datetime, timedelta
from typing import Self
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from economy.models import never_truncated
from promos.rules import TURNS_MAX

# How long a discount is held for a player (product rules, section 8).
HOLD_FOR = timedelta(minutes=15)
# The days of Premium that can be given away, and as which plan.
GRANT_DAYS = (7, 30, 90)
ENERGY_MAX = 10_000


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
    """Where a campaign is in its life."""

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
  IF (NEW.held, NEW.applied, NEW.stars_held, NEW.stars_given) IS DISTINCT FROM (0, 0, 0, 0) THEN
    RAISE EXCEPTION 'A campaign begins with nothing used.';
  END IF;
ELSIF (NEW.held, NEW.applied, NEW.stars_held, NEW.stars_given)
  IS DISTINCT FROM (OLD.held, OLD.applied, OLD.stars_held, OLD.stars_given)
THEN
  RAISE EXCEPTION 'What a campaign has given is counted by its redemptions.';
END IF;
RETURN NEW;
"""


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Questions about campaigns."""

    def running(self) -> Self:
        """Return those that are active or paused."""
        return self.filter(status__in=RUNNING)

    def over_by(self, now: datetime) -> Self:
        """Return the running ones whose window is over."""
        return self.running().filter(ends_at__lte=now)

    def used_up(self) -> Self:
        """Return the running ones of which every use has been applied."""
        return self.running().filter(applied__gte=F("uses_max"))


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
        null=True, blank=True, help_text="Empty: as often as there are players."
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

    # Players are offered it from Friday evening to Sunday night (product rules, section 10).
    is_weekend_offer = models.BooleanField(default=False)

    status = models.CharField(max_length=8, choices=CampaignStatus, default=CampaignStatus.DRAFT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    # How often it is held and has been applied, and what that takes off in Stars.
    held = models.PositiveIntegerField(default=0)
    applied = models.PositiveIntegerField(default=0)
    stars_held = models.PositiveIntegerField(default=0)
    stars_given = models.PositiveIntegerField(default=0)

    # The kill switch: no hold is to stay; what was granted is being taken back (then empty again).
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
                condition=Q(uses_max=None) | Q(uses_max__gt=0), name="campaign_can_be_used"
            ),
            models.CheckConstraint(
                condition=Q(uses_max=None) | Q(uses_max__gte=F("applied") + F("held")),
                name="campaign_never_overrun",
            ),
            models.CheckConstraint(
                condition=Q(stars_max=None)
                | Q(stars_max__gt=0, stars_max__gte=F("stars_given") + F("stars_held")),
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
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "campaigns"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_discount(self) -> bool:
        """Whether it takes something off a price; otherwise it gives goods at once."""
        return self.kind == CampaignKind.PERCENT_DISCOUNT


# --- Codes ----------------------------------------------------------------------------------------


class Batch(models.Model):
    """Unique codes that are made together, and leave together, once.

    Code number i follows from the seed, so nothing has to keep the raw codes: the job that makes
    them can go on anywhere, and what is downloaded is made again. With the download the seed goes.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="batches")
    # Who orders it twice (a button pressed twice) gets one.
    key = models.UUIDField(unique=True, default=uuid4)
    prefix = models.CharField(max_length=12, blank=True, default="")
    size = models.PositiveIntegerField()
    made = models.PositiveIntegerField(default=0)
    seed = models.BinaryField(max_length=32, null=True)
    # Numbers whose codes existed already (one in a million million), and were left out.
    skipped = ArrayField(models.PositiveIntegerField(), default=list)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    downloaded_at = models.DateTimeField(null=True)
    downloaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            # What the job has to go on with.
            models.Index(
                fields=["id"],
                condition=Q(made__lt=F("size"), revoked_at=None),
                name="batch_to_be_made",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gte=1, size__lte=1_000_000), name="batch_size_makes_sense"
            ),
            models.CheckConstraint(condition=Q(made__lte=F("size")), name="batch_made_up_to_size"),
            models.CheckConstraint(
                condition=Q(downloaded_at=None) | Q(seed=None), name="batch_leaves_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.size:,} codes of {self.campaign}"


class Code(models.Model):
    """A code, as its HMAC: nobody can read it here. One shared by all, or one for one player."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="codes", db_index=False
    )
    batch = models.ForeignKey(
        Batch, null=True, on_delete=models.PROTECT, related_name="codes", db_index=False
    )
    is_shared = models.BooleanField()
    # HMAC-SHA256 of the normalised code with the pepper `pepper_id`.
    digest = models.BinaryField(max_length=32, unique=True)
    pepper_id = models.CharField(max_length=16)
    # What may be shown of it later: never a character that was drawn at random.
    label = models.CharField(max_length=32)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The codes of a batch, in order, and how many of them are revoked.
            models.Index(fields=["batch", "id"], name="code_of_batch"),
            # A campaign's shared codes, and how many were imported.
            models.Index(
                fields=["campaign", "is_shared"],
                condition=Q(batch=None),
                name="code_of_no_batch",
            ),
            # The codes of a campaign, in order.
            models.Index(fields=["campaign", "id"], name="code_of_campaign"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_shared=True, batch=None) | Q(is_shared=False),
                name="code_of_a_batch_is_unique",
            ),
            models.UniqueConstraint(
                fields=["campaign"],
                condition=Q(is_shared=True, revoked_at=None),
                name="code_one_shared_per_campaign",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def stopped_at(self) -> datetime | None:
        """Return since when it does not work any more: it was revoked, or its whole batch was."""
        return self.revoked_at or (self.batch.revoked_at if self.batch else None)


# --- Redemptions ----------------------------------------------------------------------------------


class RedemptionStatus(models.TextChoices):
    """Where a redemption is in its life."""

    RESERVED = "RESERVED", "held"
    APPLIED = "APPLIED", "applied"
    EXPIRED = "EXPIRED", "expired"
    REVOKED = "REVOKED", "revoked"


# Every arrow of a redemption's life.
REDEMPTION_MOVES = (
    (RedemptionStatus.RESERVED, RedemptionStatus.APPLIED),
    (RedemptionStatus.RESERVED, RedemptionStatus.EXPIRED),
    (RedemptionStatus.APPLIED, RedemptionStatus.REVOKED),
)

# Claims a use of the campaign, or inserts nothing. The campaign's lock makes sure that whoever
# comes second sees what the first one has taken.
CLAIM_A_USE = """
IF NEW.status NOT IN ('RESERVED', 'APPLIED') OR NEW.stars_off <> 0 THEN
  RAISE EXCEPTION 'A redemption begins as a hold or as used, and takes no Stars off yet.';
END IF;
PERFORM FROM promos_campaign AS campaign JOIN promos_code AS code
  ON code.campaign_id = campaign.id AND code.id = NEW.code_id AND code.is_shared = NEW.is_shared
WHERE campaign.id = NEW.campaign_id
FOR NO KEY UPDATE OF campaign;
IF NOT FOUND THEN
  RAISE EXCEPTION 'A redemption is of a code of its campaign.';
END IF;
IF NOT NEW.is_shared AND EXISTS (
  SELECT FROM promos_redemption WHERE code_id = NEW.code_id AND status <> 'EXPIRED'
) OR EXISTS (
  SELECT FROM promos_redemption
  WHERE campaign_id = NEW.campaign_id AND player_id = NEW.player_id
    AND (status <> 'EXPIRED' OR turn = NEW.turn)
) THEN
  RETURN NULL;
END IF;
UPDATE promos_campaign
SET held = held + (NEW.status = 'RESERVED')::int, applied = applied + (NEW.status = 'APPLIED')::int
WHERE id = NEW.campaign_id AND status = 'ACTIVE'
  AND starts_at <= NEW.created_at AND (ends_at IS NULL OR ends_at > NEW.created_at)
  AND (uses_max IS NULL OR applied + held < uses_max);
IF NOT FOUND THEN
  RETURN NULL;
END IF;
RETURN NEW;
"""

# Moves the use along, and the Stars that it takes off. What would overrun the budget is not done.
COUNT_THE_MOVE = """
IF (NEW.id, NEW.campaign_id, NEW.code_id, NEW.is_shared, NEW.player_id, NEW.turn, NEW.created_at)
  IS DISTINCT FROM
   (OLD.id, OLD.campaign_id, OLD.code_id, OLD.is_shared, OLD.player_id, OLD.turn, OLD.created_at)
THEN
  RAISE EXCEPTION 'A redemption stays what it is of.';
END IF;
IF (NEW.status, NEW.stars_off) IS NOT DISTINCT FROM (OLD.status, OLD.stars_off) THEN
  RETURN NEW;
END IF;
IF NEW.stars_off <> OLD.stars_off AND (OLD.status, NEW.status) <> ('RESERVED', 'RESERVED') THEN
  RAISE EXCEPTION 'What a redemption takes off is fixed while it is held.';
END IF;
UPDATE promos_campaign
SET held = held - (OLD.status = 'RESERVED')::int + (NEW.status = 'RESERVED')::int,
    applied = applied + (OLD.status = 'RESERVED' AND NEW.status = 'APPLIED')::int,
    stars_held = stars_held
      - CASE WHEN OLD.status = 'RESERVED' THEN OLD.stars_off ELSE 0 END
      + CASE WHEN NEW.status = 'RESERVED' THEN NEW.stars_off ELSE 0 END,
    stars_given = stars_given
      + CASE WHEN OLD.status = 'RESERVED' AND NEW.status = 'APPLIED' THEN NEW.stars_off ELSE 0 END
WHERE id = NEW.campaign_id
  AND (stars_max IS NULL OR NEW.stars_off <= OLD.stars_off
       OR stars_given + stars_held - OLD.stars_off + NEW.stars_off <= stars_max);
IF NOT FOUND THEN
  RETURN NULL;
END IF;
RETURN NEW;
"""


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    """Questions about redemptions."""

    def lapsed(self, now: datetime) -> Self:
        """Return the holds whose time is over and that no approved invoice keeps."""
        return self.filter(status=RedemptionStatus.RESERVED, is_kept=False, reserved_until__lte=now)

    def held(self, now: datetime) -> Self:
        """Return the holds that are still good."""
        return self.filter(status=RedemptionStatus.RESERVED).filter(
            Q(is_kept=True) | Q(reserved_until__gt=now)
        )


class Redemption(models.Model):
    """A player's use of a code. Inserting or moving one counts it into the campaign."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="redemptions")
    code = models.ForeignKey(
        Code, on_delete=models.PROTECT, related_name="redemptions", db_index=False
    )
    is_shared = models.BooleanField()
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="redemptions", db_index=False
    )
    # The first or the second try at it.
    turn = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=8, choices=RedemptionStatus)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    reserved_until = models.DateTimeField(null=True)
    # An approved pre-checkout keeps the hold until its purchase is settled or dead.
    is_kept = models.BooleanField(default=False)
    # What the purchase that it is attached to costs less, in Stars.
    stars_off = models.PositiveIntegerField(default=0)

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        indexes = [
            # A player's redemptions, newest first.
            models.Index(fields=["player", "-created_at"], name="redemption_of_player"),
            # A code's life, and the desk's list by status.
            models.Index(fields=["code", "-created_at"], name="redemption_of_code"),
            models.Index(fields=["status", "-id"], name="redemption_by_status"),
            # A campaign's funnel, by day, without a look at the rows.
            models.Index(
                fields=["campaign", "created_at"],
                include=["status"],
                name="redemption_of_campaign",
            ),
            # A campaign's holds: what runs out on its page, and what its kill switch releases.
            models.Index(
                fields=["campaign", "reserved_until"],
                condition=Q(status="RESERVED"),
                name="redemption_held",
            ),
            # What the expiry job has to release, and what runs out now.
            models.Index(
                fields=["reserved_until"],
                condition=Q(status="RESERVED", is_kept=False),
                name="redemption_lapses",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "player"],
                condition=~Q(status="EXPIRED"),
                name="redemption_one_per_player",
            ),
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(is_shared=False) & ~Q(status="EXPIRED"),
                name="redemption_one_per_unique_code",
            ),
            models.UniqueConstraint(
                fields=["campaign", "player", "turn"], name="redemption_taken_again_once"
            ),
            models.CheckConstraint(
                condition=Q(turn__gte=1, turn__lte=TURNS_MAX), name="redemption_turn_makes_sense"
            ),
            models.CheckConstraint(
                condition=Q(status__in=RedemptionStatus.values), name="redemption_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="RESERVED") | Q(reserved_until__isnull=False),
                name="redemption_hold_has_an_end",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="redemption_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in REDEMPTION_MOVES],
            ),
            pgtrigger.Trigger(
                name="claim_a_use",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=CLAIM_A_USE,
            ),
            pgtrigger.Trigger(
                name="count_the_move",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=COUNT_THE_MOVE,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "redemptions"),
        ]

    def __str__(self) -> str:
        return f"{self.code} by player {self.player_id}"


# --- Attempts -------------------------------------------------------------------------------------


class Channel(models.TextChoices):
    """How a player has entered a code."""

    COMMAND = "COMMAND", "/promo"
    PROMPT = "PROMPT", "button"
    LINK = "LINK", "link"
    API = "API", "API"
    OFFER = "OFFER", "weekend offer"


class Attempt(models.Model):
    """Somebody has entered a code. Append-only; `refusal` says why it was not accepted.

    `detail` is for staff alone: what exactly stood against it.
    """

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="promo_attempts", db_index=False
    )
    digest = models.BinaryField(max_length=32)
    code = models.ForeignKey(Code, null=True, on_delete=models.PROTECT, db_index=False)
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.PROTECT, db_index=False)
    redemption = models.ForeignKey(
        Redemption, null=True, on_delete=models.PROTECT, related_name="attempts"
    )
    refusal = models.CharField(max_length=24, blank=True, default="")
    detail = models.CharField(max_length=24, blank=True, default="")
    channel = models.CharField(max_length=8, choices=Channel)
    idempotency_key = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            # What counts for a block, and a player's story.
            models.Index(fields=["player", "-at"], name="attempt_of_player"),
            # A campaign's funnel and refusals, without a look at the rows.
            models.Index(
                fields=["campaign", "at"],
                include=["detail"],
                condition=Q(campaign__isnull=False),
                name="attempt_of_campaign",
            ),
            # What the guard counts.
            models.Index(
                fields=["at"],
                condition=Q(code__isnull=False) & ~Q(refusal=""),
                name="attempt_refused",
            ),
            # A code's life.
            models.Index(fields=["digest", "at"], name="attempt_of_code"),
            # The desk's list, by what stood against it and by the way it came.
            models.Index(
                fields=["refusal", "-id"], condition=~Q(refusal=""), name="attempt_by_refusal"
            ),
            models.Index(
                fields=["detail", "-id"], condition=~Q(refusal=""), name="attempt_by_detail"
            ),
            models.Index(fields=["channel", "-id"], name="attempt_by_channel"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "idempotency_key"], name="attempt_one_per_key"
            ),
            models.CheckConstraint(
                condition=Q(refusal="", redemption__isnull=False)
                | (~Q(refusal="") & Q(redemption=None)),
                name="attempt_is_accepted_or_refused",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "attempts"),
        ]

    def __str__(self) -> str:
        return f"{self.refusal or 'accepted'} {self.at:%Y-%m-%d %H:%M}"


class Block(models.Model):
    """A player who has failed too often, and until when codes are not looked at."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.CASCADE, related_name="promo_block"
    )
    since = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        indexes = [
            # Those in force come first.
            models.Index(fields=["-until"], name="block_until"),
        ]

    def __str__(self) -> str:
        return f"player {self.player_id} until {self.until:%Y-%m-%d %H:%M}"


class Denial(models.Model):
    """A player for whom no code ever works: the deny list."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="promo_denial"
    )
    reason = models.CharField(max_length=500)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [
            # The deny list, newest first.
            models.Index(fields=["-at"], name="denial_newest"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="denial_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"player {self.player_id}"
