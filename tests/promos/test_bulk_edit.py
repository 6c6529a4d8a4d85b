"""One change of several drafts: of all of them, or of none."""

import re
from datetime import datetime, timedelta
from functools import partial
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from promos import bulk_edits
from promos.admin import bulk_edit
from promos.bulk_edits import Change
from promos.errors import BulkRefusedError
from promos.models import Campaign
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import NOON, CampaignFactory, make_campaign, make_staff
from tests.promos.desk import submit, text

pytestmark = pytest.mark.django_db

LIST = "/admin/promos/campaign/"
PAGE = f"{LIST}drafts/"
HOUR = timedelta(hours=1)


@pytest.fixture
def operator() -> User:
    """Return who runs campaigns."""
    return make_staff("Operator")


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """Return a browser in which an operator is signed in."""
    client.force_login(operator)
    return client


def draft(name: str, **fields: Any) -> Campaign:
    """Return a draft of 20% off."""
    return make_campaign(name=name, status="DRAFT", **fields)


def seen(*drafts: Campaign) -> dict[int, datetime]:
    """Return the drafts as they are shown now."""
    return {one.pk: one.changed_at for one in drafts}


def apply(staff: User, *drafts: Campaign, change: Change) -> list[bulk_edits.Line]:
    """Change the drafts as they were when they were made."""
    return bulk_edits.apply(seen=seen(*drafts), change=change, now=NOON + HOUR, staff=staff)


class TestAll:
    def test_every_draft_gets_what_is_named_and_keeps_the_rest(self, operator: User) -> None:
        one = draft("One", uses_max=10, stars_max=500, tags=["old"])
        two = draft("Two", uses_max=20)
        change = Change(
            terms={"uses_max": 99, "for_language": "de", "for_level": ""},
            add_tags=["summer"],
            remove_tags=["old"],
        )

        lines = apply(operator, one, two, change=change)

        for campaign in (one, two):
            campaign.refresh_from_db()
            assert (campaign.uses_max, campaign.for_language, campaign.tags) == (
                99,
                "de",
                ["summer"],
            )
            assert campaign.changed_at == NOON + HOUR
        assert one.stars_max == 500
        assert list(lines[0].changes) == [
            ("Uses at most", "10", "99"),
            ("Audience", "everybody", "language de"),
            ("Tags", "old", "summer"),
        ]
        entries = AuditEntry.objects.filter(action="campaign.edited")
        assert [entry.details["changed"]["uses_max"] for entry in entries.order_by("pk")] == [
            [10, 99],
            [20, 99],
        ]

    def test_a_preview_stores_nothing(self, operator: User) -> None:
        one = draft("One", uses_max=10)

        (line,) = bulk_edits.preview(
            seen=seen(one), change=Change(terms={"uses_max": 99}), now=NOON + HOUR, staff=operator
        )

        assert list(line.changes) == [("Uses at most", "10", "99")]
        one.refresh_from_db()
        assert (one.uses_max, AuditEntry.objects.filter(action="campaign.edited").count()) == (
            10,
            0,
        )


class TestNone:
    def test_a_running_campaign_among_them_is_named_and_nothing_is_changed(
        self, operator: User
    ) -> None:
        one, running = draft("One", uses_max=10), make_campaign(name="Running", uses_max=10)

        with pytest.raises(BulkRefusedError) as refused:
            apply(operator, one, running, change=Change(terms={"uses_max": 99}))

        assert refused.value.reasons == ["Running: It is active, not a draft."]
        one.refresh_from_db()
        assert one.uses_max == 10

    def test_every_line_has_its_reason(self, operator: User) -> None:
        goods = draft("Goods", kind="ENERGY_GRANT", value=5, scope="ANY")
        changed = draft("Changed")
        over = make_campaign(name="Over", status="ENDED")
        as_seen = seen(goods, changed, over)
        Campaign.objects.filter(pk=changed.pk).update(changed_at=NOON + HOUR)

        with pytest.raises(BulkRefusedError) as refused:
            bulk_edits.apply(
                seen=as_seen,
                change=Change(terms={"stars_max": 50}),
                now=NOON + HOUR,
                staff=operator,
            )

        assert refused.value.reasons == [
            "Goods: It is no discount, so it has no budget in Stars.",
            "Changed: It has been changed meanwhile. Choose the drafts again.",
            "Over: It is ended, not a draft.",
        ]

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            (
                {"starts_at": NOON, "ends_at": NOON - HOUR},
                "One: Its end would not be after its start.",
            ),
            (
                {"for_new_players": True, "for_lapsed_days": 7},
                "One: A new player cannot have been away.",
            ),
        ],
    )
    def test_terms_that_do_not_go_together(
        self, operator: User, terms: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(BulkRefusedError) as refused:
            apply(operator, draft("One"), change=Change(terms=terms))

        assert refused.value.reasons == [reason]


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_two_at_once_the_second_sees_that_it_is_late(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drafts = draft("One"), draft("Two")
        other = make_staff("Administrator")
        meet_after(monkeypatch, bulk_edits, "lock_staff")

        results = run_together(
            partial(apply, operator, *drafts, change=Change(terms={"uses_max": 1})),
            partial(apply, other, *reversed(drafts), change=Change(terms={"uses_max": 2})),
        )

        assert sorted(type(result).__name__ for result in results) == ["BulkRefusedError", "list"]
        assert len(set(Campaign.objects.values_list("uses_max", flat=True))) == 1


def hidden(page: str) -> dict[str, str]:
    """Return what the form of a page carries along."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


class TestDesk:
    def address_of(self, *drafts: Campaign) -> str:
        """Return what the page carries along of the drafts."""
        return bulk_edit.seen_of(Campaign.objects.filter(pk__in=[one.pk for one in drafts]))

    def choose(self, desk: Client, *drafts: Campaign) -> str:
        """Choose drafts in the list; return where that leads."""
        chosen = [str(one.pk) for one in drafts]
        answer = desk.post(LIST, {"action": "_edit_drafts", "_selected_action": chosen})
        return answer.headers["Location"]

    def test_what_is_ticked_is_shown_for_each_and_then_done(self, desk: Client) -> None:
        one, two = draft("One", uses_max=10, tags=["old"]), draft("Two", uses_max=10)
        values = {
            "seen": self.address_of(one, two),
            "change_uses": "on",
            "uses_max": "99",
            "stars_max": "7",  # Not ticked.
            "add_tags": "Summer",
        }

        preview = submit(desk, PAGE, {**values, "preview": "1"})
        assert "One Uses at most: 10 → 99 Tags: old → old, summer" in preview
        assert "Two Uses at most: 10 → 99 Tags: none → summer" in preview

        done = submit(desk, PAGE, {**values, "confirm": "1"})
        assert "2 of 2 drafts changed: One, Two." in done
        for campaign in (one, two):
            campaign.refresh_from_db()
            assert (campaign.uses_max, campaign.stars_max) == (99, None)

    def test_a_refused_one_is_named_before_and_after(self, desk: Client) -> None:
        one, running = draft("One", uses_max=10), make_campaign(name="Running")
        values = {"seen": self.address_of(one, running), "change_uses": "on", "uses_max": "99"}

        preview = submit(desk, PAGE, {**values, "preview": "1"})
        assert "Running Refused: It is active, not a draft." in preview
        assert "Nothing would be changed while one of them is refused." in preview

        refused = submit(desk, PAGE, {**values, "confirm": "1"})
        assert "nothing was changed. Running: It is active, not a draft." in refused
        one.refresh_from_db()
        assert one.uses_max == 10

    def test_nothing_to_change_is_said_at_once(self, desk: Client) -> None:
        values = {"seen": self.address_of(draft("One")), "uses_max": "99", "preview": "1"}

        assert "Tick or fill in what to change." in submit(desk, PAGE, values)

    @pytest.mark.parametrize("rubbish", ["1", "x:y", "1:" + "9" * 40, "²:1", "0:0"])
    def test_a_form_that_names_no_draft_is_none(self, desk: Client, rubbish: str) -> None:
        assert desk.post(PAGE, {"seen": rubbish}).status_code == 404

    @pytest.mark.parametrize("address", [PAGE, f"{PAGE}?chosen=gone&part=2", f"{PAGE}?part=²"])
    def test_a_choice_that_is_no_longer_stored_says_so(self, desk: Client, address: str) -> None:
        shown = desk.get(address, follow=True)

        assert shown.redirect_chain == [(LIST, 302)]
        assert "What you had chosen is no longer stored. Choose the campaigns again." in (
            shown.content.decode()
        )

    def test_more_than_a_hundred_are_changed_in_parts_one_after_the_other(
        self, desk: Client
    ) -> None:
        drafts = [draft(f"Draft {number}") for number in range(201)]

        first = desk.get(self.choose(desk, *drafts)).content.decode()
        assert "Edit 100 drafts" in first
        assert (
            "These are the drafts 1 to 100 of 201 that you have chosen, from the oldest: 100 at"
            " most are changed at once. The others: 101 to 200 , 201 ." in text(first.encode())
        )
        second = desk.post(
            PAGE, {**hidden(first), "change_uses": "on", "uses_max": "99", "confirm": "1"}
        ).headers["Location"]
        assert second.endswith("&part=2")
        page = desk.get(second).content.decode()
        assert "100 of 100 drafts changed" in page
        assert "The others: 1 to 100 , 201 ." in text(page.encode())
        third = desk.post(
            PAGE, {**hidden(page), "change_uses": "on", "uses_max": "99", "confirm": "1"}
        ).headers["Location"]
        last = desk.get(third).content.decode()
        assert "Edit 1 draft" in last
        end = desk.post(
            PAGE, {**hidden(last), "change_uses": "on", "uses_max": "99", "confirm": "1"}
        ).headers["Location"]

        assert end == LIST
        assert Campaign.objects.filter(uses_max=99).count() == 201

    def test_the_way_to_the_other_parts_stays_after_a_preview_and_a_mistake(
        self, desk: Client
    ) -> None:
        drafts = [draft(f"Draft {number}") for number in range(101)]
        page = desk.get(self.choose(desk, *drafts)).content.decode()

        for change in ({"preview": "1"}, {"change_uses": "on", "uses_max": "9", "preview": "1"}):
            page = desk.post(PAGE, {**hidden(page), **change}).content.decode()

            [(address, label)] = re.findall(
                r'<a href="(/admin/promos/campaign/drafts/[^"]+)"[^>]*>([^<]+)</a>', page
            )
            assert label == "101"
            assert "Edit 1 draft" in desk.get(unescape(address)).content.decode()

    def test_a_form_of_more_than_a_hundred_is_none(self, desk: Client) -> None:
        drafts = [draft(f"Draft {number}") for number in range(101)]

        assert desk.post(PAGE, {"seen": self.address_of(*drafts)}).status_code == 404

    def test_everything_that_the_filters_show_can_be_chosen(self, desk: Client) -> None:
        for number in range(51):
            draft(f"Draft {number}")
        make_campaign(name="Running")

        page = text(desk.get(f"{LIST}?status__exact=DRAFT").content)
        chosen = desk.post(
            f"{LIST}?status__exact=DRAFT",
            {
                "action": "_edit_drafts",
                "_selected_action": [str(Campaign.objects.earliest("pk").pk)],
                "select_across": "1",
            },
            follow=True,
        )

        assert "Select all 51 campaigns" in page
        assert "Edit 51 drafts" in chosen.content.decode()

    @pytest.mark.parametrize("action", ["_edit_drafts", "_tag", "pause"])
    def test_of_a_thousand_and_one_fewer_are_asked_for(self, desk: Client, action: str) -> None:
        made = Campaign.objects.bulk_create(
            [CampaignFactory.build(key=uuid4(), status="DRAFT") for _ in range(1_001)]
        )
        values = {
            "action": action,
            "_selected_action": [str(made[0].pk)],
            "select_across": "1",
        }

        answer = desk.post(LIST, values, follow=True).content.decode()

        assert (
            "1,001 campaigns are chosen, and 1,000 at most at once. Choose fewer with the filters,"
            " and try again." in text(answer.encode())
        )

    @pytest.mark.parametrize("action", ["_edit_drafts", "_tag", "pause"])
    def test_the_address_of_a_thousand_is_short(self, desk: Client, action: str) -> None:
        made = Campaign.objects.bulk_create(
            [CampaignFactory.build(key=uuid4(), status="DRAFT") for _ in range(1_000)]
        )
        values = {
            "action": action,
            "_selected_action": [str(made[0].pk)],
            "select_across": "1",
        }

        address = desk.post(LIST, values).headers["Location"]

        assert len(address) < 100
        assert desk.get(address).status_code == 200

    def test_of_what_is_chosen_in_a_session_the_latest_five_stay(self, desk: Client) -> None:
        pages = [self.choose(desk, draft(f"Draft {number}")) for number in range(6)]

        assert [desk.get(page).status_code for page in pages] == [302, 200, 200, 200, 200, 200]
