"""What Celery runs for the economy."""

from django.utils import timezone

from economy import entitlements, streaks, verification
from quizarena.celery import app

STREAK_BATCH = 500
PREMIUM_BATCH = 1_000


@app.task
def roll_over_streaks(after: int = 0) -> int:
    """Roll over the streaks of the next players with an id over `after`; return how many.

    One page, and then a task for the next one, until nobody is left: everybody has their turn,
    and a worker is never busy for long.
    """
    player_ids = streaks.roll_over_due(now=timezone.now(), after=after, limit=STREAK_BATCH)
    if player_ids:
        roll_over_streaks.apply_async((player_ids[-1],), queue="bulk")
    return len(player_ids)


@app.task
def premium_notices() -> int:
    """Create the notices that Premium ends soon or has ended; return how many are new."""
    return entitlements.premium_notices(now=timezone.now(), limit=PREMIUM_BATCH)


@app.task
def verify_ledger() -> int:
    """Recompute every wallet from its entries; return how many differences there are."""
    try:
        return verification.verify_nightly(now=timezone.now()).differences
    except verification.RunningError:
        return 0  # It takes longer than the broker waits, which has sent it a second time.


@app.task
def prove_ledger() -> int:
    """Verify the ledger under the job's former name, for one release."""
    return int(verify_ledger())
