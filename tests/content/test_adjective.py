"""Questions for the ending of an adjective."""

import pytest

from content.generators import adjective, nominal
from content.questions import Question
from tests.content import shipped


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return list(shipped.questions("adjective"))


@pytest.mark.parametrize(
    ("base", "article", "gender", "case", "form"),
    [
        ("neu", "definite", "m", "nom", "neue"),
        ("neu", "definite", "m", "acc", "neuen"),
        ("neu", "dieser", "n", "nom", "neue"),
        ("neu", "indefinite", "m", "nom", "neuer"),
        ("neu", "kein", "n", "acc", "neues"),
        ("neu", "mein", "f", "dat", "neuen"),
        ("neu", "none", "m", "dat", "neuem"),
        ("neu", "none", "f", "dat", "neuer"),
        ("neu", "none", "m", "gen", "neuen"),
        ("neu", "indefinite", "pl", "nom", "neue"),
        ("neu", "kein", "pl", "nom", "neuen"),
        ("teuer", "definite", "n", "nom", "teure"),
        ("dunkel", "indefinite", "n", "nom", "dunkles"),
        ("hoch", "definite", "m", "nom", "hohe"),
        ("müde", "indefinite", "m", "nom", "müder"),
        ("trocken", "indefinite", "n", "nom", "trockenes"),
    ],
)
def test_an_adjective_is_declined(
    base: str, article: str, gender: str, case: str, form: str
) -> None:
    assert nominal.adjective(base, article, gender, case) == form


def test_the_article_stands_in_the_sentence(questions: list[Question]) -> None:
    asked = {question.question: question for question in questions}
    question = asked["Mein Nachbar hat ein ___ Auto. (neu)"]
    assert question.options == ("neues", "neue", "neuen", "neuer")
    assert question.explanation_de == (
        "„Auto“ ist neutral, hier im Akkusativ. Nach „ein“ hat das Adjektiv dann -es: "
        "ein neues Auto."
    )
    assert (question.level, question.rule) == ("A2", "adj-indefinite")


def test_a_comparative_is_no_wrong_option_after_sein(questions: list[Question]) -> None:
    found = [question for question in questions if question.rule == "adj-after-sein"]
    assert len(found) >= 20
    for question in found:
        assert not [option for option in question.options[1:] if option.endswith("er")]


def test_what_has_no_ending_is_not_asked(questions: list[Question]) -> None:
    assert not {"lila", "rosa", "orange"} & {question.lemma for question in questions}


def test_no_noun_stands_without_an_article_that_may_be_a_plural(
    questions: list[Question],
) -> None:
    asked = [
        question.question for question in questions if "auf dem markt" in question.question.lower()
    ]
    assert asked
    assert not [question for question in asked if "Käse" in question or "Gemüse" in question]


def test_the_level_is_that_of_the_rule_at_least(questions: list[Question]) -> None:
    levels = {question.rule: question.level for question in questions}
    assert levels["adj-no-article"] in ("B1", "B2")
    assert {q.level for q in questions if q.rule == "adj-genitive"} == {"B1", "B2"}


def test_two_builds_are_the_same() -> None:
    assert tuple(adjective.generate(shipped.lexicon())) == shipped.questions("adjective")
