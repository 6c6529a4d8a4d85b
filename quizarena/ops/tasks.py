"""What Celery runs for the running system."""

from datetime import timedelta

from django.utils import timezone

from quizarena.celery import app
from quizarena.ops import downtime, erasure, home_figures, money_totals, product_days

# How long one task may work before it lets other tasks have the process.
WORK_FOR = timedelta(seconds=20)
# How long one run may record days; a first one has months of them.
RECORD_FOR = timedelta(seconds=60)


@app.task
def shield_outages() -> int:
    """Make outage days of the days that recorded downtime has spoilt; return how many are new."""
    return len(downtime.shield_outages(now=timezone.now()))


@app.task
def erase_accounts() -> int:
    """Carry out the deletions of accounts that are due; return how many are done."""
    return erasure.erase_due(until=timezone.now() + WORK_FOR)


@app.task
def record_product_days() -> int:
    """Record how the product does today and did on the days that are due; return how many days."""
    now = timezone.now()
    return product_days.record_due(now=now, until=now + RECORD_FOR)


@app.task
def record_metric_totals() -> int:
    """Add what has happened to purchases and promo codes to their totals; return how many rows."""
    return money_totals.record(now=timezone.now())


@app.task
def count_home_figures() -> None:
    """Count what the home page of the admin compares with last week."""
    home_figures.count(now=timezone.now())
