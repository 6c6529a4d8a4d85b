"""Exercises beside the choice of an option, message by message, through the sandbox."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from economy import wallets
from quizarena.game import grading, rounds
from quizarena.game.models import Question, ReviewLog, Round, RoundQuestion
from tests.bot.screens.buyers import newcomer, row, tap, toast, travel
from tests.conftest import Road
from tests.factories import QuestionFactory
from tests.game.reviewing import make_card
from tests.game.test_round import labels
from tests.game.test_written_answers import ORDERS, make_order, make_typed
from tests.sandbox import buttons

Json = dict[str, Any]

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    pass


def start(road: Road, player: int) -> Json:
    """Let the player start a round; return its first question."""
    return tap(road, player, "play:ARTIKEL_SPRINT:k")


def data(message: Json, label: str) -> str:
    """Return what the first button with this label sends."""
    return str(next(one["callback_data"] for one in buttons(message) if one["text"] == label))


def say(road: Road, player: int, text: str) -> Json:
    """Let the player write; return the bot's last message."""
    road.sandbox.say(player, text)
    travel(road)
    return road.sandbox.last_message(player)


class TestTyped:
    def test_a_message_is_the_answer(self, road: Road) -> None:
        make_typed()
        QuestionFactory.create_batch(3)
        Question.objects.exclude(kind="typed").update(is_enabled=False)
        anna = newcomer(road)

        asked = start(road, anna)
        Question.objects.filter(kind="choice").update(is_enabled=True)
        Question.objects.filter(kind="typed").update(is_enabled=False)
        answered = say(road, anna, "uebersetzt")

        assert asked["text"] == (
            "A1 · Article sprint\n●○○○○○○○○○ 1/10\n\n"
            "Gestern hat Mia den Text ___. (übersetzen, Perfekt)\n\n"
            "✍️ Write your answer as a message.\n\n⚡ 19/20 · next point in 30 minutes"
        )
        assert labels(asked) == ["🤷 I don't know", "⏹ Stop"]
        assert answered["text"].startswith(
            "✅ Gestern hat Mia den Text übersetzt. (übersetzen, Perfekt)\n"
            "✍️ It is written übersetzt.\n💡 „Tisch“ ist maskulin.\n"
        )
        assert "2/10" in answered["text"]
        assert answered["message_id"] > asked["message_id"]
        assert any("⭐" in label for label in labels(answered))

    def test_what_is_wrong_stands_beside_what_is_right(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        start(road, anna)

        answered = say(road, anna, "<b>übersetzen")

        assert answered["text"].startswith(
            "❌ Gestern hat Mia den Text übersetzt. (übersetzen, Perfekt)\n"
            "You answered: <b>übersetzen\n💡"
        )

    def test_it_may_be_the_last_for_want_of_energy(self, road: Road) -> None:
        make_typed()
        QuestionFactory.create_batch(3)
        Question.objects.exclude(kind="typed").update(is_enabled=False)
        anna = newcomer(road)
        for number in range(19):
            wallets.charge_question(player=row(anna), key=f"spent:{number}", now=timezone.now())
        start(road, anna)
        Question.objects.update(is_enabled=True)

        say(road, anna, "übersetzen")

        result = next(one for one in road.sandbox.chat(anna) if "🏁" in one.get("text", ""))
        assert "0 of 1 question right" in result["text"]
        assert "🪫 Your energy is used up." in result["text"]
        assert Round.objects.get().state == "FINISHED"

    def test_who_does_not_know_it_taps(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        asked = start(road, anna)

        answered = tap(road, anna, data(asked, "🤷 I don't know"))

        assert answered["text"].startswith("❌ Gestern hat Mia den Text übersetzt.")
        assert "You answered" not in answered["text"]
        assert answered["message_id"] == asked["message_id"]
        assert toast(road, anna) == "Not quite ❌"

    def test_a_command_and_a_letter_are_no_answers(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        start(road, anna)

        road.say(anna, "/wallet")
        say(road, anna, "x" * 201)

        assert RoundQuestion.objects.get().answered_at is None

    def test_the_code_that_was_asked_for_comes_first(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        start(road, anna)
        road.say(anna, "/promo")

        say(road, anna, "übersetzt")

        assert RoundQuestion.objects.get().answered_at is None

    @pytest.mark.parametrize(("minutes", "is_answered"), [(29, True), (31, False)])
    def test_for_half_an_hour_a_message_is_the_answer(
        self, road: Road, minutes: int, is_answered: bool
    ) -> None:
        make_typed()
        with time_machine.travel(NOON, tick=False) as clock:
            anna = newcomer(road)
            start(road, anna)
            clock.shift(minutes * 60)
            answer = say(road, anna, "danke")

        assert RoundQuestion.objects.filter(number=1, text="danke").exists() is is_answered
        if not is_answered:
            assert "did not understand" in answer["text"]
            assert labels(answer)[0] == "▶️ Continue (1/10)"

    def test_what_was_written_in_time_counts_however_late_it_is_worked_on(self, road: Road) -> None:
        make_typed()
        with time_machine.travel(NOON, tick=False) as clock:
            anna = newcomer(road)
            start(road, anna)
            clock.shift(29 * 60)
            road.sandbox.say(anna, "übersetzt")
            clock.shift(3600)
            travel(road)

        assert RoundQuestion.objects.get(number=1).text == "übersetzt"

    def test_a_text_that_was_sent_twice_does_not_answer_the_next_question(self, road: Road) -> None:
        make_typed()
        with time_machine.travel(NOON, tick=False) as clock:
            anna = newcomer(road)
            make_card(row(anna), question=make_typed(question="Lies ___! (das Buch)"), due=NOON)
            road.say(anna, "/review")
            clock.shift(5)
            start(road, anna)
            clock.shift(5)
            road.sandbox.say(anna, "übersetzt")
            road.sandbox.say(anna, "übersetzt")
            clock.shift(60)
            travel(road)
            late = road.sandbox.last_message(anna)
            answered = say(road, anna, "gelesen")

        assert "did not understand" in late["text"]
        assert labels(late)[0] == "▶️ Continue (2/10)"
        assert "3/10" in answered["text"]
        texts = RoundQuestion.objects.order_by("number").values_list("text", flat=True)
        assert list(texts) == ["übersetzt", "gelesen", None]
        assert not ReviewLog.objects.exists()

    def test_who_continues_later_has_half_an_hour_again(self, road: Road) -> None:
        make_typed()
        with time_machine.travel(NOON, tick=False) as clock:
            anna = newcomer(road)
            start(road, anna)
            clock.shift(3600)
            tap(road, anna, data(road.say(anna, "/start"), "▶️ Continue (1/10)"))
            clock.shift(29 * 60)
            answer = say(road, anna, "übersetzt")

        assert answer["text"].startswith("✅ Gestern hat Mia den Text übersetzt.")

    def test_an_answer_to_a_question_that_was_refunded_brings_another(self, road: Road) -> None:
        asked = make_typed()
        anna = newcomer(road)
        start(road, anna)
        QuestionFactory.create()
        Question.objects.filter(pk=asked.pk).update(is_enabled=False)
        refunded = RoundQuestion.objects.get()
        rounds.refund_question(round_question_id=refunded.pk, now=timezone.now())

        another = say(road, anna, "übersetzt")

        assert another["text"].startswith(
            "This question was taken out, and its energy is yours again. Here is another one!\n\n"
            "A1 · Article sprint\n●○○○○○○○○○ 1/10\n\n"
        )
        assert another["text"].endswith("⚡ 19/20 · next point in 30 minutes")
        assert sorted(labels(another)[:4]) == ["das", "den", "der", "die"]
        refunded.refresh_from_db()
        assert (refunded.text, refunded.answered_at) == (None, None)

    def test_an_answer_to_a_refunded_question_says_if_there_is_no_other(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        start(road, anna)
        Question.objects.update(is_enabled=False)
        refunded = RoundQuestion.objects.get()
        rounds.refund_question(round_question_id=refunded.pk, now=timezone.now())

        answer = say(road, anna, "übersetzt")

        assert answer["text"].startswith("There are no questions in this mode yet.")
        assert labels(answer)[0] == "▶️ Continue (1/10)"

    def test_after_the_round_a_text_is_a_text(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        start(road, anna)
        tap(road, anna, f"stop:{Round.objects.get().pk}")

        say(road, anna, "übersetzt")

        assert RoundQuestion.objects.get().answered_at is None

    def test_ten_right_texts_are_celebrated(self, road: Road) -> None:
        make_typed()
        anna = newcomer(road)
        start(road, anna)

        for _ in range(10):
            say(road, anna, "übersetzt")

        assert Round.objects.get().state == "FINISHED"
        assert "10 of 10 questions right" in "".join(
            it["text"] for it in road.sandbox.chat(anna) if it.get("text")
        )


class TestOrder:
    def test_words_are_put_down_one_by_one(self, road: Road) -> None:
        make_order()
        anna = newcomer(road)
        asked = start(road, anna)

        message = asked
        for word in ("er", "fragt"):
            message = tap(road, anna, data(message, word))
        so_far = message
        for word in ("heute", "den", "Chef"):
            message = tap(road, anna, data(message, word))

        assert "Ordne die Wörter zu einem Satz:\n\n✏️ ___.\n\n⚡ 19/20" in asked["text"]
        assert sorted(labels(asked)) == sorted(
            ["heute", "fragt", "er", "den", "Chef", "🤷 I don't know", "⏹ Stop"]
        )
        assert so_far["text"].endswith("✏️ er fragt ___.")
        assert sorted(labels(so_far)) == sorted(
            ["heute", "den", "Chef", "⌫", "🤷 I don't know", "⏹ Stop"]
        )
        assert message["text"].startswith("✅ Er fragt heute den Chef.\n💡")
        assert message["message_id"] == asked["message_id"]

    def test_a_wrong_order_shows_the_right_ones(self, road: Road) -> None:
        make_order()
        anna = newcomer(road)
        message = start(road, anna)

        for word in grading.words_of("heute er fragt den Chef"):
            message = tap(road, anna, data(message, word))

        assert message["text"].startswith(
            "❌ Heute fragt er den Chef.\nYou answered: heute er fragt den Chef\n"
            f"Also right:\n{ORDERS[1]}\n{ORDERS[2]}\n💡"
        )

    def test_a_word_is_taken_back_and_a_second_tap_is_harmless(self, road: Road) -> None:
        make_order()
        anna = newcomer(road)
        asked = start(road, anna)
        er = data(asked, "er")
        one = tap(road, anna, er)

        same = tap(road, anna, er)
        back = tap(road, anna, data(one, "⌫"))
        tap(road, anna, data(one, "⌫"))

        assert same["text"] == one["text"]
        assert "✏️ ___." in back["text"]
        assert RoundQuestion.objects.get().placed == []

    def test_the_sentence_survives_a_look_elsewhere(self, road: Road) -> None:
        make_order()
        anna = newcomer(road)
        tap(road, anna, data(start(road, anna), "er"))

        road.say(anna, "/wallet")
        road.say(anna, "/play")
        message = tap(road, anna, f"continue:{Round.objects.get().pk}")

        assert "✏️ er ___." in message["text"]


class TestPicturesAndMistakes:
    def test_a_picture_stands_on_a_line_of_its_own(self, road: Road) -> None:
        QuestionFactory.create(kind="picture", question="🐕 Was ist das?")
        anna = newcomer(road)

        asked = start(road, anna)

        assert "1/10\n\n🐕\n\nWas ist das?\n\n⚡" in asked["text"]
        assert sorted(labels(asked)[:4]) == ["das", "den", "der", "die"]

    def test_the_parts_of_a_sentence_are_the_options(self, road: Road) -> None:
        QuestionFactory.create(
            kind="mistake",
            question="Wo ist der Fehler? „Ich sehe der Hund.“",
            option_1="Ich",
            option_2="sehe",
            option_3="der Hund",
            option_4="",
            correct_option_id=2,
        )
        anna = newcomer(road)
        asked = start(road, anna)

        answered = tap(road, anna, data(asked, "der Hund"))

        assert "✅ Right! der Hund" in answered["text"]
