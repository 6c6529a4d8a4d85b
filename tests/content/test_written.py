"""Questions written by hand: what their files must hold, and what is made of them."""

from pathlib import Path

import pytest

from content import build
from content.build import positions, row
from content.gates import repeats
from content.gates.faults import Fault
from content.generators import FAMILIES
from content.loading import LexiconError, load
from content.questions import Question
from content.schema import WRITTEN_FAMILIES
from tests.content import shipped
from tests.content.test_first_bank import by_hand, needs_nouns

HEADER = (
    "id,level,category,topic,rule,question,right,wrong_1,wrong_2,wrong_3,"
    "explanation,explanation_en,explanation_uk\n"
)
WEIL = (
    "connectors-weil-bus,A2,QUICK_MIX_A1A2,clauses,weil,Ich bin zu spät ___ der Bus nicht kam.,"
    "weil,denn,trotzdem,,Ein Grund: weil.,A reason: weil.,Причина: «weil».\n"
)
ORDER = (
    "connectors-weil-ende,B1,WORD_ORDER,clauses,weil,Ich schlafe ___,weil ich müde bin.,"
    "weil ich bin müde.,weil bin ich müde.,weil müde ich bin.,"
    "Das Verb steht am Ende.,The verb stands at the end.,Дієслово стоїть у кінці.\n"
)
RULES = (
    "- id: weil\n"
    "  level: A2\n"
    "  topic: clauses\n"
    "  title: {de: Weil, en: Because, uk: Бо}\n"
    "  text: {de: Das Verb am Ende., en: The verb at the end., uk: Дієслово в кінці.}\n"
    "  examples:\n"
    "    - {de: weil ich komme, en: because I come, uk: 'бо я йду'}\n"
)
TOPICS = "- {id: clauses, level: A2, title: {de: Nebensätze, en: Clauses, uk: Речення}}\n"


def lexicon(directory: Path, text: str | bytes, name: str = "connectors.csv") -> Path:
    """Write a file of questions, with one card and one topic."""
    (directory / "written").mkdir(exist_ok=True)
    (directory / "rules.yaml").write_text(RULES, encoding="utf-8")
    (directory / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    content = text if isinstance(text, bytes) else text.encode()
    (directory / "written" / name).write_bytes(content)
    return directory


def made(directory: Path, text: str) -> list[Question]:
    return list(FAMILIES["connectors"](load(lexicon(directory, text))))


def test_a_row_is_a_question_with_its_own_mode(tmp_path: Path) -> None:
    first, second = made(tmp_path, HEADER + WEIL + ORDER)

    assert first == Question(
        quiz_id="connectors-weil-bus",
        family="connectors",
        lemma="weil-bus",
        rule="weil",
        frame="written",
        question="Ich bin zu spät ___ der Bus nicht kam.",
        options=("weil", "denn", "trotzdem"),
        explanation_de="Ein Grund: weil.",
        explanation_en="A reason: weil.",
        explanation_uk="Причина: «weil».",
        level="A2",
        topic="clauses",
        category="QUICK_MIX_A1A2",
    )
    assert (second.level, second.category) == ("B1", "WORD_ORDER")
    assert second.options[0] == "weil ich müde bin."


def test_in_the_bank_it_has_its_own_mode_and_its_options_are_shuffled(tmp_path: Path) -> None:
    first, second = made(tmp_path, HEADER + WEIL + ORDER)

    assert row(first)["category"] == "QUICK_MIX_A1A2"
    assert row(second)["category"] == "WORD_ORDER"
    assert row(second)["key"] == "weil-ende / weil / written"
    assert positions(second) == tuple(row(second)[f"option_{number}"] for number in range(1, 5))
    assert row(second)["correct_answer"] == "weil ich müde bin."


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            WEIL.replace("connectors-weil-bus", "weil-bus"),
            (
                "connectors.csv, line 2, id: 'weil-bus' does not begin with the family; "
                "write connectors-weil-bus"
            ),
        ),
        (
            WEIL.replace("connectors-weil-bus", "connectors-Weil"),
            (
                "connectors.csv, line 2, id: 'connectors-Weil' is no id; "
                "use a-z, 0-9 and single hyphens"
            ),
        ),
        (
            WEIL.replace(",A2,", ",C1,"),
            "connectors.csv, line 2, level: 'C1' is none of A1, A2, B1, B2; write one of them",
        ),
        (
            WEIL.replace(",A2,", ",A1,"),
            (
                "connectors.csv, line 2, level: A1 is below the card 'weil'; "
                "write A2 or name another card"
            ),
        ),
        (
            WEIL.replace("QUICK_MIX_A1A2", "ARTIKEL_SPRINT"),
            (
                "connectors.csv, line 2, category: 'ARTIKEL_SPRINT' is none of QUICK_MIX_A1A2, "
                "WORD_ORDER; write one of them"
            ),
        ),
        (
            WEIL.replace(",clauses,", ",order,"),
            "connectors.csv, line 2, topic: 'order' is not that of the card 'weil'; write clauses",
        ),
        (
            WEIL.replace(",weil,Ich", ",because,Ich"),
            (
                "connectors.csv, line 2, rule: 'because' is not in rules.yaml; "
                "add the card or name another"
            ),
        ),
        (
            WEIL.replace("weil,denn,", "weil,,"),
            "connectors.csv, line 2, wrong_1: is empty; fill it in",
        ),
        (
            WEIL.replace("denn,trotzdem,,", "denn,,trotzdem,"),
            (
                "connectors.csv, line 2, wrong_2: is empty, but wrong_3 is not; "
                "fill them in this order"
            ),
        ),
        (
            WEIL.replace("denn,trotzdem", "denn,weil"),
            "connectors.csv, line 2, wrong_2: 'weil' is the right option; write a wrong one",
        ),
        (
            # With a Cyrillic е it looks like the right one.
            WEIL.replace("denn,trotzdem", "denn,w\u0435il"),
            "connectors.csv, line 2, wrong_2: has Cyrillic letters; write the German here",
        ),
        (
            WEIL.replace(",weil,denn", ",w\u0435il,denn"),
            "connectors.csv, line 2, right: has Cyrillic letters; write the German here",
        ),
        (
            WEIL.replace("A reason: weil.", "Причина: weil."),
            (
                "connectors.csv, line 2, explanation_en: has Cyrillic letters; "
                "the Ukrainian belongs into uk"
            ),
        ),
        (
            WEIL.replace("Причина", "Объяснение"),
            (
                "connectors.csv, line 2, explanation_uk: 'ъ' is no Ukrainian letter; "
                "write Ukrainian here"
            ),
        ),
        (
            WEIL.replace("Причина: «weil».", "weil."),
            (
                "connectors.csv, line 2, explanation_uk: has no Cyrillic letter; "
                "write the Ukrainian here"
            ),
        ),
        (
            WEIL + WEIL.replace("Bus", "Zug"),
            (
                "connectors.csv, line 3, id: 'connectors-weil-bus' stands in line 2 already; "
                "remove or change one"
            ),
        ),
        (
            WEIL + WEIL.replace("weil-bus", "weil-bus-2"),
            (
                "connectors.csv, line 3, question: 'Ich bin zu spät ___ der Bus nicht kam.' stands "
                "in line 2 already; remove or change one"
            ),
        ),
        (
            WEIL.replace("Ein Grund:", "Ein Grund, klar:"),
            (
                "connectors.csv, line 2: has 14 fields, the header 13; look for a comma that is "
                "missing, or that needs quotes round its field"
            ),
        ),
    ],
)
def test_a_bad_row_is_named_with_what_to_do(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(LexiconError) as raised:
        load(lexicon(tmp_path, HEADER + text))

    assert str(raised.value).splitlines() == [complaint]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            (HEADER + WEIL).encode("cp1252", errors="replace"),
            (
                "connectors.csv, line 2, question: 'ä' is in Windows-1252 or the like; "
                "save the file as UTF-8"
            ),
        ),
        (
            (HEADER.replace(",topic", "") + WEIL).encode(),
            "connectors.csv, line 1, topic: is missing from the header; it is " + HEADER.strip(),
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(LexiconError) as raised:
        load(lexicon(tmp_path, content))

    assert str(raised.value) == complaint


def test_a_file_of_no_family_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(LexiconError) as raised:
        load(lexicon(tmp_path, HEADER + WEIL, "connector.csv"))

    assert str(raised.value) == (
        "connector.csv: belongs to no family; "
        "the files here are connectors.csv, upper.csv, phrases.csv"
    )


def test_only_the_families_that_are_named_are_read(tmp_path: Path) -> None:
    path = lexicon(tmp_path, HEADER + WEIL.replace(",A2,", ",C1,"))

    assert load(path, families=["upper"]).written == ()


@needs_nouns
def test_a_family_can_be_looked_at_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check", "connectors"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(
        "connectors: 278 questions (A1 0, A2 66, B1 111, B2 101); not understood"
    )


def test_a_family_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check", "conectors"]) == 1
    assert capsys.readouterr().out.startswith("conectors: no such family; there are article, ")


@pytest.mark.parametrize("family", WRITTEN_FAMILIES)
def test_none_asks_what_the_first_bank_asks(family: str) -> None:
    found = list(repeats.check([*by_hand(), *shipped.questions(family)]))

    assert found == list[Fault]()
