"""A round: start it, answer, stop, see the result.

These are steps of an update's transaction: every refusal comes before the first write, so a
caller may answer it kindly and commit.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BigIntegerField, Q, QuerySet
from django.utils import timezone

from economy import entitlements, streaks, wallets
from economy.errors import NoEnergyError
from economy.streaks import EarnBack, StreakChange
from economy.wallets import Charge
from quizarena import prepared, sweeps
from quizarena.game import selection
from quizarena.game.errors import (
    AlreadyAnsweredError,
    GameError,
    LockedModeError,
    NoQuestionsError,
    QuestionRefundedError,
    StaleTapError,
)
from quizarena.game.models import OPTIONS, Mode, QuestionVersion, Round, RoundQuestion, RoundState
from quizarena.players.models import Player

ROUND_LENGTH = 10
# Withdrawn questions are looked for so many at a time.
BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The question that a round waits for, and what it cost; no charge when a tap was repeated."""

    round_question: RoundQuestion
    charge: Charge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question unless the round is over.

    `refusal` says why a round has ended before its tenth question; `earn_back` how far a lost
    streak is after a round without a mistake.
    """

    graded: RoundQuestion
    streak: StreakChange
    next: RoundQuestion | None = None
    charge: Charge | None = None
    refusal: GameError | NoEnergyError | None = None
    earn_back: EarnBack | None = None


def start(*, player: Player, mode: Mode, key: str, now: datetime) -> Start:
    """Start a round with its first question, which costs one energy.

    A key that has started a round starts no other and costs nothing: it resumes this one, or raises
    StaleTapError if it is over. An open round of the player is stopped: one plays one at a time.
    Locks both. Raises LockedModeError, NoEnergyError when there is none left, and
    NoQuestionsError when the mode has none.
    """
    # Before the wallet is: an answer, and what gives a question back, lock in this order.
    existing, open_round = _lock_rounds(player=player, key=key)
    if existing is not None:
        return resume(player=player, round_id=existing.pk, now=now)
    first, charge = _pay_for_question(player=player, mode=mode, key=_charge_key(key, 1), now=now)
    if open_round is not None:
        _end(open_round, RoundState.STOPPED, now=now)
    new = Round(player=player, mode=mode, start_key=key, started_at=now)
    prepared.insert(new)
    return Start(round_question=_show(first, current=new, number=1, now=now), charge=charge)


def resume(*, player: Player, round_id: int, now: datetime) -> Start:
    """Return the question that an open round waits for, or show another if it was refunded.

    The other one has the number of the refunded one, and costs as any question. Locks
    the round. Raises what `start` raises, and StaleTapError when the round is over.
    """
    rounds = Round.objects.select_for_update().filter(pk=round_id, player=player)
    current = rounds.filter(state=RoundState.OPEN).first()
    if current is None:
        raise StaleTapError("the round is over")
    shown = current.round_questions.order_by("-pk").select_related("version__question_row").first()
    assert shown is not None  # A round begins with its first question.
    shown.round = current
    if shown.refunded_at is None:
        return Start(round_question=shown)
    current.player = player
    key = _charge_key(
        current.start_key,
        shown.number,
        replaces=current.round_questions.filter(number=shown.number),
    )
    version, charge = _pay_for_question(player=player, mode=Mode(current.mode), key=key, now=now)
    return Start(
        round_question=_show(version, current=current, number=shown.number, now=now), charge=charge
    )


def answer(*, player: Player, round_question_id: int, option_index: int, now: datetime) -> Answer:
    """Grade the option at `option_index` against the version that was shown, and show the next.

    Grading needs nothing: a plan that ends during a question lets it finish. The next one costs
    energy, so the round is over with its tenth answer, without energy, with a mode that has been
    locked again, or that has no question left. Locks the question and its round. Raises
    AlreadyAnsweredError for a question that has its answer, StaleTapError for one of a round that
    is over, or of somebody else, and QuestionRefundedError when the round waits for no answer
    because its last question was refunded.
    """
    if not (0 <= option_index < OPTIONS and 0 < round_question_id <= BigIntegerField.MAX_BIGINT):
        raise StaleTapError("this question does not exist")
    round_question = _lock_round_question(round_question_id)
    if round_question is None or round_question.player_id != player.pk:
        raise StaleTapError("the player has no such question")
    current = round_question.round
    current.player = player
    _refuse_if_not_waiting(round_question)
    following, charge, refusal = _next_of(current, number=round_question.number + 1, now=now)
    round_question.choice = round_question.order[option_index]
    round_question.is_correct = round_question.choice == round_question.version.correct_option_id
    round_question.answered_at = now
    prepared.save(round_question, fields=["choice", "is_correct", "answered_at"])
    streak = streaks.record_activity(player=player, now=now)
    if following is None:
        _end(current, RoundState.FINISHED, now=now)
        earn_back = _earn_back(current, now=now)
        if earn_back is not None and earn_back.is_earned:
            streak = streaks.record_activity(player=player, now=now)  # As it is now.
        return Answer(graded=round_question, streak=streak, refusal=refusal, earn_back=earn_back)
    shown = _show(following, current=current, number=round_question.number + 1, now=now)
    return Answer(graded=round_question, streak=streak, next=shown, charge=charge)


def stop(*, player: Player, round_id: int, now: datetime) -> Round:
    """End an open round early and return it. Raises StaleTapError when it is over already."""
    stopped = Round.objects.filter(pk=round_id, player=player, state=RoundState.OPEN).update(
        state=RoundState.STOPPED, finished_at=now
    )
    if not stopped:
        raise StaleTapError("the round is over")
    return Round.objects.get(pk=round_id)


@transaction.atomic
def refund_question(*, round_question_id: int, now: datetime) -> bool:
    """Refund the energy of a question that nobody saw or that was withdrawn, once.

    It cannot be answered any more; the player's next tap on its round brings another one (see
    resume). Returns False when it is answered, or refunded already. Locks the question, its round
    and the wallet.
    """
    round_question = _lock_round_question(round_question_id)
    if (
        round_question is None
        or round_question.answered_at is not None
        or round_question.refunded_at is not None
    ):
        return False
    earlier = RoundQuestion.objects.filter(
        round=round_question.round_id, number=round_question.number, pk__lt=round_question.pk
    )
    wallets.return_question(
        player=round_question.player,
        key=_charge_key(round_question.round.start_key, round_question.number, replaces=earlier),
        now=now,
    )
    round_question.refunded_at = now
    round_question.save(update_fields=["refunded_at"])
    return True


def refund_withdrawn(*, until: datetime) -> int:
    """Refund the withdrawn questions that rounds wait for, until it is `until`; return how many.

    An answer that comes first counts, and its question is not refunded.
    """

    def due(seen: Collection[int]) -> list[int]:
        withdrawn = RoundQuestion.objects.withdrawn().exclude(pk__in=seen).order_by("pk")
        return list(withdrawn.values_list("pk", flat=True)[:BATCH])

    return sweeps.one_by_one(
        due=due,
        apply=lambda round_question_id: refund_question(
            round_question_id=round_question_id, now=timezone.now()
        ),
        until=until,
    )


def outcomes(current: Round) -> list[bool]:
    """Return for each answered question of the round, in order, whether it was right."""
    return [bool(right) for right in _graded.rows(round_id=current.pk)]


@prepared.prepared
def _graded(*, round_id: int) -> QuerySet[RoundQuestion, bool | None]:
    answered = RoundQuestion.objects.filter(round_id=round_id).exclude(answered_at=None)
    return answered.order_by("number").values_list("is_correct", flat=True)


def _pay_for_question(
    *, player: Player, mode: Mode, key: str, now: datetime
) -> tuple[QuestionVersion, Charge]:
    """Choose a question of an open mode and take the energy for it.

    Raises LockedModeError, NoQuestionsError or NoEnergyError; then nothing has been taken.
    """
    if mode not in entitlements.FREE_MODES and not entitlements.can_play(
        player=player, mode=mode, at=now
    ):
        access = entitlements.explain_access(player=player, mode=mode, at=now)
        raise LockedModeError(mode, access)
    version = selection.next_question(player=player, mode=mode)
    return version, wallets.charge_question(player=player, key=key, now=now)


def _lock_round_question(round_question_id: int) -> RoundQuestion | None:
    """Lock the question and its round until the transaction ends."""
    return _round_question.first(round_question_id=round_question_id)


@prepared.prepared
def _round_question(*, round_question_id: int) -> QuerySet[RoundQuestion]:
    locked = RoundQuestion.objects.select_for_update(of=["self", "round"])
    return locked.select_related("round", "version").filter(pk=round_question_id)


def _lock_rounds(*, player: Player, key: str) -> tuple[Round | None, Round | None]:
    """Lock and return the player's round that `key` has started, and the one that is open."""
    locked = _started_by_or_open.rows(player_id=player.pk, key=key)
    return (
        next((one for one in locked if one.start_key == key), None),
        next((one for one in locked if one.state == RoundState.OPEN), None),
    )


@prepared.prepared
def _started_by_or_open(*, player_id: int, key: str) -> QuerySet[Round]:
    rounds = Round.objects.select_for_update().filter(player_id=player_id).order_by("pk")
    return rounds.filter(Q(start_key=key) | Q(state=RoundState.OPEN))


def _refuse_if_not_waiting(round_question: RoundQuestion) -> None:
    """Raise why the question cannot be answered, unless its round waits for just this answer."""
    is_open = round_question.round.state == RoundState.OPEN
    is_waiting = round_question.answered_at is None and round_question.refunded_at is None
    if is_open and is_waiting:
        return
    if is_open and not round_question.round.round_questions.waiting().exists():
        raise QuestionRefundedError(round_question)
    if round_question.answered_at is not None:
        raise AlreadyAnsweredError(round_question)
    raise StaleTapError("the question or its round is over")


def _end(current: Round, state: RoundState, *, now: datetime) -> None:
    """End an open round, which is locked."""
    current.state = state
    current.finished_at = now
    prepared.save(current, fields=["state", "finished_at"])


def _charge_key(
    start_key: str, number: int, *, replaces: QuerySet[RoundQuestion] | None = None
) -> str:
    """Return the idempotency key of the charge for a round's question of that number.

    `replaces` are the ones that had the number before it and were refunded.
    """
    replaced = replaces.count() if replaces is not None else 0
    return f"question:{start_key}:{number}" + (f":{replaced}" if replaced else "")


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


def _earn_back(current: Round, *, now: datetime) -> EarnBack | None:
    """Let a round of ten right answers count towards earning a lost streak back; return how far."""
    right = outcomes(current)
    if len(right) < ROUND_LENGTH or not all(right):
        return None
    return streaks.record_perfect_round(
        player=current.player, round_key=f"round:{current.pk}", now=now
    )


def _show(version: QuestionVersion, *, current: Round, number: int, now: datetime) -> RoundQuestion:
    """Write down that `version` is shown in the round, and in which order its options stand."""
    round_question = RoundQuestion(
        round=current,
        number=number,
        player=current.player,
        mode=current.mode,
        question_id=version.question_row_id,
        version=version,
        order=random.sample(range(OPTIONS), OPTIONS),
        shown_at=now,
    )
    prepared.insert(round_question)
    return round_question
