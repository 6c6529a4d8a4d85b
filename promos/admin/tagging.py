"""Tags of campaigns in the admin: the filter, the form on a campaign's page, and the action."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from promos import tags
from promos.errors import BadTermsError, PromosError
from promos.models import Campaign
from quizarena.staff import selections
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import StaffAdmin, own_user, row_number

MAY_RUN = "promos.run_campaign"


class TagFilter(admin.SimpleListFilter):
    """Campaigns with a tag."""

    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return every tag that is in use, and that there is none."""
        return [*((tag, tag) for tag in tags.in_use()), ("-", "without a tag")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> QuerySet[Campaign]:
        """Return those with the chosen tag."""
        tag = self.value()
        if not tag:
            return queryset
        return queryset.filter(tags=[]) if tag == "-" else queryset.filter(tags__contains=[tag])


class TagsField(forms.CharField):
    """Tags between commas."""

    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{
                "label": "Tags",
                "required": False,
                "max_length": 300,
                "help_text": "Between commas, such as: summer, schools.",
                **kwargs,
            }
        )

    def prepare_value(self, value: Any) -> Any:
        """Return stored tags as one types them."""
        return tags.written(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Return the tags, normalised."""
        try:
            return tags.read(super().clean(value))
        except BadTermsError as error:
            raise forms.ValidationError(str(error)) from None


def chips(campaign: Campaign) -> SafeString:
    """Return the tags of a campaign, each of which leads to the campaigns with it."""
    page = reverse("admin:promos_campaign_changelist")
    shown = format_html_join(
        "",
        '<a class="promos-tag" href="{}?{}">{}</a>',
        ((page, urlencode({"tag": tag}), tag) for tag in campaign.tags),
    )
    return format_html('<span class="promos-tags">{}</span>', shown) if campaign.tags else shown


class _Form(forms.Form):
    """What is added to and removed from the chosen campaigns."""

    add = TagsField(label="Add")
    remove = TagsField(label="Remove")
    chosen = forms.CharField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Ask for something to do."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("add") and not cleaned.get("remove"):
            raise forms.ValidationError("Fill in what to add or to remove.")
        return cleaned


def page_of_several(request: HttpRequest, chosen: QuerySet[Campaign]) -> str:
    """Keep the choice; return the address where the tags of these campaigns are changed."""
    ids = ",".join(str(pk) for pk in chosen.order_by("pk").values_list("pk", flat=True))
    query = urlencode({"chosen": selections.keep(request, ids)})
    return f"{reverse('admin:promos_campaign_tags_of_several')}?{query}"


def choose_again(request: HttpRequest, *, model_admin: StaffAdmin[Campaign]) -> HttpResponse:
    """Lead back to the list whoever opens a choice that their session no longer has."""
    notice = "What you had chosen is no longer stored. Choose the campaigns again."
    model_admin.message_user(request, notice, messages.WARNING)
    return HttpResponseRedirect(reverse("admin:promos_campaign_changelist"))


def several_view(request: HttpRequest, *, model_admin: StaffAdmin[Campaign]) -> HttpResponse:
    """Change the tags of several campaigns."""
    if not request.user.has_perm(MAY_RUN):
        raise PermissionDenied
    carried = request.POST.get("chosen") or selections.kept(request, request.GET.get("chosen", ""))
    if not carried:
        return choose_again(request, model_admin=model_admin)
    ids = [row_number(one) for one in carried.split(",")]
    found = list(Campaign.objects.filter(pk__in=[pk for pk in ids if pk]).order_by("pk"))
    if not found:
        raise Http404("No campaign was chosen.")

    class Form(_Form):
        chosen = forms.CharField(initial=carried, widget=forms.HiddenInput)

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        return [
            [
                str(campaign),
                tags.written(campaign.tags) or "–",
                tags.written(tags.after(campaign, add=cleaned["add"], remove=cleaned["remove"]))
                or "–",
            ]
            for campaign in found
        ]

    def execute(cleaned: dict[str, Any]) -> str:
        tags.change_all(
            campaign_ids=[campaign.pk for campaign in found],
            add=cleaned["add"],
            remove=cleaned["remove"],
            now=timezone.now(),
            staff=own_user(request),
        )
        if len(found) == 1:
            return f"The tags of {found[0]} are changed."
        return f"The tags of {len(found):,} campaigns are changed."

    decision = Decision(
        title=f"Tags of {len(found):,} campaigns" if len(found) > 1 else f"Tags of {found[0]}",
        form=Form,
        preview=preview,
        headers=("Campaign", "Tags", "Afterwards"),
        execute=execute,
        refusals=(PromosError,),
        back=reverse("admin:promos_campaign_changelist"),
        confirm="Change tags",
    )
    return decide(request, decision, model_admin=model_admin)


def one_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Store the tags that were typed on the page of one campaign."""
    if not request.user.has_perm(MAY_RUN):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        typed, seen = (
            tags.read(request.POST.get("tags", "")),
            tags.read(request.POST.get("seen", "")),
        )
        # Of what somebody else has changed meanwhile nothing is lost.
        changed = tags.change(
            campaign_id=pk,
            add=sorted(set(typed) - set(seen)),
            remove=sorted(set(seen) - set(typed)),
            now=timezone.now(),
            staff=own_user(request),
        )
        messages.success(request, f"Tags: {tags.written(changed.tags) or 'none'}.")
    except BadTermsError as error:
        messages.error(request, f"Refused: {str(error).removesuffix('.')}.")
    return HttpResponseRedirect(reverse("admin:promos_campaign_change", args=[campaign.pk]))
