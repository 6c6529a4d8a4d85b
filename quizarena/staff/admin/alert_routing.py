"""Where alerts go outside of the house, at the desk: routes, tests, and what has failed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from quizarena.staff import alert_routing, alerts
from quizarena.staff.alert_models import (
    AlertChannel,
    AlertDelivery,
    AlertEvent,
    AlertRoute,
    DeliveryState,
    Severity,
)
from quizarena.staff.alert_routing import Route
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    StaffAdmin,
    age,
    badge,
    button,
    object_link,
    own_user,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.models import Alert

MAY_ROUTE = "staff.change_alertroute"
SEVERITY_COLOURS = {
    Severity.CRITICAL: "danger",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}
STATE_COLOURS = {
    DeliveryState.PENDING: "warning",
    DeliveryState.SENT: "success",
    DeliveryState.FAILED: "danger",
}


def runbook_link(runbook: str) -> SafeString | str:
    """Return a runbook that can be clicked, where DOCUMENTATION_URL says where it is."""
    if url := alert_routing.runbook_url(runbook):
        return format_html(
            '<a class="text-link" href="{}" target="_blank" rel="noreferrer">{}</a>', url, runbook
        )
    return runbook or "–"


def deliveries_of(alert: Alert) -> SafeString | str:
    """Return what has left the house about the alert, and how far that has come."""
    rows = [
        format_html(
            "<div>{} {}: {} {}</div>",
            delivery.get_channel_display(),
            delivery.get_event_display(),
            _state(delivery),
            delivery.error,
        )
        for delivery in alert.deliveries.order_by("pk")
    ]
    return format_html("{}" * len(rows), *rows) if rows else "Nothing has left the house."


def _state(delivery: AlertDelivery) -> SafeString:
    return badge(delivery.get_state_display(), STATE_COLOURS[DeliveryState(delivery.state)])


def _route_form(route: Route) -> type[ReasonForm]:
    """Return the form that changes a route, filled in as it is now."""

    class RouteForm(ReasonForm):
        """How severe the alerts of a kind are, and who gets them."""

        severity = forms.ChoiceField(
            choices=Severity.choices, initial=route.severity, widget=UnfoldAdminSelectWidget
        )
        channels = forms.MultipleChoiceField(
            required=False,
            choices=AlertChannel.choices,
            initial=[channel.value for channel in route.channels],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            help_text="Without any, these alerts stay at the desk.",
        )
        field_order = ("severity", "channels", "reason")

    return RouteForm


@admin.register(AlertRoute)
class AlertRouteAdmin(StaffAdmin[AlertRoute]):
    """One page with the way of every kind of alert; a row is only there for what was changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: a route comes from the page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AlertRoute | None = None) -> bool:
        """Return False: whoever chooses the default again deletes the row."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that change a route and send a test."""
        view = self.admin_site.admin_view
        return [
            path("kind/<str:kind>/", view(self.route_view), name="staff_alertroute_route"),
            path("test/<str:channel>/", view(self.test_view), name="staff_alertroute_test"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer 404: a route is changed on its own page, which records why."""
        raise Http404("There is no such page.")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the channels, and where the alerts of each kind go."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_route = request.user.has_perm(MAY_ROUTE)
        ways = alert_routing.configured()
        changed = set(AlertRoute.objects.values_list("kind", flat=True))
        context = {
            **self.admin_site.each_context(request),
            "title": "Alert routing",
            "opts": self.opts,
            "media": self.media,
            "channels": {
                "headers": ["Channel", "State", ""],
                "rows": [
                    [
                        channel.label,
                        badge("configured", "success")
                        if channel in ways
                        else format_html(
                            '<span class="desk-sentence">{} <small>set {}</small></span>',
                            badge("not configured", "info"),
                            alert_routing.VARIABLES[channel],
                        ),
                        button("Send a test", "staff_alertroute_test", channel.value)
                        if may_route and channel in ways
                        else "",
                    ]
                    for channel in AlertChannel
                ],
            },
            "routes": {
                "headers": ["Alert", "Severity", "To", "Runbook", ""],
                "rows": [
                    self._row(kind, may_route=may_route, is_changed=kind in changed)
                    for kind in sorted(alerts.kinds, key=alerts.label_of)
                ],
            },
            **(extra_context or {}),
        }
        return TemplateResponse(request, "staff/alert_routing.html", context)

    def _row(self, kind: str, *, may_route: bool, is_changed: bool) -> list[object]:
        route = alert_routing.route_of(kind, severity=alerts.kinds[kind].severity)
        names = ", ".join(channel.label for channel in route.channels) or "nobody outside"
        return [
            alerts.label_of(kind),
            badge(route.severity.label, SEVERITY_COLOURS[route.severity]),
            format_html("{} <small>changed</small>", names) if is_changed else names,
            runbook_link(alerts.runbook_of(kind)),
            button("Change", "staff_alertroute_route", kind) if may_route else "",
        ]

    def route_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Change where the alerts of a kind go."""
        if not request.user.has_perm(MAY_ROUTE):
            raise PermissionDenied
        if kind not in alerts.kinds:
            raise Http404("There is no such kind of alert.")
        default = alerts.kinds[kind].severity
        label = alerts.label_of(kind)

        def execute(cleaned: dict[str, Any]) -> str:
            route = alert_routing.choose(
                kind=kind,
                label=label,
                severity=Severity(cleaned["severity"]),
                channels=[AlertChannel(one) for one in cleaned["channels"]],
                default=default,
                staff=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"{label}: {alert_routing.describe(route)}."

        decision = Decision(
            title=f"Route “{label}”",
            note=f"By default: {alert_routing.describe(alert_routing.default_route(default))}.",
            form=_route_form(alert_routing.route_of(kind, severity=default)),
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:staff_alertroute_changelist"),
            confirm="Save",
        )
        return decide(request, decision, model_admin=self)

    def test_view(self, request: HttpRequest, channel: str) -> HttpResponse:
        """Send a test message by a channel."""
        if not request.user.has_perm(MAY_ROUTE):
            raise PermissionDenied
        if channel not in AlertChannel.values:
            raise Http404("There is no such channel.")
        chosen = AlertChannel(channel)

        def execute(cleaned: dict[str, Any]) -> str:
            alert_routing.request_test(channel=chosen, staff=own_user(request), now=timezone.now())
            return f"A test to {chosen.label} leaves within seconds; see its state below."

        decision = Decision(
            title=f"Send a test to {chosen.label}",
            note="A message that says that nothing has to be done."
            + (
                " PagerDuty opens an incident of the lowest severity; resolve it there."
                if chosen == AlertChannel.PAGERDUTY
                else ""
            ),
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:staff_alertroute_changelist"),
            done=reverse("admin:staff_alertdelivery_changelist"),
            confirm="Send",
        )
        return decide(request, decision, model_admin=self)


class StateFilter(admin.SimpleListFilter):
    """Where a delivery stands."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.label.capitalize()) for state in DeliveryState]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the deliveries of that state."""
        if self.value() not in DeliveryState.values:
            return queryset
        return queryset.filter(state=self.value())


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin[AlertDelivery]):
    """What has left the house about alerts, or has tried to, the latest first."""

    list_display = ("what", "channel", "about", "current_state", "attempts", "when", "error")
    list_display_links = None
    list_select_related = ("alert",)
    list_filter = (StateFilter,)
    ordering = ("-pk",)
    actions = ("send_again",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("what", "channel"),
                    "about",
                    ("current_state", "attempts"),
                    ("written", "when"),
                    "error",
                )
            },
        ),
    )

    @display(description="What")
    def what(self, delivery: AlertDelivery) -> SafeString:
        colour = SEVERITY_COLOURS[Severity(delivery.severity)]
        return badge(f"{delivery.get_event_display()}, {delivery.get_severity_display()}", colour)

    @display(description="Alert")
    def about(self, delivery: AlertDelivery) -> SafeString | str:
        if delivery.alert is None:
            return "Test message"
        return format_html('<span class="desk-sentence">{}</span>', object_link(delivery.alert))

    @display(description="State")
    def current_state(self, delivery: AlertDelivery) -> SafeString:
        return _state(delivery)

    @display(description="Written")
    def written(self, delivery: AlertDelivery) -> str:
        return age(delivery.created_at)

    @display(description="Finished or next attempt")
    def when(self, delivery: AlertDelivery) -> str:
        return age(delivery.finished_at or delivery.next_at)

    def has_route_permission(self, request: HttpRequest) -> bool:
        """Return whether the user says who gets alerts."""
        return request.user.has_perm(MAY_ROUTE)

    def is_action_due(self, action: str, obj: AlertDelivery) -> bool:
        """Offer to send again what has failed."""
        return obj.state == DeliveryState.FAILED and not (
            obj.event == AlertEvent.RAISED and obj.alert and obj.alert.resolved_at
        )

    @admin.action(description="Send again", permissions=["route"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[AlertDelivery]) -> None:
        """Try failed deliveries anew."""

        def service(delivery: AlertDelivery) -> bool:
            try:
                alert_routing.send_again(delivery_id=delivery.pk, now=timezone.now())
            except StaffError:
                return False
            return True

        self.act(
            request,
            queryset,
            verb="sent again",
            service=service,
            refusal="it has not failed, or its alert is resolved",
        )
