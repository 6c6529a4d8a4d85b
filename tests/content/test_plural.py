"""Questions for the plural of a noun."""

import pytest

from content.generators import plural
from content.questions import Question
from tests.content import shipped


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.lemma: question for question in shipped.questions("plural")}


@pytest.mark.parametrize(
    ("noun", "right", "rule"),
    [
        ("Lampe", "Lampen", "plural-en"),
        ("Lehrerin", "Lehrerinnen", "plural-en"),
        ("Zeitung", "Zeitungen", "plural-en"),
        ("Auto", "Autos", "plural-s"),
        ("Hotel", "Hotels", "plural-s"),
        ("Zimmer", "Zimmer", "plural-none"),
        ("Apfel", "Äpfel", "plural-none"),
        ("Stuhl", "Stühle", "plural-forms"),
        ("Museum", "Museen", "plural-forms"),
    ],
)
def test_the_first_option_is_the_plural_and_the_card_says_why(
    noun: str, right: str, rule: str, questions: dict[str, Question]
) -> None:
    assert (questions[noun].answer, questions[noun].rule) == (right, rule)


def test_a_noun_stands_in_a_sentence_where_one_fits(questions: dict[str, Question]) -> None:
    assert questions["Bruder"].question == "Hast du ___? (der Bruder)"
    assert questions["Wand"].question == "eine Wand, zwei ___"
    assert questions["Problem"].question == "Wie heißt der Plural? das Problem, die ___"


@pytest.mark.parametrize("noun", ["Balkon", "Wort", "Denkmal", "Eltern", "Milch", "Bier", "Laden"])
def test_a_noun_with_two_plurals_or_none_is_not_asked(
    noun: str, questions: dict[str, Question]
) -> None:
    assert noun not in questions


def test_no_wrong_option_is_a_word_of_its_own(questions: dict[str, Question]) -> None:
    nouns = {noun.noun for noun in shipped.lexicon().nouns}
    plurals = {form for noun in shipped.lexicon().nouns for form in noun.plurals}
    for question in questions.values():
        wrong = set(question.options[1:]) - {question.lemma}
        assert not wrong & (nouns | plurals), question
    assert "Büchen" not in questions["Buch"].options
    assert "Buchen" not in questions["Buch"].options


def test_a_bare_noun_that_can_stand_behind_a_number_is_no_wrong_option(
    questions: dict[str, Question],
) -> None:
    for noun in ("Blatt", "Paket", "Fuß"):
        assert noun not in questions[noun].options


def test_two_builds_are_the_same() -> None:
    assert tuple(plural.generate(shipped.lexicon())) == shipped.questions("plural")
