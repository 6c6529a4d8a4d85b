"""A player's timeline: what has happened, of every kind, merged and newest first, page by page.

The apps above know what happened and declare it, as kinds of one or several streams. A stream is
read by its own index from where the last page has left it, so every page costs the same however
much lies behind it; the streams are merged here.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from quizarena.players.models import Player
from quizarena.staff.plans import custom_plans

PAGE_LENGTH = 25
# The place after which a stream continues: the values of its order in the last row that was shown.
Place = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the timeline says of a row."""

    what: str | SafeString
    detail: str | SafeString = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Rows about a player of one table, in the order of one index.

    `order` names one or two fields, both descending, of which the last is unique; `at` need only
    follow that order roughly. The name stands in addresses and must be unique.
    """

    name: str
    rows: Callable[[Player], "QuerySet[Any]"]
    order: Sequence[str]
    at: Callable[[Any], datetime]
    line: Callable[[Any, Player], Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one can look for in a timeline.

    Who lacks the permission sees nothing of it. What is too frequent to stand between the rest is
    shown only when it is asked for.
    """

    code: str
    label: str
    permission: str
    streams: Sequence[Stream]
    is_frequent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of the timeline."""

    at: datetime
    kind: Kind
    what: str | SafeString
    detail: str | SafeString


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events, newest first; `older` continues behind them, if there are more."""

    events: Sequence[Event]
    older: str | None


@dataclass(slots=True)
class _Read:
    """A row that was read, and what it is of."""

    at: datetime
    kind: Kind
    stream: Stream
    row: Any = field(repr=False)


_kinds: dict[str, Kind] = {}


def declare(kind: Kind) -> None:
    """Let timelines show a kind of events; kinds are offered in the order of declaration."""
    _kinds[kind.code] = kind


def kinds(*, user: User | AnonymousUser) -> list[Kind]:
    """Return the kinds that the user may see."""
    return [kind for kind in _kinds.values() if user.has_perm(kind.permission)]


def page(
    *,
    player: Player,
    user: User | AnonymousUser,
    only: str = "",
    before: str = "",
    length: int = PAGE_LENGTH,
) -> Page:
    """Return a page of what the user may see, newest first; of one kind with `only`.

    `before` is the `older` of the page before this one; one that cannot be read begins anew. Each
    stream is one query of at most `length` + 1 rows.
    """
    places = _decoded(before)
    wanted = [
        kind for kind in kinds(user=user) if (kind.code == only if only else not kind.is_frequent)
    ]
    with custom_plans():
        read = [
            [
                _Read(at=stream.at(row), kind=kind, stream=stream, row=row)
                for row in _rows(stream, player, places.get(stream.name), length=length)
            ]
            for kind in wanted
            for stream in kind.streams
        ]
        merged = list(merge(*read, key=lambda one: one.at, reverse=True))
        shown = merged[:length]
        lines = [one.stream.line(one.row, player) for one in shown]
    for one in shown:
        places[one.stream.name] = [_text(getattr(one.row, name)) for name in one.stream.order]
    return Page(
        events=[
            Event(at=one.at, kind=one.kind, what=line.what, detail=line.detail)
            for one, line in zip(shown, lines, strict=True)
        ],
        older=_encoded(places) if len(merged) > length else None,
    )


def _rows(stream: Stream, player: Player, place: Place | None, *, length: int) -> list[Any]:
    """Return the next rows of a stream behind the place, one more than a page has."""
    rows = stream.rows(player)
    if place is not None:
        rows = _behind(rows, stream.order, place)
    return list(rows.order_by(*(f"-{name}" for name in stream.order))[: length + 1])


def _behind(rows: "QuerySet[Any]", order: Sequence[str], place: Place) -> "QuerySet[Any]":
    try:
        values = [
            rows.model._meta.get_field(name).to_python(text)
            for name, text in zip(order, place, strict=True)
        ]
    except (ValidationError, ValueError):  # Not by us: as if nothing had been shown.
        return rows
    if len(order) == 1:
        return rows.filter(**{f"{order[0]}__lt": values[0]})
    # The first condition is for the index, the second for rows of the same instant.
    rows = rows.filter(**{f"{order[0]}__lte": values[0]})
    return rows.filter(Q(**{f"{order[0]}__lt": values[0]}) | Q(**{f"{order[1]}__lt": values[1]}))


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _encoded(places: Mapping[str, Place]) -> str:
    return urlsafe_b64encode(json.dumps(places, separators=(",", ":")).encode()).decode()


def _decoded(before: str) -> dict[str, Place]:
    """Return the places that an address names; none for what we have not written."""
    try:
        found = json.loads(urlsafe_b64decode(before.encode())) if before else {}
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: place
        for name, place in found.items()
        if isinstance(place, list) and all(_is_harmless(text) for text in place)
    }


def _is_harmless(text: object) -> bool:
    """Return whether it can be the text of a value in the database."""
    return isinstance(text, str) and len(text) <= 40 and "\0" not in text
