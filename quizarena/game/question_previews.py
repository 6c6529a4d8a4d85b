"""A question as a player sees it, for pages of the admin (templates/game/asked.html)."""

from typing import Any

from quizarena.game import grading
from quizarena.game.models import Kind, Question


def asked(question: Question) -> dict[str, Any]:
    """Return what a chat shows of a question, and of what kind it is; fit for JSON.

    Options stand in the bank's order; words that are to be put in order by the alphabet.
    """
    picture, _space, rest = question.question.partition(" ")
    is_picture = question.kind == Kind.PICTURE and rest != ""
    is_order = question.kind == Kind.ORDER
    words = grading.chips([question.correct_answer, *question.accepted]) if is_order else []
    return {
        "code": question.kind,
        "picture": picture if is_picture else "",
        "asked": rest if is_picture else question.question,
        "options": question.options,
        "correct_option_id": question.correct_option_id,
        "words": sorted(words, key=str.casefold),
    }
