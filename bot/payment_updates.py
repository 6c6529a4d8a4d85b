"""What Telegram says of payments: at once, as it arrives, and then in a worker.

Money cannot wait (bot/queue/intake.py): a pre-checkout has to be answered within ten seconds (Bot
API answerPreCheckoutQuery), and that a player has paid is stored before Telegram gets its 200
(product rules, sections 5.3 and 5.4).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from telegram import Update
from telegram.ext import ApplicationHandlerStop

from bot.chat import dates
from bot.chat.context import Context
from bot.messages import notices
from bot.screens.offers import touchpoints
from bot.screens.receipts import buttons as receipts_buttons
from bot.screens.receipts import texts as receipts_texts
from bot.screens.shop import texts as shop_texts
from payments import checkout, purchases, refunds, subscriptions
from payments.checkout import PreCheckout
from payments.errors import Refusal, RefusedError
from payments.models import Purchase, PurchaseStatus
from payments.offer_rules import Touchpoint
from payments.purchases import Payment
from quizarena.players.models import Player
from quizarena.players.services import language_for

# Only updates that have one of these words somewhere are about money.
WORDS = (b'"pre_checkout_query"', b'"successful_payment"')

log = structlog.get_logger(__name__)


# --- As it arrives --------------------------------------------------------------------------------


def handle_payment_update(update: Mapping[str, Any], *, now: datetime) -> dict[str, Any] | None:
    """Answer a pre-checkout, store a payment. The update itself is stored already."""
    query, message = update.get("pre_checkout_query"), update.get("message")
    try:
        if isinstance(query, dict):
            return _answer(query, now=now)
        if isinstance(message, dict) and "successful_payment" in message:
            with transaction.atomic(durable=True):
                purchases.record_payment(payment_of(message), now=now)
    except (OperationalError, InterfaceError):
        raise  # The database is away: Telegram sends it again.
    except Exception:
        # A pre-checkout without an answer takes no Stars. A payment is in the inbox: the worker
        # writes it down, or fails and is tried again.
        log.exception("intake.payment_update_failed", update_id=update.get("update_id"))
    return None


def _answer(query: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Decide on a pre-checkout (Bot API PreCheckoutQuery), in the player's language."""
    refusal = checkout.check_out(
        PreCheckout(
            query_id=query["id"],
            telegram_id=query["from"]["id"],
            payload=query["invoice_payload"],
            stars=query["total_amount"],
            currency=query["currency"],
        ),
        now=now,
    )
    answer = {
        "method": "answerPreCheckoutQuery",
        "pre_checkout_query_id": query["id"],
        "ok": refusal is None,
    }
    if refusal is not None:
        answer["error_message"] = _in_the_players_words(refusal, query, now=now)
    return answer


def _in_the_players_words(refusal: Refusal, query: Mapping[str, Any], *, now: datetime) -> str:
    """Return why the Stars are not taken, as the player reads it."""
    user, until = query["from"], None
    if refusal is Refusal.TOO_SOON:
        until = checkout.payable_from(payload=query["invoice_payload"], now=now)
    player = Player.objects.known_as(user["id"]).first()
    with dates.speaking_to(player, language=language_for(user.get("language_code"))):
        return shop_texts.refused(RefusedError(refusal, until=until))


def payment_of(message: Mapping[str, Any]) -> Payment:
    """Return the payment or refund that a message is about (Bot API Message)."""
    is_refund = "refunded_payment" in message
    paid = message["refunded_payment" if is_refund else "successful_payment"]
    # A refund's message is from the bot itself; the chat is the player's.
    payer = message["chat"] if is_refund else message["from"]
    return Payment(
        charge_id=paid["telegram_payment_charge_id"],
        provider_charge_id=paid.get("provider_payment_charge_id", ""),
        payload=paid["invoice_payload"],
        stars=paid["total_amount"],
        currency=paid["currency"],
        paid_at=datetime.fromtimestamp(message["date"], tz=UTC),
        payer=payer,
        raw=paid,
        subscribed_until=(
            datetime.fromtimestamp(paid["subscription_expiration_date"], tz=UTC)
            if "subscription_expiration_date" in paid
            else None
        ),
        is_renewal=bool(paid.get("is_recurring")) and not paid.get("is_first_recurring"),
    )


# --- In a worker ----------------------------------------------------------------------------------


async def checked_out(update: Update, context: Context) -> None:
    """Do nothing more: the pre-checkout was answered when it arrived (bot/queue/intake.py)."""
    raise ApplicationHandlerStop


async def paid(update: Update, context: Context) -> None:
    """Credit what has been paid, and say what has arrived (Bot API successful_payment).

    Only then is it time for an offer.
    """
    assert update.message is not None
    payment = payment_of(update.message.to_dict())
    try:
        purchase = purchases.credit(charge_id=payment.charge_id, now=context.now)
    except Purchase.DoesNotExist:
        # It could not be written down when it arrived.
        purchases.record_payment(payment, now=context.now)
        purchase = purchases.credit(charge_id=payment.charge_id, now=context.now)
    is_there = purchase.status == PurchaseStatus.CREDITED
    source = notices.RECEIPTS if is_there else notices.DELAYS
    notices.notify(player=purchase.player, now=context.now, sources=[source])
    if is_there:
        await touchpoints.send_offer(
            context.bot,
            player=purchase.player,
            touchpoint=Touchpoint.PURCHASED,
            about=purchase.product_id or "",
            now=context.now,
        )
    raise ApplicationHandlerStop


async def refunded(update: Update, context: Context) -> None:
    """Complete a refund that Telegram reports (Bot API refunded_payment), and say what it took."""
    assert update.message is not None
    payment = payment_of(update.message.to_dict())
    purchase = refunds.record_telegram_refund(payment, now=context.now)
    notices.notify(player=purchase.player, now=context.now, sources=[notices.REFUNDS])
    raise ApplicationHandlerStop


async def subscription_changed(update: Update, context: Context) -> None:
    """Apply what Telegram reports of a subscription (Bot API 10.2, update `subscription`).

    python-telegram-bot does not know that kind of update yet and keeps it as it came.
    """
    change = update.api_kwargs.get("subscription")
    if change is None:
        return
    subscription = subscriptions.apply_subscription_update(
        payload=change["invoice_payload"],
        telegram_id=change["user"]["id"],
        state=change["state"],
        now=context.now,
    )
    if subscription is not None and change["state"] == "failed":
        notices.notify(
            player=subscription.player, now=context.now, sources=[notices.FAILED_RENEWALS]
        )
    elif subscription is not None and subscription.player.bot_blocked_at is None:
        with dates.speaking_to(subscription.player):
            is_over = subscription.canceled_at is not None
            text = (
                receipts_texts.canceled(subscription, now=context.now)
                if is_over
                else receipts_texts.renewed_again(subscription)
            )
            keyboard = receipts_buttons.after_subscription_notice()
            await context.bot.send_message(
                subscription.player.telegram_id, text, reply_markup=keyboard
            )
    raise ApplicationHandlerStop
