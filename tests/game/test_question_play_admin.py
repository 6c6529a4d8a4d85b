"""How a question plays, at the desk: its figures, its reports, and an editor's decision."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from quizarena.game import question_counts
from quizarena.game.models import Question, QuestionReport
from tests.factories import QuestionFactory, make_staff
from tests.game.carded import make_card
from tests.game.played import DAY, NOON, answer_round, newcomer
from tests.game.test_reports import reported
from tests.game.test_written_answers import (
    ORDERS,
    begin,
    make_order,
    make_typed,
    put_together,
    write,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/game/question/"
REPORTS = "/admin/game/questionreport/"


@pytest.fixture
def editor(client: Client) -> Client:
    """Return a browser in which an editor is logged in."""
    client.force_login(make_staff("Editor"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


def page_of(client: Client, question: Question) -> str:
    return text(client.get(f"{LIST}{question.pk}/change/").content)


def count() -> None:
    """Count what was answered on the day of NOON."""
    question_counts.count(now=NOON + DAY, until=NOON + 1_000 * DAY)


class TestFigures:
    def test_the_page_shows_how_it_plays(self, editor: Client) -> None:
        answer_round(newcomer(), *[True] * 30, *[False] * 10, took=timedelta(seconds=7))
        count()

        page = page_of(editor, Question.objects.get())

        assert "Version 1, as it reads now · shown 40 · answered 40 · median 7 s" in page
        assert "Right: 30 (75.0%)" in page
        assert (
            "Of players at A1: 30 of 40 right, 75% (95% interval 60% to 86%): as its level"
        ) in page
        assert "❌ die 10 (25.0%) ✅ der 30 (75.0%) ❌ das 0 (0.0%) ❌ den 0 (0.0%)" in page
        assert (
            "Answers in rounds up to 16 Dec 2026, counted at 17 Dec 2026, 12:00 (Europe/Berlin)."
        ) in page

    @pytest.mark.parametrize("kind", ["typed", "order"])
    def test_what_is_written_has_no_options(self, editor: Client, kind: str) -> None:
        anna = newcomer()
        if kind == "order":
            question = make_order()
            put_together(anna, begin(anna), ORDERS[0])
        else:
            question = make_typed()
            begin(anna)
            write(anna, "übersetzt")
        count()

        page = page_of(editor, question)

        assert "answered 1" in page
        assert "Right: 1 (100.0%)" in page
        assert "0 (0.0%)" not in page

    @pytest.mark.parametrize(
        ("right", "said"), [(4, "A1 harder"), (20, "A1 fits"), (40, "A1 easier")]
    )
    def test_the_list_says_beside_the_level_how_hard_it_is(
        self, editor: Client, right: int, said: str
    ) -> None:
        answer_round(newcomer(), *[True] * right, *[False] * (40 - right))
        count()

        assert said in text(editor.get(LIST).content)

    def test_nothing_was_counted(self, editor: Client) -> None:
        page = page_of(editor, QuestionFactory.create())

        assert "No answers have been counted yet. Nothing has been counted yet." in page
        assert "Nobody has reported it." in page

    def test_the_page_says_what_it_was_made_from(self, editor: Client) -> None:
        card = make_card()
        question = QuestionFactory.create(key="Tisch / articles / old", rule="articles")

        html = editor.get(f"{LIST}{question.pk}/change/").content.decode()

        assert f'href="/admin/game/rulecard/{card.pk}/change/"' in html
        assert "Tisch / articles / old · Three articles" in text(html.encode())

    def test_who_may_not_open_rule_cards_is_not_led_to_one(self, client: Client) -> None:
        make_card()
        question = QuestionFactory.create(key="Tisch / articles / old", rule="articles")
        client.force_login(make_staff("Operator"))

        html = client.get(f"{LIST}{question.pk}/change/").content

        assert b"/admin/game/rulecard/" not in html
        assert "Made from Tisch / articles / old · Three articles" in text(html)

    def test_the_list_shows_the_share_and_finds_trouble(self, editor: Client) -> None:
        answer_round(newcomer(), *[True] * 11, *[False] * 19)
        hard = Question.objects.get()
        count()
        Question.objects.update(category="WORD_ORDER")
        withdrawn = reported_new(3)
        Question.objects.exclude(category="WORD_ORDER").update(category="WORD_ORDER")
        once = reported_new(1)
        fine = QuestionFactory.create()

        def found(trouble: str) -> set[str]:
            page = text(editor.get(LIST, {"trouble": trouble}).content)
            every = (hard, withdrawn, once, fine)
            return {one.quiz_id for one in every if one.quiz_id in page}

        listed = text(editor.get(LIST).content)
        assert "11 (36.7%)" in listed
        # The one of thirty answers, of which 36.7% are right: 22% to 54% in 95 of 100 cases.
        assert listed.count("A1 fits") == 1
        assert found("hard") == {hard.quiz_id}
        assert found("withdrawn") == {withdrawn.quiz_id}
        assert found("reported") == {withdrawn.quiz_id, once.quiz_id}
        assert found("") == {hard.quiz_id, withdrawn.quiz_id, once.quiz_id, fine.quiz_id}


def reported_new(times: int) -> Question:
    """Return a new question that so many players have reported."""
    question = QuestionFactory.create()
    for _ in range(times):
        anna = newcomer()
        answer_round(anna, True)
        QuestionReport.objects.create(
            player=anna,
            question=question,
            version=question.versions.get(),
            reason="TYPO",
            reported_at=NOON,
        )
    if times == 3:
        Question.objects.filter(pk=question.pk).update(
            is_enabled=False, withdrawn_at=NOON, withdrawn_because="REPORTS"
        )
    return question


class TestDecision:
    def test_a_withdrawn_question_is_restored(self, editor: Client) -> None:
        question = reported(3)
        page = page_of(editor, question)
        assert "Restore Keep out" in page
        assert "because players have reported it." in page
        assert (
            page.count("Wrong answer or explanation") + page.count("wrong answer or explanation")
            == 3
        )

        shown = editor.post(f"{LIST}{question.pk}/restore/decide/", {"reason": "Mended."})
        assert "State withdrawn enabled Open reports 3 0" in text(shown.content)
        editor.post(f"{LIST}{question.pk}/restore/decide/", {"reason": "Mended.", "confirm": "1"})

        page = page_of(editor, question)
        assert "restored just now by editor: Mended." in page or "by editor: Mended." in page
        assert "Keep out" not in page
        question.refresh_from_db()
        assert question.is_enabled

    def test_a_reported_question_is_taken_out(self, editor: Client) -> None:
        question = reported(1)
        assert "Keep in play Take out" in page_of(editor, question)

        editor.post(f"{LIST}{question.pk}/keep-out/decide/", {"reason": "No.", "confirm": "1"})

        question.refresh_from_db()
        assert not question.is_enabled
        assert "Enable" in page_of(editor, question)

    def test_what_was_decided_meanwhile_is_refused(self, editor: Client) -> None:
        question = reported(1)
        address = f"{LIST}{question.pk}/restore/decide/"
        editor.post(address, {"reason": "Fine.", "confirm": "1"})

        for step in ("preview", "confirm"):
            page = editor.post(address, {"reason": "Fine.", step: "1"})

            assert "Refused: The question is neither reported nor withdrawn any more." in text(
                page.content
            )

    def test_who_may_only_see_questions_decides_nothing(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))
        question = reported(3)

        assert "Keep out" not in page_of(client, question)
        assert client.get(f"{LIST}{question.pk}/restore/decide/").status_code == 403

    def test_there_is_no_other_verdict(self, editor: Client) -> None:
        question = reported(3)

        assert editor.get(f"{LIST}{question.pk}/burn/decide/").status_code == 404


class TestReports:
    def test_the_list_shows_them_with_figures(self, editor: Client) -> None:
        reported(2)
        count()

        page = text(editor.get(REPORTS).content)

        assert page.count("Wrong answer or explanation") >= 2
        assert "1 of 1" in page
        assert "2 (100.0%)" in page

    def test_it_is_filtered_by_state(self, editor: Client) -> None:
        question = reported(1)
        address = f"{LIST}{question.pk}/restore/decide/"

        assert "1 of 1" in text(editor.get(REPORTS, {"state": "open"}).content)
        editor.post(address, {"reason": "Fine.", "confirm": "1"})
        assert "1 of 1" not in text(editor.get(REPORTS, {"state": "open"}).content)
        assert "1 of 1" in text(editor.get(REPORTS, {"state": "decided"}).content)
        assert question.quiz_id in text(editor.get(REPORTS, {"q": question.quiz_id}).content)

    def test_the_sidebar_counts_what_waits(self, editor: Client) -> None:
        reported(3)

        page = text(editor.get("/admin/").content)

        assert "flag Question reports 3" in page
        assert "quiz Questions 1" in page

    def test_players_are_not_named(self, editor: Client) -> None:
        anna = newcomer(username="anna_secret")
        answer_round(anna, True)
        question = Question.objects.get()
        made = QuestionReport.objects.create(
            player=anna,
            question=question,
            version=question.versions.get(),
            reason="TYPO",
            reported_at=NOON,
        )

        for address in (REPORTS, f"{REPORTS}{made.pk}/change/", f"{LIST}{question.pk}/change/"):
            assert "anna_secret" not in text(editor.get(address).content)
