"""Questions for verbs with a preposition."""

import pytest

from content.generators import preposition
from content.generators.preposition_tables import CASES, PEOPLE, THINGS, WRONG
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in preposition.generate(load())}


@pytest.mark.parametrize(
    ("name", "text", "options", "level"),
    [
        (
            "warten-preposition-auf",
            "Wir warten ___ den Zug. (warten)",
            ("auf", "für", "um", "an"),
            "A2",
        ),
        (
            "abhaengen-preposition-von",
            "Alles hängt ___ Wetter ab. (abhängen)",
            ("vom", "am", "beim", "zum"),
            "B1",
        ),
        (
            "sich-verlassen-preposition-auf",
            "___ dich kann ich mich immer verlassen. (sich verlassen)",
            ("Auf", "An", "Für", "Über"),
            "B1",
        ),
        (
            "warten-case-auf",
            "Wir warten auf ___ Bus. (der Bus)",
            ("den", "dem", "der", "das"),
            "B1",
        ),
        (
            "sich-freuen-da-auf",
            "– Freust du dich auf den Urlaub? – Ja, ich freue mich ___.",
            ("darauf", "davon", "darunter"),
            "A2",
        ),
        (
            "denken-person-an",
            "Frage nach der Person: – ___ denkst du? – An meine Mutter.",
            ("An wen", "Woran", "Worüber", "Worum"),
            "A2",
        ),
    ],
)
def test_a_question(
    questions: dict[str, Question], name: str, text: str, options: tuple[str, ...], level: str
) -> None:
    question = questions[f"preposition-{name}"]
    assert (question.question, question.options, question.level) == (text, options, level)


def test_no_other_preposition_of_the_same_verb_is_wrong(questions: dict[str, Question]) -> None:
    right: dict[str, set[str]] = {}
    for pair in load().verb_prepositions:
        right.setdefault(pair.verb, set()).add(pair.preposition)
    for question in questions.values():
        wrong = {option.lower() for option in question.options[1:]}
        kind = question.frame.split(" ")[0]
        if kind == "preposition":
            assert not wrong & right[question.lemma], question
        elif kind in ("da", "wo"):
            compounds = {preposition.compound(kind, each) for each in right[question.lemma]}
            assert not wrong & compounds, question


@pytest.mark.parametrize("table", [WRONG, CASES, PEOPLE, THINGS])
def test_each_line_of_the_tables_has_its_pair(table: str) -> None:
    pairs = {(pair.verb, pair.preposition) for pair in load().verb_prepositions}
    for line in table.strip().splitlines():
        assert tuple(line.split("|")[:2]) in pairs


def test_an_article_has_the_case_of_the_pair() -> None:
    cases = {(pair.verb, pair.preposition): pair.case for pair in load().verb_prepositions}
    for line in CASES.strip().splitlines():
        verb, word, _, articles = line.split("|")
        assert articles.split("/")[0] == {"acc": "den", "dat": "dem"}[cases[verb, word]]


def test_the_preposition_must_stand_once_in_the_example() -> None:
    assert preposition.gapped("Auf dich warte ich.", "auf") == ("___ dich warte ich.", "Auf")
    with pytest.raises(ValueError, match="stands 0 times"):
        preposition.gapped("Ich warte auf dich.", "an")
    with pytest.raises(ValueError, match="stands 2 times"):
        preposition.gapped("Ich warte auf dich auf dem Platz.", "auf")


def test_a_link_stands_before_a_vowel() -> None:
    assert preposition.compound("da", "auf") == "darauf"
    assert preposition.compound("wo", "über") == "worüber"
    assert preposition.compound("wo", "für") == "wofür"


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(preposition.generate(lexicon)) == list(preposition.generate(lexicon))
