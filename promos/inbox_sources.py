"""What of campaigns and invitations waits for a person, in the staff inbox."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast

from promos.campaigns import ATTACKED
from promos.models import Campaign, CampaignStatus, Referral
from promos.referral_reviews import IN_REVIEW
from quizarena.staff import inbox
from quizarena.staff.models import Alert


def declare() -> None:
    """Declare what waits."""
    inbox.declare(
        inbox.Source(
            name="paused-campaigns",
            title="Campaigns paused automatically",
            label="Campaign paused",
            step="Unpause or end",
            page="promos.campaign",
            permission="promos.run_campaign",
            waiting=_paused,
            is_the_same_for_all=True,
            since="paused_at",
            order=("paused_at", "pk"),
            late_after=timedelta(hours=24),
            alerts=(ATTACKED,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="held-invitations",
            title="Invitations in review",
            label="Invitation in review",
            step="Accept or reject",
            page="promos.referral.queue",
            permission="promos.judge_referral",
            waiting=_held,
            is_the_same_for_all=True,
            since="held_at",
            order=("held_at", "pk"),
            late_after=timedelta(hours=72),
            related=("inviter__player", "invited"),
            describe=lambda referral: f"{referral.inviter.player} invited {referral.invited}",
            alerts=(IN_REVIEW,),
        )
    )


def _paused(*, user: User | None, now: datetime) -> QuerySet[Any]:
    """Return what the guard has paused and nobody has unpaused or ended."""
    open_alerts = Alert.objects.filter(
        kind=ATTACKED, resolved_at=None, key=Cast(OuterRef("pk"), CharField())
    )
    return (
        Campaign.objects.filter(status=CampaignStatus.PAUSED)
        .annotate(paused_at=Subquery(open_alerts.values("first_at")[:1]))
        .filter(paused_at__isnull=False)
    )


def _held(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return Referral.objects.held()
