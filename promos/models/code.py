"""The codes of campaigns, shared by all or made in batches."""

from datetime import datetime
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from promos.models.campaign import Campaign


class Derivation(models.IntegerChoices):
    """What the codes of a batch follow from. What has been made once is never made otherwise."""

    SEED = 1, "the seed alone"
    SEED_AND_PEPPER = 2, "the seed and a pepper"


class Batch(models.Model):
    """Unique codes that are made together, and leave together.

    Code number i follows from the seed and a pepper, so nothing has to keep the raw codes: the job
    that makes them can continue anywhere, and an archive for download makes them again. The first
    download deletes the seed. A seed alone, read in a dump, says nothing about the codes.
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
            # What the job has to continue.
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


def stopped_sql(code: str, batch: str) -> str:
    """Return `Code.stopped_at` as SQL about the row `code` and the row `batch` of its batch."""
    return f"coalesce({code}.revoked_at, {batch}.revoked_at)"


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
