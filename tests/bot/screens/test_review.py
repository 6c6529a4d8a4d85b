"""Reviews, tap by tap, through the sandbox over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from bot.queue.models import OutgoingCall
from economy import wallets
from quizarena.game.models import (
    Question,
    QuestionReport,
    ReviewCard,
    ReviewLog,
    ReviewQuestion,
    Round,
    RoundQuestion,
)
from tests.bot.screens.buyers import newcomer, row, statements, tap, toast, travel
from tests.conftest import Road
from tests.game.challenges import make_bank
from tests.game.reviewing import make_card
from tests.game.test_round import labels, right, wrong
from tests.game.test_written_answers import ORDERS, make_order, make_typed
from tests.sandbox import buttons

Json = dict[str, Any]

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=30)


def make_due(player: int, count: int = 1) -> None:
    """Let so many cards be due to the player."""
    questions = list(Question.objects.order_by("pk")[:count])
    for question in questions:
        make_card(row(player), question=question, due=timezone.now())


def answer(road: Road, player: int, message: Json, *, is_right: bool = True) -> Json:
    """Let the player answer the question of the message, and return what it becomes."""
    label = right(message) if is_right else wrong(message)
    (data,) = [one["callback_data"] for one in buttons(message) if one["text"] == label]
    return tap(road, player, data)


def tap_in_old(road: Road, player: int, data: str) -> None:
    """Let the player tap in a message that Telegram does not show us any more."""
    road.sandbox.tap(player, data, message_id=999_999)
    travel(road)


def say(road: Road, player: int, text: str) -> Json:
    """Let the player write; return the bot's last message, once the chat has been at rest."""
    road.sandbox.say(player, text)
    travel(road)
    return road.sandbox.last_message(player)


def data_of(message: Json, label: str) -> str:
    """Return the data of a button."""
    return next(str(one["callback_data"]) for one in buttons(message) if one["text"] == label)


class TestTheWayThere:
    def test_home_and_menu_say_how_many_cards_are_due(self, road: Road) -> None:
        anna = newcomer(road)
        assert not any("🔁" in label for label in labels(tap(road, anna, "home")))
        make_due(anna, 7)

        home = tap(road, anna, "home")
        menu = tap(road, anna, "menu")

        assert labels(home)[:3] == ["📅 Daily challenge", "▶️ Play", "🔁 Review · 7"]
        assert labels(menu)[:3] == ["📅 Daily challenge", "🔁 Review · 7", "Quick mix"]

    def test_a_hundred_are_many(self, road: Road) -> None:
        anna = newcomer(road)
        make_bank("WORD_ORDER", A1=70)
        make_due(anna, 99)
        assert "🔁 Review · 99" in labels(tap(road, anna, "home"))
        make_card(row(anna), due=timezone.now())

        assert "🔁 Review · 99+" in labels(tap(road, anna, "home"))

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            (
                "en",
                (
                    "🔁 Review\n\nNo card is due. It costs no energy.\n\nQuestions that you answer "
                    "wrong come back here, and those that you save with ⭐."
                ),
            ),
            (
                "de",
                (
                    "🔁 Wiederholen\n\nKeine Karte ist fällig. Wiederholen kostet keine Energie."
                    "\n\nHierher kommen Fragen, die du falsch beantwortest, und solche, die du dir "
                    "mit ⭐ merkst."
                ),
            ),
            (
                "uk",
                (
                    "🔁 Повторення\n\nЗараз нічого повторювати. Повторення не коштує енергії.\n\n"
                    "Сюди повертаються запитання, на які відповіси неправильно, і ті, які збережеш "
                    "через ⭐."
                ),
            ),
        ],
    )
    def test_without_cards_the_command_says_what_a_review_is(
        self, road: Road, language: str, text: str
    ) -> None:
        anna = newcomer(road, language=language)

        assert road.say(anna, "/review")["text"] == text

    def test_when_the_next_card_will_be_due(self, road: Road) -> None:
        anna = newcomer(road)
        with time_machine.travel(timezone.now(), tick=False):
            make_card(row(anna), due=timezone.now() + timedelta(days=3))
            page = road.say(anna, "/review")

        assert page["text"].endswith("The next card is due in 3 days.")
        assert labels(page) == ["▶️ Play", "◀️ Back"]


class TestReviewing:
    def test_from_the_first_card_to_the_result(self, road: Road) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            make_due(anna, 3)
            first = road.say(anna, "/review")
            clock.shift(8 * SECOND)
            second = answer(road, anna, first)
            assert toast(road, anna) == "Right! ✅"
            clock.shift(8 * SECOND)
            mistake = answer(road, anna, second, is_right=False)
            third = tap(road, anna, data_of(mistake, "▶️ Next"))
            clock.shift(8 * SECOND)
            over = answer(road, anna, third)

        assert first["text"].startswith("A1 · Quick mix\n●○○ 1/3\n\nFrage A1 ")
        assert labels(first)[-1] == "⏹ Stop"
        assert "✅ Right! richtig" in second["text"]
        assert "\n\n➖➖➖\n\nA1 · Quick mix\n●●○ 2/3\n\nFrage A1 " in second["text"]
        assert "❌ Not quite. Right: richtig" in mistake["text"]
        assert "💡 Weil " in mistake["text"]
        assert labels(mistake) == ["▶️ Next", "↩️ That was a slip", "🚩 Report", "⏹ Stop"]
        assert third["text"].startswith("A1 · Quick mix\n●●● 3/3")
        assert over["text"].endswith(
            "➖➖➖\n\n🏁 Review\n2 of 3 cards right\n⭐ +10 points\n\n"
            "The next card is due in less than a minute."
        )
        assert labels(over) == ["▶️ Play", "🚩 Report", "◀️ Back"]

    def test_a_question_of_a_review_is_reported(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 1)
        over = answer(road, anna, road.say(anna, "/review"), is_right=False)

        asked = tap(road, anna, data_of(over, "🚩 Report"))
        tap(road, anna, data_of(asked, "❓ It is unclear"))

        assert QuestionReport.objects.get().reason == "UNCLEAR"

    def test_all_right_is_celebrated(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 1)

        over = answer(road, anna, road.say(anna, "/review"))

        assert over["text"].startswith("🏁 Review\n1 of 1 card right\n🔥 Streak: 1 day\n")
        assert over["effect_id"] == "5046509860389126442"

    def test_stopping_shows_how_it_went_and_that_more_is_due(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 3)
        second = answer(road, anna, road.say(anna, "/review"))

        over = tap(road, anna, data_of(second, "⏹ Stop"))

        assert over["text"].startswith("🏁 Review\n1 of 1 card right\n")
        assert over["text"].endswith("🔁 2 cards are due now.")
        assert labels(over)[0] == "🔁 Review · 2"

    def test_the_command_continues_where_one_was(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 3)
        second = answer(road, anna, road.say(anna, "/review"))

        again = road.say(anna, "/review")

        assert again["text"] == second["text"].split("➖➖➖\n\n")[1]

    def test_old_buttons_answer_kindly(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 2)
        first = road.say(anna, "/review")
        answered = data_of(first, right(first))
        tap(road, anna, answered)
        tap(road, anna, answered)
        assert toast(road, anna).startswith("You have answered this one already")

        for data in ("review-answer:0:1", "review-answer:x", "review-stop:0", "review-stop",
                     "save:0:1", "save:x:1", "save:1:2", "save"):  # fmt: skip
            tap(road, anna, data)
            assert toast(road, anna).startswith("This button is no longer valid."), data
        for data in ("review-undo:0", "review-undo"):
            tap(road, anna, data)
            assert toast(road, anna).startswith("This answer cannot be taken back any more.")
        assert ReviewLog.objects.count() == 1

    def test_a_slip_is_taken_back(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 1)
        over = answer(road, anna, road.say(anna, "/review"), is_right=False)
        slip = data_of(over, "↩️ That was a slip")

        again = tap(road, anna, slip)
        assert toast(road, anna) == "Taken back: try it again."
        assert again["text"].startswith("A1 · Quick mix\n● 1/1\n\nFrage A1 ")
        wrong_again = answer(road, anna, again, is_right=False)

        assert "↩️ That was a slip" not in labels(wrong_again)
        tap(road, anna, slip)
        assert toast(road, anna).startswith("This answer cannot be taken back any more.")
        assert ReviewLog.objects.count() == 2

    def test_an_answer_costs_few_statements(self, road: Road) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            make_due(anna, 3)
            second = answer(road, anna, road.say(anna, "/review"))
            clock.shift(8 * SECOND)
            road.sandbox.tap(anna, data_of(second, right(second)))

            assert statements(road) <= 22


def due(player: int, question: Question) -> None:
    """Let the card of this question be due to the player, the latest of all."""
    make_card(row(player), question=question, due=timezone.now())


class TestTyped:
    def test_a_message_is_the_answer(self, road: Road) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            due(anna, make_typed())
            make_due(anna, 1)
            asked = road.say(anna, "/review")
            clock.shift(8 * SECOND)
            answered = say(road, anna, "uebersetzt")

        assert asked["text"] == (
            "A1 · Article sprint\n●○ 1/2\n\n"
            "Gestern hat Mia den Text ___. (übersetzen, Perfekt)\n\n"
            "✍️ Write your answer as a message."
        )
        assert labels(asked) == ["🤷 I don't know", "⏹ Stop"]
        assert answered["text"].startswith(
            "✅ Gestern hat Mia den Text übersetzt. (übersetzen, Perfekt)\n"
            "✍️ It is written übersetzt.\n💡 „Tisch“ ist maskulin.\n"
        )
        assert "➖➖➖\n\nA1 · Quick mix\n●● 2/2\n\nFrage A1 " in answered["text"]
        assert labels(answered)[-2:] == ["🚩 Report", "⏹ Stop"]
        assert answered["message_id"] > asked["message_id"]
        log = ReviewLog.objects.get()
        assert (log.text, log.choice, log.rating) == ("uebersetzt", None, 3)

    def test_what_is_wrong_stands_beside_what_is_right_and_can_be_a_slip(self, road: Road) -> None:
        anna = newcomer(road)
        due(anna, make_typed())
        asked = road.say(anna, "/review")

        over = say(road, anna, "<b>übersetzen")
        again = tap(road, anna, data_of(over, "↩️ That was a slip"))
        repeated = say(road, anna, "übersetzt")

        assert over["text"].startswith(
            "❌ Gestern hat Mia den Text übersetzt. (übersetzen, Perfekt)\n"
            "You answered: <b>übersetzen\n💡"
        )
        assert "🏁 Review\n0 of 1 card right" in over["text"]
        assert again["text"] == asked["text"]
        assert repeated["text"].startswith("🏁 Review\n1 of 1 card right")
        assert repeated["effect_id"] == "5046509860389126442"
        feedback = road.sandbox.chat(anna)[-2]
        assert feedback["text"].startswith("✅ Gestern hat Mia den Text übersetzt.")

    def test_who_does_not_know_it_taps(self, road: Road) -> None:
        anna = newcomer(road)
        due(anna, make_typed())
        make_due(anna, 1)
        asked = road.say(anna, "/review")

        answered = tap(road, anna, data_of(asked, "🤷 I don't know"))

        assert toast(road, anna) == "Not quite ❌"
        assert answered["message_id"] == asked["message_id"]
        assert "You answered" not in answered["text"]
        assert labels(answered) == ["▶️ Next", "↩️ That was a slip", "🚩 Report", "⏹ Stop"]
        assert ReviewLog.objects.get().text == ""

    def test_between_two_cards_and_after_the_review_a_text_is_a_text(self, road: Road) -> None:
        anna = newcomer(road)
        due(anna, make_typed())
        due(anna, make_typed(question="Heute ___ Mia. (lesen)", option_1="liest"))
        mistake = tap(road, anna, data_of(road.say(anna, "/review"), "🤷 I don't know"))

        between = say(road, anna, "liest")
        second = tap(road, anna, data_of(mistake, "▶️ Next"))
        tap(road, anna, data_of(second, "⏹ Stop"))
        after = say(road, anna, "liest")

        assert "did not understand" in between["text"]
        assert "did not understand" in after["text"]
        assert ReviewLog.objects.count() == 1

    def test_a_code_that_was_asked_for_comes_first_and_a_withdrawn_question_takes_none(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        question = make_typed()
        due(anna, question)
        road.say(anna, "/review")
        road.say(anna, "/promo")
        say(road, anna, "übersetzt")
        say(road, anna, "x" * 201)
        Question.objects.filter(pk=question.pk).update(is_enabled=False)
        say(road, anna, "übersetzt")

        assert not ReviewLog.objects.exists()

    @pytest.mark.parametrize(("minutes", "is_answered"), [(30, True), (31, False)])
    def test_for_half_an_hour_a_message_is_the_answer(
        self, road: Road, minutes: int, is_answered: bool
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            due(anna, make_typed())
            road.say(anna, "/review")
            clock.shift(minutes * 60 * SECOND)
            say(road, anna, "danke")

        assert ReviewLog.objects.exists() is is_answered

    def test_what_was_written_in_time_counts_and_what_was_sent_twice_counts_once(
        self, road: Road
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            due(anna, make_typed())
            due(anna, make_typed(question="Lies ___! (das Buch)"))
            road.say(anna, "/review")
            clock.shift(7 * SECOND)
            road.sandbox.say(anna, "übersetzt")
            road.sandbox.say(anna, "übersetzt")
            clock.shift(3600 * SECOND)
            travel(road)

        log = ReviewLog.objects.get()
        assert (log.text, log.rating, log.elapsed_ms // 1000) == ("übersetzt", 4, 7)
        assert "did not understand" in road.sandbox.last_message(anna)["text"]

    @pytest.mark.parametrize("comes_last", ["round", "review", "round again", "review again"])
    def test_of_a_round_and_a_review_the_one_that_came_last_is_answered(
        self, road: Road, comes_last: str
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            question = make_typed()
            due(anna, question)
            play = ("play:ARTIKEL_SPRINT:k", None)
            again = (None, "/review")
            steps = {
                "round": [again, play],
                "review": [play, again],
                "round again": [play, again, ("continue", None)],
                "review again": [again, play, again],
            }[comes_last]
            for data, command in steps:
                clock.shift(60 * SECOND)
                if command is not None:
                    road.say(anna, command)
                elif data == "continue":
                    tap(road, anna, f"continue:{Round.objects.get().pk}")
                else:
                    tap(road, anna, str(data))
            clock.shift(8 * SECOND)
            say(road, anna, "übersetzt")

        in_round = RoundQuestion.objects.filter(text="übersetzt").count()
        assert (in_round, ReviewLog.objects.count()) == (
            (1, 0) if comes_last.startswith("round") else (0, 1)
        )


class TestOrder:
    def test_words_are_put_down_one_by_one(self, road: Road) -> None:
        anna = newcomer(road)
        due(anna, make_order())
        message = asked = road.say(anna, "/review")
        er = data_of(asked, "er")

        one = tap(road, anna, er)
        same = tap(road, anna, er)
        back = tap(road, anna, data_of(one, "⌫"))
        tap(road, anna, data_of(one, "⌫"))
        for word in ("er", "fragt"):
            message = tap(road, anna, data_of(message, word))
        so_far = message
        for word in ("heute", "den"):
            message = tap(road, anna, data_of(message, word))
        chef = data_of(message, "Chef")
        over = tap(road, anna, chef)
        tap(road, anna, chef)

        assert asked["text"] == (
            "A1 · Article sprint\n● 1/1\n\nOrdne die Wörter zu einem Satz:\n\n✏️ ___."
        )
        assert sorted(labels(asked)) == sorted(
            ["heute", "fragt", "er", "den", "Chef", "🤷 I don't know", "⏹ Stop"]
        )
        assert same["text"] == one["text"]
        assert back["text"] == asked["text"]
        assert labels(back) == labels(asked)
        assert so_far["text"].endswith("✏️ er fragt ___.")
        assert labels(so_far)[-3:] == ["⌫", "🤷 I don't know", "⏹ Stop"]
        assert over["text"].startswith("🏁 Review\n1 of 1 card right")
        assert toast(road, anna).startswith("You have answered this one already")
        assert ReviewLog.objects.get().text == "er fragt heute den Chef"

    def test_a_wrong_order_shows_the_right_ones(self, road: Road) -> None:
        anna = newcomer(road)
        due(anna, make_order())
        message = road.say(anna, "/review")

        for word in ("heute", "er", "fragt", "den", "Chef"):
            message = tap(road, anna, data_of(message, word))

        assert message["text"].startswith(
            "❌ Heute fragt er den Chef.\nYou answered: heute er fragt den Chef\n"
            f"Also right:\n{ORDERS[1]}\n{ORDERS[2]}\n💡"
        )

    def test_the_sentence_survives_a_look_elsewhere(self, road: Road) -> None:
        anna = newcomer(road)
        due(anna, make_order())
        tap(road, anna, data_of(road.say(anna, "/review"), "er"))
        road.say(anna, "/wallet")

        assert road.say(anna, "/review")["text"].endswith("✏️ er ___.")

    def test_old_buttons_answer_kindly(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 1)
        road.say(anna, "/review")
        choice = ReviewQuestion.objects.get().pk

        for data in ("review-chip:0:1", "review-chip:x:1", "review-chip", "review-unchip:0:1",
                     "review-skip:0", "review-skip", f"review-chip:{choice}:0",
                     f"review-unchip:{choice}:1", f"review-skip:{choice}"):  # fmt: skip
            tap(road, anna, data)
            assert toast(road, anna).startswith("This button is no longer valid."), data
        assert not ReviewLog.objects.exists()


class TestSaving:
    def play(self, road: Road, player: int, *, is_right: bool = True) -> Json:
        """Let the player answer the first question of a round; return the second."""
        first = tap(road, player, "play:QUICK_MIX_A1A2:u1")
        return answer(road, player, first, is_right=is_right)

    def test_a_right_answer_can_be_saved_and_no_longer(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)
        assert labels(second)[-2:] == ["⭐ Save question 1", "⏹ Stop"]

        saved = tap(road, anna, data_of(second, "⭐ Save question 1"))
        assert toast(road, anna) == "⭐ Question 1 is saved for /review."
        assert labels(saved)[-2:] == ["✅ Question 1 saved", "⏹ Stop"]
        assert saved["text"] == second["text"]
        card = ReviewCard.objects.get()
        assert (card.origin, card.question_id) == (
            "SAVED", RoundQuestion.objects.get(number=1).question_id,
        )  # fmt: skip

        unsaved = tap(road, anna, data_of(saved, "✅ Question 1 saved"))
        assert toast(road, anna) == "Question 1 is no longer saved."
        assert labels(unsaved)[-2:] == ["⭐ Save question 1", "⏹ Stop"]
        assert not ReviewCard.objects.exists()

    def test_the_last_answer_can_be_saved_too(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)
        Question.objects.update(is_enabled=False)

        over = answer(road, anna, second)
        saved = tap(road, anna, data_of(over, "⭐ Save question 2"))

        assert labels(over)[-1] == "⭐ Save question 2"
        assert labels(saved) == [*labels(over)[:-1], "✅ Question 2 saved"]
        assert ReviewCard.objects.get().question_id == (
            RoundQuestion.objects.get(number=2).question_id
        )

    def test_the_last_mistake_has_no_star(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)
        Question.objects.update(is_enabled=False)

        over = answer(road, anna, second, is_right=False)

        assert not any("⭐" in label for label in labels(over))

    def test_what_is_typed_has_a_star(self, road: Road) -> None:
        Question.objects.update(is_enabled=False)
        make_typed(category="QUICK_MIX_A1A2")
        anna = newcomer(road)
        tap(road, anna, "play:QUICK_MIX_A1A2:u1")

        message = road.say(anna, "übersetzt")
        assert any("⭐" in label for label in labels(message))

    def test_a_tap_before_the_next_question_arrives_changes_no_buttons(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)
        star = data_of(second, "⭐ Save question 1")
        road.sandbox.tap(anna, data_of(second, right(second)), message_id=second["message_id"])
        road.sandbox.tap(anna, star, message_id=second["message_id"])
        travel(road)
        third = road.sandbox.last_message(anna)

        assert toast(road, anna) == "⭐ Question 1 is saved for /review."
        assert "3/10" in third["text"]
        assert labels(third)[-2:] == ["⭐ Save question 2", "⏹ Stop"]
        asked = RoundQuestion.objects.get(number=3)
        options = [one["callback_data"] for one in buttons(third)][:4]
        assert options == [f"answer:{asked.pk}:{index}" for index in range(4)]

    def test_a_tap_before_the_result_arrives_changes_no_buttons(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)
        Question.objects.update(is_enabled=False)
        star = data_of(second, "⭐ Save question 1")
        road.sandbox.tap(anna, data_of(second, right(second)), message_id=second["message_id"])
        road.sandbox.tap(anna, star, message_id=second["message_id"])
        travel(road)

        over = [one for one in road.sandbox.chat(anna) if "reply_markup" in one][-1]
        assert "🏁 Quick mix" in over["text"]
        sent = [one["callback_data"] for one in buttons(over)]
        assert not any(data.startswith("answer:") for data in sent)
        assert ReviewCard.objects.exists()

    def test_a_word_that_was_put_down_does_not_come_back(self, road: Road) -> None:
        anna = newcomer(road)
        first = tap(road, anna, "play:QUICK_MIX_A1A2:u1")
        Question.objects.update(is_enabled=False)
        make_order(category="QUICK_MIX_A1A2")
        second = answer(road, anna, first)
        star = data_of(second, "⭐ Save question 1")
        road.sandbox.tap(anna, data_of(second, "er"), message_id=second["message_id"])
        road.sandbox.tap(anna, star, message_id=second["message_id"])
        travel(road)

        assert "er" not in labels(road.sandbox.last_message(anna))
        assert ReviewCard.objects.exists()

    def test_in_a_message_that_is_too_old_it_is_saved_all_the_same(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)

        tap_in_old(road, anna, data_of(second, "⭐ Save question 1"))

        assert toast(road, anna) == "⭐ Question 1 is saved for /review."
        assert ReviewCard.objects.exists()
        assert not OutgoingCall.objects.filter(method="editMessageReplyMarkup").exists()

    @pytest.mark.parametrize("data", ["nonews", "remind:0"])
    def test_settings_in_a_message_that_is_too_old(self, road: Road, data: str) -> None:
        anna = newcomer(road)

        tap_in_old(road, anna, data)

        assert road.sandbox.toasts(anna)
        assert not OutgoingCall.objects.filter(method="editMessageReplyMarkup").exists()

    def test_a_mistake_comes_back_by_itself(self, road: Road) -> None:
        anna = newcomer(road)

        second = self.play(road, anna, is_right=False)

        assert labels(second)[-1] == "⏹ Stop"
        assert not any("⭐" in label for label in labels(second))
        assert labels(tap(road, anna, "home"))[:4] == [
            "▶️ Continue (2/10)", "📅 Daily challenge", "▶️ Play", "🔁 Review · 1",
        ]  # fmt: skip

    def test_what_was_reviewed_stays(self, road: Road) -> None:
        anna = newcomer(road)
        saved = tap(road, anna, data_of(self.play(road, anna), "⭐ Save question 1"))
        asked = road.say(anna, "/review")
        answer(road, anna, asked)

        tap(road, anna, data_of(saved, "✅ Question 1 saved"))

        assert toast(road, anna) == "This one stays in /review until you know it."
        assert ReviewCard.objects.exists()

    def test_a_full_day_says_so(self, road: Road) -> None:
        anna = newcomer(road)
        second = self.play(road, anna)
        today = timezone.now()
        for question in list(Question.objects.exclude(roundquestion__number=1)[:29]) + make_bank(
            "WORD_ORDER", A1=21
        ):
            ReviewCard.objects.create(
                player=row(anna), question=question, origin="SAVED", created_at=today,
                created_on=timezone.localdate(), state=1, step=0, due_at=today,
            )  # fmt: skip

        tap(road, anna, data_of(second, "⭐ Save question 1"))

        assert toast(road, anna) == ("50 new cards a day are the most. You can save more tomorrow.")
        assert ReviewCard.objects.count() == 50


class TestWithoutEnergy:
    def test_the_review_is_offered(self, road: Road) -> None:
        anna = newcomer(road)
        make_due(anna, 2)
        for number in range(20):
            wallets.charge_question(player=row(anna), key=f"spent:{number}", now=timezone.now())

        tap(road, anna, "play:QUICK_MIX_A1A2:u1")

        (screen,) = [one for one in road.sandbox.chat(anna) if "🪫" in one.get("text", "")]
        assert screen["text"].startswith(
            "🪫 Your energy is used up.\n\n📅 Today's daily challenge costs no energy.\n"
            "🔁 The review of your mistakes costs no energy.\n"
        )
        assert labels(screen)[:2] == ["📅 Daily challenge", "🔁 Review · 2"]
