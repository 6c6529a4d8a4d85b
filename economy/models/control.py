"""The verification of the ledger, and the runs of all controls with what they found."""

from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.text import capfirst

from economy.models.ledger import ASSETS, LedgerEntry, never_truncated
from quizarena.staff import dates


class VerificationRun(models.Model):
    """One verification of the ledger: every wallet, recomputed from its entries."""

    started_at = models.DateTimeField()
    # Empty while it runs, and for ever if somebody has stopped it.
    seconds = models.FloatField(null=True)
    wallets = models.PositiveBigIntegerField(default=0)
    entries = models.PositiveBigIntegerField(default=0)
    # How many findings there are.
    differences = models.PositiveIntegerField(default=0)
    control_run = models.OneToOneField(
        "ControlRun", null=True, on_delete=models.PROTECT, related_name="ledger_verification"
    )

    class Meta:
        verbose_name = "ledger check"

    def __str__(self) -> str:
        return f"ledger check {self.pk}"


class VerificationFinding(models.Model):
    """A wallet's balance, or one stated by an entry, that is not the sum of the entries."""

    run = models.ForeignKey(VerificationRun, on_delete=models.PROTECT, related_name="findings")
    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")
    asset = models.CharField(
        max_length=16, choices=[(asset, asset.replace("_", " ")) for asset in ASSETS]
    )
    # Empty if the player has no wallet.
    in_wallet = models.BigIntegerField(null=True)
    # Empty if the player has no entries.
    by_entries = models.BigIntegerField(null=True)
    # The first entry whose balance is not the sum up to it, if there is one.
    entry = models.ForeignKey(LedgerEntry, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"player {self.player_id}: {self.sentence}"

    @property
    def sentence(self) -> str:
        """What is wrong, in words."""
        asset = self.get_asset_display()
        if self.in_wallet is None:
            return f"no wallet, but entries that sum up to {self.by_entries:,} {asset}"
        if self.by_entries is None:
            return f"no entries, but a wallet with {self.in_wallet:,} {asset}"
        if self.in_wallet != self.by_entries:
            return f"{self.in_wallet:,} {asset} in the wallet, {self.by_entries:,} by the entries"
        return f"the {asset} after entry {self.entry_id} is not the sum of the entries up to it"


# --- Controls -------------------------------------------------------------------------------------


class ControlRunQuerySet(models.QuerySet["ControlRun"]):
    """Questions about runs."""

    def clean(self) -> Self:
        """Return those that came to their end and found nothing that is still open."""
        return self.filter(finished_at__isnull=False, findings=0, error="")


class ControlRun(models.Model):
    """One run of a control (economy/controls.py), or the clean ones of an hour."""

    control = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    # When the latest of the runs that this row stands for began.
    last_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    runs = models.PositiveIntegerField(default=1)
    # How many items were looked at.
    checked = models.PositiveBigIntegerField(default=0)
    # How many findings are open at the end of the run.
    findings = models.PositiveIntegerField(default=0)
    # The name of the error that ended the run early.
    error = models.CharField(max_length=200, blank=True, default="")
    # Of the findings the one that its alert names, where another table has them.
    headline = ""

    objects = ControlRunQuerySet.as_manager()

    class Meta:
        verbose_name = "control run"
        indexes = [
            # The latest run of a control, and its latest clean one.
            models.Index(fields=["control", "-id"], name="controlrun_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_at__gte=F("started_at")),
                name="controlrun_last_is_not_before_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.control} {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{capfirst(self.control.replace('-', ' '))}, {dates.moment(self.last_at)}"

    @property
    def is_clean(self) -> bool:
        """Whether it came to its end and found nothing that is still open."""
        return self.finished_at is not None and not self.findings and not self.error


class ControlFinding(models.Model):
    """Something that a run has found and that no table of its own control keeps."""

    run = models.ForeignKey(ControlRun, on_delete=models.PROTECT, related_name="found")
    summary = models.CharField(max_length=500)
    # What it is about, if that has a page.
    subject_type = models.CharField(max_length=64, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    details = models.JSONField(default=dict)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "the findings of controls"),
        ]

    def __str__(self) -> str:
        return self.summary
