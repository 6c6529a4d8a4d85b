"""The methods of the Bot API, as far as the sandbox has them.

A method takes the sandbox and the parameters of the call and returns Telegram's `result`. A new one
is a function here or in a module of its own: `method` puts it on the list.
"""

import json
import mimetypes
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.messages import entities
from bot.sandbox import clock, images, invoices, keyboards
from bot.sandbox.errors import (
    BadRequestError,
    BotApiError,
    ForbiddenError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
)
from bot.sandbox.parameters import Parameters, Upload
from bot.sandbox.state import Chat, StoredFile, Webhook
from bot.sandbox.telegram import Telegram

Json = dict[str, Any]
Method = Callable[[Telegram, Parameters], Any]

TEXT_LENGTH_MAX = 4096
CAPTION_LENGTH_MAX = 1024
CALLBACK_TEXT_LENGTH_MAX = 200
COMMANDS_MAX = 100
DESCRIPTION_MAX, SHORT_DESCRIPTION_MAX = 512, 120
UPDATES_PER_POLL_MAX = 100
POLL_TIMEOUT_MAX_S = 50
WEBHOOK_CONNECTIONS_MAX = 100
WEBHOOK_CONNECTIONS_DEFAULT = 40
MAY_DELETE_FOR_S = 48 * 60 * 60
# The effects that everybody may send, in private chats; here all are.
EFFECTS = {
    "5104841245755180586": "🔥",
    "5107584321108051014": "👍",
    "5104858069142078462": "👎",
    "5159385139981059251": "❤️",
    "5046509860389126442": "🎉",
    "5046589136895476101": "💩",
}

METHODS: dict[str, Method] = {}

_TOKEN = re.compile(r"\d{1,15}:[\w-]+", re.ASCII)
_SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]*")
_COMMAND = re.compile(r"/?([a-z0-9_]{1,32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a call is answered with; `is_lost` means that the answer never arrives."""

    status: int
    body: Json
    is_lost: bool = False


def method(function: Method) -> Method:
    """Offer `function` to bots, under its name without the underscores."""
    METHODS[function.__name__.replace("_", "")] = function
    return function


async def call(telegram: Telegram, name: str, parameters: Parameters, *, token: str) -> Reply:
    """Carry out one call of a bot and write it into the journal, however it ends."""
    is_lost = False
    try:
        _check_token(telegram, token)
        telegram.network.admit(name)
        function = METHODS.get(name.lower())
        if function is None:
            raise NotFoundError
        is_lost = telegram.network.loses_answer(name)
        result = function(telegram, parameters)
        if isinstance(result, Awaitable):
            result = await result
        reply = Reply(status=200, body={"ok": True, "result": result}, is_lost=is_lost)
    except BotApiError as error:
        body = {"ok": False, "error_code": error.status, "description": error.description}
        if error.parameters:
            body["parameters"] = error.parameters
        reply = Reply(status=error.status, body=body, is_lost=is_lost)
        if isinstance(error, TooManyRequestsError):
            telegram.network.counters.refused += 1
    if is_lost:
        telegram.network.counters.answers_lost += 1
    telegram.write_down(
        method=name, parameters=parameters.for_journal(), outcome=_outcome(reply, name.lower())
    )
    return reply


def _check_token(telegram: Telegram, token: str) -> None:
    if not _TOKEN.fullmatch(token):
        raise NotFoundError
    if token != telegram.token:
        raise UnauthorizedError


def _outcome(reply: Reply, name: str) -> Json:
    outcome: Json = {"status": reply.status, "answer_lost": reply.is_lost}
    if reply.status != 200:
        outcome["description"] = reply.body["description"]
    elif name.startswith(("send", "edit")) and isinstance(reply.body["result"], dict):
        outcome["message_id"] = reply.body["result"]["message_id"]
    return outcome


# The bot itself ------------------------------------------------------------------------------


@method
def get_me(telegram: Telegram, parameters: Parameters) -> Json:
    """Return the bot's own account."""
    return {
        **telegram.bot,
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


@method
def set_my_commands(telegram: Telegram, parameters: Parameters) -> bool:
    """Set the commands menu for a scope and language."""
    wanted = parameters.json("commands")
    if not isinstance(wanted, list) or not all(isinstance(it, dict) for it in wanted):
        raise BadRequestError("can't parse commands JSON object")
    if len(wanted) > COMMANDS_MAX:
        raise BadRequestError("BOT_COMMANDS_TOO_MUCH")
    commands = []
    for command in wanted:
        name = _COMMAND.fullmatch(str(command.get("command", "")))
        description = str(command.get("description", "")).strip()
        if name is None:
            raise BadRequestError("BOT_COMMAND_INVALID")
        if not 1 <= len(description) <= 256:
            raise BadRequestError("BOT_COMMAND_DESCRIPTION_INVALID")
        commands.append({"command": name.group(1), "description": description})
    key = _wanted_commands_key(parameters)
    if commands:
        telegram.state.commands[key] = commands
    else:
        telegram.state.commands.pop(key, None)
    telegram.changed()
    telegram.events.publish("commands")
    return True


@method
def delete_my_commands(telegram: Telegram, parameters: Parameters) -> bool:
    """Remove the commands menu of a scope and language."""
    telegram.state.commands.pop(_wanted_commands_key(parameters), None)
    telegram.changed()
    telegram.events.publish("commands")
    return True


@method
def get_my_commands(telegram: Telegram, parameters: Parameters) -> list[Json]:
    """Return the commands of exactly this scope and language."""
    return telegram.state.commands.get(_wanted_commands_key(parameters), [])


def commands_key(*, scope: str, language: str = "", chat_id: int | None = None) -> str:
    """Return the name under which the state keeps a menu of commands."""
    return f"{scope}:{chat_id or ''}:{language}"


def commands_for(telegram: Telegram, chat: Chat) -> list[Json]:
    """Return the commands that a player is shown: the narrowest scope that has any."""
    player = chat.player
    for scope, chat_id in (("chat", player.id), ("all_private_chats", None), ("default", None)):
        for language in (player.language_code, ""):
            key = commands_key(scope=scope, language=language, chat_id=chat_id)
            if key in telegram.state.commands:
                return telegram.state.commands[key]
    return []


def _wanted_commands_key(parameters: Parameters) -> str:
    scope = parameters.json("scope") or {"type": "default"}
    if not isinstance(scope, dict):
        raise BadRequestError("can't parse BotCommandScope JSON object")
    return commands_key(
        scope=str(scope.get("type")),
        language=parameters.text("language_code"),
        chat_id=scope.get("chat_id"),
    )


@method
def set_my_description(telegram: Telegram, parameters: Parameters) -> bool:
    """Set what an empty chat shows, in one language."""
    return _describe(telegram, parameters, name="description", most=DESCRIPTION_MAX)


@method
def get_my_description(telegram: Telegram, parameters: Parameters) -> Json:
    """Return what an empty chat shows, in exactly this language or by default."""
    return _described(telegram, parameters, name="description")


@method
def set_my_short_description(telegram: Telegram, parameters: Parameters) -> bool:
    """Set what stands on the bot's page, in one language."""
    return _describe(telegram, parameters, name="short_description", most=SHORT_DESCRIPTION_MAX)


@method
def get_my_short_description(telegram: Telegram, parameters: Parameters) -> Json:
    """Return what stands on the bot's page, in exactly this language or by default."""
    return _described(telegram, parameters, name="short_description")


def _describe(telegram: Telegram, parameters: Parameters, *, name: str, most: int) -> bool:
    text = parameters.text(name).strip()
    if len(text) > most:
        raise BadRequestError(f"{name} is too long")
    key = f"{name}:{parameters.text('language_code')}"
    if text:
        telegram.state.descriptions[key] = text
    else:
        telegram.state.descriptions.pop(key, None)
    telegram.changed()
    return True


def _described(telegram: Telegram, parameters: Parameters, *, name: str) -> Json:
    kept = telegram.state.descriptions
    language = parameters.text("language_code")
    return {name: kept.get(f"{name}:{language}", kept.get(f"{name}:", ""))}


# Updates -------------------------------------------------------------------------------------


@method
def set_webhook(telegram: Telegram, parameters: Parameters) -> bool:
    """Have updates posted to a URL; with an empty one, stop that."""
    url = parameters.text("url").strip()
    if not url:
        return bool(delete_webhook(telegram, parameters))
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise BadRequestError("bad webhook: invalid webhook URL specified")
    secret_token = parameters.text("secret_token")
    if len(secret_token) > 256:
        raise BadRequestError("secret token is too long")
    if not _SECRET_TOKEN.fullmatch(secret_token):
        raise BadRequestError("secret token contains unallowed characters")
    _set_allowed_updates(telegram, parameters)
    if parameters.flag("drop_pending_updates"):
        telegram.delivery.drop_pending()
    connections = parameters.integer("max_connections") or WEBHOOK_CONNECTIONS_DEFAULT
    telegram.state.webhook = Webhook(
        url=url,
        secret_token=secret_token,
        max_connections=min(max(connections, 1), WEBHOOK_CONNECTIONS_MAX),
    )
    telegram.changed()
    telegram.delivery.restart()
    return True


@method
def delete_webhook(telegram: Telegram, parameters: Parameters) -> bool:
    """Stop posting updates; they wait for getUpdates or the next webhook."""
    telegram.state.webhook = None
    if parameters.flag("drop_pending_updates"):
        telegram.delivery.drop_pending()
    telegram.changed()
    telegram.delivery.restart()
    return True


@method
def get_webhook_info(telegram: Telegram, parameters: Parameters) -> Json:
    """Return where updates go and what went wrong last."""
    webhook = telegram.state.webhook
    info: Json = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(telegram.state.pending),
    }
    if webhook is not None:
        info["max_connections"] = webhook.max_connections
        if webhook.last_error_date:
            info["last_error_date"] = webhook.last_error_date
            info["last_error_message"] = webhook.last_error_message
    if telegram.state.allowed_updates:
        info["allowed_updates"] = telegram.state.allowed_updates
    return info


@method
async def get_updates(telegram: Telegram, parameters: Parameters) -> list[Json]:
    """Return updates from `offset` on, waiting up to `timeout` seconds for the first."""
    _set_allowed_updates(telegram, parameters)
    limit = parameters.integer("limit") or UPDATES_PER_POLL_MAX
    return await telegram.delivery.poll(
        offset=parameters.integer("offset") or 0,
        limit=min(max(limit, 1), UPDATES_PER_POLL_MAX),
        timeout_s=min(parameters.integer("timeout") or 0, POLL_TIMEOUT_MAX_S),
    )


def _set_allowed_updates(telegram: Telegram, parameters: Parameters) -> None:
    allowed = parameters.json("allowed_updates")
    if allowed is None:
        return  # As Telegram does: the last setting stays.
    if not isinstance(allowed, list):
        raise BadRequestError("can't parse allowed updates JSON object")
    telegram.state.allowed_updates = [str(kind) for kind in allowed]
    telegram.changed()


# Messages ------------------------------------------------------------------------------------


@method
def send_message(telegram: Telegram, parameters: Parameters) -> Json:
    """Send a text."""
    content = text_of(parameters)
    return send(telegram, chat_to_write_to(telegram, parameters), parameters, content)


@method
def send_photo(telegram: Telegram, parameters: Parameters) -> Json:
    """Send a picture: PNG, JPEG or GIF, uploaded or known by its id."""
    caption = caption_of(parameters)
    chat = chat_to_write_to(telegram, parameters)
    file = _file(telegram, parameters, "photo")
    size = images.size(file.content)
    if size is None:
        raise BadRequestError("IMAGE_PROCESS_FAILED")
    photo = {**file_json(file), "width": size[0], "height": size[1]}
    return send(telegram, chat, parameters, {"photo": [photo], **caption})


@method
def send_document(telegram: Telegram, parameters: Parameters) -> Json:
    """Send a file, uploaded or known by its id."""
    caption = caption_of(parameters)
    chat = chat_to_write_to(telegram, parameters)
    file = _file(telegram, parameters, "document")
    document = {**file_json(file), "file_name": file.name, "mime_type": file.mime_type}
    return send(telegram, chat, parameters, {"document": document, **caption})


@method
def get_file(telegram: Telegram, parameters: Parameters) -> Json:
    """Return where a file can be downloaded."""
    file = telegram.state.files.get(parameters.text("file_id"))
    if file is None:
        raise BadRequestError("invalid file_id")
    return {**file_json(file), "file_path": f"files/{file.id}"}


@method
def edit_message_text(telegram: Telegram, parameters: Parameters) -> Json:
    """Replace the text of a message, and its inline keyboard with it."""
    content = text_of(parameters)
    chat, message = _message_to_edit(telegram, parameters)
    if "text" not in message:
        raise BadRequestError("there is no text in the message to edit")
    return _edit(telegram, chat, message, {**content, **keyboards.inline(parameters)})


@method
def edit_message_reply_markup(telegram: Telegram, parameters: Parameters) -> Json:
    """Replace the inline keyboard of a message, or take it away."""
    chat, message = _message_to_edit(telegram, parameters)
    kept: Json = {name: message[name] for name in ("text", "entities") if name in message}
    if "invoice" in message:
        inline = invoices.keyboard(parameters, amount=message["invoice"]["total_amount"])
    else:
        inline = keyboards.inline(parameters)
    return _edit(telegram, chat, message, {**kept, **inline})


@method
def delete_message(telegram: Telegram, parameters: Parameters) -> bool:
    """Remove a message, no matter whose, from the last 48 hours."""
    chat = _chat(telegram, parameters)
    message = chat.messages.get(parameters.integer("message_id") or 0)
    if message is None:
        raise BadRequestError("message to delete not found")
    if message["date"] < clock.now() - MAY_DELETE_FOR_S:
        raise BadRequestError("message can't be deleted for everyone")
    del chat.messages[message["message_id"]]
    chat.undelivered.discard(message["message_id"])
    telegram.changed()
    telegram.events.publish("delete", chat_id=chat.player.id, message_id=message["message_id"])
    return True


@method
def send_chat_action(telegram: Telegram, parameters: Parameters) -> bool:
    """Show for some seconds that the bot is busy with something."""
    chat = chat_to_write_to(telegram, parameters)
    action = parameters.text("action")
    if not action:
        raise BadRequestError("wrong parameter action in request")
    telegram.events.publish("action", chat_id=chat.player.id, action=action)
    return True


@method
def answer_callback_query(telegram: Telegram, parameters: Parameters) -> bool:
    """Let a tapped button rest, with or without a notice for the player."""
    text = parameters.text("text")
    if len(text) > CALLBACK_TEXT_LENGTH_MAX:
        raise BadRequestError("MESSAGE_TOO_LONG")
    query = telegram.state.take_query(parameters.text("callback_query_id"))
    if query is None:
        raise BadRequestError(
            "query is too old and response timeout expired or query ID is invalid"
        )
    toast = {
        "callback_query_id": query.id,
        "message_id": query.message_id,
        "text": text,
        "show_alert": parameters.flag("show_alert"),
        "url": parameters.text("url"),
        "date": int(clock.now()),
    }
    chat = telegram.state.chats.get(query.player_id)
    if chat is not None:
        if text or toast["url"]:
            chat.toasts.append(toast)
        telegram.events.publish("answered", chat_id=query.player_id, toast=toast)
    telegram.changed()
    return True


def _chat(telegram: Telegram, parameters: Parameters) -> Chat:
    if not parameters.text("chat_id"):
        raise BadRequestError("chat_id is empty")
    chat = telegram.state.chats.get(parameters.integer("chat_id") or 0)
    if chat is None:
        raise BadRequestError("chat not found")
    return chat


def chat_to_write_to(telegram: Telegram, parameters: Parameters) -> Chat:
    """Return the chat that a call names. Raise ForbiddenError when the bot may not write there."""
    chat = _chat(telegram, parameters)
    if chat.blocked:
        raise ForbiddenError("bot was blocked by the user")
    if not chat.started:
        raise ForbiddenError("bot can't initiate conversation with a user")
    return chat


def _message_to_edit(telegram: Telegram, parameters: Parameters) -> tuple[Chat, Json]:
    if not parameters.text("message_id"):
        raise BadRequestError("message identifier is not specified")
    chat = chat_to_write_to(telegram, parameters)
    message = chat.messages.get(parameters.integer("message_id") or 0)
    if message is None:
        raise BadRequestError("message to edit not found")
    if not message["from"]["is_bot"]:
        raise BadRequestError("message can't be edited")
    return chat, message


def send(
    telegram: Telegram,
    chat: Chat,
    parameters: Parameters,
    content: Json,
    *,
    inline: Json | None = None,
) -> Json:
    """Put a message of the bot into a chat, with `inline` or the call's own keyboard below it."""
    if inline is None:
        inline = keyboards.inline(parameters)
    if parameters.flag("protect_content"):
        content["has_protected_content"] = True
    if effect := parameters.text("message_effect_id"):
        if effect not in EFFECTS:
            raise BadRequestError("EFFECT_ID_INVALID")
        content["effect_id"] = effect
    if not inline:
        _change_reply_keyboard(telegram, chat, parameters)
    return telegram.post(chat, sender=telegram.bot, content={**content, **inline})


def _edit(telegram: Telegram, chat: Chat, message: Json, content: Json) -> Json:
    """Replace what a message shows. A part that is not in `content` goes."""
    parts = ("text", "entities", "reply_markup")
    if all(message.get(part) == content.get(part) for part in parts):
        raise BadRequestError(
            "message is not modified: specified new message content and reply markup are exactly "
            "the same as a current content and reply markup of the message"
        )
    frame = {name: value for name, value in message.items() if name not in parts}
    edited = {**frame, "edit_date": int(clock.now()), **content}
    chat.messages[message["message_id"]] = edited
    telegram.changed()
    telegram.events.publish("edit", chat_id=chat.player.id, message=edited)
    return edited


def _change_reply_keyboard(telegram: Telegram, chat: Chat, parameters: Parameters) -> None:
    """Put a keyboard in the place of the player's own, or take it away again."""
    markup = parameters.json("reply_markup") or {}
    if "keyboard" in markup:
        chat.reply_keyboard = markup
    elif markup.get("remove_keyboard"):
        chat.reply_keyboard = None
    else:
        return
    telegram.events.publish("keyboard", chat_id=chat.player.id, reply_keyboard=chat.reply_keyboard)


def text_of(parameters: Parameters) -> Json:
    """Return the text of a message with its entities. Raise BadRequestError for none."""
    text, found = _formatted(parameters, "text")
    if not text:
        raise BadRequestError("message text is empty")
    if len(text) > TEXT_LENGTH_MAX:
        raise BadRequestError("message is too long")
    return {"text": text, "entities": found} if found else {"text": text}


def caption_of(parameters: Parameters) -> Json:
    """Return the words below a picture or a file with their entities, if there are any."""
    caption, found = _formatted(parameters, "caption")
    if len(caption) > CAPTION_LENGTH_MAX:
        raise BadRequestError("message caption is too long")
    if not caption:
        return {}
    return {"caption": caption, "caption_entities": found} if found else {"caption": caption}


def _formatted(parameters: Parameters, name: str) -> tuple[str, list[Json]]:
    given = parameters.json("entities" if name == "text" else "caption_entities")
    try:
        if given:
            return entities.trim(parameters.text(name), entities.check(given))
        return entities.read(parameters.text(name), parse_mode=parameters.text("parse_mode"))
    except entities.EntitiesError as error:
        raise BadRequestError(str(error)) from error


# Files ---------------------------------------------------------------------------------------


def _file(telegram: Telegram, parameters: Parameters, name: str) -> StoredFile:
    given = parameters.file(name)
    if isinstance(given, Upload):
        if not given.content:
            raise BadRequestError("file must be non-empty")
        mime_type = mimetypes.guess_type(given.name)[0] or given.mime_type
        return telegram.state.add_file(name=given.name, mime_type=mime_type, content=given.content)
    if not given:
        raise BadRequestError(f"there is no {name} in the request")
    if given.startswith(("http://", "https://")):
        # Nothing leaves this machine.
        raise BadRequestError("failed to get HTTP URL content")
    file = telegram.state.files.get(given)
    if file is None:
        raise BadRequestError("wrong file identifier/HTTP URL specified")
    return file


def file_json(file: StoredFile) -> Json:
    """Return a file as the Bot API describes it."""
    return {
        "file_id": file.id,
        "file_unique_id": file.id[:16],
        "file_size": len(file.base64) * 3 // 4 - file.base64.count("=", -2),
    }


def answer_body(reply: Reply) -> bytes:
    """Return the body of the HTTP answer."""
    return json.dumps(reply.body, ensure_ascii=False, separators=(",", ":")).encode()
