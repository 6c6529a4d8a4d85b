"""What Celery runs for the economy."""

from django.utils import timezone

from economy import entitlements, prover, streaks
from quizarena.celery import app

STREAK_BATCH = 500
PREMIUM_BATCH = 1_000


@app.task
def roll_over_streaks(after: int = 0) -> int:
    """Settle the streaks of the next players with an id over `after`; return how many.

    One page, and then a task for the next one, until nobody is left: everybody has their turn,
    and a worker is never busy for long.
    """
    settled = streaks.roll_over_due(now=timezone.now(), after=after, limit=STREAK_BATCH)
    if settled:
        roll_over_streaks.apply_async((settled[-1],), queue="bulk")
    return len(settled)


@app.task
def premium_notices() -> int:
    """Write down whom the bot has to tell that Premium ends soon or has ended; return how many."""
    return entitlements.premium_notices(now=timezone.now(), limit=PREMIUM_BATCH)


@app.task
def verify_ledger() -> int:
    """Recompute every wallet from its entries; return how many differences there are."""
    try:
        return prover.prove(now=timezone.now()).differences
    except prover.RunningError:
        return 0  # It takes longer than the broker waits, which has sent it a second time.


@app.task
def prove_ledger() -> int:
    """Verify the ledger under the job's former name, for one release."""
    return verify_ledger()
