"""Questions for preterite, passive and subjunctive."""

import pytest

from content.generators import past
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in past.generate(load())}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gehen", ("ging", "gehte", "geh", "gingte")),
        # "brachte" is right for bringen, "rennte" a subjunctive.
        ("brechen", ("brach", "brechte", "brech", "gebrochen")),
        ("rennen", ("rannte", "renn", "gerannt", "rannten")),
        # "Er passiert" would be the present tense.
        ("passieren", ("passierte", "passierten", "passiertest", "passiertet")),
        ("zaehlen", ("zählte", "gezählt", "zählten", "zähltest")),
    ],
)
def test_a_preterite(questions: dict[str, Question], name: str, options: tuple[str, ...]) -> None:
    assert questions[f"past-{name}-preterite"].options == options


@pytest.mark.parametrize(
    ("name", "explanation"),
    [
        ("kommen", "„kommen“ ist unregelmäßig: er kam, ohne die Endung -te."),
        ("erkennen", "„erkennen“ ist unregelmäßig: er erkannte, mit anderem Vokal."),
        # An a as in "haben".
        ("anhaben", "„anhaben“ ist unregelmäßig: er hatte an."),
    ],
)
def test_what_is_irregular_is_named(
    questions: dict[str, Question], name: str, explanation: str
) -> None:
    assert questions[f"past-{name}-preterite"].explanation_de == explanation


def test_no_present_tense_is_wrong(questions: dict[str, Question]) -> None:
    third = {verb.verb: verb.present_3sg for verb in load().verbs}
    for question in questions.values():
        if question.frame == "preterite":
            name = question.lemma.removeprefix("sich ")
            assert third[name] not in question.options[1:], question


def test_a_modal_verb_without_umlaut(questions: dict[str, Question]) -> None:
    question = questions["past-koennen-ich-gestern-nicht-kommen"]
    assert question.options == ("konnte", "könnte", "konntest", "konnten")
    assert question.level == "A2"


def test_an_object_becomes_the_subject_of_the_passive() -> None:
    assert past.nominative("den Plan") == "der Plan"
    assert past.nominative("einen Brief") == "ein Brief"
    assert past.nominative("den Patienten") == "der Patient"
    assert past.nominative("die Tür") == "die Tür"


def test_the_passive(questions: dict[str, Question]) -> None:
    question = questions["past-operieren-passive-present"]
    assert question.question == "Der Patient wird heute ___. (operieren)"
    assert question.options == ("operiert", "geoperiert", "operierte", "zu operieren")
    plural = questions["past-begruessen-passive-past"]
    assert plural.question == "Die Gäste ___ gestern begrüßt."
    assert plural.options == ("wurden", "wurde", "worden", "geworden")


def test_a_polite_request(questions: dict[str, Question]) -> None:
    question = questions["past-koennen-subjunctive-sie-mir-bitte"]
    assert question.question == "___ Sie mir bitte helfen? (können, höflich)"
    assert question.options == ("Könnten", "Könnte", "Könntest", "Könntet")
    assert (question.rule, question.level) == ("polite", "A2")


def test_an_unreal_past_has_the_auxiliary_of_the_perfect(questions: dict[str, Question]) -> None:
    question = questions["past-auffallen-would-have"]
    assert question.question == "In diesem Fall ___ er allen Gästen aufgefallen. (auffallen)"
    assert question.options == ("wäre", "hätte", "wären", "hätten")
    assert question.level == "B2"


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(past.generate(lexicon)) == list(past.generate(lexicon))
