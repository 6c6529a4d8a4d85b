"""What makes an account worth a look. Pure; product rules, section 11: fair play.

No database, no clock, no Django: quizarena/game/fair_play.py counts, and what is decided here is
only that staff look at it. Nothing is taken away by a machine alone.
"""

from enum import StrEnum

# On one business day, so many answers that nobody can have read the question for.
FAST_ANSWERS_MIN = 20
# In one week, two accounts: so many questions that both were asked, all answered alike, and so many
# of them wrong. What is right proves nothing.
SAME_QUESTIONS_MIN = 10
SAME_WRONG_MIN = 5
# Where so many players have answered a challenge alike, it is a common mistake, no evidence.
COMMON_FROM = 100
# In one week, so many duels lost against one account, and nothing but that.
LOST_MIN = 5


class FindingKind(StrEnum):
    """What was found."""

    FAST_ANSWERS = "FAST_ANSWERS"
    SAME_ANSWERS = "SAME_ANSWERS"
    ONLY_LOSES_TO = "ONLY_LOSES_TO"


class FindingState(StrEnum):
    """What staff think of it."""

    OPEN = "OPEN"
    DISMISSED = "DISMISSED"
    CONFIRMED = "CONFIRMED"


# Every arrow of a finding. What is not here cannot happen.
FINDING_MOVES = (
    (FindingState.OPEN, FindingState.DISMISSED),
    (FindingState.OPEN, FindingState.CONFIRMED),
)


def answers_too_fast(*, fast: int) -> bool:
    """Return whether so many fast answers on one day are worth a look."""
    return fast >= FAST_ANSWERS_MIN


def answers_alike(*, questions: int, wrong: int, differing: int) -> bool:
    """Return whether two accounts answer so much alike that it is worth a look.

    Of the challenges and duels of a week that both have finished: all their questions, those that
    both have got wrong with the same option, and how many challenges and duels differ anywhere.
    """
    return differing == 0 and questions >= SAME_QUESTIONS_MIN and wrong >= SAME_WRONG_MIN


def only_loses(*, lost: int, duels: int, won: int) -> bool:
    """Return whether an account that loses against another one is worth a look.

    Of the duels of a week: those lost against the other and all against it, and those won against
    anybody.
    """
    return lost >= LOST_MIN and lost == duels and won == 0
