"""One change of several drafts: of all of them, or of none. Product rules, section 8."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from economy.adjustments import lock_staff
from promos import campaigns, planning, tags
from promos.errors import (
    BadTermsError,
    BulkRefusedError,
    ChangedMeanwhileError,
    IllegalMoveError,
    PromosError,
)
from promos.models import Campaign, CampaignStatus
from quizarena.staff import dates

# So many drafts at once.
DRAFTS_MAX = 100
SEGMENT = (
    "for_new_players",
    "for_first_purchase",
    "for_language",
    "for_level",
    "for_lapsed_days",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of every draft: new terms by name, and tags that come and go."""

    terms: Mapping[str, Any] = field(default_factory=dict)
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What would become of one draft: (what, before, after), or why nothing can."""

    campaign: Campaign
    changes: Sequence[tuple[str, str, str]] = ()
    refusal: str = ""


@transaction.atomic
def apply(
    *, seen: Mapping[int, datetime], change: Change, now: datetime, staff: User
) -> list[Line]:
    """Change all the drafts of `seen`, which has when each was changed last as staff saw it.

    Locks `staff` and then the campaigns in order. Raises BulkRefusedError, with a reason for each
    that cannot be changed, and then nothing is: one that is no draft, has been changed meanwhile,
    or cannot have these terms.
    """
    lines = _each(seen=seen, change=change, now=now, staff=staff)
    if refused := [f"{line.campaign}: {line.refusal}" for line in lines if line.refusal]:
        raise BulkRefusedError(refused)
    return lines


@transaction.atomic
def preview(
    *, seen: Mapping[int, datetime], change: Change, now: datetime, staff: User
) -> list[Line]:
    """Return what would become of each draft. It is done and rolled back, so it cannot differ."""
    lines = _each(seen=seen, change=change, now=now, staff=staff)
    transaction.set_rollback(True)
    return lines


def _each(
    *, seen: Mapping[int, datetime], change: Change, now: datetime, staff: User
) -> list[Line]:
    lock_staff(staff)
    lines = []
    for pk in sorted(seen):
        campaign = campaigns.lock(pk)
        try:
            with transaction.atomic():
                lines.append(_edit(campaign, seen_at=seen[pk], change=change, now=now, staff=staff))
        except PromosError as error:
            lines.append(Line(campaign=campaign, refusal=f"{str(error).rstrip('.')}."))
    return lines


def _edit(
    campaign: Campaign, *, seen_at: datetime, change: Change, now: datetime, staff: User
) -> Line:
    """Edit one locked campaign. Raises PromosError."""
    if campaign.status != CampaignStatus.DRAFT:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}, not a draft.")
    if campaign.changed_at != seen_at:
        raise ChangedMeanwhileError("It has been changed meanwhile. Choose the drafts again.")
    terms = dict(change.terms)
    terms["tags"] = tags.after(campaign, add=change.add_tags, remove=change.remove_tags)
    before = in_words(campaign)
    for name, value in terms.items():
        setattr(campaign, name, value)
    _check(campaign)
    edited = planning.edit(
        campaign_id=campaign.pk, terms=terms, seen_at=seen_at, now=now, staff=staff
    )
    after = in_words(edited)
    changes = [(what, before[what], after[what]) for what in after if before[what] != after[what]]
    return Line(campaign=edited, changes=changes)


def _check(campaign: Campaign) -> None:
    """Raise BadTermsError for terms that do not go together."""
    if campaign.ends_at is not None and campaign.ends_at <= campaign.starts_at:
        raise BadTermsError("ends_at", "Its end would not be after its start.")
    if campaign.stars_max is not None and not campaign.is_discount:
        raise BadTermsError("stars_max", "It is no discount, so it has no budget in Stars.")
    if campaign.for_new_players and campaign.for_lapsed_days is not None:
        raise BadTermsError("for_lapsed_days", "A new player cannot have been away.")


def in_words(campaign: Campaign) -> dict[str, str]:
    """Return what can be changed of several drafts at once, as staff read it."""
    uses, stars = campaign.uses_max, campaign.stars_max
    return {
        "From": dates.moment(campaign.starts_at),
        "Until": dates.moment(campaign.ends_at) if campaign.ends_at else "no end",
        "Uses at most": "unlimited" if uses is None else f"{uses:,}",
        "Budget in Stars": "unlimited" if stars is None else f"{stars:,}",
        "Audience": planning.segment(campaign),
        "Tags": tags.written(campaign.tags) or "none",
    }
