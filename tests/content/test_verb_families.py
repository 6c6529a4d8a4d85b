"""What holds for every family about verbs: a question does not depend on the other rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from content.generators import order, past, perfect, preposition, present, separable
from content.loading import load
from content.questions import Question
from content.schema import Lexicon


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load()


@pytest.mark.parametrize(
    ("generate", "gone"),
    [
        (present.generate, "helfen"),
        (perfect.generate, "fahren"),
        (separable.generate, "anrufen"),
        (past.generate, "gehen"),
        (order.generate, "hören"),
    ],
)
def test_a_verb_that_goes_takes_only_its_own_questions(
    lexicon: Lexicon, generate: Callable[[Lexicon], Iterator[Question]], gone: str
) -> None:
    fewer = replace(lexicon, verbs=tuple(verb for verb in lexicon.verbs if verb.verb != gone))
    left = [question for question in generate(lexicon) if question.lemma != gone]
    assert len(left) < len(list(generate(lexicon)))
    assert [question for question in generate(fewer) if question.lemma != gone] == left


def test_a_pair_that_goes_takes_only_its_own_questions(lexicon: Lexicon) -> None:
    fewer = replace(
        lexicon,
        verb_prepositions=tuple(
            pair for pair in lexicon.verb_prepositions if pair.verb != "warten"
        ),
    )
    left = [q for q in preposition.generate(lexicon) if q.lemma != "warten"]
    assert list(preposition.generate(fewer)) == left


def test_without_verbs_no_verb_is_asked(lexicon: Lexicon) -> None:
    empty = replace(lexicon, verbs=())
    assert list(present.generate(empty)) == []
    assert list(perfect.generate(empty)) == []
    assert list(separable.generate(empty)) == []
