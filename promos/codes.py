"""Codes: how they are read, hashed and made. Product rules, section 8."""

import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice, product

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
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

# Capitals of other alphabets that look like ours; what a phone's keyboard or a web page put there.
_LOOK_ALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУҮХԚԜӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧİ",
    "ABESIJKMHOPCTYYXQWIABEZHIKMNOPTYXI",
)
# What people read for one another in our own alphabet.
_CONFUSED = {letter: group for group in ("0O", "1IL") for letter in group}
# One look into the database is for at most so many spellings.
SPELLINGS_MAX = 64
# What stands between the characters of a date, an address or an amount, and never of a code.
_FOREIGN = re.compile(r"[^\w\s\-‐-―−]")
# A deep link that was pasted instead of its code.
_LINK = re.compile(r"[?&]start=promo_([A-Za-z0-9_-]+)")


def normalised(raw: str) -> str:
    """Return a code as it is hashed, from whatever messengers, mails and web pages made of it.

    Upper case, letters and digits alone, in the compatibility form of Unicode, with letters of
    other alphabets that look like ours read as ours. What consists of A to Z and 0 to 9 stays as
    it is, so every code that is stored has been stored in this form.
    """
    if link := _LINK.search(raw):
        raw = link[1]
    letters = filter(str.isalnum, unicodedata.normalize("NFKC", raw).upper())
    text = unicodedata.normalize("NFKC", "".join(letters)).translate(_LOOK_ALIKES)
    return "".join(
        # A phone in Arabic types ٣ for 3.
        str(unicodedata.decimal(letter)) if letter.isdecimal() else letter
        for letter in text
    )


def spellings(code: str) -> list[str]:
    """Return other normalised codes for which this one may have been misread: O for 0, I for 1.

    At most SPELLINGS_MAX, and none for a code with more possibilities: it has to be typed exactly.
    """
    choices = [_CONFUSED.get(letter, letter) for letter in code[:LENGTH_MAX]]
    found = list(islice(map("".join, product(*choices)), SPELLINGS_MAX + 1))
    return [] if len(found) > SPELLINGS_MAX else [each for each in found if each != code]


def is_written_as_code(raw: str) -> bool:
    """Return whether it reads as a code and as nothing else: no date, address, or amount.

    Blanks, hyphens and what surrounds it do not count; other punctuation inside does.
    """
    visible = "".join(
        each for each in unicodedata.normalize("NFKC", raw) if unicodedata.category(each) != "Cf"
    )
    inner = re.sub(r"^[\W_]+|[\W_]+$", "", visible)
    return not _FOREIGN.search(inner)


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


def newest_pepper_id() -> str:
    """Return the id of the pepper for what is new."""
    return next(iter(settings.PROMO_PEPPERS))


def draw_seed() -> bytes:
    """Return what a batch is made from; nobody can guess it."""
    return secrets.token_bytes(32)


def batch_key(seed: bytes, *, pepper_id: str) -> bytes:
    """Return what the codes of a batch are made from: its seed says nothing without the pepper.

    Raises LookupError if the pepper has been removed from the settings.
    """
    pepper = settings.PROMO_PEPPERS[pepper_id]
    key = HKDF(algorithm=SHA256(), length=32, salt=seed, info=b"promos/batch")
    return key.derive(pepper.encode())


def archive_key(salt: bytes, *, pepper_id: str) -> bytes:
    """Return with what the archive of a batch is encrypted: its salt says nothing by itself.

    Raises LookupError if the pepper has been removed from the settings.
    """
    pepper = settings.PROMO_PEPPERS[pepper_id]
    key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"promos/archive")
    return key.derive(pepper.encode())


def made_from(key: bytes, *, prefix: str, first: int, count: int) -> Iterator[str]:
    """Return the codes of the numbers from `first` on, normalised: prefix, then 12 at random."""
    base = len(ALPHABET)
    for number in range(first, first + count):
        drawn = int.from_bytes(hmac.digest(key, number.to_bytes(8), sha256)[:16])
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
