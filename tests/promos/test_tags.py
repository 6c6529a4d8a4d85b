"""Tags of campaigns: normalised, changed in every state, and found again."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client

from promos import campaigns, tags
from promos.errors import BadTermsError
from promos.models import Campaign
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import NOON, make_campaign, make_staff
from tests.promos.desk import page, submit

pytestmark = pytest.mark.django_db

LIST = "/admin/promos/campaign/"


@pytest.fixture
def operator() -> User:
    """Return who runs campaigns."""
    return make_staff("Operator")


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """Return a browser in which an operator is signed in."""
    client.force_login(operator)
    return client


def tagged(*names: str, **fields: Any) -> Campaign:
    """Return a campaign with these tags."""
    return make_campaign(tags=sorted(names), **fields)


class TestNormalising:
    def test_they_are_in_lower_case_in_order_and_each_once(self) -> None:
        assert tags.read(" Summer,schüler ,  SUMMER, Black   Friday , -a--b- ,") == [
            "a-b",
            "black friday",
            "schüler",
            "summer",
        ]

    @pytest.mark.parametrize("typed", ["a" * 25, "50%", "under_score", "<b>", "—"])
    def test_what_is_no_tag_is_refused(self, typed: str) -> None:
        with pytest.raises(BadTermsError, match="is no tag"):
            tags.read(typed)

    def test_a_campaign_has_ten_at_most(self, operator: User) -> None:
        campaign = tagged(*(f"tag {number}" for number in range(10)))

        with pytest.raises(BadTermsError, match="more than 10 tags"):
            tags.change(campaign_id=campaign.pk, add=["one more"], now=NOON, staff=operator)


class TestChange:
    @pytest.mark.parametrize("status", ["DRAFT", "ACTIVE", "ENDED"])
    def test_campaigns_in_every_state_can_have_others(self, operator: User, status: str) -> None:
        campaign = make_campaign(name="Summer", status=status, tags=["old", "stays"])

        tags.change(
            campaign_id=campaign.pk, add=["fresh"], remove=["old"], now=NOON, staff=operator
        )

        campaign.refresh_from_db()
        assert (campaign.tags, campaign.status) == (["fresh", "stays"], status)
        entry = AuditEntry.objects.get(action="campaign.tagged")
        assert entry.summary == "Summer: tags fresh, stays."
        assert entry.details == {"tags": [["old", "stays"], ["fresh", "stays"]]}

    @pytest.mark.parametrize(
        ("status", "changed"), [("DRAFT", True), ("PAUSED", True), ("DEPLETED", False)]
    )
    def test_an_open_form_is_late_then_but_one_that_is_over_ended_when_it_did(
        self, operator: User, status: str, changed: bool
    ) -> None:
        campaign = make_campaign(status=status)
        later = campaign.changed_at + timedelta(days=3)

        tags.change(campaign_id=campaign.pk, add=["summer"], now=later, staff=operator)

        assert (Campaign.objects.get().changed_at == later) is changed

    def test_what_is_there_already_is_not_recorded(self, operator: User) -> None:
        campaign = tagged("old")

        tags.change(campaign_id=campaign.pk, add=["old"], remove=["x"], now=NOON, staff=operator)

        assert not AuditEntry.objects.filter(action="campaign.tagged").exists()

    def test_a_clone_has_the_tags_of_its_original(self, operator: User) -> None:
        clone = campaigns.clone(campaign_id=tagged("summer").pk, now=NOON, staff=operator)

        assert clone.tags == ["summer"]


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def add(self, campaign: Campaign, tag: str) -> Campaign:
        """Add one tag."""
        return tags.change(campaign_id=campaign.pk, add=[tag], now=NOON, staff=None)

    def test_of_two_at_once_both_are_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        campaign = make_campaign()
        meet_after(monkeypatch, campaigns, "lock")

        run_together(partial(self.add, campaign, "one"), partial(self.add, campaign, "two"))

        campaign.refresh_from_db()
        assert campaign.tags == ["one", "two"]

    def test_without_the_lock_one_is_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        campaign = make_campaign()
        monkeypatch.setattr(campaigns, "lock", lambda pk: Campaign.objects.get(pk=pk))
        meet_after(monkeypatch, campaigns, "lock")

        run_together(partial(self.add, campaign, "one"), partial(self.add, campaign, "two"))

        campaign.refresh_from_db()
        assert len(campaign.tags) == 1


class TestDatabaseSaysNo:
    @pytest.mark.parametrize(
        "stored",
        [
            ["b", "a"],
            ["a", "a"],
            ["A"],
            [""],
            [" a"],
            ["a  b"],
            ["a,b"],
            [f"{number}" for number in range(11)],
        ],
    )
    def test_tags_that_are_not_normalised(self, stored: list[str]) -> None:
        make_campaign()

        with pytest.raises(DatabaseError, match="are normalised"), transaction.atomic():
            Campaign.objects.update(tags=sorted(stored) if len(stored) == 11 else stored)


class TestDesk:
    def test_the_list_finds_by_tag(self, desk: Client) -> None:
        tagged("summer", name="With it")
        tagged("winter", name="Another")
        make_campaign(name="None")

        assert "With it" in page(desk, LIST, {"tag": "summer"})
        assert "Another" not in page(desk, LIST, {"tag": "summer"})
        assert "With it" not in page(desk, LIST, {"tag": "-"})
        assert 'href="/admin/promos/campaign/?tag=summer"' in desk.get(LIST).content.decode()

    def test_they_are_changed_on_the_page_of_a_campaign(self, desk: Client) -> None:
        campaign = tagged("old", status="ENDED")

        shown = submit(
            desk, f"{LIST}{campaign.pk}/tags/", {"seen": "old", "tags": "New, black friday"}
        )

        assert "Tags: black friday, new." in shown
        campaign.refresh_from_db()
        assert campaign.tags == ["black friday", "new"]

    def test_what_somebody_else_has_added_meanwhile_stays(self, desk: Client) -> None:
        campaign = tagged("old", "theirs")

        submit(desk, f"{LIST}{campaign.pk}/tags/", {"seen": "old", "tags": "old, mine"})

        campaign.refresh_from_db()
        assert campaign.tags == ["mine", "old", "theirs"]

    def test_what_is_no_tag_says_so(self, desk: Client) -> None:
        campaign = tagged("old")

        shown = submit(desk, f"{LIST}{campaign.pk}/tags/", {"seen": "old", "tags": "50%"})

        assert "Refused: “50%” is no tag" in shown

    def test_several_are_changed_after_a_preview(self, desk: Client) -> None:
        chosen = [tagged("old", name="One"), tagged(name="Two", status="DRAFT")]
        values = {
            "chosen": ",".join(str(campaign.pk) for campaign in chosen),
            "add": "Summer",
            "remove": "old",
        }

        preview = submit(desk, f"{LIST}tags/", {**values, "preview": "1"})
        assert "One old summer" in preview
        assert "Two – summer" in preview
        assert Campaign.objects.filter(tags__contains=["summer"]).count() == 0

        done = submit(desk, f"{LIST}tags/", {**values, "confirm": "1"})
        assert "The tags of 2 campaigns are changed." in done
        assert [*Campaign.objects.values_list("tags", flat=True)] == [["summer"], ["summer"]]

    def test_the_action_of_the_list_leads_there(self, desk: Client) -> None:
        campaign = make_campaign()

        answer = desk.post(
            LIST, {"action": "_tag", "_selected_action": [str(campaign.pk)]}, follow=True
        ).content.decode()

        assert f"Tags of {campaign}" in answer
        assert f'<input type="hidden" name="chosen" value="{campaign.pk}"' in answer

    def test_a_choice_that_is_no_longer_stored_says_so(self, desk: Client) -> None:
        shown = desk.get(f"{LIST}tags/?chosen=gone", follow=True)

        assert shown.redirect_chain == [(LIST, 302)]
        assert "Choose the campaigns again." in shown.content.decode()

    def test_one_without_room_keeps_all_as_they_were(self, desk: Client) -> None:
        full = tagged(*(f"tag {number}" for number in range(10)), name="Full")
        other = make_campaign()

        shown = submit(
            desk,
            f"{LIST}tags/",
            {"chosen": f"{other.pk},{full.pk}", "add": "more", "remove": "", "confirm": "1"},
        )

        assert "Full would have more than 10 tags" in shown
        other.refresh_from_db()
        assert other.tags == []
