"""Questions for the article of a noun."""

import pytest

from content.generators import article
from content.questions import Question
from tests.content import shipped


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return shipped.by_id("article")


def test_a_noun_is_asked_in_a_sentence_in_the_singular(questions: dict[str, Question]) -> None:
    question = questions["article-teller-thing-where"]
    assert question.question == "Wo ist ___ Teller?"
    assert question.options == ("der", "die", "das")
    assert (question.level, question.rule) == ("A1", "article-three")


def test_the_options_have_a_capital_at_the_beginning_of_a_sentence(
    questions: dict[str, Question],
) -> None:
    assert questions["article-banane-food-tastes"].options == ("Die", "Der", "Das")


def test_the_article_of_a_noun_that_looks_like_its_plural_is_asked_in_the_singular(
    questions: dict[str, Question],
) -> None:
    asked = questions["article-unternehmen-asked"].question
    assert asked == "Welcher Artikel gehört zu „Unternehmen“ (Singular)?"


def test_an_explanation_names_the_ending_or_the_last_word(questions: dict[str, Question]) -> None:
    assert questions["article-kuehlschrank-device-broken"].explanation_de == (
        "Das letzte Wort bestimmt den Artikel: der Schrank → der Kühlschrank."
    )
    assert questions["article-pruefung-event-when"].explanation_uk == (
        "Іменники на -ung мають «die»: die Prüfung."
    )


def test_a_rule_above_the_level_of_the_noun_does_not_raise_it(
    questions: dict[str, Question],
) -> None:
    question = questions["article-wohnung-building-big"]
    assert (question.level, question.rule) == ("A1", "article-three")


@pytest.mark.parametrize(
    "noun",
    ["Laptop", "Cola", "E-Mail", "Deutsch", "Eltern", "See", "Leiter", "Husten", "Joghurt", "Keks"],
)
def test_a_noun_of_two_genders_or_without_an_article_is_not_asked(
    noun: str, questions: dict[str, Question]
) -> None:
    assert noun not in {question.lemma for question in questions.values()}


def test_ein_and_kein_are_asked_with_forms_of_their_own(questions: dict[str, Question]) -> None:
    assert questions["article-brille-that-is"].options == ("eine", "ein", "einen", "einer")
    assert questions["article-huhn-that-is-not"].options == ("kein", "keine", "keinen", "keiner")
    assert questions["article-stuhl-what-costs"].options == ("dieser", "diese", "dieses", "diesen")
    assert questions["article-tante-that-is-my"].options == ("meine", "mein", "meinen", "meiner")


def test_two_builds_are_the_same() -> None:
    assert tuple(article.generate(shipped.lexicon())) == shipped.questions("article")
