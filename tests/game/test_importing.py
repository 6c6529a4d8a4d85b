"""Questions from a file: what goes in, and what is said of what does not."""

import csv
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from openpyxl import Workbook

from quizarena import tables
from quizarena.game.importing import COLUMNS, Report, import_questions, template
from quizarena.game.models import Question, QuestionVersion
from quizarena.staff.models import AuditEntry
from quizarena.tables import UnreadableFileError

pytestmark = pytest.mark.django_db

TISCH = {
    "quiz_id": "as-001",
    "question": "Welcher Artikel passt zu „Tisch“?",
    "option_1": "die",
    "option_2": "der",
    "option_3": "das",
    "option_4": "den",
    "correct_option_id": "1",
    "correct_answer": "der",
    "explanation": "„Tisch“ ist maskulin.",
    "level": "A1",
    "category": "ARTIKEL_SPRINT",
    "key": "artikel-tisch",
    "topic": "",
    "kind": "",
    "accepted": "",
    "explanation_en": "",
    "explanation_uk": "",
    "rule": "",
}
OLD_COLUMNS = COLUMNS[:12]
LAMPE = {
    **TISCH,
    "quiz_id": "as-002",
    "question": "Welcher Artikel passt zu „Lampe“?",
    "correct_option_id": "0",
    "correct_answer": "die",
    "explanation": "„Lampe“ ist feminin.",
    "key": "artikel-lampe",
}


def text(*rows: dict[str, str], delimiter: str = ",") -> str:
    """Return the rows as CSV under a header."""
    out = StringIO()
    writer = csv.DictWriter(out, COLUMNS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def load(*rows: dict[str, str], **options: Any) -> Report:
    """Import the rows as CSV."""
    return import_questions(text(*rows).encode(), file_name="bank.csv", **options)


def workbook(*rows: list[Any]) -> bytes:
    """Return an Excel workbook with the rows under a header."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [list(COLUMNS), *rows]:
        sheet.append(row)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


class TestWhatGoesIn:
    def test_a_new_question_is_stored_as_it_stands_in_the_file(self) -> None:
        report = load(TISCH)

        assert report == Report(new=1, changed=0, unchanged=0, errors=[])
        question = Question.objects.get()
        assert question.quiz_id == "as-001"
        assert question.options == ["die", "der", "das", "den"]
        assert question.correct_answer == "der"
        assert question.explanation == "„Tisch“ ist maskulin."
        assert (question.level, question.category, question.key) == (
            "A1",
            "ARTIKEL_SPRINT",
            "artikel-tisch",
        )
        assert question.is_enabled
        assert question.versions.count() == 1

    def test_a_second_time_changes_nothing_and_makes_no_version(self) -> None:
        load(TISCH, LAMPE)

        report = load(TISCH, LAMPE)

        assert report == Report(new=0, changed=0, unchanged=2, errors=[])
        assert QuestionVersion.objects.count() == 2
        assert AuditEntry.objects.count() == 2

    def test_a_changed_question_gets_a_version_and_the_others_do_not(self) -> None:
        load(TISCH, LAMPE)

        report = load({**TISCH, "explanation": "Der Tisch ist maskulin."}, LAMPE)

        assert report == Report(new=0, changed=1, unchanged=1, errors=[])
        changed = Question.objects.get(quiz_id="as-001")
        assert changed.version == 2
        assert list(changed.versions.order_by("number").values_list("explanation", flat=True)) == [
            "„Tisch“ ist maskulin.",
            "Der Tisch ist maskulin.",
        ]
        assert Question.objects.get(quiz_id="as-002").version == 1

    def test_another_level_is_a_change_but_no_version(self) -> None:
        load(TISCH)

        report = load({**TISCH, "level": "A2"})

        assert report.changed == 1
        question = Question.objects.get()
        assert (question.level, question.version) == ("A2", 1)

    def test_a_disabled_question_stays_disabled(self) -> None:
        load(TISCH)
        Question.objects.update(is_enabled=False)

        load({**TISCH, "explanation": "Der Tisch ist maskulin."})

        assert not Question.objects.get().is_enabled

    def test_a_dry_run_says_the_same_and_changes_nothing(self) -> None:
        load(TISCH)

        report = load({**TISCH, "key": "tisch"}, LAMPE, dry_run=True)

        assert report == Report(new=1, changed=1, unchanged=0, errors=[])
        assert Question.objects.get().key == "artikel-tisch"
        assert AuditEntry.objects.count() == 1

    def test_with_one_error_nothing_is_imported(self) -> None:
        report = load(TISCH, {**LAMPE, "level": "C2"})

        assert [line for line, _ in report.errors] == [3]
        assert not Question.objects.exists()
        assert not AuditEntry.objects.exists()

    def test_each_added_or_changed_question_is_in_the_audit_log(self) -> None:
        load(TISCH)
        load({**TISCH, "explanation": "Der Tisch ist maskulin."})

        assert list(AuditEntry.objects.order_by("pk").values_list("action", "details")) == [
            ("question.imported", {"file": "bank.csv", "version": 1}),
            ("question.imported", {"file": "bank.csv", "version": 2}),
        ]

    def test_more_questions_than_fit_into_one_statement(self) -> None:
        rows = [{**TISCH, "quiz_id": f"q-{number:05}"} for number in range(2_500)]

        first = load(*rows)
        second = load(*rows)

        assert first.new == 2_500
        assert second.unchanged == 2_500
        assert QuestionVersion.objects.count() == 2_500

    def test_the_caller_is_called_for_every_row(self) -> None:
        progress: list[tuple[int, int]] = []

        load(TISCH, LAMPE, on_row=lambda row, rows: progress.append((row, rows)))

        assert progress == [(1, 2), (2, 2)]


class TestFiles:
    @pytest.mark.parametrize(
        "raw",
        [
            text(TISCH).encode("utf-8-sig"),
            text(TISCH, delimiter=";").encode(),
            text(TISCH, delimiter="\t").encode(),
            text(TISCH).replace("\r\n", "\n").encode(),
            f"{text(TISCH)}\r\n,,,,,,,,,,,\r\n".encode(),
            text({**TISCH, "option_2": "  der "}).encode(),
        ],
        ids=["byte order mark", "semicolons", "tabs", "newlines", "empty lines", "spaces"],
    )
    def test_what_spreadsheets_make_of_csv_reads_the_same(self, raw: bytes) -> None:
        load(TISCH)

        report = import_questions(raw, file_name="bank.csv")

        assert report == Report(new=0, changed=0, unchanged=1, errors=[])

    def test_columns_may_stand_in_any_order(self) -> None:
        load(TISCH)
        names = list(reversed(COLUMNS))
        raw = "\n".join([",".join(names), ",".join(TISCH[name] for name in names)])

        assert import_questions(raw.encode(), file_name="bank.csv").unchanged == 1

    def test_letters_written_in_two_ways_are_the_same(self) -> None:
        load({**TISCH, "explanation": "Übung"})

        report = load({**TISCH, "explanation": "U\u0308bung"})

        assert report.unchanged == 1

    def test_a_workbook_reads_the_same_as_csv(self) -> None:
        load(TISCH)
        cells: list[Any] = [TISCH[name] for name in COLUMNS]
        cells[6] = 1.0

        report = import_questions(workbook(cells, [None] * len(COLUMNS)), file_name="Bank.XLSX")

        assert report == Report(new=0, changed=0, unchanged=1, errors=[])

    @pytest.mark.parametrize(
        ("raw", "sentence"),
        [
            (b"", "The file is empty: its first line has to name the columns quiz_id, question"),
            (
                text().encode(),
                "The file has no questions: put one on each line.",
            ),
            (
                text(LAMPE, {**TISCH, "key": "стіл"}).encode("cp1251", "ignore"),
                "Line 3 has letters in an unknown encoding: save the file as “CSV UTF-8”.",
            ),
            (
                text(TISCH).replace("level,", "niveau,").encode(),
                "The first line does not name level: add what is missing",
            ),
            (
                text(TISCH).replace("rule\r", "rule,remark\r").encode(),
                "The file has unknown columns: remark. Remove them.",
            ),
            (
                text(TISCH).replace("rule\r", "rule,level\r").encode(),
                "The first line names level more than once: keep one of them.",
            ),
            (
                text(TISCH).replace("artikel-tisch,,,,,,", "artikel-tisch,,,,,,,und mehr").encode(),
                "Line 2 has 19 cells, but there are 18 columns: put text with separators between",
            ),
            (
                text(LAMPE, TISCH).replace("as-001", '"as-001').encode(),
                "Line 3 is not CSV (unexpected end of data): put text with quotes",
            ),
        ],
        ids=[
            "empty",
            "header only",
            "Cyrillic Windows",
            "missing column",
            "unknown column",
            "column named twice",
            "too many cells",
            "open quote",
        ],
    )
    def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(
        self, raw: bytes, sentence: str
    ) -> None:
        with pytest.raises(UnreadableFileError) as caught:
            import_questions(raw, file_name="bank.csv")

        assert str(caught.value).startswith(sentence)

    def test_what_only_calls_itself_a_workbook_is_refused(self) -> None:
        with pytest.raises(UnreadableFileError, match="not an Excel workbook: save it as"):
            import_questions(b"PK\x03\x04" + text(TISCH).encode(), file_name="bank.xlsx")

    def test_a_cell_that_cannot_be_taken_is_an_error_with_its_line(self) -> None:
        cells: list[Any] = [TISCH[name] for name in COLUMNS]
        cells[2] = True

        report = import_questions(workbook(cells), file_name="bank.xlsx")

        assert report.errors == [
            (
                2,
                (
                    "C2 is a truth value: format the cell as text and type the word as players "
                    "read it."
                ),
            )
        ]
        assert not Question.objects.exists()


class TestTopic:
    """The column may be missing; then a question keeps what it has."""

    def test_it_is_stored(self) -> None:
        load({**TISCH, "topic": " nouns in  -e "})

        assert Question.objects.get().topic == "nouns in  -e"

    def test_a_file_without_it_is_understood(self) -> None:
        without = {name: value for name, value in TISCH.items() if name != "topic"}
        raw = f"{','.join(without)}\n{','.join(without.values())}\n".encode()

        report = import_questions(raw, file_name="bank.csv")

        assert (report.new, report.errors) == (1, [])
        assert Question.objects.get().topic == ""

    def test_a_file_without_it_leaves_it(self) -> None:
        load({**TISCH, "topic": "nouns"})
        without = {name: value for name, value in TISCH.items() if name != "topic"}
        without["level"] = "A2"
        raw = f"{','.join(without)}\n{','.join(without.values())}\n".encode()

        report = import_questions(raw, file_name="bank.csv")

        assert report.changed == 1
        assert (Question.objects.get().topic, Question.objects.get().level) == ("nouns", "A2")

    def test_an_empty_cell_takes_it_away_and_makes_no_version(self) -> None:
        load({**TISCH, "topic": "nouns"})

        report = load(TISCH)

        assert report.changed == 1
        assert (Question.objects.get().topic, Question.objects.get().version) == ("", 1)

    @pytest.mark.parametrize(("length", "errors"), [(64, 0), (65, 1)])
    def test_its_length(self, length: int, errors: int) -> None:
        assert len(load({**TISCH, "topic": "x" * length}).errors) == errors


class TestKinds:
    """How many options there are, and what else is right."""

    TYPED: ClassVar = {
        **TISCH,
        "quiz_id": "ty-001",
        "kind": "typed",
        "option_1": "gegangen",
        "option_2": "",
        "option_3": "",
        "option_4": "",
        "correct_option_id": "0",
        "correct_answer": "gegangen",
        "accepted": "ist gegangen | sein gegangen",
    }
    ORDER: ClassVar = {
        **TYPED,
        "quiz_id": "or-001",
        "kind": "order",
        "option_1": "Heute spiele ich Tennis.",
        "correct_answer": "Heute spiele ich Tennis.",
        "accepted": "Ich spiele heute Tennis.",
    }

    @pytest.mark.parametrize(
        ("empty", "options"),
        [
            (("option_4",), ["die", "der", "das"]),
            (("option_3", "option_4"), ["die", "der"]),
        ],
    )
    def test_a_choice_may_have_two_or_three_options(
        self, empty: tuple[str, ...], options: list[str]
    ) -> None:
        report = load({**TISCH, **dict.fromkeys(empty, "")})

        assert report.errors == []
        assert (Question.objects.get().options, Question.objects.get().kind) == (options, "choice")

    def test_a_typed_answer_has_what_is_right_as_well(self) -> None:
        assert load(self.TYPED, self.ORDER).errors == []

        typed = Question.objects.get(quiz_id="ty-001")
        assert (typed.kind, typed.options, typed.accepted) == (
            "typed",
            ["gegangen"],
            ["ist gegangen", "sein gegangen"],
        )
        assert Question.objects.get(quiz_id="or-001").accepted == ["Ich spiele heute Tennis."]
        assert load(self.TYPED, self.ORDER).unchanged == 2

    def test_the_explanations_and_the_rule_are_stored(self) -> None:
        load(
            {
                **TISCH,
                "explanation_en": "It is masculine.",
                "explanation_uk": "Чоловічий рід.",
                "rule": "article-three",
            }
        )

        question = Question.objects.get()
        assert (question.explanation_en, question.explanation_uk, question.rule) == (
            "It is masculine.",
            "Чоловічий рід.",
            "article-three",
        )

    def test_a_file_without_the_new_columns_leaves_them(self) -> None:
        load({**self.TYPED, "explanation_en": "It is irregular."})
        row = {name: self.TYPED[name] for name in OLD_COLUMNS} | {"level": "A2"}
        raw = f"{','.join(row)}\n{','.join(row.values())}\n".encode()

        report = import_questions(raw, file_name="bank.csv")

        assert (report.changed, report.errors) == (1, [])
        question = Question.objects.get()
        assert (question.level, question.kind, question.accepted, question.explanation_en) == (
            "A2",
            "typed",
            ["ist gegangen", "sein gegangen"],
            "It is irregular.",
        )

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            (
                {**TISCH, "kind": "spoken"},
                "kind is “spoken”: write one of choice, typed, order, picture, mistake.",
            ),
            (
                {**TISCH, "option_3": ""},
                "option_4 is filled in, but option_3 is empty: leave no gap between the options.",
            ),
            (
                {
                    **TISCH,
                    "option_2": "",
                    "option_3": "",
                    "option_4": "",
                    "correct_option_id": "0",
                    "correct_answer": "die",
                },
                "option_2 is empty: give two to four options to choose from.",
            ),
            (
                {**TISCH, "option_4": "", "correct_option_id": "3", "correct_answer": "den"},
                "correct_option_id is 3, but option_4 is empty: point to the right option.",
            ),
            (
                {**TISCH, "accepted": "das"},
                "accepted is for typed answers and word orders only: empty it.",
            ),
            (
                {**TYPED, "option_2": "gehen"},
                (
                    "option_2 is filled in, but typed has no options to choose from: empty it, and "
                    "write what is right as well into accepted."
                ),
            ),
            (
                {**TYPED, "accepted": "gegangen"},
                "“gegangen” is right already: remove it from accepted.",
            ),
            (
                {**TYPED, "accepted": "a||b"},
                "accepted has an empty answer: remove it.",
            ),
            (
                {**TYPED, "accepted": "x" * 201},
                "accepted has an answer of 201 characters: shorten it to 200.",
            ),
            (
                {**ORDER, "accepted": "Ich spiele Tennis."},
                (
                    "“Ich spiele Tennis.” does not have the words of option_1, “Heute spiele ich "
                    "Tennis.”: use each once."
                ),
            ),
            (
                {**ORDER, "option_1": "Heute!", "correct_answer": "Heute!", "accepted": ""},
                "option_1 has one word, which has no order: write a sentence.",
            ),
            (
                {**TISCH, "rule": "Two way"},
                "rule is “Two way”: write the id of a rule card, such as two-way.",
            ),
            (
                {**TISCH, "explanation_en": "x" * 501},
                "explanation_en has 501 characters: shorten it to 500.",
            ),
        ],
    )
    def test_what_does_not_fit_is_said_with_its_line_and_field(
        self, row: dict[str, str], sentence: str
    ) -> None:
        report = load(LAMPE, row)

        assert report.errors == [(3, sentence)]
        assert not Question.objects.exists()

    def test_the_template_can_be_imported_and_has_every_kind(self) -> None:
        report = import_questions(tables.workbook(COLUMNS, template()), file_name="questions.xlsx")

        assert report == Report(new=5, changed=0, unchanged=0, errors=[])
        assert sorted(Question.objects.values_list("kind", flat=True)) == [
            "choice",
            "mistake",
            "order",
            "picture",
            "typed",
        ]

    def test_the_preview_names_kind_right_option_and_what_is_right_as_well(self) -> None:
        (shown,) = load(self.TYPED, dry_run=True).preview

        assert (shown["kind"], shown["options"], shown["correct_option_id"], shown["accepted"]) == (
            "Typed answer",
            ["gegangen"],
            0,
            ["ist gegangen", "sein gegangen"],
        )
        assert (shown["code"], shown["answer"]) == ("typed", "gegangen")

    def test_the_preview_is_as_a_player_sees_each_kind(self) -> None:
        report = import_questions(
            tables.workbook(COLUMNS, template()), file_name="questions.xlsx", dry_run=True
        )

        page = render_to_string(
            "game/import_report.html",
            {"report": {"preview": report.preview}, "is_checked": True, "counts": ""},
        )
        shown = [" ".join(strip_tags(part).split()) for part in page.split("example-")[1:]]

        assert [one.split(" ")[0] for one in shown] == [
            *("choice", "typed", "order", "picture", "mistake"),
        ]
        choice, typed, order, picture, mistake = shown
        assert "Ich sehe ___ Tisch. ✅ einen ein einem „Tisch“ ist" in choice
        assert "✍️ Write your answer as a message. ✅ gegangen Also right: ist gegangen" in typed
        assert "Bilde einen Satz. heute ich spiele Tennis ✅ Heute spiele ich Tennis." in order
        assert "🍎 ✅ der Apfel die Birne" in picture
        assert "Was ist falsch? Heute ich spiele Tennis. ✅ ich spiele Heute Tennis" in mistake


class TestErrors:
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"explanation": ""}, "explanation is empty: fill it in."),
            ({"question": "x" * 501}, "question has 501 characters: shorten it to 500."),
            (
                {"option_4": "x" * 101},
                "option_4 has 101 characters: shorten it to 100.",
            ),
            (
                {"key": "a\0b"},
                "key contains a NUL character, which is invisible: type it again.",
            ),
            (
                {"correct_option_id": "4"},
                "correct_option_id is “4”: write one of 0, 1, 2, 3.",
            ),
            ({"level": "C1"}, "level is “C1”: write one of A1, A2, B1, B2."),
            (
                {"category": "ARTIKEL"},
                (
                    "category is “ARTIKEL”: write one of QUICK_MIX_A1A2, ARTIKEL_SPRINT, "
                    "DAILY_CHALLENGE, CASES_PRACTICE, TRENNBARE_VERBEN, WORD_ORDER."
                ),
            ),
            (
                {"option_4": "die"},
                "option_1 and option_4 are both “die”: give different options.",
            ),
            (
                {"correct_answer": "das"},
                (
                    "correct_answer is “das”, but correct_option_id 1 points to option_2, “der”: "
                    "correct one of them."
                ),
            ),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_a_row_with_an_error_is_reported_with_its_line(
        self, change: dict[str, str], sentence: str
    ) -> None:
        report = load(LAMPE, {**TISCH, **change})

        assert report.errors == [(3, sentence)]

    def test_a_quiz_id_that_stands_there_twice_names_both_lines(self) -> None:
        report = load(TISCH, LAMPE, {**TISCH, "key": "tisch"})

        ((line, sentence),) = report.errors
        assert line == 4
        assert sentence.startswith("quiz_id “as-001” is used on line 2 already: give each question")

    def test_all_errors_are_reported_at_once(self) -> None:
        report = load({**TISCH, "level": "", "key": ""}, {**LAMPE, "category": "X"})

        assert [(line, sentence.split(":")[0]) for line, sentence in report.errors] == [
            (2, "level is empty"),
            (2, "key is empty"),
            (3, "category is “X”"),
        ]

    def test_lines_are_those_of_the_file_even_after_text_of_several_lines(self) -> None:
        report = load({**TISCH, "explanation": "Der Tisch\nist\nmaskulin."}, {**LAMPE, "level": ""})

        assert report.errors == [(5, "level is empty: fill it in.")]

    def test_lines_of_a_workbook_are_its_rows(self) -> None:
        raw = workbook(
            [TISCH[name] for name in COLUMNS],
            [None] * len(COLUMNS),
            [{**LAMPE, "level": ""}[name] for name in COLUMNS],
        )

        report = import_questions(raw, file_name="bank.xlsx")

        assert report.errors == [(4, "level is empty: fill it in.")]


class TestCommand:
    def run(self, path: Path, *options: str) -> tuple[str, str]:
        """Run the command; return what it wrote to its two outputs."""
        out, err = StringIO(), StringIO()
        call_command("import_questions", str(path), *options, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def test_it_imports_and_reports(self, tmp_path: Path) -> None:
        path = tmp_path / "bank.csv"
        path.write_text(text(TISCH, LAMPE), encoding="utf-8")

        out, _ = self.run(path)

        assert out == "2 new, 0 changed, 0 unchanged.\n"
        assert Question.objects.count() == 2

    def test_a_dry_run_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "bank.csv"
        path.write_text(text(TISCH), encoding="utf-8")

        out, _ = self.run(path, "--dry-run")

        assert out == "Dry run, nothing was imported: 1 new, 0 changed, 0 unchanged.\n"
        assert not Question.objects.exists()

    def test_errors_are_listed_with_their_lines_and_the_exit_code_is_1(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "bank.csv"
        path.write_text(text(TISCH, {**LAMPE, "level": "C1"}), encoding="utf-8")
        err = StringIO()

        with pytest.raises(CommandError, match="1 error: nothing was imported") as caught:
            call_command("import_questions", str(path), stderr=err)

        assert caught.value.returncode == 1
        assert err.getvalue() == "line 3: level is “C1”: write one of A1, A2, B1, B2.\n"
        assert not Question.objects.exists()

    def test_a_file_that_is_not_there_is_said_in_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="cannot be read: No such file or directory"):
            self.run(tmp_path / "nowhere.csv")

    def test_a_file_that_is_none_is_said_in_a_sentence(self, tmp_path: Path) -> None:
        path = tmp_path / "bank.csv"
        path.write_bytes(b"\xff\xfe\x00")

        with pytest.raises(CommandError, match=r"bank\.csv: The file begins like UTF-16 text"):
            self.run(path)
