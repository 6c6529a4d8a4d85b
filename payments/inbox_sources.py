"""What of payments waits for a person, in the staff inbox."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from payments import purchases, reconciliation, refunds
from payments.models import Problem, Purchase, Refund, SupportRequest
from quizarena.staff import inbox, inbox_sources

WORDS_SHOWN = 120


def declare() -> None:
    """Declare what waits."""
    inbox.declare(
        inbox.Source(
            name="payments-in-review",
            title="Payments in review",
            label="Payment in review",
            step="Credit or refund",
            page="payments.purchase.queue",
            permission="payments.view_purchase",
            waiting=_in_review,
            is_the_same_for_all=True,
            since="paid_at",
            order=("paid_at", "pk"),
            late_after=timedelta(hours=4),
            related=("player",),
            describe=_payment,
            alerts=(purchases.IN_REVIEW,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="failed-refunds",
            title="Failed refunds",
            label="Failed refund",
            step="See why",
            page="payments.refund",
            permission="payments.view_refund",
            waiting=_failed_refunds,
            is_the_same_for_all=True,
            since="asked_at",
            order=("asked_at", "pk"),
            late_after=timedelta(hours=24),
            related=("purchase__player",),
            describe=_refund,
            alerts=(refunds.STUCK, refunds.INCOMPLETE),
        )
    )
    inbox.declare(
        inbox.Source(
            name="reconciliation",
            title="Reconciliation",
            label="Reconciliation mismatch",
            step="Clear up the differences",
            page="payments.reconciliationrun",
            permission="payments.view_reconciliationrun",
            waiting=inbox_sources.of_alerts(reconciliation.DIFFERENCE),
            is_the_same_for_all=True,
            since="first_at",
            order=("first_at", "id"),
            late_after=timedelta(hours=24),
            address=inbox_sources.page_of_subject("payments_reconciliationrun"),
            alerts=(reconciliation.DIFFERENCE,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="support-requests",
            title="Support requests",
            label="Support request",
            step="Answer",
            page="payments.supportrequest",
            permission="payments.answer_supportrequest",
            waiting=_unanswered,
            is_the_same_for_all=True,
            since="asked_at",
            order=("asked_at", "pk"),
            late_after=timedelta(hours=24),
            related=("player",),
            describe=_question,
        )
    )


def _in_review(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return Purchase.objects.stuck()


def _failed_refunds(*, user: User | None, now: datetime) -> QuerySet[Any]:
    """Return those that are not complete after an error; they go on being tried."""
    return Refund.objects.filter(finished_at=None).exclude(last_error="")


def _unanswered(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return SupportRequest.objects.unanswered()


def _payment(purchase: Purchase) -> str:
    why = Problem(purchase.problem).label if purchase.problem else "not credited yet"
    return f"⭐ {purchase.paid_stars:,} – {purchase.player} – {why}"


def _refund(refund: Refund) -> str:
    purchase = refund.purchase
    return f"⭐ {purchase.paid_stars:,} – {purchase.player} – {refund.last_error}"[:300]


def _question(request: SupportRequest) -> str:
    words = " ".join(request.text.split()) or "a picture"
    shown = words if len(words) <= WORDS_SHOWN else f"{words[:WORDS_SHOWN]}…"
    return f"No. {request.pk} – {request.player}: {shown}"
