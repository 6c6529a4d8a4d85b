"""What a handler knows beside the update."""

from datetime import datetime
from typing import Any, Self

from django.utils import timezone
from telegram.ext import CallbackContext, ExtBot

from quizarena.players.models import Awaited, Player


class Context(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """What a handler knows beside the update: who plays, and what time it is.

    `player` is set by the first handler of every update that a person causes; `awaited` is what
    the bot had asked them to write, if it has come in time.
    """

    player: Player
    awaited: Awaited | None = None
    now: datetime

    @classmethod
    def from_update(cls, update: object, application: Any) -> Self:
        """Return the context of one update; the clock is read here, once."""
        context = super().from_update(update, application)
        context.now = timezone.now()
        return context
