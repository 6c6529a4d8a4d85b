"""/paysupport, and the message that the bot waits for."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from payments.models import SupportRequest
from quizarena.players import services as players
from quizarena.players.models import Awaited
from tests.bot.buyers import newcomer, row, tap, toast, travel
from tests.conftest import Road
from tests.factories import PlayerFactory


def questions() -> list[str]:
    """Return what support has to read, the oldest first."""
    return list(SupportRequest.objects.order_by("pk").values_list("text", flat=True))


class TestAsking:
    def test_the_next_message_is_the_question(self, road: Road) -> None:
        anna = newcomer(road)

        explained = road.say(anna, "/paysupport")
        confirmed = road.say(anna, "My energy\nis <missing>.")
        travel(road)
        after = road.say(anna, "Thanks!")
        travel(road)

        assert explained["text"].startswith("💬 Help with payments")
        assert "within 15 minutes" in explained["text"]
        assert "Telegram's own support cannot help" in explained["text"]
        assert questions() == ["My energy\nis <missing>."]
        number = SupportRequest.objects.get().pk
        assert confirmed["text"] == (
            f"✅ Thank you, our support has your question (no. {number}). The answer comes here."
        )
        assert after["text"] == confirmed["text"] or "did not understand" in after["text"]
        assert "did not understand" in road.sandbox.last_message(anna)["text"]

    @pytest.mark.parametrize("command", ["/paysupport", "/paysupport@quizarena_bot"])
    def test_what_stands_behind_the_command_is_the_question(self, road: Road, command: str) -> None:
        anna = newcomer(road)

        answer = road.say(anna, f"{command} Where is\nmy Premium?")

        assert answer["text"].startswith("✅ Thank you")
        assert questions() == ["Where is\nmy Premium?"]

    @pytest.mark.parametrize("instead", ["/help", "/nonsense", "a button"])
    def test_any_other_command_or_button_ends_the_waiting(self, road: Road, instead: str) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")

        if instead == "a button":
            tap(road, anna, "shop")
        else:
            road.sandbox.say(anna, instead)
            travel(road)
        road.sandbox.say(anna, "My energy is missing.")
        travel(road)

        assert questions() == []
        assert "did not understand" in road.sandbox.last_message(anna)["text"]

    def test_the_waiting_ends_after_fifteen_minutes(self, road: Road) -> None:
        anna, ben = newcomer(road), newcomer(road)
        for player in (anna, ben):
            road.say(player, "/paysupport")

        for player, seconds in ((anna, 895), (ben, 901)):
            with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True):
                road.say(player, f"after {seconds} s")

        assert questions() == ["after 895 s"]

    def test_a_picture_needs_words_and_then_its_words_are_taken(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")
        message = {
            "message_id": 900,
            "date": 1_790_000_000,
            "chat": {"id": anna, "type": "private"},
            "from": {"id": anna, "is_bot": False, "first_name": "Anna"},
            "photo": [{"file_id": "f", "file_unique_id": "u", "width": 9, "height": 9}],
        }

        road.sandbox.push({"message": message})
        travel(road)
        asked_again = road.sandbox.last_message(anna)["text"]
        road.sandbox.push({"message": {**message, "caption": "Look: nothing came."}})
        travel(road)

        assert asked_again.startswith("Please write it in words")
        assert questions() == ["Look: nothing came."]

    def test_the_sixth_question_that_waits_is_put_off_kindly(self, road: Road) -> None:
        anna = newcomer(road)

        for number in range(6):
            road.sandbox.say(anna, f"/paysupport question {number}")
            travel(road)

        assert len(questions()) == 5
        assert "we have not forgotten you" in road.sandbox.last_message(anna)["text"]


class TestSuspended:
    def test_who_is_suspended_can_ask_and_do_nothing_else(self, road: Road) -> None:
        anna = newcomer(road)
        players.suspend(player_id=row(anna).pk, now=timezone.now())

        explained = road.say(anna, "/paysupport")
        confirmed = road.say(anna, "Give me my Stars back.")
        travel(road)
        tap(road, anna, "shop")

        assert explained["text"].startswith("💬 Help with payments")
        assert confirmed["text"].startswith("✅ Thank you")
        assert questions() == ["Give me my Stars back."]
        assert toast(road, anna).startswith("Your account is suspended")


@pytest.mark.django_db
class TestAwaited:
    def test_it_is_told_once(self) -> None:
        player, now = PlayerFactory.create(), timezone.now()
        players.await_message(player=player, what=Awaited.PAYMENT_QUESTION, now=now)

        first = players.stop_awaiting(player=player, now=now + timedelta(minutes=14))
        second = players.stop_awaiting(player=player, now=now + timedelta(minutes=14))

        assert (first, second) == (Awaited.PAYMENT_QUESTION, None)
        player.refresh_from_db()
        assert (player.awaits, player.awaits_until) == ("", None)

    @pytest.mark.parametrize(
        "half", ["awaits = 'PAYMENT_QUESTION'", "awaits_until = now()"], ids=["what", "until"]
    )
    def test_the_database_wants_what_and_until_together(self, half: str) -> None:
        PlayerFactory.create()

        with (
            pytest.raises(DatabaseError, match="player_is_awaited_until_an_end"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE players_player SET {half}")  # noqa: S608 -- a constant.


class TestTerms:
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("en", ["Telegram Stars", "refund", "/paysupport"]),
            ("de", ["Telegram-Sternen", "Erstattung", "/paysupport"]),
            ("uk", ["зірками Telegram", "повернення", "/paysupport"]),
        ],
    )
    def test_they_speak_of_stars_refunds_and_support(
        self, road: Road, language: str, words: list[str]
    ) -> None:
        anna = newcomer(road, language=language)

        terms = road.say(anna, "/terms")["text"]

        assert [word for word in words if word not in terms] == []
