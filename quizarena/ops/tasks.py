"""What Celery runs for the running system."""

from django.utils import timezone

from quizarena.celery import app
from quizarena.ops import downtime


@app.task
def shield_outages() -> int:
    """Make outage days of the days that recorded downtime has spoilt; return how many are new."""
    return len(downtime.shield_outages(now=timezone.now()))
