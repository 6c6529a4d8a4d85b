"""Reviews: mistakes and saved questions come back when FSRS expects them to be forgotten.

Product rules, section 15. These are steps of an update's transaction: every refusal comes before
the first write. A review costs nothing, and any of its answers makes the day an active one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, F, QuerySet

from economy import streaks
from economy.streaks import StreakChange
from quizarena import prepared
from quizarena.game import bank, grading, points, review_rules, words
from quizarena.game.errors import (
    CardStaysError,
    NothingDueError,
    ReviewAnsweredError,
    StaleTapError,
    TooManyCardsError,
)
from quizarena.game.models import (
    REVIEW_LENGTH,
    WRITTEN,
    CardOrigin,
    CardState,
    Kind,
    PointKind,
    QuestionVersion,
    Review,
    ReviewCard,
    ReviewLog,
    ReviewQuestion,
    RoundQuestion,
)
from quizarena.game.points import Earned
from quizarena.game.review_rules import Memory
from quizarena.players.models import Player

# A number of due cards is counted up to here: a badge says "99+".
COUNTED_MAX = 100
# Of more due cards than that those are compared which have waited longest.
COMPARED_MAX = 1_000
# So long after an answer a player can say that it was a slip.
SLIP_WITHIN = timedelta(minutes=10)

# One statement. When the day has had its cards, the trigger inserts nothing.
_NEW_CARD = f"""
INSERT INTO game_reviewcard (
  player_id, question_id, origin, created_at, created_on, state, step, due_at
) VALUES (
  %(player)s, %(question)s, %(origin)s, %(now)s, %(day)s, {CardState.LEARNING.value}, 0, %(now)s
)
ON CONFLICT (player_id, question_id)
"""  # noqa: S608 -- the parts are constants.
# Playing rates no card: a mistake makes it due, and the review that follows rates it.
_ADD_CARD = f"""{_NEW_CARD} DO UPDATE
SET due_at = least(game_reviewcard.due_at, excluded.due_at), origin = excluded.origin
"""
_SAVE_CARD = f"{_NEW_CARD} DO NOTHING"

# Retrievability falls with the time since the last answer in units of the stability, so this is
# its order; a card without an answer has none. The inner query reads the index.
_LEAST_RETRIEVABLE = f"""
SELECT due.id FROM (
  SELECT card.id, card.stability, card.last_review_at
  FROM game_reviewcard AS card
  JOIN game_question AS question ON question.id = card.question_id AND question.is_enabled
  WHERE card.player_id = %(player)s AND card.due_at <= %(now)s
    AND NOT EXISTS (
      SELECT FROM game_reviewquestion AS asked
      WHERE asked.card_id = card.id AND asked.review_id = %(review)s
    )
  ORDER BY card.due_at, card.id LIMIT {COMPARED_MAX}
) AS due
ORDER BY extract(epoch FROM %(now)s - due.last_review_at) / due.stability DESC NULLS FIRST, due.id
LIMIT 1
"""  # noqa: S608 -- the parts are constants.


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a review stands: right answers of those given, and when a card is due next."""

    right: int
    answered: int
    points: int
    due: int
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an answer led to: how it was graded, and what comes next.

    `next` is the next question after a right answer, `summary` that of a review that is over. After
    a wrong one `start` brings the next question, once the player has read why. `choice` is the
    option that was chosen, `text` what was written instead.
    """

    question: ReviewQuestion
    is_right: bool
    streak: StreakChange
    choice: int | None = None
    text: str | None = None
    earned: Earned | None = None
    next: ReviewQuestion | None = None
    summary: Summary | None = None


# --- Cards ----------------------------------------------------------------------------------------


def add_mistake(*, player: Player, question_id: int, now: datetime) -> None:
    """Make a card of a question that the player has answered wrong, or make its card due.

    What FSRS knows of a card changes in reviews only. At most NEW_CARDS_PER_DAY come on a business
    day; further ones are left out. One statement, which locks the card.
    """
    _insert(_ADD_CARD, player, question_id, origin=CardOrigin.MISTAKE, now=now)


def save(*, player: Player, round_question_id: int, now: datetime) -> int:
    """Make a card, due at once, of a question that the player has answered; return its number.

    One that has a card keeps it as it is. Raises StaleTapError for a question of somebody else, or
    without an answer, and TooManyCardsError when the day has had its cards.
    """
    asked = _answered(player, round_question_id)
    is_new = _insert(_SAVE_CARD, player, asked.question_id, origin=CardOrigin.SAVED, now=now)
    cards = ReviewCard.objects.filter(player=player, question=asked.question_id)
    if not is_new and not cards.exists():
        raise TooManyCardsError
    return asked.number


def unsave(*, player: Player, round_question_id: int) -> int:
    """Delete the card of a saved question, by a second tap on ⭐; return the question's number.

    Without a card there is nothing to do. Raises StaleTapError for a question of somebody else, and
    CardStaysError if the question was answered wrong, or asked in a review.
    """
    asked = _answered(player, round_question_id)
    cards = ReviewCard.objects.select_for_update()
    card = cards.filter(player=player, question=asked.question_id).first()
    if card is None:
        return asked.number
    if (
        card.origin != CardOrigin.SAVED
        or card.last_review_at is not None
        or ReviewQuestion.objects.filter(card=card).exists()
    ):
        raise CardStaysError
    card.delete()
    return asked.number


def due(*, player: Player, now: datetime) -> int:
    """Return how many cards are due to the player, counted up to COUNTED_MAX. One query."""
    return len(_due.rows(player_id=player.pk, now=now))


@prepared.prepared
def _due(*, player_id: int, now: datetime) -> QuerySet[ReviewCard, int]:
    cards = ReviewCard.objects.askable().filter(player_id=player_id, due_at__lte=now)
    return cards.values_list("pk", flat=True)[:COUNTED_MAX]


def next_due_at(*, player: Player, now: datetime) -> datetime | None:
    """Return when the next card that is not due yet will be; None without one."""
    cards = ReviewCard.objects.askable().filter(player=player, due_at__gt=now)
    return cards.order_by("due_at").values_list("due_at", flat=True).first()


def _insert(
    sql: str, player: Player, question_id: int, *, origin: CardOrigin, now: datetime
) -> bool:
    """Insert a card; return whether a row was written."""
    row: dict[str, Any] = {
        "player": player.pk,
        "question": question_id,
        "origin": origin.value,
        "now": now,
        "day": points.today(now),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, row)
        return bool(cursor.rowcount)


def _answered(player: Player, round_question_id: int) -> RoundQuestion:
    """Return a question that the player has answered in a round, or raise StaleTapError."""
    asked = None
    if 0 < round_question_id <= BigIntegerField.MAX_BIGINT:
        own = RoundQuestion.objects.filter(player=player, answered_at__isnull=False)
        asked = own.filter(pk=round_question_id).first()
    if asked is None:
        raise StaleTapError("the player has answered no such question")
    return asked


# --- A review -------------------------------------------------------------------------------------


def start(*, player: Player, now: datetime) -> ReviewQuestion:
    """Return the question that the player's review waits for; without a review of today begin one.

    It has the cards that are due, at most REVIEW_LENGTH, the least retrievable first. However often
    and from however many devices: a player has one open review. One that waits for a question that
    has left play meanwhile is finished as it stands. Locks the review. Raises NothingDueError when
    there is nothing to ask.
    """
    review = _open_review(player)
    if review is not None and points.today(review.started_at) == points.today(now):
        waiting = _waiting(review, now=now)
        if waiting is None:
            number = _asked(review) + 1
            if number <= review.length:
                waiting = _show_next(review, number=number, now=now)
        if waiting is not None and waiting.version.question_row.is_enabled:
            return waiting
    ready = due(player=player, now=now)
    if not ready:
        raise NothingDueError(next_due_at(player=player, now=now))
    if review is not None:
        _finish(review, now=now)  # Of another day, without cards, or with a withdrawn question.
    new = Review(player=player, started_at=now, length=min(ready, REVIEW_LENGTH))
    # Of two starts at once the second waits here, and continues the review of the first.
    Review.objects.bulk_create([new], ignore_conflicts=True)
    review = _open_review(player)
    assert review is not None
    waiting = _waiting(review, now=now)
    shown = waiting or _show_next(review, number=_asked(review) + 1, now=now)
    if shown is None:
        raise NothingDueError(next_due_at(player=player, now=now))
    return shown


def answer(*, player: Player, review_question_id: int, option_index: int, now: datetime) -> Answer:
    """Grade the option at `option_index` against what was shown, and rate the card by it.

    A right answer brings points, unless it came too fast or was asked again after a slip. Locks the
    review, the question and the card. Raises ReviewAnsweredError for a question that has its
    answer, and StaleTapError for one that has left play, of a review that is over, or of somebody
    else.
    """
    question = _lock_question(player, review_question_id)
    if question.version.kind in WRITTEN or not 0 <= option_index < len(question.order):
        raise StaleTapError("this option does not exist")
    _refuse_if_not_waiting(question)
    choice = question.order[option_index]
    is_right = question.is_right(choice)
    return _rate(question, is_right=is_right, choice=choice, player=player, now=now)


def typed_question(*, telegram_id: int) -> ReviewQuestion | None:
    """Return the question of the player's open review that is answered by a message, if it is one.

    One that has left play since is none.
    """
    waiting = ReviewQuestion.objects.filter(
        review__player__telegram_id=telegram_id,
        review__finished_at=None,
        is_answered=False,
        version__kind=Kind.TYPED,
        version__question_row__is_enabled=True,
    )
    return waiting.first()


def answer_text(*, player: Player, text: str, written_at: datetime, now: datetime) -> Answer:
    """Grade what the player has typed for the question that the open review waits for.

    How long it took is counted until it was written. As `answer` in all else. Raises StaleTapError
    when the review waits for something else.
    """
    waiting = typed_question(telegram_id=player.telegram_id)
    if waiting is None:
        raise StaleTapError("the review waits for no text")
    question = _lock_written(player, waiting.pk)
    return _rate_written(
        question,
        text=text[: grading.TYPED_MAX],
        player=player,
        written_at=min(written_at, now),
        now=now,
    )


def skip(*, player: Player, review_question_id: int, now: datetime) -> Answer:
    """Count a question without options as wrong, because the player does not know the answer.

    As `answer` in all else. Raises StaleTapError for a question with options.
    """
    question = _lock_written(player, review_question_id)
    return _rate_written(question, text="", player=player, now=now)


def place_chip(
    *, player: Player, review_question_id: int, chip: int, now: datetime
) -> ReviewQuestion | Answer:
    """Put a word down behind the others; the last one is the answer, which is graded.

    Locks the review, the question and the card. Raises ChipGoneError for a word that stands there
    already, and what `skip` raises.
    """
    question = _lock_written(player, review_question_id)
    if words.put_down(question, chip):
        return _rate_written(question, text=question.sentence(), player=player, now=now)
    question.save(update_fields=["placed"])
    return question


def take_chip_back(*, player: Player, review_question_id: int, placed: int) -> ReviewQuestion:
    """Take the last word back, if so many have been put down as the player saw.

    Locks the review, the question and the card. Raises ChipGoneError if it was taken back already,
    and what `skip` raises.
    """
    question = _lock_written(player, review_question_id)
    words.take_back(question, placed=placed)
    question.save(update_fields=["placed"])
    return question


def _lock_written(player: Player, review_question_id: int) -> ReviewQuestion:
    """Lock and return a question without options that the player's review waits for."""
    question = _lock_question(player, review_question_id)
    if question.version.kind not in WRITTEN:
        raise StaleTapError("this question has options")
    _refuse_if_not_waiting(question)
    return question


def _refuse_if_not_waiting(question: ReviewQuestion) -> None:
    """Raise why a question, which is locked with its review, cannot be answered, if it cannot."""
    if question.is_answered:
        raise ReviewAnsweredError(question)
    if question.review.finished_at is not None:
        raise StaleTapError("the review is over")
    if not question.version.question_row.is_enabled:
        raise StaleTapError("the question is not asked any more")


def _rate_written(
    question: ReviewQuestion,
    *,
    text: str,
    player: Player,
    now: datetime,
    written_at: datetime | None = None,
) -> Answer:
    """Grade a text for a question that is locked and waits, and rate its card."""
    is_right = question.grade(text).is_correct
    return _rate(
        question, is_right=is_right, text=text, player=player, answered_at=written_at, now=now
    )


def _store(log: ReviewLog, before: Memory) -> None:
    """Store an answer with what was remembered of its card, and how sure that was."""
    question = log.question
    log.card = question.card
    log.predicted = None if question.is_repeat else review_rules.predict(before, at=log.answered_at)
    log.before_state = before.state
    log.before_step = before.step
    log.before_stability = before.stability
    log.before_difficulty = before.difficulty
    log.before_last_review_at = before.last_review_at
    log.before_due_at = before.due_at
    log.save(force_insert=True)


def _rate(
    question: ReviewQuestion,
    *,
    is_right: bool,
    player: Player,
    now: datetime,
    choice: int | None = None,
    text: str | None = None,
    answered_at: datetime | None = None,
) -> Answer:
    """Rate the card of a graded question, which is locked and waits, and continue its review.

    What was written may have been written before now: it took no longer than that.
    """
    review, card = question.review, question.card
    # Of two devices the one that looked at the clock first may answer last.
    now = max(now, question.shown_at)
    elapsed = max(answered_at or now, question.shown_at) - question.shown_at
    before = _memory_of(card)
    kind = question.version.kind
    rating = review_rules.rate(is_right=is_right, elapsed=elapsed, kind=kind)
    log = ReviewLog(
        question=question,
        choice=choice,
        text=text,
        is_right=is_right,
        rating=rating.value,
        elapsed_ms=elapsed // timedelta(milliseconds=1),
        answered_at=now,
    )
    _store(log, before)
    question.is_answered = True
    question.save(update_fields=["placed", "is_answered"])
    _remember(card, review_rules.review(before, rating, at=now))
    following = None
    is_over = question.number >= review.length
    if is_right and not is_over:
        following = _show_next(review, number=question.number + 1, now=now)
        is_over = following is None
    if is_over:
        _finish(review, now=now)
    streak = streaks.record_activity(player=player, now=now)
    earned = None
    if not question.is_repeat:
        earned = points.answered(
            player=player,
            kind=PointKind.REVIEW,
            key=points.review_answer_key(review_question_id=question.pk),
            is_correct=is_right,
            shown_at=question.shown_at,
            now=now,
        )
    return Answer(
        question=question,
        choice=choice,
        text=text,
        is_right=is_right,
        streak=streak,
        earned=earned,
        next=following,
        summary=summary(review, now=now) if is_over else None,
    )


def stop(*, player: Player, review_id: int, now: datetime) -> Summary:
    """End an open review; its cards stay as they are. Locks it.

    Raises StaleTapError when it is over already, or of somebody else.
    """
    review = _open_review(player)
    if review is None or review.pk != review_id:
        raise StaleTapError("the review is over")
    _finish(review, now=now)
    return summary(review, now=now)


def undo(*, player: Player, review_question_id: int, now: datetime) -> ReviewQuestion:
    """Take a wrong answer back that was a slip, and return the question, which is asked again.

    The card is as it was before the answer; the log keeps both answers, and neither is held against
    a prediction. Once for a question, within SLIP_WITHIN, and only as long as nothing else has been
    asked since and the question is in play. Locks the review, the question and the card. Raises
    StaleTapError otherwise.
    """
    question = _lock_question(player, review_question_id)
    review, card = question.review, question.card
    log = ReviewLog.objects.filter(question=question).first()
    if log is None or log.is_right or question.is_repeat or question.undone_at is not None:
        raise StaleTapError("this is no wrong answer that can be taken back")
    if now - log.answered_at > SLIP_WITHIN or not _is_latest(question, player):
        raise StaleTapError("it is too late to take this answer back")
    if not question.version.question_row.is_enabled:
        raise StaleTapError("the question is not asked any more")
    question.undone_at = now
    question.save(update_fields=["undone_at"])
    _remember(card, _memory_before(log))
    if review.finished_at is not None:
        review.finished_at = None
        review.save(update_fields=["finished_at"])
    return _show(card, review=review, number=question.number, is_repeat=True, now=now)


def summary(review: Review, *, now: datetime) -> Summary:
    """Return how a review stands. What was a slip is not counted."""
    logs = ReviewLog.objects.filter(question__review=review, question__undone_at=None)
    answers = list(logs.values_list("question_id", "is_right"))
    keys = [points.review_answer_key(review_question_id=pk) for pk, _ in answers]
    player = review.player
    return Summary(
        right=sum(is_right for _, is_right in answers),
        answered=len(answers),
        points=points.of_keys(player=player, keys=keys),
        due=due(player=player, now=now),
        next_due_at=next_due_at(player=player, now=now),
    )


# --- Its steps ------------------------------------------------------------------------------------


def _open_review(player: Player) -> Review | None:
    """Lock and return the open review of the player."""
    reviews = Review.objects.select_for_update(of=["self"]).select_related("player")
    return reviews.filter(player=player, finished_at=None).first()


def _lock_question(player: Player, review_question_id: int) -> ReviewQuestion:
    """Lock and return a question of the player, with its review and card."""
    question = None
    if 0 < review_question_id <= BigIntegerField.MAX_BIGINT:
        question = _question.first(review_question_id=review_question_id)
    if question is None or question.review.player_id != player.pk:
        raise StaleTapError("the player has no such question")
    question.review.player = player
    return question


@prepared.prepared
def _question(*, review_question_id: int) -> QuerySet[ReviewQuestion]:
    locked = ReviewQuestion.objects.select_for_update(of=["review", "self", "card"])
    related = locked.select_related("review", "card", "version__question_row")
    return related.filter(pk=review_question_id)


def _waiting(review: Review, *, now: datetime) -> ReviewQuestion | None:
    """Return the question that the review, which is locked, waits for, as shown from now on."""
    waiting = (
        ReviewQuestion.objects.select_related("review", "card", "version__question_row")
        .filter(review=review, is_answered=False)
        .first()
    )
    if waiting is not None:
        waiting.shown_at = max(now, waiting.shown_at)
        waiting.save(update_fields=["shown_at"])
    return waiting


def _asked(review: Review) -> int:
    """Return the number of the latest question of the review; 0 before the first."""
    asked = ReviewQuestion.objects.filter(review=review).order_by("-number")
    return asked.values_list("number", flat=True).first() or 0


def _show_next(review: Review, *, number: int, now: datetime) -> ReviewQuestion | None:
    """Ask the least retrievable of the due cards that the review has not asked; None of none."""
    row: dict[str, Any] = {"player": review.player_id, "review": review.pk, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_LEAST_RETRIEVABLE, row)
        found = cursor.fetchone()
    if found is None:
        return None
    card = ReviewCard.objects.get(pk=found[0])
    return _show(card, review=review, number=number, is_repeat=False, now=now)


def _show(
    card: ReviewCard, *, review: Review, number: int, is_repeat: bool, now: datetime
) -> ReviewQuestion:
    """Write down that the card is asked, by the newest version of its question."""
    version = QuestionVersion.objects.select_related("question_row").get(
        question_row=card.question_id, number=F("question_row__version")
    )
    question = ReviewQuestion(
        review=review,
        number=number,
        is_repeat=is_repeat,
        card=card,
        version=version,
        order=bank.shuffled(len(version.options)),
        shown_at=now,
    )
    if version.kind == Kind.ORDER:
        question.chips = bank.shuffled(len(question.words()))
    prepared.insert(question)
    return question


def _is_latest(question: ReviewQuestion, player: Player) -> bool:
    """Return whether the player has been asked nothing else in a review since."""
    later = ReviewQuestion.objects.filter(review__player=player, pk__gt=question.pk)
    return not later.exists()


def _finish(review: Review, *, now: datetime) -> None:
    """End an open review, which is locked."""
    review.finished_at = now
    review.save(update_fields=["finished_at"])


def _memory_of(card: ReviewCard) -> Memory:
    return Memory(
        state=card.state,
        step=card.step,
        stability=card.stability,
        difficulty=card.difficulty,
        due_at=card.due_at,
        last_review_at=card.last_review_at,
    )


def _memory_before(log: ReviewLog) -> Memory:
    return Memory(
        state=log.before_state,
        step=log.before_step,
        stability=log.before_stability,
        difficulty=log.before_difficulty,
        due_at=log.before_due_at,
        last_review_at=log.before_last_review_at,
    )


def _remember(card: ReviewCard, memory: Memory) -> None:
    """Write what FSRS knows of a card, which is locked."""
    card.state, card.step = memory.state, memory.step
    card.stability, card.difficulty = memory.stability, memory.difficulty
    card.due_at, card.last_review_at = memory.due_at, memory.last_review_at
    card.save(
        update_fields=["state", "step", "stability", "difficulty", "due_at", "last_review_at"]
    )
