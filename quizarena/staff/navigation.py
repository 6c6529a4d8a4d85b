"""The sidebar, grouped by what people come to do."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from quizarena.staff import approvals
from quizarena.staff.models import Alert, ApprovalRequest
from quizarena.staff.plans import custom_plans

# group: (title, symbol, page of a model), in the order of a working day.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Waiting for you": (
        ("Alerts", "notifications_active", "staff.alert"),
        ("Approvals", "order_approve", "staff.approvalrequest"),
        ("Payments in review", "pending_actions", "payments.purchase.queue"),
        ("Support requests", "contact_support", "payments.supportrequest"),
        ("Invitations in review", "group_search", "promos.referral.queue"),
        ("Fair play", "balance", "game.fairplayfinding"),
        ("Question reports", "flag", "game.questionreport"),
    ),
    "Game": (
        ("Players", "group", "players.player"),
        ("Questions", "quiz", "game.question"),
        ("Rule cards", "menu_book", "game.rulecard"),
        ("Topics", "label", "game.topic"),
        ("Daily challenges", "today", "game.dailyset"),
        ("League groups", "trophy", "game.leaguegroup"),
        ("Duels", "swords", "game.duel"),
        ("Review cards", "replay", "game.reviewcard"),
        ("Play", "insights", "game.playday"),
        ("Analytics", "query_stats", "ops.productday"),
        ("Tournaments", "emoji_events", "game.tournament"),
        ("Cup prizes", "featured_seasonal_and_gifts", "game.cupprize"),
    ),
    "Economy": (
        ("Wallets", "account_balance_wallet", "economy.wallet"),
        ("Ledger", "receipt_long", "economy.ledgerentry"),
        ("By day", "monitoring", "economy.ledgerentry.days"),
        ("Ledger checks", "verified", "economy.verificationrun"),
        ("Outage days", "shield", "economy.outageday"),
    ),
    "Payments": (
        ("Purchases", "shopping_cart", "payments.purchase"),
        ("Refunds", "undo", "payments.refund"),
        ("Subscriptions", "autorenew", "payments.subscription"),
        ("Products", "sell", "payments.product"),
        ("Revenue", "bar_chart", "payments.purchase.revenue"),
        ("Offers", "campaign", "payments.impression"),
        ("Offer funnel", "filter_alt", "payments.impression.funnel"),
        ("Reconciliation", "compare_arrows", "payments.reconciliationrun"),
        ("Monthly statements", "summarize", "payments.monthlystatement"),
        ("Liabilities", "account_balance", "payments.liability"),
        ("Exports", "download", "payments.export"),
    ),
    "Promos": (
        ("Campaigns", "redeem", "promos.campaign"),
        ("Batches", "confirmation_number", "promos.batch"),
        ("Check a code", "contact_support", "promos.attempt.why"),
        ("Attempts", "rule", "promos.attempt"),
        ("Redemptions", "loyalty", "promos.redemption"),
        ("Blocks", "front_hand", "promos.block"),
        ("Deny list", "person_off", "promos.denylistentry"),
    ),
    "Invitations": (
        ("Invitations", "group_add", "promos.referral"),
        ("Results", "leaderboard", "promos.referral.results"),
    ),
    "Messages": (
        ("Broadcasts", "campaign", "bot.broadcast"),
        ("Recipients", "mark_email_read", "bot.broadcastrecipient"),
    ),
    "Traffic": (
        ("Inbox", "inbox", "bot.inboxupdate"),
        ("Outbox", "outbox", "bot.outgoingcall"),
    ),
    "Jobs": (
        ("Controls", "rule_settings", "economy.controlrun"),
        ("Schedule", "schedule", "django_celery_beat.periodictask"),
        ("Heartbeats", "monitor_heart", "ops.heartbeat"),
        ("Downtime", "power_off", "ops.downtime"),
        ("Deletions", "person_remove", "players.deletionrequest"),
        ("Purges", "delete_sweep", "players.purgerun"),
        ("Alert routing", "alt_route", "staff.alertroute"),
        ("Alert deliveries", "outgoing_mail", "staff.alertdelivery"),
    ),
    "Staff": (
        ("Users", "badge", "auth.user"),
        ("Roles", "shield_person", "auth.group"),
        ("API clients", "key", "api.apiclient"),
        ("Audit log", "history_edu", "staff.auditentry"),
        ("Failed sign-ins", "no_accounts", "staff.signinfailure"),
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
    "bot.inboxupdate": "inbox update",
    "bot.outgoingcall": "outbox call",
    "django_celery_beat.periodictask": "scheduled job",
    "auth.group": "role",
    "game.fairplayfinding": "fair-play finding",
    "game.playday": "day of play",
    "players.deletionrequest": "deletion",
    "players.purgerun": "purge",
    "ops.productday": "day of the product",
    "staff.alertroute": "alert route",
    "staff.alertdelivery": "alert delivery",
}

# page: (what of it is open for a user, in which colour): one indexed query each, on every page of
# the desk.
BADGES: dict[str, tuple[Callable[[Any], QuerySet[Any]], str]] = {
    "staff.alert": (lambda _: Alert.objects.unresolved(), "danger"),
    "staff.approvalrequest": (
        lambda user: approvals.shown_to(user, ApprovalRequest.objects.waiting(timezone.now())),
        "warning",
    ),
    # Apps above ours are known by name alone.
    "payments.purchase.queue": (lambda _: _rows("payments.purchase").stuck(), "danger"),
    "payments.supportrequest": (
        lambda _: _rows("payments.supportrequest").unanswered(),
        "warning",
    ),
    "promos.referral.queue": (lambda _: _rows("promos.referral").held(), "warning"),
    "game.fairplayfinding": (
        lambda _: _rows("game.fairplayfinding").undecided(),
        "warning",
    ),
    "game.question": (
        lambda _: _rows("game.question").filter(withdrawn_at__isnull=False),
        "danger",
    ),
    "game.questionreport": (
        lambda _: _rows("game.questionreport").unresolved(),
        "warning",
    ),
}
# A badge says "99+" from here.
BADGE_MAX = 100


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
    """Return the groups with the pages that this user may see, for UNFOLD["SIDEBAR"]."""
    with custom_plans():
        groups = _groups(request)
    # One page may lie below another: the longest address is where we are.
    links = [item["link"] for group in groups for item in group["items"]]
    here = max(filter(request.path.startswith, links), key=len, default=None)
    for group in groups:
        for item in group["items"]:
            item["active"] = item["link"] == here
    return groups


def _groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the pages that this user may see, and their badges."""
    groups: list[dict[str, Any]] = []
    for title, pages in GROUPS.items():
        items = [
            {
                "title": name,
                "icon": symbol,
                "link": reverse(f"admin:{app}_{model}_{page}"),
                **_badge(label, request.user),
            }
            for name, symbol, label in pages
            for app, model, page in [[*label.split("."), "changelist"][:3]]
            if admin.site.get_model_admin(apps.get_model(app, model)).has_view_permission(request)
        ]
        if items:
            groups.append({"title": title, "separator": bool(groups), "items": items})
    return groups


def _rows(model: str) -> Any:
    """Return the manager of a model, with the questions that its app has added."""
    return apps.get_model(model)._default_manager


def _badge(page: str, user: Any) -> dict[str, Any]:
    """Return how many are open behind the page, as Unfold shows it."""
    if page not in BADGES:
        return {}
    waiting, colour = BADGES[page]
    number = len(waiting(user).values_list("pk", flat=True)[:BADGE_MAX])
    return {"badge": number if number < BADGE_MAX else "99+", "badge_variant": colour}
