"""One search over everything that staff look for. What there is to find, each app declares."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from quizarena.staff.plans import custom_plans

# A source shows so many; its own list has the rest.
FOUND_MAX = 10
# Nothing that one searches for is longer (a charge id of Telegram has 128 characters).
TERM_MAX_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A thing that has been found, with the page (`app_model_change`) and id to go to."""

    title: str
    detail: str = ""
    page: str
    pk: object

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.page}", args=[self.pk])


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSource:
    """Things of one kind.

    `find` takes the term without blanks around it and returns at most FOUND_MAX things, by indexed
    queries. Who lacks the permission finds none of them.
    """

    title: str
    symbol: str
    permission: str
    find: Callable[[str], Iterable[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one source has found."""

    source: SearchSource
    found: Sequence[Found]


_sources: dict[str, SearchSource] = {}


def declare(source: SearchSource) -> None:
    """Let the search look into `source`; results come in the order of declaration."""
    _sources[source.title] = source


def titles(*, user: User | AnonymousUser) -> list[str]:
    """Return of which kinds the user finds things."""
    return [one.title for one in _sources.values() if user.has_perm(one.permission)]


def search(*, term: str, user: User | AnonymousUser) -> list[Result]:
    """Return what the term finds among all that the user may view, source by source."""
    words = " ".join(term.split())
    if not words or len(words) > TERM_MAX_LENGTH or "\0" in words:  # PostgreSQL takes no zero.
        return []
    with custom_plans():
        found_by = {
            source: list(source.find(words))[:FOUND_MAX]
            for source in _sources.values()
            if user.has_perm(source.permission)
        }
    return [Result(source=source, found=found) for source, found in found_by.items() if found]
