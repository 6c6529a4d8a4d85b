"""Questions that somebody has written, as they stand in the lexicon."""

from collections.abc import Callable, Iterator

from content.questions import Question
from content.schema import Lexicon


def family(name: str) -> Callable[[Lexicon], Iterator[Question]]:
    """Return the generator of the questions in the file of `name`."""

    def generate(lexicon: Lexicon) -> Iterator[Question]:
        for row in lexicon.written:
            if row.family == name:
                yield Question(
                    quiz_id=row.id,
                    family=name,
                    # Each asks something of its own: the id says what.
                    lemma=row.id.removeprefix(f"{name}-"),
                    rule=row.rule,
                    frame="written",
                    question=row.question,
                    options=(row.right, *row.wrong),
                    explanation_de=row.explanation.de,
                    explanation_en=row.explanation.en,
                    explanation_uk=row.explanation.uk,
                    level=row.level,
                    topic=row.topic,
                    category=row.category,
                )

    return generate
