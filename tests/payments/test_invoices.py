"""Invoice links, which only Telegram can make."""

from datetime import datetime
from functools import partial

import pytest
import time_machine
from pytest_django.fixtures import Settings

from payments import invoices, purchases, tasks, telegram
from payments.models import Purchase
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import MINUTE, NOON, SECOND
from tests.sandbox import Sandbox

pytestmark = pytest.mark.django_db


def wanted(player: Player) -> Purchase:
    """Return a subscription that a player waits for."""
    return purchases.open_purchase(
        player=player, product_code="PREMIUM_MONTH", now=NOON, is_subscription=True
    )


def test_a_link_opens_the_invoice_of_a_month(sandbox: Sandbox, player: Player) -> None:
    purchase = invoices.make_link(purchase_id=wanted(player).pk, now=NOON + MINUTE)

    invoice = sandbox.open_link(purchase.invoice_link)
    assert (invoice["title"], invoice["total_amount"]) == ("Premium Monat", 99)
    [call] = sandbox.calls("createInvoiceLink")
    assert call["parameters"]["payload"] == purchase.payload
    assert call["parameters"]["subscription_period"] == 2_592_000
    assert (purchase.status, purchase.changed_at) == ("INVOICE_SENT", NOON + MINUTE)


def test_of_what_is_bought_once_it_has_no_period(sandbox: Sandbox, player: Player) -> None:
    purchase = purchases.open_purchase(player=player, product_code="ENERGY_10", now=NOON)

    invoices.make_link(purchase_id=purchase.pk, now=NOON)

    [call] = sandbox.calls("createInvoiceLink")
    assert "subscription_period" not in call["parameters"]


def test_a_link_is_made_once(sandbox: Sandbox, player: Player) -> None:
    wanted(player)

    assert tasks.make_invoice_links() == 1
    assert tasks.make_invoice_links() == 0

    purchase = Purchase.objects.get()
    assert invoices.make_link(purchase_id=purchase.pk, now=NOON).invoice_link != ""
    assert len(sandbox.calls("createInvoiceLink")) == 1


def test_what_is_not_open_gets_none(sandbox: Sandbox, player: Player) -> None:
    purchase = wanted(player)
    purchases.fail_stale(now=NOON + 30 * MINUTE, limit=10)

    assert invoices.make_link(purchase_id=purchase.pk, now=NOON).invoice_link == ""
    assert sandbox.calls("createInvoiceLink") == []


def test_when_telegram_is_away_the_job_goes_on_with_the_next(
    player: Player, settings: Settings
) -> None:
    settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
    for other in (player, PlayerFactory.create()):
        wanted(other)

    assert tasks.make_invoice_links() == 0

    assert sorted(Purchase.objects.values_list("link_tries", flat=True)) == [1, 1]


def test_a_refused_link_is_asked_for_ever_more_rarely(sandbox: Sandbox, player: Player) -> None:
    sandbox.network(fail={"count": 100, "status": 400, "methods": ["createInvoiceLink"]})
    with time_machine.travel(NOON, tick=False) as clock:
        purchase = wanted(player)
        asked: list[int] = []
        for second in range(0, 90, 2):
            clock.move_to(NOON + second * SECOND)
            before = len(sandbox.calls("createInvoiceLink"))
            tasks.make_invoice_links()
            asked += [second] * (len(sandbox.calls("createInvoiceLink")) - before)

    assert asked == [0, 6, 16, 36, 76]
    assert steps.again(purchase).link_tries == 5


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def ask_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[Purchase]:
        """Let two workers ask for one link at the same time; return what both got."""
        purchase = wanted(PlayerFactory.create())
        meet_after(monkeypatch, telegram, "invoice_link")
        make = partial(invoices.make_link, purchase_id=purchase.pk, now=NOON)
        return run_together(make, make)

    @staticmethod
    def claim_at_any_rate(purchase: Purchase, *, now: datetime) -> bool:
        """Take every try, whoever else has it."""
        return now == NOON and purchase.invoice_link == ""

    def test_telegram_is_asked_once(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = self.ask_twice(monkeypatch)

        assert len(sandbox.calls("createInvoiceLink")) == 1
        assert sorted([first.invoice_link, second.invoice_link])[0] == ""
        assert steps.timeline(Purchase.objects.get()) == ["OPENED", "INVOICE_SENT"]

    def test_without_the_claim_it_would_be_asked_twice_and_the_first_link_kept(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(invoices, "_claim", self.claim_at_any_rate)

        first, second = self.ask_twice(monkeypatch)

        assert len(sandbox.calls("createInvoiceLink")) == 2
        assert first.invoice_link == second.invoice_link != ""
