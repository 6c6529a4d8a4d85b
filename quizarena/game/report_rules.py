"""What reports and answers say about a question: pure rules. Product rules, section 15."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

# A question with so many open reports, each of another player, leaves play.
REPORTS_MAX = 3
# So many reports a player can make on a business day.
REPORTS_PER_DAY = 10
# Nothing is said of a question before so many players of its level have answered.
ANSWERS_MIN = 30
# Whoever is right more seldom than this falls a level (levels.FALL_PERCENT); a question of the
# level should be easier than that, and not so easy that almost everybody knows it.
HARD_PERCENT = 45
EASY_PERCENT = 90
# The list of troubles has questions with a share of right answers below this.
TROUBLE_PERCENT = 40
# Answers are counted by the seconds that they took; the last number is of all that took longer.
SECONDS_MAX = 60
# The normal quantile of a 95 % interval.
_Z = 1.96


class ReportReason(StrEnum):
    """What a player thinks is wrong with a question."""

    WRONG = "WRONG"
    UNCLEAR = "UNCLEAR"
    TWO_RIGHT = "TWO_RIGHT"
    TYPO = "TYPO"


class Withdrawal(StrEnum):
    """Why a question was withdrawn without an editor."""

    REPORTS = "REPORTS"
    DISTRACTOR = "DISTRACTOR"


class Verdict(StrEnum):
    """What an editor decides about a question that was reported or withdrawn."""

    RESTORED = "RESTORED"
    KEPT_OUT = "KEPT_OUT"


class Difficulty(StrEnum):
    """How hard a question is for players of its level."""

    UNKNOWN = "too few answers"
    HARDER = "harder than its level"
    FITTING = "as its level"
    EASIER = "easier than its level"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Between which shares the true one lies, in 95 of 100 cases."""

    low: float
    high: float


def wilson(right: int, answers: int) -> Interval:
    """Return the Wilson score interval of a share; everything is possible without answers."""
    if answers <= 0:
        return Interval(low=0.0, high=1.0)
    share = right / answers
    middle = share + _Z**2 / (2 * answers)
    reach = _Z * sqrt(share * (1 - share) / answers + _Z**2 / (4 * answers**2))
    whole = 1 + _Z**2 / answers
    return Interval(low=max(0.0, (middle - reach) / whole), high=min(1.0, (middle + reach) / whole))


def difficulty(right: int, answers: int) -> Difficulty:
    """Return how hard a question is, only if its answers leave no doubt about it."""
    if answers < ANSWERS_MIN:
        return Difficulty.UNKNOWN
    interval = wilson(right, answers)
    if interval.high * 100 < HARD_PERCENT:
        return Difficulty.HARDER
    if interval.low * 100 > EASY_PERCENT:
        return Difficulty.EASIER
    return Difficulty.FITTING


def misleads(chosen: Sequence[int], *, correct: int) -> bool:
    """Return whether enough players have answered, and a wrong option is chosen most often.

    `chosen` is how often each option was, in the order of the bank.
    """
    if sum(chosen) < ANSWERS_MIN:
        return False
    key = chosen[correct] if correct < len(chosen) else 0
    return any(count > key for option, count in enumerate(chosen) if option != correct)


def median_seconds(counts: Sequence[int]) -> int | None:
    """Return the second within which half of the answers came; None without any.

    `counts[n]` is how many took n whole seconds.
    """
    half, seen = (sum(counts) + 1) // 2, 0
    if not half:
        return None
    for seconds, count in enumerate(counts):
        seen += count
        if seen >= half:
            return seconds
    return None
