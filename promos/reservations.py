"""The reservation of a discount, from the code to the credited purchase. Product rules, section 8.

It runs for RESERVATION_TTL, and for PAYMENT_LOCK_TTL more once its pre-checkout is approved
(promos/models/redemption.py). The campaign counts by itself, so each step here changes the
redemption alone.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from promos.errors import NotAttachableError
from promos.models import PAYMENT_LOCK_TTL, Campaign, Redemption, RedemptionStatus
from quizarena.players.models import Player


def attach(*, redemption_id: int, player: Player, stars_off: int, now: datetime) -> Redemption:
    """Let a reservation take `stars_off` Stars off a purchase of the player.

    A step of the caller's transaction. Locks the redemption, then the campaign. Raises
    NotAttachableError when it is over or another's, or the budget has not so many Stars left.
    """
    reserved = Redemption.objects.reserved(now).select_for_update()
    redemption = reserved.filter(pk=redemption_id, player=player).first()
    if redemption is None:
        raise NotAttachableError
    if redemption.stars_off != stars_off and not _set_stars_off(
        redemption, stars_off=stars_off, now=now
    ):
        raise NotAttachableError
    return redemption


def _set_stars_off(redemption: Redemption, *, stars_off: int, now: datetime) -> bool:
    """Set what a reservation takes off; False if the campaign's budget does not allow it."""
    mine = Redemption.objects.filter(pk=redemption.pk)
    if not mine.update(stars_off=stars_off, changed_at=now):
        return False
    redemption.stars_off = stars_off
    return True


def lock_for_payment(*, redemption_id: int, now: datetime) -> bool:
    """Lock the reservation, since its pre-checkout is approved; False if it is over.

    For PAYMENT_LOCK_TTL from the first approval on; another one does not prolong that. A step of
    the caller's transaction. Locks the redemption. Raises IntegrityError if it is for a first
    purchase and another one of the player has been approved as that.
    """
    reserved = Redemption.objects.reserved(now).filter(pk=redemption_id)
    return (
        reserved.update(
            is_locked_for_payment=True,
            locked_until=Coalesce("locked_until", Value(now + PAYMENT_LOCK_TTL)),
            is_first_purchase=_is_for_first_purchase(),
            changed_at=now,
        )
        == 1
    )


def _is_for_first_purchase() -> Subquery:
    campaign = Campaign.objects.filter(pk=OuterRef("campaign"))
    return Subquery(campaign.values("for_first_purchase")[:1])


def apply(*, redemption_id: int, now: datetime) -> bool:
    """Use the reservation, as its purchase is credited; False if it is over. Locks as `attach`."""
    reserved = Redemption.objects.filter(pk=redemption_id, status=RedemptionStatus.RESERVED)
    return reserved.update(status=RedemptionStatus.APPLIED, changed_at=now) == 1


def release(*, redemption_id: int, now: datetime) -> bool:
    """Return the reserved use to the campaign; False if it is over. Locks as `attach`."""
    reserved = Redemption.objects.filter(pk=redemption_id, status=RedemptionStatus.RESERVED)
    return (
        reserved.update(
            status=RedemptionStatus.EXPIRED, is_locked_for_payment=False, changed_at=now
        )
        == 1
    )


def revoke(*, redemption_id: int, now: datetime) -> bool:
    """Note that its purchase has been refunded; the use stays used. False if that was so."""
    applied = Redemption.objects.filter(pk=redemption_id, status=RedemptionStatus.APPLIED)
    return applied.update(status=RedemptionStatus.REVOKED, changed_at=now) == 1


def expire(*, now: datetime, limit: int) -> int:
    """Expire the reservations whose time is over; return how many. One transaction each."""
    lapsed = Redemption.objects.lapsed(now).order_by("reserved_until")
    return sum(
        _expire_one(redemption_id=pk, now=now)
        for pk in list(lapsed.values_list("pk", flat=True)[:limit])
    )


@transaction.atomic
def _expire_one(*, redemption_id: int, now: datetime) -> bool:
    """Expire one reservation, unless it is locked for payment, used or being used just now."""
    lapsed = Redemption.objects.lapsed(now).select_for_update(skip_locked=True)
    if not lapsed.filter(pk=redemption_id).exists():
        return False
    return lapse(redemption_id=redemption_id, now=now)


def lapse(*, redemption_id: int, now: datetime) -> bool:
    """Expire a reservation whose time is over; False if it was locked or used meanwhile."""
    lapsed = Redemption.objects.lapsed(now).filter(pk=redemption_id)
    return lapsed.update(status=RedemptionStatus.EXPIRED, changed_at=now) == 1
