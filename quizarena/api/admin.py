"""Clients of the API: made with a token that is shown once, and revoked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from quizarena.api import clients
from quizarena.api.models import ApiClient, Scope
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import StaffAdmin, age, badge, button, own_user
from quizarena.staff.errors import StaffError
from quizarena.staff.fresh_factor import FreshFactorToSave
from quizarena.staff.models import ApprovalRequest


@admin.register(ApiClient)
class ApiClientAdmin(FreshFactorToSave, StaffAdmin[ApiClient]):
    """Which systems may use the API, and for what."""

    list_display = ("name", "shown_scopes", "standing", "last_used", "made")
    list_select_related = ("created_by",)
    ordering = ("name",)
    readonly_fields = ("standing", "last_used", "made")

    def get_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> Any:
        """Return what is chosen, and for a client that is there what is known about it."""
        return ("name", "scopes", *(self.readonly_fields if obj else ()))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the scopes as boxes to tick."""
        if db_field.name == "scopes":
            return forms.MultipleChoiceField(
                choices=[(scope.value, f"{scope.label} ({scope.value})") for scope in Scope],
                widget=UnfoldAdminCheckboxSelectMultipleWidget(),
                help_text="What the token of this client may do.",
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description="Scopes")
    def shown_scopes(self, client: ApiClient) -> str:
        return ", ".join(client.scopes)

    @display(description="Status")
    def standing(self, client: ApiClient) -> SafeString:
        """Return whether the token opens anything."""
        if client.revoked_at:
            return badge("revoked", "danger")
        if client.scopes_to_approve:
            return badge("awaits approval", "warning")
        return badge("active", "success")

    @display(description="Last used")
    def last_used(self, client: ApiClient) -> str:
        """Return when the client was last there, to the hour."""
        return age(client.last_used_at)

    @display(description="Created")
    def made(self, client: ApiClient) -> SafeString:
        return format_html("{} by {}", age(client.created_at), client.created_by)

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        """Save the client; a new one gets its token."""
        if change:
            clients.change(client=obj)
        else:
            clients.add(client=obj, by=own_user(request), now=timezone.now())
        if obj.scopes_to_approve:
            self.message_user(
                request,
                f"{obj} can do nothing until a second person has approved "
                f"{', '.join(obj.scopes_to_approve)}: press “Ask for approval” on its page.",
                messages.WARNING,
            )

    def audit_details(self, obj: ApiClient) -> dict[str, Any]:
        """Return what the client may do from now on."""
        return {"scopes": obj.scopes}

    def response_add(
        self, request: HttpRequest, obj: ApiClient, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token: now, and never again."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token of {obj}",
            "opts": self.opts,
            "media": self.media,
            "client": obj,
            "back": reverse("admin:api_apiclient_changelist"),
        }
        return TemplateResponse(request, "api/token.html", context)

    def has_change_permission(self, request: HttpRequest, obj: ApiClient | None = None) -> bool:
        """Return False for what has been revoked: that is for good."""
        if obj is not None and obj.revoked_at is not None:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiClient | None = None) -> bool:
        """Return False: clients are revoked, and what they did still has their name."""
        return False

    def buttons(self, request: HttpRequest, obj: ApiClient) -> list[SafeString]:
        """Return the ways to a second person, and to revoke."""
        if not self.has_change_permission(request, obj):
            return []
        asks = obj.scopes_to_approve and not ApprovalRequest.objects.about(obj).waiting(
            timezone.now()
        )
        return [
            *([button("Ask for approval", "api_apiclient_ask", obj.pk)] if asks else []),
            button("Revoke", "api_apiclient_revoke", obj.pk),
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that ask for approval and revoke."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/ask/", view(self.ask_view), name="api_apiclient_ask"),
            path("<int:pk>/revoke/", view(self.revoke_view), name="api_apiclient_revoke"),
            *super().get_urls(),
        ]

    def ask_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, and wait for a second person."""
        client = get_object_or_404(ApiClient, pk=pk)
        if not self.has_change_permission(request, client):
            raise PermissionDenied

        def execute(cleaned: dict[str, Any]) -> str:
            clients.ask_for_approval(
                client=client, by=own_user(request), reason=cleaned["reason"], now=timezone.now()
            )
            return f"Asked for approval. {client} can do nothing until a second person approves."

        decision = Decision(
            title=f"Ask for approval of {client}",
            note=_to_approve(client),
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:api_apiclient_change", args=[pk]),
            confirm="Ask for approval",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, and revoke."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        client = get_object_or_404(ApiClient, pk=pk)
        if not self.has_change_permission(request, client):
            raise PermissionDenied

        def execute(cleaned: dict[str, Any]) -> str:
            is_revoked = clients.revoke(
                client_id=pk,
                by=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"{client} is revoked." if is_revoked else f"{client} is revoked already."

        decision = Decision(
            title=f"Revoke {client}",
            note="Its token stops working at once. This cannot be undone.",
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:api_apiclient_change", args=[pk]),
            confirm="Revoke",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)


def _to_approve(client: ApiClient) -> str:
    """Return in words what a second person would approve."""
    scopes = [f"{Scope(one).label} ({one})" for one in client.scopes_to_approve]
    return f"To approve: {'; '.join(scopes)}." if scopes else "There is nothing to approve."
