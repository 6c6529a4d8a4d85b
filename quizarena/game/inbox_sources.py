"""What of the game waits for a person, in the staff inbox."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet

from quizarena.game.models import FairPlayFinding, Question, QuestionReport
from quizarena.game.reports import WITHDRAWN
from quizarena.staff import inbox


def declare() -> None:
    """Declare what waits."""
    inbox.declare(
        inbox.Source(
            name="question-reports",
            title="Question reports",
            label="Question report",
            step="Restore or keep out",
            page="game.questionreport",
            permission="game.view_questionreport",
            waiting=_reports,
            is_the_same_for_all=True,
            since="reported_at",
            order=("id",),
            late_after=timedelta(days=7),
            related=("question",),
            # Not by whom: editors know no players.
            describe=lambda report: f"{report.question}: {report.get_reason_display()}",
            alerts=(WITHDRAWN,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="withdrawn-questions",
            title="Questions withdrawn",
            label="Question withdrawn",
            step="Restore or keep out",
            page="game.question",
            permission="game.view_questionreport",
            waiting=_withdrawn,
            is_the_same_for_all=True,
            since="withdrawn_at",
            order=("id",),
            late_after=timedelta(days=7),
            describe=lambda question: f"{question}: {question.get_withdrawn_because_display()}",
            alerts=(WITHDRAWN,),
        )
    )
    inbox.declare(
        inbox.Source(
            name="fair-play",
            title="Fair play",
            label="Fair-play finding",
            step="Dismiss or confirm",
            page="game.fairplayfinding",
            permission="game.decide_fairplayfinding",
            waiting=_findings,
            is_the_same_for_all=True,
            since="found_at",
            order=("id",),
            late_after=timedelta(days=7),
            related=("player",),
            describe=lambda finding: f"{finding.player}: {finding.get_kind_display()}",
        )
    )


def _reports(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return QuestionReport.objects.unresolved()


def _withdrawn(*, user: User | None, now: datetime) -> QuerySet[Any]:
    """Return those that their answers have withdrawn; with reports, these wait in their place."""
    reported = QuestionReport.objects.unresolved().filter(question=OuterRef("pk"))
    return Question.objects.filter(~Exists(reported), withdrawn_at__isnull=False)


def _findings(*, user: User | None, now: datetime) -> QuerySet[Any]:
    return FairPlayFinding.objects.undecided()
