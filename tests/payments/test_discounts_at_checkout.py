"""A discount is looked at again when it is to be paid: whom it is for, and how long it is kept."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Value

from economy import streaks
from payments import purchases
from payments.errors import Refusal
from payments.models import Product, Purchase
from promos import redemptions, reservations
from promos.models import Channel, Redemption
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.campaigns import CODE, counted, running
from tests.payments.steps import MINUTE, NOON
from tests.payments.test_discounts import again, open_with, redeem


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    """Let campaigns have begun an hour before noon."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def player(db: None) -> Player:
    """Return a player."""
    player: Player = PlayerFactory.create()
    return player


def invoices_for_first_purchases(player: Player) -> list[Purchase]:
    """Return two purchases that are both open as the player's first, by two campaigns."""
    found = []
    for code, product in (("FIRST111", "PREMIUM_MONTH"), ("FIRST222", "ENERGY_10")):
        running(code=code, for_first_purchase=True)
        found.append(open_with(redeem(player, code), product))
    return found


class TestSegment:
    def test_who_has_bought_meanwhile_makes_no_first_purchase(self, player: Player) -> None:
        campaign = running(for_first_purchase=True)
        reservation = redeem(player)
        purchase = open_with(reservation)
        steps.buy(player, "ENERGY_10")

        assert steps.check_out(purchase, query="one") == Refusal.PROMO_NOT_APPLICABLE

        # The discount is gone, so the next tap costs what it costs.
        assert (steps.again(purchase).status, again(reservation)) == ("FAILED", "EXPIRED")
        assert counted(campaign) == (0, 0, 0, 0)
        assert steps.check_out(purchase, query="one") == Refusal.PROMO_NOT_APPLICABLE

    def test_stars_that_wait_to_be_credited_are_a_purchase(self, player: Player) -> None:
        running(for_first_purchase=True)
        purchase = open_with(redeem(player))
        steps.pay(steps.open_purchase(player, "ENERGY_10"))

        assert steps.check_out(purchase) == Refusal.PROMO_NOT_APPLICABLE

    def test_an_invoice_that_nobody_paid_is_none(self, player: Player) -> None:
        running(for_first_purchase=True)
        steps.check_out(steps.open_purchase(player, "ENERGY_10"))

        assert steps.check_out(open_with(redeem(player))) is None

    def test_of_two_first_purchases_one_is(self, player: Player) -> None:
        one, other = invoices_for_first_purchases(player)

        assert steps.check_out(one) is None
        assert steps.check_out(one) is None
        assert steps.check_out(other) == Refusal.PROMO_NOT_APPLICABLE

    def test_one_that_died_leaves_the_other(self, player: Player) -> None:
        one, other = invoices_for_first_purchases(player)
        steps.check_out(one)
        purchases.close(purchase_id=one.pk, why="Test.", now=NOON)

        assert steps.check_out(other) is None

    def test_who_is_no_new_player_any_more(self, player: Player) -> None:
        running(for_new_players=True)
        late = NOON.replace(hour=22, minute=55)  # 23:55 in Berlin.
        purchase = open_with(redeem(player, now=late), now=late)
        streaks.record_activity(player=player, now=late)

        assert steps.check_out(purchase, now=late + MINUTE) is None
        assert steps.check_out(purchase, now=late + 10 * MINUTE) == Refusal.PROMO_NOT_APPLICABLE

    def test_who_speaks_another_language_by_now(self, player: Player) -> None:
        running(for_language="de")
        purchase = open_with(redeem(player))
        Player.objects.filter(pk=player.pk).update(language="en")

        assert steps.check_out(purchase) == Refusal.PROMO_NOT_APPLICABLE

    def test_who_was_away_may_play_before_buying(self, player: Player) -> None:
        streaks.record_activity(player=player, now=NOON - timedelta(days=40))
        running(for_lapsed_days=30)
        purchase = open_with(redeem(player))
        streaks.record_activity(player=player, now=NOON)

        assert steps.check_out(purchase) is None

    def test_a_campaign_for_everybody_asks_nothing(self, player: Player) -> None:
        running()
        purchase = open_with(redeem(player))
        steps.buy(player, "ENERGY_10")

        assert steps.check_out(purchase) is None


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    """Two pre-checkouts of one player at the same moment, each with a first purchase."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Return the two queries, which meet once both have looked and neither has written."""
        player = PlayerFactory.create()
        meet_after(monkeypatch, redemptions, "refusal_reasons_at_checkout")
        return [partial(steps.check_out, each) for each in invoices_for_first_purchases(player)]

    def test_one_is_the_first_purchase(self, asked: list[Any]) -> None:
        answers = run_together(*asked)

        assert sorted(map(str, answers)) == ["None", "PROMO_NOT_APPLICABLE"]
        assert sorted(Redemption.objects.values_list("status", "is_locked_for_payment")) == [
            ("EXPIRED", False),
            ("RESERVED", True),
        ]

    def test_without_the_constraint_both_would_be(
        self, asked: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reservations, "_is_for_first_purchase", lambda: Value(False))

        assert run_together(*asked) == [None, None]


class TestKeptHoldsEnd:
    """A pre-checkout that comes again does not prolong what the first one has kept."""

    def test_half_an_hour_after_the_first_approval_there_is_no_other(self, player: Player) -> None:
        running(uses_max=1)
        purchase = open_with(redeem(player))

        answers = [
            steps.check_out(purchase, now=NOON + minutes * MINUTE) for minutes in (0, 29, 30, 58)
        ]

        assert answers == [None, None, Refusal.PROMO_EXPIRED, Refusal.PROMO_EXPIRED]

    def test_the_last_use_is_free_then(self, player: Player) -> None:
        campaign = running(uses_max=1)
        reservation = redeem(player)
        for minutes in (0, 14, 29):
            # Asking for the invoice again prolongs nothing either.
            steps.check_out(
                open_with(reservation, now=NOON + minutes * MINUTE), now=NOON + minutes * MINUTE
            )

        closed = [
            purchases.fail_stale(now=NOON + minutes * MINUTE, limit=10) for minutes in (31, 32)
        ]

        assert closed == [0, 1]
        assert again(reservation) == "EXPIRED"
        assert counted(campaign) == (0, 0, 0, 0)
        assert redeem(PlayerFactory.create(), now=NOON + 33 * MINUTE).status == "RESERVED"

    def test_nor_does_another_product(self, player: Player) -> None:
        running(uses_max=1)
        reservation = redeem(player)
        steps.check_out(open_with(reservation))
        other = open_with(reservation, "PREMIUM_SEASON", now=NOON + 29 * MINUTE)
        assert steps.check_out(other, now=NOON + 29 * MINUTE) is None

        assert steps.check_out(other, now=NOON + 30 * MINUTE) == Refusal.PROMO_EXPIRED
        assert purchases.fail_stale(now=NOON + 32 * MINUTE, limit=10) == 1
        assert again(reservation) == "EXPIRED"

    def test_what_was_approved_last_has_time_to_be_paid(self, player: Player) -> None:
        running(uses_max=1)
        purchase = open_with(redeem(player))
        for minutes in (0, 29):
            steps.check_out(purchase, now=NOON + minutes * MINUTE)

        assert purchases.fail_stale(now=NOON + 31 * MINUTE, limit=10) == 0
        bought = steps.credit(steps.pay(purchase, now=NOON + 31 * MINUTE))
        assert (bought.status, bought.flags) == ("CREDITED", [])

    def test_stars_that_wait_for_recovery_keep_their_reservation(self, player: Player) -> None:
        running(uses_max=1)
        reservation = redeem(player)
        purchase = open_with(reservation)
        steps.check_out(purchase)
        steps.pay(purchase, now=NOON + 29 * MINUTE)

        assert purchases.fail_stale(now=NOON + 300 * MINUTE, limit=10) == 0
        assert again(reservation) == "RESERVED"

    def test_the_database_keeps_the_end_and_the_one_first_purchase(self, player: Player) -> None:
        running(code="FIRST111")
        running(code="FIRST222")
        one, other = redeem(player, "FIRST111"), redeem(player, "FIRST222")
        reservations.lock_for_payment(redemption_id=one.pk, now=NOON)
        rows = Redemption.objects.filter(pk=one.pk)

        with pytest.raises(DatabaseError, match="not prolonged"), transaction.atomic():
            rows.update(locked_until=NOON + timedelta(days=1))
        with (
            pytest.raises(IntegrityError, match="redemption_lock_has_an_end"),
            transaction.atomic(),
        ):
            Redemption.objects.filter(pk=other.pk).update(is_locked_for_payment=True)
        rows.update(is_first_purchase=True)
        with (
            pytest.raises(IntegrityError, match="redemption_one_first_purchase"),
            transaction.atomic(),
        ):
            Redemption.objects.filter(pk=other.pk).update(is_first_purchase=True)


class TestNothingToBuy:
    """A discount on what the player cannot buy takes no use, and no try of the two."""

    @pytest.mark.parametrize(
        ("scope", "product"),
        [("PRODUCT", "PREMIUM_STARTER"), ("PRODUCT", "STREAK_SAVER_20"), ("PRODUCT", "GONE")],
    )
    def test_it_is_not_applicable(self, player: Player, scope: str, product: str) -> None:
        steps.buy(player, "PREMIUM_YEAR")
        steps.buy(player, "STREAK_SAVER_20")
        campaign = running(scope=scope, product_code=product)

        results = [
            redemptions.redeem(player=player, raw=CODE, channel=Channel.COMMAND, key=key, now=NOON)
            for key in ("one", "two", "three")
        ]

        assert {(result.redemption, result.refusal, result.reason) for result in results} == {
            (None, "E_PROMO_NOT_APPLICABLE", "NOTHING_TO_BUY")
        }
        assert counted(campaign) == (0, 0, 0, 0)
        assert not Redemption.objects.filter(campaign=campaign).exists()

    def test_once_it_can_be_bought_the_code_works(self, player: Player) -> None:
        steps.buy(player, "STREAK_SAVER_20")
        running(scope="PRODUCT", product_code="STREAK_SAVER_20")
        refusal_reasons = partial(redemptions.refusal_reasons, player=player, raw=CODE)

        assert refusal_reasons(now=NOON) == ["NOTHING_TO_BUY"]
        assert refusal_reasons(now=NOON + timedelta(days=7)) == []

    def test_one_product_that_fits_is_enough(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_YEAR")
        running(scope="PREMIUM_ANY")

        assert redeem(player).pk

    def test_what_is_held_already_is_returned(self, player: Player) -> None:
        running(scope="PRODUCT", product_code="STREAK_SAVER_20")
        reservation = redeem(player)
        steps.buy(player, "STREAK_SAVER_20")

        assert redeem(player, now=NOON + MINUTE) == reservation

    def test_goods_need_nothing_to_buy(self, player: Player) -> None:
        running(kind="ENERGY_GRANT", value=5, scope="ANY")
        Product.objects.update(is_for_sale=False)

        assert redeem(player).pk
