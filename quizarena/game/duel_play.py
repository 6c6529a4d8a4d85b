"""A duel as one of its two players sees and plays it. Product rules, section 11.

Answers are steps of an update's transaction: every refusal comes before the first write, but for
the end of a duel whose time has passed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from economy import streaks
from economy.streaks import StreakChange
from quizarena import prepared
from quizarena.game import duel_rules, duels, points, reviews
from quizarena.game.duel_rules import DuelResult, DuelState
from quizarena.game.errors import DuelAnsweredError, DuelOverError, NoDuelError, StaleTapError
from quizarena.game.models import Duel, DuelAnswer, DuelNoticeKind, DuelQuestion
from quizarena.players.models import Player

# Who has been left alone with a duel for so long is notified that it is their turn.
TURN_AFTER = timedelta(minutes=10)
# So many duels that have ended stand in a player's list.
ENDED_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A duel as one of its players may see it.

    `own` and `other` say for each round, in order, whether the answer was right; of the other
    player only the rounds that this one has answered, too, and all of them once the duel has ended.
    `other_answered` is how many there are. `next` is the question that waits, where it was asked
    for.
    """

    duel: Duel
    player_id: int
    own: Sequence[bool]
    other: Sequence[bool]
    other_answered: int
    next: DuelQuestion | None = None

    @property
    def is_creator(self) -> bool:
        """Whether this player has made the duel."""
        return self.duel.creator_id == self.player_id

    @property
    def opponent(self) -> Player | None:
        """The other player; None while there is none."""
        return self.duel.opponent if self.is_creator else self.duel.creator

    @property
    def has_finished(self) -> bool:
        """Whether this player has answered everything."""
        return len(self.own) >= self.duel.length

    @property
    def is_asked(self) -> bool:
        """Whether the duel waits for this player to accept it."""
        return self.duel.state == DuelState.PENDING and not self.is_creator

    @property
    def can_play(self) -> bool:
        """Whether there is a question for this player now."""
        return self.duel.is_live and not self.is_asked and not self.has_finished

    @property
    def has_won(self) -> bool | None:
        """Whether this player has won; None of a draw, and of what nobody has won."""
        if self.duel.result in ("", DuelResult.DRAW):
            return None
        return self.duel.winner_id == self.player_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, the other's result of the round, and what is next.

    `other_is_correct` is None as long as the other player has not answered this round.
    """

    question: DuelQuestion
    choice: int
    is_correct: bool
    other_is_correct: bool | None
    view: View
    streak: StreakChange


# --- Looking --------------------------------------------------------------------------------------


def look(*, player: Player, duel_id: int, now: datetime) -> View:
    """Return one of the player's duels; if its time has passed it ends now. Locks the duel.

    Raises NoDuelError for a duel of others.
    """
    duel = duels.lock(duel_id)
    if duel is None or player.pk not in (duel.creator_id, duel.opponent_id):
        raise NoDuelError("the player has no such duel")
    duels.finish(duel, now=now)
    return _view(duel, player.pk, _given(duel.pk))


def view_of(duel: Duel, *, player_id: int) -> View:
    """Return a duel as one of its players sees it at this moment; nothing is locked or written."""
    return _view(duel, player_id, _given(duel.pk))


def play(*, player: Player, duel_id: int, now: datetime) -> View:
    """Return one of the player's duels with the question that waits for the player, if one does.

    The creator need not wait for an opponent. When the first question is shown for the first time
    is stored. Locks the duel. Raises NoDuelError for a duel of others.
    """
    view = look(player=player, duel_id=duel_id, now=now)
    if not view.can_play:
        return view
    duel = view.duel
    field = "creator_started_at" if view.is_creator else "opponent_started_at"
    if getattr(duel, field) is None:
        setattr(duel, field, max(now, duel.created_at))
        duel.save(update_fields=[field])
    return _view(duel, player.pk, _given(duel.pk), following=_question(duel, len(view.own) + 1))


def mine(*, player: Player, now: datetime) -> tuple[list[View], list[View]]:
    """Return the player's live duels, those first that wait for the player, and the latest ended.

    Ends those whose time has passed.
    """
    duels.finish_overdue(player=player, now=now)
    own = Duel.objects.of(player.pk).select_related("creator", "opponent")
    live = list(own.live())
    over = own.exclude(state__in=duel_rules.LIVE).exclude(state=DuelState.CANCELED)
    ended = list(over.order_by("-pk")[:ENDED_SHOWN])
    given = DuelAnswer.objects.filter(duel__in=[*live, *ended]).order_by("number")
    answers: dict[int, list[tuple[int, bool, datetime]]] = {}
    for one in given:
        row = (one.player_id, one.is_correct, one.answered_at)
        answers.setdefault(one.duel_id, []).append(row)
    views = [_view(duel, player.pk, answers.get(duel.pk, [])) for duel in [*live, *ended]]
    waiting = sorted(
        views[: len(live)],
        key=lambda view: (not (view.can_play or view.is_asked), view.duel.deadline, view.duel.pk),
    )
    return waiting, views[len(live) :]


def waiting_for(player: Player, *, now: datetime) -> int:
    """Return how many live duels wait for the player: to be accepted, or to be answered."""
    live = Duel.objects.live().of(player.pk).filter(deadline__gt=now)
    finished = DuelAnswer.objects.filter(
        duel=OuterRef("pk"), player=player, number=OuterRef("length")
    )
    return live.exclude(Exists(finished)).count()


# --- Answering ------------------------------------------------------------------------------------


def answer(
    *, player: Player, duel_id: int, number: int, option_index: int, now: datetime
) -> Answer:
    """Grade the option at `option_index` of a question, and return what comes next.

    The last answer of the two ends the duel; it is an active day like any answer. Locks the duel.
    Raises DuelAnsweredError for a question that has its answer, DuelOverError when the duel has
    ended or its time has passed, and StaleTapError for a question that is not the player's next.
    """
    duel = duels.lock(duel_id)
    if duel is None or not _takes_part(duel, player):
        raise StaleTapError("the player has no such duel")
    given = _given(duel.pk)
    own = [row for row in given if row[0] == player.pk]
    if 1 <= number <= len(own):
        raise DuelAnsweredError(f"question {number} is answered")
    if not duel.is_live or now >= duel.deadline:
        duels.finish(duel, now=now)
        raise DuelOverError(duel)
    if number != len(own) + 1 or number > duel.length:
        raise StaleTapError("this question is not the next one")
    asked, following = _question_and_next(duel, number)
    if not 0 <= option_index < len(asked.order):
        raise StaleTapError("this option does not exist")
    shown_at = own[-1][2] if own else _started_at(duel, player) or now
    stored = DuelAnswer(
        duel=duel,
        player=player,
        number=number,
        choice=asked.order[option_index],
        is_correct=asked.is_right(asked.order[option_index]),
        shown_at=shown_at,
        # Of two devices the one that looked at the clock first may answer last.
        answered_at=max(now, shown_at),
    )
    prepared.insert(stored)
    if not stored.is_correct:
        question_id = asked.version.question_row_id
        reviews.add_mistake(player=player, question_id=question_id, now=now)
    given = [*given, (player.pk, stored.is_correct, stored.answered_at)]
    streak = streaks.record_activity(player=player, now=now)
    if number == duel.length and not duels.finish(duel, now=now):
        _leave_alone(duel, player, now=now)
    # After the end, whose points lock those of both players in the order of their ids.
    points.answered(
        player=player,
        key=points.duel_answer_key(duel_id=duel.pk, number=number),
        is_correct=stored.is_correct,
        shown_at=stored.shown_at,
        now=stored.answered_at,
    )
    theirs = [is_correct for player_id, is_correct, _ in given if player_id != player.pk]
    return Answer(
        question=asked,
        choice=stored.choice,
        is_correct=stored.is_correct,
        other_is_correct=theirs[number - 1] if len(theirs) >= number else None,
        view=_view(duel, player.pk, given, following=following),
        streak=streak,
    )


def _takes_part(duel: Duel, player: Player) -> bool:
    """Return whether the player plays; who is asked for a rematch does once it is accepted."""
    return duel.creator_id == player.pk or (
        duel.opponent_id == player.pk and duel.accepted_at is not None
    )


def _started_at(duel: Duel, player: Player) -> datetime | None:
    is_creator = duel.creator_id == player.pk
    return duel.creator_started_at if is_creator else duel.opponent_started_at


def _leave_alone(duel: Duel, player: Player, *, now: datetime) -> None:
    """Leave word for the other player, who is left with the duel and may be playing just now."""
    other = duel.other(player.pk)
    if duel.state == DuelState.ACCEPTED and other is not None:
        duels.notice(duel, other, DuelNoticeKind.TURN, due_at=now + TURN_AFTER)


def _view(
    duel: Duel,
    player_id: int,
    given: Iterable[tuple[int, bool, datetime]],
    *,
    following: DuelQuestion | None = None,
) -> View:
    answers = list(given)
    own = [is_correct for player, is_correct, _ in answers if player == player_id]
    other = [is_correct for player, is_correct, _ in answers if player != player_id]
    return View(
        duel=duel,
        player_id=player_id,
        own=own,
        other=duel_rules.visible(own=own, other=other, has_ended=not duel.is_live),
        other_answered=len(other),
        next=following,
    )


def _given(duel_id: int) -> list[tuple[int, bool, datetime]]:
    """Return who has answered, whether right, and when: of both, in the order of the rounds."""
    return list(_answers.rows(duel_id=duel_id))


@prepared.prepared
def _answers(*, duel_id: int) -> QuerySet[DuelAnswer, tuple[int, bool, datetime]]:
    answers = DuelAnswer.objects.filter(duel_id=duel_id).order_by("number")
    return answers.values_list("player_id", "is_correct", "answered_at")


def _question(duel: Duel, number: int) -> DuelQuestion:
    question, _ = _question_and_next(duel, number)
    return question


def _question_and_next(duel: Duel, number: int) -> tuple[DuelQuestion, DuelQuestion | None]:
    """Return the question of a round, and that of the next if there is one. One query."""
    found = _two_questions.rows(duel_id=duel.pk, number=number, next_number=number + 1)
    question, *more = found  # A duel is stored with all its questions.
    return question, next(iter(more), None)


@prepared.prepared
def _two_questions(*, duel_id: int, number: int, next_number: int) -> QuerySet[DuelQuestion]:
    questions = DuelQuestion.objects.select_related("version__question_row")
    wanted = Q(number=number) | Q(number=next_number)
    return questions.filter(wanted, duel_id=duel_id).order_by("number")
