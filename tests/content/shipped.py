"""The lexicon and its questions, read and made once for all tests."""

from functools import cache

from content.generators import FAMILIES
from content.loading import load
from content.questions import Question
from content.schema import Lexicon


@cache
def lexicon() -> Lexicon:
    return load()


@cache
def questions(family: str) -> tuple[Question, ...]:
    return tuple(FAMILIES[family](lexicon()))


def by_id(family: str) -> dict[str, Question]:
    return {question.quiz_id: question for question in questions(family)}
