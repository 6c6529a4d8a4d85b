"""/paysupport, and the message that the bot waits for."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from payments import support
from payments.models import SupportRequest
from quizarena.players import services as players
from quizarena.players.models import Awaited
from tests.bot.screens.buyers import newcomer, row, tap, toast, travel
from tests.conftest import Road
from tests.factories import PlayerFactory
from tests.sandbox import buttons

STICKER = {
    "file_id": "s",
    "file_unique_id": "s",
    "type": "regular",
    "width": 512,
    "height": 512,
    "is_animated": False,
    "is_video": False,
}


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

    def test_a_sticker_says_nothing_and_then_words_are_taken(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")

        show(road, anna, sticker=STICKER)
        asked_again = road.sandbox.last_message(anna)["text"]
        road.say(anna, "Nothing came.")

        assert asked_again.startswith("Please write it in words")
        assert questions() == ["Nothing came."]

    def test_five_a_day_even_if_all_were_answered(self, road: Road) -> None:
        anna = newcomer(road)
        staff = User.objects.create(username="support")
        for number in range(5):
            road.say(anna, f"/paysupport question {number}")
            asked = SupportRequest.objects.latest("pk")
            support.answer(request_id=asked.pk, text="Yes.", staff=staff, now=timezone.now())
            travel(road)

        road.say(anna, "/paysupport one more")
        travel(road)
        sixth = road.sandbox.last_message(anna)["text"]
        with time_machine.travel(timezone.now() + timedelta(days=1), tick=True):
            road.say(anna, "/paysupport on the next day")

        assert "tomorrow you can write again" in sixth
        assert questions()[4:] == ["question 4", "on the next day"]

    def test_the_sixth_question_that_waits_is_put_off_kindly(self, road: Road) -> None:
        anna = newcomer(road)

        for number in range(6):
            road.sandbox.say(anna, f"/paysupport question {number}")
            travel(road)

        assert len(questions()) == 5
        assert "we have not forgotten you" in road.sandbox.last_message(anna)["text"]


def show(road: Road, player: int, **content: Any) -> None:
    """Let the player send something that is no text; what it is stands in `content`."""
    message = {
        "message_id": 900,
        "date": 1_790_000_000,
        "chat": {"id": player, "type": "private"},
        "from": {"id": player, "is_bot": False, "first_name": "Anna"},
        **content,
    }
    road.sandbox.push({"message": message})
    travel(road)


def photo(name: str) -> list[dict[str, Any]]:
    """Return a photo as Telegram sends it, in two sizes."""
    return [
        {"file_id": f"{name}-{size}", "file_unique_id": name, "width": size, "height": size}
        for size in (90, 800)
    ]


def attachments() -> list[list[str]]:
    """Return the ids of the files of every request, the oldest first."""
    requests = SupportRequest.objects.order_by("pk").values_list("attachments", flat=True)
    return [[one["file_id"] for one in each] for each in requests]


class TestPictures:
    def test_an_album_is_one_question_with_one_answer(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")
        before = len(road.sandbox.chat(anna))

        for name, caption in (
            ("one", {"caption": "Look: nothing came."}),
            ("two", {}),
            ("three", {}),
        ):
            show(road, anna, photo=photo(name), media_group_id="album-1", **caption)

        answers = [one["text"] for one in road.sandbox.chat(anna)[before:]]
        number = SupportRequest.objects.get().pk
        assert answers == [
            f"✅ Thank you, our support has your question (no. {number}). The answer comes here."
        ]
        assert questions() == ["Look: nothing came."]
        assert attachments() == [["one-800", "two-800", "three-800"]]

    def test_an_album_without_words_is_kept_and_gets_its_words(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")
        before = len(road.sandbox.chat(anna))

        for name in ("one", "two"):
            show(road, anna, photo=photo(name), media_group_id="album-1")
        road.say(anna, "Nothing came.")

        said = [one for one in road.sandbox.chat(anna)[before:] if one["from"]["is_bot"]]
        assert [one["text"].split(" (no.")[0] for one in said] == [
            "📎 I have kept what you sent",
            "✅ Thank you, our support has your question",
        ]
        assert questions() == ["Nothing came."]
        assert attachments() == [["one-800", "two-800"]]

    def test_words_under_a_later_picture_are_the_question(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")

        show(road, anna, photo=photo("one"), media_group_id="album-1")
        show(road, anna, photo=photo("two"), media_group_id="album-1", caption="Nothing came.")
        road.say(anna, "Thanks!")

        assert questions() == ["Nothing came."]
        assert attachments() == [["one-800", "two-800"]]

    def test_the_command_under_a_picture_is_a_question_too(self, road: Road) -> None:
        anna = newcomer(road)

        show(road, anna, photo=photo("one"), caption="/paysupport Nothing came.")

        assert questions() == ["Nothing came."]
        assert attachments() == [["one-800"]]

    def test_files_are_kept_and_ten_are_enough(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/paysupport")
        document = {"file_id": "receipt", "file_unique_id": "r"}

        show(road, anna, document=document, media_group_id="album-1", caption="Nothing came.")
        for number in range(12):
            show(road, anna, photo=photo(f"p{number}"), media_group_id="album-1")

        (kept,) = attachments()
        assert kept[:2] == ["receipt", "p0-800"]
        assert len(kept) == 10

    def test_an_album_that_nobody_has_asked_for_is_answered_once(self, road: Road) -> None:
        anna = newcomer(road)
        before = len(road.sandbox.chat(anna))

        for name in ("one", "two", "three"):
            show(road, anna, photo=photo(name), media_group_id="album-1")

        answers = [one["text"] for one in road.sandbox.chat(anna)[before:]]
        assert len(answers) == 1
        assert "did not understand" in answers[0]
        assert questions() == []

    def test_who_is_suspended_can_send_an_album_to_support(self, road: Road) -> None:
        anna = newcomer(road)
        players.suspend(player_id=row(anna).pk, now=timezone.now())
        road.say(anna, "/paysupport")

        for name in ("one", "two"):
            show(road, anna, photo=photo(name), media_group_id="album-1", caption=name)

        assert questions() == ["one"]
        assert attachments() == [["one-800", "two-800"]]


class TestSuspended:
    def test_who_is_suspended_can_ask_and_do_nothing_else(self, road: Road) -> None:
        anna = newcomer(road)
        players.suspend(player_id=row(anna).pk, now=timezone.now())

        explained = road.say(anna, "/paysupport")
        confirmed = road.say(anna, "Give me my Stars back.")
        travel(road)
        tap(road, anna, "shop")

        assert explained["text"].startswith("💬 Help with payments")
        # Neither the wallet nor a button would answer.
        assert explained["text"].endswith("cannot help with purchases in this bot.")
        assert confirmed["text"].startswith("✅ Thank you")
        assert (buttons(explained), buttons(confirmed)) == ([], [])
        assert questions() == ["Give me my Stars back."]
        assert toast(road, anna).startswith("Your account is suspended")


@pytest.mark.django_db
class TestAwaited:
    def test_it_is_sent_once(self) -> None:
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
