"""What staff may change by hand, and how much of it on one day. Product rules, section 3.

Always an entry of the ledger, with its reason and the member of staff.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import IntegerField, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.timezone import is_naive

from economy import grants, ledger, streaks, wallets
from economy.energy import FREE_CAP, Energy
from economy.errors import DailyLimitError, InvalidEntryError, NotEnoughError, OverCapError
from economy.goods import Goods, Plan
from economy.grants import Reversal
from economy.ledger import Deltas
from economy.models import AMOUNT_MAX, Asset, Direction, EntryType, LedgerEntry, Source, Wallet
from quizarena.players.models import Player
from quizarena.staff import limits

REASON_MAX_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much a member of staff may move on a day of business; up and down both count."""

    units: int
    premium_days: int


# What Security has not set otherwise (quizarena.staff.limits).
UNITS = limits.Kind(
    name="adjust-units",
    label="Adjustments of one person on a day",
    unit="units",
    defaults=lambda: {"Support": 50, "Finance": 500, "Administrator": 5_000},
)
PREMIUM_DAYS = limits.Kind(
    name="grant-premium-days",
    label="Premium granted by one person on a day",
    unit="days",
    defaults=lambda: {"Support": 30, "Finance": 365, "Administrator": 3_660},
)

# What can be adjusted, by its column of the wallet.
COLUMNS = {
    Asset.FREE_ENERGY: "free_energy",
    Asset.PAID_ENERGY: "paid_energy",
    Asset.STREAK_SAVERS: "streak_savers",
    Asset.DUEL_TICKETS: "duel_tickets",
}


def allowance(*, staff: User) -> Allowance:
    """Return how much the member of staff may move on a day: nothing without a role that may."""
    return Allowance(
        units=limits.of(UNITS.name, staff=staff),
        premium_days=limits.of(PREMIUM_DAYS.name, staff=staff),
    )


def left_today(*, staff: User, now: datetime) -> Allowance:
    """Return what of the allowance is left on the day of business, by the ledger."""
    today = datetime.combine(
        now.astimezone(wallets.business_zone()).date(), time.min, wallets.business_zone()
    )
    moved = LedgerEntry.objects.filter(
        staff=staff, created_at__gte=today, created_at__lt=_tomorrow(today)
    ).aggregate(
        units=Sum("amount", filter=Q(type=EntryType.STAFF_ADJUSTMENT), default=0),
        premium_days=Sum(
            Cast(KT("metadata__asset_breakdown__premium_days"), IntegerField()),
            filter=Q(type=EntryType.STAFF_GRANT),
            default=0,
        ),
    )
    limit = allowance(staff=staff)
    return Allowance(
        units=max(0, limit.units - moved["units"]),
        premium_days=max(0, limit.premium_days - moved["premium_days"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an adjustment does to the balance of its asset."""

    before: int
    after: int
    # Where regeneration is counted up to then, if the asset is energy that regenerates.
    energy: Energy | None = None


def preview(*, player: Player, asset: Asset, amount: int, staff: User, now: datetime) -> Change:
    """Return what `adjust` would do, or raise what it would raise. Nothing is locked or written."""
    _check(asset=asset, amount=amount, now=now)
    _check_units(amount, staff=staff, now=now)
    wallet = Wallet.objects.filter(player=player).first()
    nothing = Wallet(player=player, **dict.fromkeys(COLUMNS.values(), 0))
    return _change(wallet or nothing, asset=asset, amount=amount, now=now)


@transaction.atomic
def adjust(
    *,
    player: Player,
    asset: Asset,
    amount: int,
    reason: str,
    staff: User,
    now: datetime,
    key: str,
) -> tuple[LedgerEntry, bool]:
    """Give the player `amount` of `asset`, or take it if negative; return the entry, and if new.

    Once per `key`. Locks the member of staff, so that the day's limit is exact, then the wallet.
    Raises DailyLimitError, NotEnoughError, OverCapError for free energy over its cap, and
    InvalidEntryError for what makes no sense.
    """
    _check(asset=asset, amount=amount, now=now)
    reason = _normalised(reason)
    lock_staff(staff)
    if asset is Asset.STREAK_SAVERS:
        # What a saver has to save on days that are over comes first.
        streaks.roll_over(player=player, now=now)
    wallet = wallets.lock(player=player, now=now)
    deltas, counted_until, metadata = Deltas(), None, {}
    if not LedgerEntry.objects.filter(player=player, idempotency_key=key).exists():
        _check_units(amount, staff=staff, now=now)
        change = _change(wallet, asset=asset, amount=amount, now=now)
        column = COLUMNS[asset]
        deltas = Deltas(**{column: change.after - getattr(wallet, column)})
        if change.energy is not None:
            counted_until = change.energy.counted_until
            metadata = wallets.gains(wallet, change.energy, now=now)
    return ledger.post(
        player=player,
        type=EntryType.STAFF_ADJUSTMENT,
        asset=asset,
        direction=Direction.CREDIT if amount > 0 else Direction.DEBIT,
        amount=abs(amount),
        deltas=deltas,
        source=Source.STAFF,
        key=key,
        request={"asset": asset, "amount": amount, "reason": reason, "staff": staff.pk},
        now=now,
        energy_counted_until=counted_until,
        metadata=metadata,
        staff=staff,
        reason=reason,
    )


@transaction.atomic
def grant_premium(
    *,
    player: Player,
    plan: Plan,
    days: int,
    reason: str,
    staff: User,
    now: datetime,
    key: str,
) -> tuple[LedgerEntry, bool]:
    """Grant the player `days` of `plan`; return the entry, and if this call has written it.

    Once per `key`. Locks the member of staff, then the wallet. Raises DailyLimitError, and
    InvalidEntryError for what makes no sense.
    """
    goods = Goods(premium=plan, premium_days=days)
    reason = _normalised(reason)
    lock_staff(staff)
    wallets.lock(player=player, now=now)
    if not LedgerEntry.objects.filter(player=player, idempotency_key=key).exists():
        check_premium_days(days, staff=staff, now=now)
    return grants.grant(
        player=player,
        goods=goods,
        type=EntryType.STAFF_GRANT,
        source=Source.STAFF,
        key=key,
        now=now,
        request={"staff": staff.pk, "reason": reason},
        staff=staff,
        reason=reason,
    )


@transaction.atomic
def revoke_premium(
    *, entry: LedgerEntry, reason: str, staff: User, now: datetime, key: str
) -> Reversal:
    """Take back what is left of a grant that staff have given; once, whoever asks.

    Raises InvalidEntryError for any other entry: a purchase is refunded, a promo revoked.
    """
    if entry.type != EntryType.STAFF_GRANT:
        raise InvalidEntryError("Only grants by staff can be revoked here.")
    return grants.reverse(
        entry=entry,
        type=EntryType.TAKEN_BACK,
        source=Source.STAFF,
        key=key,
        now=now,
        staff=staff,
        reason=_normalised(reason),
    )


def lock_staff(staff: User) -> None:
    """Lock the member of staff until the transaction ends; rows may still refer to them."""
    User.objects.select_for_update(no_key=True).get(pk=staff.pk)


def check_premium_days(days: int, *, staff: User, now: datetime) -> None:
    """Raise DailyLimitError if the member of staff cannot grant so many days any more today."""
    left = left_today(staff=staff, now=now).premium_days
    if days > left:
        limit = allowance(staff=staff).premium_days
        raise DailyLimitError(asked=days, left=left, limit=limit, unit="days of Premium")


def _check_units(amount: int, *, staff: User, now: datetime) -> None:
    """Raise DailyLimitError if the member of staff cannot move so many units any more today."""
    left = left_today(staff=staff, now=now).units
    if abs(amount) > left:
        limit = allowance(staff=staff).units
        raise DailyLimitError(asked=abs(amount), left=left, limit=limit, unit="units")


def _check(*, asset: Asset, amount: int, now: datetime) -> None:
    """Raise InvalidEntryError for what makes no sense."""
    if asset not in COLUMNS:
        raise InvalidEntryError(f"{asset} cannot be adjusted.")
    if not 0 < abs(amount) <= AMOUNT_MAX:
        raise InvalidEntryError(f"An amount is 1 to {AMOUNT_MAX:,}, up or down, not {amount:,}.")
    if is_naive(now):
        raise InvalidEntryError("An instant needs a time zone.")


def _normalised(reason: str) -> str:
    """Return the reason without blanks around it. Raises InvalidEntryError if there is none."""
    normalised = reason.strip()
    if not 0 < len(normalised) <= REASON_MAX_LENGTH:
        raise InvalidEntryError(f"A reason has 1 to {REASON_MAX_LENGTH} characters.")
    return normalised


def _change(wallet: Wallet, *, asset: Asset, amount: int, now: datetime) -> Change:
    """Return what the move does. Raises NotEnoughError and OverCapError."""
    energy = wallets.energy_of(wallet, now=now) if asset is Asset.FREE_ENERGY else None
    before = energy.free if energy else getattr(wallet, COLUMNS[asset])
    after = before + amount
    if after < 0:
        raise NotEnoughError(asset=COLUMNS[asset], owned=before, needed=-amount)
    if energy and after > FREE_CAP:
        raise OverCapError(owned=before, cap=FREE_CAP)
    return Change(before=before, after=after, energy=energy)


def _tomorrow(today: datetime) -> datetime:
    """Return the next midnight, however long the day is."""
    return datetime.combine(today.date() + timedelta(days=1), time.min, today.tzinfo)
