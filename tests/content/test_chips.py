"""Sentences to be put together: every order that is right, and none that is wrong."""

from dataclasses import replace
from functools import cache

import pytest

from content.gates import sentence_orders
from content.gates.nouns import Nouns
from content.generators import chips
from content.questions import Question
from quizarena.game import grading
from tests.content.shipped import lexicon as shipped_lexicon


@cache
def known() -> Nouns:
    """Return what the package knows: to read it takes longer than to import the tests."""
    return Nouns(
        [
            *("Auto", "Film", "Adresse", "Kind", "Ball", "Hose", "Plan", "Prüfung", "Spiel"),
            *("Brot", "Pizza", "Kabel", "Kollege", "Lehrer", "Freund", "Arzt", "Zigarette"),
            "Blume",
        ],
        (),
    )


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
                "Bald stellt er den Kollegen vor.",
                "Er stellt bald den Kollegen vor.",
                "Er stellt den Kollegen bald vor.",
                "Den Kollegen stellt er bald vor.",
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
            "chips-loesen-weil",
            [
                "Wir warten, weil er das Problem löst.",
                "Weil er das Problem löst, warten wir.",
                "Er löst das Problem, weil wir warten.",
                "Das Problem löst er, weil wir warten.",
                "Weil wir warten, löst er das Problem.",
                "Warten wir, weil er das Problem löst.",
                "Er löst, weil wir warten, das Problem.",
            ],
        ),
        (
            "chips-zurueckgeben-weil",
            [
                "Wir warten, weil er das Buch zurückgibt.",
                "Weil er das Buch zurückgibt, warten wir.",
                "Warten wir, weil er das Buch zurückgibt.",
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
                "Er verkauft, weil wir gehen, das Auto.",
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
            ("Heute fragt er den Freund.", 4),
            ("Heute ruft er den Freund an.", 4),
            ("Wann zieht er die Hose an?", 1),
            ("Ich glaube, dass er die Prüfung schafft.", 2),
            ("Er gibt dem Kind den Ball.", 4),
            # Either clause is the reason of the other, but for a verb with its prefix joined.
            ("Wir warten, weil er den Plan ändert.", 7),
            ("Wir warten, weil er den Freund anruft.", 3),
            # Wir warten das Auto, weil er verkauft.
            ("Wir warten, weil er das Auto verkauft.", 14),
            ("Wir gehen, weil er das Auto verkauft.", 7),
            # Hoffen wir, dass er die Prüfung schafft; nobody proposes to know.
            ("Wir hoffen, dass er die Prüfung schafft.", 3),
            ("Wir wissen, wann er den Plan ändert.", 2),
            # Er ändert den Plan, wo du fragst.
            ("Du fragst, wo er den Plan ändert.", 5),
            ("Ich weiß, wo er den Plan ändert.", 2),
            # Ab heute schließt er die Tür. Ab wann schließt er die Tür?
            ("Heute schließt er die Hose ab.", 8),
            ("Bald schließt er die Hose ab.", 4),
            ("Wann schließt er die Hose ab?", 2),
            ("Warum schließt er die Hose ab?", 1),
            # Das Spiel heute gewinnt er; gewinnt er das Spiel heute.
            ("Heute gewinnt er das Spiel.", 5),
            # Er schreibt bald auf die Adresse.
            ("Bald schreibt er die Adresse auf.", 8),
            # Pizza will er eine bestellen.
            ("Er will eine Pizza bestellen.", 5),
            # Das weiß ich, dass er Brot schneidet; and with the clause or "ich" in front.
            ("Ich weiß, dass er das Brot schneidet.", 5),
            ("Er raucht, weil wir warten, eine Zigarette.", 8),
            # Brot, das soll er holen. Brot holen, das soll er. Blumen, die gießt er jetzt.
            ("Er soll das Brot holen.", 6),
            ("Jetzt gießt er die Blumen.", 5),
            # Wir zwei hoffen, dass er die Kabel verbindet.
            ("Wir hoffen, dass er die zwei Kabel verbindet.", 6),
            # Wir Kinder warten, weil er die weckt.
            ("Wir warten, weil er die Kinder weckt.", 15),
            # Ich glaube den Kollegen, dass er vertritt.
            ("Ich glaube, dass er den Kollegen vertritt.", 5),
            # Du fragst den Arzt, warum er anruft.
            ("Du fragst, warum er den Arzt anruft.", 5),
            # Er überzeugt den Freund, dass wir hoffen.
            ("Wir hoffen, dass er den Freund überzeugt.", 6),
            # Er bringt dem Kaffee den Freund.
            ("Er bringt dem Lehrer den Ball.", 8),
        ],
    )
    def test_how_many_there_are(self, sentence: str, count: int) -> None:
        found = sentence_orders.right_orders(sentence, known())

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
        right = sentence_orders.right_orders(filed[0], known())

        assert right is not None
        assert len(list(sentence_orders.unequal(filed, right))) == problems


def test_a_question_of_another_kind_is_a_new_one() -> None:
    asked = next(chips.generate(shipped_lexicon()))

    assert not asked.has_options
    assert replace(asked, kind="picture").has_options
