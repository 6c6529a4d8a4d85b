"""What holds for the questions of every family."""

import re

import pytest

from content.generators import FAMILIES
from content.questions import Question
from content.schema import LEVELS
from tests.content import shipped


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def questions(request: pytest.FixtureRequest) -> list[Question]:
    return list(shipped.questions(request.param))


def test_an_id_is_short_and_unique(questions: list[Question]) -> None:
    ids = [question.quiz_id for question in questions]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z0-9-]{1,64}", name)] == []


def test_no_two_ask_the_same_of_a_word_in_one_sentence(questions: list[Question]) -> None:
    keys = [(question.lemma, question.rule, question.frame) for question in questions]
    assert len(set(keys)) == len(keys)


def test_options_differ_and_are_two_to_four(questions: list[Question]) -> None:
    for question in questions:
        assert len(question.options) in ((2, 3, 4) if question.has_options else (1,)), question
        assert len({option.casefold() for option in question.options}) == len(question.options)
        assert all(0 < len(option) <= 60 for option in question.options), question


def test_a_question_has_one_gap_or_asks_and_is_explained(questions: list[Question]) -> None:
    for question in questions:
        assert len(question.question) <= 200, question
        asks = (
            question.question.endswith(":")
            if question.kind == "order"
            else "?" in question.question
        )
        assert question.question.count("___") == 1 or asks, question
        for text in (question.explanation_de, question.explanation_en, question.explanation_uk):
            assert 0 < len(text) <= 200, question


def test_topic_and_level_are_those_of_the_rule_card(questions: list[Question]) -> None:
    rules = {rule.id: rule for rule in shipped.lexicon().rules}
    for question in questions:
        rule = rules[question.rule]
        assert question.topic == rule.topic, question
        assert LEVELS.index(question.level) >= LEVELS.index(rule.level), question
