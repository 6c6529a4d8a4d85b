"""Invoice links, which only Telegram can make."""

from functools import partial

import pytest
from pytest_django.fixtures import Settings

from payments import invoices, purchases, tasks, telegram
from payments.models import Purchase
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import MINUTE, NOON
from tests.payments.test_concurrency import take_the_lock_away
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

    assert Purchase.objects.link_due().count() == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_second_link_replaces_the_first(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Show that the test below can fail: the player has been sent one that is not kept."""
    purchase = wanted(PlayerFactory.create())
    take_the_lock_away(monkeypatch)
    make = partial(invoices.make_link, purchase_id=purchase.pk, now=NOON)

    first, second = run_together(make, make)

    assert first.invoice_link != second.invoice_link


@pytest.mark.django_db(transaction=True)
def test_two_links_at_once_leave_the_first(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = wanted(PlayerFactory.create())
    meet_after(monkeypatch, telegram, "invoice_link")
    make = partial(invoices.make_link, purchase_id=purchase.pk, now=NOON)

    first, second = run_together(make, make)

    assert first.invoice_link == second.invoice_link == steps.again(purchase).invoice_link
    assert len(sandbox.calls("createInvoiceLink")) == 2
    assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT"]
