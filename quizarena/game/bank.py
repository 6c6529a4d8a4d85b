"""The question bank: what may be asked, and the questions that come with the product."""

import random
import unicodedata
from pathlib import Path

from quizarena.game.models import Question

SHIPPED = Path(__file__).with_name("questions.csv")


def normalise_text(text: str) -> str:
    """Return `text` as the bank keeps it: nothing around it, and each letter in one way only.

    Unicode can write ü as one character or as two; what looks the same has to be the same.
    """
    return unicodedata.normalize("NFC", text).strip()


def shuffled(options: int, rng: random.Random | None = None) -> list[int]:
    """Return an order in which so many options may be shown."""
    return (rng or random.Random()).sample(range(options), options)


def enable(*, question_id: int) -> bool:
    """Let a question be asked; return False if that was so already."""
    return Question.objects.filter(pk=question_id, is_enabled=False).update(is_enabled=True) == 1


def disable(*, question_id: int) -> bool:
    """Let a question be asked no more; return False if that was so already.

    Who has it on the screen unanswered gets it back soon (tasks.refund_withdrawn).
    """
    return Question.objects.filter(pk=question_id, is_enabled=True).update(is_enabled=False) == 1
