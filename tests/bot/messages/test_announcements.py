"""A broadcast that announces a campaign leaves out whom the campaign holds out."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from bot.messages import broadcasts
from bot.messages.broadcasts import Action, IncompleteError
from bot.messages.models import Broadcast, BroadcastStatus
from promos import holdout
from promos.models import Campaign
from quizarena.staff.models import Alert, AuditEntry
from tests.bot.messages.broadcast_steps import do, job, make_broadcast, operator, outcomes, start
from tests.economy.test_admin import read
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.promos.desk import text

pytestmark = pytest.mark.django_db

KEY = UUID("6f1c2a34-9b1d-4c7e-8a55-0d3b6a9e2f10")


def make_held_out(**fields: Any) -> Campaign:
    """Return a campaign that holds out half of the players."""
    begun = {"starts_at": timezone.now() - timedelta(hours=1)}
    return make_campaign(
        **{"name": "Advent", "holdout_percent": 50, "holdout_key": KEY, **begun, **fields}
    )


def is_held_out(player_id: int) -> bool:
    return holdout.is_held_out(key=KEY, percent=50, player_id=player_id)


class TestRecipients:
    def test_it_goes_to_all_but_the_holdout(self) -> None:
        players = PlayerFactory.create_batch(20)

        broadcast = start(announces=make_held_out())

        expected = {player.pk for player in players if not is_held_out(player.pk)}
        assert set(broadcast.addressees.values_list("player", flat=True)) == expected
        assert 0 < len(expected) < 20

    def test_without_a_holdout_or_a_campaign_to_all(self) -> None:
        PlayerFactory.create_batch(3)

        assert len(outcomes(start(announces=make_campaign()))) == 3
        assert len(outcomes(start())) == 3

    def test_the_forecast_counts_the_same(self) -> None:
        players = PlayerFactory.create_batch(20)
        broadcast = make_broadcast(announces=make_held_out())

        reach = broadcasts.audience(broadcast, now=timezone.now())

        assert reach == sum(not is_held_out(player.pk) for player in players)
        assert broadcasts.in_words(broadcast) == "everybody, but the holdout of 50% of “Advent”"


class TestCampaign:
    @pytest.mark.parametrize(
        ("status", "says"), [("DRAFT", "Start it before"), ("ENDED", "nobody could use its code")]
    )
    def test_it_has_to_run(self, status: str, says: str) -> None:
        broadcast = make_broadcast(announces=make_held_out(status=status))

        with pytest.raises(IncompleteError, match=says):
            do(Action.SCHEDULE, broadcast)

    def test_one_that_is_over_when_the_time_comes_holds_it_back(self) -> None:
        PlayerFactory.create()
        campaign = make_held_out()
        broadcast = make_broadcast(announces=campaign)
        do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))
        Broadcast.objects.filter(pk=broadcast.pk).update(scheduled_at=timezone.now())
        Campaign.objects.filter(pk=campaign.pk).update(status="ENDED")

        job(broadcast)

        assert broadcast.status == BroadcastStatus.DRAFT
        assert outcomes(broadcast) == []
        assert "“Advent” is ended" in Alert.objects.get(kind="broadcast_held").summary

    def test_one_with_a_holdout_is_announced_from_its_begin_on(self) -> None:
        begins = timezone.now() + timedelta(hours=2)
        broadcast = make_broadcast(announces=make_held_out(starts_at=begins))

        with pytest.raises(IncompleteError, match="It has a holdout: announce it then or later"):
            do(Action.SCHEDULE, broadcast)
        with pytest.raises(IncompleteError, match="“Advent” begins on"):
            do(Action.SCHEDULE, broadcast, at=begins - timedelta(seconds=1))
        do(Action.SCHEDULE, broadcast, at=begins)

        assert (broadcast.status, broadcast.scheduled_at) == (BroadcastStatus.SCHEDULED, begins)

    def test_one_without_a_holdout_is_announced_before(self) -> None:
        later = timezone.now() + timedelta(hours=2)
        broadcast = make_broadcast(announces=make_campaign(starts_at=later))

        do(Action.SCHEDULE, broadcast)

        assert broadcast.status == BroadcastStatus.SCHEDULED

    def test_one_whose_begin_was_put_off_holds_it_back(self) -> None:
        PlayerFactory.create()
        campaign = make_held_out()
        broadcast = make_broadcast(announces=campaign)
        do(Action.SCHEDULE, broadcast)
        later = timezone.now() + timedelta(days=1)
        Campaign.objects.filter(pk=campaign.pk).update(starts_at=later)

        job(broadcast)

        assert broadcast.status == BroadcastStatus.DRAFT
        assert outcomes(broadcast) == []
        assert "“Advent” begins on" in Alert.objects.get(kind="broadcast_held").summary


class TestStaff:
    def test_a_draft_is_given_a_campaign(self, client: Client) -> None:
        campaign = make_held_out()
        client.force_login(operator())

        answer = client.post(
            "/admin/bot/broadcast/add/",
            {
                "decision": str(uuid4()),
                "name": "Hello",
                "text_de": "Hallo!",
                "text_en": "Hello!",
                "text_uk": "Привіт!",
                "announces": str(campaign.pk),
            },
            follow=True,
        )

        broadcast = Broadcast.objects.get()
        assert broadcast.announces == campaign
        assert "but the holdout of 50% of “Advent”" in text(answer.content)

    def test_an_edit_of_it_stands_in_the_audit_log(self) -> None:
        campaign, broadcast = make_held_out(), make_broadcast()

        broadcasts.edit(
            broadcast_id=broadcast.pk,
            terms={"announces": campaign},
            seen_at=broadcast.changed_at,
            staff=operator(),
            now=timezone.now(),
        )

        entry = AuditEntry.objects.get(action="broadcast.edited")
        assert entry.details == {"changed": {"announces": [None, campaign.pk]}}

    def test_a_campaign_that_is_over_is_not_offered(self, client: Client) -> None:
        make_campaign(name="Running")
        make_campaign(name="Over", status="ENDED")
        client.force_login(operator())

        page = text(client.get("/admin/bot/broadcast/add/").content)

        assert "Running" in page
        assert "Over" not in page

    def test_support_sees_why_it_has_not_come(self, client: Client) -> None:
        players = PlayerFactory.create_batch(10)
        start(name="News", announces=make_held_out())
        client.force_login(make_staff("Support"))

        pages = {
            player.pk: read(
                client, f"/admin/players/player/{player.pk}/why/", {"question": "message"}
            )
            for player in players
        }

        assert {pk for pk, page in pages.items() if "News : it announces Advent" in page} == {
            player.pk for player in players if is_held_out(player.pk)
        }
