"""What players report about questions, when one leaves play for it, and what editors decide.

Product rules, section 15. A question that was frozen into a challenge, a duel or a tournament is
played to its end there.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from quizarena import sweeps
from quizarena.game import points
from quizarena.game.errors import (
    AlreadyReportedError,
    NothingToDecideError,
    StaleTapError,
    TooManyReportsError,
)
from quizarena.game.models import (
    OPTIONS,
    VERDICT_NAMES,
    WITHDRAWAL_NAMES,
    DailyAnswer,
    DuelAnswer,
    PlacementQuestion,
    Question,
    QuestionFigures,
    QuestionReport,
    QuestionVersion,
    ReviewLog,
    RoundQuestion,
    SprintAnswer,
    TournamentAnswer,
)
from quizarena.game.play_counts import bounds
from quizarena.game.report_rules import (
    ANSWERS_MIN,
    REPORTS_MAX,
    REPORTS_PER_DAY,
    ReportReason,
    Verdict,
    Withdrawal,
    misleads,
)
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff import alerts, audit, reasons

# The kind of alert; its key is the id of the question.
WITHDRAWN = "question-withdrawn"


# --- What players do ------------------------------------------------------------------------------


def answered_version(*, player: Player, version_id: int) -> QuestionVersion:
    """Return a version of a question that the player has answered, wherever that was.

    Raises StaleTapError for any other.
    """
    version = QuestionVersion.objects.select_related("question_row").filter(pk=version_id).first()
    if version is None or not any(rows.exists() for rows in _answers(player, version)):
        raise StaleTapError("the player has not answered this question")
    return version


def reportable(*, player: Player, version_id: int, now: datetime) -> QuestionVersion:
    """Return a version that the player can report now, without recording anything.

    Raises what `report` raises.
    """
    version = answered_version(player=player, version_id=version_id)
    own = QuestionReport.objects.filter(player=player)
    if own.unresolved().filter(version=version).exists():
        raise AlreadyReportedError(version)
    begin, end = bounds(points.today(now))
    if own.filter(reported_at__gte=begin, reported_at__lt=end).count() >= REPORTS_PER_DAY:
        raise TooManyReportsError(limit=REPORTS_PER_DAY)
    return version


def _answers(player: Player, version: QuestionVersion) -> list[QuerySet[Any]]:
    """Return where the player may have answered the version, what is likely first."""
    found = (
        RoundQuestion.objects.filter(player=player, version=version, answered_at__isnull=False),
        DailyAnswer.objects.filter(
            run__player=player,
            run__set__questions__version=version,
            run__set__questions__number=F("number"),
        ),
        DuelAnswer.objects.filter(
            player=player,
            duel__questions__version=version,
            duel__questions__number=F("number"),
        ),
        TournamentAnswer.objects.filter(
            pairing__player=player,
            pairing__round__questions__version=version,
            pairing__round__questions__number=F("number"),
        ),
        PlacementQuestion.objects.filter(
            placement__player=player, version=version, answered_at__isnull=False
        ),
        ReviewLog.objects.filter(card__player=player, question__version=version),
        SprintAnswer.objects.filter(
            sprint__player=player,
            sprint__questions__version=version,
            sprint__questions__number=F("number"),
        ),
    )
    return list(found)


@transaction.atomic
def report(
    *, player: Player, version_id: int, reason: ReportReason, now: datetime
) -> QuestionReport:
    """Record what is wrong with a question that the player has answered.

    With the third open report of what it reads now the question leaves play; one of an earlier
    version is kept for editors and counts for nothing. Locks the player, then the question. Raises
    StaleTapError for a question that the player has not answered, AlreadyReportedError while a
    report of the player about this version waits for an editor, and TooManyReportsError for who has
    made ten on the business day.
    """
    players.lock(player)
    version = reportable(player=player, version_id=version_id, now=now)
    question = _lock(version.question_row_id)
    made = QuestionReport.objects.create(
        player=player, question=question, version=version, reason=reason.value, reported_at=now
    )
    # What was mended meanwhile is another question: only reports of what it reads now count.
    present = question.reports.unresolved().filter(version__number=question.version)
    if present.count() >= REPORTS_MAX:
        _withdraw(question, Withdrawal.REPORTS, now=now)
    return made


# --- What answers say -----------------------------------------------------------------------------


def withdraw_misleading(*, until: datetime) -> int:
    """Withdraw the questions whose players choose a wrong option more often than the right one.

    What counts are players of the question's level, since an editor has last looked at it. Works
    until it is `until`; returns how many.
    """
    found: list[int] | None = None

    def due(seen: Collection[int]) -> list[int]:
        nonlocal found
        if found is None:
            found = [figures.version.question_row_id for figures in _misleading()]
        return [pk for pk in found if pk not in seen]

    return sweeps.one_by_one(due=due, apply=_withdraw_if_misleading, until=until)


def _misleading(question_id: int | None = None) -> list[QuestionFigures]:
    """Return the figures of asked questions that mislead, as they read now."""
    figures = QuestionFigures.objects.select_related("version").filter(
        version__question_row__is_enabled=True,
        version__number=F("version__question_row__version"),
        level_answered__gte=ANSWERS_MIN,
    )
    if question_id is not None:
        figures = figures.filter(version__question_row=question_id)
    return [
        one
        for one in figures.order_by("pk")
        if misleads(
            one.level_chosen[: len(one.version.options)], correct=one.version.correct_option_id
        )
    ]


@transaction.atomic(durable=True)
def _withdraw_if_misleading(question_id: int) -> bool:
    question = _lock(question_id)
    if not _misleading(question_id):
        return False
    return _withdraw(question, Withdrawal.DISTRACTOR, now=timezone.now())


def _withdraw(question: Question, because: Withdrawal, *, now: datetime) -> bool:
    """Take a question, which is locked, out of play; return False if it is not asked anyway.

    Who has it on the screen unanswered gets it back soon (tasks.refund_withdrawn).
    """
    if not question.is_enabled:
        return False
    question.is_enabled = False
    question.withdrawn_at = now
    question.withdrawn_because = because.value
    question.save(update_fields=["is_enabled", "withdrawn_at", "withdrawn_because"])
    why = WITHDRAWAL_NAMES[because]
    audit.record(
        actor=None,
        action="question.withdrawn",
        obj=question,
        summary=f"{question}: withdrawn, because {why}.",
        details={"because": because.value},
    )
    alerts.raise_alert(
        kind=WITHDRAWN,
        key=str(question.pk),
        summary=f"{question.quiz_id} is not asked any more, because {why}.",
        details={"question": question.quiz_id, "because": because.value},
        subject=question,
        now=now,
    )
    return True


# --- What editors decide --------------------------------------------------------------------------


@transaction.atomic
def decide(
    verdict: Verdict, *, question_id: int, note: str, staff: User, now: datetime
) -> Question:
    """Put a question that was reported or withdrawn back into play, or keep it out.

    Resolves its reports and its alert; from now on only new reports and answers count. Locks the
    question, its reports and its figures. Raises NothingToDecideError for a question that is
    neither reported nor withdrawn, and BadReasonError for an empty note.
    """
    note = reasons.normalise(note)
    question = _lock(question_id)
    waiting = question.reports.unresolved()
    if question.withdrawn_at is None and not waiting.exists():
        raise NothingToDecideError(question)
    resolved = waiting.update(resolved_at=now, resolved_by=staff, verdict=verdict.value, note=note)
    question.is_enabled = verdict is Verdict.RESTORED
    question.withdrawn_at = None
    question.withdrawn_because = ""
    question.looked_at = now
    question.save(update_fields=["is_enabled", "withdrawn_at", "withdrawn_because", "looked_at"])
    for figures in QuestionFigures.objects.filter(version__question_row=question).order_by("pk"):
        figures.level_chosen = [0] * OPTIONS
        figures.save(update_fields=["level_chosen"])
    alerts.resolve(kind=WITHDRAWN, key=str(question.pk), now=now)
    audit.record(
        actor=staff,
        action=f"question.{verdict.lower()}",
        obj=question,
        summary=f"{question}: {VERDICT_NAMES[verdict]}. {note}",
        details={"reason": note, "reports": resolved},
    )
    return question


def _lock(question_id: int) -> Question:
    """Lock a question until the transaction ends."""
    return Question.objects.select_for_update().get(pk=question_id)
