"""The first /start: a language, a level, and the first question, through the sandbox over HTTP."""

from typing import Any

import pytest

from economy.models import Wallet
from quizarena.game import levels
from quizarena.game.models import Placement, PlayerLevel, Question, Round, RoundQuestion
from quizarena.players.models import Player
from tests.bot.screens.buyers import row, tap, texts, toast, travel
from tests.conftest import Road
from tests.game.challenges import make_bank
from tests.game.test_round import labels
from tests.sandbox import buttons

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    Question.objects.update(is_enabled=False)
    make_bank("QUICK_MIX_A1A2", A1=12, A2=12)
    make_bank("ARTIKEL_SPRINT", A1=12, A2=12, B1=12)


def arrive(road: Road, *, language: str = "en", link: str = "") -> int:
    """Let somebody who is new press Start; return the Telegram id."""
    anna = road.sandbox.add_player("Anna", language_code=language)
    road.sandbox.say(anna, f"/start {link}".strip())
    travel(road)
    return anna


class TestTheWay:
    def test_two_taps_lead_to_the_first_question_in_one_message(self, road: Road) -> None:
        anna = arrive(road)
        hello = road.sandbox.last_message(anna)

        level = tap(road, anna, "welcome:uk")
        question = tap(road, anna, "begin:A2")

        assert hello["text"] == (
            "👋 Hello, Anna!\n\nWelcome to Quiz Arena. A few quick questions a day, and your "
            "German gets better every day.\n\n🌍 Which language shall I speak with you?"
        )
        assert labels(hello) == ["English", "Deutsch", "Українська"]
        assert level["text"].startswith("🎓 Наскільки добре ти знаєш німецьку?\n\nA1 – ")
        assert labels(level) == ["A1", "A2", "B1", "B2", "🎯 Визначити мій рівень (запитань: 8)"]
        assert "Швидкий мікс" in question["text"]
        assert "1/10" in question["text"]
        assert {one["message_id"] for one in (hello, level, question)} == {hello["message_id"]}
        assert row(anna).language == "uk"
        assert set(levels.of(row(anna)).values()) == {"A2"}
        assert Wallet.objects.get().free_energy == 19

    @pytest.mark.parametrize(
        ("language", "first", "asked"),
        [
            ("de", "Deutsch", "🌍 In welcher Sprache soll ich mit dir sprechen?"),
            ("uk", "Українська", "🌍 Якою мовою мені з тобою спілкуватися?"),
            ("en-GB", "English", "🌍 Which language shall I speak with you?"),
            # None of ours: English, not German.
            ("fr", "English", "🌍 Which language shall I speak with you?"),
        ],
    )
    def test_it_begins_in_the_language_of_the_phone(
        self, road: Road, language: str, first: str, asked: str
    ) -> None:
        anna = arrive(road, language=language)

        hello = road.sandbox.last_message(anna)

        assert hello["text"].endswith(asked)
        assert labels(hello)[0] == first

    def test_the_first_question_has_the_level_that_was_chosen(
        self, road: Road, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("quizarena.game.selection.random.random", lambda: 0.0)
        anna = arrive(road)
        tap(road, anna, "welcome:en")

        question = tap(road, anna, "begin:B1")

        # The quick mix has no question of it.
        assert question["text"].startswith("B1 · Article sprint\n")

    def test_a_second_tap_starts_no_second_round(self, road: Road) -> None:
        anna = arrive(road)
        message = tap(road, anna, "welcome:en")
        for _ in range(2):
            road.sandbox.tap(anna, "begin:A1", message_id=message["message_id"])
        travel(road)

        assert Round.objects.count() == RoundQuestion.objects.count() == 1
        assert Wallet.objects.get().free_energy == 19

    def test_an_old_button_answers_kindly_and_changes_nothing(self, road: Road) -> None:
        anna = arrive(road)
        tap(road, anna, "welcome:en")
        question = tap(road, anna, "begin:A1")
        (stop,) = [one["callback_data"] for one in buttons(question) if "⏹" in one["text"]]
        tap(road, anna, stop)

        tap(road, anna, "begin:B2")

        assert toast(road, anna) == "This button is no longer valid. Send /play for a new round!"
        assert set(levels.of(row(anna)).values()) == {"A1"}

    @pytest.mark.parametrize("data", ["welcome:fr", "welcome:", "begin:C1", "begin:"])
    def test_a_button_that_never_was(self, road: Road, data: str) -> None:
        anna = arrive(road)

        tap(road, anna, data)

        assert toast(road, anna) == "This button is no longer valid. Send /play for a new round!"
        assert not PlayerLevel.objects.exists()

    def test_a_mode_without_questions_leaves_the_level_to_choose(self, road: Road) -> None:
        Question.objects.update(is_enabled=False)
        anna = arrive(road)
        tap(road, anna, "welcome:en")

        tap(road, anna, "begin:A2")

        assert "no questions" in toast(road, anna)
        assert not PlayerLevel.objects.exists()

    def test_the_placement_instead(self, road: Road) -> None:
        anna = arrive(road)
        tap(road, anna, "welcome:en")

        question = tap(road, anna, "placement")

        assert question["text"].startswith("Placement, without energy\n●○○○○○○○ 1/8")
        assert Placement.objects.get().player == row(anna)


class TestWhoIsAsked:
    def test_only_once(self, road: Road) -> None:
        anna = arrive(road)

        home = road.say(anna, "/start")

        assert home["text"].endswith("Today: 0 of 1 round")
        assert "▶️ Play" in labels(home)

    def test_not_who_has_played_without_a_start(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/play")
        road.tap(anna, "Article sprint")

        assert road.say(anna, "/start")["text"].endswith("Today: 0 of 1 round")

    def test_a_link_does_its_work_first(self, road: Road) -> None:
        anna = arrive(road, link="promo_NOTHING")

        greeting, refused, asked = texts(road, anna)[-3:]

        assert greeting.startswith("👋 Hello, Anna!")
        assert "code" in refused
        assert asked == "🌍 Which language shall I speak with you?"

    def test_a_link_that_nobody_answers_is_a_start(self, road: Road) -> None:
        anna = arrive(road, link="nothing")

        assert road.sandbox.last_message(anna)["text"].startswith("👋 Hello, Anna!")
        assert Player.objects.get(telegram_id=anna).started_at is not None
