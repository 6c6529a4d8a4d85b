"""Exports in the admin: asked for with a reason, watched while they are made, downloaded."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from payments import export_sources, exports
from payments.errors import PaymentsError
from payments.exports import MAY_EXPORT, MAY_SEE_NAMES
from payments.models import UNFINISHED, Export, ExportKind, ExportStatus, FileFormat
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, DecisionForm, decide
from quizarena.staff.desk import (
    DayInput,
    ReadOnlyAdmin,
    age,
    badge,
    button,
    own_user,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.fresh_factor import fresh_factor

# A page with an export that is being made shows itself anew after so many seconds.
REFRESH_SECONDS = 5
STATUS_COLOURS = {
    ExportStatus.QUEUED: "info",
    ExportStatus.RUNNING: "warning",
    ExportStatus.READY: "success",
    ExportStatus.FAILED: "danger",
    ExportStatus.EXPIRED: "",
}
CONTENT_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin[Export]):
    """What was exported and by whom, the latest first. A file is kept for 24 hours."""

    list_display = ("what", "days", "filtered", "who", "when", "state", "made", "file")
    list_filter = ("kind",)
    list_select_related = ("requested_by",)
    list_before_template = "payments/export_buttons.html"
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("what", "file_format"),
                    ("days", "filtered"),
                    "names",
                    ("who", "when"),
                    "reason",
                    ("state", "size"),
                    ("finished", "kept_until"),
                    "problem",
                )
            },
        ),
    )

    @display(description="What")
    def what(self, export: Export) -> str:
        return export.get_kind_display()

    @display(description="Days")
    def days(self, export: Export) -> str:
        return f"{dates.day(export.first_day)} – {dates.day(export.last_day)}"

    @display(description="Filters")
    def filtered(self, export: Export) -> str:
        return export_sources.filters_in_words(export) or "–"

    @display(description="Names of players")
    def names(self, export: Export) -> str:
        return "included" if export.with_names else "masked"

    @display(description="Requested by")
    def who(self, export: Export) -> str:
        return str(export.requested_by)

    @display(description="Requested")
    def when(self, export: Export) -> str:
        return age(export.requested_at)

    @display(description="State")
    def state(self, export: Export) -> SafeString:
        """Return where it stands, with how far it is while it is being made."""
        status = ExportStatus(export.status)
        shown = badge(status.label, STATUS_COLOURS[status])
        if status != ExportStatus.RUNNING:
            return shown
        return format_html(
            '{} <progress max="100" value="{}"></progress> <small>{} %, {} rows</small>',
            shown,
            export.progress,
            export.progress,
            f"{export.rows:,}",
        )

    @display(description="Rows")
    def made(self, export: Export) -> str:
        """Return how many rows the file has; while it is being made, its state says how many."""
        if export.status in (ExportStatus.READY, ExportStatus.EXPIRED):
            return f"{export.rows:,}"
        return "–"

    @display(description="Size")
    def size(self, export: Export) -> str:
        if export.status in (ExportStatus.READY, ExportStatus.EXPIRED):
            return f"{export.rows:,} rows, {export.file_bytes / 1024:,.0f} KB"
        return "–"

    @display(description="Finished")
    def finished(self, export: Export) -> str:
        return age(export.finished_at)

    @display(description="File deleted")
    def kept_until(self, export: Export) -> str:
        return age(export.expires_at)

    @display(description="Problem")
    def problem(self, export: Export) -> str:
        return export.error or "–"

    @display(description="File")
    def file(self, export: Export) -> str | SafeString:
        """Return the way to the file, as long as there is one."""
        if export.status != ExportStatus.READY:
            return export.error or "–"
        return button("Download", "payments_export_download", export.pk)

    def buttons(self, request: HttpRequest, obj: Export) -> list[SafeString]:
        """Offer the file to those who may take it."""
        if obj.status != ExportStatus.READY or not request.user.has_perm(MAY_EXPORT):
            return []
        return [button("Download", "payments_export_download", obj.pk)]

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that ask for an export, and the files."""
        view = self.admin_site.admin_view
        return [
            path("new/<str:kind>/", view(self.new_view), name="payments_export_new"),
            path("<int:pk>/download/", view(self.download_view), name="payments_export_download"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer what the user may export above the list; show it anew while one is being made."""
        context = dict(extra_context or {})
        if request.user.has_perm(MAY_EXPORT):
            context["export_buttons"] = [
                button(kind.label, "payments_export_new", kind.value.lower())
                for kind in ExportKind
                if request.user.has_perm(export_sources.KINDS[kind].permission)
            ]
        response = super().changelist_view(request, context)
        if Export.objects.filter(requested_by=own_user(request), status__in=UNFINISHED).exists():
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one export; anew while it is being made."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if response.status_code == 200:
            export = self.get_object(request, object_id)
            if export is not None and export.status in UNFINISHED:
                response["Refresh"] = str(REFRESH_SECONDS)
        return response

    def new_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Ask for the days, the filters and a reason; show what it will be, and queue it."""
        if kind.upper() not in ExportKind.values:
            raise Http404
        wanted, staff = ExportKind(kind.upper()), own_user(request)
        source = export_sources.KINDS[wanted]
        if not (request.user.has_perm(MAY_EXPORT) and request.user.has_perm(source.permission)):
            raise PermissionDenied

        def chosen(cleaned: dict[str, Any]) -> dict[str, Any]:
            return {
                "kind": wanted,
                "first_day": cleaned["first_day"],
                "last_day": cleaned["last_day"],
                "with_names": cleaned.get("with_names", False),
                "staff": staff,
            }

        def preview(cleaned: dict[str, Any]) -> Sequence[Sequence[object]]:
            exports.check(**chosen(cleaned))
            return [
                ("Rows", f"{wanted.label}: {source.days}"),
                ("Columns", ", ".join(source.columns)),
                ("Names of players", "included" if cleaned.get("with_names") else "masked"),
                ("File", "made in the background, kept for 24 hours"),
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            exports.request(
                **chosen(cleaned),
                decision=cleaned["decision"],
                file_format=FileFormat(cleaned["file_format"]),
                filters={name: cleaned[name] for name in source.filters if cleaned[name]},
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return "The export is queued. This list shows when its file is ready."

        decision = Decision(
            title=f"Export {wanted.label[0].lower()}{wanted.label[1:]}",
            note=f"Days of business ({dates.zone_name()}): {source.days}.",
            form=_form(wanted, with_names=request.user.has_perm(MAY_SEE_NAMES)),
            preview=preview,
            headers=("What", "The file"),
            execute=execute,
            refusals=(PaymentsError, StaffError),
            back=reverse("admin:payments_export_changelist"),
            confirm="Export",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    @fresh_factor
    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Stream the file, and record who takes it."""
        if not request.user.has_perm(MAY_EXPORT):
            raise PermissionDenied
        export = get_object_or_404(Export, pk=pk)
        try:
            content = exports.take(export=export, staff=own_user(request), now=timezone.now())
        except exports.NotExportableError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:payments_export_changelist"))
        response = StreamingHttpResponse(
            content, content_type=CONTENT_TYPES[FileFormat(export.file_format)]
        )
        response["Content-Disposition"] = f'attachment; filename="{export.filename}"'
        response["Content-Length"] = str(export.file_bytes)
        response["Cache-Control"] = "no-store"
        return response


def _form(kind: ExportKind, *, with_names: bool) -> type[forms.Form]:
    """Return the form of one kind: its days, its filters, the format, names if allowed, why."""

    def today() -> Any:
        return timezone.localdate()

    fields: dict[str, forms.Field] = {
        "first_day": forms.DateField(
            label="From", initial=lambda: today().replace(day=1), widget=DayInput
        ),
        "last_day": forms.DateField(label="To", initial=today, widget=DayInput),
        **{
            name: forms.ChoiceField(
                label=one.label,
                required=False,
                choices=[("", "all"), *one.choices()],
                widget=UnfoldAdminSelectWidget,
            )
            for name, one in export_sources.KINDS[kind].filters.items()
        },
        "file_format": forms.ChoiceField(
            label="Format", choices=FileFormat.choices, widget=UnfoldAdminSelectWidget
        ),
    }
    if with_names and "player" in export_sources.KINDS[kind].columns:
        fields["with_names"] = forms.BooleanField(
            label="With names and Telegram ids of players",
            required=False,
            widget=UnfoldBooleanSwitchWidget,
        )
    # Own fields stand before those that every decision has.
    base = DecisionForm.base_fields
    return type(
        "ExportForm",
        (forms.Form,),
        {
            **fields,
            "reason": base["reason"],
            "decision": forms.UUIDField(initial=uuid4, widget=forms.HiddenInput),
        },
    )
