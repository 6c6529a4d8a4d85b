"""One running sandbox: all its parts in one place, and the journal of the bot's calls."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from bot.sandbox import clock
from bot.sandbox.delivery import Delivery
from bot.sandbox.events import Events
from bot.sandbox.network import Network
from bot.sandbox.payments import Payments
from bot.sandbox.state import Chat, InlineQueries, Player, State

Json = dict[str, Any]

CALLS_KEPT = 50_000
# The people a fresh sandbox knows. Ids beyond 32 bits, as new accounts have them.
FIRST_PLAYERS = (
    Player(id=7_000_000_001, first_name="Anna", username="anna", language_code="de"),
    Player(id=7_000_000_002, first_name="Oleh", username="oleh", language_code="uk"),
    Player(id=7_000_000_003, first_name="Emma", username="emma", language_code="en"),
)


class Call(NamedTuple):
    """One Bot API call of the bot and how it ended."""

    seq: int
    time: float
    method: str
    parameters: Json
    outcome: Json


class Telegram:
    """The sandbox that stands in for Telegram and for the people behind their phones."""

    def __init__(self, *, token: str, state: State | None = None) -> None:
        self.token = token
        self.bot: Json = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Quiz Arena",
            "username": "quizarena_bot",
        }
        self.network = Network()
        self.events = Events()
        self.journal: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.has_unsaved_changes = False
        if state is None:
            state = State()
            add_first_players(state)
        self.state = state
        self.delivery = Delivery(telegram=self)
        self.payments = Payments(telegram=self)
        self.inline_queries = InlineQueries()
        # Where people open this sandbox; known from the first request on.
        self.url = ""

    def changed(self) -> None:
        """Note that the state file is behind."""
        self.has_unsaved_changes = True

    def post(self, chat: Chat, *, sender: Json, content: Json) -> Json:
        """Put a message into a chat and show it on the page."""
        message = {
            "message_id": chat.take_message_id(),
            "from": sender,
            "chat": chat.player.chat(),
            "date": int(clock.now()),
            **content,
        }
        chat.keep(message)
        self.changed()
        self.events.publish("message", chat_id=chat.player.id, message=message)
        return message

    def player_json(self, chat: Chat) -> Json:
        """Return a player as the page and the tests see one."""
        return {
            **vars(chat.player),
            "blocked": chat.blocked,
            "started": chat.started,
            "stars": self.state.ledger.balance(chat.player.id),
        }

    def show_player(self, chat: Chat) -> None:
        """Show on the page what has changed about a player."""
        self.events.publish("player", player=self.player_json(chat))

    def write_down(self, *, method: str, parameters: Json, outcome: Json) -> None:
        """Add a call to the journal."""
        self.network.counters.calls += 1
        seq = self.journal[-1].seq + 1 if self.journal else 1
        self.journal.append(Call(seq, clock.now(), method, parameters, outcome))

    def calls(self, *, since: int = 0, method: str = "") -> list[Json]:
        """Return the calls after number `since`, oldest first."""
        found = [call._asdict() for call in self._calls_after(since, method.lower())]
        found.reverse()
        return found

    def _calls_after(self, since: int, method: str) -> Iterator[Call]:
        for call in reversed(self.journal):
            if call.seq <= since:
                return
            if not method or call.method.lower() == method:
                yield call

    def reset(self) -> None:
        """Delete people, messages, calls and network settings. What the bot set up stays."""
        self.payments.stop()
        self.state = self.state.after_reset()
        add_first_players(self.state)
        self.network = Network()
        self.inline_queries = InlineQueries()
        self.journal.clear()
        self.delivery.restart()
        self.changed()
        self.events.publish("reload")


def add_first_players(state: State) -> None:
    """Give a fresh sandbox somebody to play with."""
    for player in FIRST_PLAYERS:
        state.add_player(Player(**vars(player)))
