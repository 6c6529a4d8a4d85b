"""An update arrives: it is stored, and whatever cannot wait for a worker is done at once.

The webhook and long polling both come this way.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from bot.queue import inbox, wake


class UrgentHandler(Protocol):
    """Does what cannot wait for a worker; returns what to call in answer, if anything."""

    def __call__(self, update: Mapping[str, Any], *, now: datetime) -> dict[str, Any] | None:
        """The update itself is stored already; whatever is raised leaves it with Telegram."""


# Only updates that have one of these words somewhere are read here at all.
_urgent: dict[tuple[bytes, ...], UrgentHandler] = {}


def handle_at_once(handler: UrgentHandler, *, words: tuple[bytes, ...]) -> None:
    """Let `handler` see each update that has one of the `words`, as it arrives (bot/apps.py)."""
    _urgent[words] = handler


def arrive(*, raw: bytes, now: datetime) -> dict[str, Any] | None:
    """Store one update, do what is urgent about it, wake a worker; return what to call in answer.

    The answer is a method of the Bot API with its parameters. Raises what inbox.receive raises;
    then Telegram has to keep the update.
    """
    is_new = inbox.receive(raw=raw, now=now)
    answer = _handle_urgent(raw, now=now)
    if is_new:
        wake.workers()
    return answer


def _handle_urgent(raw: bytes, *, now: datetime) -> dict[str, Any] | None:
    for words, handler in _urgent.items():
        if any(word in raw for word in words):
            return handler(json.loads(raw), now=now)
    return None
