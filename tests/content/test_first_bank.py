"""The questions written by hand: what the gates can say of them, and what was decided of them."""

import csv
from importlib.util import find_spec
from pathlib import Path

import pytest

from content.build import BANK, COLUMNS
from content.gates import explanations, repeats, solver, spelling, texts
from content.gates.faults import read_decisions
from content.gates.nouns import Nouns
from content.questions import Question
from content.schema import Lexicon

needs_nouns = pytest.mark.skipif(
    find_spec("german_nouns") is None, reason="german-nouns needs Python 3.11 or 3.12"
)
FILE = Path(__file__).parents[2] / "quizarena" / "game" / "questions.csv"
# Words of the stems that no list has; read one by one.
KNOWN = frozenset(
    {
        *("morgens", "Luca", "Vielleicht", "NICHT", "feminine", "heit", "still", "allein", "Oh"),
        *("denen", "Nachdem", "Monats", "trennbar", "Draußen", "Obwohl", "Bevor", "genug"),
    }
)


def rows() -> dict[str, dict[str, str]]:
    """Return the rows of the file by their ids."""
    with FILE.open(encoding="utf-8", newline="") as opened:
        return {row["quiz_id"]: row for row in csv.DictReader(opened)}


def by_hand() -> list[Question]:
    """Return the questions as the gates read them; each is a frame of its own."""
    return [
        Question(
            quiz_id=row["quiz_id"],
            family=row["quiz_id"].split("-")[0],
            lemma=row["key"],
            rule=row["rule"],
            frame=row["quiz_id"],
            question=row["question"],
            options=(
                row["correct_answer"],
                *(
                    text
                    for number in range(1, 5)
                    if (text := row[f"option_{number}"]) and text != row["correct_answer"]
                ),
            ),
            explanation_de=row["explanation"],
            explanation_en=row["explanation_en"],
            explanation_uk=row["explanation_uk"],
            level=row["level"],
            topic=row["topic"],
        )
        for row in rows().values()
    ]


def nouns() -> Nouns:
    """Return the nouns of the package that the texts have."""
    asked = by_hand()
    explained = {word for question in asked for word in question.explanation_de.split()}
    return Nouns(
        solver.words_of(asked) | {word.strip("„“.,:;") for word in explained}, read_decisions()
    )


def test_the_file_has_the_columns_of_the_generated_ones() -> None:
    with FILE.open(encoding="utf-8", newline="") as opened:
        assert tuple(next(csv.reader(opened))) == COLUMNS


def test_each_is_explained_in_three_languages() -> None:
    missing = [
        quiz_id
        for quiz_id, row in rows().items()
        if not (row["explanation"] and row["explanation_en"] and row["explanation_uk"])
    ]

    assert missing == []


def test_each_text_is_as_the_generated_ones_are() -> None:
    found = [
        str(fault)
        for question in by_hand()
        # By hand, a rule may be asked under several topics.
        for fault in texts.check(
            [question], {question.rule: question.topic}, frozenset([question.topic])
        )
    ]

    assert found == []


@needs_nouns
def test_the_three_languages_name_the_same_cases_and_the_right_genders() -> None:
    assert [str(fault) for fault in explanations.check(by_hand(), nouns())] == []


@needs_nouns
def test_each_word_is_known(lexicon: Lexicon) -> None:
    words = spelling.known_words(lexicon) | KNOWN

    assert [str(fault) for fault in spelling.check(by_hand(), words, nouns())] == []


def test_none_asks_what_another_one_asks() -> None:
    assert [str(fault) for fault in repeats.check(by_hand())] == []


def test_each_has_a_rule_card_and_a_topic_that_exist(lexicon: Lexicon) -> None:
    cards = {card.id for card in lexicon.rules}
    topics = {topic.id for topic in lexicon.topics}

    for row in rows().values():
        assert row["rule"] in cards, row["quiz_id"]
        assert row["topic"] in topics | {""}, row["quiz_id"]


def test_no_topic_of_a_mode_is_so_small_that_its_questions_come_every_day() -> None:
    counts: dict[tuple[str, str, str], int] = {}
    for path in [FILE, *BANK.glob("*.csv")]:
        with path.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened):
                drawn_from = (row["category"], row["level"], row["topic"])
                counts[drawn_from] = counts.get(drawn_from, 0) + 1

    assert {drawn_from for drawn_from, count in counts.items() if count < 10} == set()


@pytest.mark.parametrize(
    ("quiz_id", "level"),
    [
        ("cp-026", "A2"),
        ("cp-028", "A2"),
        ("tv-022", "A2"),
        ("tv-015", "B1"),
        ("wo-021", "A1"),
        ("wo-022", "A1"),
        ("as-044", "A2"),
    ],
)
def test_the_level_that_a_teacher_has_decided(quiz_id: str, level: str) -> None:
    assert rows()[quiz_id]["level"] == level


@pytest.mark.parametrize("quiz_id", ["as-021", "as-022", "as-033", "tv-030"])
def test_of_two_that_ask_the_same_one_is_left(quiz_id: str) -> None:
    assert quiz_id not in rows()


def test_what_swiss_standard_allows_is_no_distractor() -> None:
    """In Switzerland one says „jemandem anrufen“."""
    row = rows()["cp-003"]

    assert "mir" not in {row[f"option_{number}"] for number in range(1, 5)}
