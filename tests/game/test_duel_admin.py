"""Duels at the desk: found, read, and left as they are."""

import re
from html import unescape

import pytest
import time_machine
from django.test import Client

from quizarena.game.models import Duel
from tests.factories import make_staff
from tests.game.challenges import make_bank
from tests.game.duelling import (
    NOON,
    SECOND,
    TOO_LATE_TO_ACCEPT,
    accepted,
    again,
    create,
    finish,
    play,
    played,
    player,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/game/duel/"


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=30)


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which somebody of support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


def page_of(duel: Duel) -> str:
    """Return the address of a duel's page."""
    return f"{LIST}{duel.pk}/change/"


def test_the_list_says_who_plays_whom_and_who_has_won(support: Client) -> None:
    anna, ben = player("Anna", username="anna"), player("Ben", username="ben")
    won = played(anna, ben)
    waiting = create(ben, 5)

    page = text(support.get(LIST).content)

    assert f"{waiting.pk} @ben – nobody yet 5 pending –" in page
    assert f"{won.pk} @anna – @ben 3 completed 2:1, @anna wins" in page
    assert won.token not in support.get(LIST).content.decode()


def test_duels_are_found_by_either_player_and_by_state(support: Client) -> None:
    anna, ben = player("Anna", username="anna"), player("Ben", username="ben")
    accepted(anna, ben)
    create(player("Carla", username="carla"))

    for term in ("anna", "ben", str(ben.telegram_id)):
        page = text(support.get(LIST, {"q": term}).content)
        assert "@anna – @ben" in page
        assert "@carla" not in page
    assert "@carla" in text(support.get(LIST, {"state__exact": "PENDING"}).content)
    assert "@anna – @ben" not in text(support.get(LIST, {"state__exact": "PENDING"}).content)
    refused = support.get(LIST, {"token__startswith": "a"}, follow=True)
    assert "cannot be filtered or searched like that" in text(refused.content)


def test_a_page_has_questions_and_answers_and_nothing_to_change(support: Client) -> None:
    anna, ben = player("Anna", username="anna"), player("Ben", username="ben")
    duel = accepted(anna, ben)
    play(anna, duel, [True])
    play(anna, duel, [False], now=NOON + 2 * SECOND)
    first = duel.questions.get(number=1).version

    html = support.get(page_of(duel)).content
    page = text(html)

    assert "Role Player Answered Right Started creator @anna 2 of 3 1" in page
    assert "opponent @ben 0 of 3 0" in page
    assert (
        f"1 A1 {first.question_row.quiz_id}: {first.question} {first.correct_answer} "
        f"right {first.correct_answer} (0.0 s) –"
    ) in page
    assert re.search(r"wrong falsch \d+ \(2\.0 s\) –", page)
    assert duel.token not in html.decode()
    assert 'name="_save"' not in html.decode()
    assert support.post(page_of(duel), {"state": "CANCELED"}).status_code == 403


def test_what_follows_what(support: Client) -> None:
    anna, ben = player("Anna"), player("Ben")
    first = played(anna, ben)
    rematch = again(anna, first, best_of_three=True)

    page = text(support.get(page_of(rematch)).content)

    assert f"duel {first.pk}" in page
    assert "duel 2 of 3" in page
    assert "the opponent of before" in page


def test_one_that_nobody_accepted(support: Client) -> None:
    duel = create(player("Anna", username="anna"))
    with time_machine.travel(TOO_LATE_TO_ACCEPT, tick=False):
        finish(duel, now=TOO_LATE_TO_ACCEPT)

        page = text(support.get(page_of(duel)).content)

    assert "expired" in page
    assert "whoever has the link" in page


def test_the_page_of_a_player_has_the_latest(client: Client) -> None:
    anna, ben = player("Anna", username="anna"), player("Ben", username="ben")
    duel = played(anna, ben)
    address = f"/admin/players/player/{ben.pk}/change/"
    client.force_login(make_staff("Support"))

    assert f"Duels Duel {duel.pk} with @anna, 3 rounds " in (text(client.get(address).content))
    client.force_login(make_staff("Finance"))
    assert f"Duel {duel.pk}" not in text(client.get(address).content)
