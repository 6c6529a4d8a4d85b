"""Codes: how they are read, hashed and made. Product rules, section 8."""

import hmac
import re
import secrets
from collections.abc import Iterator
from hashlib import sha256

from django.conf import settings

# Without look-alikes: no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
# Product rules: at least 10; 12 of 23 letters are 54 bits.
RANDOM_LENGTH = 12
# Longer is no code of ours.
LENGTH_MAX = 64
SHARED = re.compile(r"[A-Z0-9]{4,32}")
# What operators bring along for single players has to be harder to guess.
IMPORTED = re.compile(r"[A-Z0-9]{8,32}")

_BLANKS = re.compile(r"[\s\-‐-―_]+")


def normalised(raw: str) -> str:
    """Return a code as it is hashed: upper case, without blanks and hyphens."""
    return _BLANKS.sub("", raw).upper()


def digests(code: str) -> dict[str, bytes]:
    """Return the HMAC-SHA256 of a normalised code with each pepper, by the pepper's id."""
    return {
        pepper_id: hmac.digest(pepper.encode(), code.encode(), sha256)
        for pepper_id, pepper in settings.PROMO_PEPPERS.items()
    }


def digest(code: str) -> tuple[str, bytes]:
    """Return the id of the pepper for new codes, and the HMAC of a normalised code with it."""
    pepper_id, pepper = next(iter(settings.PROMO_PEPPERS.items()))
    return pepper_id, hmac.digest(pepper.encode(), code.encode(), sha256)


def draw_seed() -> bytes:
    """Return what a batch is made from; nobody can guess it."""
    return secrets.token_bytes(32)


def made_from(seed: bytes, *, prefix: str, first: int, count: int) -> Iterator[str]:
    """Return the codes of the numbers from `first` on, normalised: prefix, then 12 at random."""
    base = len(ALPHABET)
    for number in range(first, first + count):
        drawn = int.from_bytes(hmac.digest(seed, number.to_bytes(8), sha256)[:16])
        letters = []
        for _ in range(RANDOM_LENGTH):
            drawn, letter = divmod(drawn, base)
            letters.append(ALPHABET[letter])
        yield prefix + "".join(letters)


def readable(code: str, *, prefix: str) -> str:
    """Return a made code as people read it: SUMMER-3479-ACDE-FGHJ."""
    drawn = code.removeprefix(prefix)
    groups = [drawn[start : start + 4] for start in range(0, len(drawn), 4)]
    return "-".join(filter(None, [prefix, *groups]))


def label(*, prefix: str) -> str:
    """Return what is shown of a made code afterwards: nothing that was drawn."""
    return "-".join(filter(None, [prefix, "••••"]))
