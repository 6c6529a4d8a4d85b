"""The bank is what the lexicon gives, whole or not at all, and its options are well shuffled."""

from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from content.build import (
    COLUMNS,
    Change,
    as_text,
    build,
    category,
    changes,
    main,
    positions,
    read_bank,
    row,
    small_topics,
    write,
)
from content.generators import FAMILIES
from content.questions import Question
from content.schema import Lexicon

needs_nouns = pytest.mark.skipif(
    find_spec("german_nouns") is None, reason="german-nouns needs Python 3.11 or 3.12"
)

TISCH = Question(
    quiz_id="article-tisch-old",
    family="article",
    lemma="Tisch",
    rule="article-three",
    frame="old",
    question="___ Tisch ist schon alt.",
    options=("Der", "Die", "Das"),
    explanation_de="„Tisch“ ist maskulin: der Tisch.",
    explanation_en="“Tisch” is masculine: der Tisch.",
    explanation_uk="«Tisch» – чоловічого роду: der Tisch.",
    level="A1",
    topic="article-gender",
)
LAMPE = replace(
    TISCH,
    quiz_id="article-lampe-old",
    lemma="Lampe",
    question="___ Lampe ist schon alt.",
    options=("Die", "Der", "Das"),
    explanation_de="„Lampe“ ist feminin: die Lampe.",
    explanation_en="“Lampe” is feminine: die Lampe.",
    explanation_uk="«Lampe» – жіночого роду: die Lampe.",
)


def test_a_row_has_the_columns_of_the_importer() -> None:
    made = row(TISCH)

    assert tuple(made) == COLUMNS
    assert made["correct_answer"] == "Der"
    assert made[f"option_{int(made['correct_option_id']) + 1}"] == "Der"
    assert made["option_4"] == ""
    assert (made["category"], made["kind"]) == ("ARTIKEL_SPRINT", "choice")
    assert made["key"] == "Tisch / article-three / old"


def test_a_topic_with_few_questions_is_drawn_with_the_other_small_ones() -> None:
    """Else the one question about shopping would come as often as all about articles together."""
    many = [replace(TISCH, quiz_id=f"article-{number}") for number in range(20)]
    few = [replace(TISCH, quiz_id=f"few-{number}", topic="compounds") for number in range(19)]

    small = small_topics([*many, *few])

    assert small == {("ARTIKEL_SPRINT", "A1", "compounds")}
    assert row(few[0], small)["topic"] == ""
    assert row(many[0], small)["topic"] == "article-gender"


def test_the_order_of_the_options_is_the_same_in_every_build() -> None:
    again = replace(TISCH, options=("Der", "Das", "Die"))

    assert positions(TISCH) == positions(again)


def test_each_place_is_the_right_one_equally_often(questions: list[Question]) -> None:
    places = Counter(
        row(question)["correct_option_id"] for question in questions if len(question.options) == 4
    )
    count = sum(places.values())

    assert sorted(places) == ["0", "1", "2", "3"]
    assert all(0.23 < places[place] / count < 0.27 for place in places), places


def test_a_change_is_counted_by_family(tmp_path: Path) -> None:
    write([TISCH, LAMPE], tmp_path)
    reworded = replace(TISCH, question="___ Tisch ist noch alt.")
    stuhl = replace(TISCH, quiz_id="article-stuhl-old")

    planned = changes([reworded, stuhl], read_bank(tmp_path))

    assert planned == {"article": Change(added=1, changed=1, removed=1, unchanged=0)}


def test_a_family_that_is_no_more_loses_its_file(tmp_path: Path) -> None:
    write([TISCH, replace(TISCH, quiz_id="plural-tisch", family="plural")], tmp_path)

    write([TISCH], tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == ["article.csv"]
    assert (tmp_path / "article.csv").read_text(encoding="utf-8") == as_text(
        [TISCH], small_topics([TISCH])
    )


@needs_nouns
def test_with_one_fault_nothing_is_written(lexicon: Lexicon, tmp_path: Path) -> None:
    wrong = replace(LAMPE, options=("Der", "Die", "Das"))

    result = build([TISCH, wrong], lexicon, tmp_path)

    assert {fault.quiz_id for fault in result.faults} == {"article-lampe-old"}
    assert list(tmp_path.iterdir()) == []


@needs_nouns
def test_without_a_fault_the_bank_is_written(lexicon: Lexicon, tmp_path: Path) -> None:
    result = build([TISCH, LAMPE], lexicon, tmp_path)

    assert not result.faults
    assert list(read_bank(tmp_path)["article"]) == ["article-tisch-old", "article-lampe-old"]


def test_the_bank_is_what_the_lexicon_gives(questions: list[Question]) -> None:
    changed = {
        family: change
        for family, change in changes(questions, read_bank()).items()
        if change.added or change.changed or change.removed
    }

    assert changed == {}, "run `make content`"
    assert set(read_bank()) == set(FAMILIES)


def test_each_level_of_a_mode_has_questions_for_some_days(questions: list[Question]) -> None:
    """A player rises to every level that a mode has, and is then asked mostly from there."""
    counts = Counter((category(question), question.level) for question in questions)

    assert {level: count for level, count in counts.items() if count < 40} == {}


@pytest.mark.parametrize(
    ("arguments", "unknown"),
    [(["--chek"], "--chek"), (["--check", "-v", "connectors", "--fast"], "-v, --fast")],
)
def test_an_unknown_option_is_refused_with_what_to_write(
    capsys: pytest.CaptureFixture[str], arguments: list[str], unknown: str
) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().out == (
        f"{unknown}: no such option. Leave it out to build the bank, or write --check to write "
        "nothing, with a family behind it to look at that alone. Nothing was written.\n"
    )


def test_one_family_is_not_built_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connectors", "upper"]) == 1
    assert capsys.readouterr().out == (
        "A bank is built whole. To look at connectors, upper alone, write --check connectors upper."
        " Nothing was written.\n"
    )
