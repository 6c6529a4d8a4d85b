"""Payments: what a purchase costs, and its refund, beside the least SQL."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from uuid import uuid4

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from economy import wallets
from payments import checkout, purchases, refunds
from payments.checkout import PreCheckout
from payments.models import XTR, Purchase, RefundSource
from payments.purchases import Payment
from quizarena.players.models import Player
from tests.bench.clients import CLIENTS, Work, clients, per_second
from tests.bench.pgbench import transactions_per_second
from tests.bench.report import Figure

FLOOR = Path(__file__).with_name("floor")
PLAYERS = 1_000
# Telegram ids of the players who buy here.
FIRST_TELEGRAM_ID = 5 * 10**15


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Count the statements of each step, then measure purchases in turns with pgbench."""
    buyers()
    yield from _counts()
    yield from _chains(repetitions=repetitions, seconds=seconds)


# --- Steps, as the bot takes them -----------------------------------------------------------------


def open_for(player: Player) -> Purchase:
    """Let the player open a purchase, and have the invoice sent."""
    with transaction.atomic():
        purchase = purchases.open_purchase(
            player=player, product_code="ENERGY_10", now=timezone.now()
        )
        purchases.invoice_sent(purchase, now=timezone.now())
    return purchase


def _check_out(player: Player, purchase: Purchase) -> None:
    assert purchase.payload is not None
    query = PreCheckout(
        query_id=uuid4().hex,
        telegram_id=player.telegram_id,
        payload=purchase.payload,
        stars=5,
        currency=XTR,
    )
    assert checkout.check_out(query, now=timezone.now()) is None


def _record(player: Player, purchase: Purchase) -> str:
    assert purchase.payload is not None
    charge_id = f"bench-{purchase.pk}"
    payment = Payment(
        charge_id=charge_id,
        provider_charge_id="",
        payload=purchase.payload,
        stars=5,
        currency=XTR,
        paid_at=timezone.now(),
        payer={"id": player.telegram_id, "first_name": "Bench"},
        raw={"bench": True},
    )
    purchases.record_payment(payment, now=timezone.now())
    return charge_id


def _refund(purchase: Purchase) -> None:
    refunds.ask(
        purchase_id=purchase.pk, source=RefundSource.API, reason="bench", now=timezone.now()
    )
    refunds.complete(purchase_id=purchase.pk, now=timezone.now())


def buy(client: int, number: int) -> Purchase:
    """Let a player of this client's own buy: open, pre-checkout, payment, credit."""
    player = _players()[client + CLIENTS * (number % (PLAYERS // CLIENTS))]
    purchase = open_for(player)
    _check_out(player, purchase)
    purchases.credit(charge_id=_record(player, purchase), now=timezone.now())
    return purchase


def buy_and_refund(client: int, number: int) -> None:
    """Let a player of this client's own buy, and have it back."""
    _refund(buy(client, number))


def _just_buy(client: int, number: int) -> None:
    buy(client, number)


_known: list[Player] = []


def _players() -> list[Player]:
    """Return the players of this part, read once in each process."""
    if not _known:
        ids = range(FIRST_TELEGRAM_ID, FIRST_TELEGRAM_ID + PLAYERS)
        _known.extend(Player.objects.filter(telegram_id__in=ids).order_by("pk"))
    return _known


# --- Figures --------------------------------------------------------------------------------------


def _counts() -> Iterator[Figure]:
    """Count the statements of each step, BEGIN and COMMIT aside."""
    player = _players()[0]
    with _Count() as opened:
        purchase = open_for(player)
    with _Count() as checked:
        _check_out(player, purchase)
    with _Count() as recorded:
        charge_id = _record(player, purchase)
    with _Count() as credited:
        purchases.credit(charge_id=charge_id, now=timezone.now())
    chain = opened.count + checked.count + recorded.count + credited.count
    refunds.ask(
        purchase_id=purchase.pk, source=RefundSource.API, reason="bench", now=timezone.now()
    )
    with _Count() as refunded:
        refunds.complete(purchase_id=purchase.pk, now=timezone.now())
    for what, count, target in (
        ("statements: open + pre-checkout + payment + credit", chain, "<= 12"),
        ("statements: refund, local part", refunded.count, "<= 6"),
    ):
        yield Figure(what=what, unit="count", samples=[count], target=target)


class _Count(CaptureQueriesContext):
    """How many statements a step takes."""

    def __init__(self) -> None:
        super().__init__(connection)

    @property
    def count(self) -> int:
        """Return how many there were, BEGIN and COMMIT aside."""
        return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in self.captured_queries)


def _chains(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Let clients buy in turns with pgbench."""
    with connection.cursor() as cursor:
        _run(cursor, "payment_tables.sql")
    chains: tuple[tuple[str, Work, str, str], ...] = (
        ("purchase chain", _just_buy, "purchase.sql", ">= 0.3"),
        ("purchase chain and refund", buy_and_refund, "purchase_and_refund.sql", ""),
    )
    with clients() as pool:
        for what, work, script, target in chains:
            ours, floor = [], []
            # The first round warms up.
            for _ in range(repetitions + 1):
                variables = {"turn": 0, "run": time.time_ns() // 1_000_000 % 100_000_000}
                floor.append(
                    transactions_per_second(
                        FLOOR / script, clients=CLIENTS, seconds=seconds, variables=variables
                    )
                )
                ours.append(per_second(pool, work, seconds=seconds))
            sizes: dict[str, str | int | float] = {"clients": CLIENTS, "seconds": seconds}
            yield Figure(what=what, unit="chains/s", samples=ours[1:], settings=sizes)
            yield Figure(
                what=f"{what}: ratio to pgbench",
                unit="ratio",
                samples=[mine / least for mine, least in zip(ours[1:], floor[1:], strict=True)],
                target=target,
                settings={**sizes, "pgbench_per_second": median(floor[1:])},
            )


def _run(cursor: CursorWrapper, script: str) -> None:
    cursor.execute((FLOOR / script).read_text())


@transaction.atomic
def buyers() -> list[Player]:
    """Return the players who buy here, made once; each has been welcomed."""
    if not _players():
        now = timezone.now()
        for number in range(PLAYERS):
            player = Player.objects.create(
                telegram_id=FIRST_TELEGRAM_ID + number,
                first_name="Bench",
                created_at=now,
                last_seen_at=now,
            )
            wallets.grant_welcome_energy(player=player, now=now)
    return _players()
