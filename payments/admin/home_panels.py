"""What the home page shows of payments."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils.html import format_html

from payments.admin.reconciliation import outcome
from payments.models import Problem, Purchase, ReconciliationRun, SupportRequest
from quizarena.staff import dates, home
from quizarena.staff.desk import age, object_link
from quizarena.staff.home import ROWS_SHOWN, Content, Panel

WORDS_SHOWN = 80


def _requests(user: User, now: datetime) -> Content:
    unanswered = SupportRequest.objects.unanswered().select_related("player")[:ROWS_SHOWN]
    return Content(
        rows=[
            (
                format_html(
                    "{}: {}",
                    object_link(request, f"No. {request.pk} of {request.player}"),
                    request.text[:WORDS_SHOWN] or "a picture",
                ),
                age(request.asked_at),
            )
            for request in unanswered
        ],
        empty="Nobody waits for an answer.",
    )


def _queue(user: User, now: datetime) -> Content:
    stuck = Purchase.objects.stuck().select_related("player").order_by("paid_at")[:ROWS_SHOWN]
    return Content(
        rows=[
            (
                format_html(
                    "{}: {}",
                    object_link(purchase, f"⭐ {purchase.paid_stars:,} of {purchase.player}"),
                    Problem(purchase.problem).label if purchase.problem else "not credited yet",
                ),
                age(purchase.paid_at),
            )
            for purchase in stuck
        ],
        empty="No payment is in review.",
    )


def _reconciliation(user: User, now: datetime) -> Content:
    runs = [
        run
        for is_full in (False, True)
        for run in ReconciliationRun.objects.filter(is_full=is_full, finished_at__isnull=False)
        .select_related("control_run")
        .order_by("-pk")[:1]
    ]
    return Content(
        rows=[
            (
                format_html(
                    "{} <small>{}</small>",
                    object_link(run, "Everything" if run.is_full else "The last 3 days"),
                    f"payments up to {dates.moment(run.compared_until)}"
                    if run.compared_until
                    else "nothing to compare",
                ),
                format_html("{} {}", outcome(run), age(run.finished_at)),
            )
            for run in runs
        ],
        empty="Nothing has been compared with Telegram yet.",
    )


for panel in (
    Panel(
        name="requests",
        title="Open requests",
        roles=("Support",),
        permission="payments.view_supportrequest",
        draw=_requests,
        page="payments_supportrequest_changelist",
        more="Support requests",
        order=10,
    ),
    Panel(
        name="queue",
        title="Payments in review",
        roles=("Finance",),
        permission="payments.view_purchase",
        draw=_queue,
        page="payments_purchase_queue",
        more="All of them",
        order=20,
    ),
    Panel(
        name="reconciliation",
        title="Last reconciliation",
        roles=("Finance",),
        permission="payments.view_reconciliationrun",
        draw=_reconciliation,
        page="payments_reconciliationrun_changelist",
        more="Reconciliation",
        order=30,
    ),
):
    home.declare(panel)
