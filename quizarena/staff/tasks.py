"""What Celery runs for staff."""

from datetime import timedelta

from django.utils import timezone

from quizarena.celery import app
from quizarena.staff import alert_delivery, approvals, inbox, sessions, sign_ins
from quizarena.staff.models import ChatLinkFailures

# After this a run begins no further delivery; the last one may take ten seconds.
DELIVER_FOR = timedelta(seconds=10)


@app.task
def deliver_alerts() -> int:
    """Send what is to leave the house about alerts and is due; return how many were tried."""
    now = timezone.now()
    return alert_delivery.deliver_due(now=now, until=now + DELIVER_FOR)


@app.task
def purge_failures() -> int:
    """Delete failed sign-ins, counts of wrong codes and sessions whose time is over.

    Return how many.

    Goes on while there are more.
    """
    now = timezone.now()
    sign_in_failures = sign_ins.purge(now=now)
    ended = sessions.purge(now=now)
    # They hold back nobody after an hour (bot/screens/staff_chats/linking.py).
    old = ChatLinkFailures.objects.filter(since__lte=now - timedelta(days=1))
    codes = ChatLinkFailures.objects.filter(
        pk__in=old.values("pk")[: sign_ins.PURGE_BATCH]
    ).delete()[0]
    if sign_ins.PURGE_BATCH in (sign_in_failures, codes, ended):
        purge_failures.apply_async(queue="bulk")
    return sign_in_failures + codes + ended


@app.task
def expire_approvals() -> int:
    """Store as expired what nobody has decided in time; return how many."""
    return approvals.expire_due(now=timezone.now())


@app.task
def watch_inbox() -> int:
    """Raise alerts for what waits too long, and delete the claims of what waits no longer.

    Return of how many sources something is late.
    """
    now = timezone.now()
    inbox.purge_claims(now=now)
    return inbox.watch(now=now)
