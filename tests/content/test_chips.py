"""Sentences to be put together: every order that is right, and none that is wrong."""

from dataclasses import replace

import pytest

from content.gates import sentence_orders
from content.gates.nouns import Nouns
from content.generators import chips
from content.questions import Question
from quizarena.game import grading
from tests.content.shipped import lexicon as shipped_lexicon

KNOWN = Nouns(["Auto", "Film", "Chef", "Kind", "Ball", "Hose", "Plan", "Prüfung"], ())


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in chips.generate(shipped_lexicon())}


@pytest.mark.parametrize(
    ("quiz_id", "orders"),
    [
        (
            "chips-kopieren-perfect",
            [
                "Er hat das Dokument kopiert.",
                "Das Dokument hat er kopiert.",
                "Kopiert hat er das Dokument.",
                "Das Dokument kopiert hat er.",
            ],
        ),
        (
            "chips-vorstellen-time",
            [
                "Morgen stellt er den Kollegen vor.",
                "Er stellt morgen den Kollegen vor.",
                "Er stellt den Kollegen morgen vor.",
                "Den Kollegen stellt er morgen vor.",
            ],
        ),
        ("chips-ankreuzen-question", ["Warum kreuzt er die Antwort an?"]),
        (
            "chips-schaffen-dass",
            [
                "Wir hoffen, dass er die Prüfung schafft.",
                "Dass er die Prüfung schafft, hoffen wir.",
                "Hoffen wir, dass er die Prüfung schafft.",
            ],
        ),
        (
            "chips-holen-weil",
            [
                "Wir warten, weil er das Brot holt.",
                "Weil er das Brot holt, warten wir.",
                "Er holt das Brot, weil wir warten.",
                "Das Brot holt er, weil wir warten.",
                "Weil wir warten, holt er das Brot.",
                "Warten wir, weil er das Brot holt.",
            ],
        ),
        (
            "chips-aufmachen-weil",
            [
                "Wir warten, weil er das Fenster aufmacht.",
                "Weil er das Fenster aufmacht, warten wir.",
                "Warten wir, weil er das Fenster aufmacht.",
            ],
        ),
        (
            "chips-verkaufen-weil",
            [
                "Wir gehen, weil er das Auto verkauft.",
                "Weil er das Auto verkauft, gehen wir.",
                "Er verkauft das Auto, weil wir gehen.",
                "Das Auto verkauft er, weil wir gehen.",
                "Weil wir gehen, verkauft er das Auto.",
                "Gehen wir, weil er das Auto verkauft.",
            ],
        ),
        (
            "chips-geben-giving",
            [
                "Er gibt dem Kind den Ball.",
                "Er gibt den Ball dem Kind.",
                "Dem Kind gibt er den Ball.",
                "Den Ball gibt er dem Kind.",
            ],
        ),
    ],
)
def test_every_order(questions: dict[str, Question], quiz_id: str, orders: list[str]) -> None:
    asked = questions[quiz_id]

    assert [*asked.options, *asked.accepted] == orders
    assert asked.kind == "order"


def test_no_chip_gives_the_first_place_away(questions: dict[str, Question]) -> None:
    """A word is capital as a chip only if it is so within a sentence: a noun."""
    for asked in questions.values():
        first = grading.chips((asked.answer, *asked.accepted))[0]
        assert first == first.lower(), asked.answer


def test_there_are_enough_and_always_the_same(questions: dict[str, Question]) -> None:
    again = {question.quiz_id: question for question in chips.generate(shipped_lexicon())}

    assert again == questions
    assert len(questions) >= 350
    assert all(3 < len(grading.words_of(one.answer)) <= 9 for one in questions.values())


class TestTheGate:
    """It finds all orders by itself, from the words alone."""

    @pytest.mark.parametrize(
        ("sentence", "count"),
        [
            ("Er will den Film sehen.", 4),
            ("Er hat den Plan geändert.", 4),
            ("Heute fragt er den Chef.", 4),
            ("Heute ruft er den Chef an.", 4),
            ("Wann tauscht er die Hose um?", 1),
            ("Ich glaube, dass er die Prüfung schafft.", 2),
            ("Er gibt dem Kind den Ball.", 4),
            # Either clause is the reason of the other, but for a verb with its prefix joined.
            ("Wir warten, weil er den Plan ändert.", 6),
            ("Wir warten, weil er den Chef anruft.", 3),
            # Wir warten das Auto, weil er verkauft.
            ("Wir warten, weil er das Auto verkauft.", 12),
            ("Wir gehen, weil er das Auto verkauft.", 6),
            # Hoffen wir, dass er die Prüfung schafft; nobody proposes to know.
            ("Wir hoffen, dass er die Prüfung schafft.", 3),
            ("Wir wissen, wann er den Plan ändert.", 2),
            # Er ändert den Plan, wo du fragst.
            ("Du fragst, wo er den Plan ändert.", 5),
            ("Ich weiß, wo er den Plan ändert.", 2),
        ],
    )
    def test_how_many_there_are(self, sentence: str, count: int) -> None:
        found = sentence_orders.right_orders(sentence, KNOWN)

        assert found is not None
        assert len(found) == count
        assert sentence_orders.comparable(sentence) in found

    @pytest.mark.parametrize(
        ("filed", "problems"),
        [
            (["Er will den Film sehen."], 3),
            (
                [
                    "Er will den Film sehen.",
                    "Den Film will er sehen.",
                    "Sehen will er den Film.",
                    "Den Film sehen will er.",
                    "Den Film er will sehen.",
                ],
                1,
            ),
        ],
    )
    def test_it_names_what_is_missing_and_what_is_wrong(
        self, filed: list[str], problems: int
    ) -> None:
        right = sentence_orders.right_orders(filed[0], KNOWN)

        assert right is not None
        assert len(list(sentence_orders.unequal(filed, right))) == problems


def test_a_question_of_another_kind_is_a_new_one() -> None:
    asked = next(chips.generate(shipped_lexicon()))

    assert not asked.has_options
    assert replace(asked, kind="picture").has_options
