"""The payload of an invoice (Bot API invoice_payload, 1-128 bytes): unguessable, and ours.

`qa.<key id>.<purchase>.<signature>`. The signature binds the purchase to its player, product and
price, so a payload that was copied to another invoice, or made up, is known before anything else
is looked at. Keys are rotated: the first signs, all of them verify.
"""

import base64
import hmac
from hashlib import sha256
from uuid import UUID

from django.conf import settings

_PREFIX = "qa"


def sign(*, purchase_id: UUID, telegram_id: int, product: str, stars: int) -> str:
    """Return the payload of a purchase, signed with the first key."""
    key_id, key = next(iter(settings.PAYMENT_PAYLOAD_KEYS.items()))
    signature = _signature(
        key, key_id, purchase_id, telegram_id=telegram_id, product=product, stars=stars
    )
    return f"{_PREFIX}.{key_id}.{purchase_id.hex}.{signature}"


def is_ours(payload: str, *, telegram_id: int, product: str, stars: int) -> bool:
    """Return whether we have signed `payload` for just this player, product and price."""
    try:
        prefix, key_id, purchase, signature = payload.split(".")
        purchase_id = UUID(hex=purchase)
        key = settings.PAYMENT_PAYLOAD_KEYS[key_id]
    except (ValueError, KeyError):
        return False
    expected = _signature(
        key, key_id, purchase_id, telegram_id=telegram_id, product=product, stars=stars
    )
    is_spelt_as_we_do = (prefix, purchase) == (_PREFIX, purchase_id.hex)
    return is_spelt_as_we_do and hmac.compare_digest(expected.encode(), signature.encode())


def _signature(
    key: str, key_id: str, purchase_id: UUID, *, telegram_id: int, product: str, stars: int
) -> str:
    """Return the HMAC-SHA256 of what is bound together, 192 bits of it."""
    bound = f"{key_id}:{purchase_id.hex}:{telegram_id}:{product}:{stars}"
    digest = hmac.digest(key.encode(), bound.encode(), sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode()
