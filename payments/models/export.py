"""Accounts as files: what staff have asked for, how far a worker is, and the file for a day."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from economy.models import never_truncated
from quizarena.staff import dates


class ExportKind(models.TextChoices):
    """What can be exported."""

    LEDGER = "LEDGER", "Ledger entries"
    PURCHASES = "PURCHASES", "Purchases"
    REFUNDS = "REFUNDS", "Refunds"
    REVENUE = "REVENUE", "Revenue by day"
    RECONCILIATION = "RECONCILIATION", "Reconciliation runs"


class FileFormat(models.TextChoices):
    """As which file."""

    CSV = "CSV", "CSV"
    XLSX = "XLSX", "Excel workbook"


class ExportStatus(models.TextChoices):
    """Where an export stands."""

    QUEUED = "QUEUED", "queued"
    RUNNING = "RUNNING", "running"
    READY = "READY", "ready"
    FAILED = "FAILED", "failed"
    EXPIRED = "EXPIRED", "expired"


# Every arrow of an export's life. A worker that takes over a running one makes no move.
EXPORT_MOVES = (
    (ExportStatus.QUEUED, ExportStatus.RUNNING),
    (ExportStatus.RUNNING, ExportStatus.READY),
    (ExportStatus.RUNNING, ExportStatus.FAILED),
    (ExportStatus.READY, ExportStatus.EXPIRED),
)
UNFINISHED = (ExportStatus.QUEUED, ExportStatus.RUNNING)


class Export(models.Model):
    """One file that a member of staff has asked for. The row stays when the file is deleted."""

    # One form is one export, however often it is sent.
    decision = models.UUIDField(unique=True)
    kind = models.CharField(max_length=16, choices=ExportKind)
    file_format = models.CharField("format", max_length=4, choices=FileFormat)
    # Days of business, both included.
    first_day = models.DateField()
    last_day = models.DateField()
    # Of the kind's own filters those that are set: {"type": "PURCHASE_REFUND"}.
    filters = models.JSONField(default=dict, blank=True)
    # Names and Telegram ids of players are masked without it.
    with_names = models.BooleanField(default=False)
    reason = models.CharField(max_length=500)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requested_at = models.DateTimeField()
    status = models.CharField(max_length=8, choices=ExportStatus, default=ExportStatus.QUEUED)
    # When a worker may take it: at once, or when the one that has it must have died.
    due_at = models.DateTimeField(null=True)
    # How often it was taken; a worker that has lost it writes no more.
    tries = models.PositiveSmallIntegerField(default=0)
    # So much of the days, in percent.
    progress = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    file_bytes = models.PositiveBigIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [
            ("make_export", "Can export accounts"),
            ("export_names", "Can export names of players"),
        ]
        indexes = [
            # What a worker has to make.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="export_due"),
            # Whose files are to be deleted.
            models.Index(fields=["expires_at"], condition=Q(status="READY"), name="export_expires"),
            # How many one member of staff is waiting for.
            models.Index(
                fields=["requested_by"],
                condition=Q(status__in=UNFINISHED),
                name="export_unfinished_of_staff",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=ExportKind.values), name="export_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(file_format__in=FileFormat.values), name="export_format_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ExportStatus.values), name="export_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(first_day__lte=F("last_day")), name="export_days_are_in_order"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="export_has_reason"),
            models.CheckConstraint(condition=Q(progress__lte=100), name="export_progress_is_part"),
            models.CheckConstraint(
                condition=(
                    Q(status__in=UNFINISHED, due_at__isnull=False, finished_at=None, error="")
                    | Q(
                        status__in=["READY", "EXPIRED"],
                        due_at=None,
                        finished_at__isnull=False,
                        expires_at__isnull=False,
                        error="",
                    )
                    | (
                        Q(status="FAILED", due_at=None, finished_at__isnull=False, expires_at=None)
                        & ~Q(error="")
                    )
                ),
                name="export_is_due_or_there_or_failed",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="export_begins_queued",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__status="QUEUED"),
            ),
            pgtrigger.FSM(
                name="export_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in EXPORT_MOVES],
            ),
            pgtrigger.ReadOnly(
                name="export_request_stays",
                fields=[
                    "decision",
                    "kind",
                    "file_format",
                    "first_day",
                    "last_day",
                    "filters",
                    "with_names",
                    "reason",
                    "requested_by",
                    "requested_at",
                ],
            ),
            pgtrigger.Protect(name="export_never_deleted", operation=pgtrigger.Delete),
            never_truncated("export_never_truncated", "the exports"),
        ]

    def __str__(self) -> str:
        days = f"{dates.day(self.first_day)} to {dates.day(self.last_day)}"
        return f"{self.get_kind_display()} {days}"

    @property
    def filename(self) -> str:
        """Return what the file is called."""
        kind = self.kind.lower()
        return f"{kind}-{self.first_day}-{self.last_day}-{self.pk}.{self.file_format.lower()}"


class ExportPart(models.Model):
    """A piece of the file, so that nobody ever holds the whole of it."""

    export = models.ForeignKey(
        Export, on_delete=models.PROTECT, related_name="parts", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="exportpart_one_each"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.export}"
