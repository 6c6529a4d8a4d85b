"""Alerts in the admin."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.staff import (
    alerts,
)
from quizarena.staff.admin.alert_routing import deliveries_of, runbook_link
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    format_json,
    may_open,
    own_user,
    page_link,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.models import (
    Alert,
)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    """Problems, the open ones first, each with the way out beside it."""

    list_display = ("trouble", "summary", "runbook", "times", "last", "state")
    list_display_links = ("trouble", "summary")
    list_select_related = ("resolved_by",)
    ordering = ("-resolved_at", "-last_at", "-id")
    resolution_fields = ("Resolved", {"fields": (("resolved_by", "resolved"), "resolve_reason")})

    def get_fieldsets(self, request: HttpRequest, obj: Alert | None = None) -> Any:
        """Return what happened and, once it is resolved, how."""
        # Nobody is led to a page that is closed to them.
        is_open = obj and obj.subject_type and may_open(request, apps.get_model(obj.subject_type))
        trouble = (
            ("trouble", "state"),
            "summary",
            ("subject" if is_open else "plain_subject", "runbook"),
            ("times", "key"),
            ("first", "last"),
            "sent",
            "shown_details",
        )
        resolution = (self.resolution_fields,) if obj and obj.resolved_at else ()
        return ((None, {"fields": trouble}), *resolution)

    @display(description="Problem")
    def trouble(self, alert: Alert) -> SafeString:
        """Return the kind, red while it is open."""
        colour = "info" if alert.resolved_at else "danger"
        return badge(alerts.label_of(alert.kind), colour)

    @display(description="About")
    def subject(self, alert: Alert) -> str | SafeString:
        """Return what it is of, by the name of its page, which it leads to."""
        return page_link(self.plain_subject(alert), alert.subject_type, alert.subject_id)

    @display(description="About")
    def plain_subject(self, alert: Alert) -> str:
        """Return the same without a link, for who may not open the page."""
        if not alert.subject_type:
            return "–"
        thing = apps.get_model(alert.subject_type)._base_manager.filter(pk=alert.subject_id).first()
        label = f"{alert.subject_type.partition('.')[2]} {alert.subject_id}"
        return label if thing is None else str(getattr(thing, "page_name", thing))

    @display(description="Runbook")
    def runbook(self, alert: Alert) -> SafeString | str:
        return runbook_link(alerts.runbook_of(alert.kind))

    @display(description="Sent")
    def sent(self, alert: Alert) -> SafeString | str:
        return deliveries_of(alert)

    @display(description="First")
    def first(self, alert: Alert) -> str:
        return age(alert.first_at)

    @display(description="Last")
    def last(self, alert: Alert) -> str:
        return age(alert.last_at)

    @display(description="State")
    def state(self, alert: Alert) -> SafeString:
        """Return whether somebody still has to look at it."""
        if alert.resolved_at is None:
            return badge("open", "warning")
        by = f"resolved by {alert.resolved_by}" if alert.resolved_by else "resolved by the system"
        return badge(by, "success")

    @display(description="By")
    def resolved_by(self, alert: Alert) -> str:
        """Return who has resolved it; nobody when the system did."""
        return str(alert.resolved_by or "–")

    @display(description="When")
    def resolved(self, alert: Alert) -> str:
        return age(alert.resolved_at)

    @display(description="Details")
    def shown_details(self, alert: Alert) -> SafeString:
        return format_json(alert.details)

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may resolve alerts."""
        return request.user.has_perm("staff.resolve_alert")

    def buttons(self, request: HttpRequest, obj: Alert) -> list[SafeString]:
        """Offer to resolve an open alert to those who may."""
        if obj.resolved_at is not None or not self.has_resolve_permission(request):
            return []
        return [button("Resolve", "staff_alert_resolve", obj.pk)]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that resolves."""
        view = self.admin_site.admin_view(self.resolve_view)
        return [
            path("<int:pk>/resolve/", view, name="staff_alert_resolve"),
            *super().get_urls(),
        ]

    def resolve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what was done about it, and close it."""
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        alert = get_object_or_404(Alert, pk=pk)

        def execute(cleaned: dict[str, Any]) -> str:
            alerts.resolve_by_hand(
                alert_id=pk,
                staff=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"Resolved: {alert.summary}"

        decision = Decision(
            title=f"Resolve “{alerts.label_of(alert.kind)}”",
            note=alert.summary,
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(alert),
            confirm="Resolve",
        )
        return decide(request, decision, model_admin=self)


def _page_of(alert: Alert) -> str:
    return reverse("admin:staff_alert_change", args=[alert.pk])
