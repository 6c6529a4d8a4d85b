"""Questions that compare."""

import pytest

from content.generators import comparison
from content.questions import Question
from tests.content import shipped


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return shipped.by_id("comparison")


def test_a_comparative_is_asked_with_the_errors_that_learners_make(
    questions: dict[str, Question],
) -> None:
    assert questions["comparison-alt-person-than"].options == ("älter", "alter", "alt", "mehr alt")
    assert questions["comparison-schnell-vehicle-than"].options == (
        *("schneller", "schnell", "mehr schnell", "schnellste"),
    )
    assert questions["comparison-gut-media"].rule == "comparison-irregular"


def test_a_superlative_stands_with_am_or_before_its_noun(questions: dict[str, Question]) -> None:
    assert questions["comparison-gross-animal-superlative"].options == (
        *("am größten", "am großten", "am größer", "größten"),
    )
    assert questions["comparison-hoch-before-tower"].options == (
        *("höchste", "höchsten", "am höchsten", "höchster"),
    )


def test_als_and_wie_are_asked(questions: dict[str, Question]) -> None:
    assert questions["comparison-schnell-word-als"].answer == "als"
    assert questions["comparison-schnell-word-wie"].answer == "wie"


def test_je_has_the_card_of_je_desto(questions: dict[str, Question]) -> None:
    question = questions["comparison-nett-the-more"]
    assert (question.rule, question.level, question.topic) == ("je-desto", "B2", "je-desto")


@pytest.mark.parametrize("adjective", ["rot", "gesund", "nass", "schmal", "lila", "tot"])
def test_what_has_two_forms_or_none_is_not_asked(
    adjective: str, questions: dict[str, Question]
) -> None:
    assert adjective not in {question.lemma for question in questions.values()}


def test_no_bare_adjective_is_offered_where_it_fits(questions: dict[str, Question]) -> None:
    for question in questions.values():
        if question.lemma in question.options[1:]:
            assert " als " in question.question or question.question.startswith("Je "), question


def test_two_builds_are_the_same() -> None:
    assert tuple(comparison.generate(shipped.lexicon())) == shipped.questions("comparison")
