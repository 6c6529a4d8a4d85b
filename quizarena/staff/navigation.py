"""The sidebar, grouped by what people come to do."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from quizarena.staff import inbox
from quizarena.staff.models import Alert

# Above the groups: (title, symbol, name of the address).
FIRST = (
    ("Home", "home", "admin:index"),
    ("Inbox", "inbox", "inbox"),
)
# group: (title, symbol, page of a model), in the order of a working day. One group is open at a
# time, so that with what stands above at most eight entries are seen: six here.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Waiting for you": (
        ("Approvals", "order_approve", "staff.approvalrequest"),
        ("Payments in review", "pending_actions", "payments.purchase.queue"),
        ("Support requests", "contact_support", "payments.supportrequest"),
        ("Invitations in review", "group_search", "promos.referral.queue"),
        ("Fair play", "balance", "game.fairplayfinding"),
        ("Question reports", "flag", "game.questionreport"),
    ),
    "Alerting": (
        ("Alerts", "notifications_active", "staff.alert"),
        ("Alert routing", "alt_route", "staff.alertroute"),
        ("Alert deliveries", "outgoing_mail", "staff.alertdelivery"),
    ),
    "Players and wallets": (
        ("Players", "group", "players.player"),
        ("Wallets", "account_balance_wallet", "economy.wallet"),
        ("Ledger", "receipt_long", "economy.ledgerentry"),
        ("By day", "monitoring", "economy.ledgerentry.days"),
        ("Deletions", "person_remove", "players.deletionrequest"),
    ),
    "Questions": (
        ("Questions", "quiz", "game.question"),
        ("Rule cards", "menu_book", "game.rulecard"),
        ("Topics", "label", "game.topic"),
        ("Daily challenges", "today", "game.dailyset"),
        ("Review cards", "replay", "game.reviewcard"),
    ),
    "Game": (
        ("Play", "insights", "game.playday"),
        ("Analytics", "query_stats", "ops.productday"),
        ("League groups", "trophy", "game.leaguegroup"),
        ("Duels", "swords", "game.duel"),
        ("Tournaments", "emoji_events", "game.tournament"),
        ("Cup prizes", "featured_seasonal_and_gifts", "game.cupprize"),
    ),
    "Shop": (
        ("Purchases", "shopping_cart", "payments.purchase"),
        ("Refunds", "undo", "payments.refund"),
        ("Subscriptions", "autorenew", "payments.subscription"),
        ("Products", "sell", "payments.product"),
        ("Offers", "campaign", "payments.impression"),
        ("Offer funnel", "filter_alt", "payments.impression.funnel"),
    ),
    "Accounts": (
        ("Revenue", "bar_chart", "payments.purchase.revenue"),
        ("Reconciliation", "compare_arrows", "payments.reconciliationrun"),
        ("Ledger checks", "verified", "economy.verificationrun"),
        ("Monthly statements", "summarize", "payments.monthlystatement"),
        ("Liabilities", "account_balance", "payments.liability"),
        ("Exports", "download", "payments.export"),
    ),
    "Promos": (
        ("Campaigns", "redeem", "promos.campaign"),
        ("Batches", "confirmation_number", "promos.batch"),
        ("Templates", "draft", "staff.drafttemplate"),
        ("Check a code", "contact_support", "promos.attempt.why"),
        ("Attempts", "rule", "promos.attempt"),
        ("Redemptions", "loyalty", "promos.redemption"),
    ),
    "Invitations and blocks": (
        ("Invitations", "group_add", "promos.referral"),
        ("Results", "leaderboard", "promos.referral.results"),
        ("Blocks", "front_hand", "promos.block"),
        ("Deny list", "person_off", "promos.denylistentry"),
    ),
    "Messages": (
        ("Broadcasts", "campaign", "bot.broadcast"),
        ("Recipients", "mark_email_read", "bot.broadcastrecipient"),
        ("Updates", "move_to_inbox", "bot.inboxupdate"),
        ("Outbox", "outbox", "bot.outgoingcall"),
        ("Answer templates", "quickreply", "payments.supporttemplate"),
    ),
    "Jobs": (
        ("Controls", "rule_settings", "economy.controlrun"),
        ("Schedule", "schedule", "django_celery_beat.periodictask"),
        ("Purges", "delete_sweep", "players.purgerun"),
    ),
    "Servers": (
        ("Heartbeats", "monitor_heart", "ops.heartbeat"),
        ("Downtime", "power_off", "ops.downtime"),
        ("Outage days", "shield", "economy.outageday"),
        ("Backups", "backup", "ops.backup"),
    ),
    "Staff": (
        ("Users", "badge", "auth.user"),
        ("Roles", "shield_person", "auth.group"),
        ("API clients", "key", "api.apiclient"),
        ("Audit log", "history_edu", "staff.auditentry"),
        ("Failed sign-ins", "no_accounts", "staff.signinfailure"),
        ("Limits", "speed", "staff.limit"),
    ),
}

# What one row of a page is called, where the model has another name than the page.
SINGULARS = {
    "staff.auditentry": "audit log entry",
    "promos.referral": "invitation",
    "promos.denylistentry": "deny list entry",
    "payments.impression": "offer",
    "economy.ledgerentry": "ledger entry",
    "economy.verificationrun": "ledger check",
    "bot.inboxupdate": "update",
    "bot.outgoingcall": "outbox call",
    "django_celery_beat.periodictask": "scheduled job",
    "auth.group": "role",
    "game.fairplayfinding": "fair-play finding",
    "game.playday": "day of play",
    "players.deletionrequest": "deletion",
    "players.purgerun": "purge",
    "ops.productday": "day of the product",
    "staff.alertroute": "alert route",
    "staff.drafttemplate": "template",
    "staff.alertdelivery": "alert delivery",
}

# Numbers beside what waits in the inbox: page: what of it is open, by an index.
NUMBERS: dict[str, Callable[[], QuerySet[Any]]] = {
    # With those that stand in the inbox as something else.
    "staff.alert": Alert.objects.unresolved,
    # Apps above ours are known by name alone.
    "game.question": lambda: _rows("game.question").filter(withdrawn_at__isnull=False),
}
# Pages whose numbers mean trouble.
DANGEROUS = {"staff.alert", "payments.purchase.queue", "game.question"}
ALL = "inbox"


def name_pages() -> None:
    """Call every page by its name in the sidebar: a thing has one name.

    Not in the models' Meta, where a name is part of the migrations' state.
    """
    for pages in GROUPS.values():
        for title, _symbol, label in pages:
            app, model, *view = label.split(".")
            if view:
                continue
            options = apps.get_model(app, model)._meta
            # API stays in capitals.
            plural = title if title[:2].isupper() else f"{title[0].lower()}{title[1:]}"
            options.verbose_name_plural = plural
            options.verbose_name = SINGULARS.get(label, options.verbose_name)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the pages that this user may see, for UNFOLD["SIDEBAR"].

    One of them is open: where the user is, else the first.
    """
    shown = numbers(request)
    groups = _groups(request, shown)
    # One page may lie below another: the longest address is where we are.
    links = [item["link"] for group in groups for item in group["items"]]
    here = max(filter(request.path.startswith, links), key=len, default=None)
    for group in groups:
        for item in group["items"]:
            item["active"] = item["link"] == here
        group["open"] = any(item["active"] for item in group["items"])
    if groups and here is None:
        groups[0]["open"] = True
    first = [
        {
            "title": title,
            "icon": symbol,
            "link": _address(name),
            "active": request.path == _address(name),
            **_badge(shown.get(name, 0) if name == ALL else 0, "warning"),
        }
        for title, symbol, name in FIRST
    ]
    return [{"title": "", "items": first}, *groups]


def name_of_view(path: str) -> str:
    """Return what the sidebar calls a page beside a list, such as the revenue; "" for others."""
    for listed in GROUPS.values():
        for title, _symbol, label in listed:
            app, model, *view = label.split(".")
            if view and reverse(f"admin:{app}_{model}_{view[0]}") == path:
                return title
    return ""


def pages(request: HttpRequest) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return all pages that this user may see, by group."""
    return [(group["title"], group["items"]) for group in _groups(request, numbers(request))]


def numbers(request: HttpRequest) -> dict[str, int]:
    """Return how many wait, by source of the inbox and by page, and under ALL all in the inbox.

    Counted once for a request, in one statement, and at most to inbox.COUNT_MAX each.
    """
    found: dict[str, int] | None = getattr(request, "staff_numbers", None)
    if found is None:
        user, now = request.user, timezone.now()
        sources = inbox.seen_by(user)
        counted = inbox.count_waiting(
            user,
            now=now,
            also={
                f"page:{page}": rows for page, rows in NUMBERS.items() if _may_view(page, request)
            },
        )
        found = {ALL: sum(counted[source.name] for source in sources)}
        for source in sources:
            found[source.name] = counted[source.name]
            page = f"page:{source.page}"
            if source.page not in NUMBERS:
                found[page] = found.get(page, 0) + counted[source.name]
        found |= {name: number for name, number in counted.items() if name.startswith("page:")}
        request.staff_numbers = found  # type: ignore[attr-defined]
    return found


def _groups(request: HttpRequest, shown: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the groups with the pages that this user may see, and their numbers."""
    groups: list[dict[str, Any]] = []
    for title, listed in GROUPS.items():
        items = [
            {
                "title": name,
                "icon": symbol,
                "link": _address(f"admin:{app}_{model}_{page}"),
                **_badge(
                    shown.get(f"page:{label}", 0), "danger" if label in DANGEROUS else "warning"
                ),
            }
            for name, symbol, label in listed
            for app, model, page in [[*label.split("."), "changelist"][:3]]
            if _may_view(label, request)
        ]
        if items:
            groups.append({"title": title, "items": items})
    return groups


@cache
def _address(name: str) -> str:
    """Return the address of a page, which never changes: every page of the admin asks for all."""
    return reverse(name)


def _may_view(page: str, request: HttpRequest) -> bool:
    app, model, *_ = page.split(".")
    registered = admin.site.get_model_admin(apps.get_model(app, model))
    return bool(registered.has_view_permission(request))


def _rows(model: str) -> Any:
    """Return the manager of a model, with the questions that its app has added."""
    return apps.get_model(model)._default_manager


def _badge(number: int, colour: str) -> dict[str, Any]:
    """Return a number as Unfold shows it; none for 0."""
    return {"badge": inbox.shown(number), "badge_variant": colour} if number else {}
