"""Requests for approval in the admin: what would change, and who decides."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.staff import (
    approvals,
)
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    own_user,
    page_link,
)
from quizarena.staff.errors import ChangedError, RefusedError, StaffError
from quizarena.staff.models import (
    ApprovalRequest,
    RequestStatus,
)

STATUS_COLOURS = {
    RequestStatus.OPEN: "warning",
    RequestStatus.APPROVED: "success",
    RequestStatus.DECLINED: "danger",
    RequestStatus.WITHDRAWN: "info",
    RequestStatus.EXPIRED: "info",
}


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin[ApprovalRequest]):
    """What somebody asks for and somebody else decides about; open requests come first."""

    list_display = ("what", "asked_by", "since", "reason", "expires", "state")
    list_select_related = ("maker", "decided_by")
    ordering = (Coalesce("decided_at", "expires_at").desc(), "-id")
    change_form_outer_after_template = "staff/preview.html"
    question = (
        None,
        {
            "fields": (
                ("what", "subject"),
                ("asked_by", "since"),
                ("state", "expires"),
                "approvers",
                "reason",
            )
        },
    )
    decision = ("Decision", {"fields": (("decider", "decided"), "decision_reason")})

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalRequest]:
        """Return the requests that are the user's business."""
        return approvals.shown_to(request.user, super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: ApprovalRequest | None = None) -> Any:
        """Return what was asked and, once there is one, the decision."""
        decided = obj is not None and obj.decided_at is not None
        return (self.question, self.decision) if decided else (self.question,)

    @display(description="What")
    def what(self, request: ApprovalRequest) -> str:
        return f"{approvals.label_of(request.kind)}: {request.subject_name}"

    @display(description="About")
    def subject(self, request: ApprovalRequest) -> str | SafeString:
        return page_link(request.subject_name, request.subject_type, request.subject_id)

    @display(description="Asked by")
    def asked_by(self, request: ApprovalRequest) -> str:
        """Return the maker; not everybody may see that user's page."""
        return str(request.maker)

    @display(description="May be approved by")
    def approvers(self, request: ApprovalRequest) -> str:
        """Return whose business the decision is."""
        roles = " or ".join(approvals.roles_that_decide(request.kind)) or "nobody"
        return f"{roles}, but not by {request.maker}"

    @display(description="By")
    def decider(self, request: ApprovalRequest) -> str:
        """Return who has decided: nobody if it has expired."""
        return str(request.decided_by or "–")

    @display(description="Since")
    def since(self, request: ApprovalRequest) -> str:
        return age(request.asked_at)

    @display(description="Expires")
    def expires(self, request: ApprovalRequest) -> str:
        """Return when the time for a decision is over, if it matters."""
        return age(request.expires_at) if request.status == RequestStatus.OPEN else "–"

    @display(description="State")
    def state(self, request: ApprovalRequest) -> SafeString:
        """Return where it stands by the clock."""
        status = request.status_at(timezone.now())
        return badge(status.label, STATUS_COLOURS[status])

    @display(description="When")
    def decided(self, request: ApprovalRequest) -> str:
        return age(request.decided_at)

    def buttons(self, request: HttpRequest, obj: ApprovalRequest) -> list[SafeString]:
        """Return what the user may do about an open request."""
        if obj.status_at(timezone.now()) != RequestStatus.OPEN:
            return []
        if obj.maker_id == request.user.pk:
            return [button("Withdraw", "staff_approvalrequest_withdraw", obj.pk)]
        kind = approvals.kinds.get(obj.kind)
        if kind is None or not request.user.has_perm(kind.permission):
            return []
        return [
            button("Approve", "staff_approvalrequest_approve", obj.pk),
            button("Decline", "staff_approvalrequest_decline", obj.pk),
        ]

    def page_context(self, request: HttpRequest, obj: ApprovalRequest) -> dict[str, Any]:
        """Show below what it does, as it was asked for and, if that differs, as it is now."""
        return {"preview": _previews(obj)}

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the decisions."""
        view = self.admin_site.admin_view
        pages = {
            "approve": self.approve_view,
            "decline": self.decline_view,
            "withdraw": self.withdraw_view,
        }
        return [
            *(
                path(f"<int:pk>/{name}/", view(page), name=f"staff_approvalrequest_{name}")
                for name, page in pages.items()
            ),
            *super().get_urls(),
        ]

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what it does once more, and do it."""
        asked, now = self._asked(request, pk), timezone.now()
        checker = own_user(request)

        def preview(cleaned: dict[str, Any]) -> Sequence[Sequence[str]]:
            try:
                return approvals.preview(request=asked, checker=checker, now=now)
            except (ChangedError, RefusedError) as error:
                # Nothing is left to confirm, so this is all that becomes of it.
                approvals.note_in_vain(request_id=pk, checker=checker, error=error, now=now)
                raise

        def execute(cleaned: dict[str, Any]) -> str:
            approvals.approve(request_id=pk, checker=checker, now=now)
            return f"Approved: {self.what(asked)}."

        kind = approvals.kinds.get(asked.kind)
        decision = Decision(
            title=f"Approve “{self.what(asked)}”",
            note=f"Requested by {asked.maker}: {asked.reason}",
            preview=preview,
            headers=kind.headers if kind else (),
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(asked),
            confirm="Approve",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def decline_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why not, and let it be."""
        asked = self._asked(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            approvals.decline(
                request_id=pk,
                checker=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"Declined: {self.what(asked)}."

        decision = Decision(
            title=f"Decline “{self.what(asked)}”",
            note=f"Requested by {asked.maker}: {asked.reason}",
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(asked),
            confirm="Decline",
        )
        return decide(request, decision, model_admin=self)

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraw one's own request."""
        asked = self._asked(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            approvals.withdraw(request_id=pk, maker=own_user(request), now=timezone.now())
            return f"Withdrawn: {self.what(asked)}."

        decision = Decision(
            title=f"Withdraw “{self.what(asked)}”",
            note="Nothing is changed, and the request can be made again.",
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(asked),
            confirm="Withdraw",
        )
        return decide(request, decision, model_admin=self)

    def _asked(self, request: HttpRequest, pk: int) -> ApprovalRequest:
        """Return the request for approval, for who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        requests = self.get_queryset(request).select_related("maker", "decided_by")
        return get_object_or_404(requests, pk=pk)


def _previews(asked: ApprovalRequest) -> dict[str, Any]:
    """Return what the action does: once, or as it was and as it is now, with what differs."""
    kind, now = approvals.kinds.get(asked.kind), timezone.now()
    headers = kind.headers if kind else ()
    was: Sequence[Sequence[str]] = asked.preview
    as_asked = ("What it does", {"headers": headers, "rows": was})
    if kind is None or asked.status_at(now) != RequestStatus.OPEN:
        return {"tables": [as_asked]}
    try:
        current = approvals.preview_of(asked, now=now)
    except kind.refusals as error:
        return {
            "tables": [as_asked],
            "refusal": f"It would be refused now: {str(error).rstrip('.')}.",
        }
    if current == was:
        return {"tables": [as_asked]}
    return {
        "tables": [
            ("As requested", {"headers": headers, "rows": _marked(was, current, "del")}),
            ("As it is now", {"headers": headers, "rows": _marked(current, was, "ins")}),
        ],
        "refusal": "The effect has changed since the request, so it cannot be approved. "
        "Withdraw or decline it, and request it again.",
    }


def _marked(
    rows: Sequence[Sequence[str]], others: Sequence[Sequence[str]], tag: str
) -> list[list[str]]:
    """Return the rows with a tag around what the other row of the same beginning says otherwise."""
    partners = {row[0]: row for row in others if row}
    return [
        [
            cell
            if [cell] == list(partners.get(row[0], ())[place : place + 1])
            else format_html("<{0}>{1}</{0}>", tag, cell)
            for place, cell in enumerate(row)
        ]
        for row in rows
    ]


def _page_of(request: ApprovalRequest) -> str:
    return reverse("admin:staff_approvalrequest_change", args=[request.pk])
