"""Reports of questions in the chat, tap by tap, through the sandbox."""

from typing import Any

import pytest

from quizarena.game.models import Question, QuestionReport
from tests.bot.screens.buyers import newcomer, row, tap, toast
from tests.bot.screens.test_rules import data, play
from tests.conftest import Road
from tests.game.challenges import make_bank
from tests.game.test_round import labels, right

Json = dict[str, Any]


def test_a_question_is_reported_and_the_round_goes_on(road: Road) -> None:
    anna = newcomer(road)
    question = play(road, anna)

    asked = tap(road, anna, data(question, "🚩 Report"))
    after = tap(road, anna, data(asked, "✏️ There is a typo"))

    assert asked["text"].startswith("🚩 What is wrong with this question?\n\nFrage ")
    assert asked["text"].endswith("? – der\n💡 „Tisch“ ist maskulin.")
    assert labels(asked) == [
        "❌ The answer is wrong",
        "❓ It is unclear",
        "✌️ Two answers are right",
        "✏️ There is a typo",
        "✖️ Close",
    ]
    assert toast(road, anna) == "Thank you! An editor will look at this question."
    made = QuestionReport.objects.get()
    assert (made.player, made.reason) == (row(anna), "TYPO")
    assert made.question.question in question["text"]
    assert after["message_id"] == question["message_id"]
    assert "✅" in tap(road, anna, data(question, "der"))["text"]


@pytest.mark.parametrize(
    ("language", "button", "head", "reasons", "thanks"),
    [
        (
            "de",
            "🚩 Melden",
            "🚩 Was stimmt an dieser Frage nicht?",
            ["❌ Die Antwort ist falsch", "❓ Sie ist unklar", "✌️ Zwei Antworten sind richtig"],
            "Danke! Jemand aus der Redaktion sieht sich diese Frage an.",
        ),
        (
            "uk",
            "🚩 Повідомити",
            "🚩 Що не так із цим запитанням?",
            ["❌ Відповідь неправильна", "❓ Воно незрозуміле", "✌️ Дві відповіді правильні"],
            "Дякуємо! Редакція перегляне це запитання.",
        ),
    ],
)
def test_it_speaks_the_players_language(
    road: Road, language: str, button: str, head: str, reasons: list[str], thanks: str
) -> None:
    anna = newcomer(road, language="en")
    question = play(road, anna)
    tap(road, anna, f"language:{language}")

    asked = tap(road, anna, data(question, "🚩 Report"))

    assert asked["text"].startswith(head)
    assert labels(asked)[:3] == reasons
    tap(road, anna, data(asked, reasons[0]))
    assert toast(road, anna) == thanks
    assert button


def test_a_question_of_the_daily_challenge_is_reported_too(road: Road) -> None:
    make_bank(A1=10, A2=15, B1=10)
    anna = newcomer(road)
    road.say(anna, "/daily")
    question = tap(road, anna, "daily-start")
    question = tap(road, anna, data(question, right(question)))
    assert labels(question)[-2:] == ["🚩 Report", "⏸ Pause"]

    asked = tap(road, anna, data(question, "🚩 Report"))
    tap(road, anna, data(asked, "✌️ Two answers are right"))

    assert QuestionReport.objects.get().reason == "TWO_RIGHT"
    assert "3/7" in tap(road, anna, data(question, right(question)))["text"]


def test_a_second_report_is_answered_kindly(road: Road) -> None:
    anna = newcomer(road)
    question = play(road, anna)
    asked = tap(road, anna, data(question, "🚩 Report"))
    tap(road, anna, data(asked, "❓ It is unclear"))

    tap(road, anna, data(question, "🚩 Report"))

    assert toast(road, anna) == (
        "You have reported this question already. Thank you! An editor will look at it."
    )
    assert QuestionReport.objects.count() == 1


def test_who_changes_their_mind_closes_it(road: Road) -> None:
    anna = newcomer(road)
    question = play(road, anna)
    tap(road, anna, data(question, "🚩 Report"))

    assert tap(road, anna, "close")["message_id"] == question["message_id"]
    assert not QuestionReport.objects.exists()


@pytest.mark.parametrize("stale", ["report:0", "report:x", "report:999999", "report-as:0:TYPO"])
def test_a_question_that_was_not_answered_cannot_be_reported(road: Road, stale: str) -> None:
    anna = newcomer(road)
    play(road, anna)

    tap(road, anna, stale)

    assert toast(road, anna) == "Only a question that you have answered can be reported."
    assert not QuestionReport.objects.exists()


def test_an_unknown_reason_is_a_stale_button(road: Road) -> None:
    anna = newcomer(road)
    play(road, anna)

    tap(road, anna, "report-as:1:UGLY")

    assert toast(road, anna) == "This button is no longer valid. Send /play for a new round!"


def test_ten_a_day(road: Road) -> None:
    anna = newcomer(road)
    question = play(road, anna)
    version = data(question, "🚩 Report").split(":")[1]
    reported = Question.objects.get(versions=int(version))
    for number in range(10):
        other = Question.objects.create(
            quiz_id=f"other-{number}",
            question="?",
            option_1="a",
            option_2="b",
            correct_option_id=0,
            explanation="-",
            level="A1",
            category="WORD_ORDER",
            key="-",
        )
        QuestionReport.objects.create(
            player=row(anna),
            question=other,
            version=other.versions.get(),
            reason="TYPO",
            reported_at=row(anna).last_seen_at,
        )

    tap(road, anna, data(question, "🚩 Report"))

    assert toast(road, anna) == (
        "You can report 10 questions a day. Thank you for your help! More tomorrow."
    )
    assert not reported.reports.exists()
