"""A round: start it, answer, stop, see the result.

These are steps of an update's transaction: every refusal comes before the first write, so a
caller may answer it kindly and commit.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from quizarena.game import selection
from quizarena.game.errors import AlreadyAnsweredError, NoQuestionsError, StaleTapError
from quizarena.game.models import OPTIONS, Mode, QuestionVersion, Round, RoundState, Showing
from quizarena.players.models import Player

ROUND_LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question unless the round is over."""

    graded: Showing
    next: Showing | None


def start(*, player: Player, mode: Mode, key: str, now: datetime) -> tuple[Showing, bool]:
    """Start a round with its first question; return it and whether this call started it.

    A key that has started a round starts no other: the question that this round waits for is
    returned, or StaleTapError raised if it is over. An open round of the player is stopped: one
    plays one at a time. Raises NoQuestionsError when the mode has none.
    """
    existing = Round.objects.filter(player=player, start_key=key).first()
    if existing is not None:
        waiting = (
            existing.showings.filter(answered_at=None, round__state=RoundState.OPEN)
            .select_related("round", "version")
            .first()
        )
        if waiting is None:
            raise StaleTapError("this button has started a round that is over")
        return waiting, False
    first = selection.next_question(player=player, mode=mode)
    Round.objects.filter(player=player, state=RoundState.OPEN).update(
        state=RoundState.STOPPED, finished_at=now
    )
    new = Round.objects.create(player=player, mode=mode, start_key=key, started_at=now)
    return _show(first, current=new, number=1, now=now), True


def answer(*, player: Player, showing_id: int, place: int, now: datetime) -> Answer:
    """Grade the option shown at `place` against the version that was shown, and show the next.

    The round is over with its tenth answer, or when the mode has no question left.
    Locks the showing and its round. Raises AlreadyAnsweredError for a question that has its
    answer, StaleTapError for one of a round that is over, or of somebody else.
    """
    showing = (
        Showing.objects.select_for_update(of=["self", "round"])
        .select_related("round", "version")
        .filter(pk=showing_id, player=player)
        .first()
    )
    if showing is None or not 0 <= place < OPTIONS:
        raise StaleTapError("there is no such question of this player")
    if showing.answered_at is not None:
        raise AlreadyAnsweredError(showing)
    current = showing.round
    if current.state != RoundState.OPEN:
        raise StaleTapError("the round is over")
    current.player = player
    following = _next_of(current) if showing.number < ROUND_LENGTH else None
    showing.choice = showing.order[place]
    showing.is_correct = showing.choice == showing.version.correct_option_id
    showing.answered_at = now
    showing.save(update_fields=["choice", "is_correct", "answered_at"])
    if following is None:
        current.state = RoundState.FINISHED
        current.finished_at = now
        current.save(update_fields=["state", "finished_at"])
        return Answer(graded=showing, next=None)
    shown = _show(following, current=current, number=showing.number + 1, now=now)
    return Answer(graded=showing, next=shown)


def stop(*, player: Player, round_id: int, now: datetime) -> Round:
    """End an open round early and return it. Raises StaleTapError when it is over already."""
    stopped = Round.objects.filter(pk=round_id, player=player, state=RoundState.OPEN).update(
        state=RoundState.STOPPED, finished_at=now
    )
    if not stopped:
        raise StaleTapError("the round is over")
    return Round.objects.get(pk=round_id)


def outcomes(current: Round) -> list[bool]:
    """Return for each answered question of the round, in order, whether it was right."""
    answered = current.showings.exclude(answered_at=None).order_by("number")
    return [bool(right) for right in answered.values_list("is_correct", flat=True)]


def _next_of(current: Round) -> QuestionVersion | None:
    """Return the next question of the round, or None when its mode has been emptied meanwhile."""
    try:
        return selection.next_question(player=current.player, mode=Mode(current.mode))
    except NoQuestionsError:
        return None


def _show(version: QuestionVersion, *, current: Round, number: int, now: datetime) -> Showing:
    """Write down that `version` is shown in the round, and in which order its options stand."""
    return Showing.objects.create(
        round=current,
        number=number,
        player=current.player,
        mode=current.mode,
        question_id=version.question_row_id,
        version=version,
        order=random.sample(range(OPTIONS), OPTIONS),
        shown_at=now,
    )
