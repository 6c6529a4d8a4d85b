"""What a screen is to the rest of the bot: the updates that it answers."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from telegram import Update

from bot.chat.context import Context
from bot.chat.navigation import Data
from quizarena.players.models import Awaited

Handler = Callable[[Update, Context], Coroutine[Any, Any, None]]


class LinkHandler(Protocol):
    """Answers a deep link; `is_first` says that the player is here for the first time."""

    def __call__(
        self, update: Update, context: Context, parameter: str, *, is_first: bool
    ) -> Coroutine[Any, Any, None]:
        """Answer the link with this parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The updates that a screen answers (bot/routing.py).

    `links` are by the beginning of a deep link's parameter; `messages` are asked, one after the
    other, whether a message that is no command is for them. Who is new by a link of a screen that
    is not for players is not asked for a level.
    """

    commands: Mapping[str, Handler] = field(default_factory=dict)
    buttons: Mapping[Data, Handler] = field(default_factory=dict)
    links: Mapping[str, LinkHandler] = field(default_factory=dict)
    messages: Sequence[tuple[Callable[[Update, Awaited | None], bool], Handler]] = ()
    is_for_players: bool = True
