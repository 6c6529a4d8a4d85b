"""The result of a round: what was wrong with the right answers; and what "Play again" does."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.chat import question_texts
from bot.queue.models import OutgoingCall
from economy.models import LedgerEntry
from quizarena.game.models import Question, QuestionVersion, Round, RoundQuestion
from quizarena.players.models import Player
from tests.conftest import Road
from tests.game.test_energy import begin, clock, spend
from tests.game.test_round import bank, labels, right, wrong
from tests.sandbox import buttons

__all__ = ["bank", "clock"]

# What Telegram takes (Bot API sendMessage).
TEXT_MAX = 4096


def version(question: str, answer: str = "den") -> QuestionVersion:
    """Return a question whose first option is right."""
    return QuestionVersion(question=question, options=[answer, "b", "c", "d"], correct_option_id=0)


def play(road: Road, player: int, message: dict[str, Any], outcomes: list[bool]) -> dict[str, Any]:
    """Answer like that and return the last message."""
    for is_right in outcomes:
        message = road.tap(player, right(message) if is_right else wrong(message))
    return message


class TestSolved:
    @pytest.mark.parametrize(
        ("question", "shown"),
        [
            ("Ich sehe ___ Hund & Katze.", "Ich sehe <b>den</b> Hund &amp; Katze."),
            ("___ Hund", "<b>den</b> Hund"),
            ("Ich sehe\n ____", "Ich sehe <b>den</b>"),
            ("Das Gegenteil von <teuer>?", "Das Gegenteil von &lt;teuer&gt;? – <b>den</b>"),
            ("___ und ___?", "___ und ___? – <b>den</b>"),
        ],
    )
    def test_it_is_one_line_with_the_answer(self, question: str, shown: str) -> None:
        assert question_texts.solved(version(question)) == shown

    def test_it_is_shortened_around_the_answer(self) -> None:
        both = question_texts.solved(version("a" * 300 + "___" + "b" * 100))
        beginning = question_texts.solved(version("a" * 300 + "___" + "b" * 10))
        end = question_texts.solved(version("a" * 10 + "___" + "b" * 300))
        whole = question_texts.solved(version("a" * 300))

        assert both == "…" + "a" * 58 + "<b>den</b>" + "b" * 57 + "…"
        assert beginning == "…" + "a" * 106 + "<b>den</b>" + "b" * 10
        assert end == "a" * 10 + "<b>den</b>" + "b" * 106 + "…"
        assert whole == "a" * 113 + "… – <b>den</b>"

    def test_a_long_answer_is_shortened_itself(self) -> None:
        shown = question_texts.solved(version("a" * 300 + "___", answer="z" * 100))

        assert shown == "…" + "a" * 59 + "<b>" + "z" * 59 + "…</b>"

    def test_what_fits_exactly_stays(self) -> None:
        shown = question_texts.solved(version("a" * 60 + "___" + "b" * 57))

        assert shown == "a" * 60 + "<b>den</b>" + "b" * 57


class TestMistakes:
    def test_they_are_listed_with_the_right_answers(self, road: Road, clock: Any) -> None:
        Question.objects.update(question="Das ist ___ & gut.")
        anna, _, first = begin(road, clock)

        result = play(road, anna, first, [False, True, False, *[True] * 7])

        wrong_ones = [
            one.version.correct_answer
            for one in Round.objects.get().round_questions.order_by("number")
            if not one.is_correct
        ]
        assert "🟥🟩🟥🟩🟩🟩🟩🟩🟩🟩\n8 of 10 questions right" in result["text"]
        listed = "\n\n📝 Worth another look:\n" + "\n".join(
            f"• Das ist {answer} & gut." for answer in wrong_ones
        )
        assert listed in result["text"]
        assert result["text"].count("• ") == 2

    def test_they_can_be_repeated_at_once(self, road: Road, clock: Any) -> None:
        anna, _, first = begin(road, clock)
        result = play(road, anna, first, [False, True, False, *[True] * 7])

        asked = road.tap(anna, "📝 Repeat mistakes")

        assert labels(result)[:3] == [
            "🔁 Play again", "📝 Repeat mistakes", "🎯 Choose another mode"
        ]  # fmt: skip
        assert "●○ 1/2" in asked["text"]

    def test_without_a_mistake_there_is_nothing_to_repeat(self, road: Road, clock: Any) -> None:
        anna, _, first = begin(road, clock)

        result = play(road, anna, first, [True] * 10)

        assert "📝 Repeat mistakes" not in labels(result)

    def test_what_stopped_the_round_can_be_repeated_too(self, road: Road, clock: Any) -> None:
        anna, _, first = begin(road, clock)
        play(road, anna, first, [False])

        result = road.tap(anna, "⏹ Stop")

        assert "📝 Repeat mistakes" in labels(result)
        assert "📨 Share my result" not in labels(result)

    def test_a_round_that_is_stopped_lists_them_too(self, road: Road, clock: Any) -> None:
        Question.objects.update(question="Welches?")
        anna, _, first = begin(road, clock)
        answer = right(first)
        play(road, anna, first, [False])

        result = road.tap(anna, "⏹ Stop")

        assert f"📝 Worth another look:\n• Welches? – {answer}\n\n⚡ The open" in result["text"]

    def test_without_mistakes_there_is_no_list(self, road: Road, clock: Any) -> None:
        anna, _, first = begin(road, clock)
        play(road, anna, first, [True])

        result = road.tap(anna, "⏹ Stop")

        assert "Worth another look" not in result["text"]

    @pytest.mark.parametrize("language", ["de", "en", "uk"])
    def test_ten_of_the_longest_fit_into_a_message(
        self, road: Road, clock: Any, language: str
    ) -> None:
        for row in Question.objects.all():
            row.question = "Satz & " * 35 + "___" + " oder <so>" * 25
            row.explanation = "<Warum & " * 55
            row.option_1 = "falsch " + "f" * 93
            row.option_2 = "richtig " + "r" * 92
            row.save()
        anna = road.sandbox.add_player("Anna", language_code=language)
        question = road.tap(anna, labels(road.say(anna, "/play"))[1])
        spend(Player.objects.get(), 10)

        play(road, anna, question, [False] * 10)

        result = next(one for one in road.sandbox.chat(anna) if "🟥" * 10 in one.get("text", ""))
        assert result["text"].count("\n• ") == 10
        assert len(result["text"]) <= TEXT_MAX
        assert not [one for one in road.sandbox.chat(anna) if "🟥" * 10 in one.get("text", "")][1:]


class TestSharing:
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("de", "Quiz Arena, Artikel-Sprint: 9/10"),
            ("en", "Quiz Arena, Article sprint: 9/10"),
            ("uk", "Quiz Arena, Спринт з артиклями: 9/10"),
        ],
    )
    def test_it_says_nothing_about_the_questions(
        self, road: Road, language: str, words: str
    ) -> None:
        anna = road.sandbox.add_player("Anna", language_code=language)
        question = road.tap(anna, labels(road.say(anna, "/play"))[2])

        result = play(road, anna, question, [True] * 9 + [False])

        (address,) = [one["url"] for one in buttons(result) if "url" in one]
        assert parse_qs(urlsplit(address).query) == {
            "url": ["https://t.me/quizarena_bot"],
            "text": [f"{words}\n{'🟩' * 9}🟥"],
        }


class TestPlayAgain:
    def test_the_result_stays_without_buttons_and_the_question_comes_below(
        self, road: Road, clock: Any
    ) -> None:
        anna, _, first = begin(road, clock)
        result = play(road, anna, first, [False] * 10)
        result = next(one for one in road.sandbox.chat(anna) if "🟥" * 10 in one["text"])

        question = road.tap(anna, "🔁 Play again")

        kept = next(
            one for one in road.sandbox.chat(anna) if one["message_id"] == result["message_id"]
        )
        assert kept["text"] == result["text"]
        assert labels(kept) == []
        assert question["message_id"] > result["message_id"]
        assert question["text"].startswith("A1 · Quick mix\n●○○○○○○○○○ 1/10\n\nFrage ")
        # The round goes on in the new message.
        assert road.tap(anna, right(question))["message_id"] == question["message_id"]

    def test_two_taps_start_one_round_and_send_one_question(self, road: Road, clock: Any) -> None:
        anna, _, _ = begin(road, clock)
        result = road.tap(anna, "⏹ Stop")
        count = len(road.sandbox.chat(anna))
        again = f"play:QUICK_MIX_A1A2:r{Round.objects.get().pk}"
        for _ in range(2):
            road.sandbox.tap(anna, again, message_id=result["message_id"])

        road.travel()

        assert len(road.sandbox.chat(anna)) == count + 1
        assert Round.objects.count() == 2
        assert LedgerEntry.objects.filter(type="QUESTION").count() == 2

    def test_without_energy_the_result_stays_too(self, road: Road, clock: Any) -> None:
        anna, player, _ = begin(road, clock)
        result = road.tap(anna, "⏹ Stop")
        spend(player, 20)

        screen = road.tap(anna, "🔁 Play again")

        kept = next(
            one for one in road.sandbox.chat(anna) if one["message_id"] == result["message_id"]
        )
        assert (kept["text"], labels(kept)) == (result["text"], [])
        assert screen["text"].startswith("🪫 Your energy is used up.")
        assert labels(screen)[0] == "📅 Daily challenge"

    def test_the_question_that_it_sends_is_refunded_if_it_does_not_arrive(
        self, road: Road, clock: Any
    ) -> None:
        anna, _, _ = begin(road, clock)
        road.tap(anna, "⏹ Stop")
        road.sandbox.tap(anna, "🔁 Play again")
        road.fetch()

        road.work()

        call = OutgoingCall.objects.get(state="PENDING", round_question__isnull=False)
        assert call.method == "sendMessage"
        assert call.round_question == RoundQuestion.objects.latest("pk")
