"""The methods of the Bot API that deal with Stars."""

import secrets
from typing import Any

from bot.sandbox import invoices, methods
from bot.sandbox.errors import BadRequestError
from bot.sandbox.methods import method
from bot.sandbox.parameters import Parameters
from bot.sandbox.stars import NANOS, Payment
from bot.sandbox.telegram import Telegram

Json = dict[str, Any]

TRANSACTIONS_PER_PAGE_MAX = 100
# The player through whom others have come.
AFFILIATE = {"id": 99, "is_bot": False, "first_name": "Affiliate"}


@method
def send_invoice(telegram: Telegram, parameters: Parameters) -> Json:
    """Send a card with a button that pays."""
    invoice = invoices.read(parameters)
    inline = invoices.keyboard(parameters, amount=invoice.amount)
    chat = methods.chat_to_write_to(telegram, parameters)
    message = methods.send(telegram, chat, parameters, {"invoice": invoice.card()}, inline=inline)
    key = invoices.card_key(player_id=chat.player.id, message_id=message["message_id"])
    telegram.state.add_invoice(key, invoice)
    return message


@method
def create_invoice_link(telegram: Telegram, parameters: Parameters) -> str:
    """Return a link to the sandbox's own page where anybody may pay."""
    slug = secrets.token_urlsafe(16)
    telegram.state.add_invoice(slug, invoices.read_link(parameters, slug=slug))
    telegram.changed()
    return f"{telegram.url}/${slug}"


@method
def answer_pre_checkout_query(telegram: Telegram, parameters: Parameters) -> bool:
    """Let a payment continue, or say why not."""
    refusal = ""
    if not parameters.flag("ok"):
        refusal = parameters.text("error_message")
        if not refusal:
            raise BadRequestError('parameter "error_message" is required')
    if not telegram.payments.answer(parameters.text("pre_checkout_query_id"), refusal=refusal):
        raise BadRequestError(
            "query is too old and response timeout expired or query ID is invalid"
        )
    return True


@method
def refund_star_payment(telegram: Telegram, parameters: Parameters) -> bool:
    """Give the Stars of a payment back to the player."""
    player_id = _player_id(telegram, parameters)
    payment = telegram.state.ledger.payments.get(parameters.text("telegram_payment_charge_id"))
    if payment is None or payment.player_id != player_id:
        raise BadRequestError("CHARGE_NOT_FOUND")
    if payment.refunded_at:
        raise BadRequestError("CHARGE_ALREADY_REFUNDED")
    telegram.payments.refund(payment)
    return True


@method
def get_star_transactions(telegram: Telegram, parameters: Parameters) -> Json:
    """Return the bot's transactions, oldest first."""
    limit = parameters.integer("limit")
    return transactions(
        telegram,
        offset=max(parameters.integer("offset") or 0, 0),
        limit=min(
            max(TRANSACTIONS_PER_PAGE_MAX if limit is None else limit, 1), TRANSACTIONS_PER_PAGE_MAX
        ),
    )


def transactions(telegram: Telegram, *, offset: int, limit: int) -> Json:
    """Return `limit` transactions from the one at `offset` on as Telegram's StarTransactions."""
    page = telegram.state.ledger.page(offset=offset, limit=limit)
    return {"transactions": [_transaction(telegram, payment, refund) for payment, refund in page]}


@method
def get_my_star_balance(telegram: Telegram, parameters: Parameters) -> Json:
    """Return how many Stars the bot has."""
    return _amount(telegram.state.ledger.bot_nanostars)


@method
def edit_user_star_subscription(telegram: Telegram, parameters: Parameters) -> bool:
    """Stop a subscription's renewal, or allow the player to have it renewed again."""
    player_id = _player_id(telegram, parameters)
    charge_id = parameters.text("telegram_payment_charge_id")
    subscription = telegram.state.ledger.subscriptions.get(charge_id)
    if subscription is None or subscription.player_id != player_id:
        raise BadRequestError("CHARGE_ID_INVALID")
    if parameters.flag("is_canceled"):
        subscription.canceled_by = "bot"
    elif subscription.canceled_by == "bot":
        # Telegram undoes it in part only: renewing is up to the player again.
        subscription.canceled_by = "player"
    telegram.changed()
    telegram.show_player(telegram.state.chats[player_id])
    return True


def _player_id(telegram: Telegram, parameters: Parameters) -> int:
    player_id = parameters.integer("user_id") or 0
    if player_id <= 0:
        raise BadRequestError("invalid user_id specified")
    if player_id not in telegram.state.chats:
        raise BadRequestError("USER_ID_INVALID")
    return player_id


def _transaction(telegram: Telegram, payment: Payment, is_refund: bool) -> Json:
    partner: Json = {
        "type": "user",
        "transaction_type": "invoice_payment",
        "user": telegram.state.chats[payment.player_id].player.user(),
        "invoice_payload": payment.payload,
    }
    if payment.subscription_period_s:
        partner["subscription_period"] = payment.subscription_period_s
    if payment.commission_per_mille:
        # What it got goes back with a refund: negative (Bot API AffiliateInfo).
        sign = -1 if is_refund else 1
        partner["affiliate"] = {
            "affiliate_user": AFFILIATE,
            "commission_per_mille": payment.commission_per_mille,
            **_amount(sign * payment.commission_nanostars),
        }
    return {
        "id": payment.charge_id,
        **_amount(payment.nanostars),
        "date": payment.refunded_at if is_refund else payment.paid_at,
        "receiver" if is_refund else "source": partner,
    }


def _amount(nanostars: int) -> Json:
    """Return an amount as the Bot API does: whole Stars, and the rest where there is one."""
    sign = -1 if nanostars < 0 else 1
    stars, rest = divmod(abs(nanostars), NANOS)
    return {"amount": sign * stars, **({"nanostar_amount": sign * rest} if rest else {})}
