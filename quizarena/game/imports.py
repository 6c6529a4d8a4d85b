"""Imports from the admin: a file is uploaded, checked by a worker, confirmed, imported by a worker.

Nothing is read inside a web process: what people upload may take long or be hostile.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction

from quizarena.game.importing import Report, import_questions
from quizarena.game.models import ImportState, QuestionImport
from quizarena.tables import UnreadableFileError

# A checked file that nobody has confirmed by then is discarded.
CONFIRMABLE_FOR = timedelta(hours=24)
PROGRESS_SECONDS = 0.5
DEFECT = "The import failed because of an internal error, which is logged. Nothing was imported."

log = structlog.get_logger(__name__)


class ImportStateError(Exception):
    """The import is in a state that does not allow this. Nothing has been changed."""


def upload(*, content: bytes, file_name: str, staff: User, now: datetime) -> QuestionImport:
    """Keep a file for a worker to check."""
    return QuestionImport.objects.create(
        content=content, file_name=file_name[-200:], uploaded_by=staff, changed_at=now
    )


def confirm(*, import_id: int, now: datetime) -> None:
    """Let a worker import what was checked. Raises ImportStateError if it is not CHECKED."""
    _move(import_id, ImportState.CHECKED, ImportState.CONFIRMED, now=now)


def discard(*, import_id: int, now: datetime) -> None:
    """Delete an uploaded file. Raises ImportStateError if it is not CHECKED."""
    _move(import_id, ImportState.CHECKED, ImportState.DISCARDED, now=now)


def _move(import_id: int, old: ImportState, new: ImportState, *, now: datetime) -> None:
    change = {"content": None} if new == ImportState.DISCARDED else {}
    moved = QuestionImport.objects.filter(pk=import_id, state=old).update(
        state=new, changed_at=now, **change
    )
    if not moved:
        raise ImportStateError("This file has been confirmed or discarded already.")


def work(*, now: datetime) -> int:
    """Check or import the oldest file that waits for it; return how many files that were.

    Locks the import until it is done, so that two workers never take the same one and one that
    dies leaves it to the next.
    """
    _discard_unconfirmed(now=now)
    with transaction.atomic():
        waiting = (
            QuestionImport.objects.select_for_update(skip_locked=True, of=["self"])
            .filter(state__in=(ImportState.WAITING, ImportState.CONFIRMED))
            .order_by("pk")
            .first()
        )
        if waiting is None:
            return 0
        _work_on(waiting)
        waiting.changed_at = now
        waiting.save(update_fields=["state", "content", "report", "changed_at"])
    cache.delete(_progress_key(waiting.pk))
    return 1


def _discard_unconfirmed(*, now: datetime) -> None:
    QuestionImport.objects.filter(
        state=ImportState.CHECKED, changed_at__lt=now - CONFIRMABLE_FOR
    ).update(state=ImportState.DISCARDED, content=None, changed_at=now)


def _work_on(waiting: QuestionImport) -> None:
    is_check = waiting.state == ImportState.WAITING
    assert waiting.content is not None
    refusal, report = "", None
    try:
        with transaction.atomic():
            report = import_questions(
                bytes(waiting.content),
                file_name=waiting.file_name,
                dry_run=is_check,
                user=waiting.uploaded_by,
                on_row=_progress(waiting.pk),
            )
    except UnreadableFileError as error:
        refusal = str(error)
    except Exception:  # A defect of ours must not bring the same file back for ever.
        log.exception("question_import.defect", question_import=waiting.pk)
        refusal = DEFECT
    waiting.report = _stored(report, refusal=refusal)
    if report is None or report.errors:
        waiting.state = ImportState.REFUSED
    else:
        waiting.state = ImportState.CHECKED if is_check else ImportState.IMPORTED
    if waiting.state != ImportState.CHECKED:
        waiting.content = None


def _stored(report: Report | None, *, refusal: str) -> dict[str, object]:
    if report is None:
        return {"refusal": refusal}
    return {
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "errors": report.errors,
        "preview": report.preview,
    }


# --- Progress, which nobody misses when it is lost ------------------------------------------------


def progress(import_id: int) -> tuple[int, int] | None:
    """Return (rows done, rows) of a file that a worker has now, if it has said so."""
    rows: tuple[int, int] | None = cache.get(_progress_key(import_id))
    return rows


def _progress(import_id: int) -> Callable[[int, int], None]:
    due = time.monotonic()

    def on_row(row: int, rows: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + PROGRESS_SECONDS
            cache.set(_progress_key(import_id), (row, rows), timeout=60)

    return on_row


def _progress_key(import_id: int) -> str:
    return f"question-import:{import_id}"
