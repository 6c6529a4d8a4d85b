"""What Celery runs for the API."""

from django.utils import timezone

from quizarena.api import idempotency
from quizarena.celery import app


@app.task
def purge_kept_answers() -> int:
    """Delete the answers whose time is over; return how many, and continue while there are more."""
    purged = idempotency.purge(now=timezone.now())
    if purged == idempotency.PURGE_BATCH:
        purge_kept_answers.apply_async(queue="bulk")
    return purged
