"""A process dies with -9 between any two steps; what is left brings it to the right end by itself.

Product rules, section 5. No person does anything: Telegram repeats what it had no 200 for, and the
jobs of every few seconds and minutes go on.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone

from bot.queue import inbox, outbox
from bot.queue.models import OutgoingCall
from economy import verification
from economy.models import LedgerEntry, Wallet
from payments import purchases, reconciliation, refunds, tasks
from payments.models import Purchase, PurchaseEvent, Refund, RefundSource
from quizarena.players.models import Player
from tests.conftest import Road
from tests.killing import kill_at
from tests.sandbox import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def long_road(sandbox: Sandbox, transactional_db: None) -> Road:
    """Return the road, on rows that other processes can see."""
    return Road(sandbox)


class Buyer:
    """Anna, who has an invoice for ten energy before her."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.id = road.sandbox.add_player("Anna")
        road.say(self.id, "/start")
        self.player = Player.objects.get(telegram_id=self.id)
        with outbox.collecting():
            self.purchase = purchases.open_purchase(
                player=self.player, product_code="ENERGY_10", now=timezone.now()
            )
            purchases.invoice_sent(self.purchase, now=timezone.now())
        road.sandbox.call(
            "sendInvoice",
            chat_id=self.id,
            title="10 Energie",
            description="10 Punkte Energie.",
            payload=self.purchase.payload,
            provider_token="",
            currency="XTR",
            prices=[{"label": "10 Energie", "amount": 5}],
        )

    def pay(self) -> dict[str, Any]:
        """Pay, and return the update that tells of it and that nobody has taken yet."""
        self.road.sandbox.buy(self.id, wait=False)
        self.road.fetch()  # The pre-checkout is answered as it arrives.
        updates: list[dict[str, Any]] = self.road.sandbox.call("getUpdates", offset=0)
        [paid] = [one for one in updates if "successful_payment" in one.get("message", {})]
        return paid

    def now(self) -> Purchase:
        """Return the purchase as it is now."""
        return Purchase.objects.get(pk=self.purchase.pk)


def everything_runs_again(road: Road) -> None:
    """Let Telegram repeat itself and every job run, at once and some minutes later."""
    road.fetch()
    inbox.release_expired_claims(now=timezone.now() + timedelta(seconds=11))
    road.work()
    OutgoingCall.objects.filter(state="SENDING").update(claimed_at=Now() - timedelta(seconds=31))
    outbox.release_expired_claims()
    road.send()
    for minutes in (3, 8):
        with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True):
            tasks.recover_payments()
            tasks.finish_refunds()
            road.work()
            road.send()


def books_are_right(now: datetime) -> bool:
    """Return whether the verification and a full reconciliation have nothing to say."""
    later = now + timedelta(minutes=20)
    check = verification.verify_nightly(now=later)
    return not check.differences and not reconciliation.run(is_full=True, now=later).differences


@pytest.mark.parametrize(
    "point",
    [
        "before bot.queue.inbox:receive",
        "before payments.purchases:record_payment",
        "after payments.purchases:record_payment",
        "before bot.queue.wake:workers",
    ],
)
def test_a_web_process_that_dies_with_a_payment_loses_nothing(long_road: Road, point: str) -> None:
    anna = Buyer(long_road)
    payment = anna.pay()

    kill_at(point, step="arrive", raw=json.dumps(payment))
    everything_runs_again(long_road)

    assert anna.now().status == "CREDITED"
    assert LedgerEntry.objects.filter(type="PURCHASE_CREDIT").count() == 1
    assert Wallet.objects.get(player=anna.player).paid_energy == 10
    assert books_are_right(timezone.now())


@pytest.mark.parametrize(
    "point",
    [
        "after bot.queue.inbox:claim",
        "before payments.purchases:_deliver",
        "after economy.ledger:post",
        "after economy.grants:grant",
        "after payments.purchases:_deliver",
        "after payments.purchases:credit",
        "before bot.queue.inbox:_done",
        "after bot.queue.inbox:_done",
    ],
)
def test_a_worker_that_dies_with_a_credit_credits_once(long_road: Road, point: str) -> None:
    anna = Buyer(long_road)
    anna.pay()
    long_road.fetch()

    kill_at(point, step="work")
    everything_runs_again(long_road)

    assert anna.now().status == "CREDITED"
    assert LedgerEntry.objects.filter(type="PURCHASE_CREDIT").count() == 1
    assert Wallet.objects.get(player=anna.player).paid_energy == 10
    kinds = PurchaseEvent.objects.filter(purchase=anna.purchase).order_by("pk")
    assert list(kinds.values_list("kind", flat=True)) == [
        "OPENED",
        "INVOICE_SENT",
        "APPROVED",
        "PAID",
        "CREDITED",
    ]
    assert books_are_right(timezone.now())


@pytest.mark.parametrize(
    "point", ["before bot.queue.sender:deliver", "after bot.queue.sender:deliver"]
)
def test_a_sender_that_dies_with_a_receipt_lets_it_arrive_all_the_same(
    long_road: Road, point: str
) -> None:
    anna = Buyer(long_road)
    anna.pay()
    long_road.fetch()
    long_road.work()

    kill_at(point, step="send")
    everything_runs_again(long_road)

    assert anna.now().receipt_sent_at is not None
    assert "Danke! Dein Kauf ist da." in long_road.sandbox.last_message(anna.id)["text"]
    assert Wallet.objects.get(player=anna.player).paid_energy == 10


def test_a_payment_that_nobody_kept_is_healed_from_telegrams_list(long_road: Road) -> None:
    anna = Buyer(long_road)
    payment = anna.pay()

    kill_at("before bot.queue.inbox:receive", step="arrive", raw=json.dumps(payment))
    with time_machine.travel(timezone.now() + timedelta(minutes=15), tick=True):
        tasks.reconcile()

    assert anna.now().status == "CREDITED"
    assert anna.now().flags == ["HEALED"]
    assert Wallet.objects.get(player=anna.player).paid_energy == 10
    everything_runs_again(long_road)
    assert LedgerEntry.objects.filter(type="PURCHASE_CREDIT").count() == 1
    assert Wallet.objects.get(player=anna.player).paid_energy == 10


@pytest.mark.parametrize(
    "point",
    [
        "before payments.refunds:_claim",
        "after payments.refunds:_claim",
        "before payments.telegram:refund",
        "after payments.telegram:refund",
        "before payments.refunds:complete",
        "after economy.grants:reverse",
        "after payments.refunds:complete",
    ],
)
def test_a_worker_that_dies_with_a_refund_refunds_once(long_road: Road, point: str) -> None:
    anna = Buyer(long_road)
    anna.pay()
    long_road.travel()
    refund = refunds.ask(
        purchase_id=anna.purchase.pk,
        source=RefundSource.API,
        reason="Bought by mistake.",
        now=timezone.now(),
    )

    kill_at(point, step="refund", refund_id=refund.pk)
    everything_runs_again(long_road)

    assert anna.now().status == "REFUNDED"
    assert Refund.objects.get().finished_at is not None
    assert LedgerEntry.objects.filter(type="PURCHASE_CREDIT").count() == 1
    assert LedgerEntry.objects.filter(type="PURCHASE_REFUND").count() == 1
    assert Wallet.objects.get(player=anna.player).paid_energy == 0
    assert long_road.sandbox.stars(anna.id) == 500
    assert books_are_right(timezone.now())
