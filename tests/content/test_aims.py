"""What the bank is to have: so many questions of each level, and no topic that is taught empty."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from content.loading import load
from content.questions import Question
from content.schema import LEVELS

BY_HAND = Path(__file__).resolve().parents[2] / "quizarena" / "game" / "questions.csv"
# What learners of each level expect, and what the first bank had nothing of.
TAUGHT = {
    "A1": """plural possessives numbers clock imperative ja-nein-doch es-gibt present-tense dates
        family food clothes body home jobs countries colours shopping""",
    "A2": """da-wo-words indefinite-pronouns lassen adjective-endings preterite names-genitive
        health offices bank travel work feasts""",
    "B1": """two-part-connectors purpose ohne-statt-zu time-clauses future passive-past
        nominalised-adjectives brauchen-zu tekamolo application environment media education""",
    "B2": """subjunctive-1 subjunctive-2-past passive-alternatives participial-attributes
        noun-verb-phrases connectors-advanced als-ob modal-particles science politics economy""",
}


def by_hand(column: str) -> list[str]:
    """Return what the questions that were written first have in a column."""
    with BY_HAND.open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def test_there_are_enough_questions_of_each_level(questions: list[Question]) -> None:
    counts = Counter([*by_hand("level"), *(question.level for question in questions)])

    assert counts.total() >= 5_000
    least = {"A1": 900, "A2": 900, "B1": 900, "B2": 500}
    assert {level: count for level, count in counts.items() if count < least[level]} == {}
    assert set(counts) == set(LEVELS)


@pytest.mark.parametrize("level", LEVELS)
def test_no_topic_that_is_taught_is_empty(level: str, questions: list[Question]) -> None:
    counts = Counter([*by_hand("topic"), *(question.topic for question in questions)])

    assert [topic for topic in TAUGHT[level].split() if not counts[topic]] == []


def test_every_question_is_explained_in_three_languages(questions: list[Question]) -> None:
    unexplained = [
        question.quiz_id
        for question in questions
        if not (question.explanation_de and question.explanation_en and question.explanation_uk)
    ]

    assert unexplained == []


def test_the_lexicon_is_as_large_as_it_was_to_be() -> None:
    lexicon = load()

    assert len(lexicon.verbs) >= 450
    assert len(lexicon.verb_prepositions) >= 90
    assert len(lexicon.rules) >= 150
