"""What a page says of itself: its heading, the labels of its columns, and when it is empty."""

import re
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client

from economy.models import ControlRun, OutageDay
from payments.models import Impression
from promos.models import Inviter, Referral
from quizarena.game.models import QuestionImport
from quizarena.ops import backups
from quizarena.ops.models import BackupKind
from quizarena.players.models import PurgeRun
from quizarena.staff import audit, sign_ins
from quizarena.staff.alert_models import AlertRoute
from tests.factories import (
    NOON,
    OutgoingCallFactory,
    PlayerFactory,
    make_campaign,
    make_staff,
)
from tests.payments.steps import buy
from tests.promos.desk import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    """Return the browser of an operator."""
    client.force_login(make_staff("Operator"))
    return client


def page(client: Client, path: str) -> str:
    """Return a page of the admin, which has to be there."""
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def heading(client: Client, path: str) -> str:
    """Return the words of the page's heading, without the symbols between them."""
    [found] = re.findall(r"<h1.*?</h1>", page(client, path), re.DOTALL)
    return text(found.replace("chevron_right", "›").encode())


class TestHeadings:
    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("payments/purchase/", "Payments › Purchases"),
            ("payments/purchase/queue/", "Payments › Purchases › Payments in review"),
            ("payments/purchase/revenue/", "Payments › Purchases › Revenue"),
            ("economy/ledgerentry/days/", "Economy › Ledger › By day"),
            ("promos/attempt/why/", "Promos › Attempts › Check a code"),
            ("promos/campaign/add/", "Promos › Campaigns › New campaign"),
            ("promos/campaign/calendar/", "Promos › Campaigns › Campaigns in December 2026"),
            ("game/playday/", "Game › Play"),
        ],
    )
    def test_a_page_beside_a_list_is_called_as_in_the_sidebar_or_by_its_title(
        self, operator: Client, path: str, words: str
    ) -> None:
        assert heading(operator, path) == words

    def test_things_have_names_for_people(self, operator: Client) -> None:
        purchase = buy(PlayerFactory.create(username="anna"))
        anna = purchase.player_id

        assert heading(operator, f"payments/purchase/{purchase.pk}/change/").endswith(
            "Purchases › 10 energy points for @anna"
        )
        assert heading(operator, f"economy/wallet/{anna}/change/").endswith("Wallet of @anna")
        assert heading(operator, "payments/product/ENERGY_10/change/").endswith(
            "10 energy points (ENERGY_10)"
        )

    def test_rows_of_the_product_are_named_by_what_they_are_and_by_their_day(
        self, client: Client
    ) -> None:
        client.force_login(User.objects.create_superuser("owner"))
        anna = PlayerFactory.create(username="anna")
        call = OutgoingCallFactory.create(method="sendMessage")
        file = QuestionImport.objects.create(
            file_name="december.csv", state="REFUSED", uploaded_by=make_staff("Editor"),
            changed_at=NOON,
        )  # fmt: skip
        day = OutageDay.objects.create(
            day=date(2026, 11, 3), reason="The server was down.", created_at=NOON
        )
        purge = PurgeRun.objects.create(
            table="bot_inboxupdate", started_at=NOON, finished_at=NOON, deleted=12_345,
            has_more=False,
        )  # fmt: skip
        run = ControlRun.objects.create(
            control="ledger", started_at=NOON, last_at=NOON, finished_at=NOON
        )
        offer = Impression.objects.create(
            player=anna, trigger="ENERGY_LOW", priority=60, event="HOME", is_blocking=False,
            prices={"ENERGY_10": 5}, shown_at=NOON, day=NOON.date(), ordinal=1,
        )  # fmt: skip

        route = AlertRoute.objects.create(
            kind="promo_attacked", severity="WARNING", channels=["SLACK"]
        )
        failure = sign_ins.record_failure(username="support", address="203.0.113.7", now=NOON)
        entry = audit.record(
            actor=None, action="question.seeded", obj=anna, summary="qm-001: seeded.", details={}
        )

        def last(path: str) -> str:
            return heading(client, f"{path}/change/").rpartition(" › ")[2]

        assert last(f"bot/outgoingcall/{call.pk}") == f"Call {call.pk}: sendMessage"
        assert last(f"game/questionimport/{file.pk}") == "december.csv (refused)"
        assert last(f"economy/outageday/{day.pk}") == "3 Nov 2026: The server was down."
        assert last(f"players/purgerun/{purge.pk}") == "Purge of 22 Nov 2026, 13:00"
        assert last(f"economy/controlrun/{run.pk}") == "Ledger, 22 Nov 2026, 13:00"
        assert last(f"payments/impression/{offer.pk}") == "Offer to @anna"
        assert last(f"staff/signinfailure/{failure.pk}") == "support from 203.0.113.7"
        assert last(f"staff/auditentry/{entry.pk}") == "qm-001: seeded."
        assert heading(client, f"staff/alertroute/{route.pk}/history/").endswith("Promo attacked")

    def test_an_app_has_no_page_of_its_own_but_leads_to_all_pages(self, operator: Client) -> None:
        for app in ("auth", "bot", "django_celery_beat", "economy", "ops"):
            assert operator.get(f"/admin/{app}/").headers["Location"] == "/admin/pages/"

    def test_a_name_brings_no_markup_into_a_heading(self, operator: Client) -> None:
        eve = PlayerFactory.create(username="", first_name="<b>Eve</b>", last_name="")

        address = f"economy/wallet/{buy(eve).player_id}/change/"

        assert "Wallet of &lt;b&gt;Eve&lt;/b&gt;" in page(operator, address)

    def test_the_history_of_a_thing_with_a_code_is_where_its_page_links_it(
        self, operator: Client
    ) -> None:
        [address] = set(
            re.findall(
                r'href="/admin/(payments/product/[^"]+/history/)"',
                page(operator, "payments/product/ENERGY_10/change/"),
            )
        )

        assert address == "payments/product/ENERGY_5F10/history/"
        assert "History: ENERGY_10" in page(operator, address)


class TestObjects:
    def test_one_that_is_not_there_leads_to_the_list_with_a_sentence(
        self, operator: Client
    ) -> None:
        for page_of in ("change", "history"):
            answer = operator.get(f"/admin/game/duel/99/{page_of}/", follow=True)

            assert answer.redirect_chain == [("/admin/game/duel/", 302)]
            assert "There is no duel at this address. It may have been deleted." in (
                answer.content.decode()
            )

    def test_a_history_without_an_entry_says_so(self, operator: Client) -> None:
        campaign = make_campaign()

        shown = page(operator, f"promos/campaign/{campaign.pk}/history/")

        assert "nobody has changed it by hand" in shown
        assert "No data" not in shown

    def test_a_history_does_not_say_who_did_what_no_member_of_staff_did(
        self, operator: Client
    ) -> None:
        campaign = make_campaign()
        audit.record(
            actor=None, action="campaign.revoked", obj=campaign, summary="All was taken back."
        )

        shown = text(page(operator, f"promos/campaign/{campaign.pk}/history/").encode())

        assert "just now no member of staff All was taken back." in shown

    def test_the_page_of_what_the_product_writes_shows_what_the_list_shows(
        self, client: Client
    ) -> None:
        client.force_login(make_staff("Administrator"))
        backup = backups.record(
            kind=BackupKind.BACKUP, began_at=NOON, size=1_234_567, note="nightly", now=NOON
        )

        shown = text(page(client, f"ops/backup/{backup.pk}/change/").encode())

        assert "1.2 MB" in shown
        assert "Everything until" in shown
        assert "1234567" not in shown
        assert "Began at" not in shown


class TestLists:
    def test_the_first_column_is_labelled_by_its_heading_on_a_narrow_screen(
        self, operator: Client
    ) -> None:
        inviter = Inviter.objects.create(
            player=PlayerFactory.create(), code="AAAAAAAAAA", created_at=NOON
        )
        Referral.objects.create(inviter=inviter, invited=PlayerFactory.create(), started_at=NOON)

        shown = page(operator, "promos/referral/")

        assert 'data-label="Invited"' in shown
        assert 'data-label="Select record"' not in shown

    def test_a_label_on_a_narrow_screen_begins_as_the_heading_does(self, client: Client) -> None:
        client.force_login(make_staff("Administrator"))
        backups.record(kind=BackupKind.BACKUP, began_at=NOON, size=1, note="nightly", now=NOON)

        shown = page(client, "ops/backup/")

        assert re.findall('data-label="([^"]*)"', shown) == [
            *("What", "Everything until", "Recorded", "Size", "Note")
        ]

    def test_where_rows_can_be_selected_the_box_is_called_so(self, operator: Client) -> None:
        make_campaign()

        assert 'data-label="Select record"' in page(operator, "promos/campaign/")

    def test_an_empty_list_says_whether_something_was_left_out(self, operator: Client) -> None:
        empty = page(operator, "payments/impression/")
        filtered = page(operator, "players/player/?q=nobody")

        assert "Nothing here yet" in empty
        assert "what happens is listed here by itself" in empty
        assert "Show everything" not in empty
        assert "Nothing matches this search and these filters." in filtered
        assert "Show everything" in filtered

    def test_an_empty_list_leads_to_adding_who_may(self, operator: Client) -> None:
        empty = page(operator, "game/cupprize/")

        assert "Add the first one." in empty
        assert 'href="/admin/game/cupprize/add/"' in empty
