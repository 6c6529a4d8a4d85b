"""The lexicon and all of its questions as fixtures."""

import pytest

from content.generators import FAMILIES
from content.questions import Question
from content.schema import Lexicon
from tests.content import shipped


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return shipped.lexicon()


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return [question for family in FAMILIES for question in shipped.questions(family)]
