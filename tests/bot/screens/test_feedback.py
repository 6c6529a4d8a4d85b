"""What stands above the next question: the solved sentence; and how a perfect round ends."""

import pytest
from django.utils import translation

from bot.screens.game import texts as game_texts
from quizarena.game.bank import explanation_for
from quizarena.game.models import QuestionVersion, RoundQuestion
from tests.conftest import Road
from tests.game.test_round import bank, labels, right, wrong

__all__ = ["bank"]


def graded(question: str, options: list[str], *, choice: int) -> RoundQuestion:
    """Return an answered question whose first option is right."""
    version = QuestionVersion(
        question=question, options=options, correct_option_id=0, explanation="Akkusativ <1>."
    )
    return RoundQuestion(version=version, choice=choice, is_correct=choice == 0)


class TestFeedback:
    def test_a_gap_is_shown_filled(self) -> None:
        shown = graded("Ich sehe ___ Hund & Katze.", ["den", "dem", "der", "die"], choice=0)

        assert game_texts.feedback(shown) == (
            "✅ Ich sehe <b>den</b> Hund &amp; Katze.\n💡 Akkusativ &lt;1&gt;."
        )

    def test_a_wrong_answer_is_named_below_it(self) -> None:
        shown = graded("Ich sehe ___ Hund.", ["den", "<dem>", "der", "die"], choice=1)

        assert game_texts.feedback(shown) == (
            "❌ Ich sehe <b>den</b> Hund.\nYou chose: &lt;dem&gt;\n💡 Akkusativ &lt;1&gt;."
        )

    @pytest.mark.parametrize(
        ("choice", "verdict"),
        [
            (0, "✅ Right! <b>billig</b>"),
            (1, "❌ Not quite. Right: <b>billig</b>\nYou chose: laut"),
        ],
    )
    @pytest.mark.parametrize("question", ["Das Gegenteil von „teuer“?", "___ und ___?"])
    def test_a_question_without_one_gap_is_followed_by_its_answer(
        self, question: str, choice: int, verdict: str
    ) -> None:
        shown = graded(question, ["billig", "laut", "leise", "nie"], choice=choice)

        assert game_texts.feedback(shown) == f"{question}\n{verdict}\n💡 Akkusativ &lt;1&gt;."


class TestLanguage:
    """Why an answer is right is said in the player's language, in German where that is missing."""

    @pytest.mark.parametrize(
        ("language", "why"),
        [("de", "Weil."), ("en", "Because."), ("uk", "Тому що.")],
    )
    def test_the_player_reads_it_in_the_own_language(self, language: str, why: str) -> None:
        shown = graded("Ich sehe ___ Hund.", ["den", "dem"], choice=0)
        shown.version.explanation = "Weil."
        shown.version.explanation_en = "Because."
        shown.version.explanation_uk = "Тому що."

        with translation.override(language):
            assert game_texts.feedback(shown) == f"✅ Ich sehe <b>den</b> Hund.\n💡 {why}"

    @pytest.mark.parametrize("language", ["en", "uk"])
    def test_what_is_not_translated_is_german(self, language: str) -> None:
        version = QuestionVersion(explanation="Weil.")

        assert explanation_for(version, language) == "Weil."


@pytest.mark.django_db
class TestPerfectRound:
    def test_it_ends_with_confetti(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/play")
        message = road.tap(anna, "Quick mix")
        for _ in range(9):
            message = road.tap(anna, right(message))

        road.tap(anna, right(message))

        feedback, result = road.sandbox.chat(anna)[-2:]
        assert feedback["text"].startswith("Frage ")
        assert feedback["text"].endswith(" richtig ist.")
        assert labels(feedback) == []
        assert result["effect_id"] == "5046509860389126442"
        assert result["text"].startswith("🏁 Quick mix\n🟩🟩🟩🟩🟩🟩🟩🟩🟩🟩\n10 of 10")
        assert {"🔁 Play again", "🎯 Choose another mode"} <= {*labels(result)}

    def test_one_with_a_mistake_ends_in_place(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/play")
        message = road.tap(anna, "Quick mix")
        message = road.tap(anna, wrong(message))
        for _ in range(9):
            message = road.tap(anna, right(message))

        assert "🏁 Quick mix\n🟥🟩🟩🟩🟩🟩🟩🟩🟩🟩\n9 of 10" in message["text"]
        assert "effect_id" not in message


@pytest.mark.django_db
def test_a_question_is_headed_by_level_mode_and_progress(road: Road) -> None:
    anna = road.sandbox.add_player("Anna", language_code="uk")
    road.say(anna, "/play")

    first = road.tap(anna, "Швидкий мікс")
    second = road.tap(anna, right(first))

    assert first["text"].startswith("A1 · Швидкий мікс\n●○○○○○○○○○ 1/10\n\nFrage ")
    assert "\n\nA1 · Швидкий мікс\n●●○○○○○○○○ 2/10\n\nFrage " in second["text"]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["de", "en", "uk"])
def test_the_long_rules_are_folded(road: Road, language: str) -> None:
    anna = road.sandbox.add_player("Anna", language_code=language)

    rules = road.say(anna, "/terms")

    folded = [one for one in rules["entities"] if one["type"] == "expandable_blockquote"]
    assert len(folded) == 2
