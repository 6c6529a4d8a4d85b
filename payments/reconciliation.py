"""Our books against Telegram's, against the ledger and the wallets. Product rules, section 5.8.

Telegram's list is copied line by line, so that both directions of the comparison are one query.
What can be set right is: a payment that we never heard of is credited, a refund that was made
elsewhere is carried out. Two runs at once find the same and change nothing twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.utils import timezone

from economy.models import ASSETS, EntryType, LedgerEntry
from payments import purchases, refunds, telegram
from payments.models import (
    XTR,
    Difference,
    DifferenceKind,
    Flag,
    Purchase,
    PurchaseStatus,
    ReconciliationRun,
    StarTransaction,
)
from quizarena.staff import alerts

# What the runs of the day look at; the full one looks at everything.
RECENT = timedelta(days=3)
# Lines read again, in case that some came to stand before others that we had read already.
OVERLAP = telegram.PAGE_LENGTH
# What Telegram's list and ours may lag behind each other.
SETTLING = timedelta(minutes=5)
UNCREDITED_FOR = timedelta(minutes=30)
# The kind of alert for a run that has found something.
DIFFERENCE = "reconciliation_difference"

log = structlog.get_logger(__name__)


def run(*, is_full: bool, now: datetime) -> ReconciliationRun:
    """Read what is new at Telegram, compare, set right what can be; return the run.

    Not inside a transaction: every line and every healing is committed for itself, so a run that
    dies is simply followed by the next one. A full run reads and compares from the beginning.
    Raises TelegramError, with the run saying so, when Telegram cannot be asked.
    """
    this = ReconciliationRun.objects.create(
        is_full=is_full, started_at=now, position=0 if is_full else _position()
    )
    try:
        for page_length in _read(this.position, now=now):
            this.position += page_length
            this.transactions += page_length
            this.save(update_fields=["position", "transactions"])
    except telegram.TelegramError as error:
        this.error = str(error)
        this.finished_at = timezone.now()
        this.save(update_fields=["error", "finished_at"])
        raise
    since = None if is_full else now - RECENT
    found = [*_compare(since=since, now=now)]
    for difference in found:
        difference.run = this
    Difference.objects.bulk_create(found, batch_size=1000)
    this.differences = len(found)
    this.finished_at = timezone.now()
    this.save(update_fields=["differences", "finished_at"])
    if found:
        _alert(this, found, now=now)
    elif is_full:
        alerts.settle(kind=DIFFERENCE, key="books", now=now)
    log.info("reconciliation.done", full=is_full, read=this.transactions, differences=len(found))
    return this


def _position() -> int:
    """Return where in Telegram's list the runs have come to, with some overlap."""
    last = ReconciliationRun.objects.filter(finished_at__isnull=False, error="")
    position = last.order_by("-pk").values_list("position", flat=True).first() or 0
    return max(0, position - OVERLAP)


def _read(position: int, *, now: datetime) -> Iterator[int]:
    """Copy Telegram's list from `position` on; yield the length of each page that is stored."""
    page_length = telegram.PAGE_LENGTH
    while page_length == telegram.PAGE_LENGTH:
        page = telegram.transactions(offset=position)
        page_length = len(page)
        lines = [
            StarTransaction(
                transaction_id=line.id,
                stars=line.stars,
                nanostars=line.nanostars,
                at=line.at,
                is_ours=line.is_ours,
                partner=line.partner,
                seen_at=now,
            )
            for line in page
        ]
        StarTransaction.objects.bulk_create(lines, ignore_conflicts=True)
        position += page_length
        yield page_length


# --- One purchase ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """What Telegram says about one purchase, how that differs, and what has become of it."""

    purchase: Purchase
    lines: Sequence[StarTransaction]
    found: Sequence[Difference]


def lines_of(purchase: Purchase) -> QuerySet[StarTransaction]:
    """Return what we have read in Telegram's list about the purchase, the oldest line first.

    Without a charge the payload tells whether there is one that we have not heard of.
    """
    lines = StarTransaction.objects.filter(is_ours=True).order_by("at", "pk")
    if purchase.charge_id is not None:
        # What comes in and what goes out have an index each.
        charge = purchase.charge_id
        return lines.filter(
            Q(transaction_id=charge, stars__gte=0) | Q(transaction_id=charge, stars__lt=0)
        )
    assert purchase.payload is not None  # Whatever has neither a charge nor a payload is not there.
    return lines.alias(payload=KT("partner__invoice_payload")).filter(payload=purchase.payload)


def recheck(*, purchase_id: UUID, now: datetime) -> Recheck:
    """Read what is new at Telegram, compare one purchase with it, and set right what can be.

    Not inside a transaction, as `run`; the differences are not stored, since they belong to no run.
    Raises TelegramError when Telegram cannot be asked.
    """
    for _ in _read(_position(), now=now):
        pass
    asked = Purchase.objects.filter(pk=purchase_id)
    lines = lines_of(asked.get())
    # As they are before anything is set right.
    told = list(lines)
    found = [
        *_unheard_payments(lines, now=now),
        *_outside_refunds(lines, now=now),
        *_missing_at_telegram(asked.filter(paid_at__lte=now - SETTLING), now=now),
        *_amounts(lines),
    ]
    return Recheck(purchase=asked.select_related("player").get(), lines=told, found=found)


# --- What differs ---------------------------------------------------------------------------------


def _compare(*, since: datetime | None, now: datetime) -> Iterator[Difference]:
    """Find every difference since `since`, the beginning if None, and set right what can be."""
    lines = StarTransaction.objects.filter(is_ours=True)
    paid = Purchase.objects.filter(paid_at__lte=now - SETTLING)
    if since is not None:
        lines, paid = lines.filter(at__gte=since), paid.filter(paid_at__gte=since)
    # One that is just being made may be in the list before its update is here.
    yield from _unheard_payments(lines.filter(at__lte=now - SETTLING), now=now)
    yield from _outside_refunds(lines, now=now)
    yield from _missing_at_telegram(paid, now=now)
    yield from _amounts(lines)
    yield from _uncredited(now=now)
    yield from _credits_without_purchase(since=since)
    yield from _wallets(since=since)


def _unheard_payments(lines: QuerySet[StarTransaction], *, now: datetime) -> Iterator[Difference]:
    """Record and credit the payments that only Telegram's list has told us of."""
    known = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    for line in lines.filter(~Exists(known), stars__gte=0).order_by("at").iterator():
        purchase = purchases.record_payment(_payment(line), now=now, flags=(Flag.HEALED,))
        purchase = purchases.credit(charge_id=line.transaction_id, now=now)
        yield Difference(
            kind=DifferenceKind.UNHEARD_PAYMENT,
            purchase=purchase,
            charge_id=line.transaction_id,
            details={"stars": line.stars, "at": line.at.isoformat(), "status": purchase.status},
            is_healed=purchase.status == PurchaseStatus.CREDITED,
        )


def _outside_refunds(lines: QuerySet[StarTransaction], *, now: datetime) -> Iterator[Difference]:
    """Carry out the refunds that were made at Telegram and not by us."""
    not_refunded = Purchase.objects.filter(charge_id=OuterRef("transaction_id")).exclude(
        status=PurchaseStatus.REFUNDED
    )
    # One of ours that is just under way is no difference.
    not_refunded = not_refunded.filter(
        Q(refund_asked_at=None) | Q(refund_asked_at__lte=now - SETTLING)
    )
    known = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    outgoing = lines.filter(Exists(not_refunded) | ~Exists(known), stars__lt=0)
    for line in outgoing.order_by("at").iterator():
        purchase = refunds.came_from_telegram(_payment(line), now=now)
        yield Difference(
            kind=DifferenceKind.OUTSIDE_REFUND,
            purchase=purchase,
            charge_id=line.transaction_id,
            details={"stars": line.stars, "at": line.at.isoformat()},
            is_healed=purchase.status == PurchaseStatus.REFUNDED,
        )


def _missing_at_telegram(paid: QuerySet[Purchase], *, now: datetime) -> Iterator[Difference]:
    """Find what our books have and Telegram's list has not."""
    lines = StarTransaction.objects.filter(transaction_id=OuterRef("charge_id"))
    for purchase in paid.filter(~Exists(lines.filter(stars__gte=0))).iterator():
        yield _of(purchase, DifferenceKind.NO_PAYMENT, stars=purchase.paid_stars)
    refunded = paid.filter(status=PurchaseStatus.REFUNDED, refund__finished_at__lte=now - SETTLING)
    for purchase in refunded.filter(~Exists(lines.filter(stars__lt=0))).iterator():
        yield _of(purchase, DifferenceKind.NO_REFUND, stars=purchase.paid_stars)


def _amounts(lines: QuerySet[StarTransaction]) -> Iterator[Difference]:
    """Find the payments and refunds of another amount than our books have."""
    ours = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    known = lines.annotate(
        paid_stars=Subquery(ours.values("paid_stars")),
        paid_currency=Subquery(ours.values("paid_currency")),
    ).exclude(paid_stars=None)
    same = Q(stars=F("paid_stars")) | Q(stars=-F("paid_stars"))
    for line in known.exclude(same, nanostars=0, paid_currency=XTR).iterator():
        purchase = Purchase.objects.get(charge_id=line.transaction_id)
        yield _of(
            purchase,
            DifferenceKind.AMOUNT,
            ours=purchase.paid_stars,
            currency=purchase.paid_currency,
            telegram=line.stars,
            nanostars=line.nanostars,
        )


def _uncredited(*, now: datetime) -> Iterator[Difference]:
    """Find what has been paid and waits for its credit for too long."""
    waiting = Purchase.objects.filter(
        status=PurchaseStatus.PAID_UNCREDITED,
        refund_asked_at=None,
        paid_at__lte=now - UNCREDITED_FOR,
    )
    for purchase in waiting.iterator():
        yield _of(purchase, DifferenceKind.UNCREDITED, stars=purchase.paid_stars)


def _credits_without_purchase(*, since: datetime | None) -> Iterator[Difference]:
    """Find the purchase entries of the ledger that no purchase has for its own."""
    entries = LedgerEntry.objects.filter(
        type__in=(EntryType.PURCHASE_CREDIT, EntryType.PURCHASE_REFUND)
    ).filter(purchase=None, refunded_purchase=None)
    if since is not None:
        entries = entries.filter(created_at__gte=since)
    for entry in entries.iterator():
        yield Difference(
            kind=DifferenceKind.NO_PURCHASE,
            player_id=entry.player_id,
            details={"entry": entry.pk, "key": entry.idempotency_key, "stars": entry.amount},
        )


# The wallets of those who have paid (since an instant), compared with the sums of their entries.
_WALLETS = f"""
SELECT wallet.player_id, {", ".join(f"wallet.{asset}, sums.{asset}" for asset in ASSETS)}
FROM economy_wallet AS wallet
JOIN (
  SELECT player_id, {", ".join(f"sum({asset}) AS {asset}" for asset in ASSETS)}
  FROM economy_ledgerentry
  WHERE player_id IN (
    SELECT player_id FROM payments_purchase
    WHERE paid_at IS NOT NULL AND (%(since)s::timestamptz IS NULL OR paid_at >= %(since)s)
  )
  GROUP BY player_id
) AS sums ON sums.player_id = wallet.player_id
WHERE ({", ".join(f"wallet.{asset}" for asset in ASSETS)})
  IS DISTINCT FROM ({", ".join(f"sums.{asset}" for asset in ASSETS)})
"""  # noqa: S608 -- the assets are constants.


def _wallets(*, since: datetime | None) -> Iterator[Difference]:
    """Find the wallets of payers that are not what their entries say."""
    with connection.cursor() as cursor:
        cursor.execute(_WALLETS, {"since": since})
        rows = cursor.fetchall()
    for player_id, *values in rows:
        pairs = zip(ASSETS, values[::2], values[1::2], strict=True)
        yield Difference(
            kind=DifferenceKind.WALLET,
            player_id=player_id,
            details={
                asset: {"wallet": owned, "entries": int(summed)}
                for asset, owned, summed in pairs
                if owned != summed
            },
        )


def _of(purchase: Purchase, kind: DifferenceKind, **details: Any) -> Difference:
    """Return a difference about one purchase."""
    return Difference(
        kind=kind,
        purchase=purchase,
        player_id=purchase.player_id,
        charge_id=purchase.charge_id or "",
        details=details,
    )


def _payment(line: StarTransaction) -> purchases.Payment:
    """Return what a line of Telegram's list tells about a payment, or about the refunded one."""
    partner = line.partner
    return purchases.Payment(
        charge_id=line.transaction_id,
        provider_charge_id="",
        payload=partner.get("invoice_payload", ""),
        stars=abs(line.stars),
        currency=XTR,
        paid_at=line.at,
        payer=partner["user"],
        raw={"transaction": line.transaction_id, "stars": line.stars, "partner": partner},
        is_renewal="subscription_period" in partner,
    )


def _alert(this: ReconciliationRun, found: list[Difference], *, now: datetime) -> None:
    """Let staff know that a run has found something."""
    open_ones = sum(not difference.is_healed for difference in found)
    alerts.raise_alert(
        kind=DIFFERENCE,
        key="books",
        summary=f"{len(found)} differences between Telegram's list and ours, {open_ones} of them "
        "still open.",
        details={"run": this.pk},
        now=now,
        subject=this,
    )
