"""Backups: when the last one was made, and when one was last restored to try it.

They are made outside of the application, which has no right to read everything: by backup.sh,
which writes its line itself, or by whatever somebody prefers, which says so with
`manage.py record_backup`.
"""

from datetime import datetime, timedelta

from quizarena.ops.models import Backup, BackupKind
from quizarena.staff import alerts
from quizarena.staff.dates import span

OVERDUE = "backup_overdue"
# A nightly backup may take two hours longer than the one before.
MADE_WITHIN = timedelta(hours=26)
# Section 14: what nobody has ever restored is no backup.
REHEARSED_WITHIN = timedelta(days=100)
WITHIN = {BackupKind.BACKUP: MADE_WITHIN, BackupKind.REHEARSAL: REHEARSED_WITHIN}
# A clock of another machine may be ahead by so much.
SKEW_MAX = timedelta(minutes=5)


def record(
    *, kind: BackupKind, began_at: datetime, size: int | None, note: str, now: datetime
) -> Backup:
    """Write down a backup, or that one was restored; `size` is in bytes, of a backup only.

    `began_at` is the moment that it holds: what was committed later is not in it. The same one
    recorded again stays one row. Raises ValueError with what to do about it.
    """
    if began_at > now + SKEW_MAX:
        raise ValueError(
            "It begins in the future: give the time with its zone, as 2026-11-30T03:00Z."
        )
    if (kind is BackupKind.BACKUP) != (size is not None):
        raise ValueError("A backup has a size in bytes, and the rehearsal of a restore has none.")
    if size is not None and size < 1:
        raise ValueError("An empty file is no backup: look why it is empty.")
    backup, _ = Backup.objects.get_or_create(
        kind=kind,
        began_at=min(began_at, now),
        defaults={"recorded_at": now, "size": size, "note": note},
    )
    return backup


def latest(kind: BackupKind) -> Backup | None:
    """Return the one that holds the latest moment; None if none was ever recorded."""
    return Backup.objects.filter(kind=kind).order_by("-began_at").first()


def is_overdue(backup: Backup, *, now: datetime) -> bool:
    """Return whether there should be a newer one by now."""
    return now - backup.began_at > WITHIN[BackupKind(backup.kind)]


def watch(*, now: datetime) -> None:
    """Raise the alert while the last backup is too old, and resolve it with the next one.

    Where none was ever recorded nobody is alerted: then the home page says so.
    """
    last = latest(BackupKind.BACKUP)
    if last is None or not is_overdue(last, now=now):
        alerts.resolve(kind=OVERDUE, key="backup", now=now)
        return
    alerts.raise_alert(
        kind=OVERDUE,
        key="backup",
        summary=f"The last backup began {span(now - last.began_at)} ago.",
        details={"backup": last.pk},
        now=now,
    )
