"""The handbook of staff: its pages, as mkdocs has built them, and which page helps where."""

from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.static import serve

from quizarena.staff.desk import own_user
from quizarena.staff.roles import ROLES

# page of the admin, as in the sidebar (quizarena/staff/navigation.py): page of the handbook.
OF_MODELS = {
    "staff.approvalrequest": "basics/approvals",
    "staff.drafttemplate": "operator/campaign",
    "staff.limit": "security/limits",
    "payments.purchase": "support/paid-and-got-nothing",
    "payments.purchase.queue": "support/paid-and-got-nothing",
    "payments.purchase.replay": "support/paid-and-got-nothing",
    "payments.purchase.recheck": "support/paid-and-got-nothing",
    "payments.purchase.refund": "support/refund",
    "payments.purchase.revenue": "finance/figures",
    "payments.refund": "support/refund",
    "payments.subscription": "support/refund",
    "payments.supportrequest": "support/answer-a-request",
    "payments.supporttemplate": "support/answer-a-request",
    "payments.product": "operator/prices",
    "payments.impression": "operator/offers",
    "payments.reconciliationrun": "finance/reconciliation",
    "payments.monthlystatement": "finance/monthly-statement",
    "payments.liability": "finance/monthly-statement",
    "payments.export": "finance/exports",
    "promos.referral": "operator/invitations",
    "promos.campaign": "operator/campaign",
    "promos.batch": "operator/codes",
    "promos.code": "operator/codes",
    "promos.attempt": "support/code-refused",
    "promos.redemption": "operator/campaign-figures",
    "promos.block": "support/code-refused",
    "promos.denylistentry": "support/code-refused",
    "game.fairplayfinding": "support/fair-play",
    "game.questionreport": "editor/reports",
    "game.question": "editor/questions",
    "game.questionimport": "editor/import",
    "game.rulecard": "editor/rule-cards",
    "game.topic": "editor/rule-cards",
    "game.dailyset": "editor/daily-challenge",
    "game.reviewcard": "support/why",
    "game.playday": "operator/analytics",
    "game.leaguegroup": "operator/cups",
    "game.duel": "operator/cups",
    "game.tournament": "operator/cups",
    "game.cupprize": "operator/cups",
    "ops.productday": "operator/analytics",
    "ops.heartbeat": "administrator/jobs",
    "ops.downtime": "operator/outages",
    "ops.backup": "administrator/jobs",
    "players.player": "support/player",
    "players.note": "support/player",
    "players.deletionrequest": "support/personal-data",
    "players.purgerun": "support/personal-data",
    "economy.wallet": "support/wallet",
    "economy.ledgerentry": "support/wallet",
    "economy.verificationrun": "finance/reconciliation",
    "economy.controlrun": "administrator/jobs",
    "economy.outageday": "operator/outages",
    "bot.broadcast": "operator/broadcast",
    "bot.broadcastrecipient": "operator/broadcast",
    "bot.inboxupdate": "support/bot-does-not-answer",
    "bot.outgoingcall": "support/bot-does-not-answer",
    "django_celery_beat.periodictask": "administrator/jobs",
    "staff.alert": "administrator/alerts",
    "staff.alertroute": "administrator/alert-routing",
    "staff.alertdelivery": "administrator/alert-routing",
    "staff.auditentry": "security/accounts",
    "staff.signinfailure": "security/lock-outs",
    "auth.user": "security/accounts",
    "auth.group": "security/accounts",
    "api.apiclient": "security/api-clients",
}
# name of another address: page of the handbook.
OF_ADDRESSES = {
    "inbox": "basics/inbox",
    "inbox-item": "basics/inbox",
    "my_sign_in": "basics/sign-in",
    "admin:password_change": "basics/sign-in",
    "search": "basics/search",
    "all-pages": "basics/home",
    "admin:index": "basics/home",
}
# Where each role begins to read; the first that a user has counts.
OF_ROLES = {role: f"{role.lower()}/" for role in ROLES}
_OF_VIEWS = {page.replace(".", "_"): about for page, about in OF_MODELS.items()}


@require_safe
def page(request: HttpRequest, path: str) -> HttpResponseBase:
    """Return a file of the handbook, or say how it is built where that was not done."""
    site = Path(settings.HANDBOOK_ROOT)
    if not (site / "index.html").is_file():
        context = {**admin.site.each_context(request), "title": "Handbook"}
        return TemplateResponse(request, "staff/no_handbook.html", context, status=404)
    # An absolute path would be asked about as it is.
    if path.startswith("/") or ".." in Path(path).parts:
        raise Http404
    try:
        if (site / path).is_dir():
            if path and not path.endswith("/"):
                return HttpResponseRedirect(f"{request.path}/")
            path = f"{path}index.html"
        answer = serve(request, path, document_root=str(site))
    except OSError as error:
        raise Http404 from error  # No file has so long a name.
    # Of who has signed in, and asked for again with each release.
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def address(request: HttpRequest) -> str:
    """Return the address of the handbook's page about where the user is."""
    name = page_for(request)
    return reverse("handbook", args=[name if not name or name.endswith("/") else f"{name}/"])


def page_for(request: HttpRequest) -> str:
    """Return the page about where the user is, else the first one of their role; "" is the cover.

    A page of the admin that has none of its own has the one of its model.
    """
    found = request.resolver_match.view_name if request.resolver_match else ""
    if found in OF_ADDRESSES:
        return OF_ADDRESSES[found]
    about = [name for name in _OF_VIEWS if f"{found}_".startswith(f"admin:{name}_")]
    if about:
        return _OF_VIEWS[max(about, key=len)]
    held = set(own_user(request).groups.values_list("name", flat=True))
    return next((OF_ROLES[role] for role in ROLES if role in held), "")
