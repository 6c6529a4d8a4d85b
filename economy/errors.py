"""What the economy refuses. Nothing has been changed."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from economy.models import LedgerEntry


class EconomyError(Exception):
    """The economy cannot do this. Nothing has been changed."""


class NotEnoughError(EconomyError):
    """The player owns less than the move would take."""

    def __init__(self, *, asset: str, owned: int, needed: int) -> None:
        super().__init__(f"needs {needed} {asset}, owns {owned}")
        self.asset = asset
        self.owned = owned
        self.needed = needed


class NoEnergyError(EconomyError):
    """No energy is left; the next free point comes at `next_point_at`, all of it by `full_at`."""

    def __init__(self, *, next_point_at: datetime, full_at: datetime) -> None:
        super().__init__(f"no energy before {next_point_at}")
        self.next_point_at = next_point_at
        self.full_at = full_at


class KeyReusedError(EconomyError):
    """The idempotency key belongs to another request of the same player."""

    def __init__(self, entry: "LedgerEntry") -> None:
        super().__init__(f"{entry.idempotency_key} has been used for {entry}")
        self.entry = entry


class InvalidEntryError(EconomyError, ValueError):
    """The move makes no sense: an amount of nothing, a naive instant, a reason that is missing."""


class OverCapError(EconomyError):
    """Free energy has a cap, and the move would take it over."""

    def __init__(self, *, owned: int, cap: int) -> None:
        super().__init__(f"owns {owned} of at most {cap} free energy")
        self.owned = owned
        self.cap = cap


class DailyLimitError(EconomyError):
    """The member of staff would move more on this day than the role allows."""

    def __init__(self, *, asked: int, left: int, limit: int, unit: str) -> None:
        super().__init__(f"{asked:,} {unit} asked for, {left:,} of {limit:,} left today")
        self.asked = asked
        self.left = left
        self.limit = limit
        self.unit = unit
