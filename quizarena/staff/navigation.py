"""The sidebar, grouped by what people come to do."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# group: (title, symbol, model), in the order of a working day.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Game": (
        ("Players", "group", "players.player"),
        ("Questions", "quiz", "game.question"),
    ),
    "Traffic": (
        ("Inbox", "inbox", "bot.inboxupdate"),
        ("Outbox", "outbox", "bot.outgoingcall"),
    ),
    "Jobs": (
        ("Schedule", "schedule", "django_celery_beat.periodictask"),
        ("Heartbeats", "monitor_heart", "ops.heartbeat"),
    ),
    "Staff": (
        ("Users", "badge", "auth.user"),
        ("Roles", "shield_person", "auth.group"),
        ("Audit log", "history_edu", "staff.auditentry"),
    ),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the lists that this user may see, for UNFOLD["SIDEBAR"]."""
    groups: list[dict[str, Any]] = []
    for title, lists in GROUPS.items():
        items = [
            {
                "title": name,
                "icon": symbol,
                "link": reverse(f"admin:{label.replace('.', '_')}_changelist"),
            }
            for name, symbol, label in lists
            if admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)
        ]
        if items:
            groups.append({"title": title, "separator": bool(groups), "items": items})
    return groups
