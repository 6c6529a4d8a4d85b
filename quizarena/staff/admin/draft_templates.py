"""Templates in the admin: the list of them, from which drafts begin, renamed and deleted there."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from quizarena.staff import draft_templates
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import ReadOnlyAdmin, StaffAdmin, age, button, own_user
from quizarena.staff.draft_templates import Kind
from quizarena.staff.errors import StaffError
from quizarena.staff.models import DraftTemplate


class NameForm(forms.Form):
    """What a template is called."""

    name = forms.CharField(
        label="Name",
        max_length=draft_templates.NAME_MAX,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


class KindFilter(admin.SimpleListFilter):
    """Templates of one kind."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return what can have templates."""
        return [(kind.name, kind.label) for kind in draft_templates.kinds().values()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[DraftTemplate]
    ) -> QuerySet[DraftTemplate]:
        """Return those of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(DraftTemplate)
class DraftTemplateAdmin(ReadOnlyAdmin[DraftTemplate]):
    """What campaigns and broadcasts begin from. The page of a campaign or broadcast saves one."""

    list_display = ("name", "of", "says", "made_by", "changed")
    list_display_links = ("name",)
    list_filter = (KindFilter,)
    list_select_related = ("created_by",)
    search_fields = ("name",)
    search_help_text = "Part of the name"
    ordering = ("kind", "name")
    fieldsets = ((None, {"fields": (("name", "of"), "says", ("made_by", "changed"))}),)

    @display(description="Of")
    def of(self, template: DraftTemplate) -> str:
        return _kind_of(template).label

    @display(description="Says")
    def says(self, template: DraftTemplate) -> str:
        return _kind_of(template).in_words(template.terms)

    @display(description="Saved by")
    def made_by(self, template: DraftTemplate) -> str:
        return str(template.created_by)

    @display(description="Changed")
    def changed(self, template: DraftTemplate) -> str:
        return age(template.changed_at)

    def buttons(self, request: HttpRequest, obj: DraftTemplate) -> list[SafeString]:
        """Return what the user may do with the template."""
        kind = _kind_of(obj)
        if not request.user.has_perm(kind.permission):
            return []
        return [
            render_to_string(
                "unfold/components/button.html",
                {"href": f"{reverse(kind.form_page)}?template={obj.pk}", "children": _START},
            ),
            button("Rename", "staff_drafttemplate_rename", obj.pk),
            button("Delete", "staff_drafttemplate_remove", obj.pk),
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that rename and delete."""
        view = self.admin_site.admin_view
        name = "staff_drafttemplate"
        return [
            path("<int:pk>/rename/", view(self.rename_view), name=f"{name}_rename"),
            path("<int:pk>/remove/", view(self.remove_view), name=f"{name}_remove"),
            *super().get_urls(),
        ]

    def _one(self, request: HttpRequest, pk: int) -> DraftTemplate:
        """Return the template. Raises PermissionDenied for who has no part in such templates."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        template = get_object_or_404(DraftTemplate, pk=pk)
        if not request.user.has_perm(_kind_of(template).permission):
            raise PermissionDenied
        return template

    def rename_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give it another name."""
        template = self._one(request, pk)

        class Form(NameForm):
            name = forms.CharField(
                label="Name",
                initial=template.name,
                max_length=draft_templates.NAME_MAX,
                widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
            )

        def execute(cleaned: dict[str, Any]) -> str:
            renamed = draft_templates.rename(
                template_id=pk, name=cleaned["name"], staff=own_user(request), now=timezone.now()
            )
            return f"The template is called {renamed} now."

        decision = Decision(
            title=f"Rename the template {template}",
            form=Form,
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:staff_drafttemplate_change", args=[pk]),
            confirm="Rename",
        )
        return decide(request, decision, model_admin=self)

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete it."""
        template = self._one(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            draft_templates.delete(template_id=pk, staff=own_user(request))
            return f"The template {template} is deleted."

        decision = Decision(
            title=f"Delete the template {template}",
            note="What has begun from it stays as it is. The audit log keeps its terms.",
            preview=lambda _: [[self.of(template), template.name, self.says(template)]],
            headers=("Of", "Name", "Says"),
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:staff_drafttemplate_changelist"),
            confirm="Delete",
        )
        return decide(request, decision, model_admin=self)


_START = "Start from it"


def _kind_of(template: DraftTemplate) -> Kind:
    return draft_templates.kinds()[template.kind]


def save_page(
    request: HttpRequest,
    *,
    kind: str,
    proposal: str,
    terms: Mapping[str, Any],
    back: str,
    model_admin: StaffAdmin[Any],
) -> HttpResponse:
    """Ask for a name, and save terms as a template. The view itself checks who may come here."""
    words = draft_templates.kinds()[kind].in_words(terms)

    class Form(NameForm):
        name = forms.CharField(
            label="Name",
            initial=proposal,
            max_length=draft_templates.NAME_MAX,
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        )

    def execute(cleaned: dict[str, Any]) -> str:
        template = draft_templates.save(
            kind=kind,
            name=cleaned["name"],
            terms=terms,
            staff=own_user(request),
            now=timezone.now(),
        )
        return f"Saved as the template {template}."

    decision = Decision(
        title=f"Save {proposal} as a template",
        note=f"It says: {words}.",
        form=Form,
        execute=execute,
        refusals=(StaffError,),
        back=back,
        confirm="Save template",
    )
    return decide(request, decision, model_admin=model_admin)
