"""The question bank, as editors see it, and the rounds on a player's page."""

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, Count, F, Func, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from unfold.contrib.import_export.forms import ExportForm
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from quizarena import tables
from quizarena.game import (
    bank,
    home_panels,  # noqa: F401 -- importing it declares what the home page shows.
    imports,
    player_timeline,  # noqa: F401 -- importing it declares what players' pages show.
    question_previews,
)
from quizarena.game.daily_admin import DailySetAdmin
from quizarena.game.duel_admin import DuelAdmin
from quizarena.game.fair_play_admin import FairPlayFindingAdmin
from quizarena.game.importing import COLUMNS, OPTION_COLUMNS, OPTIONAL, QuestionResource, template
from quizarena.game.league_admin import LeagueGroupAdmin
from quizarena.game.models import (
    CONTENT,
    IMPORT_UNFINISHED,
    CupPrize,
    DailySet,
    Duel,
    FairPlayFinding,
    ImportState,
    LeagueGroup,
    PlayDay,
    PlayerLevel,
    Question,
    QuestionImport,
    QuestionReport,
    QuestionVersion,
    ReviewCard,
    RuleCard,
    Sprint,
    SprintState,
    Topic,
    Tournament,
)
from quizarena.game.play_admin import PlayDayAdmin
from quizarena.game.question_play_admin import (
    PlayedQuestionAdmin,
    QuestionReportAdmin,
    TroubleFilter,
)
from quizarena.game.review_admin import ReviewCardAdmin
from quizarena.game.rule_admin import RuleCardAdmin, TopicAdmin
from quizarena.game.tournament_admin import CupPrizeAdmin, TournamentAdmin
from quizarena.players.admin import TimelineSection, timeline_source
from quizarena.players.models import Player
from quizarena.staff import audit
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    own_user,
)
from quizarena.staff.fresh_factor import fresh_factor

CHAPTER_LENGTH = 20
IMPORT_COLOURS = {
    ImportState.WAITING: "info",
    ImportState.CHECKED: "warning",
    ImportState.CONFIRMED: "info",
    ImportState.IMPORTED: "success",
    ImportState.REFUSED: "danger",
    ImportState.DISCARDED: "primary",
}

admin.site.register(DailySet, DailySetAdmin)
admin.site.register(LeagueGroup, LeagueGroupAdmin)
admin.site.register(ReviewCard, ReviewCardAdmin)
admin.site.register(Duel, DuelAdmin)
admin.site.register(FairPlayFinding, FairPlayFindingAdmin)
admin.site.register(PlayDay, PlayDayAdmin)
admin.site.register(Tournament, TournamentAdmin)
admin.site.register(CupPrize, CupPrizeAdmin)
admin.site.register(QuestionReport, QuestionReportAdmin)
admin.site.register(RuleCard, RuleCardAdmin)
admin.site.register(Topic, TopicAdmin)

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
        ("How it plays", {"fields": ("figures", "source")}),
        ("Reports", {"fields": ("reports",)}),
        ("Versions", {"fields": ("versions",)}),
    )
    readonly_fields = ("state", "preview", "figures", "source", "reports", "versions")

    def get_fieldsets(self, request: HttpRequest, obj: Question | None = None) -> Any:
        """Return the form; a question that is not stored yet has nothing to look back on."""
        return super().get_fieldsets(request, obj)[: None if obj else 2]

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


# --- Import ---------------------------------------------------------------------------------------


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
        if obj.state != ImportState.CHECKED:
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
            "is_checked": obj.state == ImportState.CHECKED,
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

        def discard(cleaned: dict[str, Any]) -> str:
            imports.discard(import_id=pk, now=timezone.now())
            return "The file is deleted; nothing was imported."

        decision = Decision(
            title=f"Discard {question_import.file_name}",
            execute=discard,
            refusals=(imports.ImportStateError,),
            back=_page_of(pk),
            confirm="Discard",
        )
        return decide(request, decision, model_admin=self)

    def _import(self, request: HttpRequest, pk: int) -> QuestionImport:
        """Return the import, for who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request), pk=pk)


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


@timeline_source
def sprints_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show the latest sprints, for who may see players."""
    sprints = (
        Sprint.objects.filter(player=player)
        .annotate(
            given=Count("answers"), right=Count("answers", filter=Q(answers__is_correct=True))
        )
        .order_by("-id")[:CHAPTER_LENGTH]
    )
    return TimelineSection(
        title="Latest sprints",
        headers=["Sprint", "State", "Right", "Started", "Finished"],
        rows=[
            [
                str(sprint.pk),
                SprintState(sprint.state).label,
                format_html("{} of {}", sprint.right, sprint.given),
                age(sprint.started_at),
                age(sprint.finished_at),
            ]
            for sprint in sprints
        ],
    )


@timeline_source
def levels_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show at which level the player is asked, and why; elsewhere it is A1."""
    stored = PlayerLevel.objects.filter(player=player).order_by("mode")
    return TimelineSection(
        title="Levels",
        headers=["Mode", "Level", "Why", "Since"],
        rows=[
            [one.get_mode_display(), one.level, one.get_reason_display(), age(one.since)]
            for one in stored
        ],
    )
