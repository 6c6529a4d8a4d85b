"""Reports of questions: who can, how many, what they do to a question, and what editors decide."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction

from quizarena.game import bank, placements, reports, rounds
from quizarena.game.errors import (
    AlreadyReportedError,
    NothingToDecideError,
    StaleTapError,
    TooManyReportsError,
)
from quizarena.game.models import (
    Mode,
    Question,
    QuestionFigures,
    QuestionReport,
    QuestionVersion,
    RoundQuestion,
)
from quizarena.game.report_rules import ReportReason, Verdict
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff.errors import BadReasonError
from quizarena.staff.models import Alert, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import QuestionFactory, make_staff
from tests.game import duelling, touring
from tests.game.challenges import make_bank
from tests.game.played import DAY, NOON, TODAY, answer_daily, answer_round, draw_day, newcomer
from tests.game.test_sprints import begin, make_nouns, say

SECOND = timedelta(seconds=1)


def version_of(question: Question) -> QuestionVersion:
    """Return what the question reads now."""
    return QuestionVersion.objects.get(question_row=question, number=question.version)


def answered(player: Player) -> QuestionVersion:
    """Let the player have answered the one question of the bank; return its version."""
    answer_round(player, True)
    return RoundQuestion.objects.filter(player=player).latest("pk").version


def report(player: Player, version: QuestionVersion, **fields: Any) -> QuestionReport:
    """Let the player report a version."""
    return reports.report(
        player=player,
        version_id=version.pk,
        **{"reason": ReportReason.WRONG, "now": NOON, **fields},
    )


def reported(times: int) -> Question:
    """Return a question that so many players have reported."""
    for _ in range(times):
        anna = newcomer()
        report(anna, answered(anna))
    return Question.objects.get()


@pytest.fixture
def editor(db: None) -> User:
    """Return an editor."""
    return make_staff("Editor")


@pytest.mark.django_db
class TestWho:
    def test_who_has_answered_it_in_a_round(self) -> None:
        anna = newcomer()
        version = answered(anna)

        made = report(anna, version, reason=ReportReason.TYPO)

        assert (made.player, made.question.pk, made.version) == (
            anna,
            version.question_row_id,
            version,
        )
        assert (made.reason, made.reported_at, made.resolved_at) == ("TYPO", NOON, None)

    def test_who_has_answered_it_in_a_daily_challenge(self) -> None:
        anna, ben = newcomer(), newcomer()
        daily_set = draw_day(TODAY)
        answer_daily(anna, daily_set, "1")
        first, second = daily_set.questions.order_by("number")[:2]

        report(anna, first.version)

        with pytest.raises(StaleTapError):
            reports.answered_version(player=ben, version_id=first.version_id)
        if second.version_id != first.version_id:
            with pytest.raises(StaleTapError):
                reports.answered_version(player=anna, version_id=second.version_id)

    def test_who_has_answered_it_in_a_duel(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben, cleo = newcomer(), newcomer(), newcomer()
        duel = duelling.played(anna, ben)
        asked = duel.questions.get(number=2)

        report(anna, asked.version)
        report(ben, asked.version)

        with pytest.raises(StaleTapError):
            report(cleo, asked.version)

    def test_who_has_answered_it_in_a_tournament(self) -> None:
        touring.bank()
        anna, *others = touring.begun(4)
        pairing = touring.pairing_of(anna, touring.cup())
        touring.show(anna, touring.cup(), now=touring.STARTS)
        touring.tap(anna, pairing, 1, now=touring.STARTS + SECOND)
        asked = pairing.round.questions.order_by("number")

        report(anna, asked[0].version)

        with pytest.raises(StaleTapError):
            report(anna, asked[1].version)
        with pytest.raises(StaleTapError):
            report(others[0], asked[0].version)

    def test_who_has_answered_it_in_a_sprint(self) -> None:
        make_nouns()
        anna = newcomer()
        sprint = begin(anna).sprint
        graded = say(anna, sprint, 1, "die", after=2).graded
        following = sprint.questions.get(number=2).version

        report(anna, graded)

        with pytest.raises(StaleTapError):
            report(anna, following)
        with pytest.raises(StaleTapError):
            report(newcomer(), graded)

    def test_who_has_answered_it_in_a_placement(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=10, A2=10, B1=10)
        anna = newcomer()
        shown = placements.start(player=anna, now=NOON)
        with pytest.raises(StaleTapError):
            report(anna, shown.version)
        placements.answer(
            player=anna, placement_id=shown.placement_id, number=1, option_index=0, now=NOON
        )

        report(anna, shown.version)

    def test_nobody_else(self) -> None:
        anna, ben = newcomer(), newcomer()
        version = answered(anna)

        for player, version_id in ((ben, version.pk), (anna, version.pk + 1), (anna, 0)):
            with pytest.raises(StaleTapError):
                reports.report(
                    player=player, version_id=version_id, reason=ReportReason.WRONG, now=NOON
                )

        assert not QuestionReport.objects.exists()

    def test_not_a_question_that_is_shown_and_not_answered(self) -> None:
        anna = newcomer()
        version = answered(anna)
        RoundQuestion.objects.create(
            round=RoundQuestion.objects.get().round,
            number=2,
            player=anna,
            mode="ARTIKEL_SPRINT",
            question=QuestionFactory.create(),
            version=QuestionVersion.objects.latest("pk"),
            order=[0, 1, 2, 3],
            shown_at=NOON,
        )

        with pytest.raises(StaleTapError):
            report(anna, QuestionVersion.objects.latest("pk"))
        report(anna, version)

    def test_nobody_twice_while_the_first_report_waits(self, editor: User) -> None:
        anna = newcomer()
        version = answered(anna)
        report(anna, version)

        with pytest.raises(AlreadyReportedError):
            report(anna, version, reason=ReportReason.TYPO)
        reports.decide(
            Verdict.RESTORED,
            question_id=version.question_row_id,
            note="Fine.",
            staff=editor,
            now=NOON,
        )
        report(anna, version)

        assert QuestionReport.objects.count() == 2

    def test_what_was_mended_can_be_reported_while_the_first_report_waits(self) -> None:
        anna = newcomer()
        before = answered(anna)
        report(anna, before)
        Question.objects.update(question="Wie heißt es richtig?", category="WORD_ORDER")

        mended = answered(anna)
        report(anna, mended)

        assert [one.version for one in QuestionReport.objects.order_by("pk")] == [before, mended]
        for version in (before, mended):
            with pytest.raises(AlreadyReportedError):
                report(anna, version)

    def test_ten_on_a_business_day(self) -> None:
        anna = newcomer()
        versions = []
        for _ in range(11):
            Question.objects.update(category="WORD_ORDER")
            versions.append(answered(anna))
        midnight = NOON + timedelta(hours=12)  # In Berlin.
        for version in versions[:10]:
            report(anna, version)

        with pytest.raises(TooManyReportsError) as refused:
            report(anna, versions[10], now=midnight - SECOND)

        assert refused.value.limit == 10
        report(anna, versions[10], now=midnight)


@pytest.mark.django_db
class TestThreeReports:
    def test_two_leave_the_question_in_play_and_a_third_takes_it_out(self) -> None:
        assert reported(2).is_enabled
        assert not Alert.objects.exists()

        question = reported(1)

        assert not question.is_enabled
        assert (question.withdrawn_at, question.withdrawn_because) == (NOON, "REPORTS")
        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("question-withdrawn", str(question.pk))
        assert alert.summary == (
            f"{question.quiz_id} is not asked any more, because players have reported it."
        )
        withdrawn = AuditEntry.objects.get(action="question.withdrawn")
        assert withdrawn.details == {"because": "REPORTS"}

    def test_a_fourth_changes_nothing_but_is_kept(self) -> None:
        reported(4)

        assert QuestionReport.objects.count() == 4
        assert AuditEntry.objects.filter(action="question.withdrawn").count() == 1
        assert Alert.objects.get().times == 1

    def test_reports_of_what_it_read_before_do_not_count(self) -> None:
        question = reported(2)
        Question.objects.update(question="Wie heißt es richtig?")

        question = reported(2)

        assert question.is_enabled
        assert question.reports.unresolved().count() == 4
        assert not reported(1).is_enabled

    def test_who_reports_what_it_read_before_takes_nothing_out(self) -> None:
        question = reported(2)
        anna = newcomer()
        before = answered(anna)
        Question.objects.update(question="Wie heißt es richtig?")

        made = report(anna, before)

        question.refresh_from_db()
        assert question.is_enabled
        assert (made.version, made.question) == (before, question)

    def test_a_question_that_editors_have_disabled_is_not_withdrawn(self) -> None:
        question = reported(2)
        bank.disable(question_id=question.pk)

        question = reported(1)

        assert question.withdrawn_at is None
        assert not Alert.objects.exists()

    def test_who_waits_with_it_gets_the_energy_back(self) -> None:
        QuestionFactory.create()
        started = rounds.start(player=newcomer(), mode=Mode.ARTIKEL_SPRINT, key="k", now=NOON)

        reported(3)

        assert list(RoundQuestion.objects.withdrawn()) == [started.round_question]


@pytest.mark.django_db
class TestDecision:
    def decide(self, verdict: Verdict, question: Question, editor: User, **fields: Any) -> Question:
        return reports.decide(
            verdict,
            question_id=question.pk,
            staff=editor,
            **{"note": " Mended. ", "now": NOON + DAY, **fields},
        )

    def test_restored_it_is_asked_again_and_only_new_reports_count(self, editor: User) -> None:
        question = self.decide(Verdict.RESTORED, reported(3), editor)

        assert question.is_enabled
        assert (question.withdrawn_at, question.withdrawn_because) == (None, "")
        assert question.looked_at == NOON + DAY
        rows = QuestionReport.objects.values_list("verdict", "note", "resolved_by", "resolved_at")
        assert list(rows) == [("RESTORED", "Mended.", editor.pk, NOON + DAY)] * 3
        assert Alert.objects.get().resolved_at == NOON + DAY
        decided = AuditEntry.objects.get(action="question.restored")
        assert decided.details == {"reason": "Mended.", "reports": 3}
        assert reported(2).is_enabled
        assert not reported(1).is_enabled

    def test_kept_out_it_stays_disabled_and_waits_no_more(self, editor: User) -> None:
        question = self.decide(Verdict.KEPT_OUT, reported(3), editor)

        assert not question.is_enabled
        assert question.withdrawn_at is None
        assert QuestionReport.objects.filter(verdict="KEPT_OUT").count() == 3
        assert bank.enable(question_id=question.pk)

    def test_one_report_is_decided_too(self, editor: User) -> None:
        assert self.decide(Verdict.RESTORED, reported(1), editor).is_enabled
        assert not self.decide(Verdict.KEPT_OUT, reported(1), editor).is_enabled

    def test_there_must_be_something_to_decide_and_a_note(self, editor: User) -> None:
        question = reported(1)

        with pytest.raises(BadReasonError):
            self.decide(Verdict.RESTORED, question, editor, note="  ")
        self.decide(Verdict.RESTORED, question, editor)
        with pytest.raises(NothingToDecideError):
            self.decide(Verdict.RESTORED, question, editor)

    def test_answers_from_before_count_no_more_for_what_misleads(self, editor: User) -> None:
        question = reported(1)
        QuestionFigures.objects.create(
            version=version_of(question),
            answered=40,
            chosen=[30, 10, 0, 0],
            seconds=[40],
            level_answered=40,
            level_chosen=[30, 10, 0, 0],
            counted_at=NOON,
        )

        self.decide(Verdict.RESTORED, question, editor)

        assert QuestionFigures.objects.get().level_chosen == [0, 0, 0, 0]
        assert QuestionFigures.objects.get().chosen == [30, 10, 0, 0]
        assert reports.withdraw_misleading(until=NOON + 400 * DAY) == 0

    def test_a_withdrawn_question_is_not_enabled_otherwise(self) -> None:
        assert not bank.enable(question_id=reported(3).pk)


@pytest.mark.django_db
class TestMisleading:
    def figures(self, chosen: list[int], **fields: Any) -> Question:
        """Return a question, whose second option is right, with these answers."""
        question = QuestionFactory.create()
        total = sum(chosen)
        QuestionFigures.objects.create(
            **{
                "version": version_of(question),
                "answered": total,
                "chosen": chosen,
                "seconds": [total],
                "level_answered": total,
                "level_chosen": chosen,
                "counted_at": NOON,
                **fields,
            }
        )
        return question

    def withdraw(self) -> int:
        return reports.withdraw_misleading(until=NOON + 400 * DAY)

    def test_it_is_withdrawn_from_thirty_answers_on(self) -> None:
        few = self.figures([20, 9, 0, 0])
        fine = self.figures([15, 15, 0, 0])
        misleading = self.figures([16, 14, 0, 0])

        assert self.withdraw() == 1
        assert self.withdraw() == 0

        few.refresh_from_db()
        fine.refresh_from_db()
        misleading.refresh_from_db()
        assert few.is_enabled
        assert fine.is_enabled
        assert (misleading.is_enabled, misleading.withdrawn_because) == (False, "DISTRACTOR")
        assert Alert.objects.get().summary == (
            f"{misleading.quiz_id} is not asked any more, because a wrong option is chosen more "
            "often than the right one."
        )

    def test_a_version_that_was_mended_does_not_count(self) -> None:
        question = self.figures([30, 0, 0, 0])
        question.question = "Ein anderer Text?"
        question.save()

        assert self.withdraw() == 0

    def test_only_players_of_its_level_count(self) -> None:
        self.figures([30, 0, 0, 0], level_chosen=[10, 20, 0, 0])

        assert self.withdraw() == 0


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def test_one_open_report_per_player_and_version(self) -> None:
        anna = newcomer()
        version = answered(anna)
        report(anna, version)

        with (
            pytest.raises(IntegrityError, match="questionreport_one_open_per_version"),
            transaction.atomic(),
        ):
            QuestionReport.objects.create(
                player=anna,
                question_id=version.question_row_id,
                version=version,
                reason="TYPO",
                reported_at=NOON,
            )

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"resolved_at": NOON}, "questionreport_resolved_wholly"),
            ({"verdict": "RESTORED"}, "questionreport_resolved_wholly"),
            ({"note": "Fine."}, "questionreport_resolved_wholly"),
        ],
    )
    def test_a_report_is_resolved_wholly(self, fields: dict[str, Any], constraint: str) -> None:
        reported(1)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            QuestionReport.objects.update(**fields)

    def test_a_report_has_a_reason_that_is_known(self) -> None:
        anna = newcomer()
        version = answered(anna)

        with (
            pytest.raises(IntegrityError, match="questionreport_reason_is_known"),
            transaction.atomic(),
        ):
            QuestionReport.objects.create(
                player=anna,
                question_id=version.question_row_id,
                version=version,
                reason="UGLY",
                reported_at=NOON,
            )

    def test_a_report_is_neither_changed_nor_deleted_nor_decided_twice(self, editor: User) -> None:
        question = reported(1)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            QuestionReport.objects.update(reason="TYPO")
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            QuestionReport.objects.all().delete()
        reports.decide(
            Verdict.RESTORED, question_id=question.pk, note="Fine.", staff=editor, now=NOON
        )
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            QuestionReport.objects.update(note="Other.")

    @pytest.mark.parametrize(
        "fields",
        [
            {"is_enabled": True},
            {"withdrawn_because": ""},
            {"withdrawn_because": "MOOD"},
            {"withdrawn_at": None},
        ],
    )
    def test_a_withdrawn_question_has_a_reason_and_is_not_asked(
        self, fields: dict[str, Any]
    ) -> None:
        reported(3)

        with (
            pytest.raises(IntegrityError, match="question_withdrawn_is_not_asked"),
            transaction.atomic(),
        ):
            Question.objects.update(**fields)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_third_reports_withdraw_once(self) -> None:
        anna, ben, cleo = newcomer(), newcomer(), newcomer()
        version = answered(anna)
        for player in (ben, cleo):
            answered(player)
        report(anna, version)

        results = run_together(partial(report, ben, version), partial(report, cleo, version))

        assert [type(one).__name__ for one in results] == ["QuestionReport", "QuestionReport"]
        assert not Question.objects.get().is_enabled
        assert AuditEntry.objects.filter(action="question.withdrawn").count() == 1

    def test_two_taps_at_once_are_one_report(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anna = newcomer()
        version = answered(anna)
        meet_after(monkeypatch, players, "lock")

        results = run_together(partial(report, anna, version), partial(report, anna, version))

        assert sorted(type(one).__name__ for one in results) == [
            "AlreadyReportedError",
            "QuestionReport",
        ]

    def test_without_the_players_lock_only_the_constraint_helps(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and the database refuses."""
        anna = newcomer()
        version = answered(anna)
        monkeypatch.setattr(players, "lock", lambda player: player)
        meet_after(monkeypatch, reports, "reportable")

        results = run_together(partial(report, anna, version), partial(report, anna, version))

        assert sorted(type(one).__name__ for one in results) == [
            "IntegrityError",
            "QuestionReport",
        ]

    def third_report_beside_a_mend(
        self, monkeypatch: pytest.MonkeyPatch, *, meet_at: str
    ) -> Question:
        """Let an editor mend the question while the third report of it is being made."""
        reported(2)
        anna = newcomer()
        version = answered(anna)
        monkeypatch.setattr(
            reports, "mend", lambda: Question.objects.update(question="Neu?"), raising=False
        )
        meet_after(monkeypatch, reports, meet_at, "mend")

        def mend() -> int:
            with transaction.atomic():
                return int(reports.mend())  # type: ignore[attr-defined]

        results = run_together(partial(report, anna, version), mend)

        assert [type(one).__name__ for one in results] == ["QuestionReport", "int"]
        question = Question.objects.get()
        assert (question.question, question.version) == ("Neu?", 2)
        return question

    def test_a_question_that_is_mended_before_the_third_report_stays_in_play(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.third_report_beside_a_mend(monkeypatch, meet_at="reportable").is_enabled

    def test_without_the_questions_lock_what_it_read_before_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and old reports withdraw it."""
        monkeypatch.setattr(reports, "_lock", lambda pk: Question.objects.get(pk=pk))

        assert not self.third_report_beside_a_mend(monkeypatch, meet_at="_lock").is_enabled
