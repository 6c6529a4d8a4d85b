"""Archives of batches: what a worker packs for a download, encrypted, and kept for a day."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from promos.models.code import Batch


class ArchiveStatus(models.TextChoices):
    """Where an archive stands."""

    QUEUED = "QUEUED", "queued"
    RUNNING = "RUNNING", "being packed"
    READY = "READY", "ready"
    FAILED = "FAILED", "failed"
    EXPIRED = "EXPIRED", "deleted"


# Every arrow of an archive's life. A worker that takes over a running one makes no move.
ARCHIVE_MOVES = (
    (ArchiveStatus.QUEUED, ArchiveStatus.RUNNING),
    # Its batch was revoked before a worker came.
    (ArchiveStatus.QUEUED, ArchiveStatus.FAILED),
    (ArchiveStatus.RUNNING, ArchiveStatus.READY),
    (ArchiveStatus.RUNNING, ArchiveStatus.FAILED),
    (ArchiveStatus.READY, ArchiveStatus.EXPIRED),
)
UNFINISHED_ARCHIVE = (ArchiveStatus.QUEUED, ArchiveStatus.RUNNING)
LIVE_ARCHIVE = (*UNFINISHED_ARCHIVE, ArchiveStatus.READY)


class SheetLanguage(models.TextChoices):
    """In which language the cards of a sheet say what a code gives."""

    GERMAN = "de", "German"
    ENGLISH = "en", "English"
    UKRAINIAN = "uk", "Ukrainian"


class BatchArchive(models.Model):
    """A ZIP with the codes of a batch. The row stays when the file is deleted.

    The parts of the file are encrypted with a key that follows from `salt` and a pepper, which is
    not in the database; with the file the salt is deleted, too.
    """

    # One form is one archive, however often it is sent.
    decision = models.UUIDField(unique=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="archives")
    language = models.CharField(max_length=2, choices=SheetLanguage)
    # What the cards of the sheet say: the campaign as it was when the archive was requested.
    printed_gives = models.CharField(max_length=120)
    printed_ends_at = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    requested_at = models.DateTimeField()
    status = models.CharField(max_length=8, choices=ArchiveStatus, default=ArchiveStatus.QUEUED)
    # When a worker may take it: at once, or when the one that has it must have died.
    due_at = models.DateTimeField(null=True)
    # How often it was taken; a worker that has lost it writes no more.
    tries = models.PositiveSmallIntegerField(default=0)
    # In percent.
    progress = models.PositiveSmallIntegerField(default=0)
    file_bytes = models.PositiveBigIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")
    pepper_id = models.CharField(max_length=16)
    salt = models.BinaryField(max_length=32, null=True)
    finished_at = models.DateTimeField(null=True)
    # A day after it is ready, and a day after its first download.
    expires_at = models.DateTimeField(null=True)
    downloads = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            # What a worker has to pack.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="archive_due"),
            # Whose files are to be deleted.
            models.Index(
                fields=["expires_at"], condition=Q(status="READY"), name="archive_expires"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["batch"],
                condition=Q(status__in=LIVE_ARCHIVE),
                name="archive_one_live_per_batch",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ArchiveStatus.values), name="archive_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(language__in=SheetLanguage.values), name="archive_language_is_known"
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="archive_progress_is_part"),
            models.CheckConstraint(
                condition=(
                    Q(
                        status__in=UNFINISHED_ARCHIVE,
                        due_at__isnull=False,
                        salt__isnull=False,
                        finished_at=None,
                        downloads=0,
                        error="",
                    )
                    | Q(
                        status="READY",
                        due_at=None,
                        salt__isnull=False,
                        finished_at__isnull=False,
                        expires_at__isnull=False,
                        error="",
                    )
                    | Q(
                        status="EXPIRED",
                        due_at=None,
                        salt=None,
                        finished_at__isnull=False,
                        error="",
                    )
                    | (
                        Q(status="FAILED", due_at=None, salt=None, finished_at__isnull=False)
                        & ~Q(error="")
                    )
                ),
                name="archive_is_due_or_there_or_gone",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="archive_begins_queued",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__status="QUEUED"),
            ),
            pgtrigger.FSM(
                name="archive_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in ARCHIVE_MOVES],
            ),
            pgtrigger.ReadOnly(
                name="archive_request_stays",
                fields=[
                    "batch",
                    "decision",
                    "language",
                    "pepper_id",
                    "printed_ends_at",
                    "printed_gives",
                    "requested_at",
                    "requested_by",
                ],
            ),
            pgtrigger.Protect(name="archive_never_deleted", operation=pgtrigger.Delete),
            never_truncated("archive_never_truncated", "the archives"),
        ]

    def __str__(self) -> str:
        return f"archive of batch {self.batch_id}"

    @property
    def filename(self) -> str:
        """Return what the file is called."""
        return f"codes-{self.batch_id}.zip"


class BatchArchivePart(models.Model):
    """An encrypted piece of the file, so that nobody ever holds the whole of it."""

    archive = models.ForeignKey(
        BatchArchive, on_delete=models.PROTECT, related_name="parts", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["archive", "number"], name="archivepart_one_each"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.archive}"
