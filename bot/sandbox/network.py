"""The bad network between Telegram and the bot, as ordered in the panel or by a test."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.errors import ImpossibleError, OrderedError, TooManyRequestsError

Json = dict[str, Any]

LONGEST_DELAY_MS = 60_000
# How long an update that is to be overtaken waits for the others, in seconds.
OVERTAKEN_AFTER_S = (0.2, 1.0)
# What can go wrong with a payment, beside what goes wrong with every update and call.
PAYMENT_FAULTS = frozenset(
    {
        "pre_checkout_lost",  # The bot is never asked.
        "payment_early",  # successful_payment is there before the bot is asked.
        "payment_delayed",  # successful_payment comes payment_delay_s late.
        "payment_doubled",  # successful_payment comes in two updates.
        "payment_lost",  # successful_payment never comes.
    }
)


@dataclass(kw_only=True)
class Fault:
    """What happens to the next `count` calls of the given methods, or of any."""

    count: int = 0
    methods: frozenset[str] = frozenset()

    def strikes(self, method: str) -> bool:
        """Say whether it is this call's turn, and count it."""
        if self.count <= 0 or (self.methods and method.lower() not in self.methods):
            return False
        self.count -= 1
        return True


@dataclass(kw_only=True)
class Counters:
    """What has happened on the network so far."""

    delivered: int = 0
    retried: int = 0
    duplicated: int = 0
    reordered: int = 0
    dropped: int = 0
    calls: int = 0
    refused: int = 0
    answers_lost: int = 0


@dataclass(kw_only=True)
class Network:
    """How updates travel to the bot, and how its calls fare."""

    duplicate: float = 0.0
    reorder: float = 0.0
    drop: float = 0.0
    delay_ms: tuple[int, int] = (0, 0)
    too_many: Fault = field(default_factory=Fault)
    retry_after: int = 1
    fail: Fault = field(default_factory=Fault)
    fail_status: int = 500
    fail_description: str = "Internal Server Error"
    lose_answer: Fault = field(default_factory=Fault)
    payment_faults: dict[str, Fault] = field(default_factory=dict)
    payment_delay_s: float = 5.0
    # Telegram's own patience.
    pre_checkout_timeout_s: float = 10.0
    counters: Counters = field(default_factory=Counters)

    def duplicates(self) -> bool:
        """Decide whether this update is delivered twice."""
        return self._happens(self.duplicate)

    def drops(self) -> bool:
        """Decide whether the first attempt to deliver this update is lost."""
        return self._happens(self.drop)

    def reorders(self) -> bool:
        """Decide whether later updates overtake this one."""
        return self._happens(self.reorder)

    def delay_s(self) -> float:
        """Return how long this update travels."""
        low, high = self.delay_ms
        return random.uniform(low, high) / 1000 if high else 0.0

    def overtaken_s(self) -> float:
        """Return how long an update waits to be overtaken."""
        return random.uniform(*OVERTAKEN_AFTER_S)

    def admit(self, method: str) -> None:
        """Let a call through, or raise the refusal that was ordered for it."""
        if self.too_many.strikes(method):
            raise TooManyRequestsError(retry_after=self.retry_after)
        if self.fail.strikes(method):
            raise OrderedError(status=self.fail_status, description=self.fail_description)

    def loses_answer(self, method: str) -> bool:
        """Decide whether the bot gets no answer to its call."""
        return self.lose_answer.strikes(method)

    def payment_faults_due(self) -> frozenset[str]:
        """Return what goes wrong with this payment, and count it."""
        return frozenset(name for name, fault in self.payment_faults.items() if fault.strikes(""))

    def change(self, wanted: Json) -> None:
        """Take over the settings that are given, or raise ImpossibleError and take over none."""
        try:
            changes = _read(wanted)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ImpossibleError(f"Not a network setting: {error}") from None
        for name, value in changes.items():
            setattr(self, name, value)

    def settings(self) -> Json:
        """Return the settings as `change` takes them."""
        return {
            "duplicate": self.duplicate,
            "reorder": self.reorder,
            "drop": self.drop,
            "delay_ms": list(self.delay_ms),
            "too_many": {**_fault_json(self.too_many), "retry_after": self.retry_after},
            "fail": {
                **_fault_json(self.fail),
                "status": self.fail_status,
                "description": self.fail_description,
            },
            "lose_answer": _fault_json(self.lose_answer),
            "payment_faults": {
                name: {"count": fault.count} for name, fault in self.payment_faults.items()
            },
            "payment_delay_s": self.payment_delay_s,
            "pre_checkout_timeout_s": self.pre_checkout_timeout_s,
        }

    def _happens(self, probability: float) -> bool:
        return probability > 0 and random.random() < probability


def _read(wanted: Json) -> Json:
    changes: Json = {}
    for name, value in wanted.items():
        match name:
            case "duplicate" | "reorder" | "drop":
                changes[name] = min(max(float(value), 0.0), 1.0)
            case "delay_ms":
                low, high = (min(max(int(bound), 0), LONGEST_DELAY_MS) for bound in value)
                changes[name] = (min(low, high), max(low, high))
            case "too_many":
                changes[name] = _fault(value)
                changes["retry_after"] = max(int(value.get("retry_after", 1)), 1)
            case "fail":
                changes[name] = _fault(value)
                changes["fail_status"] = int(value.get("status", 500))
                changes["fail_description"] = str(value.get("description", "Internal Server Error"))
            case "lose_answer":
                changes[name] = _fault(value)
            case "payment_faults":
                changes[name] = {it: _fault(value[it]) for it in sorted(read_payment_faults(value))}
            case "payment_delay_s" | "pre_checkout_timeout_s":
                changes[name] = min(max(float(value), 0.0), 60.0)
            case _:
                raise KeyError(name)
    return changes


def read_payment_faults(wanted: Iterable[str]) -> frozenset[str]:
    """Return the names that are given. Raise ImpossibleError when one is no fault of a payment."""
    names = frozenset(wanted)
    if unknown := names - PAYMENT_FAULTS:
        raise ImpossibleError(f"No fault of a payment: {', '.join(sorted(unknown))}.")
    return names


def _fault(wanted: Json) -> Fault:
    methods = frozenset(str(method).lower() for method in wanted.get("methods") or ())
    return Fault(count=max(int(wanted["count"]), 0), methods=methods)


def _fault_json(fault: Fault) -> Json:
    return {"count": fault.count, "methods": sorted(fault.methods)}
