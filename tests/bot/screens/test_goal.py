"""The daily goal, and the kind word after the second round, through the sandbox over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.utils import timezone

from payments.models import Impression
from quizarena.game import rounds
from quizarena.game.models import Question, Round, RoundQuestion
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.bot.screens.buyers import buy, newcomer, row, tap, texts, toast
from tests.conftest import Road
from tests.factories import PlayerFactory
from tests.game.challenges import make_bank
from tests.game.test_round import labels, right
from tests.sandbox import buttons

Json = dict[str, Any]

MIDNIGHT = datetime(2026, 12, 16, 23, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KIND = (
    "🌱 Two rounds on your first day: a great start!\n\nA little every day is what helps most. New "
    "questions are waiting for you tomorrow."
)


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    Question.objects.update(is_enabled=False)
    make_bank("ARTIKEL_SPRINT", A1=40, A2=40)


def finish(player: Player, *, at: datetime, state: str = "FINISHED") -> None:
    """Store that the player has played a round to its end."""
    Round.objects.create(
        player=player,
        mode="ARTIKEL_SPRINT",
        start_key=f"{at}-{Round.objects.count()}",
        state=state,
        started_at=at,
        finished_at=at,
    )


def play(road: Road, player: int, key: str) -> Json:
    """Let the player play a round to its end; return the last message."""
    message = tap(road, player, f"play:ARTIKEL_SPRINT:{key}")
    for _ in range(10):
        (data,) = [
            one["callback_data"] for one in buttons(message) if one["text"] == right(message)
        ]
        message = tap(road, player, data)
    return message


class TestGoal:
    def test_the_home_screen_counts_the_finished_rounds_of_today(self, road: Road) -> None:
        anna = newcomer(road)
        player = row(anna)

        before = road.say(anna, "/start")["text"]
        finish(player, at=timezone.now())
        finish(player, at=timezone.now(), state="STOPPED")
        finish(player, at=timezone.now() - timedelta(days=1))
        finish(PlayerFactory.create(), at=timezone.now())
        after = road.say(anna, "/start")["text"]

        assert before.endswith("Ready for a round?\n\n⚡ 20/20\n🎯 Today: 0 of 1 round")
        assert after.endswith("⚡ 20/20\n✅ Today: 1 of 1 round")

    def test_the_home_screen_shows_streak_and_energy(self, road: Road) -> None:
        anna = newcomer(road)
        play(road, anna, "key")

        home = road.say(anna, "/start")["text"].split("Ready for a round?\n\n")[1]
        buy(road, anna, "PREMIUM_STARTER")
        with_premium = road.say(anna, "/start")["text"].split("Ready for a round?\n\n")[1]

        streak, energy, goal = home.splitlines()
        assert (streak, goal) == ("🔥 Streak: 1 day", "✅ Today: 1 of 1 round")
        assert energy.startswith("⚡ 10/20 · next point in ")
        assert with_premium.splitlines()[1] == "👑 Premium: unlimited energy"

    def test_more_rounds_than_the_goal(self, road: Road) -> None:
        anna = newcomer(road)
        for _ in range(2):
            finish(row(anna), at=timezone.now())

        assert road.say(anna, "/start")["text"].endswith("✅ Today: 2 rounds, goal 1")

    def test_a_streak_that_has_ended_does_not_stand_on_the_home_screen(self, road: Road) -> None:
        anna = newcomer(road)
        play(road, anna, "key")

        with time_machine.travel(timezone.now() + timedelta(days=3), tick=False):
            home = road.say(anna, "/start")["text"]

        assert "🔥" not in home

    def test_it_is_chosen_in_the_settings(self, road: Road) -> None:
        anna = newcomer(road)
        finish(row(anna), at=timezone.now())
        road.say(anna, "/settings")

        asked = tap(road, anna, "goal")
        settings = tap(road, anna, "goal:2")
        home = tap(road, anna, "home")

        assert asked["text"] == (
            "🎯 How many rounds a day do you want to play?\n\nA round has ten questions."
        )
        assert labels(asked) == ["1 round a day", "2 rounds a day", "3 rounds a day", "◀️ Back"]
        assert "🎯 2 rounds a day" in labels(settings)
        assert home["text"].endswith("🎯 Today: 1 of 2 rounds")
        assert "Your goal: 2 rounds a day." in [
            one.get("text") for one in road.sandbox.toasts(anna)
        ]

    @pytest.mark.parametrize("data", ["goal:0", "goal:4", "goal:x", "goal:-1"])
    def test_a_button_that_never_was(self, road: Road, data: str) -> None:
        anna = newcomer(road)

        tap(road, anna, data)

        assert toast(road, anna).startswith("This button is no longer valid.")
        assert row(anna).daily_goal == 1

    @pytest.mark.parametrize(
        ("language", "line"),
        [("de", "🎯 Heute: 0 von 3 Runden"), ("uk", "🎯 Сьогодні: 0 з 3 раундів")],
    )
    def test_other_languages(self, road: Road, language: str, line: str) -> None:
        anna = newcomer(road, language=language)
        players.set_daily_goal(player=row(anna), rounds=3)

        assert road.say(anna, "/start")["text"].endswith(line)

    @pytest.mark.parametrize(
        ("at", "counted"),
        [
            (MIDNIGHT - timedelta(days=1) - SECOND, 0),
            (MIDNIGHT - timedelta(days=1), 1),
            (MIDNIGHT - SECOND, 1),
        ],
    )
    def test_a_day_is_one_of_berlin(self, at: datetime, counted: int) -> None:
        player = PlayerFactory.create()
        finish(player, at=at)

        assert rounds.finished_today(player=player, now=MIDNIGHT - SECOND) == counted
        assert rounds.finished_today(player=player, now=MIDNIGHT) == 0

    @pytest.mark.parametrize("goal", [0, 4])
    def test_the_database_knows_three_goals(self, goal: int) -> None:
        player = PlayerFactory.create()

        with (
            pytest.raises(DatabaseError, match="player_daily_goal_exists"),
            transaction.atomic(),
        ):
            Player.objects.filter(pk=player.pk).update(daily_goal=goal)


class TestFirstDay:
    def test_after_the_second_round_there_is_one_kind_message_and_no_offer(
        self, road: Road
    ) -> None:
        anna = newcomer(road)

        play(road, anna, "k1")
        first = texts(road, anna)
        play(road, anna, "k2")

        # All energy is used up, which is the moment of an offer otherwise.
        assert texts(road, anna)[-1] == KIND
        assert KIND not in first
        assert texts(road, anna).count(KIND) == 1
        assert not Impression.objects.exists()

    def test_a_sample_after_the_second_round_has_none(self, road: Road) -> None:
        make_bank("CASES_PRACTICE", A1=20, A2=20)
        anna = newcomer(road)
        play(road, anna, "k1")
        play(road, anna, "k2")

        with time_machine.travel(timezone.now() + timedelta(hours=2)):
            tap(road, anna, "sample:CASES_PRACTICE:s1")
            for _ in range(3):
                asked = RoundQuestion.objects.get(answered_at=None, refunded_at=None)
                tap(road, anna, f"answer:{asked.pk}:{asked.order.index(1)}")

        assert Round.objects.filter(state="FINISHED", sample_day__isnull=False).count() == 1
        assert texts(road, anna).count(KIND) == 1

    def test_a_third_round_has_none(self, road: Road) -> None:
        anna = newcomer(road)
        for _ in range(2):
            finish(row(anna), at=timezone.now())

        play(road, anna, "k3")

        assert KIND not in texts(road, anna)

    @pytest.mark.parametrize(("created_at", "is_kind"), [(0, True), (-1, False)])
    def test_the_first_day_begins_at_midnight_in_berlin(
        self, road: Road, created_at: int, is_kind: bool
    ) -> None:
        with time_machine.travel(MIDNIGHT + timedelta(hours=9)):
            anna = newcomer(road)
            came = MIDNIGHT + created_at * SECOND
            Player.objects.filter(telegram_id=anna).update(created_at=came)
            finish(row(anna), at=MIDNIGHT + timedelta(hours=1))

            play(road, anna, "k2")

        assert (KIND in texts(road, anna)) is is_kind
