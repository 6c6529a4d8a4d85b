"""Leagues at the desk: groups with their standings, and a player's points and weeks."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from quizarena.game import leagues
from quizarena.game.models import LeagueGroup, LeaguePlayer
from quizarena.players import names
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_staff
from tests.game.leagues import DAY, NOON, WEEK_ENDS, earn, earn_many, players_with, update_all

pytestmark = pytest.mark.django_db

LIST = "/admin/game/leaguegroup/"


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which somebody of support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


class TestGroups:
    def test_the_list_has_the_weeks_with_their_groups(self, support: Client) -> None:
        players = players_with(20, 10)
        LeaguePlayer.objects.create(player=PlayerFactory.create(), tier=3)
        update_all(NOON)
        update_all(WEEK_ENDS)
        for player in players:
            earn(player, now=WEEK_ENDS)
        update_all(WEEK_ENDS)

        page = text(support.get(LIST).content)

        assert "21 Dec 2026 Silber 1 1 playing 21 Dec 2026 Bronze 1 1 playing" in page
        assert "14 Dec 2026 Bronze 1 2 finished" in page

    def test_a_filter_by_tier(self, support: Client) -> None:
        players_with(20, 10)
        update_all(NOON)

        assert "14 Dec 2026 Bronze" in text(support.get(f"{LIST}?tier__exact=1").content)
        assert "14 Dec 2026 Bronze" not in text(support.get(f"{LIST}?tier__exact=2").content)

    def test_a_group_shows_what_would_become_of_its_players(self, support: Client) -> None:
        anna, ben, cleo = players_with(30, 20, 10)
        update_all(NOON)
        leagues.opt_out(player=cleo, now=NOON + DAY)

        page = text(support.get(f"{LIST}{LeagueGroup.objects.get().pk}/change/").content)

        assert f"1 @{anna.username} {names.public_name(anna)} 30" in page
        assert "would rise" in page
        assert f"2 @{ben.username} {names.public_name(ben)} 20" in page
        assert f"– @{cleo.username} {names.public_name(cleo)} 10" in page
        assert "left the leagues" in page
        assert "3, 1 left" in page

    def test_a_finished_group_shows_what_became_of_them(self, support: Client) -> None:
        players_with(30, 20)
        update_all(WEEK_ENDS)

        page = text(support.get(f"{LIST}{LeagueGroup.objects.get().pk}/change/").content)

        assert re.search(r"1 @\S+ .* 30 .* rose 2 @\S+ .* 20 .* stayed", page)

    def test_a_group_costs_the_same_with_more_players(self, support: Client) -> None:
        costs = []
        for number in (2, 20):
            players_with(*[10] * number)
            update_all(NOON + DAY)
            group = LeagueGroup.objects.get()
            support.get(f"{LIST}{group.pk}/change/")
            with CaptureQueriesContext(connection) as queries:
                support.get(f"{LIST}{group.pk}/change/")
            costs.append(len(queries))

        assert costs[0] == costs[1]


class TestPlayer:
    def test_the_page_has_the_weeks_and_the_points(self, support: Client) -> None:
        (anna,) = players_with(400)
        earn(anna, key="duel:7")
        update_all(WEEK_ENDS)

        page = text(support.get(f"/admin/players/player/{anna.pk}/change/").content)

        assert "Latest weeks in the leagues" in page
        assert "14 Dec 2026 400 Bronze 1, week of 14 Dec 2026 1 stayed" in page
        assert "right answer duel:7 10 0 400 400" in page
        assert "right answer test:" in page

    def test_who_waits_and_who_is_out(self, support: Client) -> None:
        anna = PlayerFactory.create()
        leagues.opt_out(player=anna, now=NOON)
        earn_many(anna, 10, now=NOON)
        (ben,) = players_with(20)

        out = text(support.get(f"/admin/players/player/{anna.pk}/change/").content)
        waits = text(support.get(f"/admin/players/player/{ben.pk}/change/").content)

        assert "14 Dec 2026 10 not in the leagues" in out
        assert "14 Dec 2026 20 waits for a group" in waits

    def test_only_for_who_may_see_points(self, client: Client) -> None:
        anna = PlayerFactory.create()
        earn(anna)
        client.force_login(make_staff("Finance"))

        page = text(client.get(f"/admin/players/player/{anna.pk}/change/").content)

        assert "Latest points" not in page
        assert "Latest weeks in the leagues" not in page


class TestName:
    def test_an_improper_name_is_reset_with_a_reason(self, support: Client) -> None:
        anna = PlayerFactory.create(public_name="Ganz Schlimm")
        page = f"/admin/players/player/{anna.pk}/"

        shown = text(support.get(f"{page}change/").content)
        preview = text(support.post(f"{page}reset-name/", {"reason": "Insulting."}).content)
        done = support.post(
            f"{page}reset-name/", {"reason": "Insulting.", "confirm": "1"}, follow=True
        )

        assert "Reset the name" in shown
        assert "Ganz Schlimm" in shown
        assert re.search(r"Shown as Ganz Schlimm Player \d{4}", preview)
        assert "The name is reset." in text(done.content)
        anna.refresh_from_db()
        assert (anna.public_name, anna.reset_name) == ("", "Ganz Schlimm")
        assert AuditEntry.objects.get(action="player.name_reset").details["reason"] == "Insulting."

    def test_without_a_reason_it_stays(self, support: Client) -> None:
        anna = PlayerFactory.create(public_name="Anni")

        support.post(f"/admin/players/player/{anna.pk}/reset-name/", {"confirm": "1"})

        anna.refresh_from_db()
        assert anna.public_name == "Anni"

    def test_who_may_not_gets_no_page_and_no_button(self, client: Client) -> None:
        anna = PlayerFactory.create(public_name="Anni")
        client.force_login(make_staff("Finance"))
        page = f"/admin/players/player/{anna.pk}/"

        assert "Reset the name" not in text(client.get(f"{page}change/").content)
        assert client.get(f"{page}reset-name/").status_code == 403
