"""Cups and tournaments at the desk: read, called off, and their prizes set."""

import re
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from quizarena.game.models import CupPrize
from quizarena.staff.models import AuditEntry
from tests.factories import make_staff
from tests.game.duelling import player
from tests.game.touring import (
    HALF_HOUR,
    MINUTE,
    NOON,
    OPENS,
    STARTS,
    bank,
    begun,
    cup,
    join,
    make,
    play,
    play_round,
    registered,
    run,
    start,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/game/tournament/"
PRIZES = "/admin/game/cupprize/"


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    bank()


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


def page() -> str:
    """Return the address of the cup's page."""
    return f"{LIST}{cup().pk}/change/"


def test_the_list_says_where_all_stand(operator: Client) -> None:
    registered(3)
    private = make(player())

    listed = text(operator.get(LIST).content)

    assert "Cup of 16 Dec 2026 open 3" in listed
    assert f"Private tournament {private.pk} open 1" in listed
    assert private.token not in operator.get(LIST).content.decode()
    assert "Cup of" not in text(operator.get(f"{LIST}?kind__exact=PRIVATE").content)


def test_a_page_shows_standings_pairings_and_prizes(operator: Client) -> None:
    CupPrize.objects.create(place_from=1, place_to=1, duel_tickets=2)
    four = begun(4)
    for number in range(3):
        play_round(
            cup(),
            dict(zip(four, (7, 5, 3, 1), strict=True)),
            now=STARTS + number * HALF_HOUR,
        )

    before = text(operator.get(page()).content)
    run(STARTS + 3 * HALF_HOUR)
    shown = text(operator.get(page()).content)

    assert "Place Player Points Buchholz Right Time Prize" in shown
    assert re.search(r"1 @\S+ 6 6 21 21 s friend_challenge_tickets: 2 \(due\)", before)
    assert "(due)" not in shown
    assert "friend_challenge_tickets: 2" in shown
    assert len(re.findall(r"7 of 7", shown)) == 12
    assert "Call off" not in shown


@pytest.mark.parametrize(
    ("right", "winner", "loser"),
    [((5, 3), "1 0 5 5 s", "0 0 3 5 s"), ((4, 4), "0.5 0 4 5 s", "0.5 0 4 5 s")],
)
def test_points_of_a_private_one_are_those_that_its_players_see(
    operator: Client, right: tuple[int, int], winner: str, loser: str
) -> None:
    anna, ben = player("Anna"), player("Ben")
    private = make(anna)
    join(ben, private)
    start(anna, private)
    play_round(private, dict(zip((anna, ben), right, strict=True)), now=NOON + MINUTE)

    shown = text(operator.get(f"{LIST}{private.pk}/change/").content)

    assert re.search(rf"1 @\S+ {winner}", shown)
    assert re.search(rf"2 @\S+ {loser}", shown)


def test_one_is_called_off_with_a_reason(operator: Client) -> None:
    four = begun(4)
    play(four[0], cup(), [True], now=STARTS)
    with time_machine.travel(STARTS + MINUTE, tick=False):
        assert "Call off" in text(operator.get(page()).content)
        address = f"{LIST}{cup().pk}/call-off/"
        asked = operator.post(address, {"reason": "wrong questions"})
        assert "Players who are notified – 4" in text(asked.content)
        assert cup().state == "RUNNING"
        done = operator.post(address, {"reason": "wrong questions", "confirm": "1"}, follow=True)

    assert "is called off" in text(done.content)
    assert (cup().state, cup().reason) == ("CALLED_OFF", "wrong questions")
    entry = AuditEntry.objects.get(action="game.tournament_called_off")
    assert entry.summary == "Called off the cup of 16 Dec 2026: wrong questions"
    with time_machine.travel(STARTS + MINUTE, tick=False):
        again = [
            operator.post(address, {"reason": "again", step: "1"})
            for step in ("preview", "confirm")
        ]
    assert all("Refused: cup of 16 Dec 2026 is over" in text(page.content) for page in again)


def test_support_reads_and_does_not_call_off(client: Client) -> None:
    one = begun(4)[0]
    client.force_login(make_staff("Support"))

    shown = text(client.get(page()).content)

    assert "Pairings" in shown
    assert "Call off" not in shown
    assert client.post(f"{LIST}{cup().pk}/call-off/", {"reason": "x"}).status_code == 403
    assert client.get(PRIZES).status_code == 403
    assert "cup of 16 Dec 2026 running" in text(
        client.get(f"/admin/players/player/{one.pk}/change/").content
    )


class TestPrizes:
    def post(self, operator: Client, **fields: Any) -> str:
        """Let the operator set a prize; return what one reads then."""
        prize: dict[str, Any] = {
            "place_from": 1,
            "place_to": 3,
            "paid_energy": 10,
            "streak_savers": 0,
            "duel_tickets": 1,
            "premium_days": 7,
            **fields,
        }
        return text(operator.post(f"{PRIZES}add/", prize, follow=True).content)

    def test_are_set_and_changed(self, operator: Client) -> None:
        self.post(operator)
        prize = CupPrize.objects.get()
        listed = text(operator.get(PRIZES).content)

        assert (prize.paid_energy, prize.duel_tickets, prize.premium_days) == (10, 1, 7)
        assert "places 1 to 3 10 0 1 7" in listed
        assert AuditEntry.objects.filter(object_type="game.cupprize").exists()

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"place_to": 101}, "Places are 1 to 100, the first one first."),
            ({"paid_energy": 0, "duel_tickets": 0, "premium_days": 0}, "at least one item"),
            ({"premium_days": 31}, "At most 100 energy"),
            ({"place_from": 5, "place_to": 9}, "has a prize already"),
        ],
    )
    def test_what_is_refused_says_why(
        self, operator: Client, fields: dict[str, Any], words: str
    ) -> None:
        CupPrize.objects.create(place_from=9, place_to=9, paid_energy=1)

        assert words in self.post(operator, **fields)
        assert CupPrize.objects.count() == 1


def test_opening_a_page_of_a_cup_that_waits_costs_nobody_anything(operator: Client) -> None:
    registered(4)
    with time_machine.travel(OPENS + MINUTE, tick=False):
        operator.get(page())

    assert cup().state == "OPEN"
