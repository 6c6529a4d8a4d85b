"""What the game refuses. Nothing has been changed."""

from datetime import date

from economy.entitlements import Access
from quizarena.game.models import Mode, Placement, RoundQuestion


class GameError(Exception):
    """The game cannot do this. Nothing has been changed."""


class NoQuestionsError(GameError):
    """There is nothing to ask in this mode."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(f"no enabled question in {mode}")
        self.mode = mode


class LockedModeError(GameError):
    """The mode needs Premium or a grant that the player does not have; `access` says why."""

    def __init__(self, mode: Mode, access: Access) -> None:
        super().__init__(f"{mode} is locked")
        self.mode = mode
        self.access = access


class StaleTapError(GameError):
    """The button's question or round is over, or it is not the player's."""


class AlreadyAnsweredError(GameError):
    """The question has its answer; a second one changes nothing."""

    def __init__(self, round_question: RoundQuestion) -> None:
        super().__init__(f"{round_question} is answered")
        self.round_question = round_question


class QuestionRefundedError(GameError):
    """The question that the round waited for was refunded: `rounds.resume` brings another."""

    def __init__(self, round_question: RoundQuestion) -> None:
        super().__init__(f"{round_question} has been refunded")
        self.round_question = round_question


class TooFewQuestionsError(GameError):
    """The bank has no seven questions that may be asked in the daily challenge of a day."""

    def __init__(self, day: date) -> None:
        super().__init__(f"The bank has too few questions for the daily challenge of {day}.")
        self.day = day


class DailyOverError(GameError):
    """The challenge was that of a day which is over."""

    def __init__(self, day: date) -> None:
        super().__init__(f"the daily challenge of {day} is over")
        self.day = day


class DailyAnsweredError(GameError):
    """The question of the daily challenge has its answer; a second one changes nothing."""


class DailyQuestionError(GameError):
    """A question of a daily challenge cannot be replaced like that; says why, for staff."""


class PlacementTakenError(GameError):
    """The player has finished a placement today; the next one can be taken tomorrow."""

    def __init__(self, placement: Placement) -> None:
        super().__init__(f"{placement} was taken today")
        self.placement = placement


class PlacementAnsweredError(GameError):
    """The question of the placement has its answer; a second one changes nothing."""


class NoPlacementError(GameError):
    """The bank has too few questions for a placement."""
