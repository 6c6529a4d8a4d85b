"""What was paid and not credited is tried again by itself; after three tries staff have to look."""

from collections.abc import Iterator

import pytest
import time_machine

from economy.models import LedgerEntry
from payments import purchases, tasks
from payments.models import Purchase
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON, SECOND, Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Return the clock, standing at noon."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def paid(player: Player, code: str = "MEGA_PACK_15") -> Purchase:
    """Return a purchase that was paid at noon and not credited."""
    return steps.pay(steps.open_purchase(player, code))


class TestDue:
    """Which payments are recovered."""

    def test_those_that_are_two_minutes_old(
        self, player: Player, clock: time_machine.Traveller
    ) -> None:
        purchase = paid(player)

        clock.move_to(NOON + 2 * MINUTE - SECOND)
        assert tasks.recover_payments() == 0
        assert steps.again(purchase).status == "PAID_UNCREDITED"
        clock.move_to(NOON + 2 * MINUTE)
        assert tasks.recover_payments() == 1

        assert steps.again(purchase).status == "CREDITED"
        assert steps.again(purchase).recovery_tries == 0
        assert steps.owned(player) == (15, 0, 0)
        assert tasks.recover_payments() == 0

    def test_not_those_in_review_being_refunded_or_unpaid(
        self, player: Player, clock: time_machine.Traveller
    ) -> None:
        steps.open_purchase(player, "ENERGY_10")
        steps.pay(steps.open_purchase(player, "STREAK_SAVER_20"), stars=9)
        steps.ask_refund(paid(player))
        clock.move_to(NOON + DAY)

        assert tasks.recover_payments() == 0

        assert LedgerEntry.objects.filter(asset="PURCHASE").count() == 0

    def test_one_that_cannot_be_credited_does_not_hold_up_the_next(
        self, player: Player, delivery: Delivery, clock: time_machine.Traveller
    ) -> None:
        broken, other = paid(player), paid(PlayerFactory.create(), "ENERGY_10")
        delivery.breaks()
        clock.move_to(NOON + 5 * MINUTE)

        assert tasks.recover_payments() == 1

        assert steps.again(broken).recovery_tries == 1
        assert steps.again(other).status == "CREDITED"


class TestTries:
    """Three of them."""

    def test_the_third_puts_it_in_review_and_tells_staff(
        self, player: Player, delivery: Delivery, clock: time_machine.Traveller
    ) -> None:
        purchase = paid(player)
        delivery.breaks()

        seen = []
        for minutes in (5, 10, 15, 20):
            clock.move_to(NOON + minutes * MINUTE)
            assert tasks.recover_payments() == 0
            purchase = steps.again(purchase)
            seen.append((purchase.recovery_tries, purchase.status, Alert.objects.count()))

        assert seen == [
            (1, "PAID_UNCREDITED", 0),
            (2, "PAID_UNCREDITED", 0),
            (3, "CREDIT_REVIEW", 1),
            (3, "CREDIT_REVIEW", 1),
        ]
        assert (purchase.problem, purchase.evidence) == ("NOT_CREDITED", {"tries": 3})
        assert steps.timeline(purchase)[-4:] == ["NOT_CREDITED"] * 3 + ["REVIEW"]
        alert = Alert.objects.get()
        assert alert.kind == "payment_in_review"
        assert alert.summary == "15 Stars are in review: could not be credited."

    def test_no_try_leaves_a_part(
        self, player: Player, delivery: Delivery, clock: time_machine.Traveller
    ) -> None:
        paid(player)
        delivery.breaks()

        for minutes in (5, 10, 15):
            clock.move_to(NOON + minutes * MINUTE)
            tasks.recover_payments()

        assert LedgerEntry.objects.filter(player=player, asset="PURCHASE").count() == 0

    @pytest.mark.parametrize("tries", [1, 2])
    def test_a_later_try_credits_it_once(
        self, player: Player, delivery: Delivery, clock: time_machine.Traveller, tries: int
    ) -> None:
        purchase = paid(player)
        delivery.breaks()
        for minutes in range(tries):
            clock.move_to(NOON + (5 + minutes) * MINUTE)
            tasks.recover_payments()
        delivery.works()

        assert tasks.recover_payments() == 1

        assert steps.entries(player) == [("PURCHASE_CREDIT", f"credit:purchase:{purchase.pk}", 15)]
        assert steps.owned(player) == (15, 0, 0)
        assert Alert.objects.count() == 0

    def test_what_is_in_review_can_be_replayed(
        self, player: Player, delivery: Delivery, clock: time_machine.Traveller
    ) -> None:
        purchase = paid(player)
        delivery.breaks()
        for minutes in (5, 10, 15):
            clock.move_to(NOON + minutes * MINUTE)
            tasks.recover_payments()
        delivery.works()

        purchases.replay_credit(purchase_id=purchase.pk, now=NOON + 20 * MINUTE)

        assert steps.again(purchase).status == "CREDITED"
        assert steps.owned(player) == (15, 0, 0)
        assert Alert.objects.filter(resolved_at=None).count() == 0


def test_the_stale_job_closes_what_is_half_an_hour_old(
    player: Player, clock: time_machine.Traveller
) -> None:
    purchase = steps.open_purchase(player)

    clock.move_to(NOON + 30 * MINUTE - SECOND)
    assert tasks.fail_stale_purchases() == 0
    clock.move_to(NOON + 30 * MINUTE)
    assert tasks.fail_stale_purchases() == 1

    assert steps.again(purchase).status == "FAILED"
    # And money that comes later is honoured by the same jobs.
    steps.pay(purchase, now=NOON + 40 * MINUTE)
    clock.move_to(NOON + 42 * MINUTE)
    assert tasks.recover_payments() == 1
    assert steps.again(purchase).flags == ["LATE"]
