"""Reviews at the desk: cards, their answers, and how well the scheduler predicts."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.test import Client

from quizarena.game import play_counts, review_accuracy
from quizarena.game.models import ReviewAccuracy
from quizarena.players.models import Player
from quizarena.staff.desk import badge
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

    page = text(client.get(f"{LIST}{card.pk}/change/").content)

    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{card.pk}/delete/").status_code == 403
    assert "again 8.0 s 90%" in page
    assert "good 8.0 s –" in page
    assert "Save" not in page


def test_who_may_see_players_finds_their_cards(client: Client, anna: Player) -> None:
    make_card(PlayerFactory.create(username="bernd"))
    card = anna.review_cards.get(origin="MISTAKE")
    client.force_login(make_staff("Support"))

    found = text(client.get(LIST, {"q": "@anna"}).content)

    assert "@anna" in found
    assert "@bernd" not in found
    assert "@anna" in text(client.get(f"{LIST}{card.pk}/change/").content)


def test_editors_do_not_see_whose_a_card_is(client: Client, anna: Player) -> None:
    card = anna.review_cards.get(origin="MISTAKE")
    client.force_login(make_staff("Editor"))

    pages = [
        client.get(address)
        for address in (LIST, f"{LIST}{card.pk}/change/", f"{LIST}{card.pk}/history/")
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert not [page for page in pages if "anna" in page.content.decode()]
    assert len(client.get(LIST, {"q": "nobody"}).context["cl"].result_list) == 2


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
    operator = make_staff("Operator")
    make_card(anna, stability=3.0, last=NOON - 3 * DAY, due=NOON)
    tap(anna, start(anna, NOON + MINUTE), now=NOON + 2 * MINUTE)
    play_counts.count_day(day=date(2026, 12, 16), now=NOON)

    with time_machine.travel(NOON + DAY, tick=False):
        client.force_login(operator)
        before = text(client.get("/admin/game/playday/").content)
        review_accuracy.count(now=NOON + DAY)
        after = text(client.get("/admin/game/playday/").content)

    assert "The job “count-review-accuracy” counts every night" in before
    assert (
        "in the 30 days up to 16 Dec 2026: 0.105 , of 1 predictions. It is to be 0.34 at most."
    ) in after
    assert "16 Dec 2026 1 0.105 1 0.105" in after
    assert "Review A1 3 2 (66.7%)" in after


def counted(day: int, loss: float | None, month: float | None) -> None:
    """Store how well was predicted on a day of December."""
    ReviewAccuracy.objects.create(
        day=date(2026, 12, day),
        predictions=0 if loss is None else 7,
        log_loss=loss,
        month_predictions=0 if month is None else 1_200,
        month_log_loss=month,
        counted_at=NOON,
    )


@pytest.mark.parametrize(
    ("month", "words", "is_high"),
    [
        (0.3124, "Log loss, 30 days 0.312 At most 0.34", False),
        (0.34, "Log loss, 30 days 0.340 At most 0.34", False),
        (0.3512, "Log loss, 30 days 0.351 At most 0.34", True),
    ],
)
def test_the_home_page_of_operators_has_the_log_loss(
    client: Client, month: float, words: str, is_high: bool
) -> None:
    counted(15, 0.2, 0.2)
    counted(16, None, month)
    client.force_login(make_staff("Operator"))

    page = client.get("/admin/")

    assert words in text(page.content)
    assert "Of 1,200 answers in reviews until 16 Dec 2026." in text(page.content)
    panel = next(one for one in page.context["panels"] if one["title"] == "Predictions of reviews")
    (_, shown), _ = panel["content"].figures
    assert (shown == badge(f"{month:.3f}", "danger")) == is_high


def curve(client: Client) -> str:
    """Return the picture on the report of the week up to 16 December; empty without one."""
    play_counts.count_day(day=date(2026, 12, 16), now=NOON)
    with time_machine.travel(NOON, tick=False):
        html = client.get("/admin/game/playday/", {"days": "7"}).content.decode()
    found = re.search(r'<svg class="loss-curve".*?</svg>', html, re.DOTALL)
    if found is None:
        assert "There is no curve: in these days nobody was asked" in html
    return found.group() if found else ""


def test_the_log_loss_by_day_is_a_curve_with_its_target(client: Client) -> None:
    client.force_login(make_staff("Operator"))
    counted(10, 0.7, 0.35)
    counted(11, None, 0.35)
    # The twelfth was not counted.
    counted(13, 0.35, 0.28)
    counted(14, 0.0, 0.28)

    picture = curve(client)

    # The plot is 98 high, of a loss of 0.7; a line ends where a day is missing.
    assert 'class="loss-month" d="M34.0 55.0h0L87.3 55.0M194.0 64.8h0L247.3 64.8"' in picture
    assert re.findall(r'class="loss-day" cx="(.*?)" cy="(.*?)"', picture) == [
        ("34.0", "6.0"),
        ("194.0", "55.0"),
        ("247.3", "104.0"),
    ]
    assert 'class="loss-target" d="M34 56.4H354"' in picture
    assert "<title>10 Dec 2026: 0.700 of 7 predictions</title>" in picture
    assert (
        'aria-label="Log loss of 30 days, by day: from 0.350 to 0.280, between 0.280 and 0.350; '
        'the target is 0.34 at most"'
    ) in picture
    assert ">10 Dec</text>" in picture
    assert ">16 Dec</text>" in picture
    assert "style=" not in picture


def test_what_is_far_above_the_target_stays_in_the_picture(client: Client) -> None:
    client.force_login(make_staff("Operator"))
    counted(16, 4.6, 1.4)

    picture = curve(client)

    assert 'class="loss-month" d="M354.0 35.4h0"' in picture
    assert 'class="loss-day" cx="354.0" cy="6.0"' in picture
    assert "4.600 of 7 predictions" in picture


def test_without_a_prediction_there_is_no_curve(client: Client) -> None:
    client.force_login(make_staff("Operator"))
    counted(15, None, None)

    assert curve(client) == ""
