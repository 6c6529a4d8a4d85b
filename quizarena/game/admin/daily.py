"""Daily challenges at the desk: what was asked and how it went, and the days to come."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from quizarena.game import daily
from quizarena.game.errors import GameError
from quizarena.game.models import (
    DAILY_LENGTH,
    DAILY_LEVELS,
    DailyQuestion,
    DailyRun,
    DailySet,
    QuestionVersion,
)
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, DecisionForm, ReasonForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, button, object_link, own_user
from quizarena.staff.errors import BadReasonError


@admin.register(DailySet)
class DailySetAdmin(ReadOnlyAdmin[DailySet]):
    """The challenges of all days. Until a day begins, its questions can be replaced."""

    list_display = ("on", "state", "started", "finished")
    ordering = ("-day",)
    list_before_template = "economy/buttons.html"
    fieldsets = ((None, {"fields": (("on", "state", "drawn"), ("started", "finished"))}),)
    change_form_outer_after_template = "game/daily_set.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DailySet]:
        """Return the sets with how many have started and finished."""
        runs = DailyRun.objects.filter(set=OuterRef("pk")).order_by().values("set")

        def counted(field: str) -> Coalesce:
            number = Subquery(runs.values(number=Count(field)), output_field=IntegerField())
            return Coalesce(number, 0)

        return (
            super()
            .get_queryset(request)
            .annotate(started_runs=counted("pk"), finished_runs=counted("finished_at"))
        )

    @display(description="Day", ordering="day")
    def on(self, daily_set: DailySet) -> str:
        return dates.day(daily_set.day)

    @display(description="State")
    def state(self, daily_set: DailySet) -> SafeString:
        """Return whether the day is to come, now, or over."""
        now = timezone.now()
        if now < daily_set.starts_at:
            return badge("planned", "info")
        return badge("today", "success") if now < daily_set.ends_at else badge("over", "primary")

    @display(description="Drawn")
    def drawn(self, daily_set: DailySet) -> str:
        return age(daily_set.drawn_at)

    @display(description="Started")
    def started(self, daily_set: Any) -> str:
        """Return how many players have started."""
        return f"{daily_set.started_runs:,}"

    @display(description="Finished")
    def finished(self, daily_set: Any) -> str:
        """Return how many players have finished."""
        return f"{daily_set.finished_runs:,}"

    def has_plan_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may draw ahead and replace questions."""
        return request.user.has_perm("game.plan_dailyset")

    def page_context(self, request: HttpRequest, obj: DailySet) -> dict[str, Any]:
        """Return the questions and the results for their template."""
        questions = obj.questions.select_related("version__question_row").order_by("number")
        may_replace = self.has_plan_permission(request) and timezone.now() < obj.starts_at
        headers = ["No.", "Level", "Topic", "Question", "Answer", "Version", "State"]
        results = daily.results(obj)
        finished = sum(results.values())
        return {
            "questions": {
                "headers": [*headers, ""] if may_replace else headers,
                "rows": [_row(question, may_replace=may_replace) for question in questions],
            },
            "results": {
                "headers": ["Right", "Players", "Share"],
                "rows": [
                    [
                        f"{score} of {DAILY_LENGTH}",
                        f"{results.get(score, 0):,}",
                        _share(results.get(score, 0), finished),
                    ]
                    for score in range(DAILY_LENGTH, -1, -1)
                ],
            },
        }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer above the list to draw the next days."""
        buttons = []
        if self.has_plan_permission(request):
            buttons.append(button("Draw the next 7 days", "game_dailyset_plan"))
        return super().changelist_view(request, {**(extra_context or {}), "buttons": buttons})

    def get_urls(self) -> list[URLPattern]:
        """Add the pages on which days are drawn ahead and questions replaced."""
        view = self.admin_site.admin_view
        return [
            path("plan/", view(self.plan_view), name="game_dailyset_plan"),
            path(
                "<int:pk>/<int:number>/replace/",
                view(self.replace_view),
                name="game_dailyset_replace",
            ),
            *super().get_urls(),
        ]

    def plan_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the reason, show which days are missing, and draw them."""
        if not self.has_plan_permission(request):
            raise PermissionDenied
        now = timezone.now()

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, str, str]]:
            return [
                (dates.day(day), "drawn" if stored else "not drawn", "drawn")
                for day, stored in daily.planned(now).items()
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            drawn = daily.plan(staff=own_user(request), reason=cleaned["reason"], now=now)
            days = "1 day" if len(drawn) == 1 else f"{len(drawn)} days"
            return f"{days} drawn." if drawn else "The next 7 days are drawn already."

        decision = Decision(
            title="Draw the next 7 days",
            form=ReasonForm,
            preview=preview,
            headers=("Day", "Before", "After"),
            execute=execute,
            refusals=(GameError, BadReasonError),
            back=reverse("admin:game_dailyset_changelist"),
            note="Days that are drawn stay as they are; until a day begins, its questions can be "
            "replaced one by one.",
        )
        return decide(request, decision, model_admin=self)

    def replace_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Ask which question takes the place, show it beside the other, and replace it."""
        if not self.has_plan_permission(request):
            raise PermissionDenied
        question = get_object_or_404(
            DailyQuestion.objects.select_related("set"), set=pk, number=number
        )
        seen = request.POST.get("version_id") or str(question.version_id)
        level = DAILY_LEVELS[number - 1]

        class Form(DecisionForm):
            field_order = ("quiz_id", "reason")

            version_id = forms.IntegerField(initial=seen, widget=forms.HiddenInput)
            quiz_id = forms.CharField(
                label="Quiz id",
                required=False,
                max_length=64,
                widget=UnfoldAdminTextInputWidget,
                help_text=f"A question of the level {level}. Leave empty to draw one.",
            )

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, object, object]]:
            found = daily.preview_replacement(
                set_id=pk,
                number=number,
                quiz_id=cleaned["quiz_id"],
                seed=str(cleaned["decision"]),
                now=timezone.now(),
            )
            return _differences(found.question.version, found.version)

        def execute(cleaned: dict[str, Any]) -> str:
            daily.replace(
                set_id=pk,
                number=number,
                version_id=cleaned["version_id"],
                quiz_id=cleaned["quiz_id"],
                seed=str(cleaned["decision"]),
                staff=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"Question {number} is replaced."

        decision = Decision(
            title=f"{question.set}: replace question {number}",
            form=Form,
            preview=preview,
            execute=execute,
            refusals=(GameError, BadReasonError),
            back=reverse("admin:game_dailyset_change", args=[pk]),
        )
        return decide(request, decision, model_admin=self)


def _row(question: DailyQuestion, *, may_replace: bool) -> list[object]:
    """Return a question as a row of its set's table."""
    version = question.version
    current = version.question_row
    wanted = DAILY_LEVELS[question.number - 1]
    row: list[object] = [
        str(question.number),
        question.level
        if question.level == wanted
        else badge(f"{question.level} instead of {wanted}", "warning"),
        current.get_category_display(),
        object_link(current, f"{current.quiz_id}: {version.question}"),
        version.correct_answer,
        str(version.number)
        if version.number == current.version
        else badge(f"{version.number}, by now {current.version}", "warning"),
        badge("enabled", "success") if current.is_enabled else badge("disabled", "danger"),
    ]
    if may_replace:
        row.append(button("Replace", "game_dailyset_replace", question.set_id, question.number))
    return row


def _share(part: int, whole: int) -> str:
    return f"{100 * part // whole} %" if whole else "–"


def _differences(
    before: QuestionVersion, after: QuestionVersion
) -> list[tuple[str, object, object]]:
    """Return what staff compare of two questions."""
    old, new = before.question_row, after.question_row
    return [
        ("Quiz id", old.quiz_id, new.quiz_id),
        ("Question", before.question, after.question),
        ("Options", " / ".join(before.options), " / ".join(after.options)),
        ("Right answer", before.correct_answer, after.correct_answer),
        ("Explanation", before.explanation, after.explanation),
        ("Level", old.level, new.level),
        ("Topic", old.get_category_display(), new.get_category_display()),
    ]
