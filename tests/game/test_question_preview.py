"""The page of a question shows it as a player sees it, whatever its kind."""

import re

import pytest
from django.contrib.admin.sites import site
from django.utils.html import strip_tags

from quizarena.game.admin.questions import QuestionAdmin
from quizarena.game.models import Question
from tests.factories import QuestionFactory
from tests.game.test_written_answers import make_order, make_typed

pytestmark = pytest.mark.django_db


def seen(question: Question) -> list[str]:
    """Return the lines of the preview."""
    shown = QuestionAdmin(Question, site).preview(question)
    return [line.strip() for line in strip_tags(shown).splitlines() if line.strip()]


def test_a_choice_shows_its_options_with_the_right_one_marked() -> None:
    question = QuestionFactory.create(option_4="")

    shown = QuestionAdmin(Question, site).preview(question)

    assert seen(question)[:5] == [
        "Welcher Artikel passt zu „Tisch“?",
        "die",
        "der",
        "das",
        "✅ der",
    ]
    assert re.findall(r'chat-right">(\w+)<', shown) == ["der"]


def test_a_picture_stands_on_a_line_of_its_own() -> None:
    question = QuestionFactory.create(kind="picture", question="🐕 Was ist das?")

    assert seen(question)[:3] == ["🐕", "Was ist das?", "die"]


def test_a_typed_answer_has_no_options() -> None:
    question = make_typed(accepted=["übertragen"])

    assert seen(question)[1:3] == [
        "✍️ Write your answer as a message.",
        "✅ übersetzt / übertragen",
    ]


def test_words_to_be_put_in_order_stand_by_the_alphabet() -> None:
    question = make_order()

    assert seen(question)[1:6] == ["Chef", "den", "er", "fragt", "heute"]
    assert seen(question)[6] == (
        "✅ Heute fragt er den Chef. / Er fragt heute den Chef. / Den Chef fragt er heute."
    )


def test_a_text_is_escaped() -> None:
    shown = QuestionAdmin(Question, site).preview(make_typed(question="<b>x</b> ___"))

    assert "&lt;b&gt;x&lt;/b&gt; ___" in shown
