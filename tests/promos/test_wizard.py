"""The wizard: what it stores, what it shows beforehand, and what it refuses at which field."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from promos import products, redemptions
from promos.models import Batch, Campaign, Code
from promos.products import Product
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.promos.steps import redeem
from tests.staff.test_approvals import text

pytestmark = pytest.mark.django_db

ADD = "/admin/promos/campaign/add/"
SHELF = (
    Product(code="ENERGY_10", titles={"de": "10 Energie", "en": "10 energy"}, stars=5, energy=10),
    Product(
        code="PREMIUM_MONTH",
        titles={"de": "Premium Monat", "en": "Premium Month", "uk": "Преміум на місяць"},
        stars=99,
        premium_days=30,
    ),
)


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let energy and a month of Premium be for sale."""
    monkeypatch.setattr(products, "_on_sale", lambda: SHELF)
    monkeypatch.setattr(products, "_at_reference_price", lambda _: SHELF)


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def filled(**fields: Any) -> dict[str, Any]:
    """Return what is typed for 30% off Premium, with a shared code, within limits."""
    return {
        "decision": str(uuid4()),
        "name": "Summer",
        "kind": "PERCENT_DISCOUNT",
        "percent": "30",
        "scope": "PREMIUM_ANY",
        "for_language": "de",
        "starts_at": "01 Dec 2026, 09:00",
        "ends_at": "08 Dec 2026, 09:00",
        "uses_max": "100",
        "shared_code": "summer-30",
        **fields,
    }


def check(client: Client, page: str = f"{ADD}check/", **fields: Any) -> dict[str, Any]:
    """Return what the server tells while somebody types."""
    answer: dict[str, Any] = client.post(page, filled(**fields)).json()
    return answer


def outlook(client: Client, **fields: Any) -> str:
    """Return what stands beside what is typed."""
    return text(check(client, **fields)["outlook"].encode())


class TestCreate:
    def test_it_stores_a_draft_with_its_code_and_says_who_did_it(self, operator: Client) -> None:
        answer = operator.post(ADD, filled())

        campaign = Campaign.objects.get()
        assert answer.headers["Location"] == f"/admin/promos/campaign/{campaign.pk}/change/"
        assert (campaign.status, campaign.kind, campaign.value, campaign.scope) == (
            "DRAFT",
            "PERCENT_DISCOUNT",
            30,
            "PREMIUM_ANY",
        )
        assert (campaign.uses_max, campaign.for_language) == (100, "de")
        assert f"{campaign.starts_at:%Y-%m-%d %H:%M}" == "2026-12-01 08:00"
        assert str(campaign.owner) == "operator"
        code = redemptions.find("SUMMER30")
        assert code is not None
        assert code.campaign == campaign
        assert AuditEntry.objects.get(action="campaign.created").actor == campaign.owner

    def test_a_button_pressed_twice_makes_one_campaign(self, operator: Client) -> None:
        typed = filled(batch_size="5")

        first, second = operator.post(ADD, typed), operator.post(ADD, typed)

        assert first.headers["Location"] == second.headers["Location"]
        assert (Campaign.objects.count(), Batch.objects.count()) == (1, 1)

    @pytest.mark.parametrize(
        ("fields", "value"),
        [
            ({"kind": "PREMIUM_GRANT", "days": "90"}, 90),
            ({"kind": "ENERGY_GRANT", "energy": "25"}, 25),
            ({"kind": "PERCENT_DISCOUNT", "percent": "90"}, 90),
        ],
    )
    def test_each_type_takes_its_value(
        self, operator: Client, fields: dict[str, str], value: int
    ) -> None:
        operator.post(ADD, filled(**fields))

        assert Campaign.objects.get().value == value

    def test_goods_forget_what_only_discounts_have(self, operator: Client) -> None:
        operator.post(ADD, filled(kind="PREMIUM_GRANT", days="7", stars_max="500"))

        campaign = Campaign.objects.get()
        assert (campaign.scope, campaign.stars_max) == ("ANY", None)

    def test_a_batch_is_ordered_and_a_file_is_shown_before_it_is_taken_in(
        self, operator: Client
    ) -> None:
        file = SimpleUploadedFile(
            "codes.csv", b"Gutscheincode;G\xfcltig bis\r\nMINE-AAAA-1;1.1.\r\nMINE-AAAA-2\r\nno\r\n"
        )

        page = operator.post(
            ADD,
            filled(shared_code="", batch_size="100", batch_prefix="sum", import_file=file),
            follow=True,
        )

        batch = Batch.objects.get()
        assert (batch.size, batch.prefix, batch.made) == (100, "SUM", 0)
        assert not Code.objects.exists()
        shown = text(page.content)
        assert (
            "This would be imported: 2 new, 1 left out , from the column “Gutscheincode”" in shown
        )
        assert "The first codes are MINEAAAA1, MINEAAAA2 ." in shown
        assert "4 A code has 8 to 32 letters" in shown

        upload = re.findall(r'name="upload" value="([^"]+)"', page.content.decode())[0]
        address = page.redirect_chain[-1][0].partition("?")[0]
        page = operator.post(address, {"upload": upload, "confirm": "1"}, follow=True)
        assert "2 codes imported, 1 left out." in text(page.content)
        assert Code.objects.count() == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("field", "fields", "sentence"),
        [
            ("name", {"name": ""}, "This field is required."),
            ("percent", {"percent": ""}, "Enter a value."),
            ("percent", {"percent": "91"}, "less than or equal to 90"),
            ("energy", {"kind": "ENERGY_GRANT", "energy": "0"}, "greater than or equal to 1"),
            ("days", {"kind": "PREMIUM_GRANT", "days": "8"}, "Select a valid choice"),
            ("ends_at", {"ends_at": "2026-12-01T09:00"}, "The end has to be after the start."),
            ("uses_max", {"uses_max": "0"}, "Enter at least 1, or leave it empty."),
            ("stars_max", {"stars_max": "0"}, "Enter at least 1, or leave it empty."),
            ("product_code", {"scope": "PRODUCT", "product_code": "CAR"}, "Choose one of"),
            ("shared_code", {"shared_code": "abc"}, "4 to 32 letters A to Z and digits."),
            ("shared_code", {"shared_code": "TAKEN"}, "This code has been taken already."),
            ("batch_size", {"batch_prefix": "SUM"}, "Enter how many codes get this prefix."),
            ("batch_size", {"batch_size": "1000001"}, "less than or equal to 1000000"),
            ("batch_prefix", {"batch_size": "5", "batch_prefix": "ÄÖ"}, "Up to 12 letters"),
            ("holdout_percent", {"holdout_percent": "51"}, "less than or equal to 50"),
            ("batch_size", {"holdout_percent": "10", "batch_size": "5"}, "shared code only"),
            (
                "for_lapsed_days",
                {"for_new_players": "on", "for_lapsed_days": "30"},
                "A new player cannot have been away. Choose one of the two.",
            ),
        ],
    )
    def test_an_error_stands_at_its_field_and_nothing_typed_is_lost(
        self, operator: Client, field: str, fields: dict[str, str], sentence: str
    ) -> None:
        make_campaign(code="TAKEN", name="Other")

        answer = check(operator, **fields)
        page = operator.post(ADD, filled(**fields)).content.decode()

        assert not answer["good"]
        assert sentence in " ".join(answer["errors"][field])
        at_field = re.search(f'data-errors-for="{field}" role="alert">(.*?)</div>', page)
        assert at_field is not None
        assert sentence in at_field[1]
        assert 'value="01 Dec 2026, 09:00"' in page
        assert Campaign.objects.exclude(name="Other").count() == 0

    def test_a_file_that_is_no_text_stores_nothing_at_all(self, operator: Client) -> None:
        file = SimpleUploadedFile("codes.csv", b"\xff\xfe\x00\xd8")

        page = operator.post(ADD, filled(import_file=file)).content

        assert "The file begins like UTF-16 text, but is not" in text(page)
        assert not Campaign.objects.exists()
        assert not AuditEntry.objects.filter(action__startswith="campaign").exists()


class TestOutlook:
    def test_it_tells_what_players_read_and_pay_and_stores_nothing(self, operator: Client) -> None:
        shown = outlook(operator)

        assert "30% off every Premium plan" in shown
        assert "Dein Code gilt. −30 % auf jedes Premium-Paket · noch 15 Minuten" in shown
        assert "Your code is accepted. −30 % on every Premium plan · 15 minutes left" in shown
        assert "Premium Month · ⭐ 99 → ⭐ 70" in shown
        assert "Premium Monat Premium Month Преміум на місяць 99 70 ★" in shown
        assert "10 Energie" not in shown
        assert not Campaign.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "cost"),
        [
            ({}, "up to 2,900 Stars 29 ★ a use at most"),
            ({"stars_max": "1000"}, "up to 1,000 Stars"),
            ({"uses_max": ""}, "unlimited cost"),
            ({"kind": "PREMIUM_GRANT", "days": "30"}, "up to 9,900 Stars 3,000 days of Premium"),
            ({"kind": "PREMIUM_GRANT", "days": "7"}, "up to 2,400 Stars 700 days of Premium"),
            ({"kind": "ENERGY_GRANT", "energy": "15"}, "up to 800 Stars 1,500 energy"),
        ],
    )
    def test_it_forecasts_the_most_it_can_cost(
        self, operator: Client, fields: dict[str, str], cost: str
    ) -> None:
        assert f"It costs {cost}" in outlook(operator, **fields)

    @pytest.mark.parametrize(("uses", "asked"), [("172", False), ("173", True), ("", True)])
    def test_it_says_when_a_second_person_is_needed(
        self, operator: Client, uses: str, asked: bool
    ) -> None:
        sentence = "A second person has to approve the start."

        assert (sentence in outlook(operator, uses_max=uses)) is asked

    @pytest.mark.parametrize(
        ("fields", "warning"),
        [
            ({"uses_max": ""}, "There is no limit: every player can use it once."),
            ({"ends_at": ""}, "It has no end."),
            ({"starts_at": "2020-01-01T00:00", "ends_at": "2020-01-02T00:00"}, "has ended already"),
            ({"percent": "50", "for_language": ""}, "50% off, and for everyone."),
            ({"scope": "PRODUCT", "product_code": "ENERGY_10"}, "with the same effect: Always on."),
            ({}, "Running at the same time with the same effect: Always on."),
        ],
    )
    def test_it_warns_of_what_may_be_a_slip(
        self, operator: Client, fields: dict[str, str], warning: str
    ) -> None:
        make_campaign(name="Always on", ends_at=timezone.now() + timedelta(days=3650))

        assert warning in outlook(operator, **fields)

    def test_it_says_nothing_of_costs_while_a_limit_is_wrong(self, operator: Client) -> None:
        shown = outlook(operator, uses_max="0")

        assert "30% off every Premium plan" in shown
        assert "It costs" not in shown
        assert "no limit" not in shown

    def test_what_is_for_something_else_or_another_time_does_not_overlap(
        self, operator: Client
    ) -> None:
        now = timezone.now()
        make_campaign(scope="MICRO_ANY")
        make_campaign(grant=True)
        make_campaign(status="ENDED")
        make_campaign(starts_at=now - timedelta(days=9), ends_at=now - timedelta(days=8))

        shown = outlook(operator, starts_at=f"{now:%Y-%m-%dT%H:%M}", ends_at="")

        assert "same time" not in shown

    def test_a_discount_below_half_or_for_some_needs_no_warning(self, operator: Client) -> None:
        assert "for everybody" not in outlook(operator, percent="49", for_language="")
        assert "for everybody" not in outlook(operator, percent="90")


class TestEdit:
    def page(self, campaign: Campaign) -> str:
        """Return the address of the form."""
        return f"/admin/promos/campaign/{campaign.pk}/edit/"

    def typed(self, client: Client, campaign: Campaign, **fields: Any) -> dict[str, Any]:
        """Return what is sent if only these fields are changed."""
        page = client.get(self.page(campaign)).content.decode()
        seen = re.search(r'name="seen_at" value="([^"]+)"', page)
        assert seen is not None
        return filled(seen_at=seen[1].replace("&#x2B;", "+"), shared_code="", **fields)

    def test_everything_of_a_draft_can_be_changed(self, operator: Client) -> None:
        campaign = make_campaign(status="DRAFT", code="FIRST")

        operator.post(
            self.page(campaign),
            self.typed(operator, campaign, kind="PREMIUM_GRANT", days="30", name="Winter")
            | {"shared_code": "SECOND"},
        )

        campaign.refresh_from_db()
        assert (campaign.name, campaign.kind, campaign.value) == ("Winter", "PREMIUM_GRANT", 30)
        labels = list(campaign.codes.filter(revoked_at=None).values_list("label", flat=True))
        assert labels == ["SECOND"]
        entry = AuditEntry.objects.get(action="campaign.edited")
        assert entry.details["changed"]["value"] == [20, 30]

    def test_of_one_that_runs_only_name_window_and_limits(self, operator: Client) -> None:
        campaign = make_campaign(uses_max=10)

        operator.post(
            self.page(campaign),
            self.typed(operator, campaign, percent="90", uses_max="50", name="Longer"),
        )

        campaign.refresh_from_db()
        assert (campaign.name, campaign.uses_max) == ("Longer", 50)
        assert (campaign.value, campaign.scope, campaign.for_language) == (20, "ANY", "")

    def test_a_limit_below_what_is_used_is_refused_at_its_field(self, operator: Client) -> None:
        campaign = make_campaign(code="HALLO2026", grant=True, uses_max=10)
        redeem(PlayerFactory.create())
        redeem(PlayerFactory.create())

        page = operator.post(
            self.page(campaign), self.typed(operator, campaign, uses_max="1", ends_at="")
        )

        assert "2 uses are used or reserved already." in text(page.content)
        campaign.refresh_from_db()
        assert campaign.uses_max == 10

    def test_a_running_campaign_does_not_grow_past_what_one_person_may_let_run(
        self, operator: Client
    ) -> None:
        # 20% off a month is 19 Stars, so 263 uses are 4,997.
        campaign = make_campaign(uses_max=10)

        refused = operator.post(self.page(campaign), self.typed(operator, campaign, uses_max="264"))
        accepted = operator.post(
            self.page(campaign), self.typed(operator, campaign, uses_max="263")
        )

        assert "because it can cost up to 5,016 Stars" in text(refused.content)
        assert accepted.status_code == 302
        campaign.refresh_from_db()
        assert campaign.uses_max == 263

    def test_who_is_slower_sees_why_and_keeps_what_was_typed(self, operator: Client) -> None:
        campaign = make_campaign(uses_max=10)
        typed = self.typed(operator, campaign, uses_max="20", name="Slow")
        operator.post(self.page(campaign), self.typed(operator, campaign, uses_max="30"))

        page = operator.post(self.page(campaign), typed)

        assert "The campaign has been changed meanwhile." in text(page.content)
        assert 'value="Slow"' in page.content.decode()
        campaign.refresh_from_db()
        assert (campaign.name, campaign.uses_max) == ("Summer", 30)

    def test_what_is_over_cannot_be_changed(self, operator: Client) -> None:
        campaign = make_campaign(status="ENDED")

        page = operator.get(self.page(campaign), follow=True)

        assert "It is ended: clone it." in text(page.content)


@pytest.mark.parametrize(
    ("role", "status"), [("Operator", 200), ("Support", 403), ("Finance", 403)]
)
def test_who_runs_campaigns_prepares_them(client: Client, role: str, status: int) -> None:
    campaign = make_campaign()
    client.force_login(make_staff(role))

    pages = (ADD, f"/admin/promos/campaign/{campaign.pk}/edit/")

    assert [client.get(page).status_code for page in pages] == [status, status]
    assert client.post(f"{ADD}check/", filled()).status_code == status


class TestWeekendOffers:
    def test_a_discount_with_a_shared_code_can_be_offered(self, operator: Client) -> None:
        operator.post(ADD, filled(is_weekend_offer="on"))

        assert Campaign.objects.get().is_weekend_offer

    def test_nobody_could_take_it_without_a_shared_code(self, operator: Client) -> None:
        answer = check(operator, is_weekend_offer="on", shared_code="", batch_size="10")

        assert answer["errors"] == {"shared_code": ["A weekend offer needs a shared code."]}

    def test_what_is_no_discount_is_none(self, operator: Client) -> None:
        operator.post(ADD, filled(kind="PREMIUM_GRANT", days="30", is_weekend_offer="on"))

        assert not Campaign.objects.get().is_weekend_offer

    def test_one_that_runs_can_become_one_and_stop_being_one(self, operator: Client) -> None:
        campaign = make_campaign(code="SUMMER", value=30)
        page = f"/admin/promos/campaign/{campaign.pk}/edit/"
        terms = {
            "name": campaign.name,
            "starts_at": "2026-12-01T09:00",
            "decision": str(uuid4()),
            "seen_at": campaign.changed_at.isoformat(),
        }

        operator.post(page, {**terms, "is_weekend_offer": "on"})
        campaign.refresh_from_db()
        became = campaign.is_weekend_offer
        operator.post(page, {**terms, "seen_at": campaign.changed_at.isoformat()})

        campaign.refresh_from_db()
        assert (became, campaign.is_weekend_offer) == (True, False)
