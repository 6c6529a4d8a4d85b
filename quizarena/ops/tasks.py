"""What Celery runs for the running system."""

from datetime import timedelta

from django.utils import timezone

from quizarena.celery import app
from quizarena.ops import downtime, erasure

# How long one task may work before it lets other tasks have the process.
WORK_FOR = timedelta(seconds=20)


@app.task
def shield_outages() -> int:
    """Make outage days of the days that recorded downtime has spoilt; return how many are new."""
    return len(downtime.shield_outages(now=timezone.now()))


@app.task
def erase_accounts() -> int:
    """Carry out the deletions of accounts that are due; return how many are done."""
    return erasure.erase_due(until=timezone.now() + WORK_FOR)
