"""The deny list of promo codes, and lifting blocks. Product rules, section 8."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from promos.errors import AlreadySoError
from promos.models import Block, DenylistEntry
from quizarena.players.models import Player
from quizarena.staff import audit, reasons


@transaction.atomic
def deny(*, player: Player, reason: str, now: datetime, staff: User) -> DenylistEntry:
    """Put the player on the deny list: no code works any more. What was redeemed stays.

    Raises AlreadySoError for a player who is on it.
    """
    reason = reasons.normalise(reason)
    entry, is_new = DenylistEntry.objects.get_or_create(
        player=player, defaults={"reason": reason, "staff": staff, "at": now}
    )
    if not is_new:
        raise AlreadySoError(f"{player} is on the deny list already")
    _record(player, "denied", "can use no promo codes any more", reason=reason, staff=staff)
    return entry


@transaction.atomic
def allow(*, player: Player, reason: str, staff: User) -> None:
    """Take the player off the deny list. Raises AlreadySoError for one who is not on it."""
    deleted, _ = DenylistEntry.objects.filter(player=player).delete()
    if not deleted:
        raise AlreadySoError(f"{player} is not on the deny list")
    _record(
        player,
        "allowed",
        "can use promo codes again",
        reason=reasons.normalise(reason),
        staff=staff,
    )


@transaction.atomic
def lift_block(*, player: Player, reason: str, now: datetime, staff: User) -> None:
    """Let a blocked player try again at once. Raises AlreadySoError if there is no block in force.

    The block is shortened and not deleted: what failed before it does not count again.
    """
    if not Block.objects.filter(player=player, until__gt=now).update(until=now):
        raise AlreadySoError(f"{player} is not blocked")
    _record(
        player,
        "unblocked",
        "can try promo codes again",
        reason=reasons.normalise(reason),
        staff=staff,
    )


def _record(player: Player, verb: str, sentence: str, *, reason: str, staff: User) -> None:
    """Record it in the audit log of the player."""
    audit.record(
        actor=staff,
        action=f"promo.{verb}",
        obj=player,
        summary=f"{player} {sentence}. {reason}",
        details={"reason": reason},
    )
