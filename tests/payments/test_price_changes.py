"""Prices: who may change them, and what they were. Product rules, sections 4 and 8."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from payments import price_changes
from payments.errors import PriceError
from payments.models import PastPrice, Product, Purchase
from promos import operations, planning
from promos.errors import BadTermsError
from promos.models import Campaign
from promos.operations import Action
from quizarena.players.models import Player
from quizarena.staff import approvals
from quizarena.staff.models import ApprovalRequest, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import CampaignFactory, make_campaign, make_staff
from tests.payments import steps
from tests.payments.steps import DAY, NOON

pytestmark = pytest.mark.django_db

DAYS_90 = timedelta(days=90)


def change(code: str, stars: int, *, staff: User, **more: Any) -> Product | ApprovalRequest:
    """Let an operator change a price."""
    return price_changes.change(
        product_code=code, stars=stars, reason="Autumn", staff=staff, now=more.get("now", NOON)
    )


@pytest.fixture
def operator() -> User:
    """Return an operator."""
    return make_staff("Operator")


class TestReferencePrice:
    def test_it_is_the_highest_price_of_ninety_days(self, operator: User) -> None:
        change("PREMIUM_YEAR", 600, staff=operator)
        change("PREMIUM_YEAR", 430, staff=operator, now=NOON + DAY)

        after = partial(price_changes.reference_stars, "PREMIUM_YEAR")
        assert after(now=NOON + DAY) == 600
        assert after(now=NOON + DAY + DAYS_90 - timedelta(seconds=1)) == 600
        assert after(now=NOON + DAY + DAYS_90) == 430

    @pytest.mark.usefixtures("owner")
    def test_every_price_is_kept_with_its_end_whoever_changes_it(self, operator: User) -> None:
        change("ENERGY_10", 7, staff=operator)
        Product.objects.filter(pk="ENERGY_10").update(stars=8)
        Product.objects.filter(pk="ENERGY_10").update(stars=8, position=3)

        prices = PastPrice.objects.filter(product="ENERGY_10").order_by("pk")
        assert [price.stars for price in prices] == [5, 7]
        assert prices[0].until == NOON
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            PastPrice.objects.update(stars=1)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with pytest.raises(DatabaseError, match="Cannot truncate prices"):
                cursor.execute("TRUNCATE payments_pastprice")


class TestCuts:
    @pytest.mark.parametrize(
        ("code", "stars", "why"),
        [
            ("PREMIUM_SEASON", 250, ""),
            ("PREMIUM_SEASON", 175, ""),
            (
                "PREMIUM_SEASON",
                174,
                "it is more than 30% below the reference price of 249 Stars",
            ),
            ("ENERGY_10", 4, "it is under 5 Stars"),
            ("ENERGY_10", 6, ""),
        ],
    )
    def test_who_may_set_a_price(self, code: str, stars: int, why: str, operator: User) -> None:
        product = Product.objects.get(pk=code)

        needs = price_changes.why_a_second_person(
            product=product, stars=stars, staff=operator, now=NOON
        )
        assert needs == why
        changed = change(code, stars, staff=operator)
        product.refresh_from_db()
        assert isinstance(changed, ApprovalRequest) == bool(why)
        assert (product.stars == stars) == (not why)

    def test_small_cuts_are_added_up(self, operator: User) -> None:
        change("PREMIUM_YEAR", 360, staff=operator)

        assert isinstance(change("PREMIUM_YEAR", 349, staff=operator), ApprovalRequest)

    def test_a_second_person_lets_it_happen(self, operator: User) -> None:
        request = change("PREMIUM_MONTH", 49, staff=operator)
        assert isinstance(request, ApprovalRequest)
        finance = make_staff("Finance")
        # Whoever has just been made decides nothing yet.
        User.objects.update(date_joined=NOON - 10 * DAY)

        approvals.approve(request_id=request.pk, checker=finance, now=NOON + DAY)

        assert Product.objects.get(pk="PREMIUM_MONTH").stars == 49
        entry = AuditEntry.objects.get(action="product.priced")
        assert (entry.actor, entry.details["changed"]) == (operator, {"stars": [99, 49]})

    @pytest.mark.parametrize("stars", [0, 5, 10_001])
    def test_what_is_no_new_price_is_refused(self, stars: int, operator: User) -> None:
        with pytest.raises(PriceError):
            change("ENERGY_10", stars, staff=operator)


class TestRenewals:
    def renewed(self, player: Player, *, price: int) -> Purchase:
        """Return a renewal of a subscription that was begun at `price`."""
        Product.objects.filter(pk="PREMIUM_MONTH").update(stars=price, priced_at=NOON)
        first = steps.buy(player, "PREMIUM_MONTH", is_subscription=True)
        now = NOON + 30 * DAY
        return steps.credit(steps.pay(first, now=now, is_renewal=True), now=now)

    @pytest.mark.parametrize(
        ("price", "flags"), [(50, []), (49, ["BELOW_REFERENCE"]), (1, ["BELOW_REFERENCE"])]
    )
    def test_one_under_half_of_the_reference_price_is_credited_and_flagged(
        self, price: int, flags: list[str], player: Player
    ) -> None:
        renewal = self.renewed(player, price=price)

        assert renewal.status == "CREDITED"
        assert renewal.flags == flags


class TestCampaignCosts:
    def test_a_price_lowered_for_an_hour_makes_no_campaign_cheap(self, operator: User) -> None:
        campaign = make_campaign(status="DRAFT", value=50, uses_max=20)
        assert planning.most_it_costs(campaign, now=NOON).stars == 20 * 249

        Product.objects.update(stars=5, priced_at=NOON)

        assert planning.most_it_costs(campaign, now=NOON).stars == 20 * 249

    def test_a_product_hidden_for_an_hour_makes_no_campaign_cheap(self) -> None:
        campaign = make_campaign(status="DRAFT", kind="PREMIUM_GRANT", value=90, uses_max=10)

        Product.objects.update(is_for_sale=False)

        assert planning.most_it_costs(campaign, now=NOON).stars == 10 * 249


def start(campaign: Campaign, *, staff: User, **more: Any) -> Campaign | ApprovalRequest:
    """Let an operator start a draft."""
    return operations.execute(
        Action.START,
        campaign_id=campaign.pk,
        seen="DRAFT",
        reason="Autumn",
        now=more.get("now", NOON),
        staff=staff,
    )


def draft(*, stars_max: int = 2_000) -> Campaign:
    """Return a draft that anybody could start alone."""
    return make_campaign(
        status="DRAFT", code=f"AUTUMN{Campaign.objects.count()}", stars_max=stars_max
    )


class TestOneDay:
    def test_what_one_person_starts_on_a_day_is_added_up(self, operator: User) -> None:
        assert isinstance(start(draft(), staff=operator), Campaign)
        assert isinstance(start(draft(), staff=operator), Campaign)

        third = start(draft(), staff=operator)

        assert isinstance(third, ApprovalRequest)
        other = make_staff("Operator", username="other")
        assert isinstance(start(draft(), staff=other), Campaign)
        assert isinstance(start(draft(), staff=operator, now=NOON + DAY), Campaign)

    def test_what_a_second_person_has_approved_does_not_count(self, operator: User) -> None:
        big = start(draft(stars_max=9_000), staff=operator)
        assert isinstance(big, ApprovalRequest)
        finance = make_staff("Finance")
        User.objects.update(date_joined=NOON - 10 * DAY)
        approvals.approve(request_id=big.pk, checker=finance, now=NOON)

        assert isinstance(start(draft(), staff=operator), Campaign)

    def test_raising_a_limit_counts_as_starting(self, operator: User) -> None:
        running = start(draft(stars_max=100), staff=operator, now=NOON - DAY)
        assert isinstance(running, Campaign)
        assert isinstance(start(draft(stars_max=4_000), staff=operator), Campaign)

        def raise_to(stars_max: int) -> Campaign:
            return planning.edit(
                campaign_id=running.pk,
                terms={"stars_max": stars_max},
                seen_at=NOON - DAY,
                now=NOON,
                staff=operator,
            )

        with pytest.raises(BadTermsError, match="of up to 4,000 of at most 5,000 Stars"):
            raise_to(1_001)
        assert raise_to(1_000).authorised_at == NOON
        assert isinstance(start(draft(stars_max=1), staff=operator), ApprovalRequest)


@pytest.mark.django_db(transaction=True)
class TestTwoStartsAtOnce:
    def race(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let one person start two campaigns at once, of which one fits; return what came of it."""
        operator = make_staff("Operator")
        drafts = [draft(stars_max=3_000), draft(stars_max=3_000)]
        meet_after(monkeypatch, planning, "why_a_second_person")
        results = run_together(*(partial(start, one, staff=operator) for one in drafts))
        return sorted(type(result).__name__ for result in results)

    def test_they_do_not_pass_the_limit_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.race(monkeypatch) == ["ApprovalRequest", "Campaign"]

    def test_without_the_lock_they_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        monkeypatch.setattr(operations, "lock_staff", lambda _: None)

        assert self.race(monkeypatch) == ["Campaign", "Campaign"]


def test_a_draft_of_the_factory_costs_without_end() -> None:
    campaign = CampaignFactory.create()

    assert planning.most_it_costs(campaign, now=NOON).stars is None
