"""What staff decide about invitations, whatever has become of them. Product rules, section 9.

Every decision takes back what the invitation has brought, and lets the honest others of the same
reward count for the next one.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction

from economy import grants
from economy.grants import ReversalPlan
from economy.models import EntryType, Source
from promos import referrals
from promos.errors import ChangedMeanwhileError, IllegalMoveError
from promos.models import (
    Inviter,
    Referral,
    ReferralNoticeKind,
    ReferralReward,
    ReferralStatus,
)
from quizarena.staff import alerts, audit, reasons

IN_REVIEW = "referrals_in_review"


class Verdict(StrEnum):
    """What staff can decide."""

    FRAUD = "confirm fraud"
    REOPEN = "reopen"
    CANCEL = "cancel"

    @property
    def past(self) -> str:
        """Return the past participle, for messages."""
        return {
            Verdict.FRAUD: "confirmed as fraud",
            Verdict.REOPEN: "reopened",
            Verdict.CANCEL: "canceled",
        }[self]

    @property
    def status(self) -> ReferralStatus:
        """Return the status to which it leads."""
        return {
            Verdict.FRAUD: ReferralStatus.REJECTED_FRAUD,
            Verdict.REOPEN: ReferralStatus.STARTED,
            Verdict.CANCEL: ReferralStatus.CANCELED,
        }[self]

    def is_due(self, referral: Referral) -> bool:
        """Return whether it changes anything about the invitation as it stands."""
        if self is Verdict.REOPEN:
            is_being_checked = (
                referral.status == ReferralStatus.STARTED
                and referral.held_at is None
                and referral.lapsed_at is None
            )
            return not is_being_checked and referral.inviter_id != referral.invited_id
        return referral.status != self.status


def seen_as(referral: Referral) -> str:
    """Return what staff see of an invitation before they decide; it differs once that changes."""
    return f"{referral.status}{'-held' if referral.held_at else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a decision has led to: the reward that was taken back with it, and what of it."""

    referral: Referral
    revoked: ReferralReward | None
    reversal: ReversalPlan | None


@transaction.atomic
def judge(
    verdict: Verdict, *, referral_id: int, seen: str, reason: str, staff: User, now: datetime
) -> Judgement:
    """Carry out a verdict about an invitation at whatever status it is.

    What it has brought is taken back, what is spent is reported as the shortfall; the others of its
    reward count for a next one, and a place that it had in the month is free at once. One that is
    reopened is checked anew, and held again for a new suspicion only. Locks the inviter, then the
    wallet. Raises ChangedMeanwhileError if it is no longer
    what the member of staff has `seen` (see seen_as), IllegalMoveError if the verdict would change
    nothing, or let a player count for themselves.
    """
    reason = reasons.normalise(reason)
    Inviter.objects.select_for_update(no_key=True).get(referrals=referral_id)
    referral = Referral.objects.select_related("reward__entry__player").get(pk=referral_id)
    if seen_as(referral) != seen:
        status = "held for review" if referral.held_at else referral.get_status_display()
        raise ChangedMeanwhileError(f"The invitation has changed meanwhile: it is {status} now.")
    if not verdict.is_due(referral):
        raise IllegalMoveError(
            f"“{str(verdict).capitalize()}” changes nothing here, or is not allowed."
        )
    revoked, reversal = None, None
    if referral.reward is not None:
        revoked = referral.reward
        reversal = _revoke(revoked, because_of=referral, reason=reason, staff=staff, now=now)
    _move(referral, verdict, now=now)
    referrals.form_rewards(inviter_id=referral.inviter_id, now=now)
    referrals.offer_rewards(inviter_id=referral.inviter_id, now=now)
    audit.record(
        actor=staff,
        action=f"referral.{verdict.past.replace(' ', '_')}",
        obj=referral,
        summary=f"{referral}: {verdict.past}. {reason}",
        details={
            "reason": reason,
            "was": seen,
            "reward": revoked.pk if revoked else None,
            "taken": dict(reversal.taken) if reversal else {},
            "shortfall": dict(reversal.shortfall) if reversal else {},
        },
    )
    return Judgement(referral=referral, revoked=revoked, reversal=reversal)


def _move(referral: Referral, verdict: Verdict, *, now: datetime) -> None:
    """Give the invitation its new status; one that is reopened begins anew."""
    referral.status, referral.reward = verdict.status, None
    referral.held_at = referral.lapsed_at = None
    referral.judged_at = now
    if verdict is Verdict.REOPEN:
        suspicions = {reason["suspicion"] for reason in referral.reasons}
        referral.cleared = sorted(suspicions.union(referral.cleared))
        referral.checked_at = referral.qualified_at = None
    referral.save(
        update_fields=[
            "status", "reward", "held_at", "lapsed_at", "judged_at", "cleared", "checked_at",
            "qualified_at",
        ]
    )  # fmt: skip


def _revoke(
    reward: ReferralReward, *, because_of: Referral, reason: str, staff: User, now: datetime
) -> ReversalPlan | None:
    """Take a reward back and return what of it, None if it was not chosen yet; free the others."""
    reversal = None
    if reward.entry is not None:
        reversal = grants.reverse(
            entry=reward.entry,
            type=EntryType.TAKEN_BACK,
            source=Source.REFERRAL,
            key=f"revoke:referral:{reward.number}",
            now=now,
            staff=staff,
            reason=reason,
            metadata={"referral_reward": reward.pk, "referral": because_of.pk},
        )
    reward.revoked_at = now
    reward.save(update_fields=["revoked_at"])
    others = Referral.objects.filter(reward=reward).exclude(pk=because_of.pk)
    others.update(status=ReferralStatus.QUALIFIED, reward=None)
    referrals.notify(reward, ReferralNoticeKind.REWARD_REVOKED, now=now)
    return reversal


def report_held(*, now: datetime) -> int:
    """Keep one alert open as long as invitations wait for a decision; return how many do."""
    held = Referral.objects.held().count()
    if not held:
        alerts.resolve(kind=IN_REVIEW, key="all", now=now)
        return 0
    waits = "1 invitation waits" if held == 1 else f"{held:,} invitations wait"
    alerts.raise_alert(
        kind=IN_REVIEW,
        key="all",
        summary=f"{waits} for a decision.",
        details={"held": held},
        now=now,
    )
    return held
