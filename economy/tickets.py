"""Duel tickets: one is used, and comes back if its duel is never accepted.

Tickets are used in the order in which they were granted. So it is known of which grant each was,
and taking a grant back takes no ticket of another one. Product rules, sections 5 and 11.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from economy import ledger, wallets
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source
from quizarena.players.models import Player


class Move(NamedTuple):
    """What an entry has done to a player's tickets."""

    entry_id: int
    tickets: int
    reverses_id: int | None


@dataclass(frozen=True, slots=True)
class Lots:
    """How many tickets of each grant are left, and of which grant each entry took its first."""

    left: dict[int, int] = field(default_factory=dict)
    taken_from: dict[int, int] = field(default_factory=dict)

    def take(self, lot: int, tickets: int, *, entry_id: int) -> int:
        """Take up to so many tickets of a grant; return how many more there are to take."""
        taken = min(self.left[lot], tickets)
        if taken:
            self.left[lot] -= taken
            self.taken_from.setdefault(entry_id, lot)
        return tickets - taken


def lots_of(moves: Iterable[Move]) -> Lots:
    """Return what the moves, in the order of their ids, have left. Pure.

    The oldest grant is used first; a reversal takes from the grant that it reverses, and what comes
    back returns to where it was taken.
    """
    lots = Lots()
    for entry_id, tickets, reverses_id in moves:
        if tickets > 0:
            lot = lots.taken_from.get(reverses_id, entry_id) if reverses_id else entry_id
            lots.left[lot] = lots.left.get(lot, 0) + tickets
            continue
        missing = -tickets
        first = [reverses_id] if reverses_id in lots.left else []
        for lot in [*first, *sorted(lots.left)]:
            missing = lots.take(lot, missing, entry_id=entry_id)
    return lots


def use(*, player: Player, key: str, now: datetime) -> LedgerEntry:
    """Take one ticket, once per `key`; return the entry.

    Locks the wallet. Raises NotEnoughError when there is none; the transaction can then only be
    rolled back.
    """
    entry, _ = ledger.post(
        player=player,
        type=EntryType.TICKET_USED,
        asset=Asset.DUEL_TICKETS,
        direction=Direction.DEBIT,
        amount=1,
        deltas=Deltas(duel_tickets=-1),
        source=Source.GAME,
        key=key,
        request={"tickets": 1},
        now=now,
    )
    return entry


def return_ticket(*, entry: LedgerEntry, now: datetime) -> LedgerEntry | None:
    """Return the ticket that `entry` has used, once; None if the player has been refunded for it.

    Locks the wallet. A ticket whose grant was taken back meanwhile is paid back already: that the
    grant had no ticket left stands in the reversal as its shortfall.
    """
    wallets.lock(player=entry.player, now=now)
    lot = _lots(entry.player_id).taken_from[entry.pk]
    if LedgerEntry.objects.filter(reverses=lot).exists():
        return None
    returned, _ = ledger.post(
        player=entry.player,
        type=EntryType.TICKET_RETURNED,
        asset=Asset.DUEL_TICKETS,
        direction=Direction.CREDIT,
        amount=1,
        deltas=Deltas(duel_tickets=1),
        source=Source.SYSTEM,
        key=f"return:{entry.idempotency_key}",
        request={"of": entry.pk},
        now=now,
        reverses=entry,
    )
    return returned


def left_of(*, grant: LedgerEntry) -> int:
    """Return how many tickets of a grant have not been used."""
    return _lots(grant.player_id).left.get(grant.pk, 0)


def _lots(player_id: int) -> Lots:
    moved = LedgerEntry.objects.filter(player=player_id).exclude(duel_tickets=0).order_by("pk")
    return lots_of(Move(*row) for row in moved.values_list("pk", "duel_tickets", "reverses_id"))
