"""Exports of the accounts: asked for by staff, made by a worker, kept for a day.

A worker claims an export for LEASE and says with every piece that it is alive. If it dies, the
next one begins anew; a worker that was taken for dead writes no more. Product rules, section 5.10.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from economy.adjustments import lock_staff
from payments import export_files, export_sources
from payments.errors import PaymentsError
from payments.models import (
    UNFINISHED,
    Export,
    ExportKind,
    ExportPart,
    ExportStatus,
    FileFormat,
)
from quizarena import sweeps
from quizarena.staff import audit, dates, reasons

MAY_EXPORT = "payments.make_export"
MAY_SEE_NAMES = "payments.export_names"
KEEP_FOR = timedelta(hours=24)
DAYS_MAX = 366
# So many may wait for one member of staff.
UNFINISHED_MAX = 3
# Longer than the database takes until the first row, and a workbook to be packed.
LEASE = timedelta(minutes=5)
TRIES_MAX = 3
RETRY_AFTER = timedelta(seconds=30)
BATCH = 5

log = structlog.get_logger(__name__)


class NotExportableError(PaymentsError):
    """The export cannot be asked for; the sentence says why. Nothing has been stored."""


class _TakenOverError(Exception):
    """Another worker has this export now."""


# --- Asking ---------------------------------------------------------------------------------------


@transaction.atomic
def request(
    *,
    decision: UUID,
    kind: ExportKind,
    file_format: FileFormat,
    first_day: date,
    last_day: date,
    filters: Mapping[str, str],
    with_names: bool,
    reason: str,
    staff: User,
    now: datetime,
) -> Export:
    """Queue an export and record it in the audit log; the same decision is one export.

    Locks the member of staff, so that two at once do not pass the limit together. Raises
    NotExportableError for what `staff` may not see, for days in the wrong order or too many of
    them, and while UNFINISHED_MAX exports of theirs are unfinished; and BadReasonError.
    """
    check(kind=kind, first_day=first_day, last_day=last_day, with_names=with_names, staff=staff)
    reason = reasons.normalise(reason)
    lock_staff(staff)
    if (found := Export.objects.filter(decision=decision).first()) is not None:
        return found
    if Export.objects.filter(requested_by=staff, status__in=UNFINISHED).count() >= UNFINISHED_MAX:
        raise NotExportableError(
            f"{UNFINISHED_MAX} of your exports are not finished yet: wait for one of them."
        )
    export = Export.objects.create(
        decision=decision,
        kind=kind,
        file_format=file_format,
        first_day=first_day,
        last_day=last_day,
        filters=dict(filters),
        with_names=with_names,
        reason=reason,
        requested_by=staff,
        requested_at=now,
        due_at=now,
    )
    audit.record(
        actor=staff,
        action="export.requested",
        obj=export,
        summary=f"Export requested: {in_words(export)}. {reason}",
        details={"filters": export.filters, "with_names": with_names},
    )
    return export


def check(
    *, kind: ExportKind, first_day: date, last_day: date, with_names: bool, staff: User
) -> None:
    """Raise NotExportableError unless `staff` may have such an export."""
    if first_day > last_day:
        raise NotExportableError("The last day is before the first one.")
    if last_day - first_day >= timedelta(days=DAYS_MAX):
        raise NotExportableError(f"At most {DAYS_MAX} days at once.")
    if why := _why_not(kind=kind, with_names=with_names, staff=staff):
        raise NotExportableError(why)


def _why_not(*, kind: ExportKind, with_names: bool, staff: User) -> str:
    """Return why `staff` may not have such an export; empty if they may."""
    if not (staff.is_active and staff.has_perm(MAY_EXPORT)):
        return f"{staff} may not export accounts."
    if not staff.has_perm(export_sources.KINDS[kind].permission):
        return f"{staff} may not see what is in it."
    if with_names and not staff.has_perm(MAY_SEE_NAMES):
        return f"{staff} may not export names of players."
    return ""


def in_words(export: Export) -> str:
    """Return what an export is of, on one line."""
    filters = export_sources.filters_in_words(export)
    return (
        f"{export.get_kind_display()}, {dates.day(export.first_day)} to "
        f"{dates.day(export.last_day)}{f', {filters}' if filters else ''}, "
        f"{export.get_file_format_display()}, "
        f"names of players {'included' if export.with_names else 'masked'}"
    )


# --- Making ---------------------------------------------------------------------------------------


def make(*, until: datetime) -> int:
    """Make the files that are due, beginning none after `until`; return how many are ready."""
    return sweeps.one_by_one(due=_due, apply=make_one, until=until)


def _due(seen: Collection[int]) -> list[int]:
    due = Export.objects.filter(due_at__lte=timezone.now()).exclude(pk__in=seen)
    return list(due.order_by("due_at").values_list("pk", flat=True)[:BATCH])


def make_one(export_id: int) -> int:
    """Claim one export and write its file; return 1 if it is ready now.

    Not inside a transaction. Whatever fails is tried TRIES_MAX times, and then says so.
    """
    export = _claim(export_id)
    if export is None:
        return 0
    try:
        if export.tries > TRIES_MAX:
            _fail(export, "The work on it was interrupted several times. Choose fewer days.")
        elif why := _why_not(
            kind=ExportKind(export.kind), with_names=export.with_names, staff=export.requested_by
        ):
            _fail(export, why)
        else:
            return _write(export)
    except _TakenOverError:
        log.warning("export.taken_over", export=export_id, tries=export.tries)
    except export_files.TooManyRowsError as error:
        _fail(export, str(error))
    except Exception as error:
        log.exception("export.failed", export=export_id, tries=export.tries)
        if export.tries >= TRIES_MAX:
            name = type(error).__name__
            _fail(export, f"It could not be made ({name}). The administrators have the details.")
        else:
            _owned(export).update(due_at=timezone.now() + RETRY_AFTER)
    return 0


def _claim(export_id: int) -> Export | None:
    """Take an export that is due, if nobody else has; what another worker has written goes."""
    now = timezone.now()
    with transaction.atomic():
        claimed = Export.objects.filter(
            pk=export_id, due_at__lte=now, status__in=UNFINISHED
        ).update(
            status=ExportStatus.RUNNING,
            tries=F("tries") + 1,
            due_at=now + LEASE,
            progress=0,
            rows=0,
            file_bytes=0,
        )
        if not claimed:
            return None
        ExportPart.objects.filter(export=export_id).delete()
        return Export.objects.select_related("requested_by").get(pk=export_id)


def _owned(export: Export) -> QuerySet[Export]:
    """Return the export as long as it is still this worker's."""
    return Export.objects.filter(pk=export.pk, status=ExportStatus.RUNNING, tries=export.tries)


def _write(export: Export) -> int:
    """Store the file piece by piece, each with a new lease. Raises _TakenOverError."""
    number, size, rows = 0, 0, 0
    for piece in export_files.pieces(export):
        size, rows = size + len(piece.content), piece.rows
        with transaction.atomic():
            # The row stays locked until the piece is stored.
            if not _owned(export).update(
                due_at=timezone.now() + LEASE,
                progress=piece.progress,
                rows=rows,
                file_bytes=size,
            ):
                raise _TakenOverError
            if piece.content:
                ExportPart.objects.create(export=export, number=number, content=piece.content)
                number += 1
    now = timezone.now()
    ready = _owned(export).update(
        status=ExportStatus.READY,
        due_at=None,
        progress=100,
        finished_at=now,
        expires_at=now + KEEP_FOR,
    )
    if not ready:
        raise _TakenOverError
    log.info("export.ready", export=export.pk, rows=rows, bytes=size)
    return 1


def _fail(export: Export, error: str) -> None:
    """Give it up, with a sentence for who has asked for it; there is no file."""
    with transaction.atomic():
        if _owned(export).update(
            status=ExportStatus.FAILED, due_at=None, finished_at=timezone.now(), error=error[:500]
        ):
            ExportPart.objects.filter(export=export).delete()


# --- The file -------------------------------------------------------------------------------------


@transaction.atomic
def take(*, export: Export, staff: User, now: datetime) -> Iterator[bytes]:
    """Return the file in pieces, and record in the audit log who takes it.

    Raises NotExportableError if there is none (any more), or if `staff` may not see what is in it.
    """
    if why := _why_not(kind=ExportKind(export.kind), with_names=export.with_names, staff=staff):
        raise NotExportableError(why)
    if export.status != ExportStatus.READY or export.expires_at is None or export.expires_at <= now:
        raise NotExportableError("There is no file: it is not ready, or was deleted after a day.")
    audit.record(
        actor=staff,
        action="export.downloaded",
        obj=export,
        summary=f"Export downloaded: {in_words(export)}.",
        details={"rows": export.rows, "bytes": export.file_bytes},
    )
    return _pieces_of(export)


def _pieces_of(export: Export) -> Iterator[bytes]:
    """Yield the stored pieces one by one, however many there are."""
    parts = ExportPart.objects.filter(export=export).order_by("number")
    number = -1
    while (part := parts.filter(number__gt=number).first()) is not None:
        number = part.number
        yield bytes(part.content)


def expire(*, now: datetime) -> int:
    """Delete the files that are a day old; return how many those were. Their rows stay."""
    old = Export.objects.filter(status=ExportStatus.READY, expires_at__lte=now)
    expired = 0
    for export_id in list(old.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            expired += Export.objects.filter(pk=export_id, status=ExportStatus.READY).update(
                status=ExportStatus.EXPIRED
            )
            ExportPart.objects.filter(export=export_id).delete()
    return expired
