"""Campaigns in the admin: the list, the page of one, and everything that operators decide."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.decorators import display

from promos import (
    approvals,
    campaign_templates,
    charts,
    exports,
    operations,
    planning,
    products,
    statistics,
    tags,
)
from promos.admin import bulk_edit, calendar, tagging, uplift, wizard
from promos.admin.codes import code_buttons
from promos.admin.looks import looks
from promos.errors import PromosError
from promos.models import (
    RUNNING,
    Batch,
    Campaign,
    CampaignStatus,
    Code,
)
from promos.operations import Action
from promos.redemptions import find
from promos.rules import Reason
from quizarena.staff import approvals as second_person
from quizarena.staff import audit, dates, template_admin
from quizarena.staff.decisions import Decision, DecisionForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    link,
    object_link,
    own_user,
    row_number,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.fresh_factor import ask_to_save, fresh_factor
from quizarena.staff.models import ApprovalRequest

STATUS_COLOURS = {
    CampaignStatus.DRAFT: "info",
    CampaignStatus.ACTIVE: "success",
    CampaignStatus.PAUSED: "warning",
    CampaignStatus.EXPIRED: "default",
    CampaignStatus.DEPLETED: "primary",
    CampaignStatus.ENDED: "danger",
}
# What ends within so long, ends soon.
SOON = timedelta(days=3)
RESERVATIONS_SHOWN = 20
BATCHES_SHOWN = 20
AUDIT_SHOWN = 30
DAYS_SHOWN = 30
HOURS_SHOWN = 72
REFUSALS = (PromosError, StaffError)
MAY_RUN = "promos.run_campaign"


def status_badge(campaign: Campaign) -> SafeString:
    """Return the campaign's status in its colour."""
    status = CampaignStatus(campaign.status)
    return badge(status.label, STATUS_COLOURS[status])


class EndsSoonFilter(admin.SimpleListFilter):
    """Running campaigns that are over soon."""

    title = "window"
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the one question that operators ask."""
        return [("soon", f"ends within {SOON.days} days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> QuerySet[Campaign]:
        """Return those that end soon."""
        if not self.value():
            return queryset
        return queryset.filter(status__in=RUNNING, ends_at__lte=timezone.now() + SOON)


class OwnerFilter(admin.SimpleListFilter):
    """Whose campaign it is."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the user first, and then whoever else has a campaign."""
        owners = (
            User.objects.filter(pk__in=Campaign.objects.filter(owner__isnull=False).values("owner"))
            .exclude(pk=own_user(request).pk)
            .order_by("username")
        )
        return [("me", "mine"), *((str(owner.pk), str(owner)) for owner in owners)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> QuerySet[Campaign]:
        """Return those of the chosen owner."""
        chosen = str(request.user.pk) if self.value() == "me" else self.value()
        owner = row_number(chosen or "")
        return queryset if owner is None else queryset.filter(owner=owner)


def _action(verb: Action) -> Callable[..., HttpResponse]:
    """Return the list's action that leads to the decision about the chosen campaigns."""

    @admin.action(description=verb.value.capitalize(), permissions=["run"])
    def to_decision(
        model_admin: Any, request: HttpRequest, queryset: QuerySet[Campaign]
    ) -> HttpResponse:
        return HttpResponseRedirect(_address(verb, queryset.order_by("pk")))

    to_decision.__name__ = verb.value
    return to_decision


@admin.action(description="Edit drafts", permissions=["run"])
def _edit_drafts(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Campaign]
) -> HttpResponse:
    return HttpResponseRedirect(bulk_edit.page_of(queryset))


@admin.action(description="Change tags", permissions=["run"])
def _tag(model_admin: Any, request: HttpRequest, queryset: QuerySet[Campaign]) -> HttpResponse:
    return HttpResponseRedirect(tagging.page_of_several(queryset))


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin[Campaign]):
    """What is given away. A form changes terms, and decisions change the status."""

    list_display = ("campaign", "state", "window", "uses", "given", "lately")
    list_display_links = None
    list_filter = ("status", "kind", tagging.TagFilter, OwnerFilter, EndsSoonFilter)
    list_select_related = ("owner",)
    search_fields = ("name",)
    # A code that somebody searches for must not stand in an address, and so in logs and histories:
    # the form above the list sends it by POST.
    search_help_text = "Part of the name, or number or prefix of a batch; no codes"
    list_before_template = "promos/campaign_find.html"
    ordering = ("-id",)
    actions = [*(_action(verb) for verb in Action if verb is not Action.KILL), _edit_drafts, _tag]
    change_form_outer_before_template = "promos/campaign_head.html"
    change_form_outer_after_template = "promos/campaign.html"
    fieldsets = (
        (
            "Terms",
            {"fields": (("gives", "segment"), ("starts", "ends"), ("costs", "owned"))},
        ),
    )

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["promos/campaigns.css", "promos/uplift.css"]}
        js = ("promos/campaigns.js",)

    # --- The list -----------------------------------------------------------------------------

    @display(description="Campaign")
    def campaign(self, campaign: Campaign) -> SafeString:
        return format_html(
            '<div class="promos-name">{}<small>{}</small>{}</div>',
            object_link(campaign),
            planning.gives(campaign),
            tagging.chips(campaign),
        )

    @display(description="Status")
    def state(self, campaign: Campaign) -> SafeString:
        return status_badge(campaign)

    @display(description="Window")
    def window(self, campaign: Campaign) -> SafeString:
        return charts.window_bar(campaign, now=timezone.now())

    @display(description="Uses")
    def uses(self, campaign: Campaign) -> SafeString:
        return charts.limit_bar(campaign.applied, campaign.reserved, campaign.uses_max)

    @display(description="Stars given")
    def given(self, campaign: Campaign) -> str | SafeString:
        if not campaign.is_discount:
            return "–"
        return charts.limit_bar(
            campaign.stars_given, campaign.stars_reserved, campaign.stars_max, unit="★"
        )

    @display(description="14 days")
    def lately(self, campaign: Campaign) -> SafeString:
        """Return what was accepted on each of the last days, and which part of it was applied."""
        lately: statistics.RecentUse = getattr(campaign, "lately", statistics.RecentUse())
        part = lately.conversion
        return format_html(
            '<div class="promos-measure">{}<small>{}</small></div>',
            charts.sparkline(lately.accepted_by_day),
            "nothing accepted" if part is None else f"{part:.0%} applied",
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type:
        """Return the page of rows, with the last days of all of them at once."""

        class WithLately(super().get_changelist(request, **kwargs)):  # type: ignore[misc]
            def get_results(self, request: HttpRequest) -> None:
                super().get_results(request)
                pks = [campaign.pk for campaign in self.result_list]
                lately = statistics.recent_use(pks, now=timezone.now())
                for campaign in self.result_list:
                    campaign.lately = lately[campaign.pk]

        return WithLately

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Campaign], search_term: str
    ) -> tuple[QuerySet[Campaign], bool]:
        """Find the campaigns of this name, or of a batch of this number or prefix."""
        term = search_term.strip()
        if not term:
            return queryset, False
        batches = Q(prefix=term.upper())
        if term.isdecimal() and len(term) < 19:
            batches |= Q(pk=int(term))
        in_batch = Batch.objects.filter(batches).values("campaign")
        return queryset.filter(Q(name__icontains=term) | Q(pk__in=in_batch)), False

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Go to the campaign of a code; it comes by POST and leaves no trace."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        code = find(request.POST.get("code", ""))
        if code is None:
            messages.warning(request, "Unknown code: it was mistyped, or is not ours.")
            return HttpResponseRedirect(reverse("admin:promos_campaign_changelist"))
        address = reverse("admin:promos_campaign_change", args=[code.campaign_id])
        return HttpResponseRedirect(address)

    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """Show a month of campaigns."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return calendar.page(request, model_admin=self)

    # --- Create and edit ----------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run campaigns."""
        return request.user.has_perm(MAY_RUN)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the wizard."""
        return self.wizard_view(request)

    def wizard_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Prepare a campaign, or change one: with its codes, or with more that it may give."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        question = ask_to_save(request, None if pk is None else str(pk))
        if question is not None:
            return question
        campaign = None if pk is None else get_object_or_404(Campaign, pk=pk)
        return wizard.page(request, campaign, model_admin=self)

    def check_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Return errors and outcome of what has been typed so far, as JSON."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        campaign = None if pk is None else get_object_or_404(Campaign, pk=pk)
        return wizard.check(request, campaign)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the wizard, of decisions, and of exports."""
        view = self.admin_site.admin_view
        name = "promos_campaign"
        return [
            path("calendar/", view(self.calendar_view), name=f"{name}_calendar"),
            path("find/", view(self.find_view), name=f"{name}_find"),
            path("add/check/", view(self.check_view), name=f"{name}_check_new"),
            path("drafts/", view(self.drafts_view), name=f"{name}_drafts"),
            path("tags/", view(self.tags_view), name=f"{name}_tags_of_several"),
            path("<int:pk>/template/", view(self.template_view), name=f"{name}_template"),
            path("<int:pk>/tags/", view(tagging.one_view), name=f"{name}_tags"),
            path("decide/<str:verb>/", view(self.decide_view), name=f"{name}_decide"),
            path("<int:pk>/edit/", view(self.wizard_view), name=f"{name}_edit"),
            path("<int:pk>/edit/check/", view(self.check_view), name=f"{name}_check"),
            path("<int:pk>/revoke/", view(self.revoke_view), name=f"{name}_revoke"),
            path("<int:pk>/export/<str:kind>/", view(self.export_view), name=f"{name}_export"),
            *super().get_urls(),
        ]

    # --- Decisions ----------------------------------------------------------------------------

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run campaigns."""
        return request.user.has_perm(MAY_RUN)

    def is_action_due(self, action: str, obj: Campaign) -> bool:
        """Offer none on the page: its buttons carry the status that they were shown for."""
        return False

    def decide_view(self, request: HttpRequest, verb: str) -> HttpResponse:
        """Do something with one campaign or several, as they were when somebody saw them."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        if verb not in set(Action):
            raise Http404
        return _decide(request, Action(verb), model_admin=self)

    def template_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save the terms of a campaign as a template."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        campaign = get_object_or_404(Campaign, pk=pk)
        return template_admin.save_page(
            request,
            kind=campaign_templates.KIND,
            proposal=campaign.name,
            terms=campaign_templates.terms_of(campaign),
            back=reverse("admin:promos_campaign_change", args=[pk]),
            model_admin=self,
        )

    def drafts_view(self, request: HttpRequest) -> HttpResponse:
        """Change several drafts at once."""
        return bulk_edit.view(request, model_admin=self)

    def tags_view(self, request: HttpRequest) -> HttpResponse:
        """Change the tags of several campaigns."""
        return tagging.several_view(request, model_admin=self)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask a second person to let everything be taken back."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        campaign, staff, now = get_object_or_404(Campaign, pk=pk), own_user(request), timezone.now()

        def ask(cleaned: dict[str, Any]) -> ApprovalRequest:
            return second_person.ask(
                kind=approvals.REVOKE,
                subject=campaign,
                parameters={},
                reason=cleaned["reason"],
                maker=staff,
                now=now,
            )

        def preview(cleaned: dict[str, Any]) -> list[list[str]]:
            with transaction.atomic():
                rows: list[list[str]] = ask(cleaned).preview
                transaction.set_rollback(True)
            return rows

        def execute(cleaned: dict[str, Any]) -> str:
            ask(cleaned)
            return "Approval requested: nothing is taken back before a second person approves it."

        decision = Decision(
            title=f"Take back the grants of {campaign}",
            note="A second person has to approve it. Then it runs in the background, and the page "
            "of the campaign shows the progress.",
            form=DecisionForm,
            preview=preview,
            execute=execute,
            refusals=REFUSALS,
            back=reverse("admin:promos_campaign_change", args=[pk]),
            confirm="Ask for approval",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    @fresh_factor
    def export_view(self, request: HttpRequest, pk: int, kind: str) -> HttpResponseBase:
        """Return the campaign's redemptions as a file, and note who took it."""
        if not request.user.has_perms(["promos.view_redemption", "players.view_player"]):
            raise PermissionDenied
        campaign = get_object_or_404(Campaign, pk=pk)
        if kind not in ("csv", "xlsx"):
            raise Http404
        if kind == "xlsx" and not exports.fits_a_sheet(campaign):
            notice = (
                f"More than {exports.SHEET_MAX:,} rows: take them as CSV, which Excel opens, too."
            )
            messages.error(request, notice)
            return HttpResponseRedirect(reverse("admin:promos_campaign_change", args=[pk]))
        self.log_verb(request, campaign, "exported", details={"kind": kind})
        name = f"campaign-{campaign.pk}-redemptions.{kind}"
        if kind == "xlsx":
            return FileResponse(exports.workbook(campaign), as_attachment=True, filename=name)
        response = StreamingHttpResponse(
            exports.csv_lines(campaign), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    # --- The page of one ----------------------------------------------------------------------

    @display(description="Gives")
    def gives(self, campaign: Campaign) -> str:
        return planning.gives(campaign)

    @display(description="To")
    def segment(self, campaign: Campaign) -> str:
        return planning.segment(campaign)

    @display(description="From")
    def starts(self, campaign: Campaign) -> str:
        return dates.moment(campaign.starts_at)

    @display(description="Until")
    def ends(self, campaign: Campaign) -> str:
        ends_at = campaign.ends_at
        return dates.moment(ends_at) if ends_at else "–"

    @display(description="Costs")
    def costs(self, campaign: Campaign) -> str:
        return str(planning.most_it_costs(campaign, now=timezone.now()))

    @display(description="Owner")
    def owned(self, campaign: Campaign) -> str:
        return f"{campaign.owner or '–'}"

    def buttons(self, request: HttpRequest, obj: Campaign) -> list[SafeString]:
        """Return what the user may do with the campaign as it stands."""
        shown = []
        if self.has_run_permission(request):
            asked = _asked(obj)
            if obj.status == CampaignStatus.DRAFT or obj.status in RUNNING:
                shown.append(button("Edit", "promos_campaign_edit", obj.pk))
            shown += [
                _verb_button(verb, obj)
                for verb in Action
                if verb.is_due(obj) and not (verb is Action.START and asked)
            ]
            shown.append(button("Save as template", "promos_campaign_template", obj.pk))
            if _may_revoke(obj) and not asked:
                shown.append(button("Take back…", "promos_campaign_revoke", obj.pk))
        if request.user.has_perms(["promos.view_redemption", "players.view_player"]):
            shown += [
                button(f"Export {kind.upper()}", "promos_campaign_export", obj.pk, kind)
                for kind in ("csv", "xlsx")
            ]
        return shown

    def page_context(self, request: HttpRequest, obj: Campaign) -> dict[str, Any]:
        """Show what has come of the campaign."""
        return {
            **_results(request, obj),
            "tag_chips": tagging.chips(obj),
            "tags_written": tags.written(obj.tags),
            "may_tag": self.has_run_permission(request),
        }


# --- Decisions ------------------------------------------------------------------------------------


def _seen(campaigns: Iterable[Campaign]) -> str:
    """Return the campaigns with the status that staff see, as an address holds them."""
    return ",".join(f"{campaign.pk}:{campaign.status}" for campaign in campaigns)


def _address(verb: Action, campaigns: Iterable[Campaign]) -> str:
    """Return the address of the decision about campaigns as they are shown."""
    page = reverse("admin:promos_campaign_decide", args=[verb.value])
    return f"{page}?{urlencode({'seen': _seen(campaigns)})}"


def _verb_button(verb: Action, campaign: Campaign) -> SafeString:
    """Return a link to the decision that looks like a button."""
    return format_html(
        '<a class="promos-button{}" href="{}">{}</a>',
        " promos-danger" if verb is Action.KILL else "",
        _address(verb, [campaign]),
        _label(verb),
    )


def _read_seen(text: str) -> dict[int, str]:
    """Return the statuses that were seen, by campaign. Raises ValidationError for anything else."""
    pairs = [pair.partition(":") for pair in text.split(",")]
    if not all(
        pk.isdecimal() and len(pk) < 19 and status in CampaignStatus.values
        for pk, _, status in pairs
    ):
        raise forms.ValidationError("Choose the campaigns again.")
    return {int(pk): status for pk, _, status in pairs}


class _SeenField(forms.CharField):
    """Campaigns with the status that was seen; it travels with the form."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> dict[int, str]:
        """Return the statuses by campaign."""
        return _read_seen(super().clean(value))


def _decide(request: HttpRequest, verb: Action, *, model_admin: CampaignAdmin) -> HttpResponse:
    """Ask for a reason, show what would come of it for each campaign, and do it."""
    carried = request.POST.get("seen") or request.GET.get("seen", "")
    try:
        found = Campaign.objects.in_bulk(_read_seen(carried))
    except forms.ValidationError:
        raise Http404("No campaign was chosen.") from None
    if not found:
        raise Http404("No such campaign.")
    chosen = [campaign for _, campaign in sorted(found.items())]
    only = chosen[0] if len(chosen) == 1 else None
    label = _label(verb)

    class Form(DecisionForm):
        seen = _SeenField(initial=carried)

    doing = _Doing(verb=verb, request=request, chosen=chosen)
    decision = Decision(
        title=f"{label}: {only or f'{len(chosen)} campaigns'}",
        note=_NOTES.get(verb, ""),
        form=Form,
        preview=doing.preview,
        headers=("Campaign", "Now", "Afterwards"),
        execute=doing.execute,
        refusals=REFUSALS,
        back=reverse("admin:promos_campaign_change", args=[only.pk])
        if only
        else reverse("admin:promos_campaign_changelist"),
        done=doing.copy_page,
        confirm=label,
        fresh_factor=verb in (Action.START, Action.UNPAUSE),
    )
    return decide(request, decision, model_admin=model_admin)


class _Doing:
    """One verb, done to each of the chosen campaigns in a transaction of its own."""

    def __init__(self, *, verb: Action, request: HttpRequest, chosen: list[Campaign]) -> None:
        self._verb = verb
        self._request = request
        self._chosen = chosen
        self._now = timezone.now()
        self._copy: Campaign | None = None

    def _do(self, campaign: Campaign, cleaned: dict[str, Any]) -> Campaign | ApprovalRequest:
        """Do it to one. Raises one of REFUSALS."""
        return operations.execute(
            self._verb,
            campaign_id=campaign.pk,
            seen=cleaned["seen"].get(campaign.pk, ""),
            reason=cleaned["reason"],
            now=self._now,
            staff=own_user(self._request),
            decision=cleaned["decision"],
        )

    def preview(self, cleaned: dict[str, Any]) -> list[list[object]]:
        """Return what would come of it: it is executed and rolled back, which cannot differ."""
        rows = []
        for campaign in self._chosen:
            try:
                with transaction.atomic():
                    after: object = _after(self._verb, self._do(campaign, cleaned))
                    transaction.set_rollback(True)
            except REFUSALS as error:
                after = format_html("<em>Refused: {}</em>", _why(error))
            rows.append([campaign.name, campaign.get_status_display(), after])
        return rows

    def copy_page(self) -> str:
        """Return where the one copy is edited that was made; empty if it is not one."""
        if self._copy is None or len(self._chosen) > 1:
            return ""
        return reverse("admin:promos_campaign_edit", args=[self._copy.pk])

    def execute(self, cleaned: dict[str, Any]) -> str:
        """Do it, and name what was refused. Raises PromosError if that is all of them."""
        done: list[str] = []
        asked: list[str] = []
        refused = []
        for campaign in self._chosen:
            try:
                outcome = self._do(campaign, cleaned)
            except REFUSALS as error:
                refused.append(f"{campaign} ({_why(error)})")
            else:
                (asked if isinstance(outcome, ApprovalRequest) else done).append(str(campaign))
                if self._verb is Action.CLONE and isinstance(outcome, Campaign):
                    self._copy = outcome
        notice = f"not {self._verb.past}: {'; '.join(refused)}"
        if not done and not asked:
            raise PromosError(notice)
        if refused:
            messages.warning(self._request, f"{capfirst(notice)}.")
        waiting = f"A second person has to approve the start: {', '.join(asked)}."
        if not done:
            return waiting
        if asked:
            messages.info(self._request, waiting)
        if self._copy is not None and len(self._chosen) == 1:
            return f"This is the copy of {done[0]}: a draft with the same terms, without codes."
        return f"{len(done)} {self._verb.past}: {', '.join(done)}."


def _label(verb: Action) -> str:
    return "Kill switch" if verb is Action.KILL else verb.value.capitalize()


def _why(error: Exception) -> str:
    return str(error).rstrip(".")


_NOTES = {
    Action.PAUSE: "Players cannot enter its codes meanwhile. Reservations stay good.",
    Action.END: "It cannot be started again. Reservations stay good until they run out.",
    Action.CLONE: "A draft with the same terms, without codes.",
    Action.KILL: "It ends, and every reservation is released, also for open invoices. A player who "
    "pays such an invoice all the same gets the product at its price.",
}


def _after(verb: Action, outcome: Campaign | ApprovalRequest) -> str:
    """Return in words what has come of it."""
    if isinstance(outcome, ApprovalRequest):
        costs = dict(outcome.preview)["Costs"]
        return (
            f"waits for a second person, since it can cost {costs}: what one person starts on a "
            f"day may cost up to {planning.day_limit(staff=outcome.maker):,}"
        )
    if verb is Action.CLONE:
        return f"stays; {outcome.name} is a draft"
    if verb is Action.KILL:
        return f"{outcome.get_status_display()}, and {outcome.reserved:,} reservations released"
    return outcome.get_status_display()


# --- The page of one ------------------------------------------------------------------------------


def _may_revoke(campaign: Campaign) -> bool:
    return (
        not campaign.is_discount
        and campaign.status not in (CampaignStatus.DRAFT, *RUNNING)
        and campaign.applied > 0
        and campaign.revoking_since is None
    )


def _results(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Return what the page shows below the terms."""
    now = timezone.now()
    hourly = request.GET.get("by", "hour" if statistics.is_short(campaign, now=now) else "day")
    by_hour = hourly == "hour"
    tried = statistics.attempts(campaign)
    funnel = statistics.funnel(campaign, attempts=sum(tried.values()))
    spans = (
        statistics.by_hour(campaign, hours=HOURS_SHOWN, now=now)
        if by_hour
        else statistics.by_day(campaign, days=DAYS_SHOWN, now=now)
    )
    left = funnel.used - funnel.refunded
    return {
        "now": now,
        "status": status_badge(campaign),
        "window_bar": charts.window_bar(campaign, now=now),
        "uses_bar": charts.limit_bar(campaign.applied, campaign.reserved, campaign.uses_max),
        "stars_bar": charts.limit_bar(
            campaign.stars_given, campaign.stars_reserved, campaign.stars_max, unit="★"
        )
        if campaign.is_discount
        else None,
        "given": None if campaign.is_discount else statistics.goods_given(campaign, left),
        "waiting": _waiting(campaign),
        "releasing": campaign.reserved if campaign.killed_at else 0,
        "revoking": charts.limit_bar(funnel.refunded, 0, funnel.used, unit="taken back")
        if campaign.revoking_since
        else None,
        "funnel": charts.funnel_rows(funnel, is_discount=campaign.is_discount),
        "flow": charts.flow_chart(spans, by_hour=by_hour),
        "by_hour": by_hour,
        "refusals": _refusals(tried),
        "sales": _sales(campaign) if campaign.is_discount else None,
        "reservations": _reservations(campaign) if campaign.is_discount else None,
        "uplift": uplift.section(campaign),
        "looks": looks(campaign),
        "reservations_more": max(0, funnel.reserved - RESERVATIONS_SHOWN),
        "codes": _codes(campaign),
        "code_buttons": code_buttons(request, campaign),
        "links": _links(request, campaign),
        "audit": {
            "headers": ["When", "Who", "What"],
            "rows": [
                [age(entry.at), entry.actor or "System", entry.summary]
                for entry in audit.of_object(campaign)[:AUDIT_SHOWN]
            ],
        },
    }


def _asked(campaign: Campaign) -> ApprovalRequest | None:
    """Return what a second person has to decide about the campaign, if there is it."""
    waiting = second_person.waiting_about(
        [campaign], kind=(approvals.START, approvals.REVOKE), now=timezone.now()
    )
    return waiting.get(str(campaign.pk))


def _waiting(campaign: Campaign) -> SafeString | None:
    """Return a link to what a second person has to decide about the campaign, if there is it."""
    asked = _asked(campaign)
    if asked is None:
        return None
    moment = dates.moment(asked.asked_at)
    return object_link(
        asked, f"{second_person.label_of(asked.kind)}, asked by {asked.maker} at {moment}"
    )


def _refusals(tried: dict[str, int]) -> dict[str, Any]:
    """Return why codes were refused, with the error code that the player got."""
    counted = [(detail, times) for detail, times in tried.items() if detail]
    whole = sum(times for _, times in counted)
    return {
        "headers": ["Reason", "Error code", "Times", "Share"],
        "rows": [
            [
                detail.replace("_", " ").lower(),
                Reason(detail).refusal.value if detail in set(Reason) else "–",
                f"{times:,}",
                f"{times / whole:.0%}",
            ]
            for detail, times in counted
        ],
    }


def _sales(campaign: Campaign) -> dict[str, Any]:
    """Return what the discounts have sold, with the revenue and what it would have been."""
    return {
        "headers": ["Product", "Sold", "Stars paid", "Without the discount"],
        "rows": [
            [sale.product_code, f"{sale.times:,}", f"{sale.stars_paid:,}", f"{sale.stars_full:,}"]
            for sale in products.sales_of(campaign)
        ],
    }


def _reservations(campaign: Campaign) -> dict[str, Any]:
    """Return the reservations that run out next, with what is left of their time."""
    return {
        "headers": ["Player", "Takes off", "Runs out"],
        "rows": [
            [
                object_link(reservation.player),
                f"{reservation.stars_off:,} Stars" if reservation.stars_off else "–",
                "locked for payment"
                if reservation.is_locked_for_payment or reservation.reserved_until is None
                else format_html(
                    '<time data-countdown="{}">{}</time>',
                    reservation.reserved_until.isoformat(),
                    f"{timezone.localtime(reservation.reserved_until):%H:%M:%S}",
                ),
            ]
            for reservation in statistics.reservations(campaign, limit=RESERVATIONS_SHOWN)
        ],
    }


def _codes(campaign: Campaign) -> dict[str, Any]:
    """Return the shared code, the imported ones, and the batches of the campaign."""
    rows: list[list[object]] = [
        [
            format_html("<strong>{}</strong>", code.label),
            "shared by all",
            "revoked" if code.revoked_at else "good",
        ]
        for code in Code.objects.filter(campaign=campaign, batch=None, is_shared=True).order_by(
            "-pk"
        )
    ]
    if imported := statistics.imported_codes(campaign):
        rows.append(["imported", f"{imported:,} codes", "good"])
    for batch in campaign.batches.order_by("-pk")[:BATCHES_SHOWN]:
        name = batch.prefix or "no prefix"
        rows.append(
            [
                format_html("{} ({})", object_link(batch, f"Batch {batch.pk}"), name),
                f"{batch.made:,} of {batch.size:,} codes",
                _state_of(batch),
            ]
        )
    return {"headers": ["Codes", "How many", "State"], "rows": rows}


def _links(request: HttpRequest, campaign: Campaign) -> list[SafeString]:
    """Return links to the lists of what belongs to the campaign, for who may see them."""
    query = f"campaign__id__exact={campaign.pk}"
    return [
        link(name, f"promos_{model}_changelist", query=query)
        for name, model in (
            ("Attempts", "attempt"),
            ("Redemptions", "redemption"),
            ("Batches", "batch"),
        )
        if request.user.has_perm(f"promos.view_{model}")
    ]


def _state_of(batch: Batch) -> str:
    """Return where a batch stands."""
    if batch.revoked_at:
        return "revoked"
    if batch.made < batch.size:
        return f"being made, {batch.made / batch.size:.0%}"
    return "downloaded" if batch.downloaded_at else "to be downloaded"
