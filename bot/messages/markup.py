"""Telegram's HTML as staff write it: what is wrong with it, and how it looks in a chat.

Which tags there are, and how Telegram reads them, stands in bot/messages/entities.py (Bot API,
Formatting options).
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bot.messages import entities
from bot.messages.entities import EntitiesError

# After the tags are read (Bot API sendMessage).
LENGTH_MAX = 4096
# Telegram drops those above (Bot API sendMessage takes them, and does not show them).
ENTITIES_MAX = 100
TAGS = "b i u s code pre a blockquote tg-spoiler"

# Control and format characters (joiners, marks of direction) and spaces: nobody sees them.
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Zs"}
_START_OF_LINK = re.compile(r"<a[\s>]", re.IGNORECASE)

Json = dict[str, Any]

# How an entity looks in a browser.
_LOOKS = {
    "bold": "<b>{}</b>",
    "italic": "<i>{}</i>",
    "underline": "<u>{}</u>",
    "strikethrough": "<s>{}</s>",
    "code": "<code>{}</code>",
    "pre": "<pre>{}</pre>",
    "blockquote": "<blockquote>{}</blockquote>",
    "expandable_blockquote": "<blockquote>{}</blockquote>",
    "spoiler": '<span class="chat-spoiler">{}</span>',
    "bot_command": '<span class="chat-link">{}</span>',
    "url": '<span class="chat-link">{}</span>',
}


class MarkupError(ValueError):
    """Telegram would refuse the text, or not show it as it is meant."""


def check(text: str) -> None:
    """Raise MarkupError, which says what is wrong and where, unless Telegram takes the text."""
    plain, found = _read(text)
    if all(unicodedata.category(character) in _UNSEEN for character in plain):
        raise MarkupError("There is no text.")
    length = entities.utf16_length(plain)
    if length > LENGTH_MAX:
        raise MarkupError(f"It has {length:,} characters; Telegram takes {LENGTH_MAX:,} at most.")
    if len(found) > ENTITIES_MAX:
        raise MarkupError(
            f"It has {len(found)} formatted parts, links included; Telegram shows the first "
            f"{ENTITIES_MAX} and drops the rest. Format less, or send two messages."
        )
    if any(entity["type"] == "custom_emoji" for entity in found):
        raise MarkupError("Bots cannot send custom emoji.")
    links = sum(entity["type"] == "text_link" and _has_host(entity["url"]) for entity in found)
    if links != len(_START_OF_LINK.findall(text)):
        raise MarkupError("A link leads nowhere: it needs an address with https://.")


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def look(text: str) -> SafeString:
    """Return the text as a chat shows it. Raises MarkupError like `check`."""
    check(text)
    plain, found = _read(text)
    return _dress(plain.encode("utf-16-le"), found, begin=0, end=entities.utf16_length(plain))


def _read(text: str) -> tuple[str, list[Json]]:
    try:
        return entities.read(text, parse_mode="HTML")
    except EntitiesError as error:
        reason = str(error).rpartition("can't parse entities: ")[2]
        place, _, offset = reason.partition(" at byte offset ")
        digits = offset.partition(",")[0]
        if not digits:
            raise MarkupError(f"{reason}.") from error
        before = text.encode()[: int(digits)].decode()
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        rest = offset.removeprefix(digits)
        raise MarkupError(
            f"{place}{rest}, in line {line} at character {column}. A plain < is written &lt;, and "
            f"the tags are {TAGS}."
        ) from error


def _dress(units: bytes, found: Sequence[Json], *, begin: int, end: int) -> SafeString:
    """Return the part between two offsets in its clothes; the outer entity comes first."""
    parts: list[SafeString] = []
    inside = [
        entity
        for entity in found
        if begin <= entity["offset"] and entity["offset"] + entity["length"] <= end
    ]
    while inside:
        outer, *rest = inside
        stop = outer["offset"] + outer["length"]
        parts.append(_plain(units, begin, outer["offset"]))
        within = [entity for entity in rest if entity["offset"] < stop]
        content = _dress(units, within, begin=outer["offset"], end=stop)
        if outer["type"] == "text_link":
            parts.append(
                format_html('<span class="chat-link" title="{}">{}</span>', outer["url"], content)
            )
        else:
            parts.append(format_html(_LOOKS[outer["type"]], content))
        inside, begin = [entity for entity in rest if entity["offset"] >= stop], stop
    parts.append(_plain(units, begin, end))
    return format_html_join("", "{}", ((part,) for part in parts))


def _plain(units: bytes, begin: int, end: int) -> SafeString:
    return format_html("{}", units[2 * begin : 2 * end].decode("utf-16-le"))
