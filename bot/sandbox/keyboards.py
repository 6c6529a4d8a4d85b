"""Inline keyboards, checked as Telegram checks them."""

import re
from typing import Any

from bot.sandbox.errors import BadRequestError
from bot.sandbox.parameters import Parameters

Json = dict[str, Any]

DATA_BYTES_MAX = 64
# Bot API CopyTextButton.
COPIED_LENGTH_MAX = 256
# Bot API InlineQuery.
INLINE_QUERY_LENGTH_MAX = 256
# What a button may have without doing anything.
_LOOKS = {"text", "style", "icon_custom_emoji_id"}
_URL = re.compile(r"(?:https?|tg|ton|mailto|tel):")


def inline(parameters: Parameters, *, pays: bool = False) -> Json:
    """Return {"reply_markup": …} when the call brings an inline keyboard with buttons, else {}.

    `pays` says that it stands under an invoice, where the first button pays. Raise BadRequestError
    when it is none that Telegram would show.
    """
    markup = parameters.json("reply_markup")
    if not markup:
        return {}
    if not isinstance(markup, dict):
        raise BadRequestError("object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        return {}
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequestError('field "inline_keyboard" must be of type Array of Arrays')
    rows = [[_button(button) for button in row] for row in rows if row]
    if rows:
        _check_pay_button(rows, pays=pays)
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _check_pay_button(rows: list[list[Json]], *, pays: bool) -> None:
    places = [
        (row, column)
        for row, buttons in enumerate(rows)
        for column, button in enumerate(buttons)
        if button.get("pay")
    ]
    if places and not pays:
        raise BadRequestError("BUTTON_TYPE_INVALID")
    if pays and not places:
        raise BadRequestError("REPLY_MARKUP_BUY_EMPTY")
    if pays and places != [(0, 0)]:
        raise BadRequestError("BUTTON_POS_INVALID")


def _button(button: Any) -> Json:
    problem = "can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise BadRequestError(f"{problem}InlineKeyboardButton must be an Object")
    if not str(button.get("text", "")).strip():
        raise BadRequestError(f'{problem}Field "text" must be non-empty')
    if not button.keys() - _LOOKS:
        raise BadRequestError(f"{problem}Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button:
        length = len(str(button["callback_data"]).encode())
        if not 1 <= length <= DATA_BYTES_MAX:
            raise BadRequestError("BUTTON_DATA_INVALID")
    if len(str(button.get("switch_inline_query", ""))) > INLINE_QUERY_LENGTH_MAX:
        raise BadRequestError("BUTTON_DATA_INVALID")
    if "copy_text" in button:
        _check_copied(button["copy_text"])
    if "url" in button and not _URL.match(str(button["url"])):
        url = button["url"]
        raise BadRequestError(
            f"inline keyboard button URL '{url}' is invalid: unsupported URL protocol"
        )
    return button


def _check_copied(copied: Any) -> None:
    text = copied.get("text") if isinstance(copied, dict) else None
    if not isinstance(text, str) or not 1 <= len(text) <= COPIED_LENGTH_MAX:
        raise BadRequestError("BUTTON_COPY_TEXT_INVALID")
