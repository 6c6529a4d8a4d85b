"""Forms to be typed: one right form, and what else the grader is given."""

import pytest

from content.generators import typed
from content.questions import Question
from tests.content.shipped import lexicon as shipped_lexicon


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in typed.generate(shipped_lexicon())}


@pytest.mark.parametrize(
    ("quiz_id", "question", "answer", "accepted", "rule"),
    [
        (
            "typed-vorbereiten-participle",
            "Gestern hat Anna das Essen ___. (vorbereiten, Perfekt)",
            "vorbereitet",
            (),
            "separable-perfect",
        ),
        (
            "typed-fertigmachen-participle",
            "Gestern hat Tom das Essen ___. (fertigmachen, Perfekt)",
            "fertiggemacht",
            ("fertig gemacht",),
            "separable-perfect",
        ),
        (
            "typed-reparieren-participle",
            "Gestern hat Jan das Fahrrad ___. (reparieren, Perfekt)",
            "repariert",
            (),
            "participle-no-ge",
        ),
        (
            "typed-schwimmen-participle",
            "Gestern ist Anna über den See ___. (schwimmen, Perfekt)",
            "geschwommen",
            (),
            "participle-irregular",
        ),
        (
            "typed-geben-preterite",
            "Damals ___ Lena dem Kind einen Apfel. (geben, Präteritum)",
            "gab",
            (),
            "preterite-irregular",
        ),
        (
            "typed-wald-plural",
            "Ein Wald, viele ___ (Plural)",
            "Wälder",
            ("die Wälder",),
            "plural-forms",
        ),
    ],
)
def test_what_is_asked(
    questions: dict[str, Question],
    quiz_id: str,
    question: str,
    answer: str,
    accepted: tuple[str, ...],
    rule: str,
) -> None:
    asked = questions[quiz_id]

    assert (asked.question, asked.options, asked.accepted) == (question, (answer,), accepted)
    assert (asked.kind, asked.rule) == ("typed", rule)


def test_a_participle_without_ge_is_explained_by_its_verb(questions: dict[str, Question]) -> None:
    assert questions["typed-vorbereiten-participle"].explanation_de == (
        "„bereiten“ hat die Vorsilbe be-, also kein ge-, auch mit „vor“: vorbereitet."
    )
    assert questions["typed-uebersetzen-participle"].explanation_de == (
        "„übersetzen“ ist nicht trennbar (über- ist unbetont), also ohne ge-: übersetzt."
    )


def test_nothing_with_a_second_form_is_asked(questions: dict[str, Question]) -> None:
    for quiz_id in ("typed-boot-plural", "typed-gast-plural", "typed-glas-plural"):
        assert quiz_id not in questions
    assert not [one for one in questions.values() if one.lemma in ("hängen", "winken", "senden")]


def test_there_are_enough_and_always_the_same(questions: dict[str, Question]) -> None:
    again = {question.quiz_id: question for question in typed.generate(shipped_lexicon())}

    assert again == questions
    assert len(questions) >= 350
