"""A player's wallet: what is in it, and energy in and out. Product rules, sections 2 and 3."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from economy import energy, entitlements, ledger
from economy.energy import FREE_CAP, Bucket, Energy
from economy.errors import NoEnergyError
from economy.goods import Plan
from economy.ledger import Deltas
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    Source,
    Wallet,
    active_sql,
)
from quizarena.players.models import Player


def business_zone() -> ZoneInfo:
    """Return the zone whose midnight begins a business day."""
    return ZoneInfo(settings.TIME_ZONE)


def day_began(instant: datetime) -> datetime:
    """Return when the business day of `instant` began."""
    zone = business_zone()
    return datetime.combine(instant.astimezone(zone).date(), time.min, tzinfo=zone)


def lock(*, player: Player, now: datetime) -> Wallet:
    """Lock the player's wallet until the transaction ends; a newcomer is welcomed first."""
    wallets = Wallet.objects.select_for_update()
    wallet = wallets.filter(player=player).first()
    if wallet is None or wallet.energy_counted_until is None:
        grant_welcome_energy(player=player, now=now)
        wallet = wallets.get(player=player)
    return wallet


def grant_welcome_energy(*, player: Player, now: datetime) -> LedgerEntry:
    """Give a new player the first energy, once."""
    entry, _ = ledger.post(
        player=player,
        type=EntryType.WELCOME,
        asset=Asset.FREE_ENERGY,
        direction=Direction.CREDIT,
        amount=FREE_CAP,
        deltas=Deltas(free_energy=FREE_CAP),
        source=Source.SYSTEM,
        key="welcome",
        request={},
        now=now,
        energy_counted_until=now,
    )
    return entry


def energy_of(wallet: Wallet, *, now: datetime) -> Energy:
    """Return the energy in the wallet at `now`; nothing is written.

    Who has not been welcomed yet will find the free bucket full.
    """
    if wallet.energy_counted_until is None:
        return Energy(free=FREE_CAP, paid=wallet.paid_energy, counted_until=now)
    return _stored(wallet).at(now, zone=business_zone())


def energy_at(*, player: Player, now: datetime) -> Energy:
    """Return the player's energy at `now`; who has no wallet yet will get a full one."""
    wallet = Wallet.objects.filter(player=player).first()
    if wallet is None:
        return Energy(free=FREE_CAP, paid=0, counted_until=now)
    return energy_of(wallet, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a question has cost: the energy that is left, and the entry that took it.

    With Premium (`plan`) there is no entry: nothing is written.
    """

    energy: Energy
    plan: Plan | None = None
    entry: LedgerEntry | None = None
    is_new: bool = False


def charge_question(*, player: Player, key: str, now: datetime) -> Charge:
    """Take one point of energy for a question, once per `key`; nothing from who has Premium.

    Rounds charge for each question, a sprint once; nothing else of the game costs energy (product
    rules, section 2).

    Locks the wallet. What has regenerated since the last touch is part of the entry. Raises
    NoEnergyError when nothing is left. Two statements, three if the wallet was in use.
    """
    wallet, plan = _lock_with_plan(player=player, now=now)
    if plan is not None:
        return Charge(energy=energy_of(wallet, now=now), plan=plan)
    stored = _stored(wallet)
    zone = business_zone()
    current = stored.at(now, zone=zone)
    try:
        left, bucket = current.consume()
    except energy.EmptyError:
        replay = LedgerEntry.objects.filter(player=player, idempotency_key=key).first()
        if replay is not None:
            return Charge(energy=current, entry=replay, is_new=False)
        next_point_at, full_at = current.next_point_at(zone=zone), current.full_at(zone=zone)
        assert next_point_at is not None
        assert full_at is not None
        raise NoEnergyError(next_point_at=next_point_at, full_at=full_at) from None
    entry, is_new = ledger.post(
        player=player,
        type=EntryType.QUESTION,
        asset=Asset.FREE_ENERGY if bucket is Bucket.FREE else Asset.PAID_ENERGY,
        direction=Direction.DEBIT,
        amount=energy.COST,
        deltas=Deltas(free_energy=left.free - stored.free, paid_energy=left.paid - stored.paid),
        source=Source.GAME,
        key=key,
        request={"questions": 1},
        now=now,
        energy_counted_until=left.counted_until,
        metadata=gains(wallet, current, now=now),
    )
    return Charge(energy=left if is_new else current, entry=entry, is_new=is_new)


def _lock_with_plan(*, player: Player, now: datetime) -> tuple[Wallet, Plan | None]:
    """Lock the wallet and read in the same statement which plan the player has at `now`.

    Where somebody has changed the wallet while this waited for the lock, the plan is from before
    the change, which may have been a grant: then it is read again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_WITH_PLAN, {"player": player.pk, "now": now})
        row = cursor.fetchone()
    if row is None:
        grant_welcome_energy(player=player, now=now)
        return _lock_with_plan(player=player, now=now)
    plan, has_changed, *columns = row
    wallet = Wallet.from_db(connection.alias, _COLUMNS, columns)
    if wallet.energy_counted_until is None:
        grant_welcome_energy(player=player, now=now)
        return _lock_with_plan(player=player, now=now)
    if has_changed:
        return wallet, entitlements.premium_at(player=player, at=now)
    return wallet, Plan(plan) if plan else None


# The row that is locked is the newest; the subqueries see what was there when the statement began.
# Not through the ORM, which would take longer to write this than PostgreSQL to run it.
_COLUMNS = [field.attname for field in Wallet._meta.concrete_fields]
_LOCK_WITH_PLAN = f"""
SELECT
  (SELECT plan FROM economy_premiumspan AS span
   WHERE player_id = %(player)s AND {active_sql("span")}
   LIMIT 1) AS plan,
  xmin <> (SELECT xmin FROM economy_wallet WHERE player_id = %(player)s) AS has_changed,
  {", ".join(_COLUMNS)}
FROM economy_wallet AS wallet WHERE player_id = %(player)s
FOR UPDATE OF wallet
"""  # noqa: S608 -- the columns are constants.


def return_question(*, player: Player, key: str, now: datetime) -> LedgerEntry | None:
    """Give back the point that was taken under `key` for a question nobody saw, once.

    Goes back into the bucket it came from, free energy up to its cap. Returns None when nothing
    was taken, or when the bucket is full again.
    """
    taken = LedgerEntry.objects.filter(player=player, idempotency_key=key).first()
    if taken is None or taken.type != EntryType.QUESTION:
        return None
    given_back = LedgerEntry.objects.filter(reverses=taken).first()
    if given_back is not None:
        return given_back
    wallet = lock(player=player, now=now)
    stored = _stored(wallet)
    current = stored.at(now, zone=business_zone())
    from_paid = taken.asset == Asset.PAID_ENERGY
    if not from_paid and current.free >= FREE_CAP:
        return None
    entry, _ = ledger.post(
        player=player,
        type=EntryType.QUESTION_RETURNED,
        asset=Asset.PAID_ENERGY if from_paid else Asset.FREE_ENERGY,
        direction=Direction.CREDIT,
        amount=taken.amount,
        deltas=Deltas(
            free_energy=current.free - stored.free + (0 if from_paid else taken.amount),
            paid_energy=taken.amount if from_paid else 0,
        ),
        source=Source.SYSTEM,
        key=f"return:{key}",
        request={"of": taken.pk},
        now=now,
        energy_counted_until=current.counted_until,
        metadata=gains(wallet, current, now=now),
        reverses=taken,
    )
    return entry


def _stored(wallet: Wallet) -> Energy:
    """Return the energy as it was counted last."""
    assert wallet.energy_counted_until is not None
    return Energy(
        free=wallet.free_energy,
        paid=wallet.paid_energy,
        counted_until=wallet.energy_counted_until,
    )


def gains(wallet: Wallet, current: Energy, *, now: datetime) -> dict[str, int]:
    """Return what has come to the free energy since it was counted last, by itself.

    For the metadata of the entry that moves the count along to `current`, the energy at `now`.
    """
    stored = _stored(wallet)
    regenerated = stored.regenerated_by(now)
    topped_up = current.free - stored.free - regenerated
    points = {"regenerated": regenerated, "topped_up": topped_up}
    return {name: gained for name, gained in points.items() if gained}
