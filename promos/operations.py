"""What operators do with campaigns that they have before their eyes.

Every action gets the status that they have seen, so nothing happens from an old page. Starting
something expensive asks for a second person, and so does taking back what was granted.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from django.contrib.auth.models import User
from django.db import transaction

from economy.adjustments import lock_staff
from promos import approvals, campaigns, planning
from promos.errors import ChangedMeanwhileError, IllegalMoveError
from promos.models import OVER, RUNNING, Campaign, CampaignStatus
from quizarena.staff import approvals as second_person
from quizarena.staff import audit
from quizarena.staff.models import ApprovalRequest

# One run of the job does at most so much of a campaign; the next one continues.
BATCH = 500


class Action(StrEnum):
    """What can be done with a campaign."""

    START = "start"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    END = "end"
    CLONE = "clone"
    KILL = "kill"

    @property
    def past(self) -> str:
        """Return the past participle, for messages."""
        return _PAST[self]

    def is_due(self, campaign: Campaign) -> bool:
        """Return whether it makes sense for the campaign as it stands."""
        if self is Action.KILL:
            return campaign.killed_at is None and (
                campaign.status in RUNNING or (campaign.status in OVER and campaign.reserved > 0)
            )
        return self is Action.CLONE or campaign.status in _DUE[self]


_PAST = {
    Action.START: "started",
    Action.PAUSE: "paused",
    Action.UNPAUSE: "unpaused",
    Action.END: "ended",
    Action.CLONE: "cloned",
    Action.KILL: "killed",
}
_DUE = {
    Action.START: (CampaignStatus.DRAFT,),
    Action.PAUSE: (CampaignStatus.ACTIVE,),
    Action.UNPAUSE: (CampaignStatus.PAUSED,),
    Action.END: (CampaignStatus.DRAFT, *RUNNING),
}
_MOVES: dict[Action, Callable[..., Campaign]] = {
    Action.START: campaigns.start,
    Action.PAUSE: campaigns.pause,
    Action.UNPAUSE: campaigns.unpause,
    Action.END: campaigns.end,
}


@transaction.atomic
def execute(
    verb: Action,
    *,
    campaign_id: int,
    seen: str,
    reason: str,
    now: datetime,
    staff: User,
    decision: UUID | None = None,
) -> Campaign | ApprovalRequest:
    """Do `verb` to the campaign, or ask a second person for it; return what has come of it.

    The same `decision` makes one clone of the campaign, however often it is sent.

    `seen` is the status that the member of staff has seen; if it is another one now, raises
    ChangedMeanwhileError. Raises what the verb refuses. Locks the campaign, for a start after the
    member of staff, whose day counts; one that is
    expensive locks the request for approval instead, and its campaign once it is approved.
    """
    if verb is Action.START:
        lock_staff(staff)
    campaign = Campaign.objects.get(pk=campaign_id)
    if verb is Action.START and seen == campaign.status and _asks(campaign, staff=staff, now=now):
        return second_person.ask(
            kind=approvals.START,
            subject=campaign,
            parameters={},
            reason=reason,
            maker=staff,
            now=now,
        )
    campaign = campaigns.lock(campaign_id)
    if campaign.status != seen:
        raise ChangedMeanwhileError(
            f"The campaign has changed meanwhile: it is {campaign.get_status_display()} now."
        )
    if verb is Action.START and _asks(campaign, staff=staff, now=now):
        raise ChangedMeanwhileError("The limits have just been changed. Open the page again.")
    if verb is Action.CLONE:
        key = uuid5(decision, str(campaign_id)) if decision else None
        return campaigns.clone(
            campaign_id=campaign_id, now=now, staff=staff, reason=reason, key=key
        )
    if verb is Action.KILL:
        return _kill(campaign, reason=reason, now=now, staff=staff)
    return _MOVES[verb](campaign_id=campaign_id, reason=reason, now=now, staff=staff)


def _asks(campaign: Campaign, *, staff: User, now: datetime) -> bool:
    """Return whether the draft needs a second person to start."""
    is_draft = campaign.status == CampaignStatus.DRAFT
    return is_draft and bool(planning.why_a_second_person(campaign, staff=staff, now=now))


# --- The kill switch ------------------------------------------------------------------------------


def _kill(campaign: Campaign, *, reason: str, now: datetime, staff: User) -> Campaign:
    """End a locked campaign, if it still runs, and let the job release all its reservations."""
    if not Action.KILL.is_due(campaign):
        raise IllegalMoveError("There is nothing left to stop: it is over and nothing is reserved.")
    if campaign.status in RUNNING:
        campaign = campaigns.end(campaign_id=campaign.pk, reason=reason, now=now, staff=staff)
    campaign.killed_at = now
    campaign.save(update_fields=["killed_at"])
    audit.record(
        actor=staff,
        action="campaign.killed",
        obj=campaign,
        summary=f"{campaign}: killed. {reason}",
        details={"reason": reason, "reserved": campaign.reserved},
    )
    return campaign


def continue_operations(*, now: datetime) -> int:
    """Release reservations of killed campaigns and reverse revoked grants; return how many.

    At most BATCH of each campaign, and each in a transaction of its own: the next run continues
    where this one has ended, or died.
    """
    done = 0
    killed = Campaign.objects.filter(killed_at__isnull=False, reserved__gt=0)
    for campaign_id in killed.values_list("pk", flat=True):
        done += campaigns.release_reservations(campaign_id=campaign_id, now=now, limit=BATCH)
    for campaign in Campaign.objects.filter(revoking_since__isnull=False).order_by("pk"):
        done += _revoke_some(campaign, now=now)
    return done


def _revoke_some(campaign: Campaign, *, now: datetime) -> int:
    """Take back some of what the campaign has given; note when nothing is left."""
    request = approvals.revocation_of(campaign)
    taken = campaigns.reverse_grants(
        campaign_id=campaign.pk,
        reason=request.reason,
        now=now,
        staff=request.decided_by,
        limit=BATCH,
    )
    if approvals.left_to_revoke(campaign):
        return taken
    with transaction.atomic():
        locked = campaigns.lock(campaign.pk)
        if locked.revoking_since is not None:
            locked.revoking_since = None
            locked.save(update_fields=["revoking_since"])
            audit.record(
                actor=None,
                action="campaign.revoked",
                obj=locked,
                summary=f"{locked}: all its grants were taken back.",
                details={"request": request.pk},
            )
    return taken
