"""What Celery runs for promos."""

from datetime import timedelta

from django.utils import timezone

from promos import (
    archives,
    attempts,
    batches,
    campaigns,
    counters,
    operations,
    referral_reviews,
    referrals,
    reservations,
    uplift,
)
from quizarena import turns
from quizarena.celery import app
from quizarena.players import retention

# A run does at most so much; the next one continues.
BATCH = 1000
# How long one task makes codes before it lets other tasks have the process.
WORK_FOR = timedelta(seconds=20)
# How long one run looks at invitations, or offers rewards.
CHECK_FOR = timedelta(minutes=4)


@app.task
def expire_reservations() -> int:
    """Expire the reservations whose time is over; return how many."""
    return reservations.expire(now=timezone.now(), limit=BATCH)


@app.task
def roll_over_campaigns() -> int:
    """Note which campaigns are over; return how many."""
    return campaigns.roll_over(now=timezone.now(), limit=BATCH)


@app.task
def guard_codes() -> int:
    """Pause the campaigns of codes that are being attacked; return how many."""
    return campaigns.guard(now=timezone.now())


@app.task
def make_codes() -> int:
    """Continue the batches that are ordered; return how many codes were made."""
    until, made = timezone.now() + WORK_FOR, 0
    while timezone.now() < until and (batch_id := batches.next_to_make()) is not None:
        made += batches.make(batch_id=batch_id)
    return made


@app.task
def make_archives() -> int:
    """Pack the downloads that staff have asked for, and delete old ones; return how many are ready.

    They share the turn of exports, so that the queue's other place stays free.
    """
    archives.expire(now=timezone.now())
    return turns.take_turn(turns.FILES, lambda until: archives.make(until=until))


@app.task
def finish_kill_switches() -> int:
    """Continue what kill switches release and reverse; return how many."""
    return operations.continue_operations(now=timezone.now())


@app.task
def verify_campaign_counters() -> int:
    """Verify every campaign's counters; return how many differ."""
    return counters.verify(now=timezone.now())


@app.task
def check_referrals() -> int:
    """Let the invitations count that have come to; return how many. Report what is held."""
    now = timezone.now()
    counted = referrals.check(now=now, until=now + CHECK_FOR)
    referral_reviews.report_held(now=now)
    return counted


@app.task
def offer_referral_rewards() -> int:
    """Offer the rewards whose time has come, at a month's beginning those deferred to it."""
    return referrals.offer_due_rewards(until=timezone.now() + CHECK_FOR)


@app.task
def purge_attempts() -> int:
    """Delete what was entered more than 180 days ago, in batches; return how many."""
    return retention.purge(
        table="promos_attempt",
        batch=lambda: attempts.purge(now=timezone.now(), limit=BATCH),
        limit=BATCH,
    )


@app.task
def measure_uplift() -> int:
    """Record and count who is compared in campaigns with a holdout; return how many players."""
    return uplift.run(until=timezone.now() + WORK_FOR)


@app.task
def purge_participants() -> int:
    """Delete who was compared in campaigns that are long over, in batches; return how many."""
    return retention.purge(
        table="promos_participant",
        batch=lambda: uplift.purge_participants(now=timezone.now(), limit=BATCH),
        limit=BATCH,
    )
