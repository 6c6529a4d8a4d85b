"""When an invitation counts, what it brings, and what looks like fraud. Product rules, section 9.

Pure: no database, no clock, no Django. promos/referrals.py keeps what this decides.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

# Somebody who was invited counts after so many answers on so many days, soon enough.
ANSWERS_MIN = 20
DAYS_MIN = 2
WINDOW = timedelta(days=14)
# So many of them are one reward, which can be chosen so long after the last of them counted.
PER_REWARD = 3
CLAIMABLE_AFTER = timedelta(hours=48)
CLAIMS_PER_MONTH = 2
# Accounts that invite each other within this time do it for the reward.
PAIR_WITHIN = timedelta(days=30)
# Rings are looked for up to so many accounts; two of them are a reverse pair.
RING_MAX = 8
# Of one inviter so many start on a day without anybody having a look.
STARTS_PER_DAY = 10
# Nobody reads a question, its options and decides in less.
FAST = timedelta(milliseconds=1500)


def closes_at(started_at: datetime) -> datetime:
    """Return from when on answers do not count any more."""
    return started_at + WINDOW


def is_qualified(*, answers: int, days: int) -> bool:
    """Return whether somebody who has answered so much, on so many days of the window, counts."""
    return answers >= ANSWERS_MIN and days >= DAYS_MIN


def month_of(now: datetime, *, zone: tzinfo) -> date:
    """Return the first day of the business month of an instant."""
    return now.astimezone(zone).date().replace(day=1)


def next_month(now: datetime, *, zone: tzinfo) -> datetime:
    """Return when the business month after that of an instant begins."""
    first = (month_of(now, zone=zone) + timedelta(days=31)).replace(day=1)
    return datetime.combine(first, time(), tzinfo=zone)


# --- Fraud ----------------------------------------------------------------------------------------


class Suspicion(StrEnum):
    """What speaks against an invitation."""

    SELF = "SELF"
    REVERSE_PAIR = "REVERSE_PAIR"
    RING = "RING"
    VELOCITY = "VELOCITY"
    FAST_ANSWERS = "FAST_ANSWERS"
    CONFIRMED_BEFORE = "CONFIRMED_BEFORE"


# From this score on, of 100, an invitation waits for staff instead of counting.
HELD_FROM = 50
_POINTS = {
    Suspicion.SELF: 100,
    Suspicion.REVERSE_PAIR: 100,
    Suspicion.RING: 70,
    Suspicion.VELOCITY: 50,
    Suspicion.CONFIRMED_BEFORE: 30,
}
# A few quick taps happen to everybody; from this share of the answers on they count, each
# percentage point of the share as one of the score.
FAST_SHARE_MIN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of an invitation when it is judged.

    `ring` is how many accounts invite each other in a circle with this one (0: there is none);
    `starts` how many the inviter had on the day, up to this one; `confirmed` how many of the
    inviter's others staff have called fraud.
    """

    is_self: bool = False
    ring: int = 0
    starts: int = 0
    answers: int = 0
    fast_answers: int = 0
    confirmed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a score, with its points and a sentence for staff."""

    suspicion: Suspicion
    points: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A score of 0 to 100 with its reasons, the heaviest first."""

    score: int
    reasons: Sequence[Reason]

    @property
    def is_refused(self) -> bool:
        """Return whether it is fraud beyond doubt: oneself, or each other."""
        certain = (Suspicion.SELF, Suspicion.REVERSE_PAIR)
        return any(reason.suspicion in certain for reason in self.reasons)

    def is_held(self, *, cleared: Collection[str] = ()) -> bool:
        """Return whether staff have to look before it counts.

        Not again for the suspicions that they have `cleared`, unless there is a new one.
        """
        return self.score >= HELD_FROM and any(
            reason.suspicion not in cleared for reason in self.reasons
        )


def assess(evidence: Evidence) -> Assessment:
    """Return how much speaks against an invitation; the points of all reasons, 100 at most."""
    found: list[Reason] = []

    def add(suspicion: Suspicion, detail: str, points: int | None = None) -> None:
        points = _POINTS[suspicion] if points is None else points
        found.append(Reason(suspicion=suspicion, points=points, detail=detail))

    if evidence.is_self:
        add(Suspicion.SELF, "The link is the player's own.")
    if evidence.ring == 2:
        add(Suspicion.REVERSE_PAIR, "The two have invited each other within 30 days.")
    elif evidence.ring > 2:
        add(Suspicion.RING, f"{evidence.ring} accounts invite each other in a circle.")
    if evidence.starts > STARTS_PER_DAY:
        add(Suspicion.VELOCITY, f"It was the inviter's start number {evidence.starts} of that day.")
    share = evidence.fast_answers / evidence.answers if evidence.answers else 0
    if share >= FAST_SHARE_MIN:
        detail = f"{evidence.fast_answers} of {evidence.answers} answers came in under 1.5 s."
        add(Suspicion.FAST_ANSWERS, detail, round(100 * share))
    if evidence.confirmed:
        detail = f"{evidence.confirmed} of the inviter's other invitations were fraud."
        add(Suspicion.CONFIRMED_BEFORE, detail)
    found.sort(key=lambda reason: -reason.points)
    return Assessment(score=min(100, sum(reason.points for reason in found)), reasons=found)
