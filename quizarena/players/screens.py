"""“See what the player sees”: screens of the bot as they would be sent now, for staff to look at.

The bot declares them and renders each. A screen is read in a transaction in which PostgreSQL
refuses every write, and of which nothing is left: neither what a screen applies lazily when
players open it, nor what it would have the bot send (product rules, section 14).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from quizarena.players.models import Language, Player
from quizarena.staff.desk import StaffAdmin, own_user

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the bot as a chat shows it: its text, and rows of the labels of its buttons."""

    text: SafeString
    buttons: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerScreen:
    """A screen that staff can look at, for whoever has the permission.

    `render` returns what the player would be sent at an instant, in the player's language. It
    cannot write: one that tries is not shown.
    """

    code: str
    title: str
    permission: str
    render: Callable[[Player, datetime], Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A screen as it was rendered; without a message it cannot be shown."""

    title: str
    message: Message | None


_screens: dict[str, PlayerScreen] = {}


def declare(screen: PlayerScreen) -> None:
    """Let staff look at `screen`; they are shown in the order of declaration."""
    _screens[screen.code] = screen


def screens(*, user: User | AnonymousUser) -> list[PlayerScreen]:
    """Return what the user may look at."""
    return [one for one in _screens.values() if user.has_perm(one.permission)]


def show(screen: PlayerScreen, *, player: Player, now: datetime) -> Shown:
    """Render the screen for the player, and change nothing.

    Without a message when it fails, or would write; that is logged as an error and concerns no
    other screen.
    """
    try:
        with _read_only():
            message = screen.render(player, now)
    except Exception:  # Of whatever kind: it is this screen's alone.
        log.exception("player_screen.not_shown", screen=screen.code, player=player.pk)
        return Shown(title=screen.title, message=None)
    return Shown(title=screen.title, message=message)


@contextmanager
def _read_only() -> Iterator[None]:
    """Let PostgreSQL refuse every write and row lock inside, and roll back at the end.

    The rollback drops what waits for the commit, too: tasks, and waking a sender.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield
        transaction.set_rollback(True)


def page(request: HttpRequest, pk: int, *, model_admin: StaffAdmin[Any]) -> HttpResponse:
    """Show every screen that the user may look at, as the player would be sent it now."""
    player, now = get_object_or_404(Player, pk=pk, deleted_at=None), timezone.now()
    allowed = screens(user=own_user(request))
    if not allowed:
        raise PermissionDenied
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"What {player} sees",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "player": player,
        "language": Language(player.language).name.capitalize(),
        "now": now,
        "shown": [show(one, player=player, now=now) for one in allowed],
    }
    return TemplateResponse(request, "players/screens.html", context)
