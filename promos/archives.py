"""Downloads of batches: packed by a worker, encrypted while they are kept, for a day.

A worker claims an archive for LEASE and says with every piece that it is alive. If it dies, the
next one begins anew; a worker that was taken for dead writes no more. Product rules, section 8.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from promos import archive_files, codes, derivation, sheets
from promos.errors import CodesGoneError, IllegalMoveError
from promos.models import (
    LIVE_ARCHIVE,
    UNFINISHED_ARCHIVE,
    ArchiveStatus,
    Batch,
    BatchArchive,
    BatchArchivePart,
    SheetLanguage,
)
from quizarena import sweeps
from quizarena.staff import audit

KEEP_FOR = timedelta(hours=24)
# Whoever began to download it just before that can go on for so long.
DOWNLOAD = timedelta(hours=1)
# Longer than a file of cards takes.
LEASE = timedelta(minutes=5)
# A worker that is alive says so this often at most; it has more to do than that.
REPORT_EVERY = timedelta(seconds=2)
TRIES_MAX = 3
RETRY_AFTER = timedelta(seconds=30)
AT_ONCE = 5
NONCE_BYTES = 12

log = structlog.get_logger(__name__)


class _TakenOverError(Exception):
    """Another worker has this archive now, or its batch was revoked."""


# --- Asking ---------------------------------------------------------------------------------------


@transaction.atomic
def request(
    *, batch_id: int, language: SheetLanguage, decision: UUID, staff: User, now: datetime
) -> BatchArchive:
    """Queue an archive of the batch and record it; the same decision is one archive.

    Locks the batch. An archive that nobody has downloaded makes room for the new one: its campaign
    may have changed. Raises IllegalMoveError while codes or another archive are being made, and
    CodesGoneError if the codes have been downloaded or revoked.
    """
    batch = _lock_batch(batch_id)
    if (found := BatchArchive.objects.filter(decision=decision).first()) is not None:
        return found
    check(batch)
    _expire(BatchArchive.objects.filter(batch=batch, status=ArchiveStatus.READY))
    archive = BatchArchive.objects.create(
        decision=decision,
        batch=batch,
        language=language,
        printed_gives=sheets.gives(batch.campaign, language=language),
        printed_ends_at=batch.campaign.ends_at,
        requested_by=staff,
        requested_at=now,
        due_at=now,
        pepper_id=codes.newest_pepper_id(),
        salt=codes.draw_seed(),
    )
    audit.record(
        actor=staff,
        action="batch.archive_requested",
        obj=batch,
        summary=f"{batch}: download requested.",
        details={"archive": archive.pk, "language": language.value},
    )
    return archive


def check(batch: Batch) -> None:
    """Raise IllegalMoveError or CodesGoneError unless an archive of the batch can be requested."""
    if batch.revoked_at is not None:
        raise CodesGoneError("The codes have been revoked.")
    derivation.key_of(batch)
    if batch.made < batch.size:
        raise IllegalMoveError(f"{batch.made:,} of {batch.size:,} have been made so far.")
    if batch.archives.filter(status__in=UNFINISHED_ARCHIVE).exists():
        raise IllegalMoveError("The download is being prepared already.")


def _lock_batch(batch_id: int) -> Batch:
    """Lock the batch until the transaction ends; its campaign may be used meanwhile."""
    rows = Batch.objects.select_for_update(of=("self",)).select_related("campaign")
    return rows.get(pk=batch_id)


# --- Packing --------------------------------------------------------------------------------------


def make(*, until: datetime) -> int:
    """Pack the archives that are due, beginning none after `until`; return how many are ready."""
    return sweeps.one_by_one(due=_due, apply=make_one, until=until)


def _due(seen: Collection[int]) -> list[int]:
    due = BatchArchive.objects.filter(due_at__lte=timezone.now()).exclude(pk__in=seen)
    return list(due.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])


def make_one(archive_id: int) -> int:
    """Claim one archive and write its file; return 1 if it is ready now.

    Not inside a transaction. Whatever fails is tried TRIES_MAX times, and then says so.
    """
    archive = _claim(archive_id)
    if archive is None:
        return 0
    try:
        if archive.tries > TRIES_MAX:
            _fail(archive, "The work on it was interrupted several times. Request it again.")
        else:
            return _write(archive)
    except _TakenOverError:
        log.warning("archive.taken_over", archive=archive_id, tries=archive.tries)
    except CodesGoneError as error:
        _fail(archive, str(error))
    except Exception as error:  # noqa: BLE001 -- of whatever kind, and its text may have a code in it.
        name = type(error).__name__
        log.error("archive.failed", archive=archive_id, tries=archive.tries, error=name)  # noqa: TRY400
        if archive.tries >= TRIES_MAX:
            _fail(archive, f"It could not be packed ({name}).")
        else:
            _owned(archive).update(due_at=timezone.now() + RETRY_AFTER)
    return 0


def _claim(archive_id: int) -> BatchArchive | None:
    """Take an archive that is due, if nobody else has; what another worker has written goes."""
    now = timezone.now()
    with transaction.atomic():
        claimed = BatchArchive.objects.filter(
            pk=archive_id, due_at__lte=now, status__in=UNFINISHED_ARCHIVE
        ).update(
            status=ArchiveStatus.RUNNING,
            tries=F("tries") + 1,
            due_at=now + LEASE,
            progress=0,
            file_bytes=0,
        )
        if not claimed:
            return None
        BatchArchivePart.objects.filter(archive=archive_id).delete()
        rows = BatchArchive.objects.select_related("batch__campaign", "requested_by")
        return rows.get(pk=archive_id)


def _owned(archive: BatchArchive) -> QuerySet[BatchArchive]:
    """Return the archive as long as it is still this worker's."""
    return BatchArchive.objects.filter(
        pk=archive.pk, status=ArchiveStatus.RUNNING, tries=archive.tries
    )


def _write(archive: BatchArchive) -> int:
    """Store the file piece by piece, each with a new lease. Raises _TakenOverError."""
    cipher = _Cipher(archive)
    number, size, reported_at = 0, 0, timezone.now()
    for piece in archive_files.pieces(archive):
        now = timezone.now()
        if not piece.content and now - reported_at < REPORT_EVERY:
            continue
        size, reported_at = size + len(piece.content), now
        with transaction.atomic():
            # The row stays locked until the piece is stored.
            if not _owned(archive).update(
                due_at=now + LEASE, progress=piece.progress, file_bytes=size
            ):
                raise _TakenOverError
            if piece.content:
                BatchArchivePart.objects.create(
                    archive=archive, number=number, content=cipher.encrypt(number, piece.content)
                )
                number += 1
    now = timezone.now()
    ready = _owned(archive).update(
        status=ArchiveStatus.READY,
        due_at=None,
        progress=100,
        finished_at=now,
        expires_at=now + KEEP_FOR,
    )
    if not ready:
        raise _TakenOverError
    log.info("archive.ready", archive=archive.pk, bytes=size)
    return 1


def _fail(archive: BatchArchive, error: str) -> None:
    """Give it up, with a sentence for who has asked for it; there is no file."""
    with transaction.atomic():
        _fail_rows(_owned(archive), error)


class _Cipher:
    """Encrypts the parts of one archive (AES-256-GCM); each can only stand where it stood."""

    def __init__(self, archive: BatchArchive) -> None:
        assert archive.salt is not None
        try:
            key = codes.archive_key(bytes(archive.salt), pepper_id=archive.pepper_id)
        except LookupError:
            raise CodesGoneError(
                f"The file needs the pepper “{archive.pepper_id}”, which is missing in"
                " PROMO_PEPPERS. Restore it."
            ) from None
        self._aes = AESGCM(key)
        self._archive_id = archive.pk

    def encrypt(self, number: int, content: bytes) -> bytes:
        """Return a part as it is stored: its nonce, then what is encrypted."""
        nonce = codes.draw_seed()[:NONCE_BYTES]
        return nonce + self._aes.encrypt(nonce, content, self._position(number))

    def decrypt(self, number: int, content: bytes) -> bytes:
        """Return a part as it was. Raises InvalidTag for one that stood elsewhere."""
        nonce, encrypted = content[:NONCE_BYTES], content[NONCE_BYTES:]
        return self._aes.decrypt(nonce, encrypted, self._position(number))

    def _position(self, number: int) -> bytes:
        return f"{self._archive_id}:{number}".encode()


# --- The file -------------------------------------------------------------------------------------


@transaction.atomic
def take(*, archive_id: int, staff: User, now: datetime) -> Iterator[bytes]:
    """Return the file in pieces, and record in the audit log who takes it.

    Locks the batch. With the first download its seed is gone, and the file stays for KEEP_FOR from
    then on. Raises CodesGoneError if there is no file (any more).
    """
    batch_id = BatchArchive.objects.values_list("batch", flat=True).get(pk=archive_id)
    batch = _lock_batch(batch_id)
    archive = BatchArchive.objects.select_for_update().get(pk=archive_id)
    if not is_there(archive, now=now):
        raise CodesGoneError("There is no file: it is not ready, or was deleted.")
    cipher = _Cipher(archive)
    if batch.downloaded_at is None:
        batch.seed, batch.downloaded_at, batch.downloaded_by = None, now, staff
        batch.save(update_fields=["seed", "downloaded_at", "downloaded_by"])
        archive.expires_at = now + KEEP_FOR
    archive.downloads += 1
    archive.save(update_fields=["downloads", "expires_at"])
    audit.record(
        actor=staff,
        action="batch.downloaded",
        obj=batch,
        summary=f"{batch}: downloaded{'' if archive.downloads == 1 else ' again'}.",
        details={"size": batch.size, "archive": archive.pk, "download": archive.downloads},
    )
    return _pieces_of(archive, cipher)


def is_there(archive: BatchArchive, *, now: datetime) -> bool:
    """Return whether the file can be downloaded."""
    is_ready = archive.status == ArchiveStatus.READY
    return is_ready and archive.expires_at is not None and archive.expires_at > now


def _pieces_of(archive: BatchArchive, cipher: _Cipher) -> Iterator[bytes]:
    """Yield the stored pieces one by one, however many there are."""
    parts = BatchArchivePart.objects.filter(archive=archive).order_by("number")
    number = -1
    while (part := parts.filter(number__gt=number).first()) is not None:
        number = part.number
        yield cipher.decrypt(number, bytes(part.content))


def live_archive(batch: Batch) -> BatchArchive | None:
    """Return the archive of the batch that is being packed or ready, or the last that failed."""
    live = batch.archives.filter(status__in=LIVE_ARCHIVE).first()
    if live is not None:
        return live
    last = batch.archives.order_by("-pk").first()
    return last if last is not None and last.status == ArchiveStatus.FAILED else None


# --- The end --------------------------------------------------------------------------------------


def expire(*, now: datetime) -> int:
    """Delete the files that nobody may take any more; return how many those were. Rows stay."""
    old = BatchArchive.objects.filter(status=ArchiveStatus.READY, expires_at__lte=now - DOWNLOAD)
    expired = 0
    for archive_id in list(old.values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            # Looked at again under its lock: a first download lengthens its day.
            expired += _expire(old.filter(pk=archive_id))
    return expired


def discard(batch: Batch) -> None:
    """Delete the file of a locked batch that is revoked; a worker that packs it stops."""
    live = BatchArchive.objects.filter(batch=batch)
    # In this order: what a worker has just completed is ready by the second look.
    _fail_rows(live.filter(status__in=UNFINISHED_ARCHIVE), "The codes have been revoked.")
    _expire(live.filter(status=ArchiveStatus.READY))


def _expire(rows: QuerySet[BatchArchive]) -> int:
    """Delete the files of archives that are ready; return how many."""
    return _close(rows, status=ArchiveStatus.EXPIRED, salt=None)


def _fail_rows(rows: QuerySet[BatchArchive], error: str) -> int:
    return _close(
        rows,
        status=ArchiveStatus.FAILED,
        salt=None,
        due_at=None,
        finished_at=timezone.now(),
        error=error[:500],
    )


def _close(rows: QuerySet[BatchArchive], **changes: object) -> int:
    """Change the rows, and delete the parts of those that were changed; return how many."""
    closed = 0
    for archive_id in list(rows.values_list("pk", flat=True)):
        if rows.filter(pk=archive_id).update(**changes):
            BatchArchivePart.objects.filter(archive=archive_id).delete()
            closed += 1
    return closed
