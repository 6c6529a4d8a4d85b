"""Typed answers and words to be put in order, in rounds. Product rules, section 15."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from economy.models import StreakDay
from quizarena.game import grading, rounds
from quizarena.game.errors import (
    AlreadyAnsweredError,
    ChipGoneError,
    QuestionRefundedError,
    StaleTapError,
)
from quizarena.game.models import DayPoints, Mode, Question, Round, RoundQuestion
from quizarena.game.rounds import Answer
from quizarena.players.models import Player
from tests.concurrency import run_together
from tests.factories import PlayerFactory, QuestionFactory

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORDERS = ["Heute fragt er den Chef.", "Er fragt heute den Chef.", "Den Chef fragt er heute."]


def make_typed(**fields: Any) -> Question:
    """Store a question whose answer is typed."""
    return QuestionFactory.create(
        **{
            "question": "Gestern hat Mia den Text ___. (übersetzen, Perfekt)",
            "kind": "typed",
            "option_1": "übersetzt",
            "option_2": "",
            "option_3": "",
            "option_4": "",
            "correct_option_id": 0,
            **fields,
        }
    )


def make_order(**fields: Any) -> Question:
    """Store a sentence to be put together, with three orders."""
    return make_typed(
        **{
            "question": "Ordne die Wörter zu einem Satz:",
            "kind": "order",
            "option_1": ORDERS[0],
            "accepted": ORDERS[1:],
            **fields,
        }
    )


@pytest.fixture
def anna(db: None) -> Player:
    return PlayerFactory.create()


def begin(player: Player, key: str = "k") -> RoundQuestion:
    """Let the player start a round."""
    with transaction.atomic():
        return rounds.start(
            player=player, mode=Mode.ARTIKEL_SPRINT, key=key, now=NOON
        ).round_question


def write(player: Player, text: str) -> Answer:
    """Let the player write an answer two seconds after the question."""
    with transaction.atomic():
        return rounds.answer_text(player=player, text=text, now=NOON + 2 * SECOND)


def place(player: Player, shown: RoundQuestion, chip: int) -> RoundQuestion | Answer:
    """Let the player put a word down."""
    with transaction.atomic():
        return rounds.place_chip(
            player=player, round_question_id=shown.pk, chip=chip, now=NOON + 2 * SECOND
        )


def put_together(player: Player, shown: RoundQuestion, sentence: str) -> Answer:
    """Let the player put all words down in the order of the sentence."""
    words = [grading.comparable(word) for word in shown.words()]
    outcome: RoundQuestion | Answer = shown
    for word in grading.words_of(sentence):
        outcome = place(player, shown, words.index(grading.comparable(word)))
    assert isinstance(outcome, Answer)
    return outcome


class TestTyped:
    @pytest.mark.parametrize(
        ("text", "is_correct"),
        [("übersetzt", True), ("Uebersetzt!", True), ("übergesetzt", False), ("   ", False)],
    )
    def test_a_text_is_graded(self, anna: Player, text: str, is_correct: bool) -> None:
        make_typed()
        shown = begin(anna)

        outcome = write(anna, text)

        graded = RoundQuestion.objects.get(pk=shown.pk)
        assert outcome.graded == graded
        assert (graded.is_correct, graded.choice, graded.text) == (is_correct, None, text)
        assert graded.answered_at == NOON + 2 * SECOND
        assert StreakDay.objects.filter(player=anna).exists()
        points = DayPoints.objects.filter(player=anna).values_list("points", flat=True)
        assert list(points) == ([10] if is_correct else [])

    def test_the_round_continues_with_any_kind(self, anna: Player) -> None:
        make_typed()
        make_order()
        QuestionFactory.create_batch(9)
        shown = begin(anna)

        for number in range(1, 11):
            kind = shown.version.kind
            with transaction.atomic():
                if kind == "choice":
                    outcome = rounds.answer(
                        player=anna, round_question_id=shown.pk, option_index=0, now=NOON
                    )
                else:
                    outcome = rounds.skip(player=anna, round_question_id=shown.pk, now=NOON)
            assert outcome.graded.number == number
            assert (outcome.next is None) is (number == 10)
            shown = outcome.next or shown

        assert Round.objects.get().state == "FINISHED"

    def test_it_is_graded_by_the_version_that_was_shown(self, anna: Player) -> None:
        asked = make_typed()
        begin(anna)
        Question.objects.filter(pk=asked.pk).update(option_1="gelesen")

        assert write(anna, "übersetzt").graded.is_correct

    def test_a_text_is_awaited_while_the_question_waits(self, anna: Player) -> None:
        make_typed()
        other = PlayerFactory.create()

        before = rounds.typed_question(telegram_id=anna.telegram_id)
        shown = begin(anna)
        during = rounds.typed_question(telegram_id=anna.telegram_id)
        others = rounds.typed_question(telegram_id=other.telegram_id)
        Question.objects.update(kind="choice", option_2="nein")
        write(anna, "übersetzt")
        after = rounds.typed_question(telegram_id=anna.telegram_id)

        assert (before, during, others, after) == (None, shown, None, None)

    def test_a_text_for_a_question_that_was_refunded_says_so(self, anna: Player) -> None:
        make_typed()
        shown = begin(anna)
        rounds.refund_question(round_question_id=shown.pk, now=NOON)

        assert rounds.typed_question(telegram_id=anna.telegram_id) == shown
        with pytest.raises(QuestionRefundedError):
            write(anna, "übersetzt")
        assert RoundQuestion.objects.get().text is None

    def test_nothing_is_typed_for_a_question_with_options(self, anna: Player) -> None:
        QuestionFactory.create()
        begin(anna)

        with pytest.raises(StaleTapError):
            write(anna, "der")

    def test_a_typed_question_has_no_options_to_tap(self, anna: Player) -> None:
        make_typed()
        shown = begin(anna)

        with pytest.raises(StaleTapError):
            rounds.answer(player=anna, round_question_id=shown.pk, option_index=0, now=NOON)

    def test_who_does_not_know_it_is_wrong(self, anna: Player) -> None:
        make_typed()
        shown = begin(anna)

        with transaction.atomic():
            outcome = rounds.skip(player=anna, round_question_id=shown.pk, now=NOON)

        assert (outcome.graded.is_correct, outcome.graded.text) == (False, "")
        with pytest.raises(AlreadyAnsweredError), transaction.atomic():
            rounds.skip(player=anna, round_question_id=shown.pk, now=NOON)

    def test_a_text_of_any_length_is_kept_within_its_column(self, anna: Player) -> None:
        make_typed()
        begin(anna)

        assert len(write(anna, "x" * 5_000).graded.text or "") == 200


class TestOrder:
    @pytest.mark.parametrize(
        ("sentence", "is_correct"),
        [
            (ORDERS[0], True),
            (ORDERS[1], True),
            (ORDERS[2], True),
            ("heute er fragt den Chef", False),
        ],
    )
    def test_every_order_that_is_filed_is_right(
        self, anna: Player, sentence: str, is_correct: bool
    ) -> None:
        make_order()
        shown = begin(anna)

        outcome = put_together(anna, shown, sentence)

        graded = RoundQuestion.objects.get(pk=shown.pk)
        assert outcome.graded.is_correct is is_correct
        assert (graded.is_correct, graded.choice) == (is_correct, None)
        assert (graded.text or "").lower() == sentence.rstrip(".").lower()
        assert graded.grade(graded.text or "").understood == (sentence if is_correct else "")

    def test_the_words_are_shuffled_and_stay_so(self, anna: Player) -> None:
        make_order()

        shown = begin(anna)

        assert sorted(shown.chips) == [0, 1, 2, 3, 4]
        assert RoundQuestion.objects.get(pk=shown.pk).chips == shown.chips
        assert shown.words() == ["heute", "fragt", "er", "den", "Chef"]

    def test_a_second_tap_on_a_word_changes_nothing(self, anna: Player) -> None:
        make_order()
        shown = begin(anna)
        place(anna, shown, 2)

        with pytest.raises(ChipGoneError):
            place(anna, shown, 2)

        assert RoundQuestion.objects.get(pk=shown.pk).placed == [2]

    def test_a_word_is_taken_back_once(self, anna: Player) -> None:
        make_order()
        shown = begin(anna)
        place(anna, shown, 2)
        place(anna, shown, 0)

        with transaction.atomic():
            after = rounds.take_chip_back(player=anna, round_question_id=shown.pk, placed=2)
        with pytest.raises(ChipGoneError), transaction.atomic():
            rounds.take_chip_back(player=anna, round_question_id=shown.pk, placed=2)

        assert after.sentence() == "er"
        assert RoundQuestion.objects.get(pk=shown.pk).placed == [2]

    @pytest.mark.parametrize("chip", [5, -1, 99])
    def test_there_is_no_such_word(self, anna: Player, chip: int) -> None:
        make_order()
        shown = begin(anna)

        with pytest.raises(StaleTapError):
            place(anna, shown, chip)

    @pytest.mark.parametrize("placed", [0, 1, -1])
    def test_there_is_nothing_to_take_back(self, anna: Player, placed: int) -> None:
        make_order()
        shown = begin(anna)

        with pytest.raises(ChipGoneError):
            rounds.take_chip_back(player=anna, round_question_id=shown.pk, placed=placed)

    def test_the_words_are_the_players_own(self, anna: Player) -> None:
        make_order()
        shown = begin(anna)

        with pytest.raises(StaleTapError):
            place(PlayerFactory.create(), shown, 0)

    def test_a_question_that_was_refunded_takes_no_word(self, anna: Player) -> None:
        make_order()
        shown = begin(anna)
        rounds.refund_question(round_question_id=shown.pk, now=NOON)

        with pytest.raises(QuestionRefundedError):
            place(anna, shown, 0)


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    def test_an_answer_with_option_and_text(self, anna: Player) -> None:
        make_typed()
        begin(anna)

        with pytest.raises(IntegrityError, match="roundquestion_answered_wholly"):
            RoundQuestion.objects.update(answered_at=NOON, is_correct=True, choice=0, text="x")

    def test_an_answer_with_neither(self, anna: Player) -> None:
        make_typed()
        begin(anna)

        with pytest.raises(IntegrityError, match="roundquestion_answered_wholly"):
            RoundQuestion.objects.update(answered_at=NOON, is_correct=True)

    def test_a_text_without_an_answer(self, anna: Player) -> None:
        make_typed()
        begin(anna)

        with pytest.raises(IntegrityError, match="roundquestion_answered_wholly"):
            RoundQuestion.objects.update(text="übersetzt")

    @pytest.mark.parametrize("placed", [[9], [0, 0, 0, 0, 0, 0]])
    def test_words_that_are_not_there(self, anna: Player, placed: list[int]) -> None:
        make_order()
        begin(anna)

        with pytest.raises(IntegrityError, match="roundquestion_placed_are_chips"):
            RoundQuestion.objects.update(placed=placed)

    def test_words_after_the_answer(self, anna: Player) -> None:
        make_order()
        shown = begin(anna)
        put_together(anna, shown, ORDERS[0])

        with pytest.raises(DatabaseError, match="Cannot update"):
            RoundQuestion.objects.filter(pk=shown.pk).update(placed=[])


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_two_last_words_at_once_one_is_graded(self) -> None:
        anna = PlayerFactory.create()
        make_order()
        shown = begin(anna)
        for chip in (0, 1, 2, 3):
            place(anna, shown, chip)

        results = run_together(partial(place, anna, shown, 4), partial(place, anna, shown, 4))

        names = sorted(type(result).__name__ for result in results)
        assert names == ["AlreadyAnsweredError", "Answer"]

    def test_of_two_texts_at_once_one_is_graded(self) -> None:
        anna = PlayerFactory.create()
        make_typed()
        begin(anna)
        QuestionFactory.create_batch(3)

        results = run_together(partial(write, anna, "übersetzt"), partial(write, anna, "falsch"))

        names = sorted(type(result).__name__ for result in results)
        # The next question may be the typed one again; then the second text is for that.
        assert names in (["Answer", "StaleTapError"], ["Answer", "Answer"])
        assert RoundQuestion.objects.filter(number=1, answered_at__isnull=False).count() == 1
