"""The daily challenge, tap by tap, through the sandbox over HTTP."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.utils import timezone

from bot.queue import intake
from economy import streaks
from economy.models import LedgerEntry, Streak
from payments.models import Impression
from quizarena.game import daily
from quizarena.game.models import DailyAnswer, DailyRun, DailySet, Question
from tests.bot.screens.buyers import newcomer, row, statements, tap, toast, travel
from tests.conftest import Road
from tests.game.challenges import make_bank, play, quiz_ids
from tests.game.test_round import labels, right, wrong
from tests.sandbox import buttons

Json = dict[str, Any]

SECOND = timedelta(seconds=1)
MIDNIGHT = datetime(2026, 12, 16, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank(A1=10, A2=15, B1=10)


def start(road: Road, player: int) -> Json:
    """Let the player start or continue today's challenge; return the message."""
    road.sandbox.say(player, "/daily")
    travel(road)
    return tap(road, player, "daily-start")


def answer(road: Road, player: int, message: Json, *, is_right: bool = True) -> Json:
    """Let the player answer the question of the message, and return what it becomes."""
    label = right(message) if is_right else wrong(message)
    (data,) = [one["callback_data"] for one in buttons(message) if one["text"] == label]
    return tap(road, player, data)


def finish(road: Road, player: int, outcomes: list[bool]) -> Json:
    """Let the player play a challenge to its end; return the last message."""
    message = start(road, player)
    for is_right in outcomes:
        message = answer(road, player, message, is_right=is_right)
    return message


class TestTheWayThere:
    def test_it_stands_first_on_the_home_screen_and_in_the_menu(self, road: Road) -> None:
        anna = newcomer(road)

        home = tap(road, anna, "home")
        menu = tap(road, anna, "menu")

        assert labels(home)[:2] == ["📅 Daily challenge", "▶️ Play"]
        assert labels(menu)[:2] == ["📅 Daily challenge", "Quick mix"]
        assert tap(road, anna, "daily")["text"].startswith("📅 Daily challenge\n\n7 questions")
        assert tap(road, anna, "home")["text"].startswith("👋 Hello, Anna!")

    @pytest.mark.parametrize(
        ("language", "text", "label"),
        [
            (
                "en",
                (
                    "📅 Daily challenge\n\n7 questions, the same for everyone today. They cost no "
                    "energy, and you can pause until 00:00."
                ),
                "▶️ Start",
            ),
            (
                "de",
                (
                    "📅 Tages-Challenge\n\n7 Fragen, heute für alle die gleichen. Sie kosten keine "
                    "Energie, und du kannst bis 00:00 Uhr pausieren."
                ),
                "▶️ Starten",
            ),
            (
                "uk",
                (
                    "📅 Щоденний виклик\n\nЗапитань: 7, сьогодні для всіх однакові. Вони не "
                    "коштують енергії, і можна робити паузи до 00:00."
                ),
                "▶️ Почати",
            ),
        ],
    )
    def test_its_page(self, road: Road, language: str, text: str, label: str) -> None:
        anna = newcomer(road, language=language)

        page = road.say(anna, "/daily")

        assert page["text"] == text
        assert labels(page)[0] == label
        assert not DailySet.objects.exists()

    def test_a_day_without_questions_says_so(self, road: Road) -> None:
        Question.objects.update(is_enabled=False)
        anna = newcomer(road)

        page = start(road, anna)

        assert toast(road, anna) == (
            "There is no challenge today, sorry. /play has other questions for you."
        )
        assert page["text"].startswith("📅 Daily challenge")


class TestPlaying:
    def test_from_the_first_question_to_the_result(self, road: Road) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            anna = newcomer(road)
            first = start(road, anna)
            second = answer(road, anna, first)
            assert toast(road, anna) == "Right! ✅"
            clock.shift(102 * SECOND)
            message = second
            for is_right in (False, True, True, True, True, True):
                message = answer(road, anna, message, is_right=is_right)

        assert first["text"].startswith("A1 · Daily challenge\n●○○○○○○ 1/7\n\nFrage A1 ")
        assert labels(first)[-1] == "⏸ Pause"
        assert "✅ Right! richtig" in second["text"]
        assert "\n\n➖➖➖\n\nA1 · Daily challenge\n●●○○○○○ 2/7\n\nFrage A1 " in second["text"]
        assert message["text"].endswith(
            "➖➖➖\n\n"
            "🏁 Daily challenge of 16 Dec\n"
            "🟩🟥🟩🟩🟩🟩🟩\n"
            "6 of 7 right in 1 min 42 s\n\n"
            "🥇 You are the first today!\n"
            "🔥 Streak: 1 day\n"
            # One answer came after its question could be read, and it was wrong.
            "⭐ +20 points\n\n"
            "The next challenge is there at 00:00."
        )
        assert labels(message) == ["📨 Share my result", "▶️ Play", "🚩 Report", "◀️ Back"]
        assert "effect_id" not in message
        assert not LedgerEntry.objects.filter(type="QUESTION").exists()

    def test_all_see_the_same_questions_and_options(self, road: Road) -> None:
        anna, ben = newcomer(road), newcomer(road)

        hers, his = start(road, anna), start(road, ben)

        assert hers["text"] == his["text"]
        assert labels(hers) == labels(his)

    def test_a_perfect_one_is_celebrated(self, road: Road) -> None:
        anna = newcomer(road)

        result = finish(road, anna, [True] * 7)

        assert "🟩🟩🟩🟩🟩🟩🟩\n7 of 7 right" in result["text"]
        assert result["effect_id"] == "5046509860389126442"
        assert "➖➖➖" not in result["text"]
        feedback = road.sandbox.chat(anna)[-2]["text"]
        assert "✅ Right! richtig" in feedback

    @pytest.mark.parametrize(
        ("language", "lines"),
        [
            (
                "de",
                (
                    "🏁 Tages-Challenge vom 16.12.\n🟩🟥🟩🟩🟩🟩🟥\n5 von 7 richtig in 0 Sek.\n\n"
                    "📈 Bis jetzt besser als 50 % von 2 anderen.\n🔥 Serie: 1 Tag\n"
                    "⭐ +20 Punkte\n\n"
                    "Die nächste Challenge kommt um 00:00 Uhr."
                ),
            ),
            (
                "uk",
                (
                    "🏁 Щоденний виклик за 16.12\n🟩🟥🟩🟩🟩🟩🟥\nПравильно 5 з 7 за 0 с\n\n"
                    "📈 Поки що краще, ніж у 50 % із 2 інших гравців.\n🔥 Серія: 1 день\n"
                    "⭐ +20 балів\n\n"
                    "Наступний виклик з’явиться о 00:00."
                ),
            ),
        ],
    )
    def test_the_result_in_german_and_ukrainian(
        self, road: Road, language: str, lines: str
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False):
            play(None, [False] * 7, started=timezone.now(), now=timezone.now())
            play(None, [True] * 7, started=timezone.now(), now=timezone.now())
            anna = newcomer(road, language=language)
            result = finish(road, anna, [True, False, True, True, True, True, False])

        assert result["text"].endswith(lines)

    def test_who_is_better_than_nobody_is_only_told_how_many_there_are(self, road: Road) -> None:
        play(None, [True] * 7)
        anna = newcomer(road)

        result = finish(road, anna, [False] * 7)

        assert "👥 1 other player has finished so far." in result["text"]
        assert "%" not in result["text"]

    @pytest.mark.parametrize(
        ("language", "placed"),
        [
            ("en", "📈 Better than the other player who has finished so far."),
            ("de", "📈 Besser als die andere Person, die schon fertig ist."),
            ("uk", "📈 Краще, ніж в іншого гравця, який уже завершив."),
        ],
    )
    def test_of_one_other_player_there_is_no_percentage(
        self, road: Road, language: str, placed: str
    ) -> None:
        play(None, [False] * 7)
        anna = newcomer(road, language=language)

        result = finish(road, anna, [True] * 7)

        assert placed in result["text"]
        assert "%" not in result["text"]

    def test_a_pause_and_the_way_back_to_the_question_that_waits(self, road: Road) -> None:
        anna = newcomer(road)
        second = answer(road, anna, start(road, anna))

        page = tap(road, anna, "daily")
        again = tap(road, anna, "daily-start")

        assert page["text"] == (
            "📅 Daily challenge\n\nYou have answered 1 of 7. Go on until 00:00."
        )
        assert labels(page)[0] == "▶️ Continue"
        assert again["text"] in second["text"]
        assert again["text"].startswith("A1 · Daily challenge\n●●○○○○○ 2/7")

    def test_who_has_finished_sees_the_result_again(self, road: Road) -> None:
        anna = newcomer(road)
        finish(road, anna, [True] * 6 + [False])

        page = road.say(anna, "/daily")
        travel(road)
        again = tap(road, anna, "daily-start")

        assert "🟩🟩🟩🟩🟩🟩🟥\n6 of 7 right" in page["text"]
        assert "🔥" not in page["text"]
        assert again["text"] == page["text"]
        assert DailyRun.objects.count() == 1

    def test_the_share_button_tells_nothing_of_the_questions(self, road: Road) -> None:
        anna = newcomer(road)

        result = finish(road, anna, [True, False, True, True, True, True, True])

        share = buttons(result)[0]
        assert share["url"].startswith("https://t.me/share/url?")
        assert parse_qs(urlsplit(share["url"]).query) == {
            "url": ["https://t.me/quizarena_bot"],
            "text": ["Quiz Arena, daily challenge of 16 Dec: 6/7\n🟩🟥🟩🟩🟩🟩🟩"],
        }

    def test_nothing_is_offered_inside(self, road: Road) -> None:
        anna = newcomer(road)
        Streak.objects.create(
            player=row(anna),
            current=40,
            best=40,
            last_active_day=date(2026, 12, 15),
            rolled_over_through=date(2026, 12, 15),
        )

        finish(road, anna, [True] * 7)

        assert not Impression.objects.exists()


class TestTwice:
    def test_a_second_tap_on_an_option(self, road: Road) -> None:
        anna = newcomer(road)
        first = start(road, anna)
        data = buttons(first)[0]["callback_data"]
        second = tap(road, anna, data)

        again = tap(road, anna, data)

        assert toast(road, anna) == (
            "You have answered this one already – your first answer counts."
        )
        assert again == second
        assert DailyAnswer.objects.count() == 1

    def test_two_devices_give_the_last_answer(self, road: Road) -> None:
        anna = newcomer(road)
        message = start(road, anna)
        for _ in range(6):
            message = answer(road, anna, message)
        options = [one["callback_data"] for one in buttons(message)]
        chosen = options[labels(message).index(right(message))]
        other = options[labels(message).index(wrong(message))]

        road.sandbox.tap(anna, chosen, message_id=message["message_id"])
        road.sandbox.tap(anna, other, message_id=message["message_id"])
        travel(road)

        run = DailyRun.objects.get()
        assert (run.score, run.answers.count()) == (7, 7)
        assert Streak.objects.get().current == 1

    def test_the_same_update_again(self, road: Road) -> None:
        anna = newcomer(road)
        first = start(road, anna)
        road.sandbox.tap(anna, right(first))
        [update] = road.sandbox.call("getUpdates", offset=road._offset)

        for _ in range(2):
            intake.arrive(raw=json.dumps(update).encode(), now=timezone.now())
            road.work()
        travel(road)

        assert DailyAnswer.objects.count() == 1
        assert "●●○○○○○ 2/7" in road.sandbox.last_message(anna)["text"]

    def test_two_taps_on_the_start(self, road: Road) -> None:
        anna = newcomer(road)
        page = road.say(anna, "/daily")

        for _ in range(2):
            road.sandbox.tap(anna, "daily-start", message_id=page["message_id"])
        travel(road)

        assert DailyRun.objects.count() == 1
        assert "●○○○○○○ 1/7" in road.sandbox.last_message(anna)["text"]

    @pytest.mark.parametrize(
        "data",
        ["daily-answer", "daily-answer:x:1:0", "daily-answer:0:1:0", "daily-answer:{run}:2:0",
         "daily-answer:{run}:1:4", "daily-answer:{run}:8:0"],
    )  # fmt: skip
    def test_a_button_that_never_was_is_answered_kindly(self, road: Road, data: str) -> None:
        anna = newcomer(road)
        first = start(road, anna)

        tap(road, anna, data.format(run=DailyRun.objects.get().pk))

        assert "no longer valid" in toast(road, anna)
        assert road.sandbox.last_message(anna) == first

    def test_another_players_button_is_none(self, road: Road) -> None:
        anna, ben = newcomer(road), newcomer(road)
        first = start(road, anna)
        start(road, ben)

        tap(road, ben, buttons(first)[0]["callback_data"])

        assert "no longer valid" in toast(road, ben)
        assert not DailyAnswer.objects.exists()


class TestMidnight:
    @pytest.mark.parametrize(
        ("language", "days", "begins"),
        [
            ("en", 1, "That was yesterday's challenge; here is today's.\n\n📅 Daily challenge"),
            ("en", 2, "That challenge is over; here is today's.\n\n📅 Daily challenge"),
            ("de", 1, "Das war die Challenge von gestern; hier ist die von heute.\n\n📅"),
            ("de", 2, "Diese Challenge ist vorbei; hier ist die von heute.\n\n📅"),
            ("uk", 1, "Це був учорашній виклик, а ось сьогоднішній.\n\n📅"),
            ("uk", 2, "Той виклик уже завершився, а ось сьогоднішній.\n\n📅"),
        ],
    )
    def test_it_overtakes_a_run_kindly(
        self, road: Road, language: str, days: int, begins: str
    ) -> None:
        anna = newcomer(road, language=language)
        message = start(road, anna)
        for _ in range(6):
            message = answer(road, anna, message)

        with time_machine.travel(MIDNIGHT + (days - 1) * timedelta(days=1), tick=False):
            page = answer(road, anna, message)
            following = tap(road, anna, "daily-start")

        assert page["text"].startswith(begins)
        assert "●○○○○○○ 1/7" in following["text"]
        old, new = DailyRun.objects.order_by("pk")
        assert (old.finished_at, old.answers.count()) == (None, 6)
        assert (new.set.day, new.answers.count()) == (date(2026, 12, 16 + days), 0)
        assert not set(quiz_ids(old.set)) & set(quiz_ids(new.set))
        assert not Streak.objects.exists()

    def test_a_moment_before_it_counts(self, road: Road) -> None:
        anna = newcomer(road)
        message = start(road, anna)
        for _ in range(6):
            message = answer(road, anna, message)

        with time_machine.travel(MIDNIGHT - timedelta(microseconds=1), tick=False):
            result = answer(road, anna, message)

        assert "7 of 7 right" in result["text"]
        assert DailyRun.objects.get().finished_at == MIDNIGHT - timedelta(microseconds=1)


class TestCost:
    """SQL statements from the claim to DONE, with the points of the end."""

    @pytest.mark.parametrize(
        ("what", "most"),
        [("the page", 12), ("the start", 14), ("an answer", 12), ("the last answer", 17)],
    )
    def test_an_update(self, road: Road, what: str, most: int) -> None:
        anna = newcomer(road)
        # The first activity of a day costs more: it rolls the streak over.
        streaks.record_activity(player=row(anna), now=timezone.now())
        daily.draw(day=date(2026, 12, 16), now=timezone.now())
        page = road.say(anna, "/daily")
        travel(road)
        message = page
        if what != "the start":
            message = tap(road, anna, "daily-start")
        for _ in range(6 if what == "the last answer" else 0):
            message = answer(road, anna, message, is_right=False)
        match what:
            case "the page":
                road.sandbox.say(anna, "/daily")
            case "the start":
                road.sandbox.tap(anna, "daily-start", message_id=page["message_id"])
            case _:
                road.sandbox.tap(anna, wrong(message))

        cost = statements(road)

        print(f"{what}: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= most
