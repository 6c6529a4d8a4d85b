"""Text and its entities: HTML as bots write it, commands and links as Telegram finds them.

Offsets and lengths count UTF-16 code units, positions in errors count bytes, as in the Bot API.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

Json = dict[str, Any]


class EntitiesError(ValueError):
    """Telegram would not read the text; the message is its own."""


ENTITY_OF_TAG = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "blockquote": "blockquote",
}
# Nothing may be found inside of these: what they show is meant literally.
LITERAL = {"code", "pre", "text_link"}

_CHARACTER_REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,8}|#[xX][0-9a-fA-F]{1,8});")
_ATTRIBUTE = re.compile(
    r"\s*([^\s=>/\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9.\-]+)))?", re.ASCII
)
_TAG_NAME = re.compile(r"[^\s>]*", re.ASCII)
_FOUND = re.compile(
    r"(?P<bot_command>(?<![\w/<>@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<url>https?://[^\s<>\"]+[^\s<>\".,:;!?)'\]])"
)


def utf16_length(text: str) -> int:
    """Count the UTF-16 code units of `text`."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def find(text: str) -> list[Json]:
    """Return the commands and links that stand in plain `text`."""
    if "/" not in text:
        return []
    return [
        {
            "type": match.lastgroup,
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match.group()),
        }
        for match in _FOUND.finditer(text)
    ]


def read(text: str, *, parse_mode: str) -> tuple[str, list[Json]]:
    """Return what a bot wrote as plain text with its entities.

    Raise EntitiesError when the markup is broken or of a kind that is not read here.
    """
    if parse_mode.lower() == "html":
        text, entities = _HtmlReader(source=text).read()
    elif not parse_mode:
        entities = []
    else:
        raise EntitiesError("unsupported parse_mode")
    return trim(text, entities)


def check(entities: Any) -> list[Json]:
    """Return entities that a bot spelled out. Raise EntitiesError when they are none."""
    if isinstance(entities, list) and all(
        isinstance(entity, dict)
        and isinstance(entity.get("type"), str)
        and isinstance(entity.get("offset"), int)
        and isinstance(entity.get("length"), int)
        for entity in entities
    ):
        return entities
    raise EntitiesError("can't parse entities JSON object")


def trim(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Strip `text` as Telegram does, move `entities` along, and add what is found in it."""
    stripped = text.strip()
    skipped = utf16_length(text[: len(text) - len(text.lstrip())])
    end = utf16_length(stripped)
    kept = []
    for entity in entities:
        start = max(entity["offset"] - skipped, 0)
        stop = min(entity["offset"] + entity["length"] - skipped, end)
        if start < stop:
            kept.append({**entity, "offset": start, "length": stop - start})
    literal = [entity for entity in kept if entity["type"] in LITERAL]
    kept += [found for found in find(stripped) if not any(_overlap(found, it) for it in literal)]
    # The outer entity first; sorting is stable, so of two equal ones the first opened leads.
    kept.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return stripped, kept


def _overlap(one: Json, other: Json) -> bool:
    return bool(
        one["offset"] < other["offset"] + other["length"]
        and other["offset"] < one["offset"] + one["length"]
    )


@dataclass(slots=True, kw_only=True)
class _Open:
    """A tag that waits for its end."""

    tag: str
    argument: str
    offset: int
    order: int
    text_start: int


@dataclass(slots=True, kw_only=True)
class _HtmlReader:
    source: str
    text: str = ""
    offset: int = 0
    open: list[_Open] = field(default_factory=list)
    # With the number of the start tag, so that entities end in the order in which they opened.
    closed: list[tuple[int, Json]] = field(default_factory=list)
    opened_count: int = 0

    def read(self) -> tuple[str, list[Json]]:
        position = 0
        while position < len(self.source):
            begin = self.source.find("<", position)
            if begin < 0:
                begin = len(self.source)
            self._add(_unescape(self.source[position:begin]))
            if begin == len(self.source):
                break
            if self.source.startswith("</", begin):
                position = self._end_tag(begin)
            else:
                position = self._start_tag(begin)
        if self.open:
            tag = self.open[-1].tag
            raise EntitiesError(
                f"can't parse entities: Can't find end tag corresponding to start tag \"{tag}\""
            )
        return self.text, [entity for _, entity in sorted(self.closed, key=lambda item: item[0])]

    def _add(self, text: str) -> None:
        self.text += text
        self.offset += utf16_length(text)

    def _start_tag(self, begin: int) -> int:
        name = self._match(_TAG_NAME, begin + 1)
        tag = name.group().lower()
        position = name.end()
        if position == len(self.source):
            self._fail("Unclosed start tag", begin)
        if tag not in ENTITY_OF_TAG:
            self._fail(f'Unsupported start tag "{tag}"', begin)
        attributes: dict[str, str] = {}
        while True:
            position = self._skip_spaces(position)
            if position >= len(self.source):
                self._fail("Unclosed start tag", begin)
            if self.source[position] == ">":
                break
            attribute = _ATTRIBUTE.match(self.source, position)
            if attribute is None:
                self._fail(f'Empty attribute name in the tag "{tag}"', begin)
            value = next((group for group in attribute.groups()[1:] if group is not None), "")
            attributes[attribute.group(1).lower()] = _unescape(value)
            position = attribute.end()
        self.open.append(
            _Open(
                tag=tag,
                argument=self._argument(tag, attributes, begin),
                offset=self.offset,
                order=self.opened_count,
                text_start=len(self.text),
            )
        )
        self.opened_count += 1
        return position + 1

    def _argument(self, tag: str, attributes: dict[str, str], begin: int) -> str:
        match tag:
            case "a":
                return attributes.get("href", "")
            case "code":
                language = attributes.get("class", "")
                return language.removeprefix("language-") if "language-" in language else ""
            case "span":
                if attributes.get("class") != "tg-spoiler":
                    self._fail('Tag "span" must have class "tg-spoiler"', begin)
            case "tg-emoji":
                return attributes.get("emoji-id", "")
            case "blockquote":
                return "expandable" if "expandable" in attributes else ""
        return ""

    def _end_tag(self, begin: int) -> int:
        if not self.open:
            self._fail("Unexpected end tag", begin)
        name = self._match(_TAG_NAME, begin + 2)
        position = self._skip_spaces(name.end())
        if position >= len(self.source) or self.source[position] != ">":
            self._fail("Unclosed end tag", begin)
        opened = self.open.pop()
        tag = name.group().lower()
        if tag and tag != opened.tag:
            self._fail(f'Unmatched end tag, expected "</{opened.tag}>", found "</{tag}>"', begin)
        length = self.offset - opened.offset
        if length:
            entity = self._entity(opened, length)
            if entity is not None:
                self.closed.append((opened.order, entity))
        return position + 1

    def _entity(self, opened: _Open, length: int) -> Json | None:
        entity: Json = {
            "type": ENTITY_OF_TAG[opened.tag],
            "offset": opened.offset,
            "length": length,
        }
        match opened.tag:
            case "a":
                url = opened.argument or self.text[opened.text_start :]
                # Telegram shows a link it cannot follow as the text it is.
                return {**entity, "url": url} if re.match(r"(?:https?|tg|mailto):", url) else None
            case "code" if opened.argument and self.open and self.open[-1].tag == "pre":
                # <pre><code class="language-…"> is one entity; the enclosing <pre> takes it over.
                self.open[-1].argument = opened.argument
                return None
            case "pre" if opened.argument:
                return {**entity, "language": opened.argument}
            case "tg-emoji":
                return {**entity, "custom_emoji_id": opened.argument}
            case "blockquote" if opened.argument:
                return {**entity, "type": "expandable_blockquote"}
        return entity

    def _match(self, pattern: re.Pattern[str], position: int) -> re.Match[str]:
        match = pattern.match(self.source, position)
        assert match is not None  # The patterns used here match the empty string too.
        return match

    def _skip_spaces(self, position: int) -> int:
        while position < len(self.source) and self.source[position] in " \t\r\n":
            position += 1
        return position

    def _fail(self, what: str, position: int) -> NoReturn:
        what, comma, rest = what.partition(", expected")
        byte_offset = len(self.source[:position].encode())
        raise EntitiesError(
            f"can't parse entities: {what} at byte offset {byte_offset}{comma}{rest}"
        )


def _unescape(text: str) -> str:
    """Replace the few character references that Telegram knows."""
    if "&" not in text:
        return text
    return _CHARACTER_REFERENCE.sub(lambda match: html.unescape(match.group()), text)
