"""Questions for words: a picture or a gloss, and four nouns."""

import pytest

from content.generators import vocabulary
from content.questions import Question
from content.schema import LEVELS, Noun
from tests.content import shipped


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return shipped.by_id("vocabulary")


@pytest.fixture(scope="module")
def nouns() -> dict[str, Noun]:
    return {noun.noun: noun for noun in shipped.lexicon().nouns}


def words(question: Question) -> list[str]:
    return [option.split(" ")[-1] for option in question.options]


def test_a_picture_is_asked_with_the_article_of_each_noun(questions: dict[str, Question]) -> None:
    question = questions["vocabulary-hund-picture"]
    assert question.question == "🐕 Was ist das?"
    assert question.answer == "der Hund"
    assert question.explanation_uk == "🐕 «der Hund» означає «собака», множина: die Hunde."


def test_a_country_has_an_article_only_where_it_is_said_with_one(
    questions: dict[str, Question],
) -> None:
    assert questions["vocabulary-polen-picture"].answer == "Polen"
    assert questions["vocabulary-schweiz-picture"].answer == "die Schweiz"
    assert questions["vocabulary-polen-picture"].question == "🇵🇱 Welches Land ist das?"


def test_a_word_is_asked_in_both_languages_of_the_players(questions: dict[str, Question]) -> None:
    question = questions["vocabulary-tisch-translate"]
    assert question.question == "Wie heißt das auf Deutsch? table · стіл"
    assert question.answer == "der Tisch"


def test_wrong_options_are_of_a_similar_level(
    questions: dict[str, Question], nouns: dict[str, Noun]
) -> None:
    for question in questions.values():
        right, *wrong = (LEVELS.index(nouns[word].level) for word in words(question))
        assert all(abs(level - right) <= 1 for level in wrong), question


def test_no_wrong_option_has_a_gloss_of_the_right_one(
    questions: dict[str, Question], nouns: dict[str, Noun]
) -> None:
    for question in questions.values():
        right, *wrong = (nouns[word] for word in words(question))
        for noun in wrong:
            assert not set(right.en) & set(noun.en), question
            assert not set(right.uk) & set(noun.uk), question


def test_what_looks_alike_is_never_offered_together(questions: dict[str, Question]) -> None:
    for quiz_id, alike in (
        ("vocabulary-ente-picture", {"Gans", "Vogel", "Huhn"}),
        ("vocabulary-taxi-picture", {"Auto", "Lastwagen"}),
        ("vocabulary-arzt-picture", {"Ärztin", "Wissenschaftler"}),
        ("vocabulary-wecker-picture", {"Uhr"}),
        ("vocabulary-wassermelone-picture", {"Melone"}),
    ):
        assert not alike & set(words(questions[quiz_id]))


def test_a_kind_is_no_wrong_option_for_one_of_it(questions: dict[str, Question]) -> None:
    kinds = {"Tier", "Obst", "Möbel", "Kleidung", "Getränk", "Instrument"}
    for question in questions.values():
        assert not kinds & set(words(question)[1:]), question


def test_two_builds_are_the_same() -> None:
    assert tuple(vocabulary.generate(shipped.lexicon())) == shipped.questions("vocabulary")
