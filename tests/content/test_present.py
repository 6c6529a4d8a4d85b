"""Questions for the present tense."""

import pytest

from content.generators import present
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in present.generate(load())}


def test_a_verb_with_another_vowel(questions: dict[str, Question]) -> None:
    assert questions["present-nehmen-du"] == Question(
        quiz_id="present-nehmen-du",
        family="present",
        lemma="nehmen",
        rule="present-vowel",
        frame="du",
        question="Du ___ den Bus. (nehmen)",
        options=("nimmst", "nehmst", "nimmt", "nehme"),
        explanation_de="„nehmen“ ändert bei du und er/sie/es den Vokal: du nimmst.",
        explanation_en='"nehmen" changes its vowel with du and er/sie/es: du nimmst.',
        explanation_uk="«nehmen» має інший голосний у формах du та er/sie/es: du nimmst.",
        level="A1",
        topic="present-tense",
    )


def test_ihr_keeps_the_vowel(questions: dict[str, Question]) -> None:
    assert questions["present-fahren-ihr"].options == ("fahrt", "fährt", "fährst", "fahren")


def test_a_reflexive_verb_has_the_pronoun_of_its_subject(questions: dict[str, Question]) -> None:
    found = questions["present-benehmen-sich-du"]
    assert found.question == "Du ___ dich sehr schlecht. (sich benehmen)"
    assert found.lemma == "sich benehmen"


def test_no_form_of_reported_speech_is_wrong_for_er(questions: dict[str, Question]) -> None:
    """`Er habe Hunger` is right in reported speech, and so is `er ändere`."""
    wrong = {
        option
        for question in questions.values()
        if question.frame.startswith("er")
        for option in question.options[1:]
    }
    assert {option for option in wrong if option.endswith("e")} == set()


def test_what_has_two_accepted_forms_is_not_asked(questions: dict[str, Question]) -> None:
    lemmas = {question.lemma for question in questions.values()}
    assert not lemmas & {"backen", "laden", "einladen"}
    # Both "ich sammle" and "ich sammele" are right.
    assert "present-sammeln-ich" not in questions


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(present.generate(lexicon)) == list(present.generate(lexicon))
