"""Inline mode: a person writes `@bot …`, the bot offers results, and one is sent to somebody.

In Telegram it goes into any chat; here it lands on the phone of another player. The bot does not
get it: it is in no chat of the bot's.
"""

import re
import secrets
from typing import Any

from bot.sandbox import clock, images, keyboards, people
from bot.sandbox.errors import BadRequestError, ImpossibleError
from bot.sandbox.methods import caption_of, file_json, method, text_of
from bot.sandbox.parameters import Parameters
from bot.sandbox.state import Chat, InlineQuery
from bot.sandbox.telegram import Telegram

Json = dict[str, Any]

QUERY_LENGTH_MAX = 256
# Telegram refuses the answer to an older query.
ANSWER_WITHIN_S = 10
RESULTS_MAX = 50
RESULT_ID_BYTES_MAX = 64

_START_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}")


# What people do ------------------------------------------------------------------------------


def ask(telegram: Telegram, chat: Chat, *, query: str) -> InlineQuery:
    """Write `@bot query` in some chat; the bot gets an inline query."""
    if len(query) > QUERY_LENGTH_MAX:
        raise ImpossibleError(f"An inline query has at most {QUERY_LENGTH_MAX} characters.")
    asked = InlineQuery(
        id=str(secrets.randbits(62)), player_id=chat.player.id, query=query, asked_at=clock.now()
    )
    telegram.inline_queries.keep(asked)
    content = {"id": asked.id, "from": chat.player.user(), "query": query, "offset": ""}
    telegram.delivery.push(kind="inline_query", content=content)
    return asked


def find(telegram: Telegram, query_id: str) -> InlineQuery:
    """Return a query. Raise ImpossibleError when there is none of this id."""
    found = telegram.inline_queries.get(query_id)
    if found is None:
        raise ImpossibleError("There is no such inline query.")
    return found


def choose(telegram: Telegram, chat: Chat, *, query_id: str, result_id: str, receiver: int) -> Json:
    """Send one of the results to another player; return the message on that player's phone."""
    asked = find(telegram, query_id)
    result = next((it for it in asked.results if it["id"] == result_id), None)
    if result is None or asked.player_id != chat.player.id:
        raise ImpossibleError("There is no such result.")
    content = {**result["content"], "via_bot": telegram.bot}
    return telegram.post(
        people.find_chat(telegram, receiver), sender=chat.player.user(), content=content
    )


# What the bot does ---------------------------------------------------------------------------


@method
def answer_inline_query(telegram: Telegram, parameters: Parameters) -> bool:
    """Offer results for an inline query: articles, and pictures that were sent before."""
    asked = telegram.inline_queries.get(parameters.text("inline_query_id"))
    is_late = asked is None or asked.asked_at <= clock.now() - ANSWER_WITHIN_S
    if asked is None or is_late or asked.is_answered:
        raise BadRequestError(
            "query is too old and response timeout expired or query ID is invalid"
        )
    wanted = parameters.json("results")
    if not isinstance(wanted, list) or not all(isinstance(it, dict) for it in wanted):
        raise BadRequestError("can't parse inline query results JSON object")
    if len(wanted) > RESULTS_MAX:
        raise BadRequestError("RESULTS_TOO_MUCH")
    results = [_result(telegram, Parameters(it)) for it in wanted]
    if len({it["id"] for it in results}) != len(results):
        raise BadRequestError("RESULT_ID_DUPLICATE")
    asked.button = _button(parameters)
    asked.results, asked.is_answered = results, True
    telegram.events.publish("inline", chat_id=asked.player_id, query=as_json(asked))
    return True


def as_json(asked: InlineQuery) -> Json:
    """Return a query as the page and tests see it."""
    return dict(vars(asked))


def _result(telegram: Telegram, wanted: Parameters) -> Json:
    key = wanted.text("id")
    if not 1 <= len(key.encode()) <= RESULT_ID_BYTES_MAX:
        raise BadRequestError("RESULT_ID_INVALID")
    match wanted.text("type"):
        case "article":
            if not wanted.text("title"):
                raise BadRequestError("ARTICLE_TITLE_EMPTY")
            message = wanted.json("input_message_content")
            if not isinstance(message, dict):
                raise BadRequestError("input message content is not specified")
            content = text_of(Parameters({**message, "text": message.get("message_text")}))
        case "photo" if wanted.text("photo_file_id"):
            content = _photo(telegram, wanted)
        case kind:
            raise BadRequestError(f"the sandbox has no inline query result {kind!r}")
    return {
        "id": key,
        "title": wanted.text("title"),
        "description": wanted.text("description"),
        "content": {**content, **keyboards.inline(wanted)},
    }


def _photo(telegram: Telegram, wanted: Parameters) -> Json:
    file = telegram.state.files.get(wanted.text("photo_file_id"))
    size = images.size(file.content) if file else None
    if file is None or size is None:
        raise BadRequestError("wrong file identifier/HTTP URL specified")
    photo = {**file_json(file), "width": size[0], "height": size[1]}
    return {"photo": [photo], **caption_of(wanted)}


def _button(parameters: Parameters) -> Json | None:
    button = parameters.json("button")
    if not button:
        return None
    if not isinstance(button, dict) or not str(button.get("text", "")).strip():
        raise BadRequestError("can't parse inline query results button JSON object")
    if not _START_PARAMETER.fullmatch(str(button.get("start_parameter", ""))):
        raise BadRequestError("SWITCH_PM_PARAMETER_INVALID")
    return button
