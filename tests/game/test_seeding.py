"""The questions that come with the product: once, corrected, retired; what people do stays."""

import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from quizarena.game import bank, rounds
from quizarena.game.models import Mode, Question, QuestionVersion, RoundQuestion
from quizarena.staff import audit
from quizarena.staff.models import AuditEntry
from tests.conftest import NOON
from tests.game.test_importing import LAMPE, TISCH, load, text
from tests.game.test_selection import make_player

pytestmark = pytest.mark.django_db

STUHL = {**TISCH, "quiz_id": "article-stuhl", "question": "Welcher Artikel passt zu „Stuhl“?"}
BETT = {**TISCH, "quiz_id": "article-bett", "question": "Welcher Artikel passt zu „Bett“?"}
BETT |= {"correct_option_id": "2", "correct_answer": "das"}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory in which the product has two questions by hand and two that are made."""
    monkeypatch.setattr(bank, "SHIPPED", tmp_path / "questions.csv")
    monkeypatch.setattr(bank, "GENERATED", tmp_path / "bank")
    (tmp_path / "bank").mkdir()
    (tmp_path / "questions.csv").write_text(text(TISCH, LAMPE), encoding="utf-8")
    (tmp_path / "bank" / "article.csv").write_text(text(STUHL, BETT), encoding="utf-8")
    return tmp_path


def seed() -> str:
    """Run the command; return what it says."""
    out = StringIO()
    call_command("seed", stdout=out)
    # What it says of rule cards is tried in tests/game/test_rule_cards.py.
    return out.getvalue().partition("Rule cards: ")[0]


def make(directory: Path, *rows: dict[str, str]) -> None:
    """Let the product have other questions."""
    (directory / "bank" / "article.csv").write_text(text(*rows), encoding="utf-8")


@pytest.mark.slow
def test_the_whole_bank_is_seeded_in_time_and_a_second_time_changes_nothing() -> None:
    # Of the processor: others run beside these tests.
    began = time.process_time()
    first = seed()
    took = time.process_time() - began
    questions = Question.objects.count()

    began = time.process_time()
    second = seed()
    took_again = time.process_time() - began

    assert questions >= 9_000
    assert first == (
        f"Questions: {questions} new, 0 changed, 0 unchanged, 0 retired, 0 returned.\n"
    )
    assert second == (
        f"Questions: 0 new, 0 changed, {questions} unchanged, 0 retired, 0 returned.\n"
    )
    # On a quiet machine 8 s and 1 s.
    assert took < 40
    assert took_again < 10
    assert set(Question.objects.values_list("category", flat=True)) == set(Mode.values)
    assert not Question.objects.filter(explanation_en="").exists()
    assert not Question.objects.filter(explanation_uk="").exists()


class TestTwice:
    def test_the_second_time_changes_nothing(self, shipped: Path) -> None:
        assert seed() == "Questions: 4 new, 0 changed, 0 unchanged, 0 retired, 0 returned.\n"
        assert seed() == "Questions: 0 new, 0 changed, 4 unchanged, 0 retired, 0 returned.\n"
        assert QuestionVersion.objects.count() == 4
        assert AuditEntry.objects.filter(object_type="game.question").count() == 4

    def test_what_the_product_corrects_is_corrected_and_the_rest_left(self, shipped: Path) -> None:
        seed()

        make(shipped, {**STUHL, "explanation_en": "It is masculine."}, BETT)

        assert seed() == "Questions: 0 new, 1 changed, 3 unchanged, 0 retired, 0 returned.\n"
        assert Question.objects.get(quiz_id="article-stuhl").version == 2
        assert Question.objects.get(quiz_id="article-bett").version == 1

    def test_what_people_have_written_stays(self, shipped: Path) -> None:
        seed()
        load({**STUHL, "explanation": "Von Hand."})

        make(shipped, {**STUHL, "explanation": "Besser."}, BETT)
        seed()

        assert Question.objects.get(quiz_id="article-stuhl").explanation == "Von Hand."

    def test_what_an_editor_has_disabled_stays_disabled(self, shipped: Path) -> None:
        seed()
        Question.objects.filter(quiz_id="article-stuhl").update(is_enabled=False)

        make(shipped, {**STUHL, "explanation": "Besser."}, BETT)
        seed()

        assert not Question.objects.get(quiz_id="article-stuhl").is_enabled


class TestRebuild:
    def test_what_the_product_no_longer_has_is_disabled_not_deleted(self, shipped: Path) -> None:
        seed()

        make(shipped, BETT)

        assert seed() == "Questions: 0 new, 0 changed, 3 unchanged, 1 retired, 0 returned.\n"
        assert not Question.objects.get(quiz_id="article-stuhl").is_enabled
        assert seed() == "Questions: 0 new, 0 changed, 3 unchanged, 0 retired, 0 returned.\n"
        entry = AuditEntry.objects.get(action="question.retired")
        assert entry.summary == (
            "article-stuhl: Welcher Artikel passt zu „Stuhl“?: retired, because the product no "
            "longer has it."
        )

    def test_what_a_player_was_asked_stays(self, shipped: Path) -> None:
        seed()
        player = make_player()
        started = rounds.start(player=player, mode=Mode.ARTIKEL_SPRINT, key="k", now=NOON)
        shown = started.round_question
        Question.objects.exclude(pk=shown.question_id).update(is_enabled=False)

        make(shipped, {**BETT, "quiz_id": "article-neu"})
        seed()

        stored = RoundQuestion.objects.select_related("version").get(pk=shown.pk)
        assert stored.version.question == shown.version.question
        answered = rounds.answer(
            player=player, round_question_id=shown.pk, option_index=0, now=NOON
        )
        assert answered.graded.is_correct is not None

    def test_it_returns_when_the_product_has_it_again(self, shipped: Path) -> None:
        seed()
        make(shipped, BETT)
        seed()

        make(shipped, STUHL, BETT)

        assert seed() == "Questions: 0 new, 0 changed, 4 unchanged, 0 retired, 1 returned.\n"
        assert Question.objects.get(quiz_id="article-stuhl").is_enabled

    def test_what_an_editor_has_disabled_does_not_return(self, shipped: Path) -> None:
        seed()
        make(shipped, BETT)
        seed()
        stuhl = Question.objects.get(quiz_id="article-stuhl")
        audit.record(actor=None, action="question.disabled", obj=stuhl, summary="Really.")

        make(shipped, STUHL, BETT)
        seed()

        assert not Question.objects.get(quiz_id="article-stuhl").is_enabled

    def test_what_an_editor_enables_again_stays_enabled(self, shipped: Path) -> None:
        seed()
        make(shipped, BETT)
        seed()
        stuhl = Question.objects.get(quiz_id="article-stuhl")
        bank.enable(question_id=stuhl.pk)
        audit.record(actor=None, action="question.enabled", obj=stuhl, summary="We want it.")

        assert seed() == "Questions: 0 new, 0 changed, 3 unchanged, 0 retired, 0 returned.\n"
        stuhl.refresh_from_db()
        assert stuhl.is_enabled

    def test_what_people_have_brought_is_never_retired(self, shipped: Path) -> None:
        seed()
        load({**TISCH, "quiz_id": "own-001"}, {**STUHL, "explanation": "Von Hand."})

        make(shipped, BETT)
        seed()

        assert Question.objects.get(quiz_id="own-001").is_enabled
        assert Question.objects.get(quiz_id="article-stuhl").is_enabled


class TestFaults:
    def test_an_incomplete_installation_retires_nothing(self, shipped: Path) -> None:
        seed()
        (shipped / "bank" / "article.csv").unlink()

        with pytest.raises(CommandError, match="has no questions: the installation is incomplete"):
            seed()

        assert Question.objects.filter(is_enabled=True).count() == 4

    def test_a_faulty_file_is_named_with_its_line_and_nothing_is_changed(
        self, shipped: Path
    ) -> None:
        make(shipped, STUHL, {**BETT, "level": "C1"})

        with pytest.raises(CommandError) as caught:
            seed()

        assert str(caught.value) == (
            "article.csv, line 3: level is “C1”: write one of A1, A2, B1, B2."
        )
        assert not Question.objects.exists()

    def test_a_question_in_two_files_is_refused(self, shipped: Path) -> None:
        make(shipped, TISCH)

        with pytest.raises(CommandError, match=r"as-001 is in questions\.csv and in article\.csv"):
            seed()


def test_all_versions_are_the_first_of_a_fresh_bank(shipped: Path) -> None:
    seed()

    assert QuestionVersion.objects.filter(number=F("question_row__version")).count() == 4
