"""Words of a sentence that are put down one by one, in a round and in a review."""

from quizarena.game.errors import ChipGoneError, StaleTapError
from quizarena.game.models import WritableQuestion


def put_down(question: WritableQuestion, chip: int) -> bool:
    """Put a word down behind the others; return whether it was the last one. Writes nothing.

    Raises ChipGoneError for a word that stands there already, and StaleTapError for none of its.
    """
    if chip in question.placed:
        raise ChipGoneError("the word stands in the sentence")
    if chip not in question.chips:
        raise StaleTapError("there is no such word")
    question.placed.append(chip)
    return len(question.placed) == len(question.chips)


def take_back(question: WritableQuestion, *, placed: int) -> None:
    """Take the last word back, if so many were put down as the player saw. Writes nothing.

    Raises ChipGoneError if it was taken back already.
    """
    if placed < 1 or len(question.placed) != placed:
        raise ChipGoneError("the word was taken back")
    question.placed.pop()
