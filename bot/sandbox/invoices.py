"""Invoices in Stars, checked as Telegram checks them: cards in a chat, and links."""

from dataclasses import dataclass
from typing import Any

from bot.sandbox import keyboards
from bot.sandbox.errors import BadRequestError
from bot.sandbox.parameters import Parameters

Json = dict[str, Any]

CURRENCY = "XTR"
TITLE_LENGTH_MAX = 32
DESCRIPTION_LENGTH_MAX = 255
PAYLOAD_BYTES_MAX = 128
AMOUNT_MAX = 100_000
SUBSCRIPTION_AMOUNT_MAX = 10_000
# Telegram knows no other period than 30 days.
SUBSCRIPTION_PERIOD_S = 2_592_000
# What belongs to other currencies; with Stars Telegram refuses it.
_NOT_WITH_STARS = (
    "provider_token",
    "max_tip_amount",
    "need_name",
    "need_phone_number",
    "need_email",
    "need_shipping_address",
    "send_phone_number_to_provider",
    "send_email_to_provider",
    "is_flexible",
)


@dataclass(kw_only=True)
class Invoice:
    """What somebody may pay for."""

    title: str
    description: str
    payload: str
    amount: int
    subscription_period_s: int = 0
    # Of an invoice link; anybody may pay it, and again.
    slug: str = ""
    # A card is paid once; then it shows the receipt of this charge.
    receipt: str = ""

    def card(self) -> Json:
        """Return it as Telegram's Invoice; the payload is between Telegram and the bot."""
        return {
            "title": self.title,
            "description": self.description,
            "start_parameter": "",
            "currency": CURRENCY,
            "total_amount": self.amount,
        }


def card_key(*, player_id: int, message_id: int) -> str:
    """Return the name under which the state keeps the invoice of a card; a link has its slug."""
    return f"{player_id}:{message_id}"


def read(parameters: Parameters) -> Invoice:
    """Return the invoice that a call describes. Raise BadRequestError when Telegram would."""
    for name in ("title", "description", "payload", "currency", "prices"):
        if not parameters.text(name):
            raise BadRequestError(f'parameter "{name}" is required')
    amounts = _amounts(parameters)
    if len(parameters.text("title")) > TITLE_LENGTH_MAX:
        raise BadRequestError("INVOICE_TITLE_INVALID")
    if len(parameters.text("description")) > DESCRIPTION_LENGTH_MAX:
        raise BadRequestError("INVOICE_DESCRIPTION_INVALID")
    if len(parameters.text("payload").encode()) > PAYLOAD_BYTES_MAX:
        raise BadRequestError("INVOICE_PAYLOAD_INVALID")
    if parameters.text("currency") != CURRENCY:
        # The sandbox has no other way to pay.
        raise BadRequestError("PAYMENT_PROVIDER_INVALID")
    if len(amounts) != 1 or any(_is_set(parameters, name) for name in _NOT_WITH_STARS):
        raise BadRequestError("STARS_INVOICE_INVALID")
    if not 1 <= amounts[0] <= AMOUNT_MAX:
        raise BadRequestError("CURRENCY_TOTAL_AMOUNT_INVALID")
    return Invoice(
        title=parameters.text("title"),
        description=parameters.text("description"),
        payload=parameters.text("payload"),
        amount=amounts[0],
    )


def read_link(parameters: Parameters, *, slug: str) -> Invoice:
    """Return the invoice of a link, which may begin a subscription."""
    invoice = read(parameters)
    invoice.slug = slug
    period_s = parameters.integer("subscription_period") or 0
    if period_s not in (0, SUBSCRIPTION_PERIOD_S):
        raise BadRequestError("SUBSCRIPTION_PERIOD_INVALID")
    if period_s and invoice.amount > SUBSCRIPTION_AMOUNT_MAX:
        raise BadRequestError("SUBSCRIPTION_AMOUNT_INVALID")
    invoice.subscription_period_s = period_s
    return invoice


def keyboard(parameters: Parameters, *, amount: int) -> Json:
    """Return {"reply_markup": …} for a card: the bot's own, or a single button that pays."""
    pay = {"text": f"Pay ⭐️{amount}", "pay": True}
    own = keyboards.inline(parameters, pays=True)
    return own or {"reply_markup": {"inline_keyboard": [[pay]]}}


def _amounts(parameters: Parameters) -> list[int]:
    prices = parameters.json("prices")
    try:
        return [int(price["amount"]) for price in prices if str(price["label"])]
    except (KeyError, TypeError, ValueError):
        raise BadRequestError("can't parse prices JSON object") from None


def _is_set(parameters: Parameters, name: str) -> bool:
    return parameters.text(name).lower() not in ("", "0", "false")
