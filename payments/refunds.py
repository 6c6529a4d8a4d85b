"""Refunds: the intent is stored, Telegram is asked, and then everything is taken back at once.

Product rules, section 5.7: `ask`, `finish`, and `complete`, which reverses the grant. Whatever dies
on the way, `finish` continues where it stopped: Telegram says "already refunded" to a repeat, and
the rest is one transaction. Lock order: Purchase, Refund, Wallet.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from economy import grants
from economy.grants import ReversalPlan
from economy.models import EntryType, Source
from payments import purchases, subscriptions, telegram
from payments.errors import NotRefundableError
from payments.models import (
    PAID,
    EventKind,
    Purchase,
    PurchaseStatus,
    Refund,
    RefundSource,
)
from promos import reservations
from quizarena.players.models import Player
from quizarena.staff import alerts, approvals
from quizarena.staff.models import Outcome

# The kind of request for approval of a refund (payments/approvals.py).
APPROVAL = "refund"
# How long after a try that did not come to its end the next one is due; the last one repeats.
RETRY_DELAYS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
# After so many tries an alert is raised.
ALERT_AFTER_TRIES = 3
# The kind of alert for a refund that Telegram does not carry out.
STUCK = "refund_stuck"
# The kind of alert for a refund that Telegram has paid and that could not be completed here.
INCOMPLETE = "refund_incomplete"

log = structlog.get_logger(__name__)


def preview_reversal(*, purchase: Purchase, now: datetime) -> ReversalPlan:
    """Return what a refund at `now` would take back, and what is spent. Nothing is written."""
    if purchase.credit_entry is None:
        return ReversalPlan(taken={}, shortfall={})
    return grants.preview_reversal(entry=purchase.credit_entry, now=now)


@transaction.atomic
def ask(
    *,
    purchase_id: UUID,
    source: RefundSource,
    reason: str,
    now: datetime,
    staff: User | None = None,
    approved_by: User | None = None,
) -> Refund:
    """Decide to refund; `finish` does it. Whoever asks again gets the refund that there is.

    A subscription is cancelled, too. Locks the purchase, then the subscription; from now on nothing
    is credited for it. Raises NotRefundableError for what is not paid, and for what Telegram would
    have to refund to a deleted player. A purchase has one refund in its life. Staff come here
    through payments/approvals.py, which knows when a second person has to agree.
    """
    purchase = purchases.lock(pk=purchase_id)
    if purchase.refund_asked_at is not None:
        return Refund.objects.get(purchase=purchase)
    if purchase.status not in PAID:
        raise NotRefundableError(f"It is {purchase.get_status_display()}: nothing was paid.")
    # Read after the lock, for which the deletion of an account waits, too. What Telegram has
    # refunded has gone to whom it knows.
    is_deleted = Player.objects.filter(pk=purchase.player_id, deleted_at__isnull=False).exists()
    if is_deleted and source != RefundSource.TELEGRAM:
        raise NotRefundableError("The player is deleted: nobody is there to get the Stars.")
    refund = Refund.objects.create(
        purchase=purchase,
        source=source,
        reason=reason,
        staff=staff,
        approved_by=approved_by,
        asked_at=now,
        due_at=now,
    )
    purchase.refund_asked_at = now
    changed = purchase.moves(
        PurchaseStatus(purchase.status),
        EventKind.REFUND_ASKED,
        now=now,
        evidence={
            "source": source,
            "reason": reason,
            "staff": staff.pk if staff else None,
            "approved_by": approved_by.pk if approved_by else None,
        },
    )
    purchase.save(update_fields=[*changed, "refund_asked_at"])
    if purchase.is_subscription:
        subscriptions.stop_renewing(purchase, now=now)
    return refund


def finish(*, refund_id: int, now: datetime) -> bool:
    """Continue a refund that is due; return whether it is complete.

    Not inside a transaction: claim, ask Telegram, store that it has paid, then complete. Two
    workers do not meet, since a claim is committed before Telegram is asked; and if they did,
    nothing would happen twice.
    """
    claimed = _claim(refund_id=refund_id, now=now)
    if claimed is None:
        return False
    purchase = claimed.purchase
    assert purchase.charge_id is not None
    try:
        if claimed.telegram_at is None:
            telegram.refund(telegram_id=purchase.player.telegram_id, charge_id=purchase.charge_id)
    except telegram.TelegramError as error:
        _note_failure(refund_id=refund_id, error=error, now=now)
        return False
    _note_that_telegram_has_paid(purchase_id=purchase.pk, now=now)
    return _complete(purchase_id=purchase.pk, now=now)


def _note_that_telegram_has_paid(*, purchase_id: UUID, now: datetime) -> None:
    """Store that the Stars are back, before anything else can fail."""
    Refund.objects.filter(purchase=purchase_id, telegram_at=None).update(telegram_at=now)


def _complete(*, purchase_id: UUID, now: datetime) -> bool:
    """Complete a refund that Telegram has paid; if that fails, store why and raise an alert."""
    try:
        complete(purchase_id=purchase_id, now=now)
    except Exception as error:  # Of whatever kind: the Stars are back, and the goods are not.
        log.exception("refund.incomplete", purchase=str(purchase_id))
        _note_that_incomplete(error, purchase_id=purchase_id, now=now)
        return False
    return True


@transaction.atomic
def _note_that_incomplete(error: Exception, *, purchase_id: UUID, now: datetime) -> None:
    """Write down why a refund that Telegram has paid did not come to its end."""
    purchase = purchases.lock(pk=purchase_id)
    if purchase.status == PurchaseStatus.REFUNDED:
        return
    refund = Refund.objects.get(purchase=purchase)
    refund.last_error = f"After Telegram had paid: {type(error).__name__}"
    refund.save(update_fields=["last_error"])
    changed = purchase.moves(
        PurchaseStatus(purchase.status),
        EventKind.REVERSAL_FAILED,
        now=now,
        evidence={"try": refund.tries, "error": type(error).__name__},
    )
    purchase.save(update_fields=changed)
    alerts.raise_alert(
        kind=INCOMPLETE,
        key=str(purchase.pk),
        summary=f"Telegram has refunded {purchase.paid_stars} Stars, but the goods could not be "
        f"taken back: {type(error).__name__}.",
        details={"purchase": str(purchase.pk), "tries": refund.tries},
        now=now,
        subject=purchase,
    )
    _report(purchase, Outcome.FAILED, "Telegram has refunded it; the goods are still there.", now)


def _report(purchase: Purchase, outcome: Outcome, text: str, now: datetime) -> None:
    """Notify whoever has asked a second person for the refund."""
    approvals.report_outcome(kind=APPROVAL, subject=purchase, outcome=outcome, text=text, now=now)


@transaction.atomic(durable=True)
def _claim(*, refund_id: int, now: datetime) -> Refund | None:
    """Claim a due refund; if the process dies with it, the next try is due after a while."""
    due = Refund.objects.due(now).select_for_update(of=("self",), skip_locked=True)
    refund = due.select_related("purchase__player").filter(pk=refund_id).first()
    if refund is None:
        return None
    refund.tries += 1
    refund.due_at = now + RETRY_DELAYS[min(refund.tries, len(RETRY_DELAYS)) - 1]
    refund.save(update_fields=["tries", "due_at"])
    return refund


@transaction.atomic(durable=True)
def _note_failure(*, refund_id: int, error: Exception, now: datetime) -> None:
    """Store why Telegram did not refund; raise an alert after repeated or final failures."""
    refund = Refund.objects.select_related("purchase").get(pk=refund_id)
    purchase = purchases.lock(pk=refund.purchase_id)
    if purchase.status == PurchaseStatus.REFUNDED:
        return
    refund.last_error = str(error)
    if isinstance(error, telegram.RetryAfterError):
        refund.due_at = max(refund.due_at, now + error.retry_after)
    refund.save(update_fields=["last_error", "due_at"])
    changed = purchase.moves(
        PurchaseStatus(purchase.status),
        EventKind.REFUND_FAILED,
        now=now,
        evidence={"try": refund.tries, "error": str(error)},
    )
    purchase.save(update_fields=changed)
    log.warning("refund.failed", purchase=str(purchase.pk), error=str(error))
    if refund.tries >= ALERT_AFTER_TRIES or isinstance(error, telegram.RejectedError):
        alerts.raise_alert(
            kind=STUCK,
            key=str(purchase.pk),
            summary=f"{purchase.paid_stars} Stars could not be refunded: {error}.",
            details={"purchase": str(purchase.pk), "tries": refund.tries},
            now=now,
            subject=purchase,
        )
        _report(purchase, Outcome.FAILED, "Telegram does not refund it. It is tried again.", now)


@transaction.atomic
def complete(*, purchase_id: UUID, now: datetime) -> Purchase:
    """Take back what the purchase delivered, since Telegram has given the Stars back. Once.

    Locks the purchase, its subscription, then the wallet. One DEBIT reverses the one CREDIT; what
    is spent already stands in it as its shortfall. What was never credited has nothing to take
    back. Five statements for units, which is what a pack of energy is.
    """
    # What the refund is about does not change any more once it has been asked for, so the rows
    # beside the purchase are as good as locked.
    beside = ("player", "refund__staff", "credit_entry__player")
    purchase = (
        Purchase.objects.select_for_update(of=("self",)).select_related(*beside).get(pk=purchase_id)
    )
    if purchase.status == PurchaseStatus.REFUNDED:
        return purchase
    refund = purchase.refund
    if purchase.is_subscription:
        subscriptions.end_after_refund(purchase, now=now)  # Before the wallet, as grace does.
    evidence: Mapping[str, Any] = {}
    if purchase.credit_entry is not None:
        reversal = grants.reverse(
            entry=purchase.credit_entry,
            type=EntryType.PURCHASE_REFUND,
            source=Source.PURCHASE,
            key=f"refund:{purchase.pk}",
            now=now,
            staff=refund.staff,
            reason=refund.reason,
            metadata={"purchase": str(purchase.pk)},
        )
        purchase.refund_entry = reversal.entry
        evidence = {
            "entry": reversal.entry.pk,
            "taken": dict(reversal.taken),
            "shortfall": dict(reversal.shortfall),
        }
    changed = purchase.moves(
        PurchaseStatus.REFUNDED, EventKind.REFUNDED, now=now, evidence=evidence
    )
    purchase.save(update_fields=[*changed, "refund_entry"])
    if purchase.redemption_id is not None and not reservations.revoke(
        redemption_id=purchase.redemption_id, now=now
    ):
        # It was never credited, so the use is free again.
        reservations.release(redemption_id=purchase.redemption_id, now=now)
    refund.telegram_at = refund.telegram_at or now
    refund.finished_at = now
    refund.save(update_fields=["telegram_at", "finished_at"])
    if refund.last_error:
        for kind in (STUCK, INCOMPLETE):
            alerts.resolve(kind=kind, key=str(purchase.pk), now=now)
    if purchase.problem:
        alerts.resolve(kind=purchases.IN_REVIEW, key=str(purchase.pk), now=now)
    if refund.approved_by_id:
        _report(purchase, Outcome.DONE, "The Stars are back.", now)
    return purchase


@transaction.atomic
def record_telegram_refund(payment: purchases.Payment, *, now: datetime) -> Purchase:
    """Record and complete a refund that Telegram reports (Bot API refunded_payment).

    An unknown charge is recorded first, so that it has a row, too. If the reversal fails, `finish`
    continues it.
    """
    purchase = purchases.record_payment(payment, now=now)
    ask(
        purchase_id=purchase.pk,
        source=RefundSource.TELEGRAM,
        reason="Refunded at Telegram.",
        now=now,
    )
    _note_that_telegram_has_paid(purchase_id=purchase.pk, now=now)
    _complete(purchase_id=purchase.pk, now=now)
    return purchases.lock(pk=purchase.pk)
