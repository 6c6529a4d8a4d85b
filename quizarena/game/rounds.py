"""A round: start it, answer, stop, see the result.

These are steps of an update's transaction: every refusal comes before the first write or undoes
it, so a caller may answer it kindly and commit.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import BigIntegerField, QuerySet
from django.utils import timezone

from economy import entitlements, streaks, wallets
from economy.errors import NoEnergyError
from economy.streak_rules import DAY, midnight_after
from economy.streaks import EarnBack, StreakChange
from economy.wallets import Charge, business_zone
from quizarena import prepared, sweeps
from quizarena.game import bank, grading, levels, points, reviews, selection, words
from quizarena.game.errors import (
    AlreadyAnsweredError,
    GameError,
    LockedModeError,
    NoQuestionsError,
    QuestionRefundedError,
    SampleTakenError,
    StaleTapError,
)
from quizarena.game.levels import LevelChange
from quizarena.game.models import (
    ROUND_LENGTH,
    WRITTEN,
    Kind,
    Level,
    Mode,
    QuestionVersion,
    Round,
    RoundQuestion,
    RoundState,
)
from quizarena.game.points import Earned
from quizarena.players import services as players
from quizarena.players.models import Player

# Withdrawn questions are looked for so many at a time.
BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The question that a round waits for, and what it cost; no charge when a tap was repeated.

    `has_returned_energy` says that another round was given up for it, whose question was refunded.
    """

    round_question: RoundQuestion
    charge: Charge | None = None
    has_returned_energy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A round that its player has given up, and whether the energy of its question came back."""

    played: Round
    has_returned_energy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and the next question unless the round is over.

    `earned` are its points, if it can bring any. `refusal` says why a round has ended before its
    tenth question; `earn_back` how far a lost streak is after a round without a mistake; `level`
    that the answer has moved the player's level.
    """

    graded: RoundQuestion
    streak: StreakChange
    earned: Earned | None = None
    next: RoundQuestion | None = None
    charge: Charge | None = None
    refusal: GameError | NoEnergyError | None = None
    earn_back: EarnBack | None = None
    level: LevelChange | None = None


def start(*, player: Player, mode: Mode, key: str, now: datetime) -> Start:
    """Start a round with its first question, which costs one energy.

    A key that has started a round starts no other and costs nothing: it resumes this one, or raises
    StaleTapError if it is over. An open round of the player is given up, as by `stop`: one plays
    one at a time, and the point that it returns may pay for the new one. Raises LockedModeError,
    NoEnergyError when there is none left, and NoQuestionsError when the mode has none.
    """
    return _start(player=player, mode=mode, key=key, sample_day=None, now=now)


@transaction.atomic
def start_sample(*, player: Player, mode: Mode, key: str, now: datetime) -> Start:
    """Start a short round in a locked mode, once per player and business day.

    Its questions cost what any question costs. A mode that is open is started as by `start`. Locks
    the player, so of two starts at once the second one finds the first. Raises SampleTakenError
    when the day's sample is used up, and what `start` raises.
    """
    players.lock(player)
    if entitlements.can_play(player=player, mode=mode, at=now):
        return start(player=player, mode=mode, key=key, now=now)
    day = _business_day(now)
    taken = Round.objects.filter(player=player, sample_day=day).exclude(start_key=key)
    if taken.exists():
        raise SampleTakenError(
            _locked(player=player, mode=mode, now=now),
            again_at=midnight_after(day, zone=business_zone()),
        )
    return _start(player=player, mode=mode, key=key, sample_day=day, now=now)


def has_sample(*, player: Player, now: datetime) -> bool:
    """Return whether the player can still try a locked mode on the business day of `now`."""
    return not Round.objects.filter(player=player, sample_day=_business_day(now)).exists()


def _start(
    *, player: Player, mode: Mode, key: str, sample_day: date | None, now: datetime
) -> Start:
    """Start a round, see `start`; with `sample_day` it is that day's sample of a locked mode."""
    is_sample = sample_day is not None
    # Before the wallet is: an answer, and what gives a question back, lock in this order.
    existing, last = _lock_rounds(player=player, key=key)
    if existing is not None:
        return resume(player=player, round_id=existing.pk, now=now)
    charge_key = _charge_key(key, 1)
    if last is None:
        has_returned_energy = False
        first, charge = _pay_for_question(
            player=player, mode=mode, is_sample=is_sample, key=charge_key, now=now
        )
    else:
        with transaction.atomic():  # A refusal leaves the open round as it was.
            has_returned_energy = _give_up(last, player=player, now=now)
            first, charge = _pay_for_question(
                player=player, mode=mode, is_sample=is_sample, key=charge_key, now=now
            )
    new = Round(player=player, mode=mode, start_key=key, started_at=now, sample_day=sample_day)
    prepared.insert(new)
    return Start(
        round_question=_show(first, current=new, number=1, now=now),
        charge=charge,
        has_returned_energy=has_returned_energy,
    )


@transaction.atomic
def begin(*, player: Player, level: Level, key: str, now: datetime) -> Start:
    """Start the first round of who is new, in a free mode, after setting the level of all modes.

    Raises what `start` raises; then the level is as it was.
    """
    _lock_latest_question(player)  # Before the level, as an answer does.
    levels.choose(player=player, level=level, now=now)
    return start(player=player, mode=levels.first_mode(level), key=key, now=now)


def has_played(*, player: Player) -> bool:
    """Return whether the player has ever started a round."""
    return Round.objects.filter(player=player).exists()


def finished_today(*, player: Player, now: datetime) -> int:
    """Return how many rounds the player has played to their end on the business day of `now`.

    A sample of a locked mode is none of them.
    """
    return len(_finished_since.rows(player_id=player.pk, since=_midnight(now)))


def is_first_day(*, player: Player, now: datetime) -> bool:
    """Return whether the player has come on the business day of `now`."""
    return player.created_at >= _midnight(now)


def _midnight(now: datetime) -> datetime:
    """Return when the business day of `now` began."""
    return midnight_after(_business_day(now) - DAY, zone=business_zone())


def _business_day(now: datetime) -> date:
    return now.astimezone(business_zone()).date()


@prepared.prepared
def _finished_since(*, player_id: int, since: datetime) -> QuerySet[Round, int]:
    rounds = Round.objects.filter(player_id=player_id, state=RoundState.FINISHED, sample_day=None)
    return rounds.filter(finished_at__gte=since).values_list("pk", flat=True)


def open_question(*, player: Player) -> RoundQuestion | None:
    """Return the latest question of the player's open round, to say where it stands."""
    return _latest_open.first(player_id=player.pk)


def resume(*, player: Player, round_id: int, now: datetime) -> Start:
    """Return the question that an open round waits for, or show another if it was refunded.

    The other one has the number of the refunded one, and costs as any question. Locks the question.
    Raises what `start` raises, and StaleTapError when the round is over.
    """
    shown = _lock_latest_question(player)
    if shown is None or shown.round_id != round_id:
        raise StaleTapError("the round is over")
    if shown.refunded_at is None:
        return Start(round_question=shown)
    current = shown.round
    current.player = player
    key = _charge_key(
        current.start_key,
        shown.number,
        replaces=current.round_questions.filter(number=shown.number),
    )
    version, charge = _pay_for_question(
        player=player, mode=Mode(current.mode), is_sample=current.is_sample, key=key, now=now
    )
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
    if not (option_index >= 0 and 0 < round_question_id <= BigIntegerField.MAX_BIGINT):
        raise StaleTapError("this question does not exist")
    round_question = _lock_round_question(round_question_id)
    if round_question is None or round_question.player_id != player.pk:
        raise StaleTapError("the player has no such question")
    if option_index >= len(round_question.order) or round_question.version.kind in WRITTEN:
        raise StaleTapError("this option does not exist")
    _refuse_if_not_waiting(round_question)
    round_question.choice = round_question.order[option_index]
    round_question.is_correct = round_question.is_right(round_question.choice)
    round_question.answered_at = now
    prepared.save(round_question, fields=["choice", "is_correct", "answered_at"])
    return _continue(round_question, player=player, now=now)


def typed_question(*, telegram_id: int) -> RoundQuestion | None:
    """Return the question of the player's open round that is answered by a message, if it is one.

    It may have been refunded: who answers it does not know that yet (see answer_text).
    """
    shown = RoundQuestion.objects.filter(
        player__telegram_id=telegram_id, round__state=RoundState.OPEN
    )
    latest = shown.select_related("version").order_by("-pk").first()
    if latest is None or latest.answered_at is not None or latest.version.kind != Kind.TYPED:
        return None
    return latest


def answer_text(*, player: Player, text: str, now: datetime) -> Answer:
    """Grade what the player has typed for the question that the open round waits for.

    As `answer` in all else. Raises StaleTapError when the round waits for something else, and
    QuestionRefundedError when that question was refunded.
    """
    latest = _lock_latest_question(player)
    # With its round, before anything that the answer locks: it may end the round.
    round_question = _lock_round_question(latest.pk) if latest is not None else None
    if (
        round_question is None
        or round_question.answered_at is not None
        or round_question.version.kind != Kind.TYPED
    ):
        raise StaleTapError("the round waits for no text")
    if round_question.refunded_at is not None:
        raise QuestionRefundedError(round_question)
    return _answer_written(round_question, text=text[: grading.TYPED_MAX], player=player, now=now)


def skip(*, player: Player, round_question_id: int, now: datetime) -> Answer:
    """Count a question without options as wrong, because the player does not know the answer.

    As `answer` in all else. Raises StaleTapError for a question with options.
    """
    round_question = _lock_written(player=player, round_question_id=round_question_id)
    return _answer_written(round_question, text="", player=player, now=now)


def place_chip(
    *, player: Player, round_question_id: int, chip: int, now: datetime
) -> RoundQuestion | Answer:
    """Put a word down behind the others; the last one is the answer, which is graded.

    Locks the question and its round. Raises ChipGoneError for a word that stands there already, and
    what `skip` raises.
    """
    round_question = _lock_written(player=player, round_question_id=round_question_id)
    if words.put_down(round_question, chip):
        text = round_question.sentence()
        return _answer_written(round_question, text=text, player=player, now=now)
    prepared.save(round_question, fields=["placed"])
    return round_question


def take_chip_back(*, player: Player, round_question_id: int, placed: int) -> RoundQuestion:
    """Take the last word back, if so many have been put down as the player saw.

    Locks the question and its round. Raises ChipGoneError if it was taken back already, and what
    `skip` raises.
    """
    round_question = _lock_written(player=player, round_question_id=round_question_id)
    words.take_back(round_question, placed=placed)
    prepared.save(round_question, fields=["placed"])
    return round_question


def _lock_written(*, player: Player, round_question_id: int) -> RoundQuestion:
    """Lock a question without options that the player's round waits for, and its round."""
    if not 0 < round_question_id <= BigIntegerField.MAX_BIGINT:
        raise StaleTapError("this question does not exist")
    round_question = _lock_round_question(round_question_id)
    if round_question is None or round_question.player_id != player.pk:
        raise StaleTapError("the player has no such question")
    if round_question.version.kind not in WRITTEN:
        raise StaleTapError("this question has options")
    _refuse_if_not_waiting(round_question)
    return round_question


def _answer_written(
    round_question: RoundQuestion, *, text: str, player: Player, now: datetime
) -> Answer:
    """Grade a text for a question that is locked and waits, and continue its round."""
    round_question.text = text
    round_question.is_correct = round_question.grade(text).is_correct
    round_question.answered_at = now
    prepared.save(round_question, fields=["text", "placed", "is_correct", "answered_at"])
    return _continue(round_question, player=player, now=now)


def _continue(round_question: RoundQuestion, *, player: Player, now: datetime) -> Answer:
    """Return what an answer leads to; the question has been graded and is locked with its round."""
    assert round_question.is_correct is not None
    current = round_question.round
    current.player = player
    level = levels.record_answer(player=player, mode=Mode(current.mode), now=now)
    if not round_question.is_correct:
        reviews.add_mistake(player=player, question_id=round_question.question_id, now=now)
    following, charge, refusal = _next_of(current, number=round_question.number + 1, now=now)
    streak = streaks.record_activity(player=player, now=now)
    earn_back = None
    if following is None:
        _end(current, RoundState.FINISHED, now=now)
        earn_back = _earn_back(current, now=now)
        if earn_back is not None and earn_back.is_earned:
            streak = streaks.record_activity(player=player, now=now)  # As it is now.
    # After all that locks the wallet.
    earned = points.answered(
        player=player,
        key=points.answer_key(round_question),
        is_correct=round_question.is_correct,
        shown_at=round_question.shown_at,
        now=now,
    )
    if following is None:
        return Answer(
            graded=round_question,
            streak=streak,
            earned=earned,
            refusal=refusal,
            earn_back=earn_back,
            level=level,
        )
    shown = _show(following, current=current, number=round_question.number + 1, now=now)
    return Answer(
        graded=round_question,
        streak=streak,
        earned=earned,
        next=shown,
        charge=charge,
        level=level,
    )


def stop(*, player: Player, round_id: int, now: datetime) -> Stop:
    """Give up an open round: it ends, and its unanswered question is refunded, once.

    Locks the question, its round and the wallet. Raises StaleTapError when the round is over
    already.
    """
    last = _lock_latest_question(player)
    if last is None or last.round_id != round_id:
        raise StaleTapError("the round is over")
    return Stop(played=last.round, has_returned_energy=_give_up(last, player=player, now=now))


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
    _refund(round_question, player=round_question.player, now=now)
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


def answered(current: Round) -> list[RoundQuestion]:
    """Return the answered questions of the round, in order, with what they read."""
    graded = current.round_questions.exclude(answered_at=None)
    return list(graded.select_related("version").order_by("number"))


def points_of(answered: Collection[RoundQuestion], *, player: Player) -> int:
    """Return how many points these answers of the player have brought. One query."""
    return points.of_keys(player=player, keys=map(points.answer_key, answered))


def outcomes(current: Round) -> list[bool]:
    """Return for each answered question of the round, in order, whether it was right."""
    return [bool(right) for right in _graded.rows(round_id=current.pk)]


@prepared.prepared
def _graded(*, round_id: int) -> QuerySet[RoundQuestion, bool | None]:
    answered = RoundQuestion.objects.filter(round_id=round_id).exclude(answered_at=None)
    return answered.order_by("number").values_list("is_correct", flat=True)


def _pay_for_question(
    *, player: Player, mode: Mode, is_sample: bool, key: str, now: datetime
) -> tuple[QuestionVersion, Charge]:
    """Choose a question of a mode that is open, or is tried, and take the energy for it.

    Raises LockedModeError, NoQuestionsError or NoEnergyError; then nothing has been taken.
    """
    if (
        not is_sample
        and mode not in entitlements.FREE_MODES
        and not entitlements.can_play(player=player, mode=mode, at=now)
    ):
        raise _locked(player=player, mode=mode, now=now)
    version = selection.next_question(player=player, mode=mode, now=now)
    return version, wallets.charge_question(player=player, key=key, now=now)


def _locked(*, player: Player, mode: Mode, now: datetime) -> LockedModeError:
    """Return why the mode is locked to the player."""
    access = entitlements.explain_access(player=player, mode=mode, at=now)
    return LockedModeError(mode, access)


def _lock_round_question(round_question_id: int) -> RoundQuestion | None:
    """Lock the question and its round until the transaction ends."""
    return _round_question.first(round_question_id=round_question_id)


@prepared.prepared
def _round_question(*, round_question_id: int) -> QuerySet[RoundQuestion]:
    locked = RoundQuestion.objects.select_for_update(of=["self", "round"])
    return locked.select_related("round", "version").filter(pk=round_question_id)


def _lock_rounds(*, player: Player, key: str) -> tuple[Round | None, RoundQuestion | None]:
    """Return the player's round that `key` has started; else lock and return the latest question.

    That is the one of the open round. Two starts at once are kept apart by the constraints of a
    round.
    """
    existing = _started_by.first(player_id=player.pk, key=key)
    return existing, (_lock_latest_question(player) if existing is None else None)


@prepared.prepared
def _started_by(*, player_id: int, key: str) -> QuerySet[Round]:
    return Round.objects.filter(player_id=player_id, start_key=key)


def _lock_latest_question(player: Player) -> RoundQuestion | None:
    """Lock and return the latest question of the player's open round, with its round.

    Who has it can end the round or continue it: all others wait for it before they lock the round.
    While this waited itself, a newer one may have come, or the round may be over: so whatever is
    not waiting for an answer is looked for again.
    """
    locked = _latest_question.first(player_id=player.pk)
    while locked is not None and not _is_waiting(locked):
        newer = _latest_question.first(player_id=player.pk)
        if newer is not None and newer.pk == locked.pk:
            return newer
        locked = newer
    return locked


@prepared.prepared
def _latest_question(*, player_id: int) -> QuerySet[RoundQuestion]:
    return _of_open_round(player_id).select_for_update(of=["self"])[:1]


@prepared.prepared
def _latest_open(*, player_id: int) -> QuerySet[RoundQuestion]:
    return _of_open_round(player_id)[:1]


def _of_open_round(player_id: int) -> QuerySet[RoundQuestion]:
    """Return the questions of the player's open round, the latest first."""
    shown = RoundQuestion.objects.select_related("round", "version__question_row")
    return shown.filter(round__player=player_id, round__state=RoundState.OPEN).order_by("-pk")


def _is_waiting(round_question: RoundQuestion) -> bool:
    return round_question.answered_at is None and round_question.refunded_at is None


def _give_up(last: RoundQuestion, *, player: Player, now: datetime) -> bool:
    """Stop the open round of its latest question, which is locked, and refund it if it waits.

    Return whether energy came back.
    """
    _end(last.round, RoundState.STOPPED, now=now)
    return _is_waiting(last) and _refund(last, player=player, now=now)


def _refund(round_question: RoundQuestion, *, player: Player, now: datetime) -> bool:
    """Refund a question, which is locked and waits; return whether energy came back.

    None does where none was taken, or where the bucket is full again.
    """
    earlier = RoundQuestion.objects.filter(
        round=round_question.round_id, number=round_question.number, pk__lt=round_question.pk
    )
    key = _charge_key(round_question.round.start_key, round_question.number, replaces=earlier)
    entry = wallets.return_question(player=player, key=key, now=now)
    round_question.refunded_at = now
    round_question.save(update_fields=["refunded_at"])
    return entry is not None


def _refuse_if_not_waiting(round_question: RoundQuestion) -> None:
    """Raise why the question cannot be answered, unless its round waits for just this answer."""
    is_open = round_question.round.state == RoundState.OPEN
    if is_open and _is_waiting(round_question):
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


def of_charges(*, player: Player, keys: Collection[str]) -> dict[str, Round]:
    """Return the rounds whose questions were charged under these idempotency keys. One query."""
    start_keys = {key: key.split(":")[1] for key in keys if key.startswith("question:")}
    played = Round.objects.filter(player=player, start_key__in=set(start_keys.values()))
    by_start = {one.start_key: one for one in played}
    return {key: by_start[start] for key, start in start_keys.items() if start in by_start}


def _next_of(
    current: Round, *, number: int, now: datetime
) -> tuple[QuestionVersion | None, Charge | None, GameError | NoEnergyError | None]:
    """Return the round's question of that number, paid, or why there is none (None: it is done)."""
    if number > current.length:
        return None, None, None
    try:
        version, charge = _pay_for_question(
            player=current.player,
            mode=Mode(current.mode),
            is_sample=current.is_sample,
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
        order=bank.shuffled(len(version.options)),
        shown_at=now,
    )
    if version.kind == Kind.ORDER:
        round_question.chips = bank.shuffled(len(round_question.words()))
    prepared.insert(round_question)
    return round_question
