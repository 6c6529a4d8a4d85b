"""The lifecycle of a purchase, from the tap to the credit. Product rules, section 5.

What is fixed when it is opened stays; a payment is written down first and credited second; and
once Stars have arrived, no rule refuses them any more. Lock order: Purchase before Wallet.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet

from economy import grants
from economy.models import Asset, EntryType, Source
from economy.wallets import day_began
from payments import catalogue, payload, price_changes, subscriptions
from payments.errors import NotCreditableError, Refusal, RefusedError
from payments.models import (
    OPEN,
    XTR,
    EventKind,
    Flag,
    Problem,
    Product,
    Purchase,
    PurchaseStatus,
)
from promos import reservations
from promos.discounts import discounted
from promos.errors import NotAttachableError
from promos.models import Redemption
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.prepared import columns, instances, prepared, save
from quizarena.staff import alerts

# So many purchases one player may open on one day of Berlin. Product rules, section 13.
OPENED_A_DAY_MAX = 60
# The kind of alert for a payment that waits for staff.
IN_REVIEW = "payment_in_review"

log = structlog.get_logger(__name__)

# --- Opening --------------------------------------------------------------------------------------


def open_purchase(
    *,
    player: Player,
    product_code: str,
    now: datetime,
    is_subscription: bool = False,
    redemption_id: int | None = None,
) -> Purchase:
    """Return the player's open purchase of the product, opened now if there is none.

    The price is fixed here, with the discount of the reservation `redemption_id` if one is given;
    a purchase of another product with this reservation is closed. Concurrent taps get the same row,
    locked until the transaction ends; one that is open in another way (with another reservation or
    one that is over, as a subscription or not) is closed, too. Without a reservation the tap gets
    what is open, with a reservation or not.

    Locks the player, then the purchase, then the reservation. Raises RefusedError with the first
    reason why the player cannot buy it, and after OPENED_A_DAY_MAX on one day. Four statements, for
    a subscription five: a player has one at a time.
    """
    product = _buyable(product_code, player=player, is_subscription=is_subscription, now=now)
    reservation = None
    if redemption_id is not None:
        reservation = _usable(redemption_id, player=player, product=product, now=now)
        if is_subscription:
            raise RefusedError(Refusal.PROMO_NOT_FITTING)  # It would be cheaper for ever.
    wanted: dict[str, Any] = {
        "player": player,
        "product": product,
        "now": now,
        "is_subscription": is_subscription,
        "reservation": reservation,
    }
    if reservation is None:
        # Nothing is refused inside, so no savepoint is needed.
        with transaction.atomic(savepoint=False):
            players.lock(player)
            purchase = (
                _open_as_wanted(wanted)
                if _may_open(player=player, now=now)
                else _open_before(wanted)
            )
        if purchase is None:
            raise RefusedError(Refusal.TOO_MANY_TODAY)
        return purchase
    with transaction.atomic():
        # One purchase per product, one per reservation: the second caller sees what the first did.
        players.lock(player)
        if _may_open(player=player, now=now):
            return _open_with_reservation(reservation, wanted)
        purchase = _open_before(wanted)
        if purchase is None:
            raise RefusedError(Refusal.TOO_MANY_TODAY)
        return purchase


def _buyable(product_code: str, *, player: Player, is_subscription: bool, now: datetime) -> Product:
    """Return the product; raise RefusedError with the first reason why the player cannot buy it."""
    product = _product.first(code=product_code, player=player.pk, now=now)
    if product is None or (is_subscription and not product.can_subscribe):
        raise RefusedError(Refusal.NOT_FOR_SALE)
    for refusal in catalogue.refusals(
        product=product, player=player, found=catalogue.circumstances(product), now=now
    ):
        raise refusal
    if is_subscription and subscriptions.current(player=player, now=now) is not None:
        raise RefusedError(Refusal.SUBSCRIBED)
    return product


def _may_open(*, player: Player, now: datetime) -> bool:
    """Return whether the player, who is locked, may open another purchase today."""
    today = Purchase.objects.filter(player=player, opened_at__gte=day_began(now))
    return today.count() < OPENED_A_DAY_MAX


def _open_before(wanted: dict[str, Any]) -> Purchase | None:
    """Lock and return what is open as it is wanted, if anything is."""
    mine = Purchase.objects.open().filter(player=wanted["player"], product=wanted["product"])
    purchase = mine.select_for_update().first()
    if purchase is None or not _is_as_wanted(
        purchase,
        is_subscription=wanted["is_subscription"],
        reservation=wanted["reservation"],
        now=wanted["now"],
    ):
        return None
    purchase.player, purchase.product = wanted["player"], wanted["product"]
    return purchase


@prepared
def _product(*, code: str, player: int, now: datetime) -> QuerySet[Product]:
    return catalogue.with_circumstances(
        Product.objects.filter(pk=code), player=player, product=code, now=now
    )


def _open_as_wanted(wanted: dict[str, Any]) -> Purchase:
    """Return the open purchase as the player wants it now; one that is otherwise is closed."""
    purchase = _insert(**wanted)
    if not _is_as_wanted(
        purchase,
        is_subscription=wanted["is_subscription"],
        reservation=wanted["reservation"],
        now=wanted["now"],
    ):
        fail(purchase, why="opened again in another way", now=wanted["now"])
    elif _is_dearer(purchase, product=wanted["product"], reservation=wanted["reservation"]):
        fail(purchase, why="it costs less now", now=wanted["now"], keeps_reservation=True)
    else:
        return purchase
    return _insert(**wanted)


def _is_dearer(purchase: Purchase, *, product: Product, reservation: Redemption | None) -> bool:
    """Return whether the price has been lowered since: every screen shows the current price.

    What has become dearer since stays at the price of its invoice.
    """
    assert purchase.stars is not None
    percent = reservation.campaign.value if reservation else 0
    return purchase.stars > discounted(stars=product.stars, percent=percent)


def _open_with_reservation(reservation: Redemption, wanted: dict[str, Any]) -> Purchase:
    """Open the purchase with the reservation, which leaves whatever it was attached to before."""
    _move_reservation_here(reservation, product=wanted["product"], now=wanted["now"])
    purchase = _open_as_wanted(wanted)
    _attach(reservation, purchase, now=wanted["now"])
    return purchase


def _usable(redemption_id: int, *, player: Player, product: Product, now: datetime) -> Redemption:
    """Return the player's reservation with its campaign. Raises RefusedError if it does not fit."""
    reserved = Redemption.objects.reserved(now).select_related("campaign")
    reservation = reserved.filter(pk=redemption_id, player=player).first()
    if reservation is None:
        raise RefusedError(Refusal.PROMO_EXPIRED)
    if not reservation.campaign.fits(product_code=product.pk, is_premium=product.plan is not None):
        raise RefusedError(Refusal.PROMO_NOT_FITTING)
    return reservation


def _move_reservation_here(reservation: Redemption, *, product: Product, now: datetime) -> None:
    """Close the open purchase of another product that has the reservation; that stays reserved."""
    others = Purchase.objects.open().filter(redemption=reservation).exclude(product=product)
    for other in others.select_for_update():
        fail(other, why="the discount is used for something else", now=now, keeps_reservation=True)


def _is_as_wanted(
    purchase: Purchase, *, is_subscription: bool, reservation: Redemption | None, now: datetime
) -> bool:
    """Return whether the purchase, open before or not, is what the player wants now."""
    if purchase.is_subscription != is_subscription:
        return False
    if reservation is not None:
        return purchase.redemption_id == reservation.pk
    return (
        purchase.redemption_id is None
        or Redemption.objects.reserved(now).filter(pk=purchase.redemption_id).exists()
    )


def _attach(reservation: Redemption, purchase: Purchase, *, now: datetime) -> None:
    """Let the reservation take off what the purchase costs less. Raises RefusedError."""
    assert purchase.base_stars is not None
    assert purchase.stars is not None
    try:
        reservations.attach(
            redemption_id=reservation.pk,
            player=purchase.player,
            stars_off=purchase.base_stars - purchase.stars,
            now=now,
        )
    except NotAttachableError:
        raise RefusedError(Refusal.PROMO_EXPIRED) from None


# Whoever taps second gets the row of the first, and waits until that one's transaction has ended.
_OPEN = f"""
INSERT INTO payments_purchase
  (id, player_id, product_id, goods, base_stars, percent, stars, is_subscription,
   redemption_id, payload,
   status, problem, flags, opened_at, event, evidence, changed_at,
   provider_charge_id, paid_currency, recovery_tries, invoice_link)
VALUES
  (%(id)s, %(player)s, %(product)s, %(goods)s, %(base_stars)s, %(percent)s, %(stars)s,
   %(is_subscription)s, %(redemption)s, %(payload)s,
   'CREATED', '', '{{}}', %(now)s, 'OPENED', '{{}}', %(now)s, '', '', 0, '')
ON CONFLICT (player_id, product_id) WHERE status IN ({", ".join(f"'{status}'" for status in OPEN)})
DO UPDATE SET changed_at = payments_purchase.changed_at
RETURNING {columns(Purchase)}
"""  # noqa: S608 -- the statuses are constants.


def _insert(
    *,
    player: Player,
    product: Product,
    now: datetime,
    is_subscription: bool,
    reservation: Redemption | None,
) -> Purchase:
    """Insert a purchase, or return the one that is open; it is locked in either case."""
    purchase_id, percent = uuid4(), reservation.campaign.value if reservation else 0
    stars = discounted(stars=product.stars, percent=percent)
    values = {
        "id": purchase_id,
        "player": player.pk,
        "product": product.pk,
        "goods": json.dumps(product.goods.metadata()),
        "base_stars": product.stars,
        "percent": percent,
        "stars": stars,
        "is_subscription": is_subscription,
        "redemption": reservation.pk if reservation else None,
        "payload": payload.sign(
            purchase_id=purchase_id,
            telegram_id=player.telegram_id,
            product=product.pk,
            stars=stars,
        ),
        "now": now,
    }
    (purchase,) = instances(Purchase, _OPEN, values)
    purchase.player, purchase.product = player, product
    return purchase


def invoice_sent(purchase: Purchase, *, now: datetime) -> None:
    """Note that the invoice is on its way; its time to be paid begins (again).

    The caller holds the lock, as open_purchase leaves it.
    """
    status = PurchaseStatus(purchase.status)
    if status is PurchaseStatus.CREATED:
        status = PurchaseStatus.INVOICE_SENT
    save(purchase, fields=purchase.moves(status, EventKind.INVOICE_SENT, now=now))


# --- Payment --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What Telegram took (Bot API SuccessfulPayment, or a line of getStarTransactions).

    `payer` is the Bot API's User as it came, `raw` all the evidence.
    """

    charge_id: str
    provider_charge_id: str
    payload: str
    stars: int
    currency: str
    paid_at: datetime
    payer: Mapping[str, Any]
    raw: Mapping[str, Any]
    is_renewal: bool = False
    subscribed_until: datetime | None = None


@transaction.atomic
def record_payment(payment: Payment, *, now: datetime, flags: tuple[Flag, ...] = ()) -> Purchase:
    """Write down that Telegram took the Stars, whatever happens next; return the charge's purchase.

    Locks the purchase. Nothing is refused here: what does not fit is kept for review with an alert,
    what a rule has against it becomes a flag. A charge that is known changes nothing. Crediting is
    a step of its own. Two statements, for what goes as it should.
    """
    rows = _paid_for.rows(payload=payment.payload, charge_id=payment.charge_id, now=now)
    for purchase in rows:
        if purchase.charge_id == payment.charge_id:
            return purchase  # Telegram repeats an update that was answered late.
    invoiced = rows[0] if rows else None
    if invoiced is None:
        return _keep(payment, of=None, problem=Problem.UNKNOWN_PAYLOAD, flags=flags, now=now)
    if invoiced.player.telegram_id != payment.payer.get("id"):
        return _keep(payment, of=invoiced, problem=Problem.FOREIGN_PLAYER, flags=flags, now=now)
    if invoiced.charge_id is not None:
        if invoiced.is_subscription and payment.is_renewal:
            problem = _problem(invoiced, payment)
            # What is subscribed to has a product; without one nothing can be compared.
            if invoiced.product_id is not None and price_changes.is_low_renewal(
                product_code=invoiced.product_id, stars=payment.stars, now=now
            ):
                flags = (*flags, Flag.BELOW_REFERENCE)
            return _keep(payment, of=invoiced, problem=problem, flags=flags, now=now)
        return _keep(payment, of=invoiced, problem=Problem.SECOND_CHARGE, flags=flags, now=now)

    honoured = [*flags, *_honoured(invoiced, now=now)]
    _take(invoiced, payment, problem=_problem(invoiced, payment), flags=honoured, now=now)
    save(invoiced, fields=_PAYMENT_FIELDS)
    _alert(invoiced, now=now)
    return invoiced


@prepared
def _paid_for(*, payload: str, charge_id: str, now: datetime) -> QuerySet[Purchase]:
    """Lock what the invoice is of, and what has the charge; return it with its circumstances."""
    beside = ("player", "product", "redemption")
    found = catalogue.with_circumstances(
        Purchase.objects.select_for_update(of=("self",)).select_related(*beside),
        player=OuterRef("player"),
        product=OuterRef("product"),
        now=now,
    )
    return found.filter(Q(payload=payload) | Q(charge_id=charge_id)).order_by("pk")


_PAYMENT_FIELDS = (
    "status", "event", "evidence", "changed_at", "problem", "flags",
    "charge_id", "provider_charge_id", "paid_stars", "paid_currency", "paid_at",
    "subscribed_until",
)  # fmt: skip


def _problem(purchase: Purchase, payment: Payment) -> Problem | None:
    """Return what is wrong with the payment itself."""
    if payment.currency != XTR:
        return Problem.CURRENCY
    return Problem.AMOUNT if payment.stars != purchase.stars else None


def _honoured(purchase: Any, *, now: datetime) -> list[Flag]:
    """Return what a pre-checkout would have refused now."""
    flags = [Flag(reason.refusal.value) for reason in catalogue.refusals_of(purchase, now=now)]
    if purchase.redemption is not None and purchase.redemption.status != "RESERVED":
        flags.append(Flag.PROMO_LAPSED)
    if purchase.player.bot_blocked_at is not None:
        flags.append(Flag.BOT_BLOCKED)
    if purchase.status == PurchaseStatus.FAILED:
        flags.append(Flag.LATE)
    elif purchase.status != PurchaseStatus.PRECHECKOUT_OK:
        flags.append(Flag.UNCHECKED)
    return flags


def _take(
    purchase: Purchase,
    payment: Payment,
    *,
    problem: Problem | None,
    flags: list[Flag],
    now: datetime,
) -> None:
    """Put the payment into the purchase."""
    purchase.moves(
        PurchaseStatus.CREDIT_REVIEW if problem else PurchaseStatus.PAID_UNCREDITED,
        EventKind.PAID,
        now=now,
        evidence=payment.raw,
    )
    purchase.problem = problem or ""
    purchase.flags = [flag.value for flag in flags]
    purchase.charge_id = payment.charge_id
    purchase.provider_charge_id = payment.provider_charge_id
    purchase.paid_stars = payment.stars
    purchase.paid_currency = payment.currency
    purchase.paid_at = payment.paid_at
    purchase.subscribed_until = payment.subscribed_until


def _keep(
    payment: Payment,
    *,
    of: Purchase | None,
    problem: Problem | None,
    now: datetime,
    flags: tuple[Flag, ...] = (),
) -> Purchase:
    """Give a charge that has no open purchase a row of its own, once."""
    purchase = Purchase(player=_payer(payment, of=of, now=now), opened_at=now)
    if of is not None:
        purchase.product, purchase.goods = of.product, of.goods
        purchase.base_stars, purchase.percent, purchase.stars = of.base_stars, of.percent, of.stars
        # What somebody else pays does not renew a player's subscription.
        if payment.is_renewal and purchase.player == of.player:
            purchase.is_subscription, purchase.renews = True, of
    _take(purchase, payment, problem=problem, flags=list(flags), now=now)
    Purchase.objects.bulk_create([purchase], ignore_conflicts=True)
    kept = Purchase.objects.select_related("player").get(charge_id=payment.charge_id)
    _alert(kept, now=now)
    return kept


def _payer(payment: Payment, *, of: Purchase | None, now: datetime) -> Player:
    """Return who has paid."""
    if of is not None and of.player.telegram_id == payment.payer.get("id"):
        return of.player
    payer = payment.payer
    return players.upsert_from_telegram(
        telegram_id=payer["id"],
        first_name=payer.get("first_name", ""),
        last_name=payer.get("last_name", ""),
        username=payer.get("username", ""),
        language_code=payer.get("language_code"),
        now=now,
    )


def _alert(purchase: Purchase, *, now: datetime) -> None:
    """Raise an alert for a payment in review."""
    if purchase.status == PurchaseStatus.CREDIT_REVIEW:
        alerts.raise_alert(
            kind=IN_REVIEW,
            key=str(purchase.pk),
            summary=f"{purchase.paid_stars} Stars are in review: "
            f"{Problem(purchase.problem).label}.",
            details={"purchase": str(purchase.pk), "charge": purchase.charge_id},
            now=now,
            subject=purchase,
        )


# --- Credit ---------------------------------------------------------------------------------------


def credit(*, charge_id: str, now: datetime) -> Purchase:
    """Deliver what has been paid, all of it or nothing, once; return the purchase as it is then.

    Locks the purchase, then the wallet. What is not waiting to be credited is left as it is. If the
    delivery fails, that is written into the timeline, and recovery will try again. Raises
    Purchase.DoesNotExist for a charge that nobody has recorded. Three statements for units.
    """
    try:
        with transaction.atomic():
            purchase = lock(charge_id=charge_id)
            if _is_to_be_credited(purchase):
                _deliver(purchase, now=now)
            return purchase
    except Purchase.DoesNotExist:
        raise
    except Exception as error:  # Of whatever kind: the payment must stay on record.
        log.exception("purchase.not_credited", charge=charge_id)
        return _note_that_not_credited(error, charge_id=charge_id, now=now)


@transaction.atomic
def _note_that_not_credited(error: Exception, *, charge_id: str, now: datetime) -> Purchase:
    """Write down that the delivery has failed, unless somebody else has made it meanwhile."""
    purchase = lock(charge_id=charge_id)
    if _is_to_be_credited(purchase):
        changed = purchase.moves(
            PurchaseStatus.PAID_UNCREDITED,
            EventKind.NOT_CREDITED,
            now=now,
            evidence={"error": f"{type(error).__name__}: {error}"},
        )
        save(purchase, fields=changed)
    return purchase


def _is_to_be_credited(purchase: Purchase) -> bool:
    """Return whether it is paid, and neither credited nor to be refunded."""
    is_paid = purchase.status == PurchaseStatus.PAID_UNCREDITED
    return is_paid and purchase.refund_asked_at is None


@transaction.atomic
def replay_credit(*, purchase_id: UUID, now: datetime) -> Purchase:
    """Deliver what waits in review, because staff have looked at it. Locks as `credit` does.

    Raises what `check_replayable` and the delivery raise.
    """
    purchase = lock(pk=purchase_id)
    check_replayable(purchase)
    _deliver(purchase, now=now)
    alerts.resolve(kind=IN_REVIEW, key=str(purchase.pk), now=now)
    return purchase


def check_replayable(purchase: Purchase) -> None:
    """Raise NotCreditableError unless it waits in review, for no refund, and its product is known.

    Looks at the purchase as it was read; decides nothing unless it is locked.
    """
    if purchase.status not in (PurchaseStatus.CREDIT_REVIEW, PurchaseStatus.PAID_UNCREDITED):
        raise NotCreditableError(f"It is {purchase.get_status_display()}.")
    if purchase.refund_asked_at is not None:
        raise NotCreditableError("It is being refunded.")
    if purchase.goods is None:
        raise NotCreditableError("Unknown product. Refund this payment.")


def lock(*, pk: UUID | None = None, charge_id: str | None = None) -> Purchase:
    """Lock the one purchase until the transaction ends, with its player beside it."""
    if pk is not None:
        return _of_id.get(pk=pk)
    assert charge_id is not None
    return _of_charge.get(charge_id=charge_id)


@prepared
def _of_id(*, pk: UUID) -> QuerySet[Purchase]:
    """Lock a purchase."""
    return _with_player().filter(pk=pk)


@prepared
def _of_charge(*, charge_id: str) -> QuerySet[Purchase]:
    """Lock the purchase of a charge."""
    return _with_player().filter(charge_id=charge_id)


def _with_player() -> QuerySet[Purchase]:
    return Purchase.objects.select_for_update(of=("self",)).select_related("player")


def _deliver(purchase: Purchase, *, now: datetime) -> None:
    """Grant the goods as one entry of the Stars that were paid (product rules, section 3)."""
    goods = purchase.delivers
    assert goods is not None
    if purchase.renews is not None:
        subscriptions.end_grace(purchase.renews, now=now)
    elif purchase.is_subscription:
        subscriptions.lock(purchase)  # Before the wallet, as grace does.
    entry, _ = grants.grant(
        player=purchase.player,
        goods=goods,
        type=EntryType.PURCHASE_CREDIT,
        source=Source.PURCHASE,
        key=f"credit:purchase:{purchase.pk}",
        now=now,
        asset=Asset.PURCHASE,
        amount=purchase.paid_stars,
        metadata={"purchase": str(purchase.pk), "product": purchase.product_id},
    )
    if purchase.is_subscription:
        subscriptions.track_renewal(purchase, now=now)
    changed = []
    # The campaign comes after the wallet, as in a refund.
    if purchase.redemption_id is not None and not reservations.apply(
        redemption_id=purchase.redemption_id, now=now
    ):
        # Its time was over, or the campaign was stopped: the price that was paid stands.
        purchase.flags = [*dict.fromkeys([*purchase.flags, Flag.PROMO_LAPSED.value])]
        changed.append("flags")
    purchase.credit_entry = entry
    changed += purchase.moves(
        PurchaseStatus.CREDITED, EventKind.CREDITED, now=now, evidence={"entry": entry.pk}
    )
    save(purchase, fields=[*changed, "credit_entry"])


# --- What nobody pays, and what could not be credited ---------------------------------------------

# How often, and from when on, a payment is tried again (product rules, section 5.5).
RECOVERY_TRIES_MAX = 3


def fail_stale(*, now: datetime, limit: int) -> int:
    """Close the purchases that nobody has paid in time; return how many. One transaction each."""
    due = Purchase.objects.stale(now).order_by("changed_at").values_list("pk", flat=True)
    return sum(_fail_if_stale(purchase_id=pk, now=now) for pk in list(due[:limit]))


@transaction.atomic
def _fail_if_stale(*, purchase_id: UUID, now: datetime) -> bool:
    """Close the purchase unless it has been paid or asked for again meanwhile."""
    stale = Purchase.objects.stale(now).select_for_update(of=("self",), skip_locked=True)
    purchase = stale.filter(pk=purchase_id).first()
    if purchase is None:
        return False
    fail(purchase, why="unpaid for 30 minutes", now=now)
    return True


@transaction.atomic
def close(*, purchase_id: UUID, why: str, now: datetime) -> bool:
    """Close a purchase that nobody has paid; False if it is not open. Locks it."""
    purchase = lock(pk=purchase_id)
    if purchase.status not in OPEN:
        return False
    fail(purchase, why=why, now=now)
    return True


def fail(purchase: Purchase, *, why: str, now: datetime, keeps_reservation: bool = False) -> None:
    """Close an open, locked purchase; release its reservation unless it `keeps_reservation`.

    A later payment is still honoured.
    """
    changed = purchase.moves(
        PurchaseStatus.FAILED, EventKind.FAILED, now=now, evidence={"why": why}
    )
    save(purchase, fields=changed)
    if purchase.redemption_id is not None and not keeps_reservation:
        reservations.release(redemption_id=purchase.redemption_id, now=now)


@transaction.atomic
def recover(*, charge_id: str, now: datetime) -> Purchase:
    """Try again to credit what was paid; after RECOVERY_TRIES_MAX tries staff have to look.

    Locks the purchase, then the wallet. Whoever came first has done it: then nothing changes.
    """
    purchase = credit(charge_id=charge_id, now=now)
    if purchase.status != PurchaseStatus.PAID_UNCREDITED or purchase.refund_asked_at is not None:
        return purchase
    purchase.recovery_tries += 1
    changed = ["recovery_tries"]
    if purchase.recovery_tries >= RECOVERY_TRIES_MAX:
        purchase.problem = Problem.NOT_CREDITED
        changed += [
            "problem",
            *purchase.moves(
                PurchaseStatus.CREDIT_REVIEW,
                EventKind.REVIEW,
                now=now,
                evidence={"tries": purchase.recovery_tries},
            ),
        ]
    save(purchase, fields=changed)
    _alert(purchase, now=now)
    return purchase
