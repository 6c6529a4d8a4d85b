"""Checks of the ledger and runs of the controls in the admin."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy import controls
from economy.models import (
    ControlRun,
    VerificationFinding,
    VerificationRun,
)
from quizarena.players.admin import (
    TimelineSection,
)
from quizarena.staff.dates import span
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    format_json,
    link,
    object_link,
)

FINDINGS_SHOWN = 200


@admin.register(VerificationRun)
class VerificationRunAdmin(ReadOnlyAdmin[VerificationRun]):
    """The verifications of the ledger, and what they have found."""

    list_display = ("when", "outcome", "scope", "took")
    ordering = ("-id",)
    fields = ("when", "outcome", "scope", "took")
    change_form_outer_after_template = "players/story.html"

    @display(description="When")
    def when(self, run: VerificationRun) -> str:
        return age(run.started_at)

    @display(description="Outcome")
    def outcome(self, run: VerificationRun) -> SafeString:
        noun = "difference" if run.differences == 1 else "differences"
        wrong = f"{run.differences:,} {noun}" if run.differences else ""
        return _outcome(wrong=wrong, is_finished=run.seconds is not None, right="verified")

    @display(description="Checked")
    def scope(self, run: VerificationRun) -> str:
        wallets = f"{run.wallets:,} wallet{pluralize(run.wallets)}"
        return f"{wallets}, {run.entries:,} entr{pluralize(run.entries, 'y,ies')}"

    @display(description="Took")
    def took(self, run: VerificationRun) -> str:
        return "–" if run.seconds is None else span(timedelta(seconds=run.seconds))

    def page_context(self, request: HttpRequest, obj: VerificationRun) -> dict[str, Any]:
        """Return the findings, row by row."""
        return {"chapters": [_findings(obj)]} if obj.differences else {}


def _outcome(*, wrong: str, is_finished: bool, right: str) -> SafeString:
    if wrong:
        return badge(wrong, "danger")
    return badge(right, "success") if is_finished else badge("not finished", "warning")


def _findings(run: VerificationRun) -> TimelineSection:
    """Return the first findings of a verification."""
    findings = run.findings.select_related("player").order_by("pk")[:FINDINGS_SHOWN]
    hidden = run.differences - len(findings)
    return TimelineSection(
        title=f"Findings, the first {FINDINGS_SHOWN}" if hidden else "Findings",
        headers=["Player", "Asset", "In the wallet", "Sum of the entries", "First wrong entry"],
        rows=[
            [
                object_link(finding.player),
                finding.get_asset_display(),
                _units(finding.in_wallet, missing="no wallet"),
                _units(finding.by_entries, missing="no entries"),
                _first_wrong_entry(finding),
            ]
            for finding in findings
        ],
    )


class ControlFilter(admin.SimpleListFilter):
    """Which control."""

    title = "control"
    parameter_name = "control"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the controls that there are."""
        return [(code, control.label) for code, control in controls.CONTROLS.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ControlRun]
    ) -> QuerySet[ControlRun]:
        """Return the runs of one control."""
        return queryset.filter(control=self.value()) if self.value() else queryset


@admin.register(ControlRun)
class ControlRunAdmin(ReadOnlyAdmin[ControlRun]):
    """How each run of a control has ended, the latest first."""

    list_display = ("which", "when", "outcome", "examined", "times", "details")
    list_filter = (ControlFilter,)
    list_select_related = ("reconciliation", "ledger_verification")
    ordering = ("-id",)
    fields = ("which", "when", "outcome", "examined", "times", "details")
    change_form_outer_after_template = "players/story.html"

    @display(description="Control")
    def which(self, run: ControlRun) -> str:
        control = controls.CONTROLS.get(run.control)
        return control.label if control else run.control

    @display(description="Latest run")
    def when(self, run: ControlRun) -> str:
        """Return how long ago the latest of its runs began."""
        return age(run.last_at)

    @display(description="Outcome")
    def outcome(self, run: ControlRun) -> SafeString:
        wrong = f"{run.findings:,} finding{pluralize(run.findings)}" if run.findings else ""
        if run.error:
            wrong = f"ended with {run.error}"
        return _outcome(wrong=wrong, is_finished=run.finished_at is not None, right="clean")

    @display(description="Checked")
    def examined(self, run: ControlRun) -> str:
        return f"{run.checked:,}"

    @display(description="Runs")
    def times(self, run: ControlRun) -> str:
        return f"{run.runs:,}"

    @display(description="Details")
    def details(self, run: ControlRun) -> SafeString | str:
        """Return a link to the row in which the control itself keeps its results."""
        for name in ("reconciliation", "ledger_verification"):
            if (result := getattr(run, name, None)) is not None:
                return object_link(result)
        return "–"

    def page_context(self, request: HttpRequest, obj: ControlRun) -> dict[str, Any]:
        """Return the findings, row by row."""
        findings = obj.found.order_by("pk")[:FINDINGS_SHOWN]
        if not findings:
            return {}
        rows = [[finding.summary, format_json(finding.details)] for finding in findings]
        return {
            "chapters": [TimelineSection(title="Found", headers=["What", "Details"], rows=rows)]
        }


def _units(units: int | None, *, missing: str) -> str:
    return missing if units is None else f"{units:,}"


def _first_wrong_entry(finding: VerificationFinding) -> str | SafeString:
    """Return a link to the first entry whose balance is not the sum up to it."""
    if finding.entry_id is None:
        return "–"
    return link(f"entry {finding.entry_id}", "economy_ledgerentry_change", finding.entry_id)
