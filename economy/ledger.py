"""The only way to change what a player owns. Product rules, section 3."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.utils.timezone import is_naive

from economy.errors import InvalidEntryError, KeyReusedError, NotEnoughError
from economy.models import (
    AMOUNT_MAX,
    ASSETS,
    STAFF_TYPES,
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    Source,
)
from quizarena.players.models import Player

# SQLSTATE of the trigger that refuses a negative balance.
NOT_ENOUGH = "QA001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """What an entry moves, signed, per asset of the wallet."""

    free_energy: int = 0
    paid_energy: int = 0
    streak_savers: int = 0
    duel_tickets: int = 0


def post(
    *,
    player: Player,
    type: EntryType,  # noqa: A002 -- the ledger's own word.
    asset: Asset,
    direction: Direction,
    amount: int,
    deltas: Deltas,
    source: Source,
    key: str,
    request: Mapping[str, Any],
    now: datetime,
    energy_counted_until: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    shortfall: Mapping[str, int] | None = None,
    reverses: LedgerEntry | None = None,
    staff: User | None = None,
    reason: str = "",
) -> tuple[LedgerEntry, bool]:
    """Append one entry and move the wallet with it; return it and whether it is new.

    One statement: the database locks the wallet, applies the deltas and computes the balances.
    `request` is what was asked for, whatever state it met: the same key with the same request
    returns the first entry and changes nothing, with another one raises KeyReusedError. An entry
    is reversed once: who reverses it again gets the first reversal, whatever the key.

    Raises NotEnoughError when a balance would become negative; the transaction can then only be
    rolled back. Raises InvalidEntryError before anything is written for what makes no sense.
    """
    _refuse_nonsense(
        type=type,
        amount=amount,
        key=key,
        instants=(now, energy_counted_until),
        staff=staff,
        reason=reason,
    )
    fingerprint = _fingerprint(type=type, source=source, request=request)
    row = {
        "player_id": player.pk,
        "type": type.value,
        "asset": asset.value,
        "direction": direction.value,
        "amount": amount,
        **{asset: getattr(deltas, asset) for asset in ASSETS},
        "energy_counted_until": energy_counted_until,
        "source": source.value,
        "idempotency_key": key,
        "fingerprint": fingerprint,
        "metadata": json.dumps(dict(metadata or {})),
        "shortfall": json.dumps(dict(shortfall)) if shortfall else None,
        "reverses_id": reverses.pk if reverses else None,
        "staff_id": staff.pk if staff else None,
        "reason": reason,
        "created_at": now,
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, row)
            computed = cursor.fetchone()
    except DatabaseError as error:
        raise _domain_error(error) from error
    if computed:
        return _entry(row, computed, player=player, reverses=reverses, staff=staff), True
    first = LedgerEntry.objects.filter(reverses=reverses).first() if reverses else None
    if first is None:
        first = LedgerEntry.objects.get(player=player, idempotency_key=key)
        if first.fingerprint != fingerprint:
            raise KeyReusedError(first)
    return first, False


def _refuse_nonsense(
    *,
    type: EntryType,  # noqa: A002
    amount: int,
    key: str,
    instants: Iterable[datetime | None],
    staff: User | None,
    reason: str,
) -> None:
    if not 0 < amount <= AMOUNT_MAX:
        raise InvalidEntryError(f"An amount is 1 to {AMOUNT_MAX:,}, not {amount:,}.")
    if any(instant and is_naive(instant) for instant in instants):
        raise InvalidEntryError("An instant needs a time zone.")
    if not 0 < len(key) <= 128:
        raise InvalidEntryError("An idempotency key has 1 to 128 characters.")
    if type in STAFF_TYPES and (staff is None or not reason.strip()):
        raise InvalidEntryError("An entry of staff has a member of staff and a reason.")


_COLUMNS = (
    "player_id", "type", "asset", "direction", "amount",
    "free_energy", "paid_energy", "streak_savers", "duel_tickets", "energy_counted_until",
    "source", "idempotency_key", "fingerprint", "metadata", "shortfall", "reverses_id",
    "staff_id", "reason", "created_at",
)  # fmt: skip
_FIELDS = [field.attname for field in LedgerEntry._meta.concrete_fields]
# What the trigger decides.
_COMPUTED = ("id", "created_at", *(f"{asset}_after" for asset in ASSETS))
_INSERT = f"""
INSERT INTO economy_ledgerentry ({", ".join(_COLUMNS)})
VALUES ({", ".join(f"%({column})s" for column in _COLUMNS)})
RETURNING {", ".join(_COMPUTED)}
"""  # noqa: S608 -- the columns are constants.


def _entry(
    row: dict[str, Any],
    computed: Sequence[Any],
    *,
    player: Player,
    reverses: LedgerEntry | None,
    staff: User | None,
) -> LedgerEntry:
    """Return the entry that the database has made of `row`, as if it had been read.

    It is not, because to read 28 columns takes longer than to write them.
    """
    known = row | dict(zip(_COMPUTED, computed, strict=True))
    known["metadata"] = json.loads(row["metadata"])
    known["shortfall"] = json.loads(row["shortfall"]) if row["shortfall"] else None
    entry = LedgerEntry.from_db(connection.alias, _FIELDS, [known[name] for name in _FIELDS])
    entry.player, entry.reverses, entry.staff = player, reverses, staff
    return entry


def _fingerprint(*, type: EntryType, source: Source, request: Mapping[str, Any]) -> str:  # noqa: A002
    """Return the SHA-256 of what is asked for."""
    asked = json.dumps([type.value, source.value, dict(request)], sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).hexdigest()


def _domain_error(error: DatabaseError) -> Exception:
    """Return the NotEnoughError that the trigger has raised, or the database's own error."""
    cause: Any = error.__cause__
    if getattr(cause, "sqlstate", None) != NOT_ENOUGH:
        return error
    detail = json.loads(cause.diag.message_detail)
    return NotEnoughError(asset=detail["asset"], owned=detail["owned"], needed=detail["needed"])
