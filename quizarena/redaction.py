"""No secret of ours leaves in a log line, an error that is stored, or a message of a command.

Errors of the transport hold addresses, and ours hold the bot's token and the database's password.
"""

import re
from collections.abc import Iterator

from django.conf import settings

HIDDEN = "***"
# A bot's token: its id, a colon (escaped in some addresses), and at least twenty characters.
_TOKEN = re.compile(r"\d{5,}(?::|%3[Aa])[A-Za-z0-9_-]{20,}")
# scheme://user:password@host
_PASSWORD = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@\"'\\]*:)[^\s/@\"'\\]+@")
# Shorter ones are defaults of a laptop, and words that stand elsewhere too.
_LENGTH_MIN = 12


def redact(text: str) -> str:
    """Return `text` without tokens of bots, passwords in addresses, and the secrets in use."""
    text = _PASSWORD.sub(rf"\1{HIDDEN}@", _TOKEN.sub(HIDDEN, text))
    for secret in _secrets():
        if len(secret) >= _LENGTH_MIN:
            text = text.replace(secret, HIDDEN)
    return text


def _secrets() -> Iterator[str]:
    if not settings.configured:  # A line that is logged while the settings are being read.
        return
    yield settings.TELEGRAM_BOT_TOKEN
    yield settings.TELEGRAM_WEBHOOK_SECRET
    yield settings.SECRET_KEY
    for address in (settings.ALERT_SLACK_WEBHOOK_URL, settings.ALERT_WEBHOOK_URL):
        yield address
        # What is secret of it, wherever it stands without the host.
        yield address.partition("://")[2].partition("/")[2]
    yield settings.ALERT_PAGERDUTY_ROUTING_KEY
    yield settings.ALERT_WEBHOOK_SECRET
    yield from settings.PAYMENT_PAYLOAD_KEYS.values()
    yield from settings.PROMO_PEPPERS.values()
    yield str(settings.DATABASES["default"].get("PASSWORD") or "")
