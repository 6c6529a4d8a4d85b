"""The operators' console: what it shows of campaigns, and what they decide about them there."""

import re
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from economy.models import LedgerEntry
from promos import (
    batches,
    campaigns,
    exports,
    operations,
    products,
    reservations,
    statistics,
    tasks,
)
from promos.errors import ChangedMeanwhileError
from promos.models import Attempt, Campaign, CampaignStatus, Redemption
from promos.operations import Action
from promos.products import Product, Sale
from quizarena.players.models import Player
from quizarena.staff import approvals
from quizarena.staff.errors import ChangedError, NotAllowedError, OwnRequestError
from quizarena.staff.models import ApprovalRequest, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.promos.steps import CODE, attach, counted, redeem, reserve
from tests.staff.test_approvals import text

pytestmark = pytest.mark.django_db

LIST = "/admin/promos/campaign/"
DECISION = "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10"
MONTH = Product(code="PREMIUM_MONTH", titles={}, stars=100, premium_days=30)


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a month of Premium be for sale, and be sold by every campaign."""
    sale = Sale(product_code="PREMIUM_MONTH", times=3, stars_paid=240, stars_full=300)
    monkeypatch.setattr(products, "_on_sale", lambda: [MONTH])
    monkeypatch.setattr(products, "_at_reference_price", lambda _: [MONTH])
    monkeypatch.setattr(products, "_sales", lambda _: [sale])


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def staff() -> User:
    """Return the operator who is logged in."""
    return User.objects.get(username="operator")


def cheap(**fields: Any) -> Campaign:
    """Return a campaign that one person may start: 20 Stars off, ten times, from yesterday on."""
    return make_campaign(
        **{"uses_max": 10, "starts_at": timezone.now() - timedelta(days=1), **fields}
    )


def redeem_now(campaign_code: str = CODE, **fields: Any) -> Player:
    """Let a player enter a code now, and return the player."""
    player = PlayerFactory.create(**fields)
    redeem(player, campaign_code, now=timezone.now())
    return player


def read(client: Client, address: str) -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address)
    assert answer.status_code == 200
    return text(answer.content)


def page_of(campaign: Campaign) -> str:
    """Return the address of the campaign's page."""
    return f"{LIST}{campaign.pk}/change/"


def decide(
    client: Client, verb: str, *chosen: Campaign, step: str = "confirm", seen: str = ""
) -> str:
    """Decide about campaigns as their pages showed them; return the next page."""
    pairs = ",".join(f"{campaign.pk}:{seen or campaign.status}" for campaign in chosen)
    answer = client.post(
        f"{LIST}decide/{verb}/",
        {"seen": pairs, "reason": "So be it.", "decision": DECISION, step: "1"},
        follow=True,
    )
    assert answer.status_code == 200
    return text(answer.content)


def status(campaign: Campaign) -> str:
    """Return where the campaign is now."""
    return Campaign.objects.get(pk=campaign.pk).status


class TestFindByCode:
    """A code is asked for by POST: in an address it would stay in logs and histories."""

    def test_it_leads_to_its_campaign(self, operator: Client) -> None:
        make_campaign(name="Winter")
        campaign = make_campaign(name="Autumn", code="GIFT2026")

        answer = operator.post(f"{LIST}find/", {"code": " gift\u200b-2026. "})

        assert answer.status_code == 302
        assert answer["Location"] == page_of(campaign)

    def test_what_is_none_says_so(self, operator: Client) -> None:
        answer = operator.post(f"{LIST}find/", {"code": "NOBODYS1"}, follow=True)

        assert "Unknown code: it was mistyped, or is not ours." in text(answer.content)

    def test_an_address_with_a_code_finds_nothing(self, operator: Client) -> None:
        make_campaign(name="Autumn", code="GIFT2026")

        assert operator.get(f"{LIST}find/?code=GIFT2026").status_code == 405
        assert not operator.get(LIST, {"q": "GIFT2026"}).context["cl"].result_list
        why = operator.get("/admin/promos/attempt/why/", {"code": "GIFT2026"})
        assert "Autumn" not in text(why.content)
        assert "GIFT2026" not in why.content.decode()

    def test_the_list_has_the_form(self, operator: Client) -> None:
        page = operator.get(LIST).content.decode()

        assert re.search(r'<form method="post" action="/admin/promos/campaign/find/"', page)

    def test_who_sees_no_campaigns_finds_none(self, client: Client) -> None:
        make_campaign(code="GIFT2026")
        client.force_login(make_staff("Editor"))

        assert client.post(f"{LIST}find/", {"code": "GIFT2026"}).status_code == 403


class TestList:
    def test_a_row_tells_where_a_campaign_stands(self, operator: Client) -> None:
        cheap(name="Summer", code=CODE, scope="PREMIUM_ANY", stars_max=500)
        used = reserve(PlayerFactory.create(), now=timezone.now())
        attach(used, 20, now=timezone.now())
        reservations.apply(redemption_id=used.pk, now=timezone.now())
        redeem_now()

        page = read(operator, LIST)

        assert "Summer 20% off every Premium plan active" in page
        assert "has no end" in page
        assert "1 + 1 reserved of 10" in page
        assert "20 of 500 ★" in page
        assert "2 in 14 days, at most 2 on one 50% applied" in page

    @pytest.mark.parametrize("term", ["ummer", "1", "sun"])
    def test_a_campaign_is_found_by_name_and_batch(self, operator: Client, term: str) -> None:
        make_campaign(name="Other", code="OTHER")
        campaign = make_campaign(name="Summer", code=CODE)
        batch = batches.order(
            campaign_id=campaign.pk, size=5, prefix="SUN", now=timezone.now(), staff=None
        )

        page = read(operator, f"{LIST}?q={batch.pk if term == '1' else term}")

        assert "Summer" in page
        assert "Other" not in page

    @pytest.mark.parametrize(
        "query", ["status__exact=PAUSED", "kind__exact=PREMIUM_GRANT", "owner=me", "ends=soon"]
    )
    def test_it_is_filtered(self, operator: Client, query: str) -> None:
        soon = timezone.now() + timedelta(days=2)
        make_campaign(name="Wanted", status="PAUSED", grant=True, owner=staff(), ends_at=soon)
        make_campaign(name="Other", ends_at=soon + timedelta(days=9), owner=make_staff("Finance"))

        page = read(operator, f"{LIST}?{query}")

        assert "Wanted" in page
        assert "Other" not in page

    def test_more_campaigns_cost_no_more_queries_and_only_they_are_counted(
        self, operator: Client
    ) -> None:
        def statements() -> list[str]:
            with CaptureQueriesContext(connection) as queries:
                read(operator, LIST)
            return [query["sql"] for query in queries]

        make_campaign(code=CODE)
        redeem_now()
        few = statements()
        for number in range(5):
            make_campaign(code=f"MORE{number}")
            redeem_now(f"MORE{number}")

        many = statements()

        assert len(many) == len(few) == 17
        counted = [sql for sql in many if sql.startswith("SELECT COUNT(*)")]
        assert len(counted) == 2
        assert all(sql.endswith('FROM "promos_campaign"') for sql in counted)

    def test_only_of_a_filtered_list_the_heading_says_how_many_of_all_there_are(
        self, operator: Client
    ) -> None:
        make_campaign(name="Running")
        make_campaign(name="Draft", status="DRAFT")

        assert "results" not in read(operator, LIST)
        assert "1 result ( 2 total )" in read(operator, f"{LIST}?status__exact=DRAFT")


class TestDecisions:
    @pytest.mark.parametrize(
        ("verb", "before", "after"),
        [
            ("start", "DRAFT", "ACTIVE"),
            ("pause", "ACTIVE", "PAUSED"),
            ("unpause", "PAUSED", "ACTIVE"),
            ("end", "ACTIVE", "ENDED"),
            ("end", "DRAFT", "ENDED"),
            ("kill", "ACTIVE", "ENDED"),
        ],
    )
    def test_each_is_shown_first_and_then_done_with_its_reason(
        self, operator: Client, verb: str, before: str, after: str
    ) -> None:
        campaign = cheap(status=before, code=CODE, name="Summer")

        preview = decide(operator, verb, campaign, step="preview")
        in_between = status(campaign)
        shown = decide(operator, verb, campaign)

        label = CampaignStatus(after).label
        assert f"Summer {CampaignStatus(before).label} {label}" in preview
        assert in_between == before
        assert f"1 {Action(verb).past}: Summer." in shown
        assert status(campaign) == after
        entry = AuditEntry.objects.filter(actor=staff(), object_id=str(campaign.pk)).latest("pk")
        assert entry.details["reason"] == "So be it."

    def test_a_decision_makes_one_draft_of_whoever_clones(self, operator: Client) -> None:
        campaign = make_campaign(name="Summer")

        shown = decide(operator, "clone", campaign)
        again = decide(operator, "clone", campaign)

        clone = Campaign.objects.exclude(pk=campaign.pk).get()
        for opened in (shown, again):
            assert "This is the copy of Summer: a draft with the same terms" in opened
            assert "Edit Summer (copy)" in opened
        assert (clone.name, clone.status, clone.owner) == ("Summer (copy)", "DRAFT", staff())

    def test_of_several_clones_none_is_opened(self, operator: Client) -> None:
        chosen = [make_campaign(name="Summer"), make_campaign(name="Autumn")]

        shown = decide(operator, "clone", *chosen)

        assert "2 cloned: Summer, Autumn." in shown
        assert "Edit Summer" not in shown

    def test_several_at_once_name_what_was_refused_and_why(self, operator: Client) -> None:
        paused = cheap(name="Paused", status="PAUSED")
        over = cheap(name="Over", status="EXPIRED")
        used_up = cheap(name="Used up", status="DEPLETED")
        ended = cheap(name="Ended", status="ENDED")
        late = cheap(name="Late", status="PAUSED", ends_at=timezone.now() - timedelta(minutes=1))
        chosen = (paused, over, used_up, ended, late)

        preview = decide(operator, "unpause", *chosen, step="preview")
        shown = decide(operator, "unpause", *chosen)

        assert "Paused paused active" in preview
        assert "Over expired Refused: It is expired, not paused" in preview
        assert "1 unpaused: Paused." in shown
        assert (
            "Not unpaused: Over (It is expired, not paused); Used up (It is depleted, not paused);"
            " Ended (It is ended, not paused); Late (Its window is over)." in shown
        )
        statuses = [status(campaign) for campaign in chosen]
        assert statuses == ["ACTIVE", "EXPIRED", "DEPLETED", "ENDED", "PAUSED"]

    def test_of_many_the_first_are_named_and_the_others_counted(self, operator: Client) -> None:
        paused = [cheap(name=f"Paused {number}", status="PAUSED") for number in range(1, 13)]
        ended = [cheap(name=f"Ended {number}", status="ENDED") for number in range(1, 12)]

        shown = decide(operator, "unpause", *paused, *ended)

        assert "12 unpaused: Paused 1, Paused 2," in shown
        assert "Paused 9, Paused 10, and 2 more." in shown
        assert "Ended 10 (It is ended, not paused); and 1 more." in shown
        assert [status(campaign) for campaign in paused] == ["ACTIVE"] * 12

    def test_what_is_all_refused_says_so_above_the_form(self, operator: Client) -> None:
        draft = cheap(name="Empty", status="DRAFT")

        shown = decide(operator, "start", draft)

        assert "Refused: not started: Empty (It has no code)." in shown
        assert status(draft) == "DRAFT"

    @pytest.mark.parametrize("step", ["preview", "confirm"])
    def test_who_looks_at_an_old_page_does_nothing(self, operator: Client, step: str) -> None:
        campaign = cheap(status="PAUSED", name="Summer")

        shown = decide(operator, "end", campaign, step=step, seen="ACTIVE")

        assert "The campaign has changed meanwhile: it is paused now" in shown
        assert status(campaign) == "PAUSED"

    def test_the_list_leads_to_the_decision_about_what_was_chosen(self, operator: Client) -> None:
        one, two = cheap(name="One"), cheap(name="Two", status="PAUSED")

        page = operator.post(
            LIST, {"action": "end", "_selected_action": [one.pk, two.pk]}, follow=True
        )

        assert "End: 2 campaigns" in text(page.content)
        assert f'value="{one.pk}:ACTIVE,{two.pk}:PAUSED"' in page.content.decode()

    @pytest.mark.parametrize(
        "seen", ["", "x", "1:NONE", "1", "99999999999999999999:DRAFT", "7:DRAFT"]
    )
    def test_an_address_that_makes_no_sense_is_not_found(self, operator: Client, seen: str) -> None:
        assert operator.get(f"{LIST}decide/end/", {"seen": seen}).status_code == 404
        assert operator.get(f"{LIST}decide/explode/", {"seen": seen}).status_code == 404


@pytest.mark.django_db(transaction=True)
class TestTwoOperatorsAtOnce:
    def together(self, campaign: Campaign) -> list[str]:
        """Let one unpause what the other one ends; return what came of each."""
        done = partial(
            operations.execute,
            campaign_id=campaign.pk,
            seen="PAUSED",
            reason="Now.",
            now=timezone.now(),
            staff=make_staff("Operator"),
        )
        results = run_together(partial(done, Action.UNPAUSE), partial(done, Action.END))
        return sorted(type(result).__name__ for result in results)

    def test_the_slower_one_sees_a_refusal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        campaign = cheap(status="PAUSED")
        meet_after(monkeypatch, campaigns, "lock")

        assert self.together(campaign) == ["Campaign", "ChangedMeanwhileError"]

    def test_without_the_lock_nobody_sees_a_refusal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        campaign = cheap(status="PAUSED")
        monkeypatch.setattr(campaigns, "lock", lambda pk: Campaign.objects.get(pk=pk))
        meet_after(monkeypatch, campaigns, "lock")

        assert ChangedMeanwhileError.__name__ not in self.together(campaign)


class TestSecondPerson:
    # 20 Stars off a month, 251 times.
    def dear(self, **fields: Any) -> Campaign:
        """Return a draft that costs 5,020 Stars."""
        return cheap(status="DRAFT", code=CODE, name="Dear", **{"uses_max": 251, **fields})

    def test_what_costs_more_waits_for_one(self, operator: Client) -> None:
        campaign = self.dear()

        preview = decide(operator, "start", campaign, step="preview")
        asked_by_preview = ApprovalRequest.objects.count()
        shown = decide(operator, "start", campaign)

        assert "waits for a second person, since it can cost up to 5,020 Stars" in preview
        assert asked_by_preview == 0
        assert "A second person has to approve the start: Dear." in shown
        assert "Start campaign, asked by operator at" in shown
        assert status(campaign) == "DRAFT"
        page = operator.get(f"{LIST}{campaign.pk}/change/").content.decode()
        assert f"{LIST}decide/start/" not in page
        assert f"{LIST}decide/end/" in page

    @pytest.mark.parametrize(
        ("fields", "after"),
        [
            ({"uses_max": 250}, "ACTIVE"),
            ({"uses_max": None}, "DRAFT"),
            ({"uses_max": None, "stars_max": 5000}, "ACTIVE"),
        ],
    )
    def test_the_threshold_is_5000_stars(
        self, operator: Client, fields: dict[str, Any], after: str
    ) -> None:
        campaign = self.dear(**fields)

        decide(operator, "start", campaign)

        assert status(campaign) == after

    def test_what_nobody_can_price_waits_too(
        self, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(products, "_at_reference_price", lambda _: [])
        campaign = self.dear(uses_max=1)

        preview = decide(operator, "start", campaign, step="preview")

        assert "since it can cost an unknown number of Stars" in preview

    def test_whoever_approves_it_lets_it_run_and_is_never_who_asked(self, operator: Client) -> None:
        campaign = self.dear()
        decide(operator, "start", campaign)
        request = ApprovalRequest.objects.get()
        approve = partial(approvals.approve, request_id=request.pk, now=timezone.now())

        with pytest.raises(OwnRequestError):
            approve(checker=staff())
        with pytest.raises(NotAllowedError):
            approve(checker=make_staff("Operator", username="other"))
        before = status(campaign)
        approve(checker=make_staff("Finance"))

        assert before == "DRAFT"
        assert status(campaign) == "ACTIVE"

    def test_an_edited_draft_is_not_what_was_asked_for(self, operator: Client) -> None:
        campaign = self.dear()
        decide(operator, "start", campaign)
        Campaign.objects.filter(pk=campaign.pk).update(uses_max=900_000)

        with pytest.raises(ChangedError):
            approvals.approve(
                request_id=ApprovalRequest.objects.get().pk,
                checker=make_staff("Finance"),
                now=timezone.now(),
            )
        assert status(campaign) == "DRAFT"


class TestKillSwitch:
    def test_it_ends_the_campaign_and_releases_every_reservation(self, operator: Client) -> None:
        campaign = cheap(code=CODE, name="Leaked")
        kept = reserve(PlayerFactory.create(), now=timezone.now())
        reservations.lock_for_payment(redemption_id=kept.pk, now=timezone.now())
        redeem_now()

        preview = decide(operator, "kill", campaign, step="preview")
        page_text = decide(operator, "kill", campaign)
        shown = read(operator, page_of(campaign))
        released = tasks.finish_kill_switches()

        assert "– open stopped" in shown
        assert "Reservations being released 2 left" in shown
        assert "ended, and 2 reservations released" in preview
        assert "1 killed: Leaked." in page_text
        assert released == 2
        assert counted(campaign) == (0, 0, 0, 0)
        assert status(campaign) == "ENDED"
        assert tasks.finish_kill_switches() == 0

    def test_an_ordinary_end_leaves_holds_alone(self, operator: Client) -> None:
        campaign = cheap(code=CODE)
        redeem_now()

        decide(operator, "end", campaign)

        assert tasks.finish_kill_switches() == 0
        assert counted(campaign) == (1, 0, 0, 0)

    def revoke(self, client: Client, campaign: Campaign, step: str = "confirm") -> str:
        """Ask that what the campaign has given is taken back."""
        answer = client.post(
            f"{LIST}{campaign.pk}/revoke/",
            {"reason": "Leaked.", "decision": DECISION, step: "1"},
            follow=True,
        )
        return text(answer.content)

    def test_what_was_granted_is_taken_back_by_two_people_bit_by_bit(
        self, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(operations, "BATCH", 2)
        campaign = cheap(code=CODE, grant=True, name="Leaked")
        for _ in range(3):
            redeem_now()
        decide(operator, "end", campaign)
        campaign.refresh_from_db()
        ended_at = campaign.changed_at

        preview = self.revoke(operator, campaign, step="preview")
        nothing_yet = ApprovalRequest.objects.count()
        shown = self.revoke(operator, campaign)
        taken_before = tasks.finish_kill_switches()
        finance = make_staff("Finance")
        approvals.approve(
            request_id=ApprovalRequest.objects.get().pk, checker=finance, now=timezone.now()
        )
        first = tasks.finish_kill_switches()
        progress = read(operator, page_of(campaign))
        second = tasks.finish_kill_switches()

        assert "Players who keep it 3 0" in preview
        assert nothing_yet == 0
        assert "nothing is taken back before a second person approves it" in shown
        assert (taken_before, first, second) == (0, 2, 1)
        assert "Being taken back 2 of 3 taken back" in progress
        backs = LedgerEntry.objects.filter(type="TAKEN_BACK")
        assert [(entry.staff, entry.reason) for entry in backs] == [(finance, "Leaked.")] * 3
        assert counted(campaign) == (0, 3, 0, 0)
        assert tasks.finish_kill_switches() == 0
        assert "Being taken back" not in read(operator, page_of(campaign))
        campaign.refresh_from_db()
        assert campaign.changed_at == ended_at

    def test_what_is_over_keeps_its_end_when_its_reservations_are_stopped(
        self, operator: Client
    ) -> None:
        campaign = cheap(code=CODE)
        redeem_now()
        decide(operator, "end", campaign)
        campaign.refresh_from_db()
        ended_at = campaign.changed_at

        decide(operator, "kill", campaign)

        campaign.refresh_from_db()
        assert campaign.killed_at is not None
        assert campaign.changed_at == ended_at < campaign.killed_at

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"grant": True}, "It is still running. End it first"),
            ({"grant": True, "status": "ENDED"}, "It has no grants left to take back"),
            ({"status": "ENDED"}, "A discount grants nothing. Refund its purchases instead"),
        ],
    )
    def test_it_is_refused_when_there_is_nothing_to_take_back(
        self, operator: Client, fields: dict[str, Any], why: str
    ) -> None:
        assert f"Refused: {why}." in self.revoke(operator, cheap(**fields))

    @pytest.mark.parametrize("column", ["killed_at", "revoking_since"])
    def test_the_database_wants_it_to_be_over_first(self, column: str) -> None:
        campaign = make_campaign()

        with (
            pytest.raises(IntegrityError, match="campaign_killed_is_over"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                f"UPDATE promos_campaign SET {column} = now() WHERE id = %s",  # noqa: S608
                [campaign.pk],
            )


class TestPage:
    def test_it_tells_what_has_come_of_it(self, operator: Client) -> None:
        campaign = cheap(code=CODE, name="Summer", for_language="de")
        redeem_now(language="de", username="berta")
        used = reserve(PlayerFactory.create(language="de"), now=timezone.now())
        reservations.apply(redemption_id=used.pk, now=timezone.now())
        redeem_now(language="uk")

        page = read(operator, page_of(campaign))

        assert "Attempts: 3 3 100%" in page
        assert "Accepted: 2 2 67%" in page
        assert "Reserved now: 1 1 33%" in page
        assert "Applied: 1 1 33%" in page
        assert "Refunded: 0 0 0%" in page
        assert "language E_PROMO_NOT_APPLICABLE 1 100%" in page
        assert "@berta –" in page
        assert "PREMIUM_MONTH 3 240 300" in page
        assert "HALLO2026 shared by all good" in page
        assert "up to 200 Stars" in page

    def test_a_grant_tells_what_it_has_given(self, operator: Client) -> None:
        campaign = cheap(code=CODE, grant=True)
        redeem_now()
        redeem_now()

        page = read(operator, page_of(campaign))

        assert "14 days of Premium" in page
        assert "Sales with the discount" not in page

    def test_its_history_and_batches_are_on_it(self, operator: Client) -> None:
        campaign = cheap(code=CODE)
        batches.order(
            campaign_id=campaign.pk, size=40, prefix="SUN", now=timezone.now(), staff=staff()
        )
        decide(operator, "pause", campaign)

        page = read(operator, page_of(campaign))

        assert "(SUN) 0 of 40 codes being made, 0%" in page
        assert "operator" in page
        assert "paused. So be it." in page

    def test_it_costs_the_same_however_much_was_redeemed(self, operator: Client) -> None:
        campaign = cheap(code=CODE)

        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                read(operator, page_of(campaign))
            return len(queries)

        redeem_now()
        few = cost()
        for _ in range(4):
            redeem_now()

        assert cost() == few

    def test_hours_and_days_are_those_of_the_business_zone(self) -> None:
        campaign = make_campaign(code=CODE, starts_at=datetime.fromisoformat("2026-01-01T00:00Z"))
        before_midnight = datetime.fromisoformat("2026-03-01T23:30+01:00")
        after_midnight = datetime.fromisoformat("2026-03-02T00:30+01:00")
        for moment in (before_midnight, after_midnight, after_midnight):
            redeem(PlayerFactory.create(), now=moment)

        days = statistics.by_day(campaign, days=3, now=after_midnight)
        hours = statistics.by_hour(campaign, hours=2, now=after_midnight)

        assert [(f"{one.begins_at:%-d %b}", one.accepted) for one in days] == [
            ("28 Feb", 0),
            ("1 Mar", 1),
            ("2 Mar", 2),
        ]
        assert [one.accepted for one in hours] == [1, 2]
        assert statistics.recent_use([campaign.pk], now=after_midnight)[
            campaign.pk
        ].accepted_by_day == (0,) * 12 + (1, 2)


class TestExport:
    def row(self) -> list[str]:
        """Return what every file has of the only redemption."""
        only = Redemption.objects.get()
        return [
            str(only.pk),
            str(only.player.telegram_id),
            "berta",
            "HALLO2026",
            "1",
            "RESERVED",
        ]

    def test_redemptions_leave_as_csv_and_it_is_noted(self, operator: Client) -> None:
        campaign = cheap(code=CODE)
        redeem_now(username="berta")

        answer: Any = operator.get(f"{LIST}{campaign.pk}/export/csv/")

        assert answer.streaming
        lines = b"".join(answer.streaming_content).decode().split("\r\n")
        assert lines[0].startswith(
            "\ufeffredemption,telegram_id,username,code,attempt_number,status"
        )
        assert lines[1].split(",")[:6] == self.row()
        assert AuditEntry.objects.get(action="campaign.exported").actor == staff()

    def test_redemptions_leave_as_a_workbook(self, operator: Client) -> None:
        campaign = cheap(code=CODE)
        redeem_now(username="berta")

        answer: Any = operator.get(f"{LIST}{campaign.pk}/export/xlsx/")

        sheet = load_workbook(BytesIO(b"".join(answer.streaming_content))).active
        assert sheet is not None
        row = [str(cell) for cell in list(sheet.values)[1]]
        assert row[:6] == self.row()

    def test_a_workbook_that_would_be_too_big_is_refused(
        self, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "SHEET_MAX", 1)
        campaign = cheap(code=CODE)
        redeem_now()
        redeem_now()

        page = operator.get(f"{LIST}{campaign.pk}/export/xlsx/", follow=True)

        assert "More than 1 rows: take them as CSV" in text(page.content)


@pytest.mark.parametrize(
    ("role", "page", "run", "export"),
    [
        ("Support", 200, 403, 200),
        ("Operator", 200, 200, 200),
        ("Finance", 200, 403, 200),
        ("Editor", 403, 403, 403),
    ],
)
def test_each_role_sees_and_does_what_is_theirs(
    client: Client, role: str, page: int, run: int, export: int
) -> None:
    campaign = cheap(code=CODE)
    client.force_login(make_staff(role))
    seen = f"?seen={campaign.pk}:ACTIVE"

    assert client.get(LIST).status_code == page
    assert client.get(page_of(campaign)).status_code == page
    assert client.get(f"{LIST}decide/pause/{seen}").status_code == run
    assert client.get(f"{LIST}{campaign.pk}/revoke/").status_code == run
    assert client.get(f"{LIST}{campaign.pk}/export/csv/").status_code == export


def test_support_is_offered_nothing_to_run(client: Client) -> None:
    campaign = cheap(code=CODE)
    client.force_login(make_staff("Support"))

    page = client.get(page_of(campaign)).content.decode()

    assert not re.search(r"/decide/|/edit/|/revoke/", page)
    assert Attempt.objects.count() == 0
