"""What staff's own tables show on the home page."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.html import format_html

from quizarena.staff import alerts, approvals, home
from quizarena.staff.desk import age, object_link
from quizarena.staff.home import ROWS_SHOWN, Content, Panel
from quizarena.staff.models import AccountChange, Alert, ApprovalRequest, SignInFailure


def _trouble(user: User, now: datetime) -> Content:
    """Return the open alerts, those that have happened last first."""
    return Content(
        rows=[
            (
                format_html("{}: {}", alerts.label_of(alert.kind), object_link(alert)),
                age(alert.last_at),
            )
            for alert in Alert.objects.unresolved()[:ROWS_SHOWN]
        ],
        empty="No alert is open.",
    )


def _approvals(user: User, now: datetime) -> Content:
    waiting = approvals.shown_to(user, ApprovalRequest.objects.waiting(now))
    return Content(
        rows=[
            (
                format_html(
                    "{} <small>asked by {}</small>",
                    object_link(request, request.subject_name),
                    request.maker,
                ),
                age(request.asked_at),
            )
            for request in waiting.select_related("maker").order_by("expires_at", "id")[:ROWS_SHOWN]
        ],
        empty="No approval waits.",
    )


def _sign_ins(user: User, now: datetime) -> Content:
    return Content(
        rows=[
            (
                format_html(
                    "{} <small>{}</small>",
                    failure.username or "others",
                    failure.address or "several addresses",
                ),
                format_html("{} times, {}", failure.times, age(failure.last_at)),
            )
            for failure in SignInFailure.objects.order_by("-pk")[:ROWS_SHOWN]
        ],
        empty="Nobody has failed to sign in within 30 days.",
    )


def _accounts(user: User, now: datetime) -> Content:
    changes = AccountChange.objects.select_related("user", "actor").order_by("-pk")
    return Content(
        rows=[
            (
                format_html(
                    "{}: {} <small>by {}</small>",
                    change.user,
                    change.get_change_display(),
                    change.actor or "command line",
                ),
                age(change.at),
            )
            for change in changes[:ROWS_SHOWN]
        ],
        empty="No account has been made or changed.",
    )


for panel in (
    Panel(
        name="trouble",
        title="Last seen trouble",
        roles=("Support",),
        permission="staff.view_alert",
        draw=_trouble,
        page="staff_alert_changelist",
        more="All alerts",
        order=20,
    ),
    Panel(
        name="approvals",
        title="Approvals",
        roles=("Finance", "Security"),
        permission="staff.view_approvalrequest",
        draw=_approvals,
        page="staff_approvalrequest_changelist",
        more="All approvals",
        order=40,
    ),
    Panel(
        name="sign-ins",
        title="Failed sign-ins",
        roles=("Security",),
        permission="staff.view_signinfailure",
        draw=_sign_ins,
        page="staff_signinfailure_changelist",
        more="All failed sign-ins",
        order=10,
    ),
    Panel(
        name="accounts",
        title="Accounts changed last",
        roles=("Security",),
        permission="auth.view_user",
        draw=_accounts,
        page="auth_user_changelist",
        more="All users",
        order=20,
    ),
):
    home.declare(panel)
