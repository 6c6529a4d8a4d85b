"""Imports of questions in the admin: upload, preview, confirmation, progress."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
)

from quizarena import tables
from quizarena.game import (
    imports,
)
from quizarena.game.importing import COLUMNS, OPTIONAL, template
from quizarena.game.models import (
    IMPORT_UNFINISHED,
    ImportState,
    QuestionImport,
)
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    own_user,
)

IMPORT_COLOURS = {
    ImportState.WAITING: "info",
    ImportState.CHECKED: "warning",
    ImportState.CONFIRMED: "info",
    ImportState.IMPORTED: "success",
    ImportState.REFUSED: "danger",
    ImportState.DISCARDED: "primary",
}


def may_import(request: HttpRequest) -> bool:
    """Return whether the user may both add and change questions."""
    return request.user.has_perms(("game.add_question", "game.change_question"))


class UploadForm(forms.Form):
    """A file with questions; a worker reads it."""

    file = forms.FileField(
        label="File",
        max_length=200,
        widget=UnfoldAdminFileFieldWidget,
        help_text=(
            f"CSV or an Excel workbook (.xlsx), up to {tables.BYTES_MAX // 1024**2} MB and "
            f"{tables.ROWS_MAX:,} rows."
        ),
    )

    def clean_file(self) -> Any:
        """Refuse what is too large to be kept."""
        file = self.cleaned_data["file"]
        if file.size > tables.BYTES_MAX:
            raise forms.ValidationError(
                f"The file has {file.size / 1024**2:.1f} MB: divide it into files of at most "
                f"{tables.BYTES_MAX // 1024**2} MB."
            )
        return file


@admin.register(QuestionImport)
class QuestionImportAdmin(ReadOnlyAdmin[QuestionImport]):
    """Uploaded files with questions: checked, confirmed, imported."""

    list_display = ("file_name", "status", "counts", "uploaded_by", "changed")
    list_select_related = ("uploaded_by",)
    ordering = ("-id",)
    list_before_template = "game/question_list.html"
    when_empty = "Upload a file with “Import questions”."
    fieldsets = ((None, {"fields": (("file_name", "uploaded_by"), ("progress", "changed"))}),)
    change_form_outer_after_template = "game/import_report.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuestionImport]:
        """Return the imports without their files."""
        return super().get_queryset(request).defer("content")

    def has_view_permission(self, request: HttpRequest, obj: QuestionImport | None = None) -> bool:
        """Return whether the user may import questions."""
        return may_import(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may import questions."""
        return may_import(request)

    @display(description="State")
    def status(self, question_import: QuestionImport) -> SafeString:
        state = ImportState(question_import.state)
        return badge(state.label, IMPORT_COLOURS[state])

    @display(description="Questions")
    def counts(self, question_import: QuestionImport) -> str:
        return _counts(question_import.report)

    @display(description="Changed")
    def changed(self, question_import: QuestionImport) -> str:
        return age(question_import.changed_at)

    @display(description="State")
    def progress(self, question_import: QuestionImport) -> SafeString:
        """Return where it stands, updating while a worker has it."""
        return render_to_string("game/import_progress.html", _progress_context(question_import))

    def buttons(self, request: HttpRequest, obj: QuestionImport) -> list[SafeString]:
        """Return what can be done with a checked file."""
        if not _is_checked(obj):
            return []
        found = [button("Discard", "game_questionimport_discard", obj.pk)]
        if obj.report["preview"]:
            found.insert(0, button("Import", "game_questionimport_confirm", obj.pk))
        return found

    def page_context(self, request: HttpRequest, obj: QuestionImport) -> dict[str, Any]:
        """Return the report for its template."""
        report = obj.report
        shown = report.get("preview", [])
        total = report.get("new", 0) + report.get("changed", 0)
        return {
            "report": report,
            "counts": _counts(report),
            "is_checked": _is_checked(obj),
            "hidden_rows": total - len(shown),
        }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the imports, with the way to one more."""
        context = {"may_import": may_import(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of an import's steps."""
        view = self.admin_site.admin_view
        name = "game_questionimport_"
        return [
            path("upload/", view(self.upload_view), name=f"{name}upload"),
            path("template/", view(self.template_view), name=f"{name}template"),
            path("<int:pk>/progress/", view(self.progress_view), name=f"{name}progress"),
            path("<int:pk>/confirm/", view(self.confirm_view), name=f"{name}confirm"),
            path("<int:pk>/discard/", view(self.discard_view), name=f"{name}discard"),
            *super().get_urls(),
        ]

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file and show how its check goes."""
        if not may_import(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            uploaded = imports.upload(
                content=file.read(),
                file_name=file.name,
                staff=own_user(request),
                now=timezone.now(),
            )
            return HttpResponseRedirect(_page_of(uploaded.pk))
        columns = ", ".join(name for name in COLUMNS if name not in OPTIONAL)
        context = {
            **self.admin_site.each_context(request),
            "title": "Import questions",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "columns": columns,
            "optional": ", ".join(OPTIONAL),
        }
        return TemplateResponse(request, "game/import_upload.html", context)

    def template_view(self, request: HttpRequest) -> HttpResponse:
        """Return a workbook with the columns and a question of each kind, to be filled in."""
        if not may_import(request):
            raise PermissionDenied
        return HttpResponse(
            tables.workbook(COLUMNS, template()),
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers={"Content-Disposition": 'attachment; filename="questions.xlsx"'},
        )

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show how far a file is, for a page that asks again and again."""
        question_import = self._import(request, pk)
        context = _progress_context(question_import)
        response = TemplateResponse(request, "game/import_progress.html", context)
        if not context["is_moving"]:
            response["HX-Refresh"] = "true"  # What can be done with it has changed.
        return response

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask once more, and let a worker import it."""
        question_import = self._import(request, pk)
        if not (_is_checked(question_import) and question_import.report["preview"]):
            return self._too_late(request, question_import)

        def confirm(cleaned: dict[str, Any]) -> str:
            imports.confirm(import_id=pk, now=timezone.now())
            return "The file is being imported."

        decision = Decision(
            title=f"Import {question_import.file_name}",
            note=f"{_counts(question_import.report)}.",
            execute=confirm,
            refusals=(imports.ImportStateError,),
            back=_page_of(pk),
            confirm="Import",
        )
        return decide(request, decision, model_admin=self)

    def discard_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask once more, and delete the file."""
        question_import = self._import(request, pk)
        if not _is_checked(question_import):
            return self._too_late(request, question_import)

        def discard(cleaned: dict[str, Any]) -> str:
            imports.discard(import_id=pk, now=timezone.now())
            return "The file is deleted; nothing was imported."

        decision = Decision(
            title=f"Discard {question_import.file_name}",
            note="The file is deleted, and none of its questions is imported.",
            execute=discard,
            refusals=(imports.ImportStateError,),
            back=_page_of(pk),
            confirm="Discard",
        )
        return decide(request, decision, model_admin=self)

    def _too_late(self, request: HttpRequest, question_import: QuestionImport) -> HttpResponse:
        """Lead back to the file, and say why there is nothing to decide about it."""
        state = (
            "without a change"
            if _is_checked(question_import)
            else question_import.get_state_display()
        )
        notice = f"{question_import.file_name} is {state}: there is nothing to decide about it."
        self.message_user(request, notice, messages.WARNING)
        return HttpResponseRedirect(_page_of(question_import.pk))

    def _import(self, request: HttpRequest, pk: int) -> QuestionImport:
        """Return the import, for who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=pk)


def _is_checked(question_import: QuestionImport) -> bool:
    return question_import.state == ImportState.CHECKED


def _page_of(import_id: int) -> str:
    return reverse("admin:game_questionimport_change", args=[import_id])


def _counts(report: dict[str, Any]) -> str:
    """Return in words what a file brings."""
    if "new" not in report or report["errors"]:
        return "–"
    return f"{report['new']} new, {report['changed']} changed, {report['unchanged']} unchanged"


def _progress_context(question_import: QuestionImport) -> dict[str, Any]:
    """Return what the progress template takes."""
    state = ImportState(question_import.state)
    is_moving = state in IMPORT_UNFINISHED and state != ImportState.CHECKED
    done, rows = (is_moving and imports.progress(question_import.pk)) or (0, 0)
    return {
        "question_import": question_import,
        "badge": badge(state.label, IMPORT_COLOURS[state]),
        "is_moving": is_moving,
        "done": done,
        "rows": rows,
        "per_cent": 100 * done // rows if rows else 0,
    }
