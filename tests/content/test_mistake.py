"""One mistake in a sentence: its part is the right option, and nothing else is wrong."""

from functools import cache

import pytest

from content.gates.nouns import Nouns
from content.gates.solver import right_options
from content.generators import mistake
from content.questions import Question
from tests.content.shipped import by_id, questions


@cache
def known() -> Nouns:
    """Return what the package knows: to read it takes longer than to import the tests."""
    return Nouns(["Kaffee", "Stadt", "Wohnung", "Raum", "Plan", "Lehrer", "Wagen"], ())


@pytest.mark.parametrize(
    ("quiz_id", "question", "answer", "rule"),
    [
        (
            "mistake-trinken-participle",
            "Welcher Teil ist falsch? „Gestern hat er den Kaffee getrinkt.“ (trinken)",
            "getrinkt",
            "participle-irregular",
        ),
        (
            "mistake-bummeln-auxiliary",
            "Welcher Teil ist falsch? „Gestern hat er durch die Stadt gebummelt.“ (bummeln)",
            "hat er",
            "perfect-sein",
        ),
        (
            "mistake-mieten-article",
            "Welcher Teil ist falsch? „Gestern hat er einen Wohnung gemietet.“ (mieten)",
            "einen Wohnung",
            "accusative-article",
        ),
    ],
)
def test_what_is_asked(quiz_id: str, question: str, answer: str, rule: str) -> None:
    asked = by_id("mistake")[quiz_id]

    assert (asked.question, asked.answer, asked.rule) == (question, answer, rule)
    assert (asked.kind, asked.accepted) == ("mistake", ())


def test_the_options_are_the_parts_of_the_sentence() -> None:
    for asked in questions("mistake"):
        sentence = asked.question.partition("„")[2].partition(".“")[0]
        assert sorted(" ".join(asked.options).split()) == sorted(sentence.split())
        assert len(asked.options) == 4


def test_no_verb_with_haben_and_sein_is_asked_for_it() -> None:
    for lemma in ("einziehen", "joggen", "schwimmen", "treten"):
        assert f"mistake-{lemma}-auxiliary" not in by_id("mistake")


def test_there_are_enough_of_each() -> None:
    frames = [asked.frame for asked in questions("mistake")]

    assert {frame: frames.count(frame) >= 40 for frame in sorted(set(frames))} == {
        "article": True,
        "auxiliary": True,
        "participle": True,
    }


class TestTheGate:
    @pytest.mark.parametrize(
        ("sentence", "verb", "wrong"),
        [
            ("Gestern hat er den Kaffee getrinkt.", "trinken", {"getrinkt"}),
            ("Gestern hat er der Kaffee getrunken.", "trinken", {"der Kaffee"}),
            ("Gestern ist er den Kaffee getrunken.", "trinken", {"ist er"}),
            ("Gestern hat er den Kaffee getrunken.", "trinken", set()),
            (
                "Gestern ist er der Kaffee getrinkt.",
                "trinken",
                {"ist er", "der Kaffee", "getrinkt"},
            ),
            # "Gestern hat ihn der Lehrer gefragt" is right as well.
            ("Gestern hat er der Lehrer gefragt.", "fragen", {"hat er", "der Lehrer"}),
            ("Gestern hat er der Wagen gezogen.", "ziehen", {"hat er", "der Wagen"}),
            ("Gestern hat er dem Lehrer gefragt.", "fragen", {"dem Lehrer"}),
        ],
    )
    def test_it_finds_every_wrong_part(self, sentence: str, verb: str, wrong: set[str]) -> None:
        first, auxiliary, who, article, noun, last = sentence.rstrip(".").split()
        asked = Question(
            quiz_id="mistake-x",
            family="mistake",
            lemma=verb,
            rule="perfect-haben",
            frame="x",
            question=f"Welcher Teil ist falsch? „{sentence}“ ({verb})",
            options=(f"{auxiliary} {who}", first, f"{article} {noun}", last),
            explanation_de="",
            explanation_en="",
            explanation_uk="",
            level="A2",
            topic="perfect",
        )

        assert set(right_options(asked, known()) or ()) == wrong


def test_wrong_articles_are_wrong_in_the_accusative() -> None:
    assert mistake.WRONG_ARTICLES == {
        "den": "der",
        "die": "den",
        "das": "den",
        "einen": "ein",
        "eine": "einen",
        "ein": "einen",
    }


def test_a_person_is_no_other_subject() -> None:
    """Else "Gestern hat ihn der Schüler gelobt" would mend the sentence, too."""
    asked = by_id("mistake")["mistake-loben-article"]

    assert asked.question == (
        "Welcher Teil ist falsch? „Gestern hat er dem Schüler gelobt.“ (loben)"
    )
    assert asked.answer == "dem Schüler"


def test_a_wrong_article_is_explained_by_gender() -> None:
    asked = by_id("mistake")["mistake-mieten-article"]

    assert asked.explanation_de == (
        "„Wohnung“ ist feminin, also ist der Akkusativ (wen? was?) wie der Nominativ: eine Wohnung."
    )
    assert asked.explanation_en == (
        "“Wohnung” is feminine, so the accusative (wen? was?) is like the nominative: eine Wohnung."
    )
    assert asked.explanation_uk == (
        "«Wohnung» – жіночого роду, тому знахідний відмінок (wen? was?) такий самий, як називний: "
        "eine Wohnung."
    )


def test_of_a_masculine_noun_the_case_is_explained() -> None:
    asked = by_id("mistake")["mistake-loben-article"]

    assert asked.explanation_de == (
        "„Schüler“ ist maskulin, im Akkusativ (wen? was?) wird „der“ zu „den“: den Schüler."
    )
    assert asked.explanation_en == (
        "“Schüler” is masculine, in the accusative (wen? was?) “der” becomes “den”: den Schüler."
    )
    assert asked.explanation_uk == (
        "«Schüler» – чоловічого роду, у знахідному відмінку (wen? was?) «der» змінюється на «den»: "
        "den Schüler."
    )
