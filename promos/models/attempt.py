"""Who has entered which code, and who may not enter any."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from promos.models.campaign import Campaign
from promos.models.code import Code
from promos.models.redemption import Redemption
from quizarena.staff import dates


class Channel(models.TextChoices):
    """How a player has entered a code."""

    COMMAND = "COMMAND", "/promo"
    PROMPT = "PROMPT", "button"
    LINK = "LINK", "link"
    API = "API", "API"
    OFFER = "OFFER", "weekend offer"


class Attempt(models.Model):
    """Somebody has entered a code. Append-only; `refusal` says why it was not accepted.

    `detail` is for staff alone: what exactly stood against it, a `promos.rules.Reason`.
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
            # What counts for a block, and a player's page.
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
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update),
            # Product rules, section 16: promos/attempts.py purges what is older.
            pgtrigger.Protect(
                name="kept_for_180_days",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.at > now() - interval '180 days'"),
            ),
            never_truncated("never_truncated", "attempts"),
        ]

    def __str__(self) -> str:
        return f"{self.refusal or 'accepted'} {dates.moment(self.at)}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"Attempt of {self.player}, {dates.moment(self.at)}"


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

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{self.player} until {dates.moment(self.until)}"


class DenylistEntry(models.Model):
    """A player for whom no code ever works: the deny list."""

    player = models.OneToOneField(
        "players.Player",
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="promo_denylist_entry",
    )
    reason = models.CharField(max_length=500)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [
            # The deny list, newest first.
            models.Index(fields=["-at"], name="denylistentry_newest"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="denylistentry_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"player {self.player_id}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return str(self.player)
