"""What a player gets of what is stored about them, and that it is sent once."""

import json
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from bot import tasks
from bot.messages import my_data as files
from economy.models import LedgerEntry
from quizarena.game import reviews
from quizarena.ops import my_data
from quizarena.players import data_requests, notes
from quizarena.players.models import DataRequest, Player
from tests.bot.screens.buyers import buy, newcomer, row, travel
from tests.bot.screens.test_duel import answer, begin
from tests.conftest import NOON, Road
from tests.factories import PlayerFactory, make_staff
from tests.game.challenges import make_bank
from tests.game.played import answer_round
from tests.game.reviewing import make_card, start
from tests.game.test_written_answers import make_typed

HOUR = timedelta(hours=1)


def contents(player: Player) -> dict[str, list[dict[str, Any]]]:
    """Return the player's document."""
    found: dict[str, list[dict[str, Any]]] = json.loads(my_data.document(player))
    return found


def documents(road: Road, player: int) -> list[dict[str, Any]]:
    """Send what is due; return the files that the player has got."""
    tasks.send_my_data()
    travel(road)
    return [message for message in road.sandbox.chat(player) if "document" in message]


@pytest.mark.django_db
def test_every_table_of_players_is_in_it_or_withheld() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
            WHERE contype = 'f' AND confrelid = 'players_player'::regclass
            """
        )
        of_players = {table for (table,) in cursor}
    selected = {table for section in my_data.SECTIONS.values() for table in section.tables}

    assert sorted(of_players - selected - set(my_data.WITHHELD)) == []
    assert sorted(set(my_data.WITHHELD) - of_players) == []
    assert selected.isdisjoint(my_data.WITHHELD)


class TestDocument:
    def test_it_has_what_the_player_did_bought_and_wrote(self, road: Road) -> None:
        anna = newcomer(road)
        buy(road, anna, "ENERGY_10")
        road.say(anna, "/paysupport Wo ist mein Kauf?")
        player = row(anna)
        answer_round(player, True)
        make_card(player, question=make_typed())
        start(player)
        with transaction.atomic():
            reviews.answer_text(player=player, text="Gedächtnis", written_at=NOON, now=NOON)

        support = make_staff("Support")
        notes.add(player=player, text="Writes in Polish.", is_pinned=True, author=support, now=NOON)
        notes.write_to(
            decision=uuid4(),
            player=player,
            text="We have looked.",
            reason="Asked by e-mail",
            author=support,
            now=NOON,
        )

        found = contents(player)

        assert found["profile"][0]["telegram_id"] == anna
        assert found["wallet"][0]["paid_energy"] == 10
        assert [one["type"] for one in found["wallet_entries"]] == list(
            LedgerEntry.objects.filter(player=player).order_by("pk").values_list("type", flat=True)
        )
        (purchase,) = found["purchases"]
        assert (purchase["product"], purchase["paid_stars"]) == ("ENERGY_10", 5)
        assert found["support_requests"][0]["text"] == "Wo ist mein Kauf?"
        (answered,) = found["round_answers"]
        assert answered["is_correct"] is True
        assert answered["answer"]
        assert found["review_answers"][0]["answer"] == "Gedächtnis"
        (written,) = found["messages_of_staff"]
        assert written["text"] == "We have looked."
        # What staff note for each other, and why they write, is theirs.
        whole = json.dumps(found, ensure_ascii=False)
        assert "Writes in Polish" not in whole
        assert "Asked by e-mail" not in whole
        assert {"message", "callback_query"} <= {one["kind"] for one in found["received_from_you"]}
        assert any("<b>" in (one["text"] or "") for one in found["sent_to_you"])

    def test_it_has_nothing_of_others(self, road: Road) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben, first = begin(road)
        Player.objects.filter(telegram_id=ben).update(first_name="Xanthippe")
        road.say(ben, "/paysupport Mein Geheimnis")
        answer(road, ben, first)

        found = contents(row(anna))

        assert found["duels"][0]["state"] == "ACCEPTED"
        assert found["duel_answers"] == []
        whole = json.dumps(found, ensure_ascii=False)
        for of_ben in (str(ben), "Geheimnis", "Xanthippe"):
            assert of_ben not in whole

    @pytest.mark.django_db
    def test_it_is_there_for_who_has_done_nothing(self) -> None:
        found = contents(PlayerFactory.create(telegram_id=7))

        assert list(found) == list(my_data.SECTIONS)
        assert found["profile"][0]["telegram_id"] == 7
        assert found["purchases"] == []


class TestSending:
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("en", "The file comes into this chat within a few minutes."),
            ("de", "Die Datei kommt in ein paar Minuten in diesen Chat."),
            ("uk", "Файл з’явиться в цьому чаті за кілька хвилин."),
        ],
    )
    def test_it_comes_once_a_day(self, road: Road, language: str, words: str) -> None:
        anna = newcomer(road, language=language)

        with time_machine.travel(NOON, tick=False):
            asked = road.say(anna, "/my_data")
            travel(road)
            again = road.say(anna, "/my_data")
            (file,) = documents(road, anna)
        with time_machine.travel(NOON + 24 * HOUR - timedelta(seconds=1), tick=False):
            had = road.say(anna, "/my_data")
            assert documents(road, anna) == [file]
        with time_machine.travel(NOON + 24 * HOUR, tick=False):
            anew = road.say(anna, "/my_data")
            assert len(documents(road, anna)) == 2

        assert asked["text"].endswith(words)
        assert asked["text"] == again["text"] == anew["text"] != had["text"]
        assert file["document"]["file_name"] == "quiz-arena-my-data.json"
        assert file["caption"].startswith("📦")

    def test_who_has_gone_gets_none(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/my_data")
        Player.objects.filter(telegram_id=anna).update(bot_blocked_at=NOON)

        assert documents(road, anna) == []
        assert DataRequest.objects.get().sent_at is not None

    @pytest.mark.django_db
    def test_the_database_knows_one_that_waits_and_none_that_is_sent_twice(self) -> None:
        player = PlayerFactory.create()
        request, is_new = data_requests.ask(player=player, now=NOON)
        assert is_new
        assert data_requests.ask(player=player, now=NOON + 48 * HOUR) == (request, False)

        with pytest.raises(DatabaseError, match="one_waiting"), transaction.atomic():
            DataRequest.objects.create(player=player, asked_at=NOON)
        DataRequest.objects.update(sent_at=NOON)
        with pytest.raises(DatabaseError, match="sent_once"), transaction.atomic():
            DataRequest.objects.update(sent_at=NOON + HOUR)

    def test_a_big_one_is_packed(self) -> None:
        # So much is stored of no player here.
        small, big = files._file("x" * 999_999), files._file("ä" * 500_000)
        plain, packed = small.input_file_content, big.input_file_content
        assert isinstance(plain, bytes)
        assert isinstance(packed, bytes)

        assert (small.filename, len(plain)) == ("quiz-arena-my-data.json", 999_999)
        assert big.filename == "quiz-arena-my-data.json.zip"
        with ZipFile(BytesIO(packed)) as archive:
            assert archive.read("quiz-arena-my-data.json").decode() == "ä" * 500_000
