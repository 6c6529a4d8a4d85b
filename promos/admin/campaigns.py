"""Campaigns in the admin: the list, the page of one, and everything that operators decide."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
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
from django.utils.safestring import SafeString
from unfold.decorators import display

from promos import (
    approvals,
    campaign_templates,
    charts,
    exports,
    planning,
    statistics,
    tags,
)
from promos.admin import bulk_edit, calendar, tagging, wizard
from promos.admin.campaign_decisions import (
    MAY_RUN,
    REFUSALS,
    decide_together,
    may_revoke,
    page_of_several,
    verb_button,
)
from promos.admin.campaign_sections import asked_about, results, status_badge
from promos.models import (
    RUNNING,
    Batch,
    Campaign,
    CampaignStatus,
)
from promos.operations import Action
from promos.redemptions import find
from quizarena.staff import approvals as second_person
from quizarena.staff import dates, selections
from quizarena.staff.admin.draft_templates import save_page
from quizarena.staff.decisions import Decision, DecisionForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    button,
    object_link,
    own_user,
    row_number,
)
from quizarena.staff.fresh_factor import ask_to_save, fresh_factor
from quizarena.staff.models import ApprovalRequest

# What ends within so long, ends soon.
SOON = timedelta(days=3)


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


def _lead(
    model_admin: Any,
    request: HttpRequest,
    queryset: QuerySet[Campaign],
    page: Callable[[QuerySet[Campaign]], str],
) -> HttpResponse | None:
    """Lead to the page of the chosen campaigns, unless there are too many of them."""
    count = queryset.count()
    if count > selections.CHOSEN_MAX:
        notice = selections.too_many(count, what="campaigns")
        model_admin.message_user(request, notice, messages.ERROR)
        return None
    return HttpResponseRedirect(page(queryset.order_by("pk")))


def _action(verb: Action) -> Callable[..., HttpResponse | None]:
    """Return the list's action that leads to the decision about the chosen campaigns."""

    @admin.action(description=verb.value.capitalize(), permissions=["run"])
    def to_decision(
        model_admin: Any, request: HttpRequest, queryset: QuerySet[Campaign]
    ) -> HttpResponse | None:
        return _lead(model_admin, request, queryset, partial(page_of_several, request, verb))

    to_decision.__name__ = verb.value
    return to_decision


@admin.action(description="Edit drafts", permissions=["run"])
def _edit_drafts(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Campaign]
) -> HttpResponse | None:
    return _lead(model_admin, request, queryset, partial(bulk_edit.first_page, request))


@admin.action(description="Change tags", permissions=["run"])
def _tag(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Campaign]
) -> HttpResponse | None:
    return _lead(model_admin, request, queryset, partial(tagging.page_of_several, request))


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin[Campaign]):
    """What is given away. A form changes terms, and decisions change the status."""

    list_display = ("campaign", "state", "window", "uses", "given", "lately")
    list_display_links = None
    # There are thousands at most, so they can be counted: everything that the filters show can be
    # chosen for an action, and not only the rows of a page.
    paginator = Paginator
    # Without it the heading of every list, filtered or not, offers to "Show all".
    show_full_result_count = True
    list_disable_select_all = False
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
        return decide_together(request, Action(verb), model_admin=self)

    def template_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save the terms of a campaign as a template."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        campaign = get_object_or_404(Campaign, pk=pk)
        return save_page(
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
            asked = asked_about(obj)
            if obj.status == CampaignStatus.DRAFT or obj.status in RUNNING:
                shown.append(button("Edit", "promos_campaign_edit", obj.pk))
            shown += [
                verb_button(verb, obj)
                for verb in Action
                if verb.is_due(obj) and not (verb is Action.START and asked)
            ]
            shown.append(button("Save as template", "promos_campaign_template", obj.pk))
            if may_revoke(obj) and not asked:
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
            **results(request, obj),
            "tag_chips": tagging.chips(obj),
            "tags_written": tags.written(obj.tags),
            "may_tag": self.has_run_permission(request),
        }
