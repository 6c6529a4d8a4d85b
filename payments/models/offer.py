"""Offers that were shown to players, and the purchases that came of them. Product rules, 10."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from payments.models.purchase import Purchase
from payments.offer_rules import SHOWN_A_DAY_MAX, Touchpoint, Trigger


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

    How often that may be is kept by constraints, so it holds for touchpoints that meet, too.
    """

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="impressions", db_index=False
    )
    trigger = models.CharField(
        max_length=24, choices=[(one.value, one.value.replace("_", " ").lower()) for one in Trigger]
    )
    priority = models.PositiveSmallIntegerField()
    event = models.CharField(
        max_length=16,
        choices=[(one.value, one.value.replace("_", " ").lower()) for one in Touchpoint],
    )
    is_blocking = models.BooleanField()
    # The products that were offered, each with the price that was shown, in Stars.
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
            # A player's page, and what was shown lately.
            models.Index(fields=["player", "-shown_at"], name="impression_of_player"),
            # What a player does not want to see for a while.
            models.Index(
                fields=["player", "muted_at"],
                condition=Q(muted_at__isnull=False),
                name="impression_muted",
            ),
            # The funnel, and what can be purged.
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
                condition=Q(event__in=[one.value for one in Touchpoint]),
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

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Offer to {self.player}"


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
