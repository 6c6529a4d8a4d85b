"""What a tournament is, how long its rounds are, and who has won one. Pure; section 11.

No database, no clock, no Django: quizarena/game/tournaments.py applies what stands here, and so do
the triggers of quizarena/game/models/. Pairs and standings are in swiss.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar

from quizarena.game import duel_rules, swiss

# A cup's registration, by the business clock; its first round begins when registration closes.
REGISTRATION_OPENS, REGISTRATION_CLOSES = time(16), time(18)
# How long a private tournament waits to be started.
LOBBY_TTL = timedelta(hours=24)
# A player of a private tournament is reminded so long before a round ends.
REMIND_BEFORE = timedelta(hours=6)
# From so many players on a cup has a fourth round.
FOUR_ROUNDS_FROM = 21
# Up to so many players of a private tournament meet all others.
ALL_MEET_UP_TO = 4
# So many cups one after the other are a badge.
CUPS_IN_A_ROW = 5


class TournamentKind(StrEnum):
    """Of which kind a tournament is."""

    CUP = "CUP"
    PRIVATE = "PRIVATE"


class TournamentState(StrEnum):
    """Where a tournament stands."""

    OPEN = "OPEN"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    CALLED_OFF = "CALLED_OFF"


# Every arrow of a tournament's life. What is not here cannot happen.
TOURNAMENT_MOVES = (
    (TournamentState.OPEN, TournamentState.RUNNING),
    (TournamentState.OPEN, TournamentState.CALLED_OFF),
    (TournamentState.RUNNING, TournamentState.FINISHED),
    (TournamentState.RUNNING, TournamentState.CALLED_OFF),
)
LIVE = (TournamentState.OPEN, TournamentState.RUNNING)


class CallOff(StrEnum):
    """Why a tournament was called off."""

    TOO_FEW = "TOO_FEW"
    NOT_STARTED = "NOT_STARTED"
    CREATOR = "CREATOR"
    NO_QUESTIONS = "NO_QUESTIONS"
    STAFF = "STAFF"


class Outcome(StrEnum):
    """How a round has gone for a player."""

    WIN = "WIN"
    DRAW = "DRAW"
    LOSS = "LOSS"
    BYE = "BYE"


POINTS: Mapping[Outcome, int] = {
    Outcome.WIN: swiss.WIN,
    Outcome.DRAW: swiss.DRAW,
    Outcome.LOSS: 0,
    Outcome.BYE: swiss.WIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What differs between the kinds: players, questions of a round, and its time.

    `follows_the_clock`: a round that begins early has time until it would have ended.
    """

    players_min: int
    players_max: int
    lengths: Sequence[int]
    round_time: timedelta
    follows_the_clock: bool
    with_buchholz: bool


FORMATS: Mapping[TournamentKind, Format] = {
    TournamentKind.CUP: Format(
        players_min=4,
        players_max=100,
        lengths=(7,),
        round_time=timedelta(minutes=30),
        follows_the_clock=True,
        with_buchholz=True,
    ),
    TournamentKind.PRIVATE: Format(
        players_min=2,
        players_max=8,
        lengths=(5, 12),
        round_time=timedelta(hours=24),
        follows_the_clock=False,
        with_buchholz=False,
    ),
}


def rounds_for(kind: TournamentKind, *, players: int) -> int:
    """Return how many rounds so many players play.

    Never more than there are new pairs for, whatever the earlier rounds were: of an even number n,
    or an odd one and the bye, each still has at least n / 2 others to meet in the last round, or
    all rounds of four are exactly those in which everybody meets everybody.
    """
    if kind is TournamentKind.CUP:
        return 4 if players >= FOUR_ROUNDS_FROM else 3
    # Of an odd number each has a bye once.
    return players - 1 + players % 2 if players <= ALL_MEET_UP_TO else 3


def deadline(
    kind: TournamentKind, *, starts_at: datetime, number: int, begins_at: datetime
) -> datetime:
    """Return when a round ends at the latest.

    It has its full time, whenever it begins; and one of a cup that begins early ends no earlier
    than it would have by the clock, so whoever comes at that time can play.
    """
    form = FORMATS[kind]
    full = begins_at + form.round_time
    return max(full, starts_at + number * form.round_time) if form.follows_the_clock else full


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How many questions of a round one of the two has answered, and how many of them right."""

    answered: int
    correct: int


def outcome(own: Side, other: Side | None) -> Outcome:
    """Return how a round has gone for a player; without `other` the player had a bye.

    More right answers win. Who has answered nothing has lost, even against somebody who has not
    come either.
    """
    if other is None:
        return Outcome.BYE
    if own.answered == 0:
        return Outcome.LOSS
    if other.answered == 0 or own.correct > other.correct:
        return Outcome.WIN
    return Outcome.DRAW if own.correct == other.correct else Outcome.LOSS


Question = TypeVar("Question")


def choose(
    candidates: Sequence[Question], *, wanted: Sequence[str], level_of: Callable[[Question], str]
) -> list[Question]:
    """Return a question for each wanted level, as many as there are; the first candidates first.

    Only when every level has taken its own is what is missing taken from the nearest.
    """
    pool = list(candidates)
    chosen: dict[int, Question] = {}
    levels = sorted({level_of(one) for one in pool} | set(wanted))
    for depth in (1, len(levels)):
        for number, level in enumerate(wanted):
            near = duel_rules.nearest(level, levels=levels)[:depth]
            found = [one for one in pool if level_of(one) in near]
            if number in chosen or not found:
                continue
            one = min(found, key=lambda candidate: near.index(level_of(candidate)))
            pool.remove(one)
            chosen[number] = one
    return [chosen[number] for number in sorted(chosen)]
