"""Players at the desk: found, read, suspended and let in again."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from quizarena.game.models import Round
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.factories import (
    NOON,
    InboxUpdateFactory,
    OutgoingCallFactory,
    PlayerFactory,
    make_staff,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/players/player/"


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def found(page: str) -> set[str]:
    """Return the user names on a page."""
    return set(re.findall(r">\s*@(\w+)", page))


def is_suspended(player: Player) -> bool:
    """Return whether the player is suspended by now."""
    return Player.objects.filter(pk=player.pk, suspended_at__isnull=False).exists()


class TestSearch:
    @pytest.mark.parametrize("term", ["700000001", "anna_b", "@ANNA_B", " Anna_B "])
    def test_a_telegram_id_or_the_beginning_of_a_user_name_finds_the_player(
        self, support: Client, term: str
    ) -> None:
        PlayerFactory.create(telegram_id=700000001, username="anna_bauer")
        PlayerFactory.create(telegram_id=700000002, username="annabella")
        PlayerFactory.create(telegram_id=70000000, username="hanna_b")

        page = support.get(LIST, {"q": term}).content.decode()

        assert found(page) == {"anna_bauer"}

    def test_a_number_that_is_too_big_finds_nobody(self, support: Client) -> None:
        PlayerFactory.create(username="anna")

        page = support.get(LIST, {"q": "9" * 30}).content.decode()

        assert found(page) == set()

    def test_it_uses_the_index_of_beginnings(self, support: Client) -> None:
        with CaptureQueriesContext(connection) as queries:
            support.get(LIST, {"q": "anna"})
        search = next(query["sql"] for query in queries if "LIKE" in query["sql"])
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute("EXPLAIN " + search.replace("%", "%%").partition(" ORDER BY")[0], [])
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "player_username_prefix" in plan


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("standing=suspended", {"shut_out"}),
            ("standing=blocked", {"gone"}),
            ("language__exact=uk", {"olena"}),
        ],
    )
    def test_the_list_shows_who_stands_so(
        self, support: Client, query: str, expected: set[str]
    ) -> None:
        PlayerFactory.create(username="shut_out", suspended_at=NOON)
        PlayerFactory.create(username="gone", bot_blocked_at=NOON)
        PlayerFactory.create(username="olena", language="uk")

        assert found(support.get(f"{LIST}?{query}").content.decode()) == expected


class TestActions:
    def test_support_suspends_and_unsuspends_with_a_reason(self, support: Client) -> None:
        anna = PlayerFactory.create(username="anna")
        address = f"/admin/players/player/{anna.pk}/"

        support.post(f"{address}suspend/", {"reason": "Bot", "preview": "1"})
        assert not is_suspended(anna)
        support.post(f"{address}suspend/", {"reason": "Bot", "confirm": "1"})
        assert is_suspended(anna)
        again = support.post(f"{address}suspend/", {"reason": "Bot", "confirm": "1"})
        assert "Refused: the player is suspended already." in again.content.decode()
        shown = support.post(f"{address}suspend/", {"reason": "Bot", "preview": "1"})
        assert "Refused: the player is suspended already." in shown.content.decode()
        support.post(f"{address}unsuspend/", {"reason": "A mistake", "confirm": "1"})
        assert not is_suspended(anna)
        assert list(AuditEntry.objects.order_by("id").values_list("action", "summary"))[-2:] == [
            ("player.suspended", "@anna: suspended: Bot"),
            ("player.unsuspended", "@anna: unsuspended: A mistake"),
        ]

    def test_who_may_only_look_suspends_nobody(self, client: Client) -> None:
        client.force_login(make_staff("Finance"))
        anna = PlayerFactory.create()

        answer = client.post(
            f"/admin/players/player/{anna.pk}/suspend/", {"reason": "Bot", "confirm": "1"}
        )

        assert answer.status_code == 403

    def test_a_player_cannot_be_edited(self, admin_client: Client) -> None:
        anna = PlayerFactory.create(first_name="Anna")

        answer = admin_client.post(
            f"/admin/players/player/{anna.pk}/change/", {"first_name": "Berta"}
        )

        assert answer.status_code == 403
        assert Player.objects.get().first_name == "Anna"


class TestStory:
    def test_the_page_shows_what_the_player_did_and_was_sent(self, support: Client) -> None:
        anna = PlayerFactory.create(telegram_id=700000001)
        InboxUpdateFactory.create(update_id=4001, player_key=700000001, dead=True)
        OutgoingCallFactory.create(chat_key=700000001, refused=True)
        Round.objects.create(
            player=anna,
            mode="ARTIKEL_SPRINT",
            start_key="1",
            started_at=NOON,
            state="FINISHED",
            finished_at=NOON,
        )
        InboxUpdateFactory.create(update_id=4002, player_key=700000002)

        page = support.get(f"/admin/players/player/{anna.pk}/change/").content.decode()

        assert "/admin/bot/inboxupdate/4001/change/" in page
        assert "ValueError: no such mode" in page
        assert "Bad Request: chat not found" in page
        assert "Artikel sprint, 0 of 0 right" in page
        assert "4002" not in page

    def test_who_may_not_read_the_inbox_does_not_read_it_here(self, client: Client) -> None:
        client.force_login(make_staff("Finance"))
        anna = PlayerFactory.create(telegram_id=700000001)
        InboxUpdateFactory.create(update_id=4001, player_key=700000001)

        page = client.get(f"/admin/players/player/{anna.pk}/change/").content.decode()

        assert "Timeline" in page
        assert "4001" not in page
