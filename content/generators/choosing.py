"""Choices and names that are the same in every build."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from content.schema import LEVELS

Choice = TypeVar("Choice")

QUIZ_ID_MAX = 64

_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "ê": "e", "à": "a"}
)


def slug(text: str) -> str:
    """Return `text` in a-z, 0-9 and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().translate(_LETTERS)).strip("-")


def quiz_id(family: str, *parts: str) -> str:
    name = "-".join(slug(part) for part in (family, *parts))
    if len(name) > QUIZ_ID_MAX:
        # Two long names with the same beginning stay apart.
        name = f"{name[: QUIZ_ID_MAX - 9].rstrip('-')}-{_digest(name)[:8]}"
    return name


def shuffled(key: str, choices: Iterable[Choice]) -> list[Choice]:
    """Return `choices` in an order that depends on `key` and on what they say, on nothing else."""
    return sorted(choices, key=lambda choice: _digest(f"{key}|{choice!r}"))


def pick(key: str, choices: Sequence[Choice]) -> Choice:
    return shuffled(key, choices)[0]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def hardest(*levels: str) -> str:
    return max(levels, key=LEVELS.index)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def distinct(right: str, wrong: Iterable[str], most: int = 4) -> tuple[str, ...]:
    """Return the options, the right one first, without a form that comes twice."""
    return tuple(dict.fromkeys((right, *wrong)))[:most]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
