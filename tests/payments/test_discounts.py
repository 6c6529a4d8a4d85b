"""Purchases that a promo code makes cheaper: the reservation goes where the purchase goes."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from threading import Thread
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from payments import catalogue, purchases
from payments.errors import Refusal, RefusedError
from payments.models import Product, Purchase
from promos import campaigns, redemptions, reservations
from promos.counters import find_differing
from promos.models import Campaign, Channel, Redemption
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.campaigns import CODE, counted, running
from tests.payments.steps import MINUTE, NOON, SECOND


def redeem(player: Player, code: str = CODE, *, now: datetime = NOON) -> Redemption:
    """Let the player enter a code that nothing stands against."""
    result = redemptions.redeem(
        player=player, raw=code, channel=Channel.COMMAND, key=f"{code}:{now}", now=now
    )
    assert result.redemption is not None, result
    return result.redemption


def open_with(
    reservation: Redemption, code: str = "PREMIUM_MONTH", *, now: datetime = NOON, **how: Any
) -> Purchase:
    """Let the player of a reservation tap a product, and send the invoice."""
    with transaction.atomic():
        purchase = purchases.open_purchase(
            player=reservation.player,
            product_code=code,
            now=now,
            redemption_id=reservation.pk,
            **how,
        )
        purchases.invoice_sent(purchase, now=now)
    return purchase


def again(reservation: Redemption) -> str:
    """Return where a reservation is now."""
    return Redemption.objects.get(pk=reservation.pk).status


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    """Let campaigns have begun an hour before noon."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def campaign(db: None) -> Campaign:
    """Return a campaign that takes 40% off everything."""
    return running()


@pytest.mark.django_db
class TestLowerPrice:
    """The product becomes cheaper while its purchase is open with a discount."""

    def test_the_discount_goes_over_to_the_cheaper_purchase(self, campaign: Campaign) -> None:
        reservation = redeem(PlayerFactory.create())
        dear = open_with(reservation)
        Product.objects.filter(code="PREMIUM_MONTH").update(stars=50)

        cheap = open_with(reservation)

        dear.refresh_from_db()
        reservation.refresh_from_db()
        assert (dear.stars, dear.status, cheap.stars, cheap.status) == (
            60,
            "FAILED",
            30,
            "INVOICE_SENT",
        )
        assert (reservation.status, reservation.stars_off, cheap.redemption_id) == (
            "RESERVED",
            20,
            reservation.pk,
        )
        assert counted(campaign) == (1, 0, 20, 0)
        assert find_differing(now=NOON) == []


@pytest.mark.django_db
class TestOpening:
    @pytest.mark.parametrize(
        ("percent", "code", "stars"),
        [(40, "ENERGY_10", 3), (1, "PREMIUM_MONTH", 99), (1, "PREMIUM_YEAR", 495),
         (90, "ENERGY_10", 1), (90, "PREMIUM_YEAR", 50), (50, "MEGA_PACK_15", 8)],
    )  # fmt: skip
    def test_the_price_is_rounded_up_and_what_it_takes_off_is_counted(
        self, player: Player, percent: int, code: str, stars: int
    ) -> None:
        campaign = running(value=percent)

        purchase = open_with(redeem(player), code)

        base = purchase.product.stars if purchase.product else 0
        assert (purchase.stars, purchase.base_stars, purchase.percent) == (stars, base, percent)
        assert counted(campaign) == (1, 0, base - stars, 0)

    def test_the_same_reservation_again_is_the_same_purchase(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)

        first, second = open_with(reservation), open_with(reservation, now=NOON + MINUTE)

        assert first == second
        assert counted(campaign) == (1, 0, 39, 0)

    def test_an_invoice_at_full_price_is_closed_for_one_with_a_discount(
        self, player: Player, campaign: Campaign
    ) -> None:
        full = steps.open_purchase(player, "PREMIUM_MONTH")

        cheaper = open_with(redeem(player))

        assert steps.again(full).status == "FAILED"
        assert (cheaper.status, cheaper.stars) == ("INVOICE_SENT", 60)
        assert steps.check_out(full) == Refusal.EXPIRED

    def test_another_promo_closes_it_and_releases_its_reservation(self, player: Player) -> None:
        first, second = running(code="FIRST2026", value=20), running(code="SECOND2026", value=60)
        one, two = redeem(player, "FIRST2026"), redeem(player, "SECOND2026")
        old = open_with(one)

        fresh = open_with(two)

        assert (steps.again(old).status, fresh.stars) == ("FAILED", 40)
        assert (again(one), again(two)) == ("EXPIRED", "RESERVED")
        assert (counted(first), counted(second)) == ((0, 0, 0, 0), (1, 0, 59, 0))

    def test_it_moves_to_another_product_and_stays_held(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)
        month = open_with(reservation)

        energy = open_with(reservation, "ENERGY_10")

        assert steps.again(month).status == "FAILED"
        assert (energy.stars, again(reservation)) == (3, "RESERVED")
        assert counted(campaign) == (1, 0, 2, 0)
        assert steps.check_out(month) == Refusal.EXPIRED
        assert steps.check_out(energy) is None

    def test_without_the_reservation_what_is_open_with_it_is_given(
        self, player: Player, campaign: Campaign
    ) -> None:
        cheaper = open_with(redeem(player))

        assert steps.open_purchase(player, "PREMIUM_MONTH") == cheaper

    def test_without_the_reservation_after_its_time_it_is_opened_at_full_price(
        self, player: Player, campaign: Campaign
    ) -> None:
        cheaper = open_with(redeem(player))

        full = steps.open_purchase(player, "PREMIUM_MONTH", now=NOON + 15 * MINUTE)

        assert (steps.again(cheaper).status, full.stars, full.redemption) == ("FAILED", 99, None)
        assert counted(campaign) == (0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("terms", "code", "how", "refusal"),
        [
            ({"scope": "PREMIUM_ANY"}, "ENERGY_10", {}, "PROMO_NOT_FITTING"),
            ({"scope": "MICRO_ANY"}, "PREMIUM_MONTH", {}, "PROMO_NOT_FITTING"),
            ({"scope": "PRODUCT", "product_code": "PREMIUM_YEAR"}, "PREMIUM_MONTH", {},
             "PROMO_NOT_FITTING"),
            ({}, "PREMIUM_MONTH", {"is_subscription": True}, "PROMO_NOT_FITTING"),
            ({"stars_max": 38}, "PREMIUM_MONTH", {}, "PROMO_EXPIRED"),
            ({}, "PREMIUM_MONTH", {"now": NOON + 15 * MINUTE}, "PROMO_EXPIRED"),
        ],
        ids=["only Premium", "no Premium", "another product", "subscription", "budget", "lapsed"],
    )  # fmt: skip
    def test_what_it_is_not_for_is_refused_and_nothing_changes(
        self, player: Player, terms: dict[str, Any], code: str, how: dict[str, Any], refusal: str
    ) -> None:
        campaign = running(**terms)
        reservation = redeem(player)

        with pytest.raises(RefusedError) as refused:
            open_with(reservation, code, **how)

        assert refused.value.refusal == refusal
        assert not Purchase.objects.exists()
        assert counted(campaign) == (1, 0, 0, 0)

    def test_a_budget_that_does_not_suffice_leaves_the_open_purchase_alone(
        self, player: Player
    ) -> None:
        campaign = running(stars_max=10)
        reservation = redeem(player)
        energy = open_with(reservation, "ENERGY_10")

        with pytest.raises(RefusedError, match="PROMO_EXPIRED"):
            open_with(reservation, "PREMIUM_MONTH")

        assert steps.again(energy).status == "INVOICE_SENT"
        assert counted(campaign) == (1, 0, 2, 0)

    def test_the_reservation_of_somebody_else_is_none(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(PlayerFactory.create())

        with pytest.raises(RefusedError, match="PROMO_EXPIRED"):
            purchases.open_purchase(
                player=player, product_code="ENERGY_10", now=NOON, redemption_id=reservation.pk
            )


@pytest.mark.django_db
class TestShelf:
    def prices(self, player: Player) -> dict[str, int]:
        """Return what the player pays for each product."""
        offers = catalogue.available_products(player=player, now=NOON)
        return {offer.product.pk: offer.stars for offer in offers if offer.reservation}

    def test_of_several_discounts_each_product_has_the_best_that_fits(self, player: Player) -> None:
        running(code="MICRO2026", value=60, scope="MICRO_ANY")
        running(code="ALL2026", value=20)
        for code in ("MICRO2026", "ALL2026"):
            redeem(player, code)

        prices = self.prices(player)

        assert (prices["STREAK_SAVER_20"], prices["PREMIUM_MONTH"]) == (8, 80)

    def test_what_the_budget_does_not_allow_is_not_promised(self, player: Player) -> None:
        running(stars_max=39)
        reservation = redeem(player)

        before = self.prices(player)
        open_with(reservation)
        attached = self.prices(player)

        assert ("PREMIUM_MONTH" in before, "PREMIUM_SEASON" in before) == (True, False)
        # What the reservation has taken of the budget itself is there for another product.
        assert attached == before

    def test_two_queries_however_many_discounts(self, player: Player) -> None:
        for number in range(3):
            running(code=f"CODE{number}", value=10 + number)
            redeem(player, f"CODE{number}")

        with CaptureQueriesContext(connection) as queries:
            catalogue.available_products(player=player, now=NOON)

        assert len(queries) == 2


@pytest.mark.django_db
class TestPreCheckout:
    def test_promo_reservation_expiry_blocks_precheckout_validation(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)
        purchase = open_with(reservation)

        in_time = steps.check_out(purchase, now=NOON + 15 * MINUTE - SECOND)
        Redemption.objects.filter(pk=reservation.pk).update(is_locked_for_payment=False)
        late = steps.check_out(purchase, now=NOON + 15 * MINUTE)

        assert (in_time, late) == (None, Refusal.PROMO_EXPIRED)

    def test_a_repeat_gets_the_answer_it_got(self, player: Player, campaign: Campaign) -> None:
        purchase = open_with(redeem(player))

        first = steps.check_out(purchase, query="one")
        repeat = steps.check_out(purchase, query="one", now=NOON + 60 * MINUTE)

        assert (first, repeat) == (None, None)

    def test_an_approval_keeps_the_reservation_until_the_payment(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)
        purchase = open_with(reservation)
        assert steps.check_out(purchase, now=NOON + 14 * MINUTE) is None

        expired = reservations.expire(now=NOON + 25 * MINUTE, limit=10)
        bought = steps.credit(steps.pay(purchase, now=NOON + 26 * MINUTE))

        assert expired == 0
        assert (bought.status, bought.flags, again(reservation)) == ("CREDITED", [], "APPLIED")
        assert counted(campaign) == (0, 1, 0, 39)

    def test_an_approval_that_nobody_pays_gives_the_use_back(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)
        assert steps.check_out(open_with(reservation)) is None

        assert purchases.fail_stale(now=NOON + 31 * MINUTE, limit=10) == 1

        assert again(reservation) == "EXPIRED"
        assert counted(campaign) == (0, 0, 0, 0)

    def test_after_the_kill_switch_it_is_refused_even_if_it_was_approved(
        self, player: Player, campaign: Campaign
    ) -> None:
        purchase = open_with(redeem(player))
        assert steps.check_out(purchase) is None

        assert campaigns.release_reservations(campaign_id=campaign.pk, now=NOON) == 1

        assert steps.check_out(purchase) == Refusal.PROMO_EXPIRED


@pytest.mark.django_db
class TestPayment:
    @pytest.mark.parametrize("why", ["lapsed", "killed"])
    def test_stars_that_come_after_the_reservation_are_honoured_and_flagged(
        self, player: Player, campaign: Campaign, why: str
    ) -> None:
        reservation = redeem(player)
        purchase = open_with(reservation, "ENERGY_10")
        if why == "killed":
            steps.check_out(purchase)
            campaigns.release_reservations(campaign_id=campaign.pk, now=NOON)
        else:
            assert reservations.expire(now=NOON + 15 * MINUTE, limit=10) == 1

        bought = steps.credit(steps.pay(purchase, now=NOON + 16 * MINUTE))

        assert (bought.status, bought.paid_stars, bought.problem) == ("CREDITED", 3, "")
        assert "PROMO_LAPSED" in bought.flags
        assert steps.owned(player) == (10, 0, 0)
        assert again(reservation) == "EXPIRED"
        assert counted(campaign) == (0, 0, 0, 0)

    def test_a_reservation_that_is_killed_between_payment_and_credit_is_flagged_once(
        self, player: Player, campaign: Campaign
    ) -> None:
        purchase = open_with(redeem(player), "ENERGY_10")
        steps.check_out(purchase)
        paid = steps.pay(purchase)
        campaigns.release_reservations(campaign_id=campaign.pk, now=NOON)

        bought = steps.credit(paid)

        assert (bought.status, bought.flags) == ("CREDITED", ["PROMO_LAPSED"])

    def test_a_credit_that_fails_leaves_the_use_held(
        self, player: Player, campaign: Campaign, delivery: steps.Delivery
    ) -> None:
        reservation = redeem(player)
        purchase = open_with(reservation, "MEGA_PACK_15")
        steps.check_out(purchase)
        paid = steps.pay(purchase)

        delivery.breaks()
        failed = steps.credit(paid)
        reserved = again(reservation)
        delivery.works()
        recovered = purchases.recover(charge_id=paid.charge_id or "", now=NOON + 5 * MINUTE)

        assert (failed.status, reserved) == ("PAID_UNCREDITED", "RESERVED")
        assert (recovered.status, again(reservation), recovered.flags) == (
            "CREDITED",
            "APPLIED",
            [],
        )
        assert counted(campaign) == (0, 1, 0, 6)

    def test_a_refund_revokes_once_and_the_use_stays_used(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)
        purchase = open_with(reservation)
        steps.check_out(purchase)
        steps.credit(steps.pay(purchase))

        for _ in range(2):
            steps.refund(purchase)

        assert (steps.again(purchase).status, again(reservation)) == ("REFUNDED", "REVOKED")
        assert counted(campaign) == (0, 1, 0, 39)
        assert find_differing(now=NOON) == []

    def test_a_refund_before_the_credit_gives_the_use_back(
        self, player: Player, campaign: Campaign
    ) -> None:
        reservation = redeem(player)
        purchase = open_with(reservation)
        steps.check_out(purchase)
        steps.refund(steps.pay(purchase))

        assert steps.again(purchase).status == "REFUNDED"
        assert again(reservation) in ("EXPIRED", "REVOKED")
        assert counted(campaign)[0] == 0


@pytest.mark.django_db
class TestDatabaseSaysNo:
    @pytest.mark.parametrize(
        ("column", "value"), [("redemption_id", "NULL"), ("percent", "39"), ("stars", "59")]
    )
    def test_what_a_purchase_was_opened_with_stays(
        self, player: Player, campaign: Campaign, column: str, value: str
    ) -> None:
        purchase = open_with(redeem(player))

        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE payments_purchase SET {column} = {value} WHERE id = %s",  # noqa: S608
                [purchase.pk],
            )


@pytest.mark.django_db
class TestStatements:
    """What the discount adds; the savepoint beside it is counted, too."""

    def test_each_step_costs_so_many(self, player: Player, campaign: Campaign) -> None:
        reservation = redeem(player)
        costs: dict[str, int] = {}

        def step(name: str, call: Callable[[], Any]) -> Any:
            with CaptureQueriesContext(connection) as queries:
                result = call()
            costs[name] = sum("SAVEPOINT" not in query["sql"] for query in queries.captured_queries)
            return result

        ask = partial(purchases.open_purchase, player=player, product_code="ENERGY_10", now=NOON)
        purchase = step("open", partial(ask, redemption_id=reservation.pk))
        step("check out", partial(steps.check_out, purchase))
        paid = step("record", partial(steps.pay, purchase))
        step("credit", partial(steps.credit, paid))

        assert costs["open"] <= 8
        assert costs["check out"] <= 3
        assert costs["record"] <= 2
        assert costs["credit"] <= 5


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Each race is forced, and beside it stands what keeps it straight."""

    def expire(self) -> int:
        """Let the job release what has lapsed."""
        return reservations.expire(now=NOON + 15 * MINUTE, limit=10)

    def test_expiry_against_pre_checkout_ends_one_way_for_both(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign, player = running(), PlayerFactory.create()
        reservation = redeem(player)
        purchase = open_with(reservation)
        meet_after(monkeypatch, reservations, "lock_for_payment")
        meet_after(monkeypatch, reservations, "release")

        # The pre-checkout has read the clock a moment before the job.
        refusal, expired = run_together(
            partial(steps.check_out, purchase, now=NOON + 15 * MINUTE - SECOND), self.expire
        )

        assert (refusal, expired, again(reservation)) in (
            (None, 0, "RESERVED"),
            (Refusal.PROMO_EXPIRED, 1, "EXPIRED"),
        )
        assert counted(campaign) == ((1, 0, 39, 0) if refusal is None else (0, 0, 0, 0))

    @pytest.mark.parametrize("first", ["the pre-checkout", "the job"])
    def test_whoever_comes_second_waits_and_sees_what_the_first_has_done(
        self, monkeypatch: pytest.MonkeyPatch, first: str
    ) -> None:
        running()
        reservation = redeem(PlayerFactory.create())
        purchase = open_with(reservation)
        check_out = partial(steps.check_out, purchase, now=NOON + 15 * MINUTE - SECOND)
        others: list[Any] = []

        def beside(name: str, other: Callable[[], Any]) -> None:
            """Let somebody else act while the first one has written and not committed."""
            write = getattr(reservations, name)

            def writing(**asked: Any) -> Any:
                monkeypatch.undo()
                result = write(**asked)
                thread = Thread(target=lambda: others.extend(run_together(other)), daemon=True)
                thread.start()
                thread.join(0.5)
                waiting.append(thread)
                return result

            monkeypatch.setattr(reservations, name, writing)

        waiting: list[Thread] = []
        if first == "the job":
            beside("lapse", check_out)
            assert self.expire() == 1
        else:
            beside("lock_for_payment", self.expire)
            assert check_out() is None
        waiting[0].join(10)

        if first == "the job":
            assert (others, again(reservation)) == ([Refusal.PROMO_EXPIRED], "EXPIRED")
        else:
            assert (others, again(reservation)) == ([0], "RESERVED")

    def test_without_looking_again_under_the_lock_an_approved_reservation_would_be_released(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the tests above can fail: let the job release what it saw before."""
        running()
        reservation = redeem(PlayerFactory.create())
        purchase = open_with(reservation)

        def release_blindly(*, redemption_id: int, now: datetime) -> bool:
            [refusal] = run_together(
                partial(steps.check_out, purchase, now=NOON + 15 * MINUTE - SECOND)
            )
            assert refusal is None
            return reservations.release(redemption_id=redemption_id, now=now)

        monkeypatch.setattr(reservations, "_expire_one", release_blindly)

        assert self.expire() == 1

        assert again(reservation) == "EXPIRED"
        assert steps.again(purchase).status == "PRECHECKOUT_OK"

    def test_two_taps_with_one_reservation_open_one_purchase(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign = running()
        reservation = redeem(PlayerFactory.create())
        meet_after(monkeypatch, catalogue, "circumstances")

        first, second = run_together(
            partial(open_with, reservation), partial(open_with, reservation)
        )

        assert first == second
        assert counted(campaign) == (1, 0, 39, 0)

    def test_two_taps_on_two_products_leave_one_purchase_with_the_reservation(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign = running()
        reservation = redeem(PlayerFactory.create())
        meet_after(monkeypatch, purchases, "_move_reservation_here")

        results = run_together(
            partial(open_with, reservation, "ENERGY_10"),
            partial(open_with, reservation, "PREMIUM_MONTH"),
        )

        assert [type(result).__name__ for result in results] == ["Purchase", "Purchase"]
        purchase = Purchase.objects.open().get(redemption=reservation)
        assert purchase.base_stars is not None
        assert purchase.stars is not None
        assert counted(campaign) == (1, 0, purchase.base_stars - purchase.stars, 0)

    def test_without_the_players_lock_the_second_tap_would_break(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: the database allows one purchase each."""
        running()
        reservation = redeem(PlayerFactory.create())
        monkeypatch.setattr(players, "lock", lambda _: None)
        meet_after(monkeypatch, purchases, "_move_reservation_here")

        results = run_together(
            partial(open_with, reservation, "ENERGY_10"),
            partial(open_with, reservation, "PREMIUM_MONTH"),
        )

        assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "Purchase"]

    def test_the_kill_switch_against_a_credit_ends_one_way_for_both(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign = running()
        reservation = redeem(PlayerFactory.create())
        purchase = open_with(reservation, "ENERGY_10")
        steps.check_out(purchase)
        paid = steps.pay(purchase)
        meet_after(monkeypatch, reservations, "apply")
        meet_after(monkeypatch, reservations, "release")

        bought, released = run_together(
            partial(steps.credit, paid),
            partial(campaigns.release_reservations, campaign_id=campaign.pk, now=NOON),
        )

        assert bought.status == "CREDITED"
        assert (bought.flags, released, again(reservation)) in (
            ([], 0, "APPLIED"),
            (["PROMO_LAPSED"], 1, "EXPIRED"),
        )
        assert find_differing(now=NOON) == []
