"""What Celery runs for the bot."""

from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from bot import application
from bot.messages import (
    approval_outcomes,
    boards,
    broadcast_job,
    cards,
    my_data,
    notices,
    reminders,
)
from bot.queue import inbox, outbox, wake
from bot.screens.game import undelivered
from quizarena import turns
from quizarena.celery import app
from quizarena.players import retention

# How long one task may work and listen before it lets other tasks have the process.
WORK_FOR = timedelta(seconds=5)
KEEP_FOR = timedelta(days=30)
PURGE_BATCH = 10_000


@app.task
def work_inbox() -> int:
    """Work on the updates that are due; return how many there were.

    Called when an update comes in, and by a short tick for whatever that missed: failed updates
    whose next try is due, and claims of workers that died.
    """
    until = timezone.now() + WORK_FOR
    wake.worker_started()
    inbox.release_expired_claims(now=timezone.now())
    count = _drain(until=until)
    while timezone.now() < until and wake.wait_for_work():
        count += _drain(until=until)
    wake.worker_stopped()
    if timezone.now() >= until:
        wake.call_worker()  # Other tasks run now, and then this one again.
    else:
        count += _drain(until=until)
    return count


def _drain(*, until: datetime) -> int:
    """Work on what is due, but not longer than `until`; return how many updates there were."""
    return inbox.work(
        handle=application.handle,
        slow_down=application.slow_down,
        give_up=application.give_up,
        until=until,
    )


@app.task
def send_notices(*, transactional: bool) -> int:
    """Send players the notices that are due (bot/messages/notices.py); return how many."""
    if not transactional:
        return notices.send_due_notices(transactional=False, until=timezone.now() + WORK_FOR)
    return turns.take_turn(
        "notices", lambda until: notices.send_due_notices(transactional=True, until=until)
    )


@app.task
def remind_players() -> int:
    """Send the reminders that are due (bot/messages/reminders.py); return how many."""
    return reminders.remind(until=timezone.now() + WORK_FOR)


@app.task
def send_cards() -> int:
    """Draw and send the pictures of results that are due; return how many."""
    return cards.send_due(until=timezone.now() + WORK_FOR)


@app.task
def send_approval_outcomes() -> int:
    """Send staff what has become of what they asked for; return how many."""
    return approval_outcomes.send_due(now=timezone.now())


@app.task
def send_my_data() -> int:
    """Send players the files with their data that are due; return how many."""
    return my_data.send_due(until=timezone.now() + WORK_FOR)


@app.task
def update_boards() -> int:
    """Keep the standings of tournaments up to date where players see them; return how many."""
    return boards.update(until=timezone.now() + WORK_FOR)


@app.task
def run_broadcasts() -> int:
    """Start broadcasts that are due and continue those that run; return how many sends ended."""
    return broadcast_job.run(until=timezone.now() + WORK_FOR)


@app.task
def watch_broadcasts() -> int:
    """Raise an alert for each broadcast that makes no progress; return for how many."""
    return broadcast_job.watch(now=timezone.now())


@app.task
def refund_undelivered() -> int:
    """Refund the questions that never reached their players; return how many."""
    return undelivered.refund_questions(until=timezone.now() + WORK_FOR)


@app.task
def purge_expired() -> int:
    """Delete finished updates, calls and reminders after thirty days; return how many."""
    before = timezone.now() - KEEP_FOR
    outbox.purge_rate_limits(now=timezone.now())
    inbox.purge_rate_limits(now=timezone.now())
    purges = {
        "bot_outgoingcall": outbox.purge,
        "bot_inboxupdate": inbox.purge,
        "bot_reminder": reminders.purge,
    }
    return sum(
        retention.purge(
            table=table, batch=partial(purge, before=before, limit=PURGE_BATCH), limit=PURGE_BATCH
        )
        for table, purge in purges.items()
    )
