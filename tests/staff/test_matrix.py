"""Who may do what on which page: role x page x action, as it was decided.

A letter is a role: s Support, o Operator, f Finance, e Editor, a Administrator, S Security. What a
page shows to whom is tried in tests/staff/test_roles.py; here no page and no action is missing.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, resolve

from quizarena import urls
from tests.factories import make_staff
from tests.staff.test_roles import PAGES

pytestmark = pytest.mark.django_db

LETTERS = {
    "Support": "s",
    "Operator": "o",
    "Finance": "f",
    "Editor": "e",
    "Administrator": "a",
    "Security": "S",
}
# View, add, change, delete. What staff do otherwise is an action with a page of its own.
MODELS = {
    "api.apiclient": ("S", "S", "S", ""),
    "auth.group": ("S", "", "", ""),
    "auth.user": ("S", "S", "S", ""),
    "bot.broadcast": ("sofa", "oa", "", ""),
    "bot.broadcastrecipient": ("soa", "", "", ""),
    "bot.inboxupdate": ("sa", "", "", ""),
    "bot.outgoingcall": ("sa", "", "", ""),
    "django_celery_beat.periodictask": ("a", "", "", ""),
    "economy.controlrun": ("fa", "", "", ""),
    "economy.ledgerentry": ("sofa", "", "", ""),
    "economy.outageday": ("oa", "", "", ""),
    "economy.verificationrun": ("ofa", "", "", ""),
    "economy.wallet": ("sofa", "", "", ""),
    "game.cupprize": ("oa", "oa", "oa", "oa"),
    "game.dailyset": ("oea", "", "", ""),
    "game.duel": ("soa", "", "", ""),
    "game.fairplayfinding": ("soa", "", "", ""),
    "game.leaguegroup": ("soa", "", "", ""),
    "game.playday": ("oa", "", "", ""),
    "game.question": ("oea", "ea", "ea", ""),
    "game.questionimport": ("ea", "", "", ""),
    "game.questionreport": ("ea", "", "", ""),
    "game.reviewcard": ("sea", "", "", ""),
    "game.rulecard": ("ea", "ea", "ea", ""),
    "game.topic": ("ea", "ea", "ea", ""),
    "game.tournament": ("soa", "", "", ""),
    "ops.backup": ("a", "", "", ""),
    "ops.downtime": ("oa", "", "", ""),
    "ops.heartbeat": ("a", "", "", ""),
    "ops.productday": ("ofa", "", "", ""),
    "payments.export": ("fa", "", "", ""),
    "payments.impression": ("sofa", "", "", ""),
    "payments.liability": ("fa", "", "", ""),
    "payments.monthlystatement": ("fa", "", "", ""),
    "payments.product": ("sofa", "", "oa", ""),
    "payments.purchase": ("sofa", "", "", ""),
    "payments.reconciliationrun": ("fa", "", "", ""),
    "payments.refund": ("sfa", "", "", ""),
    "payments.subscription": ("sfa", "", "", ""),
    "payments.supportrequest": ("sfa", "", "", ""),
    "payments.supporttemplate": ("soa", "soa", "soa", ""),
    "players.deletionrequest": ("sa", "", "", ""),
    "players.player": ("sofa", "", "", ""),
    "players.purgerun": ("a", "", "", ""),
    "promos.attempt": ("sofa", "", "", ""),
    "promos.batch": ("sofa", "", "", ""),
    "promos.block": ("soa", "", "", ""),
    "promos.campaign": ("sofa", "oa", "", ""),
    "promos.code": ("sofa", "", "", ""),
    "promos.denylistentry": ("soa", "", "", ""),
    "promos.redemption": ("sofa", "", "", ""),
    "promos.referral": ("sofa", "", "", ""),
    "staff.alert": ("sofa", "", "", ""),
    "staff.alertdelivery": ("a", "", "", ""),
    "staff.alertroute": ("a", "", "a", ""),
    "staff.approvalrequest": ("sofaS", "", "", ""),
    "staff.auditentry": ("aS", "", "", ""),
    "staff.drafttemplate": ("oa", "", "", ""),
    "staff.limit": ("aS", "", "", ""),
    "staff.signinfailure": ("S", "", "", ""),
}
# Who gets past the door of an action's page, whose object there is not here.
ACTIONS = {
    "api_apiclient_revoke": "S",
    "auth_user_reset_factor": "S",
    "auth_user_sign_out": "S",
    "bot_broadcast_check": "oa",
    "bot_broadcast_check_new": "oa",
    "bot_broadcast_decide": "oa",
    "bot_broadcast_edit": "oa",
    "bot_broadcast_export": "soa",
    "bot_broadcast_preview": "oa",
    "bot_broadcast_progress": "sofa",
    "bot_broadcast_template": "oa",
    "economy_ledgerentry_days": "sofa",
    "economy_ledgerentry_revoke": "sfa",
    "economy_outageday_declare": "oa",
    "players_player_screens": "sofa",
    "players_player_why": "sofa",
    "economy_wallet_adjust": "sfa",
    "economy_wallet_premium": "sfa",
    "game_questionimport_confirm": "ea",
    "game_questionimport_discard": "ea",
    "game_questionimport_progress": "ea",
    "game_questionimport_template": "ea",
    "game_rulecard_preview": "ea",
    "payments_export_download": "fa",
    "payments_impression_funnel": "sofa",
    "payments_product_price": "oa",
    "payments_purchase_queue": "sofa",
    "payments_purchase_recheck": "sfa",
    "payments_purchase_refund": "sfa",
    "payments_purchase_replay": "sa",
    "payments_purchase_revenue": "sofa",
    "payments_reconciliationrun_run": "fa",
    "payments_supportrequest_answer": "sa",
    "payments_supportrequest_file": "sfa",
    "payments_supportrequest_files": "sa",
    "payments_supportrequest_note": "sfa",
    "payments_supportrequest_solve": "sa",
    "payments_supporttemplate_preview": "soa",
    "promos_batch_download": "oa",
    "promos_batch_packing": "sofa",
    "promos_batch_prepare": "oa",
    "promos_batch_progress": "sofa",
    "promos_batch_revoke": "oa",
    "promos_block_lift": "soa",
    "promos_campaign_calendar": "sofa",
    "promos_campaign_check": "oa",
    "promos_campaign_check_new": "oa",
    "promos_campaign_decide": "oa",
    "promos_campaign_drafts": "oa",
    "promos_campaign_export": "sofa",
    "promos_campaign_find": "sofa",
    "promos_campaign_revoke": "oa",
    "promos_campaign_tags": "oa",
    "promos_campaign_tags_of_several": "oa",
    "promos_campaign_template": "oa",
    "promos_denylistentry_allow": "soa",
    "promos_denylistentry_deny": "soa",
    "promos_referral_queue": "sofa",
    "staff_alertroute_route": "a",
    "staff_alertroute_test": "a",
    "staff_approvalrequest_approve": "sofaS",
    "staff_approvalrequest_decline": "sofaS",
    "staff_approvalrequest_withdraw": "sofaS",
    "staff_drafttemplate_remove": "oa",
    "staff_drafttemplate_rename": "oa",
    "staff_signinfailure_lift": "S",
}
# Everybody's own.
OWN = {"login", "logout", "jsi18n", "index", "autocomplete", "view_on_site", "app_list"} | {
    "password_change",
    "password_change_done",
    "search",
}
STANDARD = ("_changelist", "_add", "_history", "_delete", "_change")


def named(patterns: Iterable[Any], above: str = "/") -> Iterator[tuple[str, str]]:
    """Return the name and an address of each page of the admin that has a name."""
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from named(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and pattern.name and route.startswith("/admin/"):
            for converter, value in {
                "<uuid:pk>": "00000000-0000-0000-0000-000000000000",
                "<str:kind>": "none",
                "<str:channel>": "slack",
                "<str:verb>": "pause",
                "<str:action>": "pause",
            }.items():
                route = route.replace(converter, value)
            yield (
                pattern.name,
                "".join(part if "<" not in part else "999" for part in _parts(route)),
            )


def _parts(route: str) -> list[str]:
    return route.replace("<", "\0<").replace(">", ">\0").split("\0")


def actions() -> dict[str, str]:
    """Return an address for each action that is not among PAGES."""
    shown = {(resolve(page).url_name or "") for page in PAGES}
    return {
        name: address
        for name, address in named(urls.urlpatterns)
        if not name.endswith(STANDARD)
        and name not in shown | OWN
        and resolve(address).app_name == "admin"
    }


def test_on_every_page_exactly_these_roles_view_add_change_and_delete() -> None:
    may = {model._meta.label_lower: ["", "", "", ""] for model in admin.site._registry}
    for role, letter in LETTERS.items():
        request = RequestFactory().get("/admin/")
        request.user = make_staff(role)
        for model, page in admin.site._registry.items():
            for number, action in enumerate(("view", "add", "change", "delete")):
                if getattr(page, f"has_{action}_permission")(request):
                    may[model._meta.label_lower][number] += letter

    assert {model: tuple(letters) for model, letters in may.items()} == MODELS


def test_behind_every_action_stand_exactly_these_roles() -> None:
    found = dict.fromkeys(actions(), "")
    for role, letter in LETTERS.items():
        client = Client()
        client.force_login(make_staff(role))
        for name, address in actions().items():
            if client.get(address).status_code != 403:
                found[name] += letter

    assert found == ACTIONS
