"""What Celery runs for the API."""

from django.utils import timezone

from quizarena.api import idempotency
from quizarena.celery import app


@app.task
def purge_idempotency_records() -> int:
    """Delete the answers whose time is over; return how many, and continue while there are more."""
    purged = idempotency.purge(now=timezone.now())
    if purged == idempotency.PURGE_BATCH:
        purge_idempotency_records.apply_async(queue="bulk")
    return purged
