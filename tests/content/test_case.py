"""Questions for the case that a sentence asks for."""

import pytest

from content.generators import case
from content.questions import Question
from tests.content import shipped


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return shipped.by_id("case")


def test_the_accusative_is_asked_with_the_forms_of_the_same_article(
    questions: dict[str, Question],
) -> None:
    question = questions["case-tisch-accusative-buy-furniture"]
    assert question.question == "Wir kaufen heute ___ Tisch."
    assert question.options == ("einen", "ein", "einem", "einer")
    assert question.level == "A1"
    assert question.explanation_de == (
        "Wen oder was? Das ist der Akkusativ. „Tisch“ ist maskulin: einen Tisch."
    )


def test_a_preposition_of_the_dative_raises_the_level(questions: dict[str, Question]) -> None:
    question = questions["case-zug-dative-with-vehicle"]
    assert (question.options, question.level) == (("dem", "der", "den", "des"), "A2")
    assert question.explanation_uk == (
        "Після «mit» завжди давальний відмінок (wem?). «Zug» – чоловічого роду: dem Zug."
    )


def test_preposition_and_article_are_one_gap_where_they_are_said_as_one_word(
    questions: dict[str, Question],
) -> None:
    question = questions["case-keller-dative-in-room"]
    assert question.question == "Die Kinder sind ___ Keller."
    assert question.answer == "im"
    assert "in dem" not in question.options
    assert questions["case-loesung-dative-contribute-to"].answer == "zur"


def test_a_noun_of_the_n_declension_is_asked_whole(questions: dict[str, Question]) -> None:
    question = questions["case-kunde-accusative-for-weak-nouns"]
    assert question.options == ("den Kunden", "den Kunde", "der Kunde", "dem Kunden")
    assert question.level == "B1"


def test_the_genitive_stands_on_the_noun_in_the_sentence(questions: dict[str, Question]) -> None:
    question = questions["case-regen-genitive-because-of-weather"]
    assert question.question == "Wegen ___ Regens fällt der Ausflug aus."
    # „Wegen dem Regen“ is heard everywhere.
    assert question.options == ("des", "der", "den", "die")


@pytest.mark.parametrize(
    ("quiz_id", "barred"),
    [
        # The plural looks the same: der Autos, der Kollegen.
        ("case-auto-genitive-colour-of", "der"),
        ("case-kollege-genitive-name-of-person", "der"),
        ("case-chef-genitive-house-of-relative", "meiner"),
        ("case-kissen-dative-lies-on-furniture", "den"),
        # On the bus one can wait, too.
        ("case-bus-accusative-wait-for", "dem"),
    ],
)
def test_an_article_that_makes_another_sentence_is_no_wrong_option(
    quiz_id: str, barred: str, questions: dict[str, Question]
) -> None:
    assert barred not in questions[quiz_id].options


def test_the_dative_plural_is_asked_where_it_differs_from_the_plural(
    questions: dict[str, Question],
) -> None:
    question = questions["case-hund-dative-afraid-of-animal"]
    assert question.options == ("Hunden", "Hunde", "Hundes", "Hundens")
    assert "case-katze-dative-afraid-of-animal" not in questions


def test_two_builds_are_the_same() -> None:
    assert tuple(case.generate(shipped.lexicon())) == shipped.questions("case")
