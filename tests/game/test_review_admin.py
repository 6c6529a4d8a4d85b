"""Reviews at the desk: cards, their answers, and how well the scheduler predicts."""

from datetime import date, timedelta

import pytest
import time_machine
from django.test import Client

from quizarena.game import play_counts, review_accuracy
from quizarena.players.models import Player
from tests.factories import PlayerFactory, make_staff
from tests.game.reviewing import DAY, MINUTE, NOON, make_card, make_question, start, tap, undo
from tests.game.test_play_admin import text
from tests.game.test_written_answers import make_typed

pytestmark = pytest.mark.django_db

LIST = "/admin/game/reviewcard/"


@pytest.fixture
def anna() -> Player:
    """Return a player with two cards, one of which was answered wrong, by a slip."""
    player: Player = PlayerFactory.create(username="anna", created_at=NOON - DAY)
    make_card(player, stability=3.0, last=NOON - 3 * DAY)
    make_card(player, origin="SAVED", due=NOON + DAY)
    asked = start(player)
    tap(player, asked, right=False)
    tap(player, undo(player, asked, NOON + MINUTE))
    return player


@pytest.mark.parametrize("role", ["Support", "Editor", "Administrator"])
def test_support_and_editors_see_cards_and_change_none(
    client: Client, anna: Player, role: str
) -> None:
    client.force_login(make_staff(role))
    card = anna.review_cards.get(origin="MISTAKE")

    cards = text(client.get(LIST, {"q": "anna"}).content)
    page = text(client.get(f"{LIST}{card.pk}/change/").content)

    assert "@anna" in cards
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{card.pk}/delete/").status_code == 403
    assert "again 8.0 s 90%" in page
    assert "good 8.0 s –" in page
    assert "Save" not in page


@pytest.mark.parametrize("role", ["Operator", "Finance", "Security"])
def test_others_do_not(client: Client, anna: Player, role: str) -> None:
    client.force_login(make_staff(role))

    assert client.get(LIST).status_code == 403


def test_a_players_page_says_how_many_cards_there_are(client: Client, anna: Player) -> None:
    client.force_login(make_staff("Support"))

    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        page = text(client.get(f"/admin/players/player/{anna.pk}/change/").content)

    assert "Review cards Cards Of mistakes Saved Due Latest 2 1 1 0" in page


def test_cards_that_no_review_can_ask_are_not_counted_as_due(client: Client, anna: Player) -> None:
    client.force_login(make_staff("Support"))
    make_card(anna, question=make_typed())
    make_card(anna, question=make_question(8, is_enabled=False))
    make_card(anna, question=make_question(9))

    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        page = text(client.get(f"/admin/players/player/{anna.pk}/change/").content)

    assert "Review cards Cards Of mistakes Saved Due Latest 5 4 1 2" in page


def test_the_report_of_play_has_the_log_loss(client: Client, anna: Player) -> None:
    client.force_login(make_staff("Operator"))
    make_card(anna, stability=3.0, last=NOON - 3 * DAY, due=NOON)
    tap(anna, start(anna, NOON + MINUTE), now=NOON + 2 * MINUTE)
    play_counts.count_day(day=date(2026, 12, 16), now=NOON)

    with time_machine.travel(NOON + DAY, tick=False):
        before = text(client.get("/admin/game/playday/").content)
        review_accuracy.count(now=NOON + DAY)
        after = text(client.get("/admin/game/playday/").content)

    assert "The job “count-review-accuracy” counts every night" in before
    assert "in the 30 days up to 16 Dec 2026: 0.105 , of 1 predictions." in after
    assert "16 Dec 2026 1 0.105 1 0.105" in after
    assert "Review A1 3 2 (66.7%)" in after
