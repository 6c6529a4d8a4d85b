"""Daily challenges at the desk: look, draw ahead, replace."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client

from quizarena.game import daily
from quizarena.game.models import DailyQuestion, DailySet, Question
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_staff
from tests.game.challenges import NOON, TODAY, make_bank, play, quiz_ids

pytestmark = pytest.mark.django_db

LIST = "/admin/game/dailyset/"
PLAN = f"{LIST}plan/"
DAY = timedelta(days=1)
DECISION = "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10"


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank(A1=40, A2=60, B1=40)


@pytest.fixture
def editor(client: Client) -> Client:
    """Return a browser in which an editor is logged in."""
    client.force_login(make_staff("Editor"))
    return client


def page_of(daily_set: DailySet) -> str:
    """Return the address of a set's page."""
    return f"{LIST}{daily_set.pk}/change/"


def permission(codename: str) -> Permission:
    """Return a permission by its name."""
    return Permission.objects.get(codename=codename)


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


class TestLooking:
    def test_the_list_has_the_days_with_how_many_played(self, editor: Client) -> None:
        for number in (-1, 0, 1):
            daily.draw(day=TODAY + number * DAY, now=NOON)
        play()
        play(None, [True] * 3)

        page = text(editor.get(LIST).content)

        assert re.search(
            r"17 Dec 2026 planned 0 0 16 Dec 2026 today 2 1 15 Dec 2026 over 0 0", page
        )
        assert "Draw the next 7 days" in page

    def test_a_day_has_its_questions_and_results(self, editor: Client) -> None:
        drawn = daily.draw(day=TODAY, now=NOON)
        play()
        play()
        play(None, [True] * 4 + [False] * 3)
        first = drawn.questions.get(number=1).version

        page = text(editor.get(page_of(drawn)).content)

        assert (
            f"1 A1 Daily challenge {first.question_row.quiz_id}: {first.question} "
            f"{first.correct_answer} 1 enabled"
        ) in page
        assert "7 of 7 2 66 % 6 of 7 0 0 % 5 of 7 0 0 % 4 of 7 1 33 %" in page
        assert "Replace" not in page

    def test_what_has_changed_since_it_was_drawn_is_marked(self, editor: Client) -> None:
        Question.objects.filter(level="B1").update(is_enabled=False)
        drawn = daily.draw(day=TODAY + DAY, now=NOON)
        asked = drawn.questions.values("version__question_row")
        Question.objects.filter(pk__in=asked).update(explanation="Neu.", is_enabled=False)

        page = text(editor.get(page_of(drawn)).content)

        assert "7 A2 instead of B1 Daily challenge" in page
        assert "1, by now 2 disabled Replace" in page

    def test_who_may_only_look_has_no_buttons(self, client: Client) -> None:
        drawn = daily.draw(day=TODAY + DAY, now=NOON)
        viewer = make_staff("Support")
        viewer.user_permissions.add(permission("view_dailyset"))
        client.force_login(viewer)

        assert "Draw the next 7 days" not in text(client.get(LIST).content)
        assert "Replace" not in text(client.get(page_of(drawn)).content)
        assert client.get(PLAN).status_code == 403
        assert client.post(f"{LIST}{drawn.pk}/1/replace/").status_code == 403

    def test_the_page_of_a_player_has_the_latest(self, client: Client) -> None:
        player = PlayerFactory.create()
        play(player, [True] * 3 + [False] * 2)
        client.force_login(make_staff("Support"))

        page = text(client.get(f"/admin/players/player/{player.pk}/change/").content)

        assert "Rounds Daily challenge of 16 Dec 2026: 3 of 5 right not finished" in page


class TestPlanning:
    def test_the_next_seven_days_are_shown_and_drawn(self, editor: Client) -> None:
        daily.draw(day=date(2026, 12, 18), now=NOON)
        form = {"reason": "Holidays."}

        preview = text(editor.post(PLAN, form).content)
        assert DailySet.objects.count() == 1
        answer = editor.post(PLAN, {**form, "confirm": "1"}, follow=True)

        assert "17 Dec 2026 not drawn drawn 18 Dec 2026 drawn drawn" in preview
        assert "6 days drawn." in text(answer.content)
        days = DailySet.objects.order_by("day").values_list("day", flat=True)
        assert list(days) == [date(2026, 12, day) for day in range(17, 24)]
        assert AuditEntry.objects.filter(action="dailyset.drawn").count() == 6

    def test_a_second_time_draws_nothing(self, editor: Client) -> None:
        form = {"reason": "Holidays.", "confirm": "1"}

        editor.post(PLAN, form)
        answer = editor.post(PLAN, form, follow=True)

        assert "The next 7 days are drawn already." in text(answer.content)
        assert DailySet.objects.count() == 7

    def test_too_few_questions_are_said_and_nothing_is_drawn(self, editor: Client) -> None:
        keep = Question.objects.order_by("pk")[20].pk
        Question.objects.filter(pk__gt=keep).update(is_enabled=False)

        answer = editor.post(PLAN, {"reason": "Holidays.", "confirm": "1"})

        assert (
            "Refused: The bank has too few questions for the daily challenge of 20 Dec 2026"
        ) in text(answer.content)
        assert not DailySet.objects.exists()


class TestReplacing:
    def test_it_is_drawn_as_the_preview_shows(self, editor: Client) -> None:
        drawn = daily.draw(day=TODAY + DAY, now=NOON)
        question = drawn.questions.get(number=3)
        before = quiz_ids(drawn)
        address = f"{LIST}{drawn.pk}/3/replace/"
        form = {
            "decision": DECISION,
            "version_id": str(question.version_id),
            "quiz_id": "",
            "reason": "Too hard.",
        }

        preview = text(editor.post(address, form).content)
        assert quiz_ids(drawn) == before
        answer = editor.post(address, {**form, "confirm": "1"}, follow=True)

        after = quiz_ids(drawn)
        assert "Question 3 is replaced." in text(answer.content)
        assert f"Quiz id {before[2]} {after[2]}" in preview
        assert after[2].startswith("DAILY_CHALLENGE-A2")
        assert [*after[:2], *after[3:]] == [*before[:2], *before[3:]]
        entry = AuditEntry.objects.get(action="dailyset.question_replaced")
        assert (str(entry.actor), entry.details["reason"]) == ("editor", "Too hard.")
        history = text(editor.get(f"{LIST}{drawn.pk}/history/").content)
        assert f"question 3 is {after[2]} instead of {before[2]}: Too hard." in history

    def test_the_same_form_again_is_refused(self, editor: Client) -> None:
        drawn = daily.draw(day=TODAY + DAY, now=NOON)
        question = drawn.questions.get(number=1)
        form = {
            "decision": DECISION,
            "version_id": str(question.version_id),
            "quiz_id": "",
            "reason": "Too hard.",
            "confirm": "1",
        }
        address = f"{LIST}{drawn.pk}/1/replace/"

        editor.post(address, form)
        once = quiz_ids(drawn)
        answer = editor.post(address, form)

        assert "Refused: This question has been replaced meanwhile." in text(answer.content)
        assert quiz_ids(drawn) == once

    def test_a_quiz_id_is_chosen_or_refused(self, editor: Client) -> None:
        drawn = daily.draw(day=TODAY + DAY, now=NOON)
        question = drawn.questions.get(number=1)
        free = Question.objects.filter(level="A1").exclude(quiz_id__in=quiz_ids(drawn))
        form = {
            "decision": DECISION,
            "version_id": str(question.version_id),
            "reason": "Fits the holiday.",
            "confirm": "1",
        }
        address = f"{LIST}{drawn.pk}/1/replace/"

        refused = editor.post(address, {**form, "quiz_id": "nothing"})
        editor.post(address, {**form, "quiz_id": free[0].quiz_id})

        assert "Refused: There is no question nothing." in text(refused.content)
        assert quiz_ids(drawn)[0] == free[0].quiz_id

    def test_once_the_day_has_begun_nothing_is_replaced(self, editor: Client) -> None:
        drawn = daily.draw(day=TODAY + DAY, now=NOON)
        question = drawn.questions.get(number=1)
        form = {
            "decision": DECISION,
            "version_id": str(question.version_id),
            "quiz_id": "",
            "reason": "Too hard.",
            "confirm": "1",
        }

        with time_machine.travel(datetime(2026, 12, 16, 23, tzinfo=UTC), tick=False):
            editor.force_login(make_staff("Editor", username="night"))
            answer = editor.post(f"{LIST}{drawn.pk}/1/replace/", form)

        assert "The day of this challenge has begun: its questions stay." in text(answer.content)
        assert DailyQuestion.objects.get(pk=question.pk).version_id == question.version_id

    @pytest.mark.parametrize("address", ["{pk}/8/replace/", "{pk}/0/replace/", "0/1/replace/"])
    def test_what_is_not_there_is_not_found(self, editor: Client, address: str) -> None:
        drawn = daily.draw(day=TODAY + DAY, now=NOON)

        assert editor.get(f"{LIST}{address.format(pk=drawn.pk)}").status_code == 404
