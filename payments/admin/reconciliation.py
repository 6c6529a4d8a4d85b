"""Reconciliation in the admin: every run with its differences, and starting a run."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanSwitchWidget

from payments import tasks
from payments.admin.purchase_display import breaking, healed_badge, product_label, received_facts
from payments.models import Difference, ReconciliationRun
from quizarena.players.admin import TimelineSection
from quizarena.staff import audit
from quizarena.staff.dates import span
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    exactly,
    object_link,
    own_user,
)

DIFFERENCES_SHOWN = 200


class RunForm(forms.Form):
    """How much is compared."""

    is_full = forms.BooleanField(
        label="Everything, not just the last 3 days",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin[ReconciliationRun]):
    """The comparisons of our books with Telegram's, the latest first."""

    list_display = ("when", "scope", "outcome", "looked_at", "read", "took")
    list_filter = ("is_full",)
    list_select_related = ("control_run",)
    list_before_template = "payments/run_now.html"
    when_empty = "Nothing was compared yet: the job does it every 15 minutes, “Run now” at once."
    ordering = ("-id",)
    change_form_outer_after_template = "players/story.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("when", "scope"),
                    ("outcome", "took"),
                    "looked_at",
                    ("read", "position"),
                    ("last_error", "next_try"),
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    @display(description="When")
    def when(self, run: ReconciliationRun) -> str:
        return age(run.started_at)

    @display(description="Compared")
    def scope(self, run: ReconciliationRun) -> str:
        return "everything" if run.is_full else "the last 3 days"

    @display(description="Outcome")
    def outcome(self, run: ReconciliationRun) -> SafeString:
        return outcome(run)

    @display(description="Looked at")
    def looked_at(self, run: ReconciliationRun) -> SafeString | str:
        """Return which payments and refunds were compared, and what was left to the next run."""
        if run.compared_until is None:
            return "–"
        return format_html(
            "{} {} from {} to {}; {} {} left to the next run",
            f"{run.compared:,}",
            "payment or refund" if run.compared == 1 else "payments and refunds",
            exactly(run.compared_from) if run.compared_from else "the beginning",
            exactly(run.compared_until),
            f"{run.left_out:,}",
            "younger one is" if run.left_out == 1 else "younger ones are",
        )

    @display(description="Next try")
    def next_try(self, run: ReconciliationRun) -> str:
        return "–" if run.finished_at or run.due_at is None else age(run.due_at)

    @display(description="Took")
    def took(self, run: ReconciliationRun) -> str:
        return span(run.finished_at - run.started_at) if run.finished_at else "–"

    @display(description="Lines read")
    def read(self, run: ReconciliationRun) -> str:
        return f"{run.transactions:,}"

    @display(description="Error")
    def last_error(self, run: ReconciliationRun) -> SafeString:
        """Return why Telegram could not be asked."""
        return breaking(run.error or "–")

    def get_urls(self) -> list[URLPattern]:
        """Add the page that starts a run."""
        view = self.admin_site.admin_view(self.run_view)
        return [
            path("run/", view, name="payments_reconciliationrun_run"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer another run above the list."""
        context = dict(extra_context or {})
        if request.user.has_perm("payments.run_reconciliation"):
            context["run_now"] = button("Run now", "payments_reconciliationrun_run")
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, obj: ReconciliationRun) -> dict[str, Any]:
        """Show the differences, row by row."""
        return {"chapters": [_differences(obj)]} if obj.differences else {}

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Put a run into the queue of the workers."""
        if not request.user.has_perm("payments.run_reconciliation"):
            raise PermissionDenied

        def execute(cleaned: dict[str, Any]) -> str:
            is_full = cleaned["is_full"]
            tasks.reconcile.apply_async(
                kwargs={"is_full": is_full},
                queue="bulk" if is_full else "critical",
                retry=False,
            )
            audit.record(
                actor=own_user(request),
                action="reconciliation.run",
                summary=f"Reconciliation of {'everything' if is_full else 'the last 3 days'}.",
            )
            return "The reconciliation is queued. It appears in this list when it starts."

        decision = Decision(
            title="Reconcile with Telegram now",
            note="A payment that is missing here is credited, and a refund that was made elsewhere "
            "is booked. Every other difference is listed for staff.",
            form=RunForm,
            execute=execute,
            refusals=(OperationalError,),
            back=reverse("admin:payments_reconciliationrun_changelist"),
            confirm="Run now",
        )
        return decide(request, decision, model_admin=self)


def _differences(run: ReconciliationRun) -> TimelineSection:
    """Return the first differences of a run, those that are still open before the others."""
    rows = run.found.select_related("purchase__product", "player").order_by("is_healed", "pk")
    hidden = run.differences - DIFFERENCES_SHOWN
    return TimelineSection(
        title=f"Differences, the first {DIFFERENCES_SHOWN}" if hidden > 0 else "Differences",
        headers=["Difference", "State", "Purchase", "Player", "Charge id", "Details"],
        rows=[
            [
                one.get_kind_display(),
                healed_badge(one),
                _purchase_of(one),
                object_link(one.player) if one.player else "–",
                breaking(one.charge_id or "–"),
                received_facts(one.details, whole=one.details),
            ]
            for one in rows[:DIFFERENCES_SHOWN]
        ],
    )


def _purchase_of(difference: Difference) -> SafeString | str:
    """Return a link to the purchase, if it is about one."""
    if difference.purchase is None:
        return "–"
    return object_link(difference.purchase, product_label(difference.purchase))


def outcome(run: ReconciliationRun) -> SafeString:
    """Return what came of a run."""
    if run.error:
        return badge("Telegram did not answer", "danger")
    if run.finished_at is None:
        return badge("not finished", "warning")
    noun = "difference" if run.differences == 1 else "differences"
    if run.differences and run.control_run is None:
        return badge(f"{run.differences:,} {noun}", "danger")
    if run.control_run is not None and run.control_run.findings:
        still_open = run.control_run.findings
        return badge(f"{run.differences:,} {noun}, {still_open:,} open", "danger")
    if run.differences:
        return badge(f"{run.differences:,} {noun}, all set right", "warning")
    # Of what was looked at, which "Looked at" says; what is younger comes with the next run.
    return badge("no differences in what was compared", "success")
