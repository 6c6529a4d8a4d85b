"""Monthly subscriptions, which Telegram renews by itself. Product rules, sections 4 and 5.4.

Each renewal is a purchase of its own. What is left to know here is until when it has been paid,
whether it renews, and the days of grace for a renewal that does not come in time.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from economy import grants
from economy.goods import Goods, Plan
from economy.models import EntryType, Source
from payments import telegram
from payments.models import GRACE, Purchase, Subscription, SubscriptionState
from quizarena.players.models import Player
from quizarena.staff import alerts

# Bot API createInvoiceLink takes no other period.
PERIOD = timedelta(days=30)
# How long after a try to cancel that failed the next one is due; the last one repeats.
CANCEL_DELAYS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
CANCEL_ALERT_AFTER_TRIES = 3
# The kind of alert for a subscription that Telegram does not cancel.
NOT_CANCELED = "subscription_not_canceled"

log = structlog.get_logger(__name__)


def current(*, player: Player, now: datetime) -> Subscription | None:
    """Return the player's subscription that has not ended, if there is one."""
    running = Subscription.objects.running(now).filter(player=player).select_related("purchase")
    return running.order_by("-expires_at").first()


def lock(purchase: Purchase) -> None:
    """Lock the subscription that has begun with a purchase until the transaction ends, if any."""
    Subscription.objects.select_for_update().filter(pk=purchase.pk).first()


def track_renewal(purchase: Purchase, *, now: datetime) -> Subscription:
    """Begin the subscription of a purchase that is being credited, or note its renewal.

    The caller holds the lock of the purchase.
    """
    first, paid_until = purchase.renews or purchase, _paid_until(purchase)
    assert purchase.paid_at is not None
    subscription, is_new = Subscription.objects.select_for_update().get_or_create(
        purchase=first, defaults={"player": first.player, "expires_at": paid_until}
    )
    if not is_new:
        # Two renewals may overtake each other.
        subscription.expires_at = max(subscription.expires_at, paid_until)
        subscription.failed_at = subscription.grace_entry = subscription.grace_notified_at = None
        if (
            subscription.canceled_at is not None
            and subscription.canceled_at <= purchase.paid_at
            # Telegram renewed it before it was cancelled there: the player still does not want it.
            and subscription.cancel_due_at is None
        ):
            subscription.canceled_at = None  # It renews after all, or nothing had been paid.
        subscription.save(
            update_fields=[
                "expires_at",
                "failed_at",
                "canceled_at",
                "grace_entry",
                "grace_notified_at",
            ]
        )
    return subscription


def _paid_until(purchase: Purchase) -> datetime:
    """Return until when a subscription has been paid with a purchase of it."""
    assert purchase.paid_at is not None
    return purchase.subscribed_until or purchase.paid_at + PERIOD


@transaction.atomic
def give_grace(*, purchase_id: UUID, now: datetime) -> bool:
    """Extend Premium by the days of GRACE, once for each renewal that is missing.

    Locks the subscription, then the wallet. Returns False if it has none to get (any more).
    """
    due = Subscription.objects.grace_due(now).select_for_update(of=("self",))
    subscription = due.select_related("player").filter(pk=purchase_id).first()
    if subscription is None:
        return False
    entry, _ = grants.grant(
        player=subscription.player,
        goods=Goods(premium=Plan.MONTH, premium_days=GRACE.days),
        type=EntryType.GRACE,
        source=Source.PURCHASE,
        key=f"grace:{purchase_id}:{subscription.expires_at:%Y-%m-%d}",
        now=now,
        metadata={"purchase": str(purchase_id)},
    )
    subscription.grace_entry = entry
    subscription.save(update_fields=["grace_entry"])
    return True


def end_grace(first: Purchase, *, now: datetime) -> None:
    """Take the rest of the grace back, since the renewal has come after all."""
    # Without its entry beside it: one that was granted while we waited would look like none.
    graced = Subscription.objects.select_for_update().filter(pk=first.pk).first()
    if graced is not None and graced.grace_entry is not None:
        grants.reverse(
            entry=graced.grace_entry,
            type=EntryType.TAKEN_BACK,
            source=Source.PURCHASE,
            key=f"grace-over:{graced.grace_entry.pk}",
            now=now,
        )


def renewing(*, player: Player, now: datetime) -> Subscription | None:
    """Return the player's subscription that Telegram renews, if there is one."""
    running = Subscription.objects.running(now).filter(player=player, canceled_at=None)
    return running.select_related("purchase").order_by("-expires_at").first()


@transaction.atomic
def cancel(*, player: Player, now: datetime) -> Subscription | None:
    """Let the player's subscription run out; return it, or None if there is none to cancel.

    Locks it. `cancel_at_telegram` cancels it there, with as many tries as it takes.
    """
    running = Subscription.objects.running(now).filter(player=player, canceled_at=None)
    subscription = running.select_for_update(of=("self",)).select_related("purchase").first()
    if subscription is not None:
        _cancel(subscription, now=now)
        subscription.save(update_fields=_CANCEL_FIELDS)
    return subscription


_CANCEL_FIELDS = ["canceled_at", "cancel_due_at", "cancel_tries", "cancel_error"]


def _cancel(subscription: Subscription, *, now: datetime) -> None:
    """Note that it must not be renewed, and that it still has to be cancelled at Telegram."""
    subscription.canceled_at = subscription.canceled_at or now
    subscription.cancel_due_at = now
    subscription.cancel_tries, subscription.cancel_error = 0, ""


@transaction.atomic
def resume(*, player: Player, now: datetime) -> Subscription | None:
    """Return the player's cancelled subscription that still runs, or None if there is none.

    Locks it, and drops a cancellation at Telegram that is still due. If that had not been tried
    yet, it continues. Else Telegram takes "not cancelled" (Bot API editUserStarSubscription) for a
    permission: the player switches the renewal on again, and `apply_subscription_update` notes it.
    """
    canceled = Subscription.objects.filter(canceled_at__isnull=False, expires_at__gt=now)
    locked = canceled.select_for_update(of=("self",)).select_related("purchase")
    subscription = locked.filter(player=player).first()
    if subscription is not None:
        if subscription.cancel_due_at is not None and not subscription.cancel_tries:
            subscription.canceled_at = None
        _close_cancellation(subscription, now=now)
        subscription.save(update_fields=_CANCEL_FIELDS)
    return subscription


@transaction.atomic
def apply_subscription_update(
    *, payload: str, telegram_id: int, state: str, now: datetime
) -> Subscription | None:
    """Apply what Telegram reports of a subscription (Bot API 10.2, update `subscription`).

    Locks it. `state` is canceled, active or failed. Returns it, with its player, if that was news.
    """
    known = Subscription.objects.select_for_update(of=("self",)).select_related(
        "player", "purchase"
    )
    subscription = known.filter(purchase__payload=payload, player__telegram_id=telegram_id).first()
    if subscription is None:
        return None
    before = (subscription.canceled_at, subscription.failed_at)
    if state in ("canceled", "active") and subscription.cancel_due_at is not None:
        # Telegram knows, or the player has switched the renewal on again.
        _close_cancellation(subscription, now=now)
        subscription.save(update_fields=_CANCEL_FIELDS)
    match state:
        case "canceled":
            subscription.canceled_at = subscription.canceled_at or now
        case "active":
            subscription.canceled_at = subscription.failed_at = None
        case "failed":
            subscription.failed_at = subscription.failed_at or now
    if before == (subscription.canceled_at, subscription.failed_at):
        return None
    subscription.save(update_fields=["canceled_at", "failed_at"])
    return subscription


def stop_renewing(purchase: Purchase, *, now: datetime) -> None:
    """Note that the subscription of a purchase that is to be refunded must not be renewed.

    Locks the subscription, which is there from now on even if nothing was ever credited: otherwise
    the next month would be paid for something that nobody wants any more.
    """
    first = purchase.renews or purchase
    subscription, _ = Subscription.objects.select_for_update().get_or_create(
        purchase=first, defaults={"player": first.player, "expires_at": _paid_until(purchase)}
    )
    if subscription.state(now) is not SubscriptionState.ENDED:
        _cancel(subscription, now=now)
        subscription.save(update_fields=_CANCEL_FIELDS)


def end_after_refund(purchase: Purchase, *, now: datetime) -> None:
    """Note that a refunded purchase's subscription does not renew.

    It is over at once if it is the time not yet passed that has been refunded. Locks it.
    """
    subscriptions = Subscription.objects.select_for_update()
    subscription = subscriptions.filter(pk=purchase.renews_id or purchase.pk).first()
    if subscription is not None:
        subscription.canceled_at = subscription.canceled_at or now
        if _paid_until(purchase) == subscription.expires_at:
            subscription.expires_at = min(subscription.expires_at, now)
        subscription.save(update_fields=["canceled_at", "expires_at"])


# --- Cancelling at Telegram -----------------------------------------------------------------------


def cancel_at_telegram(*, purchase_id: UUID, now: datetime) -> bool:
    """Cancel a subscription at Telegram, if that is due; return whether it has agreed.

    Not inside a transaction. A try that fails is made again after CANCEL_DELAYS, until Telegram
    agrees or nothing is left to renew. A refusal raises an alert at once, anything else with the
    third try.
    """
    claimed = _claim_cancellation(purchase_id=purchase_id, now=now)
    if claimed is None:
        return False
    first = claimed.purchase
    assert first.charge_id is not None
    try:
        telegram.edit_subscription(
            telegram_id=claimed.player.telegram_id, charge_id=first.charge_id, is_canceled=True
        )
    except telegram.TelegramError as error:
        _note_that_not_canceled(error, purchase_id=purchase_id, now=now)
        return False
    _note_that_canceled(purchase_id=purchase_id, now=now)
    return True


@transaction.atomic(durable=True)
def _claim_cancellation(*, purchase_id: UUID, now: datetime) -> Subscription | None:
    """Claim a due cancellation; if the process dies with it, the next try is due after a while."""
    due = Subscription.objects.cancel_due(now).select_for_update(of=("self",), skip_locked=True)
    subscription = due.select_related("purchase", "player").filter(pk=purchase_id).first()
    if subscription is None:
        return None
    subscription.cancel_tries += 1
    delay = CANCEL_DELAYS[min(subscription.cancel_tries, len(CANCEL_DELAYS)) - 1]
    subscription.cancel_due_at = now + delay
    subscription.save(update_fields=["cancel_tries", "cancel_due_at"])
    return subscription


@transaction.atomic(durable=True)
def _note_that_canceled(*, purchase_id: UUID, now: datetime) -> None:
    """Note that Telegram has agreed."""
    subscription = Subscription.objects.select_for_update().get(pk=purchase_id)
    _close_cancellation(subscription, now=now)
    subscription.save(update_fields=_CANCEL_FIELDS)


@transaction.atomic(durable=True)
def _note_that_not_canceled(error: Exception, *, purchase_id: UUID, now: datetime) -> None:
    """Store why Telegram did not agree; raise an alert after a refusal or repeated failures."""
    subscription = Subscription.objects.select_for_update().get(pk=purchase_id)
    if subscription.cancel_due_at is None:
        return  # Telegram has reported the cancellation meanwhile.
    is_refused = isinstance(error, telegram.RejectedError)
    log.warning("subscription.not_canceled", purchase=str(purchase_id), error=str(error))
    if is_refused and now >= _last_paid_until(subscription) + GRACE:
        # There is nothing left to renew.
        _close_cancellation(subscription, now=now)
        subscription.save(update_fields=_CANCEL_FIELDS)
        return
    subscription.cancel_error = str(error)
    if isinstance(error, telegram.RetryAfterError):
        subscription.cancel_due_at = max(subscription.cancel_due_at, now + error.retry_after)
    subscription.save(update_fields=["cancel_error", "cancel_due_at"])
    if is_refused or subscription.cancel_tries >= CANCEL_ALERT_AFTER_TRIES:
        alerts.raise_alert(
            kind=NOT_CANCELED,
            key=str(purchase_id),
            summary=f"Telegram has not cancelled a subscription and may renew it: {error}.",
            details={"purchase": str(purchase_id), "tries": subscription.cancel_tries},
            now=now,
            subject=subscription,
        )


def _close_cancellation(subscription: Subscription, *, now: datetime) -> None:
    """Drop the cancellation that was due at Telegram; the caller saves and holds the lock."""
    subscription.cancel_due_at = None
    subscription.cancel_tries, subscription.cancel_error = 0, ""
    alerts.resolve(kind=NOT_CANCELED, key=str(subscription.pk), now=now)


def _last_paid_until(subscription: Subscription) -> datetime:
    """Return until when it has been paid at Telegram, refunded or not."""
    paid = Purchase.objects.charged().filter(
        Q(pk=subscription.pk) | Q(renews=subscription.pk), paid_at__isnull=False
    )
    return max(_paid_until(purchase) for purchase in paid)
