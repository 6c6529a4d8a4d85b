"""Everything that payments ask Telegram themselves: one module, plain requests, short timeouts.

Messages to players go through the bot's outbox; this is for what needs an answer: refunds, the list
of transactions, invoice links and subscriptions. Nothing here runs inside a transaction, nor while
an HTTP request waits (quizarena/web_guard.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ssl import SSLContext
from typing import Any

import httpx
from django.conf import settings

from quizarena import web_guard

# A call that takes longer has failed, and will be made again.
TIMEOUT_S = httpx.Timeout(5.0, connect=2.0)
# Bot API getStarTransactions: at most so many on one page.
PAGE_LENGTH = 100
# Of a file that a player sends to support; photos are far smaller.
FILE_BYTES_MAX = 5 * 1024 * 1024


class TelegramError(Exception):
    """Telegram did not do it, or its answer was lost. It may have done it all the same."""


class RejectedError(TelegramError):
    """Telegram has said no; asking again will not change its mind."""


class RetryAfterError(TelegramError):
    """Telegram wants us to wait for `retry_after` before anything else is asked."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A line of Telegram's list (Bot API StarTransaction).

    `stars` counts what came in, negative what went out. A refund carries the id of its charge.
    `partner` is the Bot API's TransactionPartner as it came.
    """

    id: str
    stars: int
    nanostars: int
    at: datetime
    partner: dict[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether a player paid an invoice of ours, or was refunded one."""
        kind = self.partner.get("transaction_type", "invoice_payment")
        return self.partner.get("type") == "user" and kind == "invoice_payment"


def refund(*, telegram_id: int, charge_id: str) -> None:
    """Give the Stars of a charge back (Bot API refundStarPayment); done already counts as done.

    Raises RejectedError when Telegram refuses, TelegramError when the outcome is unknown.
    """
    try:
        _call("refundStarPayment", user_id=telegram_id, telegram_payment_charge_id=charge_id)
    except RejectedError as error:
        if "CHARGE_ALREADY_REFUNDED" not in str(error):
            raise


def transaction_lines(*, offset: int) -> list[dict[str, Any]]:
    """Return the page of the list that begins at `offset`, the oldest first, as it came.

    One line that cannot be read must not cost the others: the caller reads each with `transaction`.
    """
    result = _call("getStarTransactions", offset=offset, limit=PAGE_LENGTH)
    return list(result["transactions"])


def balance() -> int:
    """Return how many Stars the bot has (Bot API getMyStarBalance)."""
    return int(_call("getMyStarBalance")["amount"])


def invoice_link(
    *, title: str, description: str, payload: str, stars: int, subscription_seconds: int | None
) -> str:
    """Return a link that opens the invoice in Telegram (Bot API createInvoiceLink)."""
    subscription = {"subscription_period": subscription_seconds} if subscription_seconds else {}
    link = _call(
        "createInvoiceLink",
        title=title,
        description=description,
        payload=payload,
        provider_token="",
        currency="XTR",
        prices=[{"label": title, "amount": stars}],
        **subscription,
    )
    return str(link)


def file(file_id: str) -> bytes:
    """Return the content of a file that a player has sent (Bot API getFile).

    Raises RejectedError for one that Telegram does not have, or that is larger than FILE_BYTES_MAX.
    """
    found = _call("getFile", file_id=file_id)
    if found.get("file_size", 0) > FILE_BYTES_MAX:
        raise RejectedError(f"getFile: larger than {FILE_BYTES_MAX:,} bytes")
    path = found["file_path"]
    url = f"{settings.TELEGRAM_API_URL}/file/bot{settings.TELEGRAM_BOT_TOKEN}/{path}"
    content = b""
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT_S, verify=_certificates()) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > FILE_BYTES_MAX:
                    raise RejectedError(f"getFile: larger than {FILE_BYTES_MAX:,} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TelegramError(f"getFile: {type(error).__name__}") from None
    return content


def edit_subscription(*, telegram_id: int, charge_id: str, is_canceled: bool) -> None:
    """Cancel or re-enable a subscription (Bot API editUserStarSubscription)."""
    _call(
        "editUserStarSubscription",
        user_id=telegram_id,
        telegram_payment_charge_id=charge_id,
        is_canceled=is_canceled,
    )


@cache
def _certificates() -> SSLContext:
    """Return whom we trust: reading the certificates takes longer than most calls.

    Each call has a connection of its own, so that none finds one that was closed meanwhile.
    """
    return httpx.create_ssl_context()


def _call(method: str, **parameters: Any) -> Any:
    """Make one call and return its result."""
    web_guard.require_no_request()
    url = f"{settings.TELEGRAM_API_URL}/bot{settings.TELEGRAM_BOT_TOKEN}/{method}"
    try:
        sent = httpx.post(url, json=parameters, timeout=TIMEOUT_S, verify=_certificates())
        answer = sent.json()
    except (httpx.HTTPError, ValueError) as error:
        # The address carries the token: it stays out of what is logged and shown.
        raise TelegramError(f"{method}: {type(error).__name__}") from None
    if answer.get("ok"):
        return answer["result"]
    description = f"{method}: {answer.get('error_code')} {answer.get('description')}"
    if answer.get("error_code") in (400, 403):
        raise RejectedError(description)
    retry_after = (answer.get("parameters") or {}).get("retry_after")
    if retry_after is not None:
        raise RetryAfterError(description, retry_after=timedelta(seconds=int(retry_after)))
    raise TelegramError(description)


def transaction(line: dict[str, Any]) -> Transaction:
    """Return a line of the list as we read it. Raises whatever a line does that is none."""
    came_in = "source" in line
    amount, nanostars = line["amount"], line.get("nanostar_amount", 0)
    return Transaction(
        id=line["id"],
        stars=amount if came_in else -amount,
        nanostars=nanostars if came_in else -nanostars,
        at=datetime.fromtimestamp(line["date"], tz=UTC),
        partner=line.get("source") or line.get("receiver") or {},
    )
