"""What Celery runs for payments: money on the queue `critical`, offers on `bulk`."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.utils import timezone

from economy import controls
from payments import (
    exports,
    invoices,
    liability,
    monthly,
    offer_funnel,
    offers,
    purchases,
    rechecks,
    reconciliation,
    refunds,
    subscriptions,
    support_files,
    telegram,
)
from payments.models import Purchase, PurchaseStatus, Refund, Subscription
from promos import reservations
from promos.models import RedemptionStatus
from quizarena import turns
from quizarena.celery import app
from quizarena.players import retention
from quizarena.turns import TELEGRAM

# A run does at most so much; the next one continues.
BATCH = 200
PURGE_BATCH = 50_000
# A younger payment is still being processed in the ordinary way (product rules, section 5.5).
RECOVER_AFTER = timedelta(minutes=2)

log = structlog.get_logger(__name__)


@app.task
def recover_payments() -> int:
    """Credit what was paid and not yet credited; return how many now are."""
    return turns.take_turn("recovery", _recover_payments)


def _recover_payments(until: datetime) -> int:
    now = timezone.now()
    due = Purchase.objects.filter(
        status=PurchaseStatus.PAID_UNCREDITED,
        refund_asked_at=None,
        paid_at__lte=now - RECOVER_AFTER,
    )
    charges = list(due.order_by("paid_at").values_list("charge_id", flat=True)[:BATCH])
    with controls.running(controls.PAYMENT_RECOVERY, now=now) as run:
        # One by one: a purchase that cannot be credited must not hold up its neighbours.
        in_time = turns.in_time(filter(None, charges), until=until)
        return controls.each(run, in_time, _recover, noun="Charge")


def _recover(charge_id: str) -> int:
    purchase = purchases.recover(charge_id=charge_id, now=timezone.now())
    return int(purchase.status == PurchaseStatus.CREDITED)


@app.task
def fail_stale_purchases() -> int:
    """Close purchases that were not paid in time; return how many."""
    return purchases.fail_stale(now=timezone.now(), limit=BATCH)


@app.task
def finish_refunds() -> int:
    """Continue the refunds that are due; return how many are complete."""
    return turns.take_turn(TELEGRAM, _finish_refunds)


def _finish_refunds(until: datetime) -> int:
    now = timezone.now()
    due = list(Refund.objects.due(now).values_list("pk", flat=True)[:BATCH])
    with controls.running(controls.REFUND_COMPLETION, now=now) as run:
        return controls.each(run, turns.in_time(due, until=until), _finish_refund, noun="Refund")


def _finish_refund(refund_id: int) -> int:
    return int(refunds.finish(refund_id=refund_id, now=timezone.now()))


@app.task
def revoke_refunded_redemptions() -> int:
    """Revoke the redemptions whose purchases have been refunded; return how many.

    The refund itself does it (product rules, section 8). This finds what was done by hand.
    """
    now = timezone.now()
    applied = Purchase.objects.filter(
        status=PurchaseStatus.REFUNDED, redemption__status=RedemptionStatus.APPLIED
    ).values_list("redemption_id", flat=True)
    return sum(reservations.revoke(redemption_id=pk, now=now) for pk in list(applied[:BATCH]) if pk)


@app.task
def reconcile(*, is_full: bool = False) -> int:
    """Compare our books with Telegram's; return how many differences there are."""
    return reconciliation.run(is_full=is_full, now=timezone.now()).differences


@app.task
def continue_reconciliations() -> int:
    """Continue the comparisons that were interrupted; return how many."""
    return reconciliation.continue_unfinished(now=timezone.now())


@app.task
def make_invoice_links() -> int:
    """Ask Telegram for the links that players wait for; return how many there are now."""
    return turns.take_turn(TELEGRAM, _make_invoice_links)


def _make_invoice_links(until: datetime) -> int:
    due = Purchase.objects.link_due(timezone.now()).values_list("pk", flat=True)
    made = 0
    for pk in turns.in_time(list(due[:BATCH]), until=until):
        made += _make_invoice_link(pk)
    return made


@app.task
def make_invoice_link(purchase_id: str) -> bool:
    """Ask Telegram for the link of one purchase at once; return whether there is one now.

    While another job asks Telegram the link is left to the next tick.
    """
    return bool(turns.take_turn(TELEGRAM, lambda _until: _make_invoice_link(UUID(purchase_id))))


def _make_invoice_link(purchase_id: UUID) -> bool:
    try:
        purchase = invoices.make_link(purchase_id=purchase_id, now=timezone.now())
    except telegram.TelegramError as error:
        log.warning("invoice_link.failed", purchase=str(purchase_id), error=str(error))
        return False
    return bool(purchase.invoice_link)


@app.task
def recheck(purchase_id: str, staff_id: int) -> str:
    """Compare one purchase with Telegram's list for who has asked; return the answer."""
    answer = rechecks.execute(purchase_id=UUID(purchase_id), staff_id=staff_id, now=timezone.now())
    return answer.summary


@app.task
def cancel_subscriptions() -> int:
    """Cancel subscriptions at Telegram; return how many are cancelled."""
    return turns.take_turn(TELEGRAM, _cancel_subscriptions)


def _cancel_subscriptions(until: datetime) -> int:
    due = Subscription.objects.cancel_due(timezone.now()).values_list("pk", flat=True)
    canceled = 0
    for pk in turns.in_time(list(due[:BATCH]), until=until):
        try:
            canceled += subscriptions.cancel_at_telegram(purchase_id=pk, now=timezone.now())
        except Exception:  # Of whatever kind: it must not hold up its neighbours.
            log.exception("subscription.cancellation_failed", purchase=str(pk))
    return canceled


@app.task
def give_grace() -> int:
    """Give the days of grace to subscriptions whose renewal is missing; return to how many."""
    now = timezone.now()
    due = Subscription.objects.grace_due(now).values_list("pk", flat=True)
    return sum(subscriptions.give_grace(purchase_id=pk, now=now) for pk in list(due[:BATCH]))


@app.task
def guard_offers() -> int:
    """Look for offers that have dropped or that annoy; return how many alerts there are."""
    return offer_funnel.guard(now=timezone.now())


@app.task
def purge_impressions() -> int:
    """Delete old impressions of which nothing has come, in batches; return how many."""
    return retention.purge(
        table="payments_impression",
        batch=lambda: offers.purge(now=timezone.now(), limit=PURGE_BATCH),
        limit=PURGE_BATCH,
    )


@app.task
def fetch_support_files() -> int:
    """Fetch the files that support wants to see, and purge old ones; return how many came."""
    now = timezone.now()
    support_files.purge(now=now)
    return support_files.fetch(until=now + timedelta(seconds=5))


@app.task
def make_exports() -> int:
    """Make the files that staff have asked for, and delete old ones; return how many are ready.

    One after the other, so that the queue's other place stays free: a file may take minutes.
    """
    exports.expire(now=timezone.now())
    return turns.take_turn(turns.FILES, lambda until: exports.make(until=until))


@app.task
def count_accounts() -> int:
    """Count the monthly statements and the liability of the day; return how many months."""
    now = timezone.now()
    liability.count(now=now)
    return monthly.count(now=now)
