"""A round: start it, answer, stop, see the result.

These are steps of an update's transaction: every refusal comes before the first write, so a
caller may answer it kindly and commit.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from economy import entitlements, streaks, wallets
from economy.errors import NoEnergyError
from economy.streaks import StreakChange
from economy.wallets import Charge
from quizarena.game import selection
from quizarena.game.errors import (
    AlreadyAnsweredError,
    GameError,
    LockedModeError,
    NoQuestionsError,
    StaleTapError,
)
from quizarena.game.models import OPTIONS, Mode, QuestionVersion, Round, RoundState, Showing
from quizarena.players.models import Player

ROUND_LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The question that a round waits for, and what it cost; no charge when a tap was repeated."""

    showing: Showing
    charge: Charge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question unless the round is over.

    `refusal` says why a round has ended before its tenth question.
    """

    graded: Showing
    streak: StreakChange
    next: Showing | None = None
    charge: Charge | None = None
    refusal: GameError | NoEnergyError | None = None


def start(*, player: Player, mode: Mode, key: str, now: datetime) -> Start:
    """Start a round with its first question, which costs one energy.

    A key that has started a round starts no other and costs nothing: the question that this round
    waits for is returned, or StaleTapError raised if it is over. An open round of the player is
    stopped: one plays one at a time. Raises LockedModeError, NoEnergyError when there is none
    left, and NoQuestionsError when the mode has none.
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
        return Start(showing=waiting)
    first, charge = _pay_for_question(player=player, mode=mode, key=_charge_key(key, 1), now=now)
    Round.objects.filter(player=player, state=RoundState.OPEN).update(
        state=RoundState.STOPPED, finished_at=now
    )
    new = Round.objects.create(player=player, mode=mode, start_key=key, started_at=now)
    return Start(showing=_show(first, current=new, number=1, now=now), charge=charge)


def answer(*, player: Player, showing_id: int, place: int, now: datetime) -> Answer:
    """Grade the option shown at `place` against the version that was shown, and show the next.

    Grading needs nothing: a plan that ends during a question lets it finish. The next one costs
    energy, so the round is over with its tenth answer, without energy, with a mode that has been
    locked again, or that has no question left. Locks the showing and its round. Raises
    AlreadyAnsweredError for a question that has its answer, StaleTapError for one of a round that
    is over, or of somebody else.
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
    following, charge, refusal = _next_of(current, number=showing.number + 1, now=now)
    showing.choice = showing.order[place]
    showing.is_correct = showing.choice == showing.version.correct_option_id
    showing.answered_at = now
    showing.save(update_fields=["choice", "is_correct", "answered_at"])
    streak = streaks.record_activity(player=player, now=now)
    if following is None:
        current.state = RoundState.FINISHED
        current.finished_at = now
        current.save(update_fields=["state", "finished_at"])
        _tell_perfect(current, now=now)
        return Answer(graded=showing, streak=streak, refusal=refusal)
    shown = _show(following, current=current, number=showing.number + 1, now=now)
    return Answer(graded=showing, streak=streak, next=shown, charge=charge)


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


def _pay_for_question(
    *, player: Player, mode: Mode, key: str, now: datetime
) -> tuple[QuestionVersion, Charge]:
    """Choose a question of an open mode and take the energy for it.

    Raises LockedModeError, NoQuestionsError or NoEnergyError; then nothing has been taken.
    """
    if mode not in entitlements.FREE_MODES and not entitlements.can_play(
        player=player, mode=mode, at=now
    ):
        raise LockedModeError(mode)
    version = selection.next_question(player=player, mode=mode)
    return version, wallets.charge_question(player=player, key=key, now=now)


def _charge_key(start_key: str, number: int) -> str:
    """Return the idempotency key of the charge for a round's question."""
    return f"question:{start_key}:{number}"


def _next_of(
    current: Round, *, number: int, now: datetime
) -> tuple[QuestionVersion | None, Charge | None, GameError | NoEnergyError | None]:
    """Return the round's question of that number, paid, or why there is none (None: it is done)."""
    if number > ROUND_LENGTH:
        return None, None, None
    try:
        version, charge = _pay_for_question(
            player=current.player,
            mode=Mode(current.mode),
            key=_charge_key(current.start_key, number),
            now=now,
        )
    except (NoQuestionsError, LockedModeError, NoEnergyError) as refusal:
        return None, None, refusal
    return version, charge, None


def _tell_perfect(current: Round, *, now: datetime) -> None:
    """Let a round of ten right answers count towards earning a lost streak back."""
    right = outcomes(current)
    if len(right) == ROUND_LENGTH and all(right):
        streaks.record_perfect_round(
            player=current.player, round_key=f"round:{current.pk}", now=now
        )


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
