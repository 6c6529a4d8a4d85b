"""A tournament as one of its players sees and plays it. Product rules, section 11.

Answers are steps of an update's transaction: every refusal comes before the first write, but for
the step of a tournament that is due.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from economy import streaks
from economy.streaks import StreakChange
from quizarena import prepared
from quizarena.game import points, reviews, tournament_standings, tournaments
from quizarena.game.errors import (
    NoTournamentError,
    RoundAnsweredError,
    RoundOverError,
    StaleTapError,
)
from quizarena.game.models import (
    Badge,
    Pairing,
    Tournament,
    TournamentAnswer,
    TournamentPlayer,
    TournamentQuestion,
    TournamentRound,
)
from quizarena.game.swiss import Standing
from quizarena.game.tournament_rules import LIVE, TournamentState
from quizarena.players.models import Player

# The last answers of so many are given one after the other, so that one of them ends the round. If
# more were under way at once than this, the job would do it some seconds later.
LAST_FEW = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Where a tournament stands, for everybody: the players in their order, and who is done.

    `players` has the rows of those who were asked for, by id. `current` is the round that is open.
    """

    tournament: Tournament
    standings: Sequence[Standing]
    players: Mapping[int, Player]
    current: TournamentRound | None
    finished_current: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A tournament as one player sees it.

    `pairing` is the player's one of the round that is open, `next` the question that waits, where
    it was asked for; `entry` is None for who does not take part.
    """

    tournament: Tournament
    entry: TournamentPlayer | None
    players: int
    current: TournamentRound | None = None
    pairing: Pairing | None = None
    next: TournamentQuestion | None = None

    @property
    def can_play(self) -> bool:
        """Whether there is a question for this player now."""
        return self.pairing is not None and self.pairing.answered < self.tournament.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question of the round, if any."""

    tournament_id: int
    question: TournamentQuestion
    choice: int
    is_correct: bool
    pairing: Pairing
    length: int
    streak: StreakChange
    next: TournamentQuestion | None


# --- Looking --------------------------------------------------------------------------------------


def look(*, player: Player, tournament_id: int, now: datetime) -> View:
    """Return a tournament as the player sees it; a step that is due is taken, which locks it.

    Raises NoTournamentError for an unknown one, and for a private one of others.
    """
    view = see(player=player, tournament_id=tournament_id)
    tournament = view.tournament
    # Or a step was taken while it was read.
    is_between = tournament.state == TournamentState.RUNNING and view.current is None
    if is_between or tournaments.is_due(tournament_id, now=now):
        locked = tournaments.lock(tournament_id)
        assert locked is not None
        tournaments.advance(locked, now=now)
        tournament, view = locked, view_of(locked, player=player)
    if not tournament.is_cup and view.entry is None:
        raise NoTournamentError("the player takes part in no such tournament")
    return view


def see(*, player: Player, tournament_id: int) -> View:
    """Return a tournament as the player sees it at this moment; nothing is locked or written.

    Raises NoTournamentError for an unknown one.
    """
    found = tournaments.find(tournament_id)
    if found is None:
        raise NoTournamentError("there is no such tournament")
    return view_of(found, player=player)


def view_of(tournament: Tournament, *, player: Player) -> View:
    """Return a tournament as the player sees it at this moment; nothing is locked or written."""
    current, pairing = None, None
    if tournament.state == TournamentState.RUNNING:
        pairing = _open_pairing.first(tournament_id=tournament.pk, player_id=player.pk)
        current = pairing.round if pairing else tournaments.open_round(tournament)
    return View(
        tournament=tournament,
        entry=_entry.first(tournament_id=tournament.pk, player_id=player.pk),
        players=_players.first(tournament_id=tournament.pk) or 0,
        current=current,
        pairing=pairing,
    )


@prepared.prepared
def _open_pairing(*, tournament_id: int, player_id: int) -> QuerySet[Pairing]:
    pairings = Pairing.objects.select_related("round", "opponent")
    return pairings.filter(tournament_id=tournament_id, player_id=player_id, round__ended_at=None)


@prepared.prepared
def _entry(*, tournament_id: int, player_id: int) -> QuerySet[TournamentPlayer]:
    return TournamentPlayer.objects.filter(tournament_id=tournament_id, player_id=player_id)


@prepared.prepared
def _players(*, tournament_id: int) -> "QuerySet[TournamentPlayer, int]":
    taking_part = TournamentPlayer.objects.filter(tournament_id=tournament_id)
    counted = taking_part.values("tournament").annotate(players=Count("pk"))
    return counted.values_list("players", flat=True)


def views_of(
    tournament: Tournament, *, players: Collection[Player]
) -> dict[int, tuple[View, list[Pairing]]]:
    """Return a tournament as each of its players sees it, and `past_of` each, by player.

    What `view_of` and `past_of` return, in three queries for all; nothing is locked or written.
    """
    ids = [one.pk for one in players]
    rows = Pairing.objects.select_related("round", "opponent").filter(
        tournament=tournament, player__in=ids
    )
    pairings: dict[int, list[Pairing]] = {}
    for pairing in rows.order_by("round__number"):
        pairings.setdefault(pairing.player_id, []).append(pairing)
    entries = {
        one.player_id: one
        for one in TournamentPlayer.objects.filter(tournament=tournament, player__in=ids)
    }
    count = _players.first(tournament_id=tournament.pk) or 0
    is_running = tournament.state == TournamentState.RUNNING
    found = {}
    for player_id in ids:
        own = pairings.get(player_id, [])
        waiting = [one for one in own if is_running and one.round.ended_at is None]
        view = View(
            tournament=tournament,
            entry=entries.get(player_id),
            players=count,
            current=waiting[0].round if waiting else None,
            pairing=waiting[0] if waiting else None,
        )
        found[player_id] = view, [one for one in own if one.outcome]
    return found


def board_of(
    tournament: Tournament, *, first: int | None = None, also: Collection[int] = ()
) -> Board:
    """Return where a tournament stands; nothing is locked. A row per player and round.

    The first so many of its players are listed, all without a number; `also` are the ids of
    others whose rows are wanted.
    """
    current, finished = None, 0
    if tournament.state == TournamentState.RUNNING:
        # Before the answers: whoever finishes meanwhile is in a later version of the board.
        current = tournaments.open_round(tournament)
    played = tournament_standings.played_in(tournament)
    if current is not None:
        finished = sum(
            one.round_id == current.pk and one.answered >= tournament.length for one in played
        )
    standings = tournament_standings.standings_of(tournament, pairings=played)
    wanted = [one.score.player_id for one in standings[:first]]
    wanted += [one for one in also if one not in wanted]
    rows = {
        one.pk: one
        for one in prepared.instances(
            Player,
            f"SELECT {prepared.columns(Player)} FROM players_player WHERE id = ANY(%(ids)s)",  # noqa: S608
            {"ids": wanted},
        )
    }
    return Board(
        tournament=tournament,
        standings=standings,
        players={one: rows[one] for one in wanted if one in rows},
        current=current,
        finished_current=finished,
    )


def badges_in(tournament: Tournament, *, player: Player) -> list[Badge]:
    """Return the badges that a tournament has brought the player."""
    return list(Badge.objects.filter(tournament=tournament, player=player).order_by("kind"))


def past_of(tournament: Tournament, *, player: Player) -> list[Pairing]:
    """Return whom the player has met so far, and how it went, in the order of the rounds."""
    return _ended.rows(tournament_id=tournament.pk, player_id=player.pk)


@prepared.prepared
def _ended(*, tournament_id: int, player_id: int) -> QuerySet[Pairing]:
    pairings = Pairing.objects.select_related("opponent", "round")
    ended = pairings.filter(tournament_id=tournament_id, player_id=player_id).exclude(outcome="")
    return ended.order_by("round__number")


def play(*, player: Player, tournament_id: int, now: datetime) -> View:
    """Return the tournament with the question that waits for the player, if one does.

    When the first question of a round is shown for the first time is stored. Locks the player's
    pairing, and before it the tournament if a step is due in it. Raises NoTournamentError.
    """
    view = look(player=player, tournament_id=tournament_id, now=now)
    if view.pairing is None or not view.can_play:
        return view
    assert view.current is not None
    pairing = _pairing.get(pairing_id=view.pairing.pk)
    if pairing.outcome:
        # The round has ended meanwhile.
        return look(player=player, tournament_id=tournament_id, now=now)
    if pairing.started_at is None:
        pairing.started_at = max(now, view.current.begins_at)
        prepared.save(pairing, fields=["started_at"])
    view.pairing.started_at, view.pairing.answered = pairing.started_at, pairing.answered
    if pairing.answered >= view.tournament.length:
        return view  # Another device was faster.
    asked, _ = _question_and_next(view.current.pk, pairing.answered + 1)
    return View(
        tournament=view.tournament,
        entry=view.entry,
        players=view.players,
        current=view.current,
        pairing=view.pairing,
        next=asked,
    )


# --- Answering ------------------------------------------------------------------------------------


def answer(
    *, player: Player, pairing_id: int, number: int, option_index: int, now: datetime
) -> Answer:
    """Grade the option at `option_index` of a question, and return what comes next.

    The last answer of all ends the round; any is an active day and may bring points. Locks the
    player's pairing, before it the tournament if the answer may be the last of all. Raises
    RoundAnsweredError for a question that has its answer, RoundOverError when the round's time is
    over, and StaleTapError for a question that is not the player's next.
    """
    tournament, pairing, locked = _lock(
        player=player, pairing_id=pairing_id, number=number, now=now
    )
    if number != pairing.answered + 1 or pairing.started_at is None:
        raise StaleTapError("this question is not the next one")
    asked, following = _question_and_next(pairing.round_id, number)
    if not 0 <= option_index < len(asked.order):
        raise StaleTapError("this option does not exist")
    stored = TournamentAnswer(
        pairing=pairing,
        number=number,
        choice=asked.order[option_index],
        is_correct=asked.is_right(asked.order[option_index]),
        # A question is shown with the answer to the one before.
        shown_at=pairing.last_answer_at or pairing.started_at,
        # Of two devices the one that looked at the clock first may answer last.
        answered_at=max(now, pairing.last_answer_at or pairing.started_at),
    )
    prepared.insert(stored)
    # As the database has counted it.
    pairing.answered, pairing.last_answer_at = number, stored.answered_at
    pairing.correct += stored.is_correct
    if locked is not None and number == tournament.length:
        tournaments.advance(locked, now=now)
    if not stored.is_correct:
        question_id = asked.version.question_row_id
        reviews.add_mistake(player=player, question_id=question_id, now=now)
    streak = streaks.record_activity(player=player, now=now)
    points.answered(
        player=player,
        key=points.tournament_answer_key(pairing_id=pairing.pk, number=number),
        is_correct=stored.is_correct,
        shown_at=stored.shown_at,
        now=stored.answered_at,
    )
    return Answer(
        tournament_id=tournament.pk,
        question=asked,
        choice=stored.choice,
        is_correct=stored.is_correct,
        pairing=pairing,
        length=tournament.length,
        streak=streak,
        next=following,
    )


def _lock(
    *, player: Player, pairing_id: int, number: int, now: datetime
) -> tuple[Tournament, Pairing, Tournament | None]:
    """Lock the player's pairing, in an open round, whose question `number` has no answer yet.

    The third is the tournament once more, locked, if the answer may be the last of all.
    """
    if not 0 < pairing_id <= tournaments.ID_MAX:
        raise StaleTapError("the player has no such round")
    found = _round_of(pairing_id, player)
    tournament, current = found.tournament, found.round
    is_live = tournament.state in LIVE and current.ended_at is None and now < current.deadline
    locked: Tournament | None = None
    if not is_live or (number >= tournament.length and _may_be_the_last(found)):
        # Whoever may end the round takes its lock before that of the pairing.
        locked = tournaments.lock(tournament.pk)
        assert locked is not None
    pairing = None
    if is_live:
        pairing = _pairing.get(pairing_id=pairing_id)
        if 1 <= number <= pairing.answered:
            raise RoundAnsweredError(f"question {number} is answered")
    elif 1 <= number <= found.answered:
        raise RoundAnsweredError(f"question {number} is answered")
    if pairing is None or pairing.outcome:
        if locked is not None:
            tournaments.advance(locked, now=now)
        raise RoundOverError(tournament.pk)
    return tournament, pairing, locked


def _may_be_the_last(pairing: Pairing) -> bool:
    """Return whether so few others are not done that they may all be answering at this moment."""
    found = _unfinished.rows(round_id=pairing.round_id, length=pairing.tournament.length)
    return len(found) <= LAST_FEW


@prepared.prepared
def _unfinished(*, round_id: int, length: int) -> "QuerySet[Pairing, int]":
    unfinished = Pairing.objects.filter(round_id=round_id, answered__lt=length)
    return unfinished.values_list("pk", flat=True)[: LAST_FEW + 1]


def _round_of(pairing_id: int, player: Player) -> Pairing:
    """Return the player's pairing with its round and tournament; nothing is locked."""
    found = _with_round.first(pairing_id=pairing_id)
    if found is None or found.player_id != player.pk:
        raise StaleTapError("the player has no such pairing")
    return found


@prepared.prepared
def _with_round(*, pairing_id: int) -> QuerySet[Pairing]:
    return Pairing.objects.select_related("round", "tournament").filter(pk=pairing_id)


@prepared.prepared
def _pairing(*, pairing_id: int) -> QuerySet[Pairing]:
    return Pairing.objects.select_for_update(no_key=True).filter(pk=pairing_id)


def _question_and_next(
    round_id: int, number: int
) -> tuple[TournamentQuestion, TournamentQuestion | None]:
    """Return a question of a round, and the next if there is one. One query."""
    found = _two_questions.rows(round_id=round_id, number=number, next_number=number + 1)
    question, *more = found  # A round is stored with all its questions.
    return question, next(iter(more), None)


@prepared.prepared
def _two_questions(*, round_id: int, number: int, next_number: int) -> QuerySet[TournamentQuestion]:
    questions = TournamentQuestion.objects.select_related("version__question_row")
    wanted = Q(number=number) | Q(number=next_number)
    return questions.filter(wanted, round_id=round_id).order_by("number")
