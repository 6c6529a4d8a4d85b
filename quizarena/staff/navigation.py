"""The sidebar, grouped by what people come to do."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# group: (title, symbol, page of a model), in the order of a working day.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Game": (
        ("Players", "group", "players.player"),
        ("Questions", "quiz", "game.question"),
    ),
    "Economy": (
        ("Wallets", "account_balance_wallet", "economy.wallet"),
        ("Ledger", "receipt_long", "economy.ledgerentry"),
        ("By day", "monitoring", "economy.ledgerentry.days"),
        ("Proofs", "verified", "economy.proverrun"),
        ("Outage days", "shield", "economy.outageday"),
    ),
    "Traffic": (
        ("Inbox", "inbox", "bot.inboxupdate"),
        ("Outbox", "outbox", "bot.outgoingcall"),
    ),
    "Jobs": (
        ("Schedule", "schedule", "django_celery_beat.periodictask"),
        ("Heartbeats", "monitor_heart", "ops.heartbeat"),
        ("Downtime", "power_off", "ops.downtime"),
    ),
    "Staff": (
        ("Users", "badge", "auth.user"),
        ("Roles", "shield_person", "auth.group"),
        ("Audit log", "history_edu", "staff.auditentry"),
    ),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the pages that this user may see, for UNFOLD["SIDEBAR"]."""
    groups: list[dict[str, Any]] = []
    for title, pages in GROUPS.items():
        items = [
            {"title": name, "icon": symbol, "link": reverse(f"admin:{app}_{model}_{page}")}
            for name, symbol, label in pages
            for app, model, page in [[*label.split("."), "changelist"][:3]]
            if admin.site.get_model_admin(apps.get_model(app, model)).has_view_permission(request)
        ]
        if items:
            groups.append({"title": title, "separator": bool(groups), "items": items})
    # One page may lie below another: the longest address is where we are.
    links = [item["link"] for group in groups for item in group["items"]]
    here = max(filter(request.path.startswith, links), key=len, default=None)
    for group in groups:
        for item in group["items"]:
            item["active"] = item["link"] == here
    return groups
