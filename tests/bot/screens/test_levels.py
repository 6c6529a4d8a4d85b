"""Levels and the placement, tap by tap, through the sandbox over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from economy.models import LedgerEntry
from quizarena.game import levels, placements
from quizarena.game.models import (
    Level,
    Mode,
    Placement,
    PlacementQuestion,
    PlayerLevel,
    Question,
    Round,
)
from tests.bot.screens.buyers import newcomer, row, tap, texts, toast
from tests.conftest import Road
from tests.game.challenges import make_bank
from tests.game.test_levels import give, share
from tests.game.test_round import labels, right, wrong
from tests.sandbox import buttons

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    Question.objects.update(is_enabled=False)
    make_bank("QUICK_MIX_A1A2", A1=30, A2=30)
    make_bank("ARTIKEL_SPRINT", A1=30, A2=30, B1=30)


def answer(road: Road, player: int, message: Json, *, is_right: bool = True) -> Json:
    """Let the player answer the question of the message, and return what it becomes."""
    label = right(message) if is_right else wrong(message)
    (data,) = [one["callback_data"] for one in buttons(message) if one["text"] == label]
    return tap(road, player, data)


class TestChoosing:
    def test_the_settings_lead_there_and_back(self, road: Road) -> None:
        anna = newcomer(road)
        settings = road.say(anna, "/settings")

        overview = tap(road, anna, "levels")

        assert "🎓 My level" in labels(settings)
        assert overview["text"].startswith("🎓 Your level\n\nQuick mix: A1\nArticle sprint: A1")
        assert labels(overview) == [
            "All modes",
            "Quick mix: A1",
            "Article sprint: A1",
            "Cases: A1",
            "Separable verbs: A1",
            "Word order: A1",
            "🎯 Find my level: 8 questions",
            "◀️ Back",
        ]
        assert tap(road, anna, "settings")["text"].startswith("⚙️ Settings")

    def test_of_one_mode(self, road: Road) -> None:
        anna = newcomer(road)

        asked = tap(road, anna, "level:WORD_ORDER")
        overview = tap(road, anna, "level:WORD_ORDER:B1")

        assert asked["text"].startswith("🎓 Word order: which level?\n\nA1 – my first words")
        assert labels(asked) == ["A1", "A2", "B1", "B2", "◀️ Back"]
        assert toast(road, anna) == "Word order: your level is B1 now."
        assert "Word order: B1" in overview["text"]
        assert "Cases: A1" in overview["text"]

    def test_of_all_modes(self, road: Road) -> None:
        anna = newcomer(road)

        tap(road, anna, "level:all")
        overview = tap(road, anna, "level:all:A2")

        assert toast(road, anna) == "All modes: your level is A2 now."
        assert overview["text"].count(": A2") == 5
        assert set(PlayerLevel.objects.values_list("reason", flat=True)) == {"CHOSEN"}

    @pytest.mark.parametrize(
        "data", ["level", "level:", "level:DAILY_CHALLENGE", "level:NO:A1", "level:all:C1"]
    )
    def test_a_button_that_never_was(self, road: Road, data: str) -> None:
        anna = newcomer(road)

        tap(road, anna, data)

        assert toast(road, anna).startswith("This button is no longer valid.")
        assert not PlayerLevel.objects.exists()

    @pytest.mark.parametrize(
        ("language", "begin"),
        [("de", "🎓 Dein Niveau\n\nSchneller Mix: A1"), ("uk", "🎓 Твій рівень\n\nШвидкий")],
    )
    def test_other_languages(self, road: Road, language: str, begin: str) -> None:
        anna = newcomer(road, language=language)
        road.say(anna, "/settings")

        assert tap(road, anna, "levels")["text"].startswith(begin)


class TestMoving:
    def test_the_player_is_told_with_the_reason_above_the_next_question(self, road: Road) -> None:
        anna = newcomer(road)
        give(row(anna), share(19, 19), at=timezone.now() - timedelta(hours=1))
        question = tap(road, anna, "play:ARTIKEL_SPRINT:k")

        said = answer(road, anna, question)

        assert (
            "📈 Article sprint: your level is A2 now. 20 of your last 20 answers were right, so "
            "the questions become harder."
        ) in said["text"]
        assert "2/10" in said["text"]

    def test_and_in_the_result_of_a_round_that_ends_with_it(self, road: Road) -> None:
        anna = newcomer(road)
        levels.choose(player=row(anna), level=Level.A2, now=timezone.now() - timedelta(hours=2))
        question = tap(road, anna, "play:ARTIKEL_SPRINT:k")
        give(row(anna), share(8, 10), at=timezone.now() - timedelta(hours=1))
        for _ in range(10):
            question = answer(road, anna, question, is_right=False)

        assert (
            "📉 Article sprint: your level is A1 now. 8 of your last 20 answers were right, so "
            "the questions become easier. You can change it in /settings."
        ) in question["text"]
        assert "0 of 10 questions right" in question["text"]

    def test_a_celebrated_result_has_it_too(self, road: Road) -> None:
        anna = newcomer(road)
        question = tap(road, anna, "play:ARTIKEL_SPRINT:k")
        give(row(anna), share(10, 10), at=timezone.now() - timedelta(hours=1))
        for _ in range(10):
            question = answer(road, anna, question)

        assert "📈 Article sprint: your level is A2 now." in road.sandbox.last_message(anna)["text"]


class TestPlacement:
    def test_from_the_settings_to_the_first_question(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/settings")
        message = tap(road, anna, "placement")
        for _ in range(8):
            assert "⏸ Pause" in labels(message)
            message = answer(road, anna, message)

        assert (
            "🎓 You begin at B1.\n\nThat holds for all modes. Your level rises and falls with your "
            "answers, and you can change it at any time in /settings."
        ) in message["text"]
        assert set(levels.of(row(anna)).values()) == {"B1"}
        assert not LedgerEntry.objects.filter(type="QUESTION").exists()
        question = tap(road, anna, buttons(message)[0]["callback_data"])
        assert labels(message)[0] == "▶️ Let's go"
        assert "Article sprint\n●○" in question["text"]
        assert Round.objects.get().mode == Mode.ARTIKEL_SPRINT

    def test_an_answer_is_graded_and_the_next_question_comes(self, road: Road) -> None:
        anna = newcomer(road)
        question = tap(road, anna, "placement")

        following = answer(road, anna, question, is_right=False)

        assert toast(road, anna) == "Not quite ❌"
        assert "❌ Not quite. Right: richtig" in following["text"]
        assert "Placement, without energy\n●●○○○○○○ 2/8" in following["text"]

    def test_a_pause_and_back_to_the_same_question(self, road: Road) -> None:
        anna = newcomer(road)
        following = answer(road, anna, tap(road, anna, "placement"))
        tap(road, anna, "home")

        again = tap(road, anna, "placement")

        assert following["text"].endswith(again["text"].split("\n\n")[-1])
        assert PlacementQuestion.objects.count() == 2

    def test_a_second_tap_on_one_question(self, road: Road) -> None:
        anna = newcomer(road)
        question = tap(road, anna, "placement")
        data = buttons(question)[0]["callback_data"]
        tap(road, anna, data)

        tap(road, anna, data)

        assert "You have answered this one already" in toast(road, anna)
        assert PlacementQuestion.objects.count() == 2

    def test_a_second_one_on_the_same_day(self, road: Road) -> None:
        anna = newcomer(road)
        message = tap(road, anna, "placement")
        for _ in range(8):
            message = answer(road, anna, message, is_right=False)

        tap(road, anna, "placement")

        assert toast(road, anna) == (
            "You have taken the placement today, it found A1. You can take it again tomorrow, or "
            "choose a level yourself."
        )
        assert Placement.objects.count() == 1

    def test_without_questions(self, road: Road) -> None:
        Question.objects.update(is_enabled=False)
        anna = newcomer(road)

        tap(road, anna, "placement")

        assert toast(road, anna).startswith("There are too few questions for a placement")

    @pytest.mark.parametrize("data", ["placed", "placed:1:1:0", "placed:x:1:0", "placed:1:1:9"])
    def test_a_button_that_never_was(self, road: Road, data: str) -> None:
        anna = newcomer(road)

        tap(road, anna, data)

        assert toast(road, anna).startswith("This button is no longer valid.")

    def test_of_somebody_else(self, road: Road) -> None:
        anna, ben = newcomer(road), newcomer(road)
        asked = placements.start(player=row(ben), now=timezone.now())

        tap(road, anna, f"placed:{asked.placement_id}:1:0")

        assert toast(road, anna).startswith("This button is no longer valid.")
        assert len(texts(road, anna)) == 2
