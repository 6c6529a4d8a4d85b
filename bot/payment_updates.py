"""What Telegram says of payments, at the moment it arrives (bot/queue/intake.py).

Money cannot wait for a worker: a pre-checkout has to be answered within ten seconds (Bot API
answerPreCheckoutQuery), and that a player has paid is written down before Telegram hears that we
know (product rules, sections 5.3 and 5.4).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from bot import buying
from bot.chat import dates
from payments import purchases
from payments.errors import Refusal, RefusedError
from payments.purchases import Payment, PreCheckout
from quizarena.players.models import Player
from quizarena.players.services import language_for

# Only updates that have one of these words somewhere are about money.
WORDS = (b'"pre_checkout_query"', b'"successful_payment"')

log = structlog.get_logger(__name__)


def handle_payment_update(update: Mapping[str, Any], *, now: datetime) -> dict[str, Any] | None:
    """Answer a pre-checkout, write a payment down. The update itself is stored already."""
    query, message = update.get("pre_checkout_query"), update.get("message")
    try:
        if isinstance(query, dict):
            return _answer(query, now=now)
        if isinstance(message, dict) and "successful_payment" in message:
            with transaction.atomic(durable=True):
                purchases.record_payment(payment(message), now=now)
    except (OperationalError, InterfaceError):
        raise  # The database is away: Telegram sends it again.
    except Exception:
        # A pre-checkout without an answer takes no Stars. A payment is in the inbox: the worker
        # writes it down, or fails and is tried again.
        log.exception("arrival.money_not_seen_to", update_id=update.get("update_id"))
    return None


def _answer(query: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Decide on a pre-checkout (Bot API PreCheckoutQuery), in the player's language."""
    refusal = purchases.check_out(
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
        until = purchases.payable_from(payload=query["invoice_payload"], now=now)
    player = Player.objects.known_as(user["id"]).first()
    with dates.speaking_to(player, language=language_for(user.get("language_code"))):
        return buying.refused(RefusedError(refusal, until=until))


def payment(message: Mapping[str, Any]) -> Payment:
    """Return what a message with a payment or a refund tells (Bot API Message)."""
    is_refund = "refunded_payment" in message
    paid = message["refunded_payment" if is_refund else "successful_payment"]
    # The bot itself tells of a refund; the chat is the player's.
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
