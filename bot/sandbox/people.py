"""What people do in the chat: write, tap, follow a link, block."""

import re
import secrets
from typing import Any

from bot.messages import entities
from bot.sandbox import clock
from bot.sandbox.errors import ImpossibleError
from bot.sandbox.state import CallbackQuery, Chat, Player
from bot.sandbox.telegram import Telegram

Json = dict[str, Any]

TEXT_LENGTH_MAX = 4096
_START_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MEMBER: Json = {"status": "member"}
_KICKED: Json = {"status": "kicked", "until_date": 0}


def find_chat(telegram: Telegram, player_id: int) -> Chat:
    """Return the chat of a player. Raise ImpossibleError when there is no such player."""
    chat = telegram.state.chats.get(player_id)
    if chat is None:
        raise ImpossibleError(f"There is no player {player_id}.")
    return chat


def save_player(
    telegram: Telegram,
    *,
    player_id: int | None = None,
    first_name: str = "",
    last_name: str | None = None,
    username: str | None = None,
    language_code: str | None = None,
) -> Chat:
    """Add a player, or change what is given about one whose id is known."""
    if player_id is None:
        player_id = max(telegram.state.chats, default=7_000_000_000) + 1
    chat = telegram.state.chats.get(player_id)
    if chat is None:
        name = first_name.strip() or f"Player {player_id % 1000}"
        chat = telegram.state.add_player(Player(id=player_id, first_name=name))
    player = chat.player
    player.first_name = first_name.strip() or player.first_name
    for field, value in (
        ("last_name", last_name),
        ("username", username),
        ("language_code", language_code),
    ):
        if value is not None:
            setattr(player, field, value.strip().removeprefix("@"))
    telegram.changed()
    telegram.show_player(chat)
    return chat


def write(telegram: Telegram, chat: Chat, *, text: str, date: int | None = None) -> Json:
    """Send a text to the bot and return the message; it may have been written at another time."""
    _refuse_when_blocked(chat)
    text = text.strip()
    if not text:
        raise ImpossibleError("An empty message cannot be sent.")
    if len(text) > TEXT_LENGTH_MAX:
        raise ImpossibleError(f"A message has at most {TEXT_LENGTH_MAX} characters.")
    content: Json = {"text": text} if date is None else {"text": text, "date": date}
    if found := entities.find(text):
        content["entities"] = found
    is_first = not chat.started
    chat.started = True
    chat.undelivered.add(chat.next_message_id)
    message = telegram.post(chat, sender=chat.player.user(), content=content)
    if is_first:
        telegram.show_player(chat)
    if telegram.delivery.push(kind="message", content=message) is None:
        chat.undelivered.discard(message["message_id"])
    return message


def follow_link(telegram: Telegram, chat: Chat, *, parameter: str) -> Json:
    """Open https://t.me/<bot>?start=<parameter> and press START; unblocks the bot first."""
    if parameter and not _START_PARAMETER.fullmatch(parameter):
        raise ImpossibleError("A start parameter is 1-64 characters of A-Z, a-z, 0-9, _ and -.")
    unblock(telegram, chat)
    return write(telegram, chat, text=f"/start {parameter}")


def tap(telegram: Telegram, chat: Chat, *, message_id: int, data: str, force: bool) -> Json:
    """Tap an inline button and return the callback query.

    Raise ImpossibleError when the message has no such button; with `force` tap it all the same, as
    somebody does whose phone still shows it.
    """
    _refuse_when_blocked(chat)
    message = chat.messages.get(message_id)
    if not force and data not in _callback_data(message):
        raise ImpossibleError(f"Message {message_id} has no button {data!r}.")
    if message is None:
        message = {"chat": chat.player.chat(), "message_id": message_id, "date": 0}
    query = CallbackQuery(
        id=str(secrets.randbits(62)),
        player_id=chat.player.id,
        message_id=message_id,
        data=data,
        tapped_at=clock.now(),
    )
    telegram.state.add_query(query)
    telegram.events.publish("tapped", chat_id=chat.player.id, query=vars(query))
    content = {
        "id": query.id,
        "from": chat.player.user(),
        "message": message,
        "chat_instance": str(chat.player.id * 7_919),
        "data": data,
    }
    telegram.delivery.push(kind="callback_query", content=content)
    return content


def _callback_data(message: Json | None) -> set[str]:
    rows = (message or {}).get("reply_markup", {}).get("inline_keyboard", [])
    return {button["callback_data"] for row in rows for button in row if "callback_data" in button}


def block(telegram: Telegram, chat: Chat) -> None:
    """Stop the bot from writing, and notify it."""
    _set_blocked(telegram, chat, blocked=True)


def unblock(telegram: Telegram, chat: Chat) -> None:
    """Let the bot write again, and notify it."""
    _set_blocked(telegram, chat, blocked=False)


def _set_blocked(telegram: Telegram, chat: Chat, *, blocked: bool) -> None:
    if chat.blocked == blocked:
        return
    chat.blocked = blocked
    telegram.changed()
    telegram.show_player(chat)
    old, new = (_MEMBER, _KICKED) if blocked else (_KICKED, _MEMBER)
    telegram.delivery.push(
        kind="my_chat_member",
        content={
            "chat": chat.player.chat(),
            "from": chat.player.user(),
            "date": int(clock.now()),
            "old_chat_member": {"user": telegram.bot, **old},
            "new_chat_member": {"user": telegram.bot, **new},
        },
    )


def _refuse_when_blocked(chat: Chat) -> None:
    if chat.blocked:
        raise ImpossibleError(f"{chat.player.first_name} has blocked the bot: unblock it first.")
