"""A round, tap by tap, through the sandbox."""

from typing import Any

import pytest

from quizarena.game import rounds
from quizarena.game.models import Question, Round, RoundQuestion
from tests.conftest import Road
from tests.sandbox import buttons


@pytest.fixture(autouse=True)
def bank(db: None) -> None:
    """Thirty questions in each of the two modes; the second option is always right."""
    Question.objects.bulk_create(
        Question(
            quiz_id=f"{mode}-{number}",
            question=f"Frage {number}?",
            option_1=f"falsch {number}",
            option_2=f"richtig {number}",
            option_3=f"verkehrt {number}",
            option_4=f"daneben {number}",
            correct_option_id=1,
            explanation=f"Weil {number} richtig ist.",
            level="A1",
            category=mode,
            key=f"key-{number}",
        )
        for mode in ("QUICK_MIX_A1A2", "ARTIKEL_SPRINT")
        for number in range(30)
    )


def labels(message: dict[str, Any]) -> list[str]:
    """Return the labels of a message's buttons."""
    return [button["text"] for button in buttons(message)]


def right(message: dict[str, Any]) -> str:
    """Return the label of the right option of a question."""
    return next(label for label in labels(message) if label.startswith("richtig"))


def wrong(message: dict[str, Any]) -> str:
    """Return the label of a wrong option of a question."""
    return next(label for label in labels(message) if label.startswith("falsch"))


def test_a_newcomer_is_greeted_by_name_and_plays_ten_questions_to_the_result(road: Road) -> None:
    anna = road.sandbox.add_player("Anna <3", language_code="de")

    greeting = road.say(anna, "/start")
    road.say(anna, "/help")
    menu = road.tap(anna, "▶️ Spielen")
    message = road.tap(anna, "Schneller Mix")
    for _ in range(7):
        message = road.tap(anna, right(message))
    for _ in range(3):
        message = road.tap(anna, wrong(message))

    assert "Hallo, Anna <3!" in greeting["text"]
    assert labels(menu) == [
        "📅 Tages-Challenge",
        "Schneller Mix",
        "Artikel-Sprint",
        "🔒 Fälle (den/dem)",
        "🔒 Trennbare Verben",
        "🔒 Wortstellung",
        "🛍 Shop",
        "◀️ Zurück",
    ]
    assert "🟩🟩🟩🟩🟩🟩🟩🟥🟥🟥\n7 von 10 Fragen richtig" in message["text"]
    assert labels(message)[:5] == [
        "🔁 Noch einmal spielen",
        "📝 Fehler wiederholen",
        "🎯 Anderen Modus wählen",
        "📨 Mein Ergebnis teilen",
        "🚩 Melden",
    ]
    played = Round.objects.get()
    assert (played.state, rounds.outcomes(played)) == ("FINISHED", [True] * 7 + [False] * 3)
    assert RoundQuestion.objects.count() == 10
