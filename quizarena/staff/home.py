"""The home page of the admin: what waits first, then what a role wants to know.

An app declares its panels. What would be costly to count is counted by a job into HomeFigures, and
says from when it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from quizarena.staff import inbox, inbox_page, navigation, outcome_page
from quizarena.staff.desk import own_user
from quizarena.staff.models import HomeFigures
from quizarena.staff.plans import custom_plans

# So many of what waits stand on the home page; the inbox has the rest.
WAITING_SHOWN = 6
# A list of a panel has so many rows.
ROWS_SHOWN = 5
# Who has every permission sees what an administrator sees.
ADMINISTRATOR = "Administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a panel shows."""

    # A label, and its value.
    figures: Sequence[tuple[str, object]] = ()
    # What one is, and what is to know about it.
    rows: Sequence[tuple[object, object]] = ()
    # In place of both.
    empty: str = ""
    # From when it is, and how it is counted.
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture on the home page of some roles."""

    name: str
    title: str
    roles: tuple[str, ...]
    # Whoever of the role lacks it does not see the panel.
    permission: str
    draw: Callable[[User, datetime], Content]
    # A page of the admin ("payments_purchase_queue") with more of it, and what the link says.
    page: str
    more: str
    # Among the panels of a role.
    order: int


_panels: dict[str, Panel] = {}


def declare(panel: Panel) -> None:
    """Put a panel on the home page of its roles; an admin module of its app does."""
    _panels[panel.name] = panel


def panels_of(user: User) -> list[Panel]:
    """Return the panels of the user's roles that the user may see, in their order."""
    roles = (
        {ADMINISTRATOR} if user.is_superuser else set(user.groups.values_list("name", flat=True))
    )
    seen = [
        panel
        for panel in _panels.values()
        if roles.intersection(panel.roles) and user.has_perm(panel.permission)
    ]
    return sorted(seen, key=lambda panel: (panel.order, panel.title))


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return what Unfold knows of the front page, with what waits and the panels of the user."""
    user, now = own_user(request), timezone.now()
    waiting = inbox.items(user=user, now=now)[:WAITING_SHOWN]
    numbers = navigation.numbers(request)
    panels = panels_of(user)
    with custom_plans():
        drawn = [
            {
                "title": panel.title,
                "content": panel.draw(user, now),
                "more": panel.more,
                "address": reverse(f"admin:{panel.page}"),
            }
            for panel in panels
        ]
    return {
        **context,
        "title": "Home",
        "kinds": [
            (source.title, f"{reverse('inbox')}?source={source.name}", shown)
            for source in inbox.seen_by(user)
            for shown in [inbox.shown(numbers[source.name])]
            if numbers[source.name]
        ],
        "can_wait": [source.title for source in inbox.seen_by(user)],
        "waiting": {
            "headers": ["What", "Which", "Since", "Owner", "Next step"],
            "rows": [inbox_page.row(item, request=request, now=now) for item in waiting],
        },
        "outcomes": outcome_page.shown(request),
        "panels": drawn,
        "may_search": user.has_perm("players.view_player"),
    }


@require_safe
def all_pages(request: HttpRequest) -> HttpResponse:
    """Show every page of the admin that the user may see, by group."""
    context = {
        **admin.site.each_context(request),
        "title": "All pages",
        "groups": navigation.pages(request),
    }
    return TemplateResponse(request, "staff/pages.html", context)


def record(*, panel: str, figures: dict[str, Any], now: datetime) -> None:
    """Store what a job has counted for a panel, in place of what it had counted before."""
    HomeFigures.objects.update_or_create(
        panel=panel, defaults={"figures": figures, "counted_at": now}
    )


def recorded(panel: str) -> HomeFigures | None:
    """Return what a job has counted for a panel; None before the first time."""
    return HomeFigures.objects.filter(panel=panel).first()
