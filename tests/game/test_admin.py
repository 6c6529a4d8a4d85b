"""The question bank at the desk: edit, look back, disable, import, export."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.test import Client
from openpyxl import load_workbook

from quizarena.game import imports
from quizarena.game.models import Question, QuestionImport
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import QuestionFactory, make_staff
from tests.owner import as_owner

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
IMPORTS = "/admin/game/questionimport/"
LIST = "/admin/game/question/"
FORM = {
    "question": "Welcher Artikel passt zu „Tisch“?",
    "option_1": "die",
    "option_2": "der",
    "option_3": "das",
    "option_4": "den",
    "kind": "choice",
    "correct_option_id": "1",
    "explanation": "„Tisch“ ist maskulin.",
    "level": "A1",
    "category": "ARTIKEL_SPRINT",
    "key": "artikel-tisch",
}
HEADER = (
    "quiz_id,question,option_1,option_2,option_3,option_4,"
    "correct_option_id,correct_answer,explanation,level,category,key"
)
CSV = (
    f"{HEADER}\n"
    "as-001,Welcher Artikel passt zu „Tisch“?,die,der,das,den,"
    "1,der,„Tisch“ ist maskulin.,A1,ARTIKEL_SPRINT,artikel-tisch\n"
    "as-002,Welcher Artikel passt zu „Lampe“?,die,der,das,den,"
    "0,die,„Lampe“ ist feminin.,A1,ARTIKEL_SPRINT,artikel-lampe\n"
)


@pytest.fixture
def editor(client: Client) -> Client:
    """Return a browser in which an editor is logged in."""
    client.force_login(make_staff("Editor"))
    return client


def page_of(question: Question) -> str:
    """Return the address of a question's page."""
    return f"{LIST}{question.pk}/change/"


class TestEditing:
    def test_an_edit_makes_a_version_and_names_its_author(self, editor: Client) -> None:
        question = QuestionFactory.create(explanation="Weil es so ist.")

        editor.post(page_of(question), {**FORM, "explanation": "„Tisch“ ist maskulin."})

        question.refresh_from_db()
        assert (question.explanation, question.version) == ("„Tisch“ ist maskulin.", 2)
        entry = AuditEntry.objects.get(action="question.changed")
        assert str(entry.actor) == "editor"
        assert entry.details == {
            "changed": {"explanation": ["Weil es so ist.", "„Tisch“ ist maskulin."]},
            "version": 2,
        }
        page = editor.get(page_of(question)).content.decode()
        assert re.search(r"Version 2</strong> · .* · editor", page)
        assert "<del>Weil es so ist.</del> → <ins>„Tisch“ ist maskulin.</ins>" in page

    def test_saving_without_a_change_makes_no_version(self, editor: Client) -> None:
        question = QuestionFactory.create()

        editor.post(page_of(question), FORM)

        question.refresh_from_db()
        assert question.version == 1

    def test_a_new_question_is_stored_and_recorded(self, editor: Client) -> None:
        editor.post(f"{LIST}add/", {**FORM, "quiz_id": "as-900"})

        question = Question.objects.get(quiz_id="as-900")
        assert question.is_enabled
        entry = AuditEntry.objects.get(action="question.added")
        assert (entry.object_id, entry.details) == (str(question.pk), {"version": 1})

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"option_3": "die "}, "option_1 and option_3 are both “die”: give different options."),
            ({"option_2": " "}, "option_2 is empty: give two to four options to choose from."),
            ({"correct_option_id": "4"}, "4 is not one of the available choices."),
            ({"explanation": "x" * 501}, "at most 500 characters"),
        ],
    )
    def test_what_cannot_be_asked_is_not_saved_and_says_why(
        self, editor: Client, change: dict[str, str], sentence: str
    ) -> None:
        question = QuestionFactory.create()

        answer = editor.post(page_of(question), {**FORM, "key": "other", **change})

        assert answer.status_code == 200
        assert sentence in answer.content.decode()
        question.refresh_from_db()
        assert question.key == "artikel-tisch"

    def test_a_typed_answer_is_written_with_what_is_right_as_well(self, editor: Client) -> None:
        question = QuestionFactory.create()
        typed = {"kind": "typed", "option_1": "der", "option_2": "", "option_3": "", "option_4": ""}
        typed |= {"correct_option_id": "0", "accepted": "der Tisch\r\n\r\n den "}

        editor.post(page_of(question), {**FORM, **typed})

        question.refresh_from_db()
        assert (question.kind, question.options, question.accepted) == (
            "typed",
            ["der"],
            ["der Tisch", "den"],
        )
        page = editor.get(page_of(question)).content.decode()
        assert "✅ der / der Tisch / den" in page

    def test_two_options_and_explanations_in_three_languages(self, editor: Client) -> None:
        two = {"option_3": "", "option_4": "", "explanation_en": "It is.", "explanation_uk": "Так."}

        editor.post(f"{LIST}add/", {**FORM, **two, "quiz_id": "as-900", "rule": "article-three"})

        question = Question.objects.get(quiz_id="as-900")
        assert question.options == ["die", "der"]
        assert (question.explanation_en, question.explanation_uk, question.rule) == (
            "It is.",
            "Так.",
            "article-three",
        )

    def test_the_key_of_a_stored_question_cannot_be_changed(self, editor: Client) -> None:
        question = QuestionFactory.create(quiz_id="as-001")

        editor.post(page_of(question), {**FORM, "quiz_id": "as-002"})

        question.refresh_from_db()
        assert question.quiz_id == "as-001"

    def test_the_page_shows_the_question_as_a_chat_does(self, editor: Client) -> None:
        question = QuestionFactory.create(option_2="<b>der</b>")

        page = editor.get(page_of(question)).content.decode()

        assert '<span class="chat-option chat-right">&lt;b&gt;der&lt;/b&gt;</span>' in page

    def test_who_may_only_look_changes_nothing(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))
        question = QuestionFactory.create(explanation="Weil es so ist.")

        answer = client.post(page_of(question), FORM)

        assert answer.status_code == 403
        assert client.get(page_of(question)).status_code == 200


class TestList:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"q": "as-0"}, {"as-001"}),
            ({"q": "LAMPE"}, {"wo-001"}),
            ({"category__exact": "WORD_ORDER"}, {"wo-001"}),
            ({"level__exact": "B1"}, {"wo-001"}),
            ({"is_enabled__exact": "0"}, {"as-001"}),
        ],
    )
    def test_questions_are_found(
        self, editor: Client, query: dict[str, str], expected: set[str]
    ) -> None:
        QuestionFactory.create(quiz_id="as-001", is_enabled=False)
        QuestionFactory.create(
            quiz_id="wo-001", question="Wo ist die Lampe?", category="WORD_ORDER", level="B1"
        )

        page = editor.get(LIST, query).content.decode()

        assert set(re.findall(r">((?:as|wo)-\d+)<", page)) == expected

    def test_disable_and_enable_are_reported_and_recorded(self, editor: Client) -> None:
        on = QuestionFactory.create(quiz_id="as-001")
        off = QuestionFactory.create(quiz_id="as-002", is_enabled=False)
        both = [on.pk, off.pk]

        page = editor.post(
            LIST, {"action": "disable", ACTION_CHECKBOX_NAME: both}, follow=True
        ).content.decode()

        on.refresh_from_db()
        assert not on.is_enabled
        assert on.version == 1
        assert "1 question disabled." in page
        assert "Not disabled, because disabled already: as-002:" in page
        editor.post(LIST, {"action": "enable", ACTION_CHECKBOX_NAME: both})
        assert Question.objects.filter(is_enabled=True).count() == 2
        assert AuditEntry.objects.filter(action="question.disabled").count() == 1
        assert AuditEntry.objects.filter(action="question.enabled").count() == 2

    def test_nobody_deletes_a_question_not_even_a_superuser(self, admin_client: Client) -> None:
        question = QuestionFactory.create()

        answer = admin_client.post(f"{LIST}{question.pk}/delete/", {"post": "yes"})
        admin_client.post(LIST, {"action": "delete_selected", ACTION_CHECKBOX_NAME: [question.pk]})

        assert answer.status_code == 403
        assert Question.objects.count() == 1


class TestImport:
    def upload(self, client: Client, content: str | bytes, *, name: str = "bank.csv") -> Any:
        """Upload a file for checking, and return the answer with the page it leads to."""
        raw = content.encode() if isinstance(content, str) else content
        return client.post(
            f"{IMPORTS}upload/", {"file": SimpleUploadedFile(name, raw)}, follow=True
        )

    def checked(self, client: Client, content: str | bytes) -> tuple[str, str]:
        """Upload a file and let the worker check it; return its address and page."""
        address = self.upload(client, content).redirect_chain[-1][0]
        assert imports.work(now=NOON) == 1
        return address, client.get(address).content.decode()

    def test_a_file_waits_for_a_worker(self, editor: Client) -> None:
        page = self.upload(editor, CSV).content.decode()

        assert "waiting for its check" in page
        assert 'hx-trigger="every 1s"' in page
        assert "Import</a>" not in page
        assert not Question.objects.exists()

    def test_the_page_says_how_far_the_worker_is(self, editor: Client) -> None:
        address = self.upload(editor, CSV).redirect_chain[-1][0]
        pk = QuestionImport.objects.get().pk
        cache.set(f"question-import:{pk}", (500, 2000))

        answer = editor.get(f"{IMPORTS}{pk}/progress/")

        assert "500 of 2000 rows" in answer.content.decode()
        assert "HX-Refresh" not in answer
        imports.work(now=NOON)
        assert editor.get(f"{IMPORTS}{pk}/progress/")["HX-Refresh"] == "true"
        assert "checked" in editor.get(address).content.decode()

    def test_a_preview_shows_what_would_happen_and_changes_nothing(self, editor: Client) -> None:
        QuestionFactory.create(quiz_id="as-001", explanation="Alt.")

        _, page = self.checked(editor, CSV)

        assert "This would be imported: <strong>1 new, 1 changed, 0 unchanged</strong>" in page
        assert "explanation: <del>Alt.</del> → <ins>„Tisch“ ist maskulin.</ins>" in page
        assert "Welcher Artikel passt zu „Lampe“?" in page
        assert Question.objects.get().explanation == "Alt."

    def test_a_confirmed_import_is_done_and_recorded(self, editor: Client) -> None:
        address, _ = self.checked(editor, CSV)
        confirm = address.replace("change/", "confirm/")

        assert "2 new, 0 changed, 0 unchanged." in editor.get(confirm).content.decode()
        page = editor.post(confirm, {"confirm": "1"}, follow=True).content.decode()
        assert "The file is being imported." in page
        assert not Question.objects.exists()
        assert imports.work(now=NOON) == 1

        page = editor.get(address).content.decode()
        assert "Imported: <strong>2 new, 0 changed, 0 unchanged</strong>" in page
        assert Question.objects.count() == 2
        entries = AuditEntry.objects.filter(action="question.imported")
        assert [str(entry.actor) for entry in entries] == ["editor", "editor"]
        assert entries[0].details == {"file": "bank.csv", "version": 1}
        again = editor.post(confirm, {"confirm": "1"}, follow=True).content.decode()
        assert "bank.csv is imported: there is nothing to decide about it." in again
        assert imports.work(now=NOON) == 0

    def test_errors_are_shown_with_their_lines_and_nothing_can_be_confirmed(
        self, editor: Client
    ) -> None:
        _, page = self.checked(editor, CSV.replace("A1,ARTIKEL_SPRINT,artikel-l", "C1,X,artikel-l"))

        assert "Line 3:</strong> level is “C1”: write one of A1, A2, B1, B2." in page
        assert "Line 3:</strong> category is “X”" in page
        assert "/confirm/" not in page
        assert QuestionImport.objects.get().content is None

    def test_a_file_that_cannot_be_read_says_why(self, editor: Client) -> None:
        _, page = self.checked(editor, b"PK\x03\x04 and more")

        assert "This is not an Excel workbook: save it as .xlsx, or choose CSV." in page

    def test_a_defect_of_ours_is_said_and_does_not_come_back(
        self, editor: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.upload(editor, CSV)
        with as_owner() as cursor:
            cursor.execute("ALTER TABLE game_question RENAME COLUMN key TO lost")

        assert imports.work(now=NOON) == 1

        assert imports.work(now=NOON) == 0
        assert QuestionImport.objects.get().report == {"refusal": imports.DEFECT}
        assert "question_import.defect" in caplog.text

    def test_a_file_that_is_too_large_is_not_kept(self, editor: Client) -> None:
        answer = self.upload(editor, b"a" * (5 * 1024 * 1024 + 1))

        assert "divide it into files of at most 5 MB" in answer.content.decode()
        assert not QuestionImport.objects.exists()

    def test_an_export_can_be_imported_again_and_changes_nothing(self, editor: Client) -> None:
        QuestionFactory.create_batch(3)
        QuestionFactory.create(option_1="-heit", option_2="01", option_3="3,50", option_4="wahr")
        for kind in ("0", "1"):
            exported = editor.post(f"{LIST}export/", {"format": kind, "resource": "0"})

            _, page = self.checked(editor, exported.content)

            assert "There is nothing to import: 0 new, 0 changed, 4 unchanged." in page

    def test_a_file_that_nobody_confirms_is_discarded_after_a_day(self, editor: Client) -> None:
        self.checked(editor, CSV)

        imports.work(now=NOON + timedelta(hours=24))
        assert QuestionImport.objects.get().state == "CHECKED"
        imports.work(now=NOON + timedelta(hours=24, seconds=1))

        discarded = QuestionImport.objects.get()
        assert (discarded.state, discarded.content) == ("DISCARDED", None)

    def test_a_file_can_be_discarded(self, editor: Client) -> None:
        address, _ = self.checked(editor, CSV)

        discard = address.replace("change/", "discard/")
        page = editor.post(discard, {"confirm": "1"}, follow=True).content.decode()

        assert "The file is deleted; nothing was imported." in page
        assert QuestionImport.objects.get().content is None

    @pytest.mark.parametrize("step", ["confirm", "discard"])
    def test_of_a_refused_file_nothing_is_asked(self, editor: Client, step: str) -> None:
        address, _ = self.checked(editor, b"PK\x03\x04 and more")

        for answer in (
            editor.get(address.replace("change/", f"{step}/"), follow=True),
            editor.post(address.replace("change/", f"{step}/"), {"confirm": "1"}, follow=True),
        ):
            assert answer.redirect_chain == [(address, 302)]
            assert "bank.csv is refused: there is nothing to decide about it." in (
                answer.content.decode()
            )

    def test_a_file_without_a_change_is_discarded_only(self, editor: Client) -> None:
        address, _ = self.checked(editor, CSV)
        editor.post(address.replace("change/", "confirm/"), {"confirm": "1"})
        imports.work(now=NOON)
        address, _ = self.checked(editor, CSV)

        answer = editor.get(address.replace("change/", "confirm/"), follow=True)

        assert "bank.csv is without a change" in answer.content.decode()
        assert editor.get(address.replace("change/", "discard/")).status_code == 200

    def test_who_may_not_write_questions_may_not_import_them(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))

        assert self.upload(client, CSV).status_code == 403
        assert client.get(IMPORTS).status_code == 403

    def test_the_database_refuses_to_keep_a_file_that_is_done(self, editor: Client) -> None:
        self.checked(editor, CSV)

        with pytest.raises(IntegrityError, match="keeps_file_while_needed"), transaction.atomic():
            QuestionImport.objects.update(content=None)
        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            QuestionImport.objects.update(state="IMPORTED", content=None)


class TestTwoWorkers:
    @pytest.mark.django_db(transaction=True)
    def test_two_workers_never_take_the_same_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        staff = make_staff("Editor")
        imports.upload(content=CSV.encode(), file_name="bank.csv", staff=staff, now=NOON)
        meet_after(monkeypatch, imports, "import_questions")

        counts = run_together(partial(imports.work, now=NOON), partial(imports.work, now=NOON))

        assert sorted(counts) == [0, 1]

    @pytest.mark.django_db(transaction=True)
    def test_without_the_lock_both_take_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        staff = make_staff("Editor")
        imports.upload(content=CSV.encode(), file_name="bank.csv", staff=staff, now=NOON)
        meet_after(monkeypatch, imports, "import_questions")
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)

        counts = run_together(partial(imports.work, now=NOON), partial(imports.work, now=NOON))

        assert counts == [1, 1]


class TestExport:
    def test_the_columns_are_those_of_the_import_and_the_export_is_recorded(
        self, editor: Client
    ) -> None:
        QuestionFactory.create(quiz_id="as-001")
        QuestionFactory.create(quiz_id="as-002", category="WORD_ORDER")

        answer = editor.post(
            f"{LIST}export/?category__exact=WORD_ORDER", {"format": "0", "resource": "0"}
        )

        lines = answer.content.decode("utf-8-sig").splitlines()
        assert lines[0] == (f"{HEADER},topic,kind,accepted,explanation_en,explanation_uk,rule")
        assert [line.split(",")[0] for line in lines[1:]] == ["as-002"]
        entry = AuditEntry.objects.get(action="question.exported")
        assert str(entry.actor) == "editor"
        assert entry.details == {"format": "csv", "filter": {"category__exact": "WORD_ORDER"}}

    def test_a_workbook_has_a_row_for_each_question(self, editor: Client) -> None:
        QuestionFactory.create_batch(2)

        answer = editor.post(f"{LIST}export/", {"format": "1", "resource": "0"})

        sheet = load_workbook(BytesIO(answer.content)).active
        assert sheet is not None
        assert sheet.max_row == 3
        assert (sheet["G2"].value, sheet["G2"].number_format) == ("1", "@")


class TestFamiliesAndTemplate:
    def test_the_list_is_filtered_by_family(self, editor: Client) -> None:
        QuestionFactory.create(quiz_id="article-tisch-asked")
        QuestionFactory.create(quiz_id="articles-001")

        page = editor.get(LIST, {"family": "article"}).content.decode()

        assert "article-tisch-asked" in page
        assert "articles-001" not in page

    @pytest.mark.parametrize("name", ["kind", "level", "category", "topic"])
    def test_the_list_is_filtered_by_what_a_question_has(self, editor: Client, name: str) -> None:
        question = QuestionFactory.create(topic="articles")
        QuestionFactory.create(
            kind="picture", topic="food", level="B1", category="CASES_PRACTICE", quiz_id="other"
        )

        # Django names the filter of a field without choices as the field.
        asked = name if name == "topic" else f"{name}__exact"
        page = editor.get(LIST, {asked: getattr(question, name)}).content.decode()

        assert question.quiz_id in page
        assert "/other" not in page
        assert ">other<" not in page

    def test_the_template_is_linked_and_can_be_uploaded_as_it_is(self, editor: Client) -> None:
        page = editor.get(f"{IMPORTS}upload/").content.decode()
        assert f"{IMPORTS}template/" in page

        answer = editor.get(f"{IMPORTS}template/")

        assert answer["Content-Disposition"] == 'attachment; filename="questions.xlsx"'
        sheet = load_workbook(BytesIO(answer.content)).active
        assert sheet is not None
        assert [cell.value for cell in sheet[1]][:3] == ["quiz_id", "question", "option_1"]
        assert sheet.max_row == 6

    def test_who_may_not_import_gets_no_template(self, client: Client) -> None:
        client.force_login(make_staff("Support"))

        assert client.get(f"{IMPORTS}template/").status_code == 403
