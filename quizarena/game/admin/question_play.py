"""How a question plays, at the desk: its figures, its reports, and what editors decide of them."""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.game import question_counts, reports
from quizarena.game.errors import GameError, NothingToDecideError
from quizarena.game.models import (
    VERDICT_NAMES,
    WITHDRAWAL_NAMES,
    WRITTEN,
    Question,
    QuestionFigures,
    QuestionReport,
    RuleCard,
)
from quizarena.game.report_rules import (
    ANSWERS_MIN,
    SECONDS_MAX,
    TROUBLE_PERCENT,
    Difficulty,
    Verdict,
    Withdrawal,
    difficulty,
    median_seconds,
    wilson,
)
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    StaffAdmin,
    age,
    badge,
    button,
    object_link,
    own_user,
)
from quizarena.staff.errors import StaffError

MAY_DECIDE = "game.change_question"
VERDICTS = {"restore": Verdict.RESTORED, "keep-out": Verdict.KEPT_OUT}
# What the list says beside the level, and in which colour.
DIFFICULTY_BADGES = {
    Difficulty.HARDER: ("harder", "warning"),
    Difficulty.FITTING: ("fits", "success"),
    Difficulty.EASIER: ("easier", "info"),
}
# The page of a question shows so many of the latest reports, and so many of its versions' figures.
REPORTS_SHOWN = 20
VERSIONS_SHOWN = 3


class TroubleFilter(admin.SimpleListFilter):
    """What an editor should look at."""

    title = "trouble"
    parameter_name = "trouble"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("withdrawn", "Withdrawn"),
            ("reported", "Reported"),
            ("hard", f"Under {TROUBLE_PERCENT}% right"),
        ]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the questions with the trouble; of few answers nothing is said."""
        match self.value():
            case "withdrawn":
                return queryset.filter(withdrawn_at__isnull=False)
            case "reported":
                open_reports = QuestionReport.objects.unresolved().values("question")
                return queryset.filter(pk__in=open_reports)
            case "hard":
                hard = QuestionFigures.objects.filter(
                    version__number=F("version__question_row__version"),
                    answered__gte=ANSWERS_MIN,
                    answered__gt=F("right") * 100 / TROUBLE_PERCENT,
                )
                return queryset.filter(pk__in=hard.values("version__question_row"))
        return queryset


class OpenFilter(admin.SimpleListFilter):
    """Whether an editor has looked."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("decided", "Decided")]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the reports of that state."""
        if self.value() not in ("open", "decided"):
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "open")


class PlayedQuestionAdmin(StaffAdmin[Question]):
    """What the list and the page of a question show of how it plays."""

    class Media:
        css = {"all": ["economy/economy.css", "game/play.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Question]:
        """Return the questions with the figures of what they read now."""
        figures = QuestionFigures.objects.filter(
            version__question_row=OuterRef("pk"), version__number=OuterRef("version")
        )
        waiting = QuestionReport.objects.unresolved().filter(question=OuterRef("pk"))
        return (
            super()
            .get_queryset(request)
            .annotate(
                answers_now=Subquery(figures.values("answered")),
                right_now=Subquery(figures.values("right")),
                level_answers_now=Subquery(figures.values("level_answered")),
                level_right_now=Subquery(figures.values("level_right")),
                reports_now=ArraySubquery(waiting.values("pk")),
            )
        )

    @display(description="Right")
    def share_right(self, question: Question) -> SafeString | str:
        """Return how much of what was answered is right, since the question reads like this."""
        answers, right = (getattr(question, name, None) for name in ("answers_now", "right_now"))
        return _part(right or 0, answers or 0)

    @display(description="Level")
    def level_and_difficulty(self, question: Question) -> SafeString | str:
        """Return the level, and how hard it is for players of it once enough have answered."""
        answers, right = (
            getattr(question, name, None) for name in ("level_answers_now", "level_right_now")
        )
        measured = DIFFICULTY_BADGES.get(difficulty(right or 0, answers or 0))
        return (
            question.level
            if measured is None
            else format_html("{} {}", question.level, badge(*measured))
        )

    @display(description="Trouble")
    def trouble(self, question: Question) -> SafeString | str:
        """Return why somebody should look; the state says whether it is withdrawn."""
        if question.withdrawn_because == Withdrawal.DISTRACTOR:
            return badge("misleads", "danger")
        if waiting := getattr(question, "reports_now", None):
            return badge(f"reported: {len(waiting)}", "warning")
        return "–"

    @display(description="Made from")
    def source(self, question: Question) -> SafeString | str:
        """Return the key (of a generated question: its word, rule and frame) and the rule card."""
        return _source(question, of_card=lambda card: object_link(card, card.title_en))

    @display(description="Made from")
    def plain_source(self, question: Question) -> SafeString | str:
        """Return the same without a link, for who may not open rule cards."""
        return _source(question, of_card=lambda card: card.title_en)

    @display(description="Of rounds")
    def figures(self, question: Question) -> SafeString:
        """Return how the latest versions play, and how hard the question is for its level."""
        counted = question_counts.counted_up_to()
        latest = (
            QuestionFigures.objects.filter(version__question_row=question)
            .select_related("version")
            .order_by("-version__number")[:VERSIONS_SHOWN]
        )
        return render_to_string(
            "game/question_figures.html",
            {
                "level": question.level,
                "versions": [_figures(one, question) for one in latest],
                "day": dates.day(counted.day) if counted else "",
                "counted_at": dates.moment(counted.counted_at) if counted else "",
                "zone": dates.zone_name(),
            },
        )

    @display(description="Latest first")
    def reports(self, question: Question) -> SafeString:
        """Return what players have reported, why it is out of play, and what was decided."""
        because = question.withdrawn_because
        latest = question.reports.select_related("version", "resolved_by").order_by("-pk")
        return render_to_string(
            "game/question_reports.html",
            {
                "because": WITHDRAWAL_NAMES[Withdrawal(because)] if because else "",
                "withdrawn": age(question.withdrawn_at),
                "table": {
                    "headers": ["What", "Version", "Reported", "Decided"],
                    "rows": [
                        [
                            one.get_reason_display(),
                            str(one.version.number),
                            age(one.reported_at),
                            _decided(one),
                        ]
                        for one in latest[:REPORTS_SHOWN]
                    ],
                },
            },
        )

    def buttons(self, request: HttpRequest, obj: Question) -> list[SafeString]:
        """Offer both verdicts while the question waits for one, to who may decide."""
        waits = obj.withdrawn_at is not None or obj.reports.unresolved().exists()
        if not waits or not request.user.has_perm(MAY_DECIDE):
            return []
        return [
            button(_label(name, obj), "game_question_decide", obj.pk, name) for name in VERDICTS
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which an editor decides."""
        view = self.admin_site.admin_view(self.decide_view)
        name = "game_question_decide"
        return [path("<int:pk>/<str:verdict>/decide/", view, name=name), *super().get_urls()]

    def decide_view(self, request: HttpRequest, pk: int, verdict: str) -> HttpResponse:
        """Ask for the note, show what changes, and decide."""
        if not request.user.has_perm(MAY_DECIDE):
            raise PermissionDenied
        if verdict not in VERDICTS:
            raise Http404
        question = get_object_or_404(Question, pk=pk)
        waiting = question.reports.unresolved().count()

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, object, object]]:
            if question.withdrawn_at is None and not waiting:
                raise NothingToDecideError(question)
            after = "enabled" if VERDICTS[verdict] is Verdict.RESTORED else "disabled"
            return [("State", _state(question), after), ("Open reports", waiting, 0)]

        def execute(cleaned: dict[str, Any]) -> str:
            reports.decide(
                VERDICTS[verdict],
                question_id=pk,
                note=cleaned["reason"],
                staff=own_user(request),
                now=timezone.now(),
            )
            return f"The question is {VERDICT_NAMES[VERDICTS[verdict]]}."

        decision = Decision(
            title=f"{_label(verdict, question)}: {question}",
            form=ReasonForm,
            preview=preview,
            execute=execute,
            refusals=(GameError, StaffError),
            back=reverse("admin:game_question_change", args=[pk]),
            note="Its open reports are resolved. From then on only new reports and answers count.",
            confirm=_label(verdict, question),
        )
        return decide(request, decision, model_admin=self)


def _source(question: Question, *, of_card: Callable[[RuleCard], str]) -> SafeString | str:
    if not question.rule:
        return question.key
    card = RuleCard.objects.filter(slug=question.rule).first()
    return format_html("{} · {}", question.key, of_card(card) if card else question.rule)


def _label(verdict: str, question: Question) -> str:
    """Return what a verdict does to the question as it stands."""
    if VERDICTS[verdict] is Verdict.KEPT_OUT:
        return "Keep out" if question.withdrawn_at is not None else "Take out"
    return "Keep in play" if question.is_enabled else "Restore"


def _state(question: Question) -> str:
    if question.withdrawn_at is not None:
        return "withdrawn"
    return "enabled" if question.is_enabled else "disabled"


def _figures(figures: QuestionFigures, question: Question) -> dict[str, Any]:
    """Return what the template shows of a version."""
    version = figures.version
    seconds = median_seconds(figures.seconds)
    answers, right = figures.level_answered, figures.level_right
    interval = wilson(right, answers)
    return {
        "number": version.number,
        "is_current": version.number == question.version,
        "shown": figures.shown,
        "answered": figures.answered,
        "right": _part(figures.right, figures.answered),
        "median": _seconds(seconds),
        # What is typed or put in order is not chosen.
        "options": [
            (option, index == version.correct_option_id, _part(count, figures.answered))
            for index, (option, count) in enumerate(
                zip(version.options, figures.chosen, strict=False)
            )
            if version.kind not in WRITTEN
        ],
        "at_level": f"{right:,} of {answers:,}",
        "share": f"{right / answers:.0%}" if answers else "–",
        "interval": f"{interval.low:.0%} to {interval.high:.0%}" if answers else "",
        "difficulty": difficulty(right, answers),
    }


def _seconds(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds} s" if seconds < SECONDS_MAX else f"{SECONDS_MAX} s or more"


def _part(part: int, whole: int) -> SafeString | str:
    """Return a part with its share of the whole, as a bar, too."""
    if not whole:
        return "–"
    return format_html(
        '<div class="play-part"><span>{}</span><i style="--part: {}%"></i></div>',
        f"{part:,} ({part / whole:.1%})",
        f"{100 * part / whole:.1f}",
    )


def _decided(report: QuestionReport) -> SafeString | str:
    if report.resolved_at is None:
        return "–"
    return format_html(
        "{} {} by {}: {}",
        report.get_verdict_display(),
        age(report.resolved_at),
        report.resolved_by,
        report.note,
    )


@admin.register(QuestionReport)
class QuestionReportAdmin(ReadOnlyAdmin[QuestionReport]):
    """What players have reported, the latest first; it is decided on the page of the question."""

    list_display = ("asked", "what", "of_version", "since", "share_right", "state")
    list_select_related = ("question", "version__figures", "resolved_by")
    list_filter = (OpenFilter, "reason")
    ordering = ("-pk",)
    search_fields = ("question__quiz_id",)
    search_help_text = "Beginning of a quiz id"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "asked",
                    ("what", "of_version"),
                    ("since", "share_right"),
                    ("state", "decided"),
                )
            },
        ),
    )

    class Media:
        css = {"all": ["game/play.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[QuestionReport], search_term: str
    ) -> tuple[QuerySet[QuestionReport], bool]:
        """Find the reports of the questions whose key begins so."""
        if term := search_term.strip():
            found = Question.objects.filter(Q(quiz_id__startswith=term))
            queryset = queryset.filter(question__in=found)
        return queryset, False

    @display(description="Question")
    def asked(self, report: QuestionReport) -> SafeString:
        return object_link(report.question)

    @display(description="What")
    def what(self, report: QuestionReport) -> str:
        name: str = report.get_reason_display()
        return name.capitalize()

    @display(description="Version")
    def of_version(self, report: QuestionReport) -> str:
        return f"{report.version.number} of {report.question.version}"

    @display(description="Reported")
    def since(self, report: QuestionReport) -> str:
        return age(report.reported_at)

    @display(description="Right")
    def share_right(self, report: QuestionReport) -> SafeString | str:
        """Return how much of what was answered is right, of the version that was reported."""
        figures = next(_figures_of(report), None)
        return "–" if figures is None else _part(figures.right, figures.answered)

    @display(description="State")
    def state(self, report: QuestionReport) -> SafeString:
        if report.resolved_at is not None:
            return badge(report.get_verdict_display(), "primary")
        if report.question.withdrawn_at is not None:
            return badge("open, withdrawn", "danger")
        return badge("open", "warning")

    @display(description="Decided")
    def decided(self, report: QuestionReport) -> SafeString | str:
        return _decided(report)


def _figures_of(report: QuestionReport) -> Iterator[QuestionFigures]:
    """Yield the figures of the reported version, if it was counted."""
    try:
        yield report.version.figures
    except QuestionFigures.DoesNotExist:
        return
