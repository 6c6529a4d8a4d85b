"""Notices to staff of what has become of the approvals that they asked for."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet

from quizarena.staff.models import ApprovalOutcome, ApprovalRequest, Outcome

TEXT_MAX_LENGTH = 500


def note(request: ApprovalRequest, outcome: Outcome, *, text: str, now: datetime) -> None:
    """Leave a notice for whoever has asked, unless it is there already. `text` names no player."""
    ApprovalOutcome.objects.bulk_create(
        [
            ApprovalOutcome(
                request=request,
                maker_id=request.maker_id,
                outcome=outcome,
                text=text[:TEXT_MAX_LENGTH],
                at=now,
            )
        ],
        ignore_conflicts=True,
    )


def of(user: User) -> QuerySet[ApprovalOutcome]:
    """Return the notices that the user has not dismissed, the latest first."""
    shown = ApprovalOutcome.objects.filter(maker=user, dismissed_at=None)
    return shown.select_related("request").order_by("-id")


def dismiss(*, outcome_id: int, user: User, now: datetime) -> bool:
    """Take a notice of the user's own off their home page; return whether it was there."""
    return of(user).filter(pk=outcome_id).update(dismissed_at=now) == 1
