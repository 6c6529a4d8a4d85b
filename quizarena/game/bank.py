"""The question bank: what may be asked, how it is explained, and what comes with the product."""

import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from quizarena.game.models import CHOICES, Kind, Question, QuestionVersion
from quizarena.players.models import Language

# The questions that were written by hand, and those that content/ makes of its lexicon.
SHIPPED = Path(__file__).with_name("questions.csv")
GENERATED = Path(__file__).parents[2] / "content" / "bank"
# Between further right answers in a file.
BETWEEN_ACCEPTED = "|"
ACCEPTED_MAX = 200
# As many chips as make an order.
CHIPS_MIN = 2


def shipped() -> list[Path]:
    """Return the files with the questions that come with the product."""
    return [SHIPPED, *sorted(GENERATED.glob("*.csv"))]


def explanation_for(version: QuestionVersion | Question, language: str) -> str:
    """Return why the answer is right, in the player's language; in German where that is missing."""
    by_language = {
        Language.ENGLISH.value: version.explanation_en,
        Language.UKRAINIAN.value: version.explanation_uk,
    }
    return by_language.get(language[:2]) or version.explanation


def normalise_text(text: str) -> str:
    """Return `text` as the bank keeps it: nothing around it, and each letter in one way only.

    Unicode can write ü as one character or as two; what looks the same has to be the same.
    """
    return unicodedata.normalize("NFC", text).strip()


def shuffled(options: int, rng: random.Random | None = None) -> list[int]:
    """Return an order in which so many options may be shown."""
    return (rng or random.Random()).sample(range(options), options)


def answer_problems(
    *, kind: str, options: Sequence[str], right: int | None, accepted: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield (field, sentence) for what is wrong with the answers of a question. Pure.

    `options` are the four fields, `right` is the number of the right one if it is known.
    """
    names = [f"option_{number}" for number in range(1, len(options) + 1)]
    if kind in CHOICES:
        yield from _choice_problems(names, options)
        if accepted:
            yield "accepted", f"accepted is for {_WRITTEN}: empty it."
    else:
        for name, text in zip(names[1:], options[1:], strict=True):
            if text:
                yield (
                    name,
                    (
                        f"{name} is filled in, but {kind} has no options to choose from: empty it, "
                        "and write what is right as well into accepted."
                    ),
                )
        yield from _accepted_problems(kind, options[0], accepted)
    if right is not None and not options[right] and (options[0] or right):
        yield (
            "correct_option_id",
            (
                f"correct_option_id is {right}, but {names[right]} is empty: point to the right "
                "option."
            ),
        )


_WRITTEN = "typed answers and word orders only"


def _choice_problems(names: Sequence[str], options: Sequence[str]) -> Iterator[tuple[str, str]]:
    filled = [bool(text) for text in options]
    if not filled[1]:
        yield names[1], f"{names[1]} is empty: give two to four options to choose from."
    for number in range(2, len(options)):
        if filled[number] and not filled[number - 1]:
            yield (
                names[number],
                (
                    f"{names[number]} is filled in, but {names[number - 1]} is empty: leave no gap "
                    "between the options."
                ),
            )
    for number, text in enumerate(options):
        first = options.index(text)
        if text and first != number:
            yield (
                names[number],
                f"{names[first]} and {names[number]} are both “{text}”: give different options.",
            )


def _accepted_problems(
    kind: str, answer: str, accepted: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(accepted):
        if not text:
            yield "accepted", "accepted has an empty answer: remove it."
        elif len(text) > ACCEPTED_MAX:
            yield (
                "accepted",
                f"accepted has an answer of {len(text)} characters: shorten it to {ACCEPTED_MAX}.",
            )
        elif BETWEEN_ACCEPTED in text:
            yield "accepted", f"“{text}” has a “{BETWEEN_ACCEPTED}”: write each answer apart."
        elif text == answer or text in accepted[:number]:
            yield "accepted", f"“{text}” is right already: remove it from accepted."
        elif kind == Kind.ORDER and _chips(text) != _chips(answer):
            yield (
                "accepted",
                f"“{text}” does not have the words of option_1, “{answer}”: use each once.",
            )
    if kind == Kind.ORDER and answer and len(_chips(answer)) < CHIPS_MIN:
        yield "option_1", "option_1 has one word, which has no order: write a sentence."


def _chips(sentence: str) -> list[str]:
    """Return the words of a sentence, whatever their order, capitals and punctuation."""
    return sorted(re.findall(r"[\w’'-]+", sentence.casefold()))


def enable(*, question_id: int) -> bool:
    """Let a question be asked; return False if that was so already."""
    return Question.objects.filter(pk=question_id, is_enabled=False).update(is_enabled=True) == 1


def disable(*, question_id: int) -> bool:
    """Let a question be asked no more; return False if that was so already.

    Who has it on the screen unanswered gets it back soon (tasks.refund_withdrawn).
    """
    return Question.objects.filter(pk=question_id, is_enabled=True).update(is_enabled=False) == 1
