"""Which updates wait for a person, in the staff inbox."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from bot.queue.models import InboxState, InboxUpdate
from quizarena.staff import inbox


def declare() -> None:
    """Declare what waits."""
    inbox.declare(
        inbox.Source(
            name="dead-updates",
            title="Dead-lettered updates",
            label="Dead-lettered update",
            step="Try again",
            page="bot.inboxupdate",
            permission="bot.view_inboxupdate",
            waiting=_dead,
            is_the_same_for_all=True,
            since="received_at",
            order=("update_id",),
            late_after=timedelta(hours=24),
            describe=lambda update: f"{update.kind} {update.pk}, tried {update.attempts} times",
        )
    )


def _dead(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return InboxUpdate.objects.filter(state=InboxState.DEAD)
