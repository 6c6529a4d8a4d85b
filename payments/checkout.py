"""Telegram's question before it takes the Stars. Product rules, sections 5 and 8."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KT

from payments import catalogue, purchases
from payments.errors import Refusal
from payments.models import OPEN, XTR, EventKind, Purchase, PurchaseEvent, PurchaseStatus
from payments.payload import is_ours
from promos import redemptions, reservations
from quizarena.prepared import prepared, save


@dataclass(frozen=True, slots=True, kw_only=True)
class PreCheckout:
    """What Telegram asks before it takes the Stars (Bot API PreCheckoutQuery)."""

    query_id: str
    telegram_id: int
    payload: str
    stars: int
    currency: str


# Which version of the row is locked, and which one everything beside it was read with: another one
# if somebody has changed it while this query waited for the lock.
_VERSION = RawSQL("payments_purchase.xmin::text", [], output_field=TextField())
_VERSION_SEEN = RawSQL(
    "SELECT xmin::text FROM payments_purchase AS seen WHERE seen.id = payments_purchase.id",
    [],
    output_field=TextField(),
)


def check_out(query: PreCheckout, *, now: datetime) -> Refusal | None:
    """Decide whether the Stars may be taken: None is yes. Two statements, with a discount three.

    Locks the purchase, then the reservation. A repeated query gets the answer it got (product
    rules, section 5.3), also while its first delivery is still being answered: after waiting for
    the lock the row is read again. What a discount's campaign says about its player is checked, too
    (section 8); a purchase with one that is not for the player any more is closed.
    """
    with suppress(IntegrityError):
        return _check_out(query, now=now)
    # Another discount was approved as the first purchase at the same moment: now it is seen.
    return _check_out(query, now=now)


@transaction.atomic
def _check_out(query: PreCheckout, *, now: datetime) -> Refusal | None:
    """Decide once. Raises IntegrityError for the second of two first purchases that meet."""
    purchase: Any = _asked_about.first(payload=query.payload, query_id=query.query_id, now=now)
    if purchase is not None and purchase.version != purchase.version_seen:
        purchase = _asked_about.first(payload=query.payload, query_id=query.query_id, now=now)
    if purchase is None:
        return Refusal.UNKNOWN
    if purchase.answer is not None:
        return Refusal(purchase.answer) if purchase.answer else None
    refusal = _checkout_refusal(purchase, query, now=now)
    if refusal is None and purchase.redemption_id is not None:
        refusal = _why_not_with_reservation(purchase, now=now)
    status = PurchaseStatus(purchase.status) if refusal else PurchaseStatus.PRECHECKOUT_OK
    changed = purchase.moves(
        status,
        EventKind.REFUSED if refusal else EventKind.APPROVED,
        now=now,
        evidence={
            "query": query.query_id,
            "from": query.telegram_id,
            "stars": query.stars,
            "currency": query.currency,
            "refusal": refusal or "",
        },
    )
    save(purchase, fields=changed)
    if refusal is Refusal.PROMO_NOT_APPLICABLE:
        purchases.fail(purchase, why="its discount is not for the player any more", now=now)
    return refusal


def _why_not_with_reservation(purchase: Any, *, now: datetime) -> Refusal | None:
    """Lock the reservation of a purchase that is to be paid; return why that cannot be."""
    reservation = purchase.redemption
    reservation.player = purchase.player
    has_paid = (
        reservation.campaign.for_first_purchase
        and Purchase.objects.charged().filter(player=purchase.player).exists()
    )
    if redemptions.refusal_reasons_at_checkout(redemption=reservation, has_paid=has_paid, now=now):
        return Refusal.PROMO_NOT_APPLICABLE
    # From here on the reservation does not lapse before the purchase is paid or closed.
    is_locked = reservations.lock_for_payment(redemption_id=reservation.pk, now=now)
    return None if is_locked else Refusal.PROMO_EXPIRED


@prepared
def _asked_about(*, payload: str, query_id: str, now: datetime) -> QuerySet[Purchase]:
    """Lock the purchase; return it with its circumstances and the answer to the query, if any."""
    answers = PurchaseEvent.objects.filter(
        purchase=OuterRef("pk"),
        kind__in=(EventKind.APPROVED, EventKind.REFUSED),
        evidence__query=query_id,
    )
    found = catalogue.with_circumstances(
        Purchase.objects.select_for_update(of=("self",)).select_related(
            "player", "product", "redemption__campaign", "redemption__code"
        ),
        player=OuterRef("player"),
        product=OuterRef("product"),
        now=now,
    )
    return found.filter(payload=payload).annotate(
        answer=Subquery(answers.values(refusal=KT("evidence__refusal"))[:1]),
        version=_VERSION,
        version_seen=_VERSION_SEEN,
    )


def _checkout_refusal(purchase: Any, query: PreCheckout, *, now: datetime) -> Refusal | None:
    """Return why the Stars must not be taken, if there is a reason."""
    if query.telegram_id != purchase.player.telegram_id:
        return Refusal.NOT_YOURS
    if (query.stars, query.currency) != (purchase.stars, XTR) or not is_ours(
        query.payload,
        telegram_id=query.telegram_id,
        product=purchase.product_id,
        stars=query.stars,
    ):
        return Refusal.WRONG_AMOUNT
    if purchase.status not in OPEN:
        return Refusal.EXPIRED if purchase.status == "FAILED" else Refusal.ALREADY_PAID
    for reason in catalogue.refusals_of(purchase, now=now):
        return reason.refusal
    return None


def payable_from(*, payload: str, now: datetime) -> datetime | None:
    """Return from when on the rules let the purchase be paid for, if it is too soon at `now`."""
    found = catalogue.with_circumstances(
        Purchase.objects.select_related("player", "product"),
        player=OuterRef("player"),
        product=OuterRef("product"),
        now=now,
    )
    purchase = found.filter(payload=payload).first()
    reasons = catalogue.refusals_of(purchase, now=now) if purchase else []
    return next((reason.until for reason in reasons if reason.until), None)
