"""Hand goods to a player, and take exactly those back. Product rules, sections 3 and 6.

The two verbs of purchases, promos, referrals, prizes and staff. Both are steps of the caller's
transaction.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from economy import entitlements, ledger, streaks, tickets, wallets
from economy.entitlements import Left
from economy.errors import InvalidEntryError
from economy.goods import Goods
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source, Wallet
from quizarena.players.models import Player

# The name in the ledger of each unit of goods.
ASSET_OF = {
    "paid_energy": Asset.PAID_ENERGY,
    "streak_savers": Asset.STREAK_SAVERS,
    "duel_tickets": Asset.DUEL_TICKETS,
}


def grant(
    *,
    player: Player,
    goods: Goods,
    type: EntryType,  # noqa: A002 -- the ledger's own word.
    source: Source,
    key: str,
    now: datetime,
    amount: int | None = None,
    asset: Asset | None = None,
    request: Mapping[str, Any] | None = None,
    staff: User | None = None,
    reason: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> tuple[LedgerEntry, bool]:
    """Hand over everything in `goods` as one ledger entry, once per `key`; return it, and if new.

    The wallet moves with the entry, which locks it; Premium and mode access become entitlements
    that name the entry. A purchase passes Asset.PURCHASE and the Stars as `amount`. Otherwise the
    entry is about the one asset that the goods are of, or about one parcel of GOODS.

    The same key, goods and `request` again return the first entry and change nothing; raises
    KeyReusedError for other ones, InvalidEntryError before anything is written for what makes no
    sense.
    """
    if (asset is None) != (amount is None):
        raise InvalidEntryError("An asset and its amount go together.")
    if asset is None or amount is None:
        asset, amount = _about(goods)
    entry, is_new = ledger.post(
        player=player,
        type=type,
        asset=asset,
        direction=Direction.CREDIT,
        amount=amount,
        deltas=Deltas(**goods.units),
        source=source,
        key=key,
        request={**(request or {}), "goods": asdict(goods), "amount": amount, "asset": asset},
        now=now,
        metadata={**(metadata or {}), **goods.metadata()},
        staff=staff,
        reason=reason,
    )
    if is_new:
        entitlements.add(entry=entry, goods=goods)
    return entry, is_new


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalPlan:
    """What of a grant is taken back, and what is missing: together, all that was granted.

    Both name the assets of the wallet, `premium_days` and `mode_hours`, if there are any. Of time
    only whole days and hours that have passed are missing.
    """

    taken: Mapping[str, int]
    shortfall: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal(ReversalPlan):
    """What taking a grant back has led to: the entry, and if this call has written it."""

    entry: LedgerEntry
    is_new: bool


def reverse(
    *,
    entry: LedgerEntry,
    type: EntryType,  # noqa: A002 -- the ledger's own word.
    source: Source,
    key: str,
    now: datetime,
    staff: User | None = None,
    reason: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Reversal:
    """Reverse what the grant `entry` has delivered and is still there, once.

    Locks the wallet. One entry of the same asset and amount reverses the grant; it moves what is
    still owned and states the rest as its shortfall. What is left of this grant's entitlements is
    revoked; later ones move forward.

    Whoever reverses the same grant again gets the first outcome, whatever the key. Raises
    KeyReusedError if the key belongs to anything else (the transaction can then only be rolled
    back), InvalidEntryError if `entry` is no grant.
    """
    goods = _goods_of(entry)
    if goods.streak_savers:
        # What a saver has to save on days that are over comes first.
        streaks.roll_over(player=entry.player, now=now)
    wallet = wallets.lock(player=entry.player, now=now)
    # What the entry will say, too: the ledger does not go back in time.
    at = max(now, wallet.changed_at)
    # Of a grant that has been taken back before nothing is left to revoke.
    left = entitlements.revoke(entry=entry, goods=goods, at=at)
    plan = _plan_of(goods, _missing(goods, entry=entry, wallet=wallet, left=left))
    reversing, is_new = ledger.post(
        player=entry.player,
        type=type,
        asset=Asset(entry.asset),
        direction=Direction.DEBIT,
        amount=entry.amount,
        deltas=Deltas(**{unit: -plan.taken.get(unit, 0) for unit in ASSET_OF}),
        source=source,
        key=key,
        request={"of": entry.pk},
        now=at,
        metadata={**(metadata or {}), **goods.metadata()},
        shortfall=plan.shortfall,
        reverses=entry,
        staff=staff,
        reason=reason,
    )
    if not is_new:
        plan = _plan_of(goods, reversing.shortfall or {})
    return Reversal(entry=reversing, is_new=is_new, **asdict(plan))


def preview_reversal(*, entry: LedgerEntry, now: datetime) -> ReversalPlan:
    """Return what `reverse` would take at `now`, and miss. Nothing is locked or written.

    Raises InvalidEntryError if `entry` is no grant.
    """
    goods = _goods_of(entry)
    wallet = Wallet.objects.get(player=entry.player_id)
    left = entitlements.left(entry=entry, now=now)
    return _plan_of(goods, _missing(goods, entry=entry, wallet=wallet, left=left))


def _about(goods: Goods) -> tuple[Asset, int]:
    """Return what an entry that delivers `goods` is about, and how much of it."""
    units = [(ASSET_OF[name], units) for name, units in goods.units.items() if units]
    if len(units) == 1 and not goods.premium and not goods.mode_codes:
        return units[0]
    return Asset.GOODS, 1


def _goods_of(entry: LedgerEntry) -> Goods:
    """Return what the grant `entry` has delivered."""
    if entry.direction != Direction.CREDIT or "asset_breakdown" not in entry.metadata:
        raise InvalidEntryError(f"{entry} is not a grant.")
    return Goods.from_metadata(entry.metadata)


def _missing(goods: Goods, *, entry: LedgerEntry, wallet: Wallet, left: Left) -> dict[str, int]:
    """Return how much of `goods` is not there any more.

    Of tickets it is known which ones were used; energy and savers are as good as one another.
    """
    modes = (goods.mode_time - left.modes.get(mode, timedelta()) for mode in goods.mode_codes)
    there = {name: getattr(wallet, name) for name in goods.units}
    if goods.duel_tickets:
        there["duel_tickets"] = tickets.left_of(grant=entry)
    return {
        **{name: max(0, units - there[name]) for name, units in goods.units.items()},
        "premium_days": (goods.premium_time - left.premium) // timedelta(days=1),
        "mode_hours": max(modes, default=timedelta()) // timedelta(hours=1),
    }


def _plan_of(goods: Goods, missing: Mapping[str, int]) -> ReversalPlan:
    """Return how `goods` divide into what is missing and what is not."""
    granted = {
        **goods.units,
        "premium_days": goods.premium_days,
        "mode_hours": goods.mode_hours,
    }
    taken = {name: all_of_it - missing.get(name, 0) for name, all_of_it in granted.items()}
    return ReversalPlan(
        taken={name: units for name, units in taken.items() if units},
        shortfall={name: units for name, units in missing.items() if units},
    )
