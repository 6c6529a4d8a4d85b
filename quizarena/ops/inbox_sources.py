"""What of the running system waits for a person, in the staff inbox."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from economy import controls
from quizarena.players.models import DeletionRequest
from quizarena.staff import inbox, inbox_sources

# A deletion that is due is carried out within minutes, unless it waits for something.
DELETION_TAKES = timedelta(hours=1)


def declare() -> None:
    """Declare what waits."""
    inbox.declare(
        inbox.Source(
            name="control-findings",
            title="Findings of controls",
            label="Finding of a control",
            step="Clear it up",
            page="economy.controlrun",
            permission="economy.view_controlrun",
            waiting=inbox_sources.of_alerts(controls.FINDINGS),
            is_the_same_for_all=True,
            since="first_at",
            order=("first_at", "id"),
            late_after=timedelta(hours=24),
            address=inbox_sources.page_of_subject("economy_controlrun"),
            alerts=(controls.FINDINGS,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="deletions",
            title="Deletions",
            label="Deletion that waits",
            step="See what it waits for",
            page="players.deletionrequest",
            permission="players.view_deletionrequest",
            waiting=_overdue_deletions,
            since="due_at",
            order=("due_at", "pk"),
            late_after=timedelta(hours=24),
            related=("player",),
            describe=lambda request: request.page_name,
        )
    )


def _overdue_deletions(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return DeletionRequest.objects.running().filter(due_at__lte=now - DELETION_TAKES)
