"""How much each role may do without a second person, and who has changed that."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from quizarena.staff import limits
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, button, object_link, own_user, waits
from quizarena.staff.errors import StaffError
from quizarena.staff.limit_models import Limit, LimitChange
from quizarena.staff.models import ApprovalRequest


def _form(kind: limits.Kind, now: int) -> type[ReasonForm]:
    """Return the form that sets a limit, filled in as it is now."""

    class LimitForm(ReasonForm):
        """The limit, and why."""

        value = forms.IntegerField(
            label=f"Limit ({kind.unit})",
            min_value=0,
            max_value=kind.most,
            initial=now,
            widget=UnfoldAdminIntegerFieldWidget,
            help_text=f"At most {kind.in_words(kind.most)}. 0: always with a second person, or "
            "not at all where there is none.",
        )
        field_order = ("value", "reason")

    return LimitForm


@admin.register(Limit)
class LimitAdmin(ReadOnlyAdmin[Limit]):
    """One page with every limit of every role, and what has been changed."""

    fieldsets = ((None, {"fields": ("whose",)}),)

    @display(description="Limit")
    def whose(self, limit: Limit) -> str:
        return str(limit)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that sets a limit."""
        view = self.admin_site.admin_view(self.set_view)
        return [
            path("set/<str:limit>/<str:role>/", view, name="staff_limit_set"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Go to the page with all of them: a limit alone says little."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:staff_limit_changelist"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what each role may do alone, and the history."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": self.list_title(request),
            "opts": self.opts,
            "media": self.media,
            "limits": {
                "headers": ["Limit", "Role", "Now", "Default", ""],
                "rows": self._rows(may_set=request.user.has_perm(limits.MAY_SET)),
            },
            "history": {
                "headers": ["When", "Limit", "From", "To", "Who", "Why"],
                "rows": [_change(one) for one in limits.history()],
            },
            **(extra_context or {}),
        }
        return TemplateResponse(request, "staff/limits.html", context)

    def _rows(self, *, may_set: bool) -> list[list[object]]:
        asked = {
            (limit.name, limit.role): waiting
            for limit, waiting in limits.waiting(now=timezone.now())
        }
        rows: list[list[object]] = []
        for kind in sorted(limits.kinds.values(), key=lambda one: one.label):
            defaults, now = kind.defaults(), limits.values(kind.name)
            rows += [
                [
                    kind.label,
                    role,
                    kind.in_words(now[role]),
                    "–" if now[role] == default else kind.in_words(default),
                    self._step(kind, role, asked.get((kind.name, role)), may_set=may_set),
                ]
                for role, default in defaults.items()
            ]
        return rows

    def _step(
        self, kind: limits.Kind, role: str, asked: ApprovalRequest | None, *, may_set: bool
    ) -> SafeString | str:
        """Return what waits, and the button that changes it."""
        change = button("Change", "staff_limit_set", kind.name, role) if may_set else ""
        if asked is None:
            return change
        return format_html('<div class="desk-steps">{} {}</div>', waits(asked), change)

    def set_view(self, request: HttpRequest, limit: str, role: str) -> HttpResponse:
        """Ask for the value and the reason, and set it or ask a second person."""
        if not request.user.has_perm(limits.MAY_SET):
            raise PermissionDenied
        kind = limits.kinds.get(limit)
        if kind is None or role not in limits.values(limit):
            raise Http404("There is no such limit.")
        value = limits.values(limit)[role]

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, str, str]]:
            return limits.preview(name=limit, role=role, value=cleaned["value"])

        def execute(cleaned: dict[str, Any]) -> str:
            changed = limits.change(
                name=limit,
                role=role,
                value=cleaned["value"],
                reason=cleaned["reason"],
                staff=own_user(request),
                now=timezone.now(),
            )
            if isinstance(changed, LimitChange):
                return f"{kind.label}, {role}: {kind.in_words(changed.after)} from now on."
            return "Approval requested: a second member of Security has to approve it."

        decision = Decision(
            title=f"{kind.label}: {role}",
            note=f"It is {kind.in_words(value)}. A lower limit holds at once; a higher one takes a "
            "second member of Security.",
            preview=preview,
            form=_form(kind, value),
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:staff_limit_changelist"),
            confirm="Set",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)


def _change(change: LimitChange) -> list[object]:
    kind = limits.kinds.get(change.limit.name)
    label = kind.label if kind else change.limit.name
    values = [
        kind.in_words(value) if kind else f"{value:,}" for value in (change.before, change.after)
    ]
    who: object = change.changed_by
    if change.request is not None:
        who = format_html(
            "{}, {}",
            change.changed_by,
            object_link(change.request, f"approved by {change.request.decided_by}"),
        )
    why = format_html('<span class="desk-sentence">{}</span>', change.reason)
    return [age(change.at), f"{label}, {change.limit.role}", *values, who, why]
