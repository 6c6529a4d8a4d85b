"""Questions that are there already."""

import re
from collections.abc import Iterable, Iterator

from content.gates.faults import Fault
from content.questions import Question

_SIGNS = re.compile(r"[\W_]+")


def check(questions: Iterable[Question]) -> Iterator[Fault]:
    """Yield each question whose (lemma, rule, frame), or whose text and answer, another one has."""
    keys: dict[tuple[str, ...], str] = {}
    texts: dict[tuple[str, ...], str] = {}
    for question in questions:
        key = (question.family, question.lemma, question.rule, question.frame)
        # The same sentence with the same answer, however it is written and shuffled.
        text = (
            normalised(question.question),
            normalised(question.answer),
            normalised(re.sub(r".*\(", "(", question.question)),
        )
        for kind, value, known in (
            ("lemma, rule and frame", key, keys),
            ("text and answer", text, texts),
        ):
            other = known.setdefault(value, question.quiz_id)
            if other != question.quiz_id:
                yield Fault(question.quiz_id, "repeat", f"has {kind} of {other}")


def normalised(text: str) -> str:
    """Return the words of `text` alone."""
    return _SIGNS.sub(" ", text.casefold()).strip()
