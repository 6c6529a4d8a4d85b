"""The question bank, as editors see it, and the rounds on a player's page."""

from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export.admin import ImportExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.results import Result, RowResult
from import_export.tmp_storages import CacheStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from quizarena.game import bank
from quizarena.game.importing import (
    OPTION_COLUMNS,
    QuestionResource,
    UnreadableFileError,
    errors_of,
    read_csv,
    read_workbook,
)
from quizarena.game.models import CONTENT, Question, QuestionVersion, Round, RoundState
from quizarena.players.admin import Chapter, tells
from quizarena.players.models import Player
from quizarena.staff import audit
from quizarena.staff.desk import StaffAdmin, age, badge

CHAPTER_LENGTH = 20
# The preview of an import shows so many rows and counts the others.
PREVIEW_LENGTH = 200


if TYPE_CHECKING:
    _QuestionForm: TypeAlias = forms.ModelForm[Question]
else:
    _QuestionForm = forms.ModelForm


class QuestionForm(_QuestionForm):
    """A question that can be asked: four different options, one of them right."""

    correct_option_id = forms.TypedChoiceField(
        label="Right answer",
        coerce=int,
        choices=[(number, f"Option {number + 1}") for number in range(len(OPTION_COLUMNS))],
        widget=UnfoldAdminRadioSelectWidget,
    )

    class Meta:
        model = Question
        fields = (
            "quiz_id",
            *CONTENT,
            "level",
            "category",
            "key",
        )
        widgets = {
            "question": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "explanation": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def clean(self) -> dict[str, Any]:
        """Tidy the texts, and refuse an option that stands there twice."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, value in cleaned.items():
            if isinstance(value, str):
                cleaned[name] = bank.tidy(value)
        seen: dict[str, str] = {}
        for name in OPTION_COLUMNS:
            text = cleaned.get(name)
            if text and text in seen:
                first = seen[text].replace("_", " ")
                self.add_error(name, f"The same as {first}: give four different options.")
            elif text:
                seen[text] = name
        return cleaned


class CSVFile(CSV):
    """CSV as the importer reads it, which also tells encodings and delimiters apart."""

    def create_dataset(self, in_stream: bytes | None, **kwargs: Any) -> Any:
        """Return the rows. Raises UnreadableFileError."""
        return read_csv(_present(in_stream))

    def is_binary(self) -> bool:
        """Return True: decoding is the importer's work."""
        return True

    def get_read_mode(self) -> str:
        """Return the mode for bytes."""
        return "rb"


class Workbook(XLSX):
    """An Excel workbook as the importer reads it."""

    def create_dataset(self, in_stream: bytes | None, **kwargs: Any) -> Any:
        """Return the rows. Raises UnreadableFileError."""
        return read_workbook(_present(in_stream))


def _present(raw: bytes | None) -> bytes:
    """Return what was uploaded, which the cache keeps for a day at most."""
    if raw is None:
        raise UnreadableFileError("The upload is gone: choose the file again.")
    return raw


@admin.register(Question)
class QuestionAdmin(ImportExportMixin, StaffAdmin[Question]):
    """Write, import, disable; a question that was ever asked stays for the rounds' sake."""

    form = QuestionForm
    resource_classes = (QuestionResource,)
    import_formats = (CSVFile, Workbook)
    export_formats = (CSV, XLSX)
    # Excel takes CSV for UTF-8 only with this mark.
    to_encoding = "utf-8-sig"
    import_form_class = ImportForm
    export_form_class = ExportForm
    import_template_name = "game/import.html"
    # Any web process may get the confirmation; a temporary file would be on one machine.
    tmp_storage_class = CacheStorage
    skip_admin_log = True  # The resource writes the audit log itself.

    list_display = ("quiz_id", "question", "answer", "level", "mode", "state", "version")
    list_filter = ("category", "level", "is_enabled")
    search_fields = ("quiz_id", "question")
    search_help_text = "Beginning of a quiz id, or part of a question"
    ordering = ("quiz_id",)
    sortable_by = ("quiz_id",)
    actions = ("enable", "disable")
    warn_unsaved_form = True
    fieldsets = (
        (None, {"fields": (("quiz_id", "state"), ("level", "category"), "key")}),
        (
            "What the player reads",
            {
                "fields": (
                    "question",
                    ("option_1", "option_2"),
                    ("option_3", "option_4"),
                    "correct_option_id",
                    "explanation",
                )
            },
        ),
        ("As a player sees it", {"fields": ("preview",)}),
        ("Versions", {"fields": ("versions",)}),
    )
    readonly_fields = ("state", "preview", "versions")

    def get_fieldsets(self, request: HttpRequest, obj: Question | None = None) -> Any:
        """Return the form; a question that is not stored yet has nothing to look back on."""
        return super().get_fieldsets(request, obj)[: None if obj else 2]

    def get_readonly_fields(self, request: HttpRequest, obj: Question | None = None) -> Any:
        """Return what cannot be edited: an import knows a question by its key."""
        return (*self.readonly_fields, "quiz_id") if obj else self.readonly_fields

    @display(description="Answer")
    def answer(self, question: Question) -> str:
        """Return the right option."""
        return question.correct_answer

    @display(description="Mode")
    def mode(self, question: Question) -> str:
        """Return the mode's name."""
        return question.get_category_display()

    @display(description="State")
    def state(self, question: Question) -> SafeString:
        """Return whether the question is asked."""
        return badge("enabled", "success") if question.is_enabled else badge("disabled", "danger")

    @display(description="Question and answer")
    def preview(self, question: Question) -> SafeString:
        """Return the stored question as a chat shows it, with its options in the bank's order."""
        return render_to_string("game/preview.html", {"question": question})

    @display(description="Latest first")
    def versions(self, question: Question) -> SafeString:
        """Return what the question read at which time, and who wrote it."""
        authors = {
            entry.details["version"]: entry.actor or "command line"
            for entry in audit.of_object(question)
            if "version" in entry.details
            and entry.action not in ("question.enabled", "question.disabled")
        }
        versions = list(question.versions.order_by("-number"))
        older = [*versions[1:], None]
        return render_to_string(
            "game/versions.html",
            {
                "versions": [
                    {
                        "number": version.number,
                        "when": age(version.created_at),
                        "who": authors.get(version.number, "–"),
                        "changes": _differences(before, version),
                    }
                    for version, before in zip(versions, older, strict=True)
                ]
            },
        )

    def save_model(self, request: HttpRequest, obj: Question, form: Any, change: bool) -> None:
        """Save the question and learn its version, which the database counts."""
        super().save_model(request, obj, form, change)
        obj.refresh_from_db(fields=["version"])

    def audit_details(self, obj: Question) -> dict[str, Any]:
        """Return the version, so that the history can say who wrote it."""
        return {"version": obj.version}

    def has_delete_permission(self, request: HttpRequest, obj: Question | None = None) -> bool:
        """Return False: questions are disabled."""
        return False

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may both add and change questions."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may read questions."""
        return self.has_view_permission(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Question], search_term: str
    ) -> tuple[QuerySet[Question], bool]:
        """Find by the beginning of the key (indexed) or by any part of the question.

        The latter reads the whole bank, which is written by people: thousands of rows, and
        milliseconds.
        """
        if term := search_term.strip():
            queryset = queryset.filter(Q(quiz_id__startswith=term) | Q(question__icontains=term))
        return queryset, False

    def is_action_due(self, action: str, obj: Question) -> bool:
        """Offer the one of the two that changes something."""
        return action == ("disable" if obj.is_enabled else "enable")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Question]) -> None:
        """Let the questions be asked."""
        self.act(
            request,
            queryset,
            verb="enabled",
            service=lambda question: bank.enable(question_id=question.pk),
            refusal="enabled already",
        )

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Question]) -> None:
        """Let the questions be asked no more."""
        self.act(
            request,
            queryset,
            verb="disabled",
            service=lambda question: bank.disable(question_id=question.pk),
            refusal="disabled already",
        )

    # --- Import and export --------------------------------------------------------------------

    def add_data_read_fail_error_to_form(self, form: Any, error: Exception) -> None:
        """Tell the importer's own sentence; anything else is a fault of ours."""
        if not isinstance(error, UnreadableFileError):
            raise error
        form.add_error("import_file", str(error))

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Check an uploaded file without importing it, and show what it would do."""
        response: TemplateResponse = super().import_action(request, **kwargs)
        context = response.context_data or {}
        if result := context.get("result"):
            _raise_faults(result)
            context |= {
                "import_errors": errors_of(result),
                "totals": _totals(result),
                "preview_rows": result.rows[:PREVIEW_LENGTH],
                "hidden_rows": max(0, len(result.rows) - PREVIEW_LENGTH),
            }
        return response

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import what was confirmed."""
        try:
            response: HttpResponse = super().process_import(request, **kwargs)
        except UnreadableFileError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:game_question_import"))
        return response

    def process_result(self, result: Result, request: HttpRequest) -> HttpResponse:
        """Tell what was imported; the bank may have changed since the preview."""
        _raise_faults(result)
        if errors := errors_of(result):
            line, sentence = errors[0]
            told = f"Nothing was imported. Line {line}: {sentence}"
            self.message_user(request, told, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:game_question_import"))
        self.message_user(request, f"Imported: {_totals(result)}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:game_question_changelist"))

    def get_export_data(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet[Question], **kwargs: Any
    ) -> Any:
        """Return the file, and record that it was taken."""
        exported = super().get_export_data(file_format, request, queryset, **kwargs)
        kind = file_format.get_title()
        audit.record(
            actor=request.user,
            action="question.exported",
            summary=f"Questions were exported as {kind}.",
            details={"format": kind, "filter": request.GET.dict()},
        )
        return exported


def _raise_faults(result: Result) -> None:
    """Raise what went wrong through no fault of the file."""
    for error in [*result.base_errors, *(row.errors[0] for row in result.error_rows)]:
        raise error.error


def _totals(result: Result) -> str:
    """Return the counts in words."""
    new, changed, unchanged = (
        result.totals[kind]
        for kind in (
            RowResult.IMPORT_TYPE_NEW,
            RowResult.IMPORT_TYPE_UPDATE,
            RowResult.IMPORT_TYPE_SKIP,
        )
    )
    return f"{new} new, {changed} changed, {unchanged} unchanged"


def _differences(
    before: QuestionVersion | None, after: QuestionVersion
) -> list[tuple[str, object, object]]:
    """Return (what, old, new) for everything that reads differently; nothing for the first."""
    if before is None:
        return []
    rows = [("question", before.question, after.question)]
    rows += [
        (f"option {number}", old, new)
        for number, (old, new) in enumerate(zip(before.options, after.options, strict=True), 1)
    ]
    rows += [
        ("right answer", before.correct_answer, after.correct_answer),
        ("explanation", before.explanation, after.explanation),
    ]
    return [(what, old, new) for what, old, new in rows if old != new]


@tells
def rounds_of_player(request: HttpRequest, player: Player) -> Chapter | None:
    """Tell the latest rounds, for who may see players."""
    rounds = (
        Round.objects.filter(player=player)
        .annotate(
            answered=Count("showings__answered_at"),
            correct=Count("showings", filter=Q(showings__is_correct=True)),
        )
        .order_by("-id")[:CHAPTER_LENGTH]
    )
    return Chapter(
        title="Latest rounds",
        headers=["Round", "Mode", "State", "Right", "Started", "Finished"],
        rows=[
            [
                str(played.pk),
                played.get_mode_display(),
                RoundState(played.state).label,
                format_html("{} of {}", played.correct, played.answered),
                age(played.started_at),
                age(played.finished_at),
            ]
            for played in rounds
        ],
    )
