"""How entries of the ledger become the lines of a statement: the questions of a round are one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from economy.models import EntryType, LedgerEntry
from quizarena.game.models import Round


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Entries that a player sees as one, newest first; `played` is the round that they are of."""

    entries: Sequence[LedgerEntry]
    played: Round | None = None

    @property
    def newest(self) -> LedgerEntry:
        return self.entries[0]

    @property
    def oldest(self) -> LedgerEntry:
        """Return the entry behind which the statement continues."""
        return self.entries[-1]

    def moved(self, asset: str) -> int:
        """Return how much of the asset came or went.

        Of a round that is what its questions cost: what regenerates meanwhile is part of their
        entries, but is no price.
        """
        if self.played is not None:
            return -sum(one.amount for one in self.entries if one.asset.lower() == asset)
        return int(getattr(self.newest, asset))


def lines(entries: Sequence[LedgerEntry], rounds: Mapping[str, Round]) -> list[Line]:
    """Return a line for each entry, but one for questions of a round that follow each other. Pure.

    `rounds` are by the idempotency key of the charge. Only what is taken for questions is put
    together: what comes back, and all else, has a line of its own.
    """
    found: list[Line] = []
    for entry in entries:
        is_question = entry.type == EntryType.QUESTION
        played = rounds.get(entry.idempotency_key) if is_question else None
        if found and played is not None and found[-1].played == played:
            found[-1] = Line(entries=[*found[-1].entries, entry], played=played)
        else:
            found.append(Line(entries=[entry], played=played))
    return found
