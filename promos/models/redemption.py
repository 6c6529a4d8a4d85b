"""Campaigns, their codes, and who has redeemed them; who has invited whom, and what for.

Product rules, sections 8 and 9.

The limits are the database's: a redemption that is inserted or moved counts itself into its
campaign, nothing else may write the counters, and a CHECK keeps them within the limits. Locks are
taken in the order Wallet, Redemption, Campaign, and Inviter, Referral, Reward, Wallet. On a
campaign everybody waits who has the same code, so it comes last. Only what takes goods back locks
their redemption before the wallet; nobody else waits for that one.
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
from promos.codes import ALPHABET
from promos.referral_rules import CLAIMS_PER_MONTH
from promos.rules import TURNS_MAX
from quizarena.staff import dates

# How long a discount is held for a player (product rules, section 8).
HOLD_FOR = timedelta(minutes=15)
# From its first approval on a pre-checkout keeps it for so long, however often that is asked
# again; then a payment that was approved last still has time to arrive.
LOCKED_FOR = timedelta(minutes=30)
SETTLED_WITHIN = timedelta(minutes=2)
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
    # What the guard has counted before staff let it go on does not count again.
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
            # What one person has started today.
            models.Index(fields=["authorised_at"], name="campaign_authorised"),
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


# --- Codes ----------------------------------------------------------------------------------------


class Derivation(models.IntegerChoices):
    """What the codes of a batch follow from. What has been made once is never made otherwise."""

    SEED = 1, "the seed alone"
    SEED_AND_PEPPER = 2, "the seed and a pepper"


class Batch(models.Model):
    """Unique codes that are made together, and leave together, once.

    Code number i follows from the seed and a pepper, so nothing has to keep the raw codes: the job
    that makes them can go on anywhere, and what is downloaded is made again. With the download the
    seed goes. A seed alone, read in a dump, says nothing about the codes.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="batches")
    # Who orders it twice (a button pressed twice) gets one.
    key = models.UUIDField(unique=True, default=uuid4)
    prefix = models.CharField(max_length=12, blank=True, default="")
    size = models.PositiveIntegerField()
    made = models.PositiveIntegerField(default=0)
    seed = models.BinaryField(max_length=32, null=True)
    derivation = models.PositiveSmallIntegerField(choices=Derivation)
    # With which pepper they are made; empty for the seed alone.
    pepper_id = models.CharField(max_length=16, blank=True, default="")
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
            models.CheckConstraint(
                condition=Q(derivation=1, pepper_id="") | (Q(derivation=2) & ~Q(pepper_id="")),
                name="batch_derivation_is_known",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="batch_is_made_one_way", fields=["derivation", "pepper_id", "prefix", "size"]
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
            Q(is_kept=True, locked_until__gt=now) | Q(is_kept=False, reserved_until__gt=now)
        )

    def overdue(self, now: datetime) -> Self:
        """Return the holds that were approved, and whose purchase would have been paid by now."""
        return self.filter(
            status=RedemptionStatus.RESERVED,
            is_kept=True,
            locked_until__lte=now - SETTLED_WITHIN,
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
    # Until when it can be approved (again); set by the first approval, and never moved.
    locked_until = models.DateTimeField(null=True)
    # It has been approved, or applied, as the first purchase of its player.
    is_first_purchase = models.BooleanField(default=False, db_default=False)
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
            models.CheckConstraint(
                condition=~Q(status="RESERVED", is_kept=True) | Q(locked_until__isnull=False),
                name="redemption_lock_has_an_end",
            ),
            models.UniqueConstraint(
                fields=["player"],
                condition=Q(is_first_purchase=True) & ~Q(status="EXPIRED"),
                name="redemption_one_first_purchase",
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
            pgtrigger.Trigger(
                name="locked_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "(OLD.locked_until IS NOT NULL"
                    " AND NEW.locked_until IS DISTINCT FROM OLD.locked_until)"
                ),
                func="RAISE EXCEPTION 'How long a hold is kept is not prolonged.';",
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
        return f"{self.refusal or 'accepted'} {dates.moment(self.at)}"


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
        return f"player {self.player_id} until {dates.moment(self.until)}"


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


# --- Referrals ------------------------------------------------------------------------------------


class ReferralStatus(models.TextChoices):
    """Where an invitation is in its life."""

    STARTED = "STARTED", "started"
    QUALIFIED = "QUALIFIED", "qualified"
    REWARDED = "REWARDED", "rewarded"
    DEFERRED_LIMIT = "DEFERRED_LIMIT", "deferred"
    REJECTED_FRAUD = "REJECTED_FRAUD", "rejected as fraud"
    CANCELED = "CANCELED", "canceled"


# What counts for a reward, whether or not there is one yet.
COUNTING = (
    ReferralStatus.QUALIFIED,
    ReferralStatus.DEFERRED_LIMIT,
    ReferralStatus.REWARDED,
)
REFUSED = (ReferralStatus.REJECTED_FRAUD, ReferralStatus.CANCELED)

# Every arrow of an invitation's life.
REFERRAL_MOVES = (
    (ReferralStatus.STARTED, ReferralStatus.QUALIFIED),
    (ReferralStatus.QUALIFIED, ReferralStatus.DEFERRED_LIMIT),
    (ReferralStatus.DEFERRED_LIMIT, ReferralStatus.QUALIFIED),
    (ReferralStatus.QUALIFIED, ReferralStatus.REWARDED),
    # The reward was taken back because of another one of its three.
    (ReferralStatus.REWARDED, ReferralStatus.QUALIFIED),
    # What staff decide, at any status: reopen, call it fraud, cancel.
    *((old, ReferralStatus.STARTED) for old in ReferralStatus if old is not ReferralStatus.STARTED),
    *((old, new) for new in REFUSED for old in ReferralStatus if old is not new),
)

# What a reward is made of: three of the same inviter that count, and moved along with it. Checked
# when the transaction ends, for the reward that a row belongs to and the one it belonged to.
THREE_EACH = """
FOR one IN
  SELECT * FROM promos_referralreward WHERE id IN ({ids}) AND revoked_at IS NULL
LOOP
  SELECT count(*) AS all_of_them,
         count(*) FILTER (WHERE inviter_id = one.inviter_id AND CASE
           WHEN one.chosen_at IS NOT NULL THEN status = 'REWARDED'
           ELSE status IN ('QUALIFIED', 'DEFERRED_LIMIT') END) AS fitting
  INTO three FROM promos_referral WHERE reward_id = one.id;
  IF (three.all_of_them, three.fitting) IS DISTINCT FROM (3, 3) THEN
    RAISE EXCEPTION 'A reward is for three invitations of its inviter that count.';
  END IF;
END LOOP;
IF EXISTS (
  SELECT FROM promos_referral JOIN promos_referralreward AS reward ON reward.id = reward_id
  WHERE reward_id IN ({ids}) AND revoked_at IS NOT NULL
) THEN
  RAISE EXCEPTION 'A reward that was taken back is for nobody.';
END IF;
RETURN NULL;
"""


class Inviter(models.Model):
    """A player who invites. This row is the lock of everything about the player's rewards."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="inviter"
    )
    code = models.CharField(max_length=10, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=f"^[{ALPHABET}]{{10}}$"), name="inviter_code_is_a_code"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "inviters"),
        ]

    def __str__(self) -> str:
        return f"inviter {self.pk}"


class RewardChoice(models.TextChoices):
    """What players choose between."""

    MEGA_PACK_15 = "MEGA_PACK_15", "Mega Pack"
    PREMIUM_7 = "PREMIUM_7", "7 days Premium"


class RewardQuerySet(models.QuerySet["ReferralReward"]):
    """Questions about rewards."""

    def open(self) -> Self:
        """Return those that are neither chosen nor taken back."""
        return self.filter(chosen_at=None, revoked_at=None)

    def offered_by(self, now: datetime) -> Self:
        """Return those that are to be offered by `now` and are not yet."""
        return self.open().filter(
            Q(deferred_until=None) | Q(deferred_until__lte=now),
            offered_at=None,
            claimable_at__lte=now,
        )


class ReferralReward(models.Model):
    """What an inviter gets for three: first waited for, then offered or deferred, then chosen."""

    inviter = models.ForeignKey(
        Inviter, on_delete=models.PROTECT, related_name="rewards", db_index=False
    )
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    claimable_at = models.DateTimeField()
    # Since when the inviter can choose.
    offered_at = models.DateTimeField(null=True)
    # The beginning of a month: those before have no room for it. None once it is offered.
    deferred_until = models.DateTimeField(null=True)
    choice = models.CharField(max_length=16, choices=RewardChoice, blank=True, default="")
    chosen_at = models.DateTimeField(null=True)
    # The business month of the choice, and the place in it: there are only two.
    month = models.DateField(null=True)
    place = models.PositiveSmallIntegerField(null=True)
    entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="referral_reward"
    )
    revoked_at = models.DateTimeField(null=True)

    objects = RewardQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the job offers or defers.
            models.Index(
                fields=["claimable_at"],
                condition=Q(offered_at=None, chosen_at=None, revoked_at=None),
                name="reward_to_be_offered",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["inviter", "number"], name="reward_number_once"),
            models.UniqueConstraint(
                fields=["inviter", "month", "place"],
                condition=Q(revoked_at=None),
                name="reward_two_per_month",
            ),
            models.CheckConstraint(
                condition=Q(place=None) | Q(place__gte=1, place__lte=CLAIMS_PER_MONTH),
                name="reward_place_makes_sense",
            ),
            models.CheckConstraint(
                condition=Q(choice="", chosen_at=None, month=None, place=None, entry=None)
                | Q(
                    choice__in=RewardChoice.values,
                    chosen_at__isnull=False,
                    month__isnull=False,
                    place__isnull=False,
                    entry__isnull=False,
                    offered_at__isnull=False,
                ),
                name="reward_chosen_wholly",
            ),
            models.CheckConstraint(
                condition=Q(offered_at=None) | Q(offered_at__gte=F("claimable_at")),
                name="reward_is_waited_for",
            ),
            models.CheckConstraint(
                condition=Q(deferred_until=None) | Q(offered_at=None),
                name="reward_deferred_is_waited_for",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="reward_stays", fields=["inviter", "number", "created_at", "claimable_at"]
            ),
            pgtrigger.Trigger(
                name="chosen_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "(OLD.chosen_at IS NOT NULL AND (NEW.choice, NEW.chosen_at, NEW.entry_id,"
                    " NEW.month, NEW.place) IS DISTINCT FROM (OLD.choice, OLD.chosen_at,"
                    " OLD.entry_id, OLD.month, OLD.place))"
                ),
                func="RAISE EXCEPTION 'A reward is chosen once.';",
            ),
            pgtrigger.Protect(
                name="revoked_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__revoked_at__isnull=False),
            ),
            pgtrigger.Trigger(
                name="for_three",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                declare=[("one", "promos_referralreward%ROWTYPE"), ("three", "RECORD")],
                func=THREE_EACH.format(ids="NEW.id"),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "rewards"),
        ]

    def __str__(self) -> str:
        return f"reward {self.number} of player {self.inviter_id}"


class ReferralQuerySet(models.QuerySet["Referral"]):
    """Questions about invitations."""

    def checkable(self) -> Self:
        """Return those that may still come to count."""
        return self.filter(status=ReferralStatus.STARTED, held_at=None, lapsed_at=None)

    def held(self) -> Self:
        """Return those that wait for staff."""
        return self.filter(held_at__isnull=False)

    def confirmed_fraud(self) -> Self:
        """Return those that staff have called fraud; not what the bot refuses by itself."""
        return self.filter(status=ReferralStatus.REJECTED_FRAUD, judged_at__isnull=False)

    def unrewarded(self) -> Self:
        """Return those that count and are of no reward yet."""
        return self.filter(status=ReferralStatus.QUALIFIED, reward=None)


class Referral(models.Model):
    """That a player came by the link of another one: bound at the first start, and never again."""

    inviter = models.ForeignKey(
        Inviter, on_delete=models.PROTECT, related_name="referrals", db_index=False
    )
    invited = models.OneToOneField(
        "players.Player", on_delete=models.PROTECT, related_name="referral"
    )
    started_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=ReferralStatus, default=ReferralStatus.STARTED)
    qualified_at = models.DateTimeField(null=True)
    reward = models.ForeignKey(
        ReferralReward, null=True, on_delete=models.PROTECT, related_name="referrals"
    )
    # When the job has last looked at it: who has waited longest comes first.
    checked_at = models.DateTimeField(null=True)
    # Its time was over before it counted. It stays STARTED: nothing was wrong with it.
    lapsed_at = models.DateTimeField(null=True)
    # Waits for staff.
    held_at = models.DateTimeField(null=True)
    # When staff have last decided about it; what the bot refuses by itself has none.
    judged_at = models.DateTimeField(null=True)
    # The suspicions that stood when staff reopened it: they do not hold it any more.
    cleared = models.JSONField(default=list)
    # As it was when it was judged: answers, days, answers too fast to have been read.
    answers = models.PositiveIntegerField(default=0)
    days = models.PositiveSmallIntegerField(default=0)
    fast_answers = models.PositiveIntegerField(default=0)
    score = models.PositiveSmallIntegerField(default=0)
    reasons = models.JSONField(default=list)

    objects = ReferralQuerySet.as_manager()

    class Meta:
        permissions = [("judge_referral", "Can confirm fraud, reopen and cancel invitations")]
        indexes = [
            # What the job looks at, who has waited longest first.
            models.Index(
                F("checked_at").asc(nulls_first=True),
                "id",
                condition=Q(status="STARTED", held_at=None, lapsed_at=None),
                name="referral_to_be_checked",
            ),
            # What staff have to look at, and what is suspicious.
            models.Index(
                fields=["held_at"], condition=Q(held_at__isnull=False), name="referral_held"
            ),
            models.Index(fields=["-score", "-id"], condition=Q(score__gt=0), name="referral_score"),
            # The desk's list by status.
            models.Index(fields=["status", "-id"], name="referral_by_status"),
            # Of an inviter: the starts of a day, and what is to be seen of them.
            models.Index(fields=["inviter", "-started_at"], name="referral_of_inviter"),
            # Whose three are complete.
            models.Index(
                fields=["inviter", "qualified_at"],
                condition=Q(status="QUALIFIED", reward=None),
                name="referral_unrewarded",
            ),
            # What staff have called fraud, of an inviter.
            models.Index(
                fields=["inviter"],
                condition=Q(status="REJECTED_FRAUD", judged_at__isnull=False),
                name="referral_confirmed_fraud",
            ),
            # Funnel and top referrers of a period.
            models.Index(
                fields=["started_at"], include=["inviter", "status"], name="referral_by_start"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ReferralStatus.values), name="referral_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(inviter=F("invited")) | Q(status__in=REFUSED),
                name="referral_of_oneself_never_counts",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=COUNTING) | Q(qualified_at__isnull=False),
                name="referral_counting_has_qualified",
            ),
            models.CheckConstraint(
                condition=Q(status="QUALIFIED")
                | Q(status__in=["REWARDED", "DEFERRED_LIMIT"], reward__isnull=False)
                | Q(status__in=["STARTED", *REFUSED], reward=None),
                name="referral_rewarded_has_its_reward",
            ),
            models.CheckConstraint(
                condition=Q(held_at=None) | Q(status="STARTED", lapsed_at=None),
                name="referral_held_does_not_count",
            ),
            models.CheckConstraint(
                condition=Q(lapsed_at=None) | Q(status="STARTED"), name="referral_lapsed_is_started"
            ),
            models.CheckConstraint(
                condition=Q(score__lte=100, fast_answers__lte=F("answers")),
                name="referral_evidence_makes_sense",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="referral_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in REFERRAL_MOVES],
            ),
            pgtrigger.Trigger(
                name="begins_as_a_start",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status NOT IN ('STARTED', 'REJECTED_FRAUD')"),
                func="RAISE EXCEPTION 'An invitation begins with a start.';",
            ),
            pgtrigger.ReadOnly(name="referral_stays", fields=["inviter", "invited", "started_at"]),
            pgtrigger.Trigger(
                name="three_each",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((NEW.reward_id, NEW.status) IS DISTINCT FROM (OLD.reward_id, OLD.status)"
                    " AND (NEW.reward_id IS NOT NULL OR OLD.reward_id IS NOT NULL))"
                ),
                timing=pgtrigger.Deferred,
                declare=[("one", "promos_referralreward%ROWTYPE"), ("three", "RECORD")],
                func=THREE_EACH.format(ids="NEW.reward_id, OLD.reward_id"),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "referrals"),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class ReferralNoticeKind(models.TextChoices):
    """What an inviter is told."""

    FRIEND_QUALIFIED = "FRIEND_QUALIFIED", "a friend counts"
    REWARD_READY = "REWARD_READY", "a reward can be chosen"
    REWARD_DEFERRED = "REWARD_DEFERRED", "a reward has to wait for the next month"
    REWARD_REVOKED = "REWARD_REVOKED", "a reward was taken back"


class ReferralNoticeQuerySet(models.QuerySet["ReferralNotice"]):
    """Questions about notices."""

    def undelivered(self, *, of_losses: bool) -> Self:
        """Return what inviters have yet to be told, of what they lost or of the rest, in order."""
        losses = Q(kind=ReferralNoticeKind.REWARD_REVOKED)
        return self.filter(losses if of_losses else ~losses, told_at=None).order_by("pk")


class ReferralNotice(models.Model):
    """That an inviter is told something, once. The bot fetches it."""

    player = models.ForeignKey(
        "players.Player",
        on_delete=models.PROTECT,
        related_name="referral_notices",
        db_index=False,
    )
    kind = models.CharField(max_length=16, choices=ReferralNoticeKind)
    referral = models.OneToOneField(
        Referral, null=True, on_delete=models.PROTECT, related_name="notice"
    )
    reward = models.ForeignKey(
        ReferralReward, null=True, on_delete=models.PROTECT, related_name="notices"
    )
    created_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    objects = ReferralNoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the bot has to fetch.
            models.Index(
                fields=["id"],
                include=["player", "kind"],
                condition=Q(told_at=None),
                name="referral_notice_untold",
            ),
            # What a player has yet to be told.
            models.Index(
                fields=["player"], condition=Q(told_at=None), name="referral_notice_untold_player"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reward", "kind"],
                condition=Q(told_at=None),
                name="referral_notice_waits_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="FRIEND_QUALIFIED", referral__isnull=False, reward=None)
                | Q(
                    kind__in=["REWARD_READY", "REWARD_DEFERRED", "REWARD_REVOKED"],
                    referral=None,
                    reward__isnull=False,
                ),
                name="referral_notice_is_about_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for player {self.player_id}"
