"""Nightly purges: in batches, for a time, with a record of each. Product rules, section 16."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from quizarena.players.models import PurgeRun

# So long one purge may take a night; what is left then is there the next night.
WORK_FOR = timedelta(seconds=60)
RUNS_KEPT_FOR = timedelta(days=365)


def purge(
    *, table: str, batch: Callable[[], int], limit: int, until: datetime | None = None
) -> int:
    """Call `batch`, a transaction that deletes at most `limit` rows and returns how many.

    Until it has deleted less than that, or it is `until` (WORK_FOR from now). Returns the sum, and
    records it.
    """
    started_at = timezone.now()
    until = until or started_at + WORK_FOR
    deleted = last = batch()
    while last >= limit and timezone.now() < until:
        last = batch()
        deleted += last
    now = timezone.now()
    PurgeRun.objects.create(
        table=table,
        started_at=started_at,
        finished_at=now,
        deleted=deleted,
        has_more=last >= limit,
    )
    PurgeRun.objects.filter(started_at__lt=now - RUNS_KEPT_FOR).delete()
    return deleted
