"""Questions in the admin: list, form, export, preview."""

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import CharField, F, Func, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from unfold.contrib.import_export.forms import ExportForm
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from quizarena import tables
from quizarena.game import (
    bank,
    question_previews,
)
from quizarena.game.admin.question_imports import may_import
from quizarena.game.admin.question_play import (
    PlayedQuestionAdmin,
    TroubleFilter,
)
from quizarena.game.importing import OPTION_COLUMNS, QuestionResource
from quizarena.game.models import (
    CONTENT,
    Question,
    QuestionVersion,
    RuleCard,
)
from quizarena.staff import audit
from quizarena.staff.desk import (
    age,
    badge,
    may_open,
)
from quizarena.staff.fresh_factor import fresh_factor

if TYPE_CHECKING:
    _QuestionForm: TypeAlias = forms.ModelForm[Question]
else:
    _QuestionForm = forms.ModelForm


class LinesField(SimpleArrayField):
    """Texts, each on a line of its own; empty lines do not count."""

    def to_python(self, value: Any) -> Any:
        """Return the lines that are filled in."""
        filled = [line for line in (value or "").splitlines() if line.strip()]
        return super().to_python("\n".join(filled))


class FamilyFilter(admin.SimpleListFilter):
    """The questions that were made alike: the first part of their quiz ids."""

    title = "family"
    parameter_name = "family"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the families of which there are questions."""
        family = Func(
            F("quiz_id"), Value("-"), Value(1), function="split_part", output_field=CharField()
        )
        families = Question.objects.order_by().values_list(family).distinct()
        return [(name, name) for name in sorted(name for (name,) in families) if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Question]) -> QuerySet[Question]:
        """Return the questions of the chosen family."""
        return (
            queryset.filter(quiz_id__startswith=f"{name}-") if (name := self.value()) else queryset
        )


class QuestionForm(_QuestionForm):
    """A question that can be asked: options of its kind, one of them right."""

    accepted = LinesField(
        forms.CharField(max_length=bank.ACCEPTED_MAX),
        required=False,
        label="Also right",
        delimiter="\n",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=(
            "Of a typed answer or a word order: other right answers, each on a line of its own. "
            "Option 1 is the right answer; options 2 to 4 stay empty."
        ),
    )

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
            "topic",
            "key",
        )
        widgets = {
            "question": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "explanation": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "explanation_en": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "explanation_uk": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def clean(self) -> dict[str, Any]:
        """Tidy the texts, and refuse answers that do not fit the kind."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, value in cleaned.items():
            if isinstance(value, str):
                cleaned[name] = bank.normalise_text(value)
        cleaned["accepted"] = [bank.normalise_text(text) for text in cleaned.get("accepted", ())]
        if "kind" in cleaned and "option_1" in cleaned:
            found = bank.answer_problems(
                kind=cleaned["kind"],
                options=[cleaned.get(name, "") for name in OPTION_COLUMNS],
                right=cleaned.get("correct_option_id"),
                accepted=cleaned["accepted"],
            )
            for name, sentence in found:
                self.add_error(name, sentence)
        return cleaned


class CSVFile(CSV):
    """CSV that reads the same after Excel has opened and saved it."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        """Return the file."""
        return tables.csv_file(dataset.headers, dataset)

    def is_binary(self) -> bool:
        """Return True: encoding is the writer's work."""
        return True


class WorkbookFile(XLSX):
    """An Excel workbook whose cells stay what they are."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        """Return the file."""
        return tables.workbook(dataset.headers, dataset)


@admin.register(Question)
class QuestionAdmin(ExportMixin, PlayedQuestionAdmin):
    """Write, import, disable; a question that was ever asked stays for the rounds' sake."""

    form = QuestionForm
    resource_classes = (QuestionResource,)
    export_formats = (CSVFile, WorkbookFile)
    export_form_class = ExportForm
    skip_admin_log = True  # The export writes the audit log itself.

    list_before_template = "game/question_list.html"
    list_display = (
        "quiz_id",
        "question",
        "answer",
        "level_and_difficulty",
        "mode",
        "topic",
        "kind",
        "share_right",
        "trouble",
        "state",
        "version",
    )
    list_filter = (
        TroubleFilter,
        FamilyFilter,
        "category",
        "level",
        "kind",
        "topic",
        "is_enabled",
    )
    search_fields = ("quiz_id", "question")
    search_help_text = "Beginning of a quiz id, or part of a question"
    ordering = ("quiz_id",)
    sortable_by = ("quiz_id",)
    actions = ("enable", "disable")
    warn_unsaved_form = True
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("quiz_id", "state"),
                    ("level", "category"),
                    ("topic", "key"),
                    ("kind", "rule"),
                )
            },
        ),
        (
            "What the player reads",
            {
                "fields": (
                    "question",
                    ("option_1", "option_2"),
                    ("option_3", "option_4"),
                    "correct_option_id",
                    "accepted",
                    "explanation",
                    "explanation_en",
                    "explanation_uk",
                )
            },
        ),
        ("As a player sees it", {"fields": ("preview",)}),
    )
    readonly_fields = (
        *("state", "preview", "figures", "source", "plain_source", "reports", "versions"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Question | None = None) -> Any:
        """Return the form; a question that is not stored yet has nothing to look back on."""
        if obj is None:
            return super().get_fieldsets(request, obj)[:2]
        # Nobody is led to a page that is closed to them.
        source = "source" if may_open(request, RuleCard) else "plain_source"
        return [
            *super().get_fieldsets(request, obj),
            ("How it plays", {"fields": ("figures", source)}),
            ("Reports", {"fields": ("reports",)}),
            ("Versions", {"fields": ("versions",)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Question | None = None) -> Any:
        """Return what cannot be edited: an import knows a question by its key."""
        return (*self.readonly_fields, "quiz_id") if obj else self.readonly_fields

    @display(description="Answer")
    def answer(self, question: Question) -> str:
        return question.correct_answer

    @display(description="Mode")
    def mode(self, question: Question) -> str:
        return question.get_category_display()

    @display(description="State")
    def state(self, question: Question) -> SafeString:
        """Return whether the question is asked."""
        if question.withdrawn_at is not None:
            return badge("withdrawn", "danger")
        return badge("enabled", "success") if question.is_enabled else badge("disabled", "danger")

    @display(description="Question and answer")
    def preview(self, question: Question) -> SafeString:
        """Return the stored question as a chat shows it, before and after it is answered."""
        shown = question_previews.asked(question)
        return render_to_string("game/preview.html", {"question": question, "shown": shown})

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
        """Offer the one of the two that changes something; a withdrawn one waits for a decision."""
        return obj.withdrawn_at is None and action == ("disable" if obj.is_enabled else "enable")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Question]) -> None:
        """Let the questions be asked."""
        self.act(
            request,
            queryset,
            verb="enabled",
            service=lambda question: bank.enable(question_id=question.pk),
            refusal="enabled already, or withdrawn until somebody decides on its page",
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

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the questions, with the way to import more."""
        context = {"may_import": may_import(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @fresh_factor
    def export_action(self, request: HttpRequest) -> HttpResponse:
        """Return the bank as a file, answers and all, for who has shown the factor recently."""
        exported: HttpResponse = super().export_action(request)
        return exported

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


def _differences(
    before: QuestionVersion | None, after: QuestionVersion
) -> list[tuple[str, object, object]]:
    """Return (what, old, new) for everything that reads differently; nothing for the first."""
    if before is None:
        return []
    rows = [("question", before.question, after.question)]
    rows += [
        (f"option {number}", old, new)
        for number, (old, new) in enumerate(
            zip_longest(before.options, after.options, fillvalue="–"), 1
        )
    ]
    rows += [
        ("right answer", before.correct_answer, after.correct_answer),
        ("kind", before.get_kind_display(), after.get_kind_display()),
        ("also right", " / ".join(before.accepted), " / ".join(after.accepted)),
        ("explanation", before.explanation, after.explanation),
        ("explanation in English", before.explanation_en, after.explanation_en),
        ("explanation in Ukrainian", before.explanation_uk, after.explanation_uk),
        ("rule", before.rule, after.rule),
    ]
    return [(what, old, new) for what, old, new in rows if old != new]
