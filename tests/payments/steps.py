"""The steps of a purchase's road, as players, Telegram and the jobs take them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection, transaction

from economy.models import LedgerEntry, Wallet
from payments import checkout, purchases, refunds
from payments.checkout import PreCheckout
from payments.errors import Refusal
from payments.models import Flag, Purchase, PurchaseStatus, Refund, RefundSource
from payments.purchases import Payment
from quizarena.players.models import Player
from tests.owner import as_owner

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

_numbers = count(1)


def open_purchase(
    player: Player, code: str = "ENERGY_10", *, now: datetime = NOON, is_subscription: bool = False
) -> Purchase:
    """Let the player tap a product, and send the invoice."""
    with transaction.atomic():
        purchase = purchases.open_purchase(
            player=player, product_code=code, now=now, is_subscription=is_subscription
        )
        purchases.invoice_sent(purchase, now=now)
    return purchase


def check_out(
    purchase: Purchase, *, query: str = "", now: datetime = NOON, **changes: Any
) -> Refusal | None:
    """Let Telegram ask whether the Stars may be taken; `changes` are what it has got wrong."""
    asked = PreCheckout(
        query_id=query or f"query-{next(_numbers)}",
        telegram_id=purchase.player.telegram_id,
        payload=purchase.payload or "",
        stars=purchase.stars or 0,
        currency="XTR",
    )
    return checkout.check_out(replace(asked, **changes), now=now)


def payment(purchase: Purchase, **changes: Any) -> Payment:
    """Return what Telegram tells once it has taken the Stars for a purchase."""
    number = next(_numbers)
    paid = Payment(
        charge_id=f"charge-{number}",
        provider_charge_id=f"provider-{number}",
        payload=purchase.payload or "",
        stars=purchase.stars or 0,
        currency="XTR",
        paid_at=NOON,
        payer=payer(purchase.player),
        raw={"telegram_payment_charge_id": f"charge-{number}"},
    )
    return replace(paid, **changes)


def payer(player: Player) -> Mapping[str, Any]:
    """Return the Bot API's User for a player."""
    return {
        "id": player.telegram_id,
        "is_bot": False,
        "first_name": player.first_name,
        "last_name": player.last_name,
        "username": player.username,
        "language_code": "de",
    }


def pay(
    purchase: Purchase,
    *,
    now: datetime = NOON,
    flags: tuple[Flag, ...] = (),
    **changes: Any,
) -> Purchase:
    """Record a payment for a purchase at the instant at which it was made; credit nothing."""
    paid = payment(purchase, **{"paid_at": now, **changes})
    return purchases.record_payment(paid, now=now, flags=flags)


def credit(purchase: Purchase, *, now: datetime = NOON) -> Purchase:
    """Credit what has been recorded."""
    assert purchase.charge_id is not None
    return purchases.credit(charge_id=purchase.charge_id, now=now)


def buy(
    player: Player, code: str = "ENERGY_10", *, now: datetime = NOON, is_subscription: bool = False
) -> Purchase:
    """Go the whole road, from the tap to the credit."""
    purchase = open_purchase(player, code, now=now, is_subscription=is_subscription)
    assert check_out(purchase, now=now) is None
    purchase = credit(pay(purchase, now=now), now=now)
    assert purchase.status == PurchaseStatus.CREDITED
    return purchase


def ask_refund(purchase: Purchase, *, now: datetime = NOON) -> Refund:
    """Store the intent to refund, as the API does."""
    return refunds.ask(
        purchase_id=purchase.pk, source=RefundSource.API, reason="Wrong product.", now=now
    )


def refund(purchase: Purchase, *, now: datetime = NOON) -> Purchase:
    """Refund as if Telegram had given the Stars back."""
    ask_refund(purchase, now=now)
    return refunds.complete(purchase_id=purchase.pk, now=now)


def owned(player: Player) -> tuple[int, int, int]:
    """Return paid energy, streak savers and duel tickets."""
    wallet = Wallet.objects.get(player=player)
    return wallet.paid_energy, wallet.streak_savers, wallet.duel_tickets


def entries(player: Player) -> list[tuple[str, str, int]]:
    """Return type, key and amount of the player's entries that are about purchases."""
    of_purchases = LedgerEntry.objects.filter(player=player, asset="PURCHASE")
    return list(of_purchases.order_by("pk").values_list("type", "idempotency_key", "amount"))


def timeline(purchase: Purchase) -> list[str]:
    """Return what has happened to a purchase, in order."""
    return list(purchase.events.order_by("pk").values_list("kind", flat=True))


def again(purchase: Purchase) -> Purchase:
    """Read a purchase as it is now."""
    return Purchase.objects.select_related("player").get(pk=purchase.pk)


class Delivery:
    """Opens modes, or breaks in the middle of a Mega Pack: its energy has been posted by then.

    What breaks it is a trigger, which goes with the transaction of the test.
    """

    def __init__(self) -> None:
        self.is_working = True
        with as_owner() as cursor:
            cursor.execute(_BREAKABLE)

    def breaks(self) -> None:
        """Let every delivery of modes fail from now on."""
        self._set(is_working=False)

    def works(self) -> None:
        """Let deliveries succeed again."""
        self._set(is_working=True)

    def _set(self, *, is_working: bool) -> None:
        self.is_working = is_working
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('tests.modes', %s, false)", [str(is_working)])


_BREAKABLE = """
CREATE FUNCTION tests_no_modes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('tests.modes', true) = 'False' THEN
    RAISE EXCEPTION 'No modes today.';
  END IF;
  RETURN NEW;
END;
$$;
CREATE TRIGGER tests_no_modes BEFORE INSERT ON economy_modespan
FOR EACH ROW EXECUTE FUNCTION tests_no_modes();
"""
