"""Who has redeemed a code, and how long a discount is reserved. Product rules, section 8."""

from datetime import datetime, timedelta
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from promos.models.campaign import Campaign, open_sql
from promos.models.code import Code
from promos.rules import ATTEMPT_NUMBER_MAX

# How long a discount is reserved for a player (product rules, section 8).
RESERVATION_TTL = timedelta(minutes=15)
# How long it is locked for payment from its first approved pre-checkout on, however often that is
# asked again; then a payment that was approved last still has LATE_PAYMENT_GRACE to arrive.
PAYMENT_LOCK_TTL = timedelta(minutes=30)
LATE_PAYMENT_GRACE = timedelta(minutes=2)


class RedemptionStatus(models.TextChoices):
    """The state of a redemption."""

    RESERVED = "RESERVED", "reserved"
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
CLAIM_A_USE = f"""
IF NEW.status NOT IN ('RESERVED', 'APPLIED') OR NEW.stars_off <> 0 THEN
  RAISE EXCEPTION 'A redemption begins as a reservation or as used, and takes no Stars off yet.';
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
    AND (status <> 'EXPIRED' OR attempt_number = NEW.attempt_number)
) THEN
  RETURN NULL;
END IF;
UPDATE promos_campaign
SET reserved = reserved + (NEW.status = 'RESERVED')::int,
    applied = applied + (NEW.status = 'APPLIED')::int
WHERE id = NEW.campaign_id AND {open_sql(at="NEW.created_at")}
  AND (uses_max IS NULL OR applied + reserved < uses_max);
IF NOT FOUND THEN
  RETURN NULL;
END IF;
RETURN NEW;
"""  # noqa: S608 -- what is put in is a constant.

# Moves the use along, and the Stars that it takes off. What would overrun the budget is not done.
COUNT_THE_MOVE = """
IF (NEW.id, NEW.campaign_id, NEW.code_id, NEW.is_shared, NEW.player_id, NEW.attempt_number,
    NEW.created_at)
  IS DISTINCT FROM
   (OLD.id, OLD.campaign_id, OLD.code_id, OLD.is_shared, OLD.player_id, OLD.attempt_number,
    OLD.created_at)
THEN
  RAISE EXCEPTION 'A redemption stays what it is of.';
END IF;
IF (NEW.status, NEW.stars_off) IS NOT DISTINCT FROM (OLD.status, OLD.stars_off) THEN
  RETURN NEW;
END IF;
IF NEW.stars_off <> OLD.stars_off AND (OLD.status, NEW.status) <> ('RESERVED', 'RESERVED') THEN
  RAISE EXCEPTION 'What a redemption takes off is fixed while it is reserved.';
END IF;
UPDATE promos_campaign
SET reserved = reserved - (OLD.status = 'RESERVED')::int + (NEW.status = 'RESERVED')::int,
    applied = applied + (OLD.status = 'RESERVED' AND NEW.status = 'APPLIED')::int,
    stars_reserved = stars_reserved
      - CASE WHEN OLD.status = 'RESERVED' THEN OLD.stars_off ELSE 0 END
      + CASE WHEN NEW.status = 'RESERVED' THEN NEW.stars_off ELSE 0 END,
    stars_given = stars_given
      + CASE WHEN OLD.status = 'RESERVED' AND NEW.status = 'APPLIED' THEN NEW.stars_off ELSE 0 END
WHERE id = NEW.campaign_id
  AND (stars_max IS NULL OR NEW.stars_off <= OLD.stars_off
       OR stars_given + stars_reserved - OLD.stars_off + NEW.stars_off <= stars_max);
IF NOT FOUND THEN
  RETURN NULL;
END IF;
RETURN NEW;
"""


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    """Questions about redemptions."""

    def lapsed(self, now: datetime) -> Self:
        """Return the reservations that are over and not locked for payment."""
        return self.filter(
            status=RedemptionStatus.RESERVED, is_locked_for_payment=False, reserved_until__lte=now
        )

    def reserved(self, now: datetime) -> Self:
        """Return the reservations that are still good."""
        return self.filter(status=RedemptionStatus.RESERVED).filter(
            Q(is_locked_for_payment=True, locked_until__gt=now)
            | Q(is_locked_for_payment=False, reserved_until__gt=now)
        )

    def overdue(self, now: datetime) -> Self:
        """Return the reservations whose payment lock is over: their purchase was not paid."""
        return self.filter(
            status=RedemptionStatus.RESERVED,
            is_locked_for_payment=True,
            locked_until__lte=now - LATE_PAYMENT_GRACE,
        )


def lapsed_sql(redemption: str) -> str:
    """Return `RedemptionQuerySet.lapsed` as SQL: of the row `redemption`, at parameter `now`."""
    return (
        f"({redemption}.status = 'RESERVED' AND NOT {redemption}.is_locked_for_payment"
        f" AND {redemption}.reserved_until <= %(now)s)"
    )


def reserved_sql(redemption: str) -> str:
    """Return `RedemptionQuerySet.reserved` as SQL: of the row `redemption`, at parameter `now`."""
    return (
        f"({redemption}.status = 'RESERVED' AND CASE WHEN {redemption}.is_locked_for_payment"
        f" THEN {redemption}.locked_until > %(now)s ELSE {redemption}.reserved_until > %(now)s END)"
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
    # The player's first or second attempt at it.
    attempt_number = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=8, choices=RedemptionStatus)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    reserved_until = models.DateTimeField(null=True)
    # Locked for payment: its pre-checkout is approved and its purchase neither paid nor closed.
    is_locked_for_payment = models.BooleanField(default=False)
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
            # A campaign's reservations, for its page and for its kill switch.
            models.Index(
                fields=["campaign", "reserved_until"],
                condition=Q(status="RESERVED"),
                name="redemption_reserved",
            ),
            # What the expiry job has to release, and what runs out now.
            models.Index(
                fields=["reserved_until"],
                condition=Q(status="RESERVED", is_locked_for_payment=False),
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
                fields=["campaign", "player", "attempt_number"], name="redemption_taken_again_once"
            ),
            models.CheckConstraint(
                condition=Q(attempt_number__gte=1, attempt_number__lte=ATTEMPT_NUMBER_MAX),
                name="redemption_attempt_number_makes_sense",
            ),
            models.CheckConstraint(
                condition=Q(status__in=RedemptionStatus.values), name="redemption_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="RESERVED") | Q(reserved_until__isnull=False),
                name="redemption_reservation_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(status="RESERVED", is_locked_for_payment=True)
                | Q(locked_until__isnull=False),
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
                func=(
                    "RAISE EXCEPTION "
                    "'How long a reservation is locked for payment is not prolonged.';"
                ),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "redemptions"),
        ]

    def __str__(self) -> str:
        return f"{self.code} by player {self.player_id}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{self.code} by {self.player}"
