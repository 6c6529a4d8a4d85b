"""What players report about questions, and what was counted of their answers."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from quizarena.game.models.question import Question, QuestionVersion
from quizarena.game.report_rules import ReportReason, Verdict
from quizarena.staff import dates

REASON_NAMES = {
    ReportReason.WRONG: "wrong answer or explanation",
    ReportReason.UNCLEAR: "unclear",
    ReportReason.TWO_RIGHT: "two right answers",
    ReportReason.TYPO: "typing mistake",
}
VERDICT_NAMES = {Verdict.RESTORED: "restored", Verdict.KEPT_OUT: "kept out"}


class QuestionReportQuerySet(models.QuerySet["QuestionReport"]):
    """Questions about reports."""

    def unresolved(self) -> Self:
        """Return those that no editor has looked at."""
        return self.filter(resolved_at=None)


class QuestionReport(models.Model):
    """What a player thinks is wrong with a question, and what an editor has decided."""

    player = models.ForeignKey("players.Player", on_delete=models.PROTECT, related_name="+")
    question = models.ForeignKey(
        Question, on_delete=models.PROTECT, related_name="reports", db_index=False
    )
    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(
        max_length=9, choices=[(reason.value, name) for reason, name in REASON_NAMES.items()]
    )
    reported_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    verdict = models.CharField(
        max_length=8,
        blank=True,
        default="",
        choices=[(verdict.value, name) for verdict, name in VERDICT_NAMES.items()],
    )
    note = models.CharField(max_length=500, blank=True, default="")

    objects = QuestionReportQuerySet.as_manager()

    class Meta:
        verbose_name = "question report"
        indexes = [
            # The reports of a question.
            models.Index(fields=["question", "-id"], name="questionreport_of_question"),
            # How many of a player's are of today.
            models.Index(fields=["player", "reported_at"], name="questionreport_of_player"),
            # How many wait, in the sidebar.
            models.Index(fields=["-id"], condition=Q(resolved_at=None), name="questionreport_open"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "version"],
                condition=Q(resolved_at=None),
                name="questionreport_one_open_per_version",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["WRONG", "UNCLEAR", "TWO_RIGHT", "TYPO"]),
                name="questionreport_reason_is_known",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolved_by=None, verdict="", note="")
                | (
                    Q(
                        resolved_at__isnull=False,
                        resolved_by__isnull=False,
                        verdict__in=["RESTORED", "KEPT_OUT"],
                    )
                    & ~Q(note="")
                ),
                name="questionreport_resolved_wholly",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="report_resolved_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__resolved_at__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="report_is_fixed",
                fields=["player", "question", "version", "reason", "reported_at"],
            ),
            pgtrigger.Protect(name="report_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"report {self.pk}"


class QuestionFigures(models.Model):
    """How one version of a question plays in rounds, counted day by day once a day is over."""

    version = models.OneToOneField(
        QuestionVersion, primary_key=True, on_delete=models.PROTECT, related_name="figures"
    )
    shown = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    right = models.PositiveIntegerField(default=0)
    # How often each option was chosen, in the order of the bank.
    chosen = ArrayField(models.PositiveIntegerField())
    # seconds[n]: how many answers took n whole seconds; the last one all that took longer.
    seconds = ArrayField(models.PositiveIntegerField())
    # Of players who play at the question's level.
    level_answered = models.PositiveIntegerField(default=0)
    level_right = models.PositiveIntegerField(default=0)
    # The same by option, since an editor has last looked at the question.
    level_chosen = ArrayField(models.PositiveIntegerField())
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered__gte=models.F("right"))
                & Q(answered__gte=models.F("level_answered"))
                & Q(level_answered__gte=models.F("level_right")),
                name="questionfigures_parts_fit",
            ),
        ]

    def __str__(self) -> str:
        return f"figures of version {self.version_id}"


class QuestionCount(models.Model):
    """Up to which business day the answers have been counted; one row at most."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    day = models.DateField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="questioncount_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"counted up to {dates.day(self.day)}"
