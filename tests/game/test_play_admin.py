"""How much is played, at the desk: figures, shares, what is not known yet, and who may see it."""

import json
import re
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from quizarena.game import play_counts
from quizarena.game.models import PlayDay
from tests.factories import make_staff
from tests.game.played import DAY, NOON, TODAY, answer_daily, answer_round, draw_day, newcomer

pytestmark = pytest.mark.django_db

PAGE = "/admin/game/playday/"


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


def read(client: Client, *, now: datetime = NOON, **asked: Any) -> str:
    """Return what one reads on the report at that time."""
    with time_machine.travel(now, tick=False):
        return text(client.get(PAGE, asked).content)


def count(now: datetime = NOON) -> None:
    """Do what the job does."""
    play_counts.count(now=now, until=now + 1_000 * DAY)


def test_before_anything_was_counted_it_says_so(operator: Client) -> None:
    page = read(operator)

    assert "Nothing has been counted yet." in page
    assert "Active players" not in page


def test_a_period_without_counts_is_not_shown_as_nothing(operator: Client) -> None:
    newcomer(created_at=NOON)
    count()
    with time_machine.travel(NOON + 8 * DAY, tick=False):
        operator.force_login(User.objects.get())

    page = read(operator, now=NOON + 8 * DAY, days="7")

    assert "None of these days has been counted. Check the job “count-play”" in page
    assert "Counted at 16 Dec 2026, 12:00 (Europe/Berlin)." in page


def test_it_says_when_and_what_was_counted(operator: Client) -> None:
    anna, ben = newcomer(created_at=NOON - DAY), newcomer(created_at=NOON - DAY)
    answer_round(anna, True, True, False, at=NOON - DAY, finishes=True)
    answer_round(ben, True, finishes=True)
    answer_daily(ben, draw_day(TODAY), "1110000")
    count()

    page = read(operator)

    assert "Play of the last 30 days" in page
    assert "Counted at 16 Dec 2026, 12:00 (Europe/Berlin)." in page
    assert "Active players a day 1.0 New players 2 Rounds finished 2" in page
    assert "Daily challenges finished 1 Answers 11 Right 54.5%" in page
    assert "16 Dec 2026, so far 1 2 1 1 8 4 (50.0%) 15 Dec 2026 1 0 1 0 3 2 (66.7%)" in page


def test_accuracy_by_mode_and_level(operator: Client) -> None:
    anna = newcomer(created_at=NOON)
    answer_round(anna, True, True, False)
    answer_round(anna, False, level="B1")
    answer_daily(anna, draw_day(TODAY), "11")
    count()

    page = read(operator)

    assert "Daily challenge A1 2 2 (100.0%)" in page
    assert "Artikel sprint A1 3 2 (66.7%) Artikel sprint B1 1 0 (0.0%)" in page


def test_the_funnel_compares_with_those_whose_day_is_over(operator: Client) -> None:
    long_ago = NOON - 8 * DAY
    anna, ben = newcomer(long_ago, created_at=long_ago), newcomer(long_ago)
    newcomer(NOON)
    answer_round(anna, True, at=long_ago, finishes=True)
    answer_round(ben, True, at=long_ago)
    answer_round(anna, True, at=long_ago + DAY)
    answer_round(ben, True, at=long_ago + 6 * DAY)
    count()

    page = read(operator)

    assert "Started 3 3 100.0% Answered on the first day 2 3 66.7%" in page
    assert "Finished a round on the first day 1 3 33.3%" in page
    assert "Answered on day 2 1 2 50.0% Answered on day 7 1 2 50.0%" in page
    assert "16 Dec 2026 1 0 (0.0%) 0 (0.0%) – – 8 Dec 2026 2 2 (100.0%) 1 (50.0%)" in page


def test_a_day_two_that_is_not_over_is_marked(operator: Client) -> None:
    anna = newcomer(NOON - DAY, created_at=NOON - DAY)
    answer_round(anna, True)
    count()

    page = read(operator)

    assert "15 Dec 2026 1 0 (0.0%) 0 (0.0%) 1 (100.0%), so far –" in page
    assert "Answered on day 2 0 0 –" in page


def test_periods_of_7_30_and_90_days(operator: Client) -> None:
    newcomer(created_at=NOON - 400 * DAY)
    count()

    for days, shown in ((7, 7), (30, 30), (90, 90)):
        response = operator.get(PAGE, {"days": days})
        labels = json.loads(response.context["active_chart"])["labels"]
        assert len(labels) == shown
        assert len(response.context["by_day"]["rows"]) == shown
    for nonsense in ("", "8", "x", "-7", "7; DROP"):
        assert "Play of the last 30 days" in read(operator, days=nonsense)


def test_a_day_that_was_not_counted_is_a_gap_in_the_picture(operator: Client) -> None:
    answer_round(newcomer(created_at=NOON), True, False)
    count()

    with time_machine.travel(NOON, tick=False):
        context = operator.get(PAGE, {"days": 7}).context

    assert json.loads(context["active_chart"])["datasets"][0]["data"] == [None] * 6 + [1]
    right, wrong = json.loads(context["answers_chart"])["datasets"]
    assert (right["data"], wrong["data"]) == ([None] * 6 + [1], [None] * 6 + [1])


def test_a_report_of_many_days_costs_as_much_as_one_of_few(operator: Client) -> None:
    answer_round(newcomer(created_at=NOON - 400 * DAY), True)
    count()
    operator.get(PAGE)
    costs = []
    for days in (7, 90):
        with CaptureQueriesContext(connection) as queries:
            operator.get(PAGE, {"days": days})
        costs.append(len(queries))
        assert not [one for one in queries if "game_roundquestion" in one["sql"]]

    assert costs[0] == costs[1]


def test_the_page_has_no_script_of_its_own(operator: Client) -> None:
    answer_round(newcomer(created_at=NOON), True)
    count()

    html = operator.get(PAGE).content.decode()

    assert 'href="/static/game/play.css' in html
    content = html.partition('aria-label="Period"')[2]
    assert "onclick" not in content


def test_only_for_who_may_see_it(client: Client) -> None:
    for role, status in (("Operator", 200), ("Administrator", 200), ("Support", 403)):
        client.force_login(make_staff(role, username=role.lower()))
        assert client.get(PAGE).status_code == status


def test_nothing_can_be_changed(operator: Client) -> None:
    count_at = NOON + timedelta(hours=1)
    newcomer(created_at=NOON)
    count(count_at)
    one = PlayDay.objects.get(day=date(2026, 12, 16))

    assert operator.get(f"{PAGE}{one.pk}/change/").status_code == 200
    assert operator.post(f"{PAGE}{one.pk}/change/", {"answers": 9}).status_code == 403
    assert operator.get(f"{PAGE}add/").status_code == 403
