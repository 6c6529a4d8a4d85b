"""What a page says of itself: its heading, the labels of its columns, and when it is empty."""

import re

import pytest
from django.test import Client

from promos.models import Inviter, Referral
from tests.factories import NOON, PlayerFactory, make_campaign, make_staff
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
