"""Typed answers and words to be put in order, in reviews. Product rules, section 15."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from quizarena.game import grading, reviews
from quizarena.game.errors import ChipGoneError, ReviewAnsweredError, StaleTapError
from quizarena.game.models import PointEvent, Question, ReviewCard, ReviewLog, ReviewQuestion
from quizarena.game.reviews import Answer
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import PlayerFactory
from tests.game.reviewing import (
    MILLISECOND,
    MINUTE,
    NOON,
    SECOND,
    make_card,
    make_question,
    start,
    undo,
)
from tests.game.test_written_answers import ORDERS, make_order, make_typed

EASY, GOOD, HARD = 4, 3, 2


@pytest.fixture
def anna(db: None) -> Player:
    return PlayerFactory.create()


def write(
    player: Player,
    text: str = "übersetzt",
    *,
    at: timedelta = 10 * SECOND,
    worked_at: timedelta | None = None,
) -> Answer:
    """Let the player write an answer, which is worked on at once unless it is said when."""
    written_at = NOON + at
    now = written_at if worked_at is None else NOON + worked_at
    with transaction.atomic():
        return reviews.answer_text(player=player, text=text, written_at=written_at, now=now)


def skip(player: Player, asked: ReviewQuestion) -> Answer:
    """Let the player say that they do not know it."""
    with transaction.atomic():
        return reviews.skip(player=player, review_question_id=asked.pk, now=NOON + 10 * SECOND)


def place(
    player: Player, asked: ReviewQuestion, chip: int, *, at: timedelta = 20 * SECOND
) -> ReviewQuestion | Answer:
    """Let the player put a word down."""
    with transaction.atomic():
        return reviews.place_chip(
            player=player, review_question_id=asked.pk, chip=chip, now=NOON + at
        )


def take_back(player: Player, asked: ReviewQuestion, placed: int) -> ReviewQuestion:
    """Let the player take the last word back, of so many as they see."""
    with transaction.atomic():
        return reviews.take_chip_back(player=player, review_question_id=asked.pk, placed=placed)


def put_together(
    player: Player, asked: ReviewQuestion, sentence: str, *, at: timedelta = 20 * SECOND
) -> Answer:
    """Let the player put all words down in the order of the sentence."""
    words = [grading.comparable(word) for word in asked.words()]
    outcome: ReviewQuestion | Answer = asked
    for word in grading.words_of(sentence):
        outcome = place(player, asked, words.index(grading.comparable(word)), at=at)
    assert isinstance(outcome, Answer)
    return outcome


class TestTyped:
    @pytest.mark.parametrize(
        ("elapsed", "rating"),
        [
            (8 * SECOND - MILLISECOND, EASY),
            (8 * SECOND, GOOD),
            (30 * SECOND, GOOD),
            (30 * SECOND + MILLISECOND, HARD),
        ],
    )
    def test_a_right_answer_is_rated_by_its_time(
        self, anna: Player, elapsed: timedelta, rating: int
    ) -> None:
        make_card(anna, question=make_typed())
        start(anna)

        answer = write(anna, at=elapsed)

        log = ReviewLog.objects.get()
        assert (answer.is_right, answer.text, answer.choice) == (True, "übersetzt", None)
        assert (log.rating, log.text, log.choice) == (rating, "übersetzt", None)
        assert log.elapsed_ms == elapsed / MILLISECOND
        assert ReviewCard.objects.get().last_review_at == log.answered_at == NOON + elapsed
        assert PointEvent.objects.get().points == 5

    @pytest.mark.parametrize(
        ("at", "elapsed_ms", "rating"),
        [
            (7 * SECOND, 7_000, EASY),
            # Somebody else's clock may be behind ours, or ahead.
            (-1 * SECOND, 0, EASY),
            (3 * MINUTE, 120_000, HARD),
        ],
    )
    def test_it_took_until_it_was_written_and_the_card_was_known_when_it_is_worked_on(
        self, anna: Player, at: timedelta, elapsed_ms: int, rating: int
    ) -> None:
        make_card(anna, question=make_typed())
        start(anna)

        write(anna, at=at, worked_at=2 * MINUTE)

        log = ReviewLog.objects.get()
        assert (log.elapsed_ms, log.rating) == (elapsed_ms, rating)
        assert ReviewCard.objects.get().last_review_at == log.answered_at == NOON + 2 * MINUTE

    def test_a_wrong_one_comes_back_after_a_minute_and_can_be_a_slip(self, anna: Player) -> None:
        make_card(anna, question=make_typed())
        asked = start(anna)

        wrong = write(anna, "übersetzen")
        again = undo(anna, asked, NOON + MINUTE)
        right = write(anna, at=2 * MINUTE)

        assert (wrong.is_right, wrong.text) == (False, "übersetzen")
        assert (right.is_right, right.question.pk) == (True, again.pk)
        assert list(ReviewLog.objects.order_by("pk").values_list("text", "rating")) == [
            ("übersetzen", 1), ("übersetzt", HARD),
        ]  # fmt: skip

    def test_who_does_not_know_it_is_wrong(self, anna: Player) -> None:
        make_card(anna, question=make_typed())

        answer = skip(anna, start(anna))

        assert (answer.is_right, answer.text) == (False, "")
        assert (ReviewLog.objects.get().text, ReviewLog.objects.get().rating) == ("", 1)

    def test_it_is_graded_by_the_version_that_was_shown(self, anna: Player) -> None:
        question = make_typed()
        make_card(anna, question=question)
        start(anna)
        question.option_1 = "gelesen"
        question.save()

        assert write(anna).is_right

    def test_a_text_of_any_length_is_kept_within_its_column(self, anna: Player) -> None:
        make_card(anna, question=make_typed())
        start(anna)

        write(anna, "ü" * 201)

        assert ReviewLog.objects.get().text == "ü" * 200

    def test_a_text_is_awaited_while_its_card_waits(self, anna: Player) -> None:
        typed = make_typed()
        make_card(anna, question=typed, due=NOON - MINUTE)
        make_card(anna, question=make_question())
        assert reviews.typed_question(telegram_id=anna.telegram_id) is None

        asked = start(anna)
        waiting = reviews.typed_question(telegram_id=anna.telegram_id)
        others = reviews.typed_question(telegram_id=PlayerFactory.create().telegram_id)
        Question.objects.filter(pk=typed.pk).update(is_enabled=False)
        withdrawn = reviews.typed_question(telegram_id=anna.telegram_id)
        Question.objects.filter(pk=typed.pk).update(is_enabled=True)
        following = write(anna)

        assert (waiting, others, withdrawn) == (asked, None, None)
        assert following.next is not None
        assert reviews.typed_question(telegram_id=anna.telegram_id) is None
        with pytest.raises(StaleTapError):
            write(anna)

    def test_it_has_no_options_to_tap_and_one_with_options_takes_no_text(
        self, anna: Player
    ) -> None:
        make_card(anna, question=make_typed(), due=NOON - MINUTE)
        make_card(anna, question=make_question())
        typed = start(anna)
        with pytest.raises(StaleTapError), transaction.atomic():
            reviews.answer(
                player=anna, review_question_id=typed.pk, option_index=0, now=NOON + SECOND
            )
        choice = write(anna).next
        assert choice is not None

        for call in (
            partial(write, anna),
            partial(skip, anna, choice),
            partial(place, anna, choice, 0),
            partial(take_back, anna, choice, 0),
        ):
            with pytest.raises(StaleTapError):
                call()
        assert ReviewLog.objects.count() == 1


class TestOrder:
    @pytest.mark.parametrize(
        ("elapsed", "rating"),
        [
            (15 * SECOND - MILLISECOND, EASY),
            (15 * SECOND, GOOD),
            (60 * SECOND, GOOD),
            (60 * SECOND + MILLISECOND, HARD),
        ],
    )
    def test_a_right_answer_is_rated_by_its_time(
        self, anna: Player, elapsed: timedelta, rating: int
    ) -> None:
        make_card(anna, question=make_order())
        asked = start(anna)

        answer = put_together(anna, asked, ORDERS[1], at=elapsed)

        log = ReviewLog.objects.get()
        assert answer.is_right
        assert (log.rating, log.choice, log.elapsed_ms) == (rating, None, elapsed / MILLISECOND)
        assert str(log.text).lower() == "er fragt heute den chef"

    def test_a_wrong_order_is_wrong(self, anna: Player) -> None:
        make_card(anna, question=make_order())

        answer = put_together(anna, start(anna), "Er heute fragt den Chef.")

        assert (answer.is_right, ReviewLog.objects.get().rating) == (False, 1)

    def test_the_words_are_shuffled_and_stay_where_they_are_when_it_is_continued(
        self, anna: Player
    ) -> None:
        make_card(anna, question=make_order())
        asked = start(anna)
        place(anna, asked, 2)
        place(anna, asked, 0)

        again = start(anna, NOON + MINUTE)

        assert sorted(asked.chips) == [0, 1, 2, 3, 4]
        assert (again.pk, again.chips, again.placed) == (asked.pk, asked.chips, [2, 0])

    def test_a_second_tap_on_a_word_changes_nothing(self, anna: Player) -> None:
        make_card(anna, question=make_order())
        asked = start(anna)
        place(anna, asked, 2)

        with pytest.raises(ChipGoneError):
            place(anna, asked, 2)
        take_back(anna, asked, 1)
        with pytest.raises(ChipGoneError):
            take_back(anna, asked, 1)
        with pytest.raises(ChipGoneError):
            take_back(anna, asked, 0)
        for chip in (-1, 5):
            with pytest.raises(StaleTapError):
                place(anna, asked, chip)
        asked.refresh_from_db()
        assert asked.placed == []

    def test_nobody_puts_down_for_others_and_nothing_after_the_end(self, anna: Player) -> None:
        question = make_order()
        make_card(anna, question=question)
        asked = start(anna)
        for call in (
            partial(place, PlayerFactory.create(), asked, 0),
            partial(skip, PlayerFactory.create(), asked),
        ):
            with pytest.raises(StaleTapError):
                call()
        Question.objects.filter(pk=question.pk).update(is_enabled=False)
        with pytest.raises(StaleTapError):
            place(anna, asked, 0)
        Question.objects.filter(pk=question.pk).update(is_enabled=True)
        put_together(anna, asked, ORDERS[0])

        for call in (partial(place, anna, asked, 0), partial(skip, anna, asked)):
            with pytest.raises(ReviewAnsweredError):
                call()
        assert ReviewLog.objects.count() == 1

    def test_a_review_that_was_stopped_takes_no_word(self, anna: Player) -> None:
        make_card(anna, question=make_order())
        asked = start(anna)
        with transaction.atomic():
            reviews.stop(player=anna, review_id=asked.review_id, now=NOON + SECOND)

        for call in (partial(place, anna, asked, 0), partial(skip, anna, asked)):
            with pytest.raises(StaleTapError):
                call()


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.mark.parametrize(
        "fields", [{"choice": 0, "text": "übersetzt"}, {"choice": None, "text": None}]
    )
    def test_an_answer_with_option_and_text_or_with_neither(
        self, anna: Player, fields: dict[str, Any]
    ) -> None:
        make_card(anna, question=make_typed())
        asked = start(anna)

        with pytest.raises(IntegrityError, match="reviewlog_choice_or_text"), transaction.atomic():
            ReviewLog.objects.create(
                question=asked, card=asked.card, is_right=True, rating=3, elapsed_ms=1,
                answered_at=NOON, before_state=1, before_due_at=NOON, **fields,
            )  # fmt: skip

    @pytest.mark.parametrize("placed", [[9], [0, 0, 0, 0, 0, 0]])
    def test_words_that_are_not_there(self, anna: Player, placed: list[int]) -> None:
        make_card(anna, question=make_order())
        start(anna)

        with pytest.raises(IntegrityError, match="reviewquestion_placed_are_chips"):
            ReviewQuestion.objects.update(placed=placed)

    def test_other_words_than_were_shown(self, anna: Player, owner: None) -> None:
        make_card(anna, question=make_order())
        start(anna)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            ReviewQuestion.objects.update(chips=[0])


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def write_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let two devices answer one card by a text at once; return their outcomes."""
        anna = PlayerFactory.create()
        for number in range(2):
            make_card(anna, question=make_typed(), due=NOON - number * MINUTE)
        start(anna)
        # Both have seen the card that waits, before either has locked it.
        meet_after(monkeypatch, reviews, "typed_question", "_lock_question")

        results = run_together(partial(write, anna), partial(write, anna, "falsch"))

        return sorted(type(result).__name__ for result in results)

    def test_of_two_texts_at_once_one_is_graded_and_none_hits_the_next_card(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.write_twice(monkeypatch) == ["Answer", "ReviewAnsweredError"]

        assert ReviewLog.objects.count() == 1

    def test_without_the_lock_one_of_the_texts_breaks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert self.write_twice(monkeypatch) == ["Answer", "IntegrityError"]

    def place_two(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Let two devices put two words down at once; return those that stand there."""
        anna = PlayerFactory.create()
        make_card(anna, question=make_order())
        asked = start(anna)
        meet_after(monkeypatch, reviews, "_lock_question")

        run_together(*[partial(place, anna, asked, chip) for chip in (1, 3)])

        asked.refresh_from_db()
        return sorted(asked.placed)

    def test_of_two_words_at_once_both_are_put_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.place_two(monkeypatch) == [1, 3]

    def test_without_the_lock_one_of_the_words_is_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert self.place_two(monkeypatch) in ([1], [3])

    def test_of_two_last_words_at_once_one_is_graded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anna = PlayerFactory.create()
        make_card(anna, question=make_order())
        asked = start(anna)
        for chip in (0, 1, 2, 3):
            place(anna, asked, chip)
        meet_after(monkeypatch, reviews, "_lock_question")

        results = run_together(*[partial(place, anna, asked, 4)] * 2)

        names = sorted(type(result).__name__ for result in results)
        assert names == ["Answer", "ReviewAnsweredError"]
        assert ReviewLog.objects.count() == 1
