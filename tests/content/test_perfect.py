"""Questions for the participle, and for haben or sein."""

import pytest

from content.generators import perfect
from content.generators.verb_phrase_lines import LINES
from content.generators.verb_phrases import phrases
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in perfect.generate(load())}


@pytest.mark.parametrize(
    ("name", "text", "options", "rule"),
    [
        (
            "malen",
            "Lena hat ein Bild ___. (malen)",
            ("gemalt", "gemalen", "malte", "malen"),
            "participle-regular",
        ),
        (
            "nehmen",
            "Lena hat den Bus ___. (nehmen)",
            ("genommen", "genehmt", "genehmen", "genahmen"),
            "participle-irregular",
        ),
        (
            "besuchen",
            "Anna hat den Großvater ___. (besuchen)",
            ("besucht", "gebesucht", "begesucht", "besuchte"),
            "participle-no-ge",
        ),
        # No infinitive beside "ist": "Er ist schwimmen" is right.
        (
            "schwimmen",
            "Mia ist über den See ___. (schwimmen)",
            ("geschwommen", "geschwimmt", "geschwimmen", "geschwammen"),
            "participle-irregular",
        ),
    ],
)
def test_a_participle(
    questions: dict[str, Question], name: str, text: str, options: tuple[str, ...], rule: str
) -> None:
    question = questions[f"perfect-{name}-participle"]
    assert (question.question, question.options, question.rule) == (text, options, rule)
    assert question.level == "A2"


def test_where_a_second_participle_is_right_none_is_asked(questions: dict[str, Question]) -> None:
    for name in ("senden", "winken", "schaffen", "haengen", "backen", "wachsen"):
        assert f"perfect-{name}-participle" not in questions


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("fahren", "ist", "hat"),
        ("bleiben", "ist", "hat"),
        ("umziehen", "ist", "hat"),
        ("umziehen-sich", "hat", "ist"),
        ("ausziehen", "hat", "ist"),
        ("schlafen", "hat", "ist"),
        ("erinnern-sich", "hat", "ist"),
    ],
)
def test_haben_or_sein(questions: dict[str, Question], name: str, right: str, wrong: str) -> None:
    question = questions[f"perfect-{name}-auxiliary"]
    assert question.answer == right
    assert wrong in question.options


def test_where_both_auxiliaries_are_right_none_is_asked(questions: dict[str, Question]) -> None:
    """In the south one says `ist gelegen`; `tanzen` has sein with a direction."""
    for name in ("liegen", "sitzen", "stehen", "tanzen", "frieren", "anfangen", "folgen"):
        assert f"perfect-{name}-auxiliary" not in questions


def test_no_infinitive_is_wrong_beside_sein(questions: dict[str, Question]) -> None:
    for question in questions.values():
        if question.frame == "participle" and " ist " in question.question:
            assert question.lemma not in question.options[1:]


def test_an_explanation_names_the_object(questions: dict[str, Question]) -> None:
    question = questions["perfect-oeffnen-auxiliary"]
    assert question.explanation_de == (
        "Das Verb hat ein Objekt (wen? was? die Tür), also Perfekt mit haben."
    )
    assert question.explanation_uk == (
        "Дієслово має додаток (wen? was? die Tür), тому перфект із haben."
    )


def test_each_line_of_the_phrases_has_its_verb() -> None:
    assert len(phrases(load())) == len(LINES.strip().splitlines())


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(perfect.generate(lexicon)) == list(perfect.generate(lexicon))
