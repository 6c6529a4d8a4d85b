"""Test as a player: would a code work, and everything that stands against it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from promos import batches, denylist, redemptions
from promos.models import Attempt, Block, Channel, Redemption
from quizarena.players.models import Player
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.promos.desk import enter, submit

pytestmark = pytest.mark.django_db

TESTER = "/admin/promos/attempt/test/"


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def verdict(client: Client, code: str, **form: str) -> str:
    """Return what the page says of a code."""
    values = {"code": code, "who": "new", "language": "de", "days": "30", **form}
    return submit(client, TESTER, values).partition(" entered it now ")[2]


class TestMadeUp:
    def test_a_code_that_works_says_what_it_gives(self, support: Client) -> None:
        make_campaign(code="WEEK2026", kind="PREMIUM_GRANT", value=7)
        make_campaign(code="ENERGY26", kind="ENERGY_GRANT", value=1500)
        make_campaign(code="HELLO26", value=30, scope="PREMIUM_ANY")

        assert "It would work: 7 days of Premium." in verdict(support, "week-2026")
        assert "It would work: 1,500 energy." in verdict(support, "energy26")
        assert "It would work: 30% off every Premium plan, reserved for 15 minutes." in verdict(
            support, "Hello 26"
        )

    def test_every_reason_is_shown_and_the_first_is_what_the_player_reads(
        self, support: Client
    ) -> None:
        now = timezone.now()
        make_campaign(
            code="HELLO26",
            starts_at=now + timedelta(days=2),
            for_new_players=True,
            for_first_purchase=True,
            for_language="uk",
            for_level="B1",
            for_lapsed_days=60,
        )

        answer = verdict(support, "HELLO26", who="lapsed", days="7", level="A2", has_bought="on")

        assert "It would not work. The player would see: There is no such code." in answer
        for sentence in (
            "The campaign has not begun",
            "It is for new players",
            "It is for a first purchase",
            "for Ukrainian, the player has German",
            "for B1, the player's is A2",
            "for 60 days or more, last played",
        ):
            assert sentence in answer

    @pytest.mark.parametrize(
        ("campaign", "form", "works"),
        [
            ({"for_new_players": True}, {"who": "new"}, True),
            ({"for_new_players": True}, {"who": "regular"}, False),
            ({"for_lapsed_days": 30}, {"who": "lapsed", "days": "30"}, True),
            ({"for_lapsed_days": 30}, {"who": "lapsed", "days": "29"}, False),
            ({"for_lapsed_days": 30}, {"who": "regular"}, False),
            ({"for_lapsed_days": 30}, {"who": "new"}, False),
            ({"for_language": "uk"}, {"language": "uk"}, True),
            ({"for_language": "uk"}, {"language": "en"}, False),
            ({"for_level": "B1"}, {"level": "B1"}, True),
            ({"for_level": "B1"}, {"level": ""}, False),
            ({"for_first_purchase": True}, {}, True),
            ({"for_first_purchase": True}, {"has_bought": "on"}, False),
        ],
    )
    def test_whom_a_campaign_is_for(
        self, support: Client, campaign: dict[str, Any], form: dict[str, str], works: bool
    ) -> None:
        make_campaign(code="HELLO26", **campaign)

        assert ("It would work" in verdict(support, "HELLO26", **form)) is works

    @pytest.mark.parametrize(
        ("status", "sentence"),
        [
            ("DRAFT", "The campaign has not begun"),
            ("PAUSED", "The campaign is paused"),
            ("EXPIRED", "The campaign's window is over."),
            ("DEPLETED", "All uses of the campaign are taken."),
            ("ENDED", "Staff have ended the campaign for good."),
        ],
    )
    def test_where_a_campaign_stands(self, support: Client, status: str, sentence: str) -> None:
        make_campaign(code="HELLO26", status=status)

        assert sentence in verdict(support, "HELLO26")

    def test_what_others_have_taken_counts(self, support: Client) -> None:
        campaign = make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY")
        batches.take_in(
            campaign_id=campaign.pk, lines=iter(["GIFT0001"]), now=timezone.now(), staff=None
        )
        enter(PlayerFactory.create(), "GIFT0001")
        make_campaign(code="HELLO26", uses_max=1)
        enter(PlayerFactory.create(), "HELLO26")

        assert "Another player has used this code" in verdict(support, "GIFT0001")
        assert "0 used and 1 reserved of 1" in verdict(support, "HELLO26")

    def test_a_code_that_does_not_exist(self, support: Client) -> None:
        assert "There is no such code. It was mistyped" in verdict(support, "WRONG")


class TestPlayer:
    def test_a_player_is_tested_as_what_the_player_is(self, support: Client) -> None:
        make_campaign(code="HELLO26", for_language="uk")
        PlayerFactory.create(username="anna", language="de")
        PlayerFactory.create(username="anna_b", language="uk")

        assert "It is for players with another language." in verdict(
            support, "HELLO26", who="player", player="@anna"
        )
        assert "It would work" in verdict(support, "HELLO26", who="player", player="anna_b")

    def test_a_reservation_that_the_player_has_is_no_refusal(self, support: Client) -> None:
        make_campaign(code="HELLO26", uses_max=1)
        player = PlayerFactory.create(username="anna")
        enter(player, "HELLO26")

        answer = verdict(support, "HELLO26", who="player", player="anna")

        assert "This discount is reserved for the player already, until" in answer
        assert "would not work" not in answer

    def test_a_reservation_whose_time_is_over_can_be_taken_again(self, support: Client) -> None:
        make_campaign(code="HELLO26", uses_max=1)
        player = PlayerFactory.create(username="anna")
        now = timezone.now()
        redeem_at(player, "HELLO26", now - timedelta(minutes=16))

        answer = verdict(support, "HELLO26", who="player", player="anna")

        assert "It would work" in answer
        assert redeem_at(player, "HELLO26", now)

    def test_who_is_kept_out_sees_why(self, support: Client) -> None:
        make_campaign(code="HELLO26")
        player = PlayerFactory.create(username="anna", suspended_at=timezone.now())
        now = timezone.now()
        Block.objects.create(player=player, since=now, until=now + timedelta(minutes=30))
        denylist.deny(player=player, reason="x", now=now, staff=make_staff("Administrator"))

        answer = verdict(support, "HELLO26", who="player", player="anna")

        assert "The player would see: Too many tries; try again later." in answer
        assert "blocked until" in answer
        assert "The player is on the deny list" in answer
        assert "The player is suspended" in answer

    @pytest.mark.parametrize(
        ("term", "sentence"),
        [
            ("", "No player matches."),
            ("nobody", "No player matches."),
            ("ann", "Several players match: enter the Telegram id."),
        ],
    )
    def test_the_player_must_be_one(self, support: Client, term: str, sentence: str) -> None:
        PlayerFactory.create(username="anna")
        PlayerFactory.create(username="anni")
        values = {"code": "HELLO26", "who": "player", "player": term}

        assert sentence in submit(support, TESTER, values)


class TestNothingIsWritten:
    @pytest.mark.parametrize("code", ["HELLO26", "WRONG"])
    @pytest.mark.parametrize("who", ["new", "player"])
    def test_a_test_only_reads(self, support: Client, code: str, who: str) -> None:
        campaign = make_campaign(code="HELLO26")
        PlayerFactory.create(username="anna")

        with CaptureQueriesContext(connection) as queries:
            for _ in range(6):
                verdict(support, code, who=who, player="anna")

        written = [
            query["sql"]
            for query in queries
            # The sidebar's counts have a plan of their own, set for a savepoint.
            if not query["sql"]
            .lstrip("(")
            .startswith(
                ("SELECT", "WITH", "\nSELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "SET LOCAL")
            )
        ]
        assert written == []
        assert not Attempt.objects.exists()
        assert not Redemption.objects.exists()
        assert not Block.objects.exists()
        campaign.refresh_from_db()
        assert (campaign.reserved, campaign.applied) == (0, 0)


class TestWhoMay:
    @pytest.mark.parametrize(
        ("role", "status"),
        [("Support", 200), ("Operator", 200), ("Administrator", 200), ("Finance", 403)],
    )
    def test_support_and_operators_test(self, client: Client, role: str, status: int) -> None:
        client.force_login(make_staff(role))

        assert client.get(TESTER).status_code == status


class TestSaysTheSame:
    """What the test says is what a try then meets."""

    @pytest.mark.parametrize(
        "campaign",
        [
            {},
            {"status": "PAUSED"},
            {"status": "ENDED"},
            {"for_language": "uk"},
            {"for_lapsed_days": 3},
            {"ends_at": datetime(2026, 11, 23, tzinfo=timezone.get_default_timezone())},
        ],
    )
    def test_as_a_try(self, campaign: dict[str, Any]) -> None:
        make_campaign(code="HELLO26", **campaign)
        player = PlayerFactory.create()
        now = timezone.now()

        foreseen = redemptions.examine(player=player, raw="HELLO26", now=now)
        result = redemptions.redeem(
            player=player, raw="HELLO26", channel=Channel.COMMAND, key="k", now=now
        )

        assert result.reason == (foreseen.reasons[0] if foreseen.reasons else None)


def redeem_at(player: Player, raw: str, now: datetime) -> Redemption | None:
    """Let the player enter a code at `now`."""
    return redemptions.redeem(
        player=player, raw=raw, channel=Channel.COMMAND, key=f"at:{now}", now=now
    ).redemption
