"""What the generators of verbs and sentences share: choosing, naming and asking."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from content.questions import Question
from content.schema import LEVELS, Lexicon, RuleCard

QUESTION_MAX = 200
OPTION_MAX = 60
EXPLANATION_MAX = 200
OPTIONS_MAX = 4
# Of an answer that is typed or put together.
ANSWER_MAX = 100
ID_MAX = 64

NAMES = ("Anna", "Paul", "Lena", "Tom", "Mia", "Jan")

_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

Item = TypeVar("Item")


def number(key: str) -> int:
    """Return a number that is the same for `key` in every build."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])


def pick(key: str, items: Sequence[Item]) -> Item:
    """Return one of `items`, always the same for `key`."""
    return items[number(key) % len(items)]


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower().translate(_ASCII)).strip("-")


def harder(first: str, second: str) -> str:
    """Return the higher of two levels."""
    return max(first, second, key=LEVELS.index)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class Cards:
    """The rule cards of a lexicon, by id."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._cards: dict[str, RuleCard] = {card.id: card for card in lexicon.rules}

    def __contains__(self, rule: str) -> bool:
        return rule in self._cards

    def ask(
        self,
        *,
        family: str,
        lemma: str,
        rule: str,
        frame: str,
        question: str,
        right: str,
        wrong: Iterable[str],
        explanation: tuple[str, str, str],
        level: str = "A1",
        name: str = "",
    ) -> Question:
        """Return a question with the first three of `wrong` that differ.

        `explanation` is German, English, Ukrainian; `level` that of the word, and the rule's counts
        where it is higher. `name` stands for lemma and frame in the id. Raises `ValueError` for
        what is too long and for a question without a wrong option.
        """
        options = [right]
        for option in wrong:
            if option and option not in options and len(options) < OPTIONS_MAX:
                options.append(option)
        quiz_id = f"{family}-{slug(name or f'{lemma} {frame}')}"
        too_long = (
            len(question) > QUESTION_MAX
            or any(len(option) > OPTION_MAX for option in options)
            or any(len(text) > EXPLANATION_MAX for text in explanation)
            or len(quiz_id) > ID_MAX
        )
        if too_long or len(options) < 2:
            raise ValueError(f"{quiz_id} is too long or has no wrong option: {question} {options}")
        return self._question(
            quiz_id=quiz_id,
            family=family,
            lemma=lemma,
            rule=rule,
            frame=frame,
            question=question,
            options=tuple(options),
            explanation=explanation,
            level=level,
        )

    def ask_without_options(
        self,
        *,
        family: str,
        kind: str,
        lemma: str,
        rule: str,
        frame: str,
        question: str,
        right: str,
        explanation: tuple[str, str, str],
        level: str,
        name: str,
        accepted: tuple[str, ...] = (),
    ) -> Question:
        """Return a question that is answered by typing or by words in an order.

        `accepted` are further right answers. Raises `ValueError` for what is too long.
        """
        quiz_id = f"{family}-{slug(name)}"
        too_long = (
            len(question) > QUESTION_MAX
            or any(len(answer) > ANSWER_MAX for answer in (right, *accepted))
            or any(len(text) > EXPLANATION_MAX for text in explanation)
            or len(quiz_id) > ID_MAX
        )
        if too_long:
            raise ValueError(f"{quiz_id} is too long: {question} {right}")
        return self._question(
            quiz_id=quiz_id,
            family=family,
            lemma=lemma,
            rule=rule,
            frame=frame,
            question=question,
            options=(right,),
            explanation=explanation,
            level=level,
            kind=kind,
            accepted=accepted,
        )

    def _question(
        self,
        *,
        quiz_id: str,
        family: str,
        lemma: str,
        rule: str,
        frame: str,
        question: str,
        options: tuple[str, ...],
        explanation: tuple[str, str, str],
        level: str,
        kind: str = "choice",
        accepted: tuple[str, ...] = (),
    ) -> Question:
        card = self._cards[rule]
        return Question(
            quiz_id=quiz_id,
            family=family,
            lemma=lemma,
            rule=rule,
            frame=frame,
            question=question,
            options=options,
            explanation_de=explanation[0],
            explanation_en=explanation[1],
            explanation_uk=explanation[2],
            level=harder(level, card.level),
            topic=card.topic,
            kind=kind,
            accepted=accepted,
        )
