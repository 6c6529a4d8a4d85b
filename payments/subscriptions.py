"""Monthly subscriptions, which Telegram renews by itself. Product rules, sections 4 and 5.4.

Each renewal is a purchase of its own. What is left to know here is until when it has been paid,
whether it goes on, and the days of grace for a renewal that does not come in time.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from economy import grants
from economy.goods import Goods, Plan
from economy.models import EntryType, Source
from payments import telegram
from payments.models import GRACE, Purchase, Subscription
from quizarena.players.models import Player

# Bot API createInvoiceLink takes no other period.
PERIOD = timedelta(days=30)

log = structlog.get_logger(__name__)


def current(*, player: Player, now: datetime) -> Subscription | None:
    """Return the player's subscription that has not ended, if there is one."""
    running = Subscription.objects.running(now).filter(player=player).select_related("purchase")
    return running.order_by("-expires_at").first()


def follow(purchase: Purchase, *, now: datetime) -> Subscription:
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
        subscription.failed_at = subscription.grace_entry = subscription.grace_told_at = None
        if subscription.canceled_at is not None and subscription.canceled_at <= purchase.paid_at:
            subscription.canceled_at = None  # It goes on after all, or nothing had been paid.
        subscription.save(
            update_fields=[
                "expires_at",
                "failed_at",
                "canceled_at",
                "grace_entry",
                "grace_told_at",
            ]
        )
    return subscription


def _paid_until(purchase: Purchase) -> datetime:
    """Return until when a subscription has been paid with a purchase of it."""
    assert purchase.paid_at is not None
    return purchase.subscribed_until or purchase.paid_at + PERIOD


@transaction.atomic
def give_grace(*, purchase_id: UUID, now: datetime) -> bool:
    """Let Premium go on for the days of GRACE, once for each renewal that is missing.

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
        grants.take_back(
            entry=graced.grace_entry,
            type=EntryType.TAKEN_BACK,
            source=Source.PURCHASE,
            key=f"grace-over:{graced.grace_entry.pk}",
            now=now,
        )


@transaction.atomic
def cancel(*, player: Player, now: datetime) -> Subscription | None:
    """Let the player's subscription run out; return it, or None if there is none to cancel.

    Whoever calls this also tells Telegram (Bot API editUserStarSubscription).
    """
    running = Subscription.objects.running(now).filter(player=player, canceled_at=None)
    subscription = running.select_for_update(of=("self",)).select_related("purchase").first()
    if subscription is not None:
        subscription.canceled_at = now
        subscription.save(update_fields=["canceled_at"])
    return subscription


def resumable(*, player: Player, now: datetime) -> Subscription | None:
    """Return the player's cancelled subscription that still runs, or None if there is none.

    Telegram takes "not cancelled" (Bot API editUserStarSubscription) for a permission: it is the
    player who switches the renewal on again, and `hear` who notes it.
    """
    canceled = Subscription.objects.filter(canceled_at__isnull=False, expires_at__gt=now)
    return canceled.filter(player=player).select_related("purchase").first()


@transaction.atomic
def hear(*, payload: str, telegram_id: int, state: str, now: datetime) -> Subscription | None:
    """Note what Telegram tells of a subscription (Bot API 10.2, update `subscription`).

    Locks it. `state` is canceled, active or failed. Returns it, with its player, if that was news.
    """
    known = Subscription.objects.select_for_update(of=("self",)).select_related(
        "player", "purchase"
    )
    subscription = known.filter(purchase__payload=payload, player__telegram_id=telegram_id).first()
    if subscription is None:
        return None
    before = (subscription.canceled_at, subscription.failed_at)
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


def end(purchase: Purchase, *, now: datetime) -> None:
    """Note that a refunded purchase's subscription does not go on.

    It is over at once if it is the time not yet passed that has been refunded. Locks it.
    """
    subscriptions = Subscription.objects.select_for_update()
    subscription = subscriptions.filter(pk=purchase.renews_id or purchase.pk).first()
    if subscription is not None:
        subscription.canceled_at = subscription.canceled_at or now
        if _paid_until(purchase) == subscription.expires_at:
            subscription.expires_at = min(subscription.expires_at, now)
        subscription.save(update_fields=["canceled_at", "expires_at"])


def cancel_at_telegram(purchase: Purchase) -> None:
    """Tell Telegram not to renew. Not inside a transaction; a subscription that is over is fine.

    Raises TelegramError when nobody knows whether it has worked.
    """
    first = purchase.renews or purchase
    assert first.charge_id is not None
    try:
        telegram.edit_subscription(
            telegram_id=first.player.telegram_id, charge_id=first.charge_id, is_canceled=True
        )
    except telegram.RejectedError as error:
        log.info("subscription.not_canceled", purchase=str(first.pk), error=str(error))
