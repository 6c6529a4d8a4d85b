"""Our books against Telegram's, against the ledger and the wallets. Product rules, section 5.8.

Telegram's list is copied line by line, so that both directions of the comparison are one query.
What can be healed is: a payment that is missing here is credited, a refund that was made elsewhere
is booked. Two runs at once find the same and change nothing twice.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import BigIntegerField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from economy import controls
from economy.models import ASSETS, ControlRun, EntryType, LedgerEntry
from payments import purchases, refunds, telegram
from payments.models import (
    NANOS,
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
# How long Telegram's list and ours may lag behind each other.
LIST_LAG = timedelta(minutes=5)
UNCREDITED_FOR = timedelta(minutes=30)
# How long one call reads before it leaves the rest to the next one.
READ_FOR = timedelta(seconds=8)
# How long a run belongs to the worker that reads, and to the one that compares.
CLAIM = timedelta(minutes=2)
CLAIM_TO_COMPARE = timedelta(hours=1)
# How long after a failure Telegram is asked again; the last one repeats.
RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
# The kind of alert for a run that has found something.
DIFFERENCE = "reconciliation_difference"

Json = dict[str, Any]

log = structlog.get_logger(__name__)


def run(*, is_full: bool, now: datetime, read_for: timedelta = READ_FOR) -> ReconciliationRun:
    """Read what is new at Telegram, compare, set right what can be; return the run.

    A full run reads and compares from the beginning. There is one unfinished run of each kind: it
    is continued where it has come to, when its time has come. It is left unfinished when Telegram
    asks us to wait or does not answer, after `read_for` of reading, and by a worker that dies.

    Not inside a transaction: every page, difference and healing is committed for itself.
    """
    this, is_ours = _claim(is_full=is_full, now=now)
    if not is_ours:
        return this
    try:
        is_read = _read_on(this, now=now, until=time.monotonic() + read_for.total_seconds())
    except telegram.RetryAfterError as error:
        _put_off(this, error, due_at=now + error.retry_after)
        return this
    except telegram.TelegramError as error:
        this.tries += 1
        delay = RETRY_DELAYS[min(this.tries, len(RETRY_DELAYS)) - 1]
        _put_off(this, error, due_at=now + delay)
        return this
    if not is_read:
        this.due_at = now
        this.save(update_fields=["due_at"])
        return this
    _compare_and_store(this, now=now)
    _finish(this, now=now)
    return this


def continue_unfinished(*, now: datetime) -> int:
    """Continue the runs that were interrupted and whose time has come; return how many."""
    due = ReconciliationRun.objects.filter(finished_at=None, due_at__lte=now)
    kinds = list(due.order_by("is_full").values_list("is_full", flat=True))
    for is_full in kinds:
        run(is_full=is_full, now=now)
    return len(kinds)


@transaction.atomic
def _claim(*, is_full: bool, now: datetime) -> tuple[ReconciliationRun, bool]:
    """Return the unfinished run of the kind, begun now if there is none, and whether it is ours.

    Until the claim is over nobody else takes it; whoever dies with it has lost nothing.
    """
    begun = ReconciliationRun(
        is_full=is_full, started_at=now, due_at=now, position=0 if is_full else _position()
    )
    ReconciliationRun.objects.bulk_create([begun], ignore_conflicts=True)
    unfinished = ReconciliationRun.objects.select_for_update().filter(
        is_full=is_full, finished_at=None
    )
    this = unfinished.first()
    if this is None:
        return _claim(is_full=is_full, now=now)  # Somebody has ended it while we waited.
    assert this.due_at is not None
    if this.due_at > now:
        return this, False
    this.due_at = now + CLAIM
    this.save(update_fields=["due_at"])
    return this, True


def _put_off(this: ReconciliationRun, error: Exception, *, due_at: datetime) -> None:
    """Leave the run, with its position, to a later time."""
    this.error, this.due_at = str(error), due_at
    this.save(update_fields=["error", "due_at", "tries"])
    log.warning("reconciliation.put_off", full=this.is_full, error=this.error, due_at=due_at)


def _position() -> int:
    """Return where in Telegram's list the runs have come to, with some overlap."""
    last = ReconciliationRun.objects.filter(finished_at__isnull=False, error="")
    position = last.order_by("-pk").values_list("position", flat=True).first() or 0
    return max(0, position - OVERLAP)


def _read_on(this: ReconciliationRun, *, now: datetime, until: float) -> bool:
    """Copy Telegram's list from the run's position on; return whether its end is reached.

    The position is stored with each page. Raises TelegramError.
    """
    while True:
        page = telegram.transaction_lines(offset=this.position)
        for line, error in _store(page, now=now):
            _add(this, _unreadable(line, error))
        this.position += len(page)
        this.transactions += len(page)
        this.error, this.tries = "", 0
        this.save(update_fields=["position", "transactions", "error", "tries"])
        if len(page) < telegram.PAGE_LENGTH:
            return True
        if time.monotonic() >= until:
            return False


def _store(page: Sequence[Json], *, now: datetime) -> list[tuple[Json, Exception]]:
    """Store a page of Telegram's list; return the lines that could not be, and why."""
    unreadable: list[tuple[Json, Exception]] = []
    rows = []
    for line in page:
        try:
            rows.append((line, _row(line, now=now)))
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            unreadable.append((line, error))
    _leave_out_who_is_deleted([row for _, row in rows])
    try:
        with transaction.atomic():
            StarTransaction.objects.bulk_create([row for _, row in rows], ignore_conflicts=True)
    except DatabaseError:
        # One of them does not fit: the others must not wait for it.
        for line, row in rows:
            try:
                with transaction.atomic():
                    StarTransaction.objects.bulk_create([row], ignore_conflicts=True)
            except DatabaseError as error:
                unreadable.append((line, error))
    return unreadable


def _row(line: Json, *, now: datetime) -> StarTransaction:
    """Return a line of Telegram's list as we keep it."""
    parsed = telegram.transaction(line)
    return StarTransaction(
        transaction_id=parsed.id,
        stars=parsed.stars,
        nanostars=parsed.nanostars,
        at=parsed.at,
        is_ours=parsed.is_ours,
        partner=parsed.partner,
        seen_at=now,
    )


def _leave_out_who_is_deleted(rows: Sequence[StarTransaction]) -> None:
    """Take the names of deleted players out of lines that are read after the deletion.

    Telegram's list has a payment some minutes late, and a refund whenever one is made.
    """
    charges = [row.transaction_id for row in rows]
    of_deleted = Purchase.objects.filter(charge_id__in=charges, player__deleted_at__isnull=False)
    players = dict(of_deleted.values_list("charge_id", "player_id"))
    for row in rows:
        if row.transaction_id in players and "user" in row.partner:
            row.partner = {**row.partner, "user": {"id": -players[row.transaction_id]}}


def _unreadable(line: Any, error: Exception) -> Difference:
    """Return the difference for a line of Telegram's list that cannot be kept."""
    return Difference(
        kind=DifferenceKind.NOT_COMPARED,
        charge_id=str(line.get("id", "") if isinstance(line, dict) else "")[:128],
        details={"line": line, "error": type(error).__name__},
    )


def _compare_and_store(this: ReconciliationRun, *, now: datetime) -> None:
    """Compare, and store each difference as it is found; note what was looked at."""
    this.compared_from = None if this.is_full else now - RECENT
    this.compared_until = now - LIST_LAG
    # Comparing everything takes its time.
    this.due_at = now + CLAIM_TO_COMPARE
    this.save(update_fields=["compared_from", "compared_until", "due_at"])
    # What a worker found that died over it is found again, unless it has been set right.
    this.found.filter(is_healed=False).exclude(details__has_key="line").delete()
    for difference in _compare(since=this.compared_from, now=now):
        _add(this, difference)
    lines = StarTransaction.objects.filter(is_ours=True, at__gt=this.compared_until)
    known = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    this.left_out = (
        Purchase.objects.filter(paid_at__gt=this.compared_until).count()
        + lines.filter(~Exists(known)).count()
    )
    looked_at = StarTransaction.objects.filter(is_ours=True, at__lte=this.compared_until)
    if this.compared_from is not None:
        looked_at = looked_at.filter(at__gte=this.compared_from)
    this.compared = looked_at.count()


def _add(this: ReconciliationRun, difference: Difference) -> None:
    """Store a difference that the run has found."""
    difference.run = this
    difference.save()


def _finish(this: ReconciliationRun, *, now: datetime) -> None:
    """End the run, record it as a control's, and raise or resolve the alert."""
    still_open = this.found.filter(is_healed=False).count()
    this.differences = this.found.count()
    control = controls.FULL_RECONCILIATION if this.is_full else controls.RECONCILIATION
    this.control_run = controls.finish(
        ControlRun(
            control=control,
            started_at=this.started_at,
            last_at=now,
            checked=this.compared,
            findings=still_open,
        ),
        now=now,
    )
    this.finished_at = timezone.now()
    this.save(update_fields=["compared", "left_out", "differences", "control_run", "finished_at"])
    if this.differences:
        _alert(this, control, still_open=still_open, now=now)
    if not still_open:
        alerts.resolve(kind=DIFFERENCE, key=control, now=now)
    log.info(
        "reconciliation.done",
        full=this.is_full,
        read=this.transactions,
        compared=this.compared,
        left_out=this.left_out,
        differences=this.differences,
        open=still_open,
    )


# --- One purchase ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """What Telegram says about one purchase, how that differs, and what has become of it."""

    purchase: Purchase
    lines: Sequence[StarTransaction]
    found: Sequence[Difference]
    # It was paid so lately that Telegram's list may not have it yet: that was not compared.
    is_too_young: bool = False


def lines_of(purchase: Purchase) -> QuerySet[StarTransaction]:
    """Return what we have read in Telegram's list about the purchase, the oldest line first.

    Without a charge its payload finds a payment that is not recorded here.
    """
    lines = StarTransaction.objects.filter(is_ours=True).order_by("at", "pk")
    if purchase.charge_id is not None:
        # What comes in and what goes out have an index each.
        charge = purchase.charge_id
        return lines.filter(
            Q(transaction_id=charge, gross_nanostars__gte=0)
            | Q(transaction_id=charge, gross_nanostars__lt=0)
        )
    assert purchase.payload is not None  # Whatever has neither a charge nor a payload is not there.
    return lines.alias(payload=KT("partner__invoice_payload")).filter(payload=purchase.payload)


def recheck(*, purchase_id: UUID, now: datetime) -> Recheck:
    """Read what is new at Telegram, compare one purchase with it, and set right what can be.

    Not inside a transaction, as `run`; the differences are not stored, since they belong to no run.
    Raises TelegramError when Telegram cannot be asked.
    """
    position, page_length = _position(), telegram.PAGE_LENGTH
    while page_length == telegram.PAGE_LENGTH:
        page = telegram.transaction_lines(offset=position)
        _store(page, now=now)
        page_length = len(page)
        position += page_length
    asked = Purchase.objects.filter(pk=purchase_id)
    lines = lines_of(asked.get())
    # As they are before anything is set right.
    lines_before = list(lines)
    found = [
        *_unheard_payments(lines, now=now),
        *_outside_refunds(lines, now=now),
        *_missing_at_telegram(asked.filter(paid_at__lte=now - LIST_LAG), now=now),
        *_amounts(lines),
    ]
    purchase = asked.select_related("player").get()
    return Recheck(
        purchase=purchase,
        lines=lines_before,
        found=found,
        is_too_young=not lines_before
        and purchase.paid_at is not None
        and purchase.paid_at > now - LIST_LAG,
    )


def in_stars(nanostars: int) -> str:
    """Return an amount in Stars, with the parts that it has: "89.1"."""
    stars, rest = divmod(abs(nanostars), NANOS)
    parts = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'−' if nanostars < 0 else ''}{stars:,}{parts}"


# --- What differs ---------------------------------------------------------------------------------


def _compare(*, since: datetime | None, now: datetime) -> Iterator[Difference]:
    """Find every difference since `since`, the beginning if None, and set right what can be."""
    lines = StarTransaction.objects.filter(is_ours=True)
    paid = Purchase.objects.filter(paid_at__lte=now - LIST_LAG)
    if since is not None:
        lines, paid = lines.filter(at__gte=since), paid.filter(paid_at__gte=since)
    checks: tuple[Callable[[], Iterator[Difference]], ...] = (
        # One that is just being made may be in the list before its update is here.
        partial(_unheard_payments, lines.filter(at__lte=now - LIST_LAG), now=now),
        partial(_outside_refunds, lines, now=now),
        partial(_missing_at_telegram, paid, now=now),
        partial(_amounts, lines),
        partial(_uncredited, now=now),
        partial(_credits_without_purchase, since=since),
        partial(_wallets, since=since),
    )
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # Of whatever kind: the other comparisons continue.
            log.exception("reconciliation.check_failed")
            yield _not_compared(error, what=check)


def _unheard_payments(lines: QuerySet[StarTransaction], *, now: datetime) -> Iterator[Difference]:
    """Record and credit the payments that only Telegram's list has."""
    known = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    for line in lines.filter(~Exists(known), gross_nanostars__gte=0).order_by("at").iterator():
        try:
            purchases.record_payment(_payment(line), now=now, flags=(Flag.HEALED,))
            purchase = purchases.credit(charge_id=line.transaction_id, now=now)
        except Exception as error:  # Of whatever kind: it is this line's alone.
            log.exception("reconciliation.line_failed", charge=line.transaction_id)
            yield _not_compared(error, what=_unheard_payments, line=line)
            continue
        yield Difference(
            kind=DifferenceKind.UNHEARD_PAYMENT,
            purchase=purchase,
            charge_id=line.transaction_id,
            details={
                "stars": line.stars,
                "at": line.at.isoformat(),
                "status": purchase.status,
                **_commission(line),
            },
            is_healed=purchase.status == PurchaseStatus.CREDITED,
        )


def _outside_refunds(lines: QuerySet[StarTransaction], *, now: datetime) -> Iterator[Difference]:
    """Carry out the refunds that were made at Telegram and not by us."""
    not_refunded = Purchase.objects.filter(charge_id=OuterRef("transaction_id")).exclude(
        status=PurchaseStatus.REFUNDED
    )
    # One of ours that is just under way is no difference.
    not_refunded = not_refunded.filter(
        Q(refund_asked_at=None) | Q(refund_asked_at__lte=now - LIST_LAG)
    )
    known = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    outgoing = lines.filter(Exists(not_refunded) | ~Exists(known), gross_nanostars__lt=0)
    for line in outgoing.order_by("at").iterator():
        try:
            purchase = refunds.record_telegram_refund(_payment(line), now=now)
        except Exception as error:  # Of whatever kind: it is this line's alone.
            log.exception("reconciliation.line_failed", charge=line.transaction_id)
            yield _not_compared(error, what=_outside_refunds, line=line)
            continue
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
    for purchase in paid.filter(~Exists(lines.filter(gross_nanostars__gte=0))).iterator():
        yield _of(purchase, DifferenceKind.NO_PAYMENT, stars=purchase.paid_stars)
    refunded = paid.filter(status=PurchaseStatus.REFUNDED, refund__finished_at__lte=now - LIST_LAG)
    for purchase in refunded.filter(~Exists(lines.filter(gross_nanostars__lt=0))).iterator():
        yield _of(purchase, DifferenceKind.NO_REFUND, stars=purchase.paid_stars)


def _amounts(lines: QuerySet[StarTransaction]) -> Iterator[Difference]:
    """Find the payments and refunds of another amount than our books have."""
    ours = Purchase.objects.filter(charge_id=OuterRef("transaction_id"))
    big = BigIntegerField()
    known = lines.annotate(
        paid=Cast(Subquery(ours.values("paid_stars")), big) * Cast(Value(NANOS), big),
        paid_currency=Subquery(ours.values("paid_currency")),
    ).exclude(paid=None)
    same = Q(gross_nanostars=F("paid")) | Q(gross_nanostars=-F("paid"))
    for line in known.exclude(same, paid_currency=XTR).iterator():
        purchase = Purchase.objects.get(charge_id=line.transaction_id)
        yield _of(
            purchase,
            DifferenceKind.AMOUNT,
            ours=purchase.paid_stars,
            currency=purchase.paid_currency,
            telegram=line.stars,
            nanostars=line.nanostars,
            **_commission(line),
        )


def _commission(line: StarTransaction) -> Json:
    """Return what a difference says of the affiliate's commission, if there is one."""
    return {"commission": in_stars(line.commission_nanostars)} if line.commission_nanostars else {}


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
    return Difference(
        kind=kind,
        purchase=purchase,
        player_id=purchase.player_id,
        charge_id=purchase.charge_id or "",
        details=details,
    )


def _payment(line: StarTransaction) -> purchases.Payment:
    """Return the payment, or the refunded payment, of a line of Telegram's list."""
    partner = line.partner
    return purchases.Payment(
        charge_id=line.transaction_id,
        provider_charge_id="",
        payload=partner.get("invoice_payload", ""),
        # The affiliate's commission has been paid by the player, too. Parts of a Star, which no
        # price of ours has, are found by the comparison of the amounts.
        stars=abs(line.gross_nanostars) // NANOS,
        currency=XTR,
        paid_at=line.at,
        payer=partner["user"],
        raw={
            "transaction": line.transaction_id,
            "stars": line.stars,
            "nanostars": line.nanostars,
            "partner": partner,
        },
        is_renewal="subscription_period" in partner,
    )


def _not_compared(
    error: Exception, *, what: Callable[..., Any], line: StarTransaction | None = None
) -> Difference:
    """Return the difference for what could not be compared."""
    name = getattr(what, "func", what).__name__.removeprefix("_")
    details: Json = {"step": name, "error": type(error).__name__}
    if line is not None:
        details |= {"stars": line.stars, "at": line.at.isoformat()}
    return Difference(
        kind=DifferenceKind.NOT_COMPARED,
        charge_id=line.transaction_id if line else "",
        details=details,
    )


def _alert(this: ReconciliationRun, control: str, *, still_open: int, now: datetime) -> None:
    """Raise an alert for the differences of a run."""
    noun = "difference" if this.differences == 1 else "differences"
    healed = this.differences - still_open
    alerts.raise_alert(
        kind=DIFFERENCE,
        key=control,
        summary=f"{controls.CONTROLS[control].label}: {this.differences} {noun} between Telegram's "
        f"list and ours, {still_open} open, {healed} set right by the run.",
        details={"run": this.pk},
        now=now,
        subject=this,
    )
