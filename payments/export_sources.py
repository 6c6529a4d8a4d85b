"""What each kind of export has: its rows, read one after the other, and its filters.

A row is read when it is written, so that memory does not grow with their number. Product rules,
section 5.10.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet

from economy.models import Asset, EntryType, LedgerEntry, Source
from economy.wallets import business_zone
from payments import revenue
from payments.models import (
    Export,
    ExportKind,
    FileFormat,
    Product,
    Purchase,
    PurchaseStatus,
    ReconciliationRun,
    Refund,
    RefundSource,
)

# A workbook takes longer to write and to open.
ROWS_MAX = {FileFormat.CSV: 1_000_000, FileFormat.XLSX: 100_000}
# So many rows come from the database together.
CHUNK = 2_000
MASKED = "***"
# Whose names they are; masked unless the export has names.
PLAYER_COLUMNS = ("player", "telegram_id", "username", "name")

Cells = Sequence[object]
# A row, with the moment of the range at which it stands; that is how progress is known.
Row = tuple[datetime, Cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One field by which the rows can be narrowed down."""

    label: str
    choices: Callable[[], Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What can be exported, and who may see it at all."""

    columns: Sequence[str]
    rows: Callable[[Export], Iterator[Row]]
    permission: str
    # What the days are about.
    days: str
    filters: Mapping[str, Filter]


def span(export: Export) -> tuple[datetime, datetime]:
    """Return the instants at which the first day begins and the last one has ended."""
    zone = business_zone()
    return (
        datetime.combine(export.first_day, time.min, zone),
        datetime.combine(export.last_day + timedelta(days=1), time.min, zone),
    )


def filters_in_words(export: Export) -> str:
    """Return the filters that are set, as people read them."""
    known = KINDS[ExportKind(export.kind)].filters
    return "; ".join(
        f"{known[name].label}: {dict(known[name].choices()).get(value, value)}"
        for name, value in export.filters.items()
    )


def mask(text: object) -> str:
    """Return the first character of a name, and that something follows; nothing of nothing."""
    return f"{str(text)[0]}{MASKED}" if text else ""


def _player(export: Export, values: Sequence[Any]) -> tuple[object, ...]:
    """Return the columns of a player from its id, Telegram id, user name, first and last name."""
    pk, telegram_id, username, first_name, last_name = values
    name = f"{first_name} {last_name}".strip()
    if export.with_names:
        return (pk, telegram_id, username, name)
    return (pk, f"{MASKED}{str(telegram_id)[-3:]}", mask(username), mask(name))


def _fields(prefix: str) -> tuple[str, ...]:
    """Return what `_player` takes, as fields behind `prefix`."""
    names = ("telegram_id", "username", "first_name", "last_name")
    return (f"{prefix}_id", *(f"{prefix}__{name}" for name in names))


def _read(export: Export, rows: QuerySet[Any], *fields: str) -> Iterator[tuple[Any, ...]]:
    """Yield the fields of the rows through a cursor of the database, one row too many at most.

    Outside of a transaction the database writes down all that the cursor has before the first row.
    """
    limit = ROWS_MAX[FileFormat(export.file_format)] + 1
    yield from rows.values_list(*fields)[:limit].iterator(chunk_size=CHUNK)


# --- Kind by kind ---------------------------------------------------------------------------------

_DELTAS = ("free_energy", "paid_energy", "streak_savers", "duel_tickets")
_AFTER = tuple(f"{name}_after" for name in _DELTAS)


def _ledger(export: Export) -> Iterator[Row]:
    begin, end = span(export)
    entries = LedgerEntry.objects.filter(
        created_at__gte=begin, created_at__lt=end, **export.filters
    ).order_by("id")
    fields = (
        *("id", "created_at", "type", "asset", "direction", "amount", *_DELTAS, *_AFTER),
        *("shortfall", "source", "idempotency_key", "reverses_id", "staff__username", "reason"),
    )
    for values in _read(export, entries, *_fields("player"), *fields):
        facts = dict(zip(fields, values[5:], strict=True))
        shortfall = facts["shortfall"]
        facts["shortfall"] = json.dumps(shortfall, sort_keys=True) if shortfall else ""
        number, at, *others = facts.values()
        yield at, (number, at, *_player(export, values[:5]), *others)


def _purchases(export: Export) -> Iterator[Row]:
    begin, end = span(export)
    paid = Purchase.objects.filter(paid_at__gte=begin, paid_at__lt=end, **export.filters).order_by(
        "paid_at", "pk"
    )
    fields = (
        *("pk", "paid_at", "product_id", "is_subscription", "renews_id", "status", "problem"),
        *("base_stars", "percent", "stars", "paid_stars", "paid_currency", "charge_id"),
        *("credit_entry_id", "refund_entry_id", "refund__asked_at", "refund__finished_at"),
    )
    for values in _read(export, paid, *_fields("player"), *fields):
        number, at, *others = values[5:]
        yield at, (number, at, *_player(export, values[:5]), *others)


def _refunds(export: Export) -> Iterator[Row]:
    begin, end = span(export)
    asked = Refund.objects.filter(asked_at__gte=begin, asked_at__lt=end, **export.filters).order_by(
        "id"
    )
    fields = (
        *("pk", "asked_at", "telegram_at", "finished_at", "purchase_id", "purchase__product_id"),
        *("purchase__paid_stars", "purchase__paid_currency", "purchase__charge_id", "source"),
        *("staff__username", "approved_by__username", "reason", "tries", "last_error"),
    )
    for values in _read(export, asked, *_fields("purchase__player"), *fields):
        number, at, *others = values[5:]
        yield at, (number, at, *_player(export, values[:5]), *others)


def _revenue(export: Export) -> Iterator[Row]:
    """Yield a row for each day and product that sold or went back; few, whatever was sold."""
    earned = revenue.by_day(first_day=export.first_day, last_day=export.last_day)
    wanted = export.filters.get("product")
    keys: set[tuple[date, str]] = {*earned.stars, *earned.purchases, *earned.refunded}
    for day, code in sorted(keys):
        if wanted in (None, code):
            stars, back = earned.stars[day, code], earned.refunded[day, code]
            at = datetime.combine(day, time.min, business_zone())
            yield (
                at,
                (day, code or "unknown", earned.purchases[day, code], stars, back, stars - back),
            )


def _reconciliation(export: Export) -> Iterator[Row]:
    begin, end = span(export)
    runs = ReconciliationRun.objects.filter(started_at__gte=begin, started_at__lt=end)
    if "is_full" in export.filters:
        runs = runs.filter(is_full=export.filters["is_full"] == "yes")
    fields = (
        *("pk", "started_at", "finished_at", "is_full", "compared_from", "compared_until"),
        *("compared", "left_out", "transactions", "differences", "control_run__findings", "error"),
    )
    for values in _read(export, runs.order_by("id"), *fields):
        yield values[1], values


def _products() -> list[tuple[str, str]]:
    return [(product.code, product.title("en")) for product in Product.objects.all()]


_PRODUCT = Filter(label="Product", choices=_products)

KINDS: Mapping[ExportKind, Kind] = {
    ExportKind.LEDGER: Kind(
        columns=(
            *("entry", "at", *PLAYER_COLUMNS, "type", "asset", "direction", "amount"),
            *(*_DELTAS, *_AFTER, "shortfall", "source", "key", "reverses", "staff", "reason"),
        ),
        rows=_ledger,
        permission="economy.view_ledgerentry",
        days="entries of these days",
        filters={
            "type": Filter(label="Type", choices=lambda: EntryType.choices),
            "asset": Filter(label="Asset", choices=lambda: Asset.choices),
            "source": Filter(label="Source", choices=lambda: Source.choices),
        },
    ),
    ExportKind.PURCHASES: Kind(
        columns=(
            *("purchase", "paid_at", *PLAYER_COLUMNS, "product", "is_subscription", "renews"),
            *("status", "problem", "base_stars", "percent_off", "price_stars", "paid_stars"),
            *("currency", "charge_id", "credit_entry", "refund_entry"),
            *("refund_asked_at", "refunded_at"),
        ),
        rows=_purchases,
        permission="payments.view_purchase",
        days="paid on these days",
        filters={
            "product": _PRODUCT,
            "status": Filter(label="Status", choices=lambda: PurchaseStatus.choices),
        },
    ),
    ExportKind.REFUNDS: Kind(
        columns=(
            *("refund", "asked_at", *PLAYER_COLUMNS, "refunded_by_telegram_at", "finished_at"),
            *("purchase", "product", "stars", "currency", "charge_id", "source", "staff"),
            *("approved_by", "reason", "tries", "last_error"),
        ),
        rows=_refunds,
        permission="payments.view_refund",
        days="asked for on these days",
        filters={"source": Filter(label="Source", choices=lambda: RefundSource.choices)},
    ),
    ExportKind.REVENUE: Kind(
        columns=("day", "product", "purchases", "stars", "refunded", "net"),
        rows=_revenue,
        permission="payments.view_purchase",
        days="payments made and refunds finished on these days",
        filters={"product": _PRODUCT},
    ),
    ExportKind.RECONCILIATION: Kind(
        columns=(
            *("run", "started_at", "finished_at", "everything", "compared_from"),
            *("compared_until", "compared", "left_to_next_run", "lines_read", "differences"),
            *("open_findings", "error"),
        ),
        rows=_reconciliation,
        permission="payments.view_reconciliationrun",
        days="begun on these days",
        filters={
            "is_full": Filter(
                label="Compared",
                choices=lambda: [("yes", "everything"), ("no", "the last 3 days")],
            )
        },
    ),
}
