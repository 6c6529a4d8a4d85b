"""The families of questions: each makes its questions from the lexicon.

A generator is pure: the same lexicon gives the same questions with the same ids.
"""

from collections.abc import Callable, Iterator

from content.generators import (
    adjective,
    article,
    case,
    chips,
    comparison,
    mistake,
    numbers,
    order,
    past,
    perfect,
    plural,
    preposition,
    present,
    separable,
    typed,
    vocabulary,
    written,
)
from content.questions import Question
from content.schema import WRITTEN_FAMILIES, Lexicon

FAMILIES: dict[str, Callable[[Lexicon], Iterator[Question]]] = {
    "article": article.generate,
    "plural": plural.generate,
    "case": case.generate,
    "adjective": adjective.generate,
    "comparison": comparison.generate,
    "vocabulary": vocabulary.generate,
    "present": present.generate,
    "perfect": perfect.generate,
    "separable": separable.generate,
    "past": past.generate,
    "order": order.generate,
    "preposition": preposition.generate,
    "numbers": numbers.generate,
    "typed": typed.generate,
    "chips": chips.generate,
    "mistake": mistake.generate,
    **{family: written.family(family) for family in WRITTEN_FAMILIES},
}
