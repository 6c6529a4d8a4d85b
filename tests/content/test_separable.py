"""Questions for separable verbs."""

import pytest

from content.generators import separable
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in separable.generate(load())}


@pytest.mark.parametrize(
    ("name", "text", "options", "level"),
    [
        (
            "aufstehen-main",
            "Lena ___ um sechs Uhr auf. (aufstehen)",
            ("steht", "aufsteht", "stehen", "steh"),
            "A1",
        ),
        (
            "anrufen-question",
            "___ du den Arzt an? (anrufen)",
            ("Rufst", "Anrufst", "Rufen", "Ruft"),
            "A1",
        ),
        (
            "anrufen-clause",
            "Ich glaube, dass Lena den Arzt ___. (anrufen)",
            ("anruft", "ruft an", "anrufen", "anzurufen"),
            "A2",
        ),
        (
            "absagen-modal",
            "Lena kann den Termin ___. (absagen)",
            ("absagen", "absagt", "abzusagen", "sagt ab"),
            "A2",
        ),
        (
            "aussteigen-perfect",
            "Mia ist am Bahnhof ___. (aussteigen)",
            ("ausgestiegen", "geausstiegen", "ausgesteigt", "ausstiegen"),
            "A2",
        ),
        (
            "vorbereiten-perfect",
            "Anna hat das Essen ___. (vorbereiten)",
            ("vorbereitet", "vorgebereitet", "gevorbereitet", "vorbereiten"),
            "A2",
        ),
        (
            "umruehren-zu",
            "Jan versucht, die Suppe ___. (umrühren)",
            ("umzurühren", "zu umrühren", "umrühren", "um zu rühren"),
            "B1",
        ),
    ],
)
def test_a_kind_of_sentence(
    questions: dict[str, Question], name: str, text: str, options: tuple[str, ...], level: str
) -> None:
    question = questions[f"separable-{name}"]
    assert (question.question, question.options, question.level) == (text, options, level)


def test_a_named_subject_has_a_small_article_within_the_sentence(
    questions: dict[str, Question],
) -> None:
    question = questions["separable-ausbilden-clause"]
    assert question.question == "Ich frage mich, ob die Firma viele Köche ___. (ausbilden)"


def test_only_separable_verbs_are_asked(questions: dict[str, Question]) -> None:
    lemmas = {question.lemma for question in questions.values()}
    assert "anrufen" in lemmas
    assert not lemmas & {"wiederholen", "unterschreiben", "übersetzen", "frühstücken"}


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(separable.generate(lexicon)) == list(separable.generate(lexicon))


def test_what_may_be_written_apart_is_never_wrong(questions: dict[str, Question]) -> None:
    for quiz_id, option in (
        ("separable-fertigmachen-zu", "fertig zu machen"),
        ("separable-zusammenarbeiten-zu", "zusammen zu arbeiten"),
    ):
        assert option not in questions[quiz_id].options
        assert len(questions[quiz_id].options) == 4
    assert "an zu nehmen" in questions["separable-annehmen-zu"].options
