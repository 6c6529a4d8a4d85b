"""What support sees of a player's sprints."""

import pytest
from django.test import Client

from quizarena.game import sprints
from tests.factories import PlayerFactory, make_staff
from tests.game.test_sprints import NOON, SECOND, begin, make_nouns, say

pytestmark = pytest.mark.django_db


def test_the_players_page_shows_the_latest_sprints(client: Client) -> None:
    make_nouns()
    player = PlayerFactory.create()
    sprint = begin(player).sprint
    say(player, sprint, 1, "der", after=2)
    say(player, sprint, 2, "die", after=4)
    sprints.finish(player=player, sprint_id=sprint.pk, now=NOON + 60 * SECOND)
    client.force_login(make_staff("Support"))

    page = client.get(f"/admin/players/player/{player.pk}/change/").content.decode()

    assert "Latest sprints" in page
    assert "1 of 2" in page
