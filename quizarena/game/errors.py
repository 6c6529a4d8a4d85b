"""What the game refuses. Nothing has been changed."""

from datetime import date, datetime

from economy.entitlements import Access
from quizarena.game.models import (
    Duel,
    FairPlayFinding,
    Mode,
    Placement,
    Question,
    QuestionVersion,
    ReviewQuestion,
    RoundQuestion,
    Sprint,
    Tournament,
)
from quizarena.players.models import Player
from quizarena.staff import dates


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


class SampleTakenError(GameError):
    """The player has had the day's sample of a locked mode; the next one is there from `again_at`.

    `locked` says why the mode is locked.
    """

    def __init__(self, locked: LockedModeError, *, again_at: datetime) -> None:
        super().__init__(f"{locked.mode} was tried today")
        self.locked = locked
        self.again_at = again_at


class StaleTapError(GameError):
    """The button's question or round is over, or it is not the player's."""


class AlreadyAnsweredError(GameError):
    """The question has its answer; a second one changes nothing."""

    def __init__(self, round_question: RoundQuestion) -> None:
        super().__init__(f"{round_question} is answered")
        self.round_question = round_question


class ChipGoneError(GameError):
    """The word stands in the sentence already, or was taken back: a second tap changes nothing."""


class NothingDueError(GameError):
    """No card is due; the next one is from `next_due_at` on, if the player has any."""

    def __init__(self, next_due_at: datetime | None) -> None:
        super().__init__("no card is due")
        self.next_due_at = next_due_at


class ReviewAnsweredError(GameError):
    """The question of a review has its answer; a second one changes nothing."""

    def __init__(self, question: ReviewQuestion) -> None:
        super().__init__(f"{question} is answered")
        self.question = question


class TooManyCardsError(GameError):
    """The day has had as many new cards as a day can have."""


class CardStaysError(GameError):
    """The card is that of a mistake, or was asked in a review."""


class QuestionRefundedError(GameError):
    """The question that the round waited for was refunded: `rounds.resume` brings another."""

    def __init__(self, round_question: RoundQuestion) -> None:
        super().__init__(f"{round_question} has been refunded")
        self.round_question = round_question


class SprintAnsweredError(GameError):
    """The question of the sprint has its answer; a second one changes nothing."""


class SprintOverError(GameError):
    """The time of the sprint is over; `sprints.finish` returns its result."""

    def __init__(self, sprint: Sprint) -> None:
        super().__init__(f"{sprint} is over")
        self.sprint = sprint


class TooFewQuestionsError(GameError):
    """The bank has no seven questions that may be asked in the daily challenge of a day."""

    def __init__(self, day: date) -> None:
        super().__init__(
            f"The bank has too few questions for the daily challenge of {dates.day(day)}."
        )
        self.day = day


class DailyOverError(GameError):
    """The challenge was that of a day which is over."""

    def __init__(self, day: date) -> None:
        super().__init__(f"the daily challenge of {dates.day(day)} is over")
        self.day = day


class DailyAnsweredError(GameError):
    """The question of the daily challenge has its answer; a second one changes nothing."""


class DailyQuestionError(GameError):
    """A question of a daily challenge cannot be replaced like that; says why, for staff."""


class NoDuelError(GameError):
    """There is no such duel, or it is none of this player's."""


class DuelGoneError(GameError):
    """The duel cannot be accepted or canceled any more; `duel` says what has become of it."""

    def __init__(self, duel: Duel) -> None:
        super().__init__(f"{duel} has gone")
        self.duel = duel


class OwnDuelError(GameError):
    """Nobody plays against oneself."""

    def __init__(self, duel: Duel) -> None:
        super().__init__(f"{duel} is the player's own")
        self.duel = duel


class DuelTooFarError(GameError):
    """An open duel of a level that is too far from the player's."""


class DuelAbsentError(GameError):
    """The other player is suspended or has blocked the bot."""

    def __init__(self, player: Player) -> None:
        super().__init__(f"{player} is not here")
        self.player = player


class DuelLimitError(GameError):
    """The player has too many live duels, or has created too many on this day."""

    def __init__(self, *, limit: int, is_of_day: bool) -> None:
        super().__init__(f"at most {limit} {'a day' if is_of_day else 'live'} duels")
        self.limit = limit
        self.is_of_day = is_of_day


class OpenDuelError(GameError):
    """The player waits for an opponent already."""

    def __init__(self, duel: Duel) -> None:
        super().__init__(f"{duel} is open")
        self.duel = duel


class TicketNeededError(GameError):
    """The day's free duels are used up, and the player has not agreed to use a ticket.

    `owned` is how many there are; none can be used where there is none.
    """

    def __init__(self, *, owned: int) -> None:
        super().__init__(f"a duel ticket is needed, {owned} owned")
        self.owned = owned


class DuelAnsweredError(GameError):
    """The question of the duel has its answer; a second one changes nothing."""


class DuelOverError(GameError):
    """The duel has ended; `duel` says how."""

    def __init__(self, duel: Duel) -> None:
        super().__init__(f"{duel} is over")
        self.duel = duel


class TooFewDuelQuestionsError(GameError):
    """The bank has too few questions for a duel of this length."""


class PlacementTakenError(GameError):
    """The player has finished a placement today; the next one can be taken tomorrow."""

    def __init__(self, placement: Placement) -> None:
        super().__init__(f"{placement} was taken today")
        self.placement = placement


class PlacementAnsweredError(GameError):
    """The question of the placement has its answer; a second one changes nothing."""


class NoPlacementError(GameError):
    """The bank has too few questions for a placement."""


class FindingDecidedError(GameError):
    """Somebody has dismissed or confirmed the finding already."""

    def __init__(self, finding: FairPlayFinding) -> None:
        super().__init__(f"The finding is {finding.state.lower()} already.")
        self.finding = finding


class AlreadyReportedError(GameError):
    """A report of this player about this version of the question waits for an editor."""

    def __init__(self, version: QuestionVersion) -> None:
        super().__init__(f"{version} is reported already")
        self.version = version


class TooManyReportsError(GameError):
    """The player has reported as many questions today as one can."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"at most {limit} reports a day")
        self.limit = limit


class NothingToDecideError(GameError):
    """The question is neither reported nor withdrawn (any more)."""

    def __init__(self, question: Question) -> None:
        super().__init__("The question is neither reported nor withdrawn any more.")
        self.question = question


class NoTournamentError(GameError):
    """There is no such tournament, or the player does not take part in it."""


class RegistrationClosedError(GameError):
    """Nobody can register, leave or start it (any more); `tournament` says where it stands."""

    def __init__(self, tournament: Tournament | None) -> None:
        super().__init__(f"registration is closed: {tournament}")
        self.tournament = tournament


class TournamentFullError(GameError):
    """As many players take part as can."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"at most {limit} players")
        self.limit = limit


class TooFewPlayersError(GameError):
    """Too few players take part for a start."""

    def __init__(self, *, players: int, needed: int) -> None:
        super().__init__(f"{players} of {needed} players")
        self.players = players
        self.needed = needed


class TournamentOverError(GameError):
    """The tournament has ended already; `tournament` says how."""

    def __init__(self, tournament: Tournament) -> None:
        super().__init__(f"{tournament} is over")
        self.tournament = tournament


class RoundAnsweredError(GameError):
    """The question of the round has its answer; a second one changes nothing."""


class RoundOverError(GameError):
    """The round of the tournament has ended."""

    def __init__(self, tournament_id: int) -> None:
        super().__init__(f"a round of tournament {tournament_id} is over")
        self.tournament_id = tournament_id


class TooFewTournamentQuestionsError(GameError):
    """The bank has too few questions for a round of this length."""
