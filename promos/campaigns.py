"""What operators do with campaigns. Every action locks the campaign, looks again, and decides."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from promos import codes, lengths, redemptions, reservations
from promos.errors import BadBatchError, IllegalMoveError, IncompleteError
from promos.models import (
    OVER,
    Campaign,
    CampaignKind,
    CampaignStatus,
    Code,
    Redemption,
    RedemptionStatus,
)
from promos.rules import Reason
from quizarena.api.models import ApiClient
from quizarena.staff import alerts, audit

# More failures on one code within so long, by at least so many players, are an attack.
GUARD_FAILURES = 100
GUARD_WITHIN = timedelta(minutes=10)
GUARD_PLAYERS = 2
GUARD_FAILURES_EACH = 5
# Who is refused because of these has not guessed.
NO_WRONG_TRIES = (
    Reason.BLOCKED,
    Reason.SUSPENDED,
    Reason.DENIED,
    Reason.USED_BY_PLAYER,
    Reason.TAKEN_TWICE,
    Reason.HELD_OUT,
)
# Who was given a code of their own would be refused what they were promised.
NO_UNIQUE_CODES = "A campaign with a holdout has a shared code only, no unique ones."
# The kind of alert for a campaign that the guard has paused.
ATTACKED = "promo_attacked"


def lock(campaign_id: int) -> Campaign:
    """Lock the campaign until the transaction ends."""
    return Campaign.objects.select_for_update(no_key=True).get(pk=campaign_id)


# What `authorise` sets.
AUTHORISATION = ("authorised_at", "authorised_by", "authorised_client", "is_approved")


@transaction.atomic
def start(
    *,
    campaign_id: int,
    reason: str,
    now: datetime,
    staff: User | None,
    client: ApiClient | None = None,
    is_approved: bool = False,
) -> Campaign:
    """Let a draft run, by `staff` or an API `client`; the caller has seen what it may cost.

    Raises IllegalMoveError for anything else, IncompleteError for one that nobody could use.
    """
    campaign = lock(campaign_id)
    if campaign.status != CampaignStatus.DRAFT:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}, not a draft.")
    missing = what_is_missing(campaign, now=now)
    if missing:
        raise IncompleteError(missing)
    authorise(campaign, staff=staff, client=client, is_approved=is_approved, now=now)
    return _move(campaign, CampaignStatus.ACTIVE, "started", reason=reason, now=now, staff=staff)


def authorise(
    campaign: Campaign,
    *,
    staff: User | None,
    client: ApiClient | None,
    is_approved: bool,
    now: datetime,
) -> None:
    """Note on a locked campaign who lets it cost what it can cost now; it is not saved."""
    campaign.authorised_at, campaign.authorised_by = now, staff
    campaign.authorised_client, campaign.is_approved = client, is_approved


@transaction.atomic
def pause(*, campaign_id: int, reason: str, now: datetime, staff: User | None) -> Campaign:
    """Stop new redemptions for a while; reservations stay good. Raises IllegalMoveError."""
    campaign = lock(campaign_id)
    if campaign.status != CampaignStatus.ACTIVE:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}, not active.")
    return _move(campaign, CampaignStatus.PAUSED, "paused", reason=reason, now=now, staff=staff)


@transaction.atomic
def unpause(*, campaign_id: int, reason: str, now: datetime, staff: User | None) -> Campaign:
    """Unpause a campaign. Raises IllegalMoveError for one that is over, with the reason.

    A window that has ended and a limit that has been reached count at once, whether or not the job
    that notes it has run.
    """
    campaign = lock(campaign_id)
    if campaign.status != CampaignStatus.PAUSED:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}, not paused.")
    if campaign.ends_at is not None and campaign.ends_at <= now:
        raise IllegalMoveError("Its window is over.")
    if campaign.uses_max is not None and campaign.applied >= campaign.uses_max:
        raise IllegalMoveError("All of its uses have been applied.")
    campaign.unpaused_at = now
    return _move(campaign, CampaignStatus.ACTIVE, "unpaused", reason=reason, now=now, staff=staff)


@transaction.atomic
def end(*, campaign_id: int, reason: str, now: datetime, staff: User | None) -> Campaign:
    """Stop the campaign for good. Raises IllegalMoveError for one that is over."""
    campaign = lock(campaign_id)
    if campaign.status in OVER:
        raise IllegalMoveError(f"It is {campaign.get_status_display()} already.")
    return _move(campaign, CampaignStatus.ENDED, "ended", reason=reason, now=now, staff=staff)


@transaction.atomic
def clone(
    *,
    campaign_id: int,
    now: datetime,
    staff: User | None,
    reason: str = "",
    key: UUID | None = None,
) -> Campaign:
    """Return a new draft like the campaign, without its codes, counts and times that are over.

    Once per `key`. Locks the campaign.
    """
    old = lock(campaign_id)
    if key is not None and (cloned := Campaign.objects.filter(key=key).first()) is not None:
        return cloned
    length = lengths.between(old.starts_at, old.ends_at) if old.ends_at else None
    starts_at = max(old.starts_at, now)
    fresh = Campaign(
        **{
            name: getattr(old, name)
            for name in (
                "kind",
                "value",
                "scope",
                "product_code",
                "uses_max",
                "stars_max",
                "for_new_players",
                "for_first_purchase",
                "for_language",
                "for_level",
                "for_lapsed_days",
                "holdout_percent",
                "is_weekend_offer",
                "tags",
            )
        },
        key=key or uuid4(),
        name=f"{old.name[:70]} (copy)",
        starts_at=starts_at,
        ends_at=lengths.after(starts_at, length) if length else None,
        owner=staff,
        created_at=now,
        changed_at=now,
    )
    fresh.save(force_insert=True)
    _record(fresh, "cloned", reason=f"From {old}. {reason}".strip(), staff=staff)
    return fresh


@transaction.atomic
def share_code(*, campaign_id: int, raw: str, now: datetime) -> Code:
    """Give the campaign the one code that everybody can use; one that it has is replaced.

    Locks the campaign. Raises BadBatchError for a code that cannot be typed or is taken, and
    IllegalMoveError when the campaign is over.
    """
    campaign = lock(campaign_id)
    if campaign.status in OVER:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}.")
    code = codes.normalised(raw)
    if not codes.SHARED.fullmatch(code):
        raise BadBatchError("A shared code has 4 to 32 letters A to Z and digits.")
    if redemptions.find(code) is not None:
        raise BadBatchError(
            "This code has been taken already, or one that reads like it (0 and O, 1 and I and L)."
        )
    campaign.codes.filter(is_shared=True, revoked_at=None).update(revoked_at=now)
    pepper_id, digest = codes.digest(code)
    try:
        with transaction.atomic():
            return Code.objects.create(
                campaign=campaign,
                is_shared=True,
                digest=digest,
                pepper_id=pepper_id,
                # Operators have thought of it; nothing in it was drawn.
                label=code,
            )
    except IntegrityError:
        raise BadBatchError("This code has just been taken.") from None


def what_is_missing(campaign: Campaign, *, now: datetime) -> list[str]:
    """Return, in sentences, why nobody could use the campaign if it ran."""
    missing = []
    if campaign.ends_at is not None and campaign.ends_at <= now:
        missing.append("Its window has ended already.")
    if not campaign.codes.filter(revoked_at=None, batch__revoked_at=None).exists():
        missing.append("It has no code.")
    if campaign.is_weekend_offer and not redemptions.shared_codes(campaign.pk).filter(
        revoked_at=None
    ):
        missing.append("A weekend offer needs a shared code.")
    if campaign.holdout_percent and has_unique_codes(campaign):
        missing.append(NO_UNIQUE_CODES)
    if campaign.batches.filter(made__lt=F("size"), revoked_at=None).exists():
        missing.append("Its codes are still being made.")
    return missing


def has_unique_codes(campaign: Campaign) -> bool:
    """Return whether it has codes for single players, or has ordered some."""
    return campaign.batches.exists() or campaign.codes.filter(is_shared=False).exists()


def _move(
    campaign: Campaign,
    status: CampaignStatus,
    verb: str,
    *,
    reason: str,
    now: datetime,
    staff: User | None,
) -> Campaign:
    """Move a locked campaign, and write down who did it and why."""
    before = campaign.status
    campaign.status, campaign.changed_at = status, now
    campaign.save(update_fields=["status", "changed_at", "unpaused_at", *AUTHORISATION])
    if before == CampaignStatus.PAUSED:
        alerts.resolve(kind=ATTACKED, key=str(campaign.pk), now=now)
    _record(campaign, verb, reason=reason, staff=staff, details={"status": [before, status.value]})
    return campaign


def _record(
    campaign: Campaign,
    verb: str,
    *,
    reason: str,
    staff: User | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write what happened to the campaign into the audit log."""
    audit.record(
        actor=staff,
        action=f"campaign.{verb}",
        obj=campaign,
        summary=f"{campaign}: {verb}. {reason}",
        details={"reason": reason, **(details or {})},
    )


# --- What jobs do ---------------------------------------------------------------------------------


def roll_over(*, now: datetime, limit: int) -> int:
    """Note which campaigns are over by time or by use; return how many. One transaction each."""
    over = Campaign.objects.running().filter(
        Q(ends_at__lte=now) | Q(uses_max__isnull=False, applied__gte=F("uses_max"))
    )
    return sum(
        _roll_over_one(campaign_id=pk, now=now)
        for pk in list(over.order_by("pk").values_list("pk", flat=True)[:limit])
    )


@transaction.atomic
def _roll_over_one(*, campaign_id: int, now: datetime) -> bool:
    """Move one campaign, unless somebody was faster."""
    campaign = lock(campaign_id)
    if campaign.status in OVER or campaign.status == CampaignStatus.DRAFT:
        return False
    if campaign.ends_at is not None and campaign.ends_at <= now:
        status, verb = CampaignStatus.EXPIRED, "expired"
    elif campaign.uses_max is not None and campaign.applied >= campaign.uses_max:
        status, verb = CampaignStatus.DEPLETED, "depleted"
    else:
        return False
    _move(campaign, status, verb, reason="Automatically.", now=now, staff=None)
    return True


# Every wrong try is counted, but of one player so many at most: two accounts pause nothing.
_ATTACKED = """
SELECT campaign_id, unpaused_at, sum(least(failures, %(of_one_player)s))::int AS failures
FROM (
  SELECT attempt.campaign_id, attempt.code_id, attempt.player_id, campaign.unpaused_at,
         count(*) AS failures
  FROM promos_attempt AS attempt
  JOIN promos_campaign AS campaign ON campaign.id = attempt.campaign_id
  WHERE attempt.at > %(since)s AND attempt.at <= %(now)s
    AND attempt.code_id IS NOT NULL AND attempt.refusal <> ''
    AND attempt.detail <> ALL (%(no_wrong_tries)s)
    AND (campaign.unpaused_at IS NULL OR attempt.at > campaign.unpaused_at)
  GROUP BY attempt.campaign_id, attempt.code_id, attempt.player_id, campaign.unpaused_at
) AS tries
GROUP BY campaign_id, code_id, unpaused_at
HAVING sum(least(failures, %(of_one_player)s)) > %(failures)s AND count(*) >= %(players)s
ORDER BY campaign_id
"""


def guard(*, now: datetime) -> int:
    """Pause the campaigns of codes that are being attacked, with an alert; return how many.

    More than GUARD_FAILURES wrong tries of one code within GUARD_WITHIN, by GUARD_PLAYERS or more,
    of whom each counts GUARD_FAILURES_EACH times at most. What had happened when staff unpaused
    the campaign has been looked at and does not count.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _ATTACKED,
            {
                "since": now - GUARD_WITHIN,
                "now": now,
                "of_one_player": GUARD_FAILURES_EACH,
                "failures": GUARD_FAILURES,
                "players": GUARD_PLAYERS,
                "no_wrong_tries": [reason.value for reason in NO_WRONG_TRIES],
            },
        )
        attacked = cursor.fetchall()
    return sum(
        _pause_attacked(
            campaign_id=campaign_id, unpaused_at=unpaused_at, failures=failures, now=now
        )
        for campaign_id, unpaused_at, failures in attacked
    )


@transaction.atomic
def _pause_attacked(
    *, campaign_id: int, unpaused_at: datetime | None, failures: int, now: datetime
) -> bool:
    """Pause one campaign that is active, and let staff know."""
    campaign = lock(campaign_id)
    # Unpaused since the failures were counted: the next run counts again.
    if campaign.status != CampaignStatus.ACTIVE or campaign.unpaused_at != unpaused_at:
        return False
    reason = f"{failures} failures on one code within ten minutes."
    _move(campaign, CampaignStatus.PAUSED, "paused", reason=reason, now=now, staff=None)
    alerts.raise_alert(
        kind=ATTACKED,
        key=str(campaign.pk),
        summary=f"{campaign} was paused: {reason}",
        details={"campaign": campaign.pk, "failures": failures},
        now=now,
        subject=campaign,
    )
    return True


# --- The kill switch ------------------------------------------------------------------------------


def release_reservations(*, campaign_id: int, now: datetime, limit: int | None = None) -> int:
    """Release a campaign's reservations, locked ones too; return how many. One transaction each.

    With a `limit` at most so many. Whoever pays for one all the same gets what was bought, at that
    price: it is flagged.
    """
    reserved = Redemption.objects.filter(campaign=campaign_id, status=RedemptionStatus.RESERVED)
    return sum(
        reservations.release(redemption_id=pk, now=now)
        for pk in list(reserved.values_list("pk", flat=True)[:limit])
    )


def reverse_grants(
    *, campaign_id: int, reason: str, now: datetime, staff: User | None, limit: int
) -> int:
    """Take back what the campaign has given, as far as it is there; return from how many players.

    One transaction each; at most `limit` of them.
    """
    given = Redemption.objects.filter(
        campaign=campaign_id, status=RedemptionStatus.APPLIED
    ).exclude(campaign__kind=CampaignKind.PERCENT_DISCOUNT)
    taken = 0
    for pk in list(given.order_by("created_at").values_list("pk", flat=True)[:limit]):
        taken += (
            redemptions.reverse(redemption_id=pk, reason=reason, now=now, staff=staff) is not None
        )
    return taken
