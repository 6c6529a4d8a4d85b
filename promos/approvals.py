"""What of promos needs a second person: starting something expensive, and taking grants back."""

from collections.abc import Sequence
from datetime import datetime

from promos import campaigns, planning
from promos.errors import IllegalMoveError, IncompleteError, PromosError
from promos.models import OVER, Campaign, CampaignStatus, RedemptionStatus
from quizarena.staff import approvals, audit, dates
from quizarena.staff.models import ApprovalRequest, RequestStatus

START = "campaign_start"
REVOKE = "campaign_revoke"


def register() -> None:
    """Make both known; called once, when the process starts."""
    approvals.register(
        kind=START,
        label="Start campaign",
        permission="promos.approve_campaign",
        preview=_preview_start,
        perform=_start,
        refusals=(PromosError,),
        headers=("What", "As it would start"),
    )
    approvals.register(
        kind=REVOKE,
        label="Take back grants",
        permission="promos.approve_campaign",
        preview=_preview_revoke,
        perform=_revoke,
        refusals=(PromosError,),
        takes_time=True,
    )


def _campaign_of(request: ApprovalRequest) -> Campaign:
    return Campaign.objects.get(pk=int(request.subject_id))


def _lock_as_previewed(request: ApprovalRequest, *, now: datetime) -> Campaign:
    """Lock the campaign. Raises IllegalMoveError if it is not what was shown any more."""
    campaign = campaigns.lock(int(request.subject_id))
    if approvals.preview_of(request, now=now) != request.preview:
        raise IllegalMoveError("It has been changed since the preview. Open the request again.")
    return campaign


# --- Start ----------------------------------------------------------------------------------------


def _preview_start(*, request: ApprovalRequest, now: datetime) -> Sequence[Sequence[str]]:
    """Return the terms of the campaign. Raises IllegalMoveError and IncompleteError."""
    campaign = _campaign_of(request)
    if campaign.status != CampaignStatus.DRAFT:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}, not a draft.")
    if missing := campaigns.what_is_missing(campaign, now=now):
        raise IncompleteError(missing)
    uses, budget = campaign.uses_max, campaign.stars_max
    return [
        ("Name", campaign.name),
        ("Gives", planning.gives(campaign)),
        ("To", planning.segment(campaign)),
        ("From", _minute(campaign.starts_at)),
        ("Until", _minute(campaign.ends_at) if campaign.ends_at else "no end"),
        ("Uses at most", "no limit" if uses is None else f"{uses:,}"),
        ("Budget", "none" if budget is None else f"{budget:,} Stars"),
        ("Costs", str(planning.most_it_costs(campaign, now=now))),
    ]


def _minute(moment: datetime) -> str:
    return dates.moment(moment)


def _start(*, request: ApprovalRequest, now: datetime) -> None:
    """Start the campaign, in the name of whoever asked."""
    campaign = _lock_as_previewed(request, now=now)
    campaigns.start(
        campaign_id=campaign.pk,
        reason=request.reason,
        now=now,
        staff=request.maker,
        is_approved=True,
    )


# --- Revoke ---------------------------------------------------------------------------------------


def left_to_revoke(campaign: Campaign) -> int:
    """Return how many players have something from the campaign that was not taken back."""
    return campaign.redemptions.filter(status=RedemptionStatus.APPLIED).count()


def revocation_of(campaign: Campaign) -> ApprovalRequest:
    """Return the request by which the campaign's grants are being taken back."""
    return (
        ApprovalRequest.objects.select_related("decided_by")
        .filter(
            kind=REVOKE,
            subject_type=campaign._meta.label_lower,
            subject_id=str(campaign.pk),
            status=RequestStatus.APPROVED,
        )
        .latest("decided_at")
    )


def _preview_revoke(*, request: ApprovalRequest, now: datetime) -> Sequence[Sequence[str]]:
    """Return what would be taken back. Raises IllegalMoveError if there is nothing to."""
    campaign = _campaign_of(request)
    if campaign.is_discount:
        raise IllegalMoveError("A discount grants nothing. Refund its purchases instead.")
    if campaign.status not in OVER:
        raise IllegalMoveError("It is still running. End it first.")
    if campaign.revoking_since is not None:
        raise IllegalMoveError("Its grants are being taken back already.")
    players = left_to_revoke(campaign)
    if not players:
        raise IllegalMoveError("It has no grants left to take back.")
    return [
        ("Players who keep it", f"{players:,}", "0"),
        ("Taken back from each, as far as it is there", "–", planning.gives(campaign)),
    ]


def _revoke(*, request: ApprovalRequest, now: datetime) -> None:
    """Let the job take back what the campaign has given."""
    campaign = _lock_as_previewed(request, now=now)
    campaign.revoking_since = now
    campaign.save(update_fields=["revoking_since"])
    audit.record(
        actor=request.decided_by,
        action="campaign.revoking",
        obj=campaign,
        summary=f"{campaign}: its grants are being taken back. {request.reason}",
        details={"request": request.pk, "players": left_to_revoke(campaign)},
    )
