"""Why a player cannot use a code. Pure: facts in, reasons out.

Used by the redemption itself and by "test as a player", so that both say the same. What only the
redemption can see it adds itself: nothing to buy, a race that was lost, the tries of a day.
Product rules, section 8.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from promos.errors import Refusal

# So many failures within a day block further input for an hour.
FAILURES_MAX = 5
# What one player may try on a day of Berlin; what is above is not even written down.
TRIES_A_DAY_MAX = 50
FAILURES_WITHIN = timedelta(hours=24)
BLOCK_FOR = timedelta(minutes=60)
# An expired reservation can be taken again once.
ATTEMPT_NUMBER_MAX = 2


class Reason(StrEnum):
    """What exactly stands against it; staff see this, players the refusal that it means."""

    BLOCKED = "BLOCKED"
    SUSPENDED = "SUSPENDED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"
    REVOKED = "REVOKED"
    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    EXPIRED = "EXPIRED"
    DEPLETED = "DEPLETED"
    ALL_HELD = "ALL_HELD"
    PAUSED = "PAUSED"
    USED_BY_PLAYER = "USED_BY_PLAYER"
    USED_BY_OTHER = "USED_BY_OTHER"
    TAKEN_TWICE = "TAKEN_TWICE"
    NOT_NEW = "NOT_NEW"
    HAS_BOUGHT = "HAS_BOUGHT"
    LANGUAGE = "LANGUAGE"
    LEVEL = "LEVEL"
    NOT_LAPSED = "NOT_LAPSED"
    HELD_OUT = "HELD_OUT"
    NOTHING_TO_BUY = "NOTHING_TO_BUY"

    @property
    def refusal(self) -> Refusal:
        """Return the error code that the player gets."""
        return _REFUSALS[self]


# These do not count towards a block: trying during one, and a good code that a campaign withholds
# from some for comparison.
NO_FAILURES = (Reason.BLOCKED, Reason.HELD_OUT)

# Whoever guesses must not learn that a code exists: what has not begun, was revoked or is denied
# looks like an unknown one. Suspended players get the same answer for every code.
_REFUSALS = {
    Reason.BLOCKED: Refusal.RATE_LIMITED,
    Reason.SUSPENDED: Refusal.NOT_APPLICABLE,
    Reason.DENIED: Refusal.INVALID,
    Reason.UNKNOWN: Refusal.INVALID,
    Reason.REVOKED: Refusal.INVALID,
    Reason.NOT_STARTED: Refusal.INVALID,
    Reason.ENDED: Refusal.EXPIRED,
    Reason.EXPIRED: Refusal.EXPIRED,
    Reason.DEPLETED: Refusal.EXPIRED,
    Reason.ALL_HELD: Refusal.EXPIRED,
    Reason.PAUSED: Refusal.PAUSED,
    Reason.USED_BY_PLAYER: Refusal.ALREADY_USED,
    Reason.USED_BY_OTHER: Refusal.ALREADY_USED,
    Reason.TAKEN_TWICE: Refusal.ALREADY_USED,
    Reason.NOT_NEW: Refusal.NOT_APPLICABLE,
    Reason.HAS_BOUGHT: Refusal.NOT_APPLICABLE,
    Reason.LANGUAGE: Refusal.NOT_APPLICABLE,
    Reason.LEVEL: Refusal.NOT_APPLICABLE,
    Reason.NOT_LAPSED: Refusal.NOT_APPLICABLE,
    Reason.HELD_OUT: Refusal.NOT_APPLICABLE,
    Reason.NOTHING_TO_BUY: Refusal.NOT_APPLICABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of a player, or of a made-up one whom staff test with.

    The days are business days with an answered question; None is never.
    """

    language: str
    level: str = ""
    first_active_on: date | None = None
    last_active_on: date | None = None
    has_bought: bool = False
    is_suspended: bool = False
    is_denied: bool = False
    blocked_until: datetime | None = None
    has_used: bool = False
    last_attempt_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is known of a code and its campaign, and whether that holds the person out."""

    status: str
    starts_at: datetime
    ends_at: datetime | None
    uses_max: int | None
    applied: int
    reserved: int
    is_revoked: bool = False
    is_used_by_other: bool = False
    is_held_out: bool = False
    for_new_players: bool = False
    for_first_purchase: bool = False
    for_language: str = ""
    for_level: str = ""
    for_lapsed_days: int | None = None


def reasons(person: Person, terms: Terms | None, *, now: datetime, today: date) -> list[Reason]:
    """Return everything that stands against it, what decides first; nothing: it works.

    `terms` is None for a code that does not exist; `today` is the business day of `now`.
    """
    found = [*_of_the_person(person, now=now)]
    if terms is None:
        return [*found, Reason.UNKNOWN]
    return [
        *found,
        *_of_the_campaign(terms, now=now),
        *_of_the_use(person, terms),
        *of_the_segment(person, terms, today=today),
        # Last: of the others the holdout makes no difference.
        *([Reason.HELD_OUT] if terms.is_held_out else []),
    ]


def _of_the_person(person: Person, *, now: datetime) -> list[Reason]:
    found = []
    if person.blocked_until is not None and now < person.blocked_until:
        found.append(Reason.BLOCKED)
    if person.is_suspended:
        found.append(Reason.SUSPENDED)
    if person.is_denied:
        found.append(Reason.DENIED)
    return found


def _of_the_campaign(terms: Terms, *, now: datetime) -> list[Reason]:
    found = []
    if terms.is_revoked:
        found.append(Reason.REVOKED)
    if terms.status == "DRAFT" or now < terms.starts_at:
        found.append(Reason.NOT_STARTED)
    if terms.status == "ENDED":
        found.append(Reason.ENDED)
    if terms.status == "EXPIRED" or (terms.ends_at is not None and now >= terms.ends_at):
        found.append(Reason.EXPIRED)
    if terms.status == "DEPLETED" or (
        terms.uses_max is not None and terms.applied >= terms.uses_max
    ):
        found.append(Reason.DEPLETED)
    elif terms.uses_max is not None and terms.applied + terms.reserved >= terms.uses_max:
        found.append(Reason.ALL_HELD)
    if terms.status == "PAUSED":
        found.append(Reason.PAUSED)
    return found


def _of_the_use(person: Person, terms: Terms) -> list[Reason]:
    if person.has_used:
        return [Reason.USED_BY_PLAYER]
    if terms.is_used_by_other:
        return [Reason.USED_BY_OTHER]
    return [Reason.TAKEN_TWICE] if person.last_attempt_number >= ATTEMPT_NUMBER_MAX else []


def of_the_segment(person: Person, terms: Terms, *, today: date) -> list[Reason]:
    """Return why the campaign is not for the person: looked at when a code is tried, and again
    when its discount is to be paid."""
    found = []
    first = person.first_active_on
    if terms.for_new_players and first is not None and first < today:
        found.append(Reason.NOT_NEW)
    if terms.for_first_purchase and person.has_bought:
        found.append(Reason.HAS_BOUGHT)
    if terms.for_language and person.language != terms.for_language:
        found.append(Reason.LANGUAGE)
    if terms.for_level and person.level != terms.for_level:
        found.append(Reason.LEVEL)
    if terms.for_lapsed_days is not None and not (
        person.last_active_on is not None
        and (today - person.last_active_on).days >= terms.for_lapsed_days
    ):
        found.append(Reason.NOT_LAPSED)
    return found
