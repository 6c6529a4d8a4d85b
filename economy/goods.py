"""What can be handed to a player, whoever gives it: product, promo, referral, prize or staff.

Pure: no database, no clock, no Django. economy/grants.py delivers it and takes it back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from economy.errors import InvalidEntryError

# More than this at once is a mistake, not a gift.
UNITS_MAX = 100_000
DAYS_MAX = 3_660
MODE_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,31}")


# What uses each thing that can be delivered, by the module that does: nothing is sold that nothing
# in the product can use (product rules, section 4).
USED_BY: Mapping[str, str] = {
    "paid_energy": "economy.wallets",
    "streak_savers": "economy.streaks",
    "duel_tickets": "economy.tickets",
    "premium": "economy.entitlements",
    "mode_codes": "economy.entitlements",
}


class Plan(StrEnum):
    """A Premium plan, from the lowest rank to the highest."""

    STARTER = "STARTER"
    MONTH = "MONTH"
    SEASON = "SEASON"
    YEAR = "YEAR"

    @property
    def rank(self) -> int:
        """Return 1 for the lowest plan to 4 for the highest."""
        return list(Plan).index(self) + 1

    @property
    def freezes_per_week(self) -> int | None:
        """Return how many missed days of a week the plan freezes by itself; None is all of them."""
        return _FREEZES_PER_WEEK[self]


_FREEZES_PER_WEEK = {Plan.STARTER: 0, Plan.MONTH: 1, Plan.SEASON: None, Plan.YEAR: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """A delivery: units for the wallet, days of a Premium plan, hours of game modes.

    A day is 86,400 s. Raises InvalidEntryError for a delivery of nothing, for half of a pair, and
    for what is out of bounds.
    """

    paid_energy: int = 0
    streak_savers: int = 0
    duel_tickets: int = 0
    premium: Plan | None = None
    premium_days: int = 0
    mode_codes: tuple[str, ...] = ()
    mode_hours: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name, units in self.units.items():
            if not 0 <= units <= UNITS_MAX:
                raise InvalidEntryError(f"{name} is 0 to {UNITS_MAX:,}, not {units:,}.")
        if not 0 <= self.premium_days <= DAYS_MAX:
            raise InvalidEntryError(
                f"premium_days is 0 to {DAYS_MAX:,}, not {self.premium_days:,}."
            )
        if not 0 <= self.mode_hours <= DAYS_MAX * 24:
            raise InvalidEntryError(
                f"mode_hours is 0 to {DAYS_MAX * 24:,}, not {self.mode_hours:,}."
            )
        if (self.premium is None) != (self.premium_days == 0):
            raise InvalidEntryError("Premium needs both a plan and a number of days.")
        if (not self.mode_codes) != (self.mode_hours == 0):
            raise InvalidEntryError("Mode access needs both modes and a number of hours.")
        if len(set(self.mode_codes)) != len(self.mode_codes):
            raise InvalidEntryError("Name each mode only once.")
        for code in self.mode_codes:
            if not MODE_CODE.fullmatch(code):
                raise InvalidEntryError(f"{code!r} is not a valid mode code.")
        if not (any(self.units.values()) or self.premium or self.mode_codes):
            raise InvalidEntryError("A grant must contain at least one item.")

    @property
    def units(self) -> dict[str, int]:
        """Return what goes into the wallet, by the wallet's names."""
        return {
            "paid_energy": self.paid_energy,
            "streak_savers": self.streak_savers,
            "duel_tickets": self.duel_tickets,
        }

    @property
    def premium_time(self) -> timedelta:
        """Return how long the Premium lasts."""
        return timedelta(days=self.premium_days)

    @property
    def mode_time(self) -> timedelta:
        """Return how long each mode is open."""
        return timedelta(hours=self.mode_hours)

    def breakdown(self) -> dict[str, Any]:
        """Return the `asset_breakdown` of the ledger (product rules, section 3)."""
        return _non_empty(
            paid_energy=self.paid_energy,
            streak_saver_tokens=self.streak_savers,
            friend_challenge_tickets=self.duel_tickets,
            premium_days=self.premium_days,
            mode_codes=list(self.mode_codes),
        )

    def metadata(self) -> dict[str, Any]:
        """Return all that an entry has to remember of these goods: `from_metadata` undoes it."""
        return _non_empty(
            asset_breakdown=self.breakdown(), premium_plan=self.premium, mode_hours=self.mode_hours
        )

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> "Goods":
        """Return the goods that an entry remembers. Raises InvalidEntryError if there are none."""
        breakdown = metadata.get("asset_breakdown", {})
        plan = metadata.get("premium_plan")
        return cls(
            paid_energy=breakdown.get("paid_energy", 0),
            streak_savers=breakdown.get("streak_saver_tokens", 0),
            duel_tickets=breakdown.get("friend_challenge_tickets", 0),
            premium=Plan(plan) if plan else None,
            premium_days=breakdown.get("premium_days", 0),
            mode_codes=tuple(breakdown.get("mode_codes", ())),
            mode_hours=metadata.get("mode_hours", 0),
        )


def _non_empty(**parts: Any) -> dict[str, Any]:
    """Return those parts that are any."""
    return {name: part for name, part in parts.items() if part}
