"""What the sandbox remembers, and the file that carries it over a restart.

Messages, users and updates are kept as the JSON that Telegram sends: that is their definition.
Such an object is never changed in place: an update keeps showing what was there when it happened.
"""

import base64
import json
import logging
import os
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.sandbox import clock
from bot.sandbox.invoices import Invoice, card_key
from bot.sandbox.stars import Ledger

Json = dict[str, Any]

logger = logging.getLogger(__name__)

MESSAGES_KEPT = 200
TOASTS_KEPT = 20
# The oldest go first.
INLINE_QUERIES_KEPT = 1_000
# Together, in bytes; the oldest go first.
FILES_KEPT = 32 * 1024 * 1024
# The oldest go first; invoices are not paid so late.
INVOICES_KEPT = 20_000
# Telegram refuses the answer to an older tap.
QUERY_LIFETIME_S = 60
# Telegram withholds these unless the bot names them in allowed_updates.
UNASKED_KINDS = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

_ID_EPOCH = 1_735_689_600  # 2025-01-01
# As fast as ids may be used up on average without a later run starting below them.
_UPDATE_IDS_PER_SECOND = 10_000
_MESSAGE_IDS_PER_SECOND = 10
# No chat gets more messages than these between the last saving and a kill.
_MESSAGES_UNSAVED_MAX = 1_000


def first_id_of_this_run(*, per_second: int) -> int:
    """Return a number that grows by `per_second` with the clock.

    Ids are unique keys in the bot's database. Starting from the clock they do not repeat even when
    this process is killed before it could save the last one.
    """
    return int((time.time() - _ID_EPOCH) * per_second)


@dataclass(kw_only=True)
class Player:
    """A person with a Telegram account."""

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = "en"

    def user(self) -> Json:
        """Return the account as Telegram's User."""
        user: Json = {"id": self.id, "is_bot": False, **self._names()}
        if self.language_code:
            user["language_code"] = self.language_code
        return user

    def chat(self) -> Json:
        """Return the private chat with the account as Telegram's Chat."""
        return {"id": self.id, **self._names(), "type": "private"}

    def _names(self) -> Json:
        names = {"first_name": self.first_name}
        if self.last_name:
            names["last_name"] = self.last_name
        if self.username:
            names["username"] = self.username
        return names


@dataclass(kw_only=True)
class Chat:
    """The private chat of one player with the bot."""

    player: Player
    next_message_id: int
    # The player wrote first; until then the bot may not.
    started: bool = False
    blocked: bool = False
    messages: dict[int, Json] = field(default_factory=dict)
    # The player's messages that the bot has not received yet.
    undelivered: set[int] = field(default_factory=set)
    reply_keyboard: Json | None = None
    toasts: deque[Json] = field(default_factory=lambda: deque(maxlen=TOASTS_KEPT))

    def take_message_id(self) -> int:
        """Return an id that no message of this chat has had."""
        self.next_message_id += 1
        return self.next_message_id - 1

    def keep(self, message: Json) -> None:
        """Add `message`; the oldest goes when there are too many."""
        self.messages[message["message_id"]] = message
        if len(self.messages) > MESSAGES_KEPT:
            oldest = next(iter(self.messages))
            del self.messages[oldest]
            self.undelivered.discard(oldest)


@dataclass(kw_only=True)
class CallbackQuery:
    """A tapped button that waits for answerCallbackQuery."""

    id: str
    player_id: int
    message_id: int
    data: str
    tapped_at: float


@dataclass(kw_only=True)
class InlineQuery:
    """What somebody wrote behind the bot's name, and what the bot offers for it."""

    id: str
    player_id: int
    query: str
    asked_at: float
    is_answered: bool = False
    # As the page shows them: id, title, description and the content of the message.
    results: list[Json] = field(default_factory=list)
    button: Json | None = None


class InlineQueries(OrderedDict[str, InlineQuery]):
    """The latest queries. They do not survive a restart: nobody looks at results for so long."""

    def keep(self, query: InlineQuery) -> None:
        """Add a query; the oldest goes when there are too many."""
        self[query.id] = query
        if len(self) > INLINE_QUERIES_KEPT:
            self.popitem(last=False)


@dataclass(kw_only=True)
class PendingUpdate:
    """An update that the bot has not acknowledged.

    `number` is ours and unique; the same update may be pending twice under two numbers.
    """

    number: int
    body: Json
    created_at: float
    attempts: int = 0
    # The network panel decided that the first attempt never reaches the bot.
    loses_first_attempt: bool = False

    @property
    def kind(self) -> str:
        """The name of the one field beside update_id."""
        return next((name for name in self.body if name != "update_id"), "")


@dataclass(kw_only=True)
class Webhook:
    """Where updates are posted to, and how that went lately."""

    url: str
    secret_token: str
    max_connections: int
    last_error_date: int = 0
    last_error_message: str = ""


@dataclass(kw_only=True)
class StoredFile:
    """A file that a bot sent."""

    id: str
    name: str
    mime_type: str
    base64: str

    @property
    def content(self) -> bytes:
        """The bytes as they were uploaded."""
        return base64.b64decode(self.base64)


@dataclass(kw_only=True)
class State:
    """Everything that survives a restart."""

    next_update_id: int = 0
    # Where the message ids of a new chat start: above all that were ever used, also before a reset.
    first_message_id: int = 0
    chats: dict[int, Chat] = field(default_factory=dict)
    webhook: Webhook | None = None
    # As the bot named them; empty means Telegram's default.
    allowed_updates: list[str] = field(default_factory=list)
    # Keyed by scope and language, see methods.commands_key.
    commands: dict[str, list[Json]] = field(default_factory=dict)
    # Keyed by what is described and language, see methods.set_my_description.
    descriptions: dict[str, str] = field(default_factory=dict)
    pending: OrderedDict[int, PendingUpdate] = field(default_factory=OrderedDict)
    queries: dict[str, CallbackQuery] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    # A link under its slug, a card under invoices.card_key.
    invoices: dict[str, Invoice] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.next_update_id = max(
            self.next_update_id, first_id_of_this_run(per_second=_UPDATE_IDS_PER_SECOND)
        )
        self.first_message_id = max(
            self.first_message_id, first_id_of_this_run(per_second=_MESSAGE_IDS_PER_SECOND)
        )
        for chat in self.chats.values():
            chat.next_message_id = max(
                chat.next_message_id + _MESSAGES_UNSAVED_MAX, self.first_message_id
            )

    def take_update_id(self) -> int:
        """Return a number that no update has had."""
        self.next_update_id += 1
        return self.next_update_id - 1

    def add_player(self, player: Player) -> Chat:
        """Let a person have an account, with an empty chat."""
        chat = Chat(player=player, next_message_id=self.first_message_id)
        self.chats[player.id] = chat
        return chat

    def accepts(self, kind: str) -> bool:
        """Say whether the bot wants updates of this kind."""
        if self.allowed_updates:
            return kind in self.allowed_updates
        return kind not in UNASKED_KINDS

    def add_query(self, query: CallbackQuery) -> None:
        """Remember a tap, and drop those that are too old to be answered."""
        self.queries[query.id] = query
        for old in list(self._expired_queries(now=query.tapped_at)):
            del self.queries[old]

    def _expired_queries(self, *, now: float) -> Iterator[str]:
        for query in self.queries.values():
            if query.tapped_at > now - QUERY_LIFETIME_S:
                return
            yield query.id

    def take_query(self, query_id: str) -> CallbackQuery | None:
        """Return a tap that may still be answered; once."""
        query = self.queries.pop(query_id, None)
        if query is None or query.tapped_at <= clock.now() - QUERY_LIFETIME_S:
            return None
        return query

    def add_file(self, *, name: str, mime_type: str, content: bytes) -> StoredFile:
        """Keep a file, and drop the oldest ones when all together grow too big."""
        file = StoredFile(
            id=secrets.token_urlsafe(36),
            name=name,
            mime_type=mime_type,
            base64=base64.b64encode(content).decode(),
        )
        self.files[file.id] = file
        while len(self.files) > 1 and self._files_size() > FILES_KEPT:
            del self.files[next(iter(self.files))]
        return file

    def add_invoice(self, key: str, invoice: Invoice) -> None:
        """Remember what may be paid, and drop the oldest when there is too much."""
        self.invoices[key] = invoice
        if len(self.invoices) > INVOICES_KEPT:
            del self.invoices[next(iter(self.invoices))]

    def receipts(self, chat: Chat) -> dict[int, str]:
        """Return the charges of the cards that are paid, by message."""
        cards = {
            message_id: self.invoices.get(card_key(player_id=chat.player.id, message_id=message_id))
            for message_id, message in chat.messages.items()
            if "invoice" in message
        }
        return {key: card.receipt for key, card in cards.items() if card and card.receipt}

    def _files_size(self) -> int:
        return sum(len(file.base64) for file in self.files.values())

    def after_reset(self) -> "State":
        """Return a state without people that keeps what the bot set up and repeats no id."""
        return State(
            next_update_id=self.next_update_id,
            first_message_id=max(
                (chat.next_message_id for chat in self.chats.values()),
                default=self.first_message_id,
            ),
            webhook=self.webhook,
            allowed_updates=self.allowed_updates,
            # Those of one chat go with its person.
            commands={
                key: menu for key, menu in self.commands.items() if not key.startswith("chat:")
            },
            descriptions=self.descriptions,
        )

    def to_json(self) -> str:
        """Return all of it as one JSON text."""
        return json.dumps(vars(self), default=_plain, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "State":
        """Return what `to_json` wrote; anything else raises a ValueError, KeyError or the like."""
        saved = json.loads(text)
        return cls(
            next_update_id=saved["next_update_id"],
            first_message_id=saved["first_message_id"],
            chats={int(key): _chat(value) for key, value in saved["chats"].items()},
            webhook=Webhook(**saved["webhook"]) if saved["webhook"] else None,
            allowed_updates=saved["allowed_updates"],
            commands=saved["commands"],
            # A state from before they were kept has none.
            descriptions=saved.get("descriptions", {}),
            pending=OrderedDict(
                (int(key), PendingUpdate(**value)) for key, value in saved["pending"].items()
            ),
            queries={key: CallbackQuery(**value) for key, value in saved["queries"].items()},
            files={key: StoredFile(**value) for key, value in saved["files"].items()},
            invoices={key: Invoice(**value) for key, value in saved["invoices"].items()},
            ledger=Ledger.from_json(saved["ledger"]),
        )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, set | deque) else vars(value)


def _chat(saved: Json) -> Chat:
    return Chat(
        **{
            **saved,
            "player": Player(**saved["player"]),
            "messages": {int(key): message for key, message in saved["messages"].items()},
            "undelivered": set(saved["undelivered"]),
            "toasts": deque(saved["toasts"], maxlen=TOASTS_KEPT),
        }
    )


@dataclass(frozen=True, kw_only=True)
class StateFile:
    """The file in which a state waits for the next run."""

    path: Path

    def load(self) -> State | None:
        """Return the saved state, or None when there is none that can be read.

        A file that cannot be read is set aside, and a sentence on the terminal says where to.
        """
        try:
            return State.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            aside = self.path.with_name(f"{self.path.name}.broken-{int(time.time())}")
            self.path.replace(aside)
            logger.warning(
                "The sandbox cannot read its state (%s: %s). It starts afresh; the old file is now "
                "%s.",
                type(error).__name__,
                error,
                aside,
            )
            return None

    def save(self, state: State) -> None:
        """Replace the file as a whole: a reader sees the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.draft")
        try:
            draft.write_text(state.to_json(), encoding="utf-8")
            draft.replace(self.path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
