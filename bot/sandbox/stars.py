"""The books of Telegram Stars: who has how many, who paid for what, what renews itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

Json = dict[str, Any]

# What somebody has whom the sandbox has just met.
FIRST_BALANCE = 500
# The parts of a Star in which commissions are counted (Bot API nanostar_amount).
NANOS = 1_000_000_000


@dataclass(kw_only=True)
class Payment:
    """Stars that went from a player to the bot, and perhaps back again."""

    charge_id: str
    provider_charge_id: str
    player_id: int
    title: str
    amount: int
    payload: str
    paid_at: int
    # The charge that began the subscription which this payment is for.
    subscription_id: str = ""
    subscription_period_s: int = 0
    refunded_at: int = 0
    # What the affiliate gets through whom the player has come, in thousandths of the amount.
    commission_per_mille: int = 0

    @property
    def commission_nanostars(self) -> int:
        """What the affiliate gets."""
        return self.amount * self.commission_per_mille * NANOS // 1_000

    @property
    def nanostars(self) -> int:
        """What is left for the bot."""
        return self.amount * NANOS - self.commission_nanostars


@dataclass(kw_only=True)
class Subscription:
    """What a player pays again each period; it has the id of its first charge."""

    id: str
    player_id: int
    slug: str
    title: str
    amount: int
    payload: str
    period_s: int
    paid_until: int
    # "player" or "bot", whoever stopped the renewal; empty while it continues.
    canceled_by: str = ""
    # The last renewal found too few Stars.
    has_failed: bool = False


@dataclass(kw_only=True)
class Ledger:
    """All Stars that ever moved. Nothing is looked for by reading through everything."""

    balances: dict[int, int] = field(default_factory=dict)
    bot_nanostars: int = 0
    # Who has come through an affiliate, and for how many thousandths of what they pay.
    affiliates: dict[int, int] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    # In the order in which they happened: whose charge, and whether it was the refund.
    transactions: list[tuple[str, bool]] = field(default_factory=list)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)

    @property
    def bot_balance(self) -> int:
        """The bot's whole Stars."""
        return self.bot_nanostars // NANOS

    def balance(self, player_id: int) -> int:
        """Return how many Stars a player has."""
        return self.balances.get(player_id, FIRST_BALANCE)

    def take(self, payment: Payment) -> None:
        """Move the Stars of `payment` from the player to the bot."""
        self.balances[payment.player_id] = self.balance(payment.player_id) - payment.amount
        self.bot_nanostars += payment.nanostars
        self.payments[payment.charge_id] = payment
        self.transactions.append((payment.charge_id, False))

    def give_back(self, payment: Payment, *, at: int) -> None:
        """Move the Stars of `payment` back to the player."""
        payment.refunded_at = at
        self.bot_nanostars -= payment.nanostars
        self.balances[payment.player_id] = self.balance(payment.player_id) + payment.amount
        self.transactions.append((payment.charge_id, True))

    def page(self, *, offset: int, limit: int) -> Iterator[tuple[Payment, bool]]:
        """Yield transactions, oldest first: a payment, and whether this was its refund."""
        for charge_id, is_refund in self.transactions[offset : offset + limit]:
            yield self.payments[charge_id], is_refund

    def payments_of(self, player_id: int, *, limit: int) -> list[Payment]:
        """Return the newest payments of a player, newest first."""
        theirs = (it for it in reversed(self.payments.values()) if it.player_id == player_id)
        return list(islice(theirs, limit))

    def subscriptions_of(self, player_id: int) -> list[Subscription]:
        """Return what a player is subscribed to, oldest first."""
        return [it for it in self.subscriptions.values() if it.player_id == player_id]

    @classmethod
    def from_json(cls, saved: Json) -> Self:
        """Return the books as they were saved."""
        return cls(
            balances={int(key): balance for key, balance in saved["balances"].items()},
            # What was saved before there were commissions has whole Stars.
            bot_nanostars=saved.get("bot_nanostars", saved.get("bot_balance", 0) * NANOS),
            affiliates={int(key): value for key, value in saved.get("affiliates", {}).items()},
            payments={key: Payment(**value) for key, value in saved["payments"].items()},
            transactions=[(charge_id, is_refund) for charge_id, is_refund in saved["transactions"]],
            subscriptions={
                key: Subscription(**value) for key, value in saved["subscriptions"].items()
            },
        )
