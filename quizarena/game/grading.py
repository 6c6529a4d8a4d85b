"""Whether an answer is right, by kind of exercise. Pure. Product rules, section 15.

A choice, a picture and a mistake are answered by an option, a typed gap by a text, a sentence by
words in an order. What a player writes is compared by what it says: upper and lower case, ae for ä,
ss for ß, spaces and what stands around the answer do not make it wrong. What was written unlike it
is spelled comes back as `written`, for "right, written über".
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# No answer of the bank is longer; what is longer is no try.
TYPED_MAX = 200

ARTICLES = ("der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer")
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
# One of each of these is written in several ways.
_SIGNS = str.maketrans(
    {
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{LATIN CAPITAL LETTER SHARP S}": "ß",
    }
)
# Around an answer these say nothing.
_AROUND = " .,;:!?…\"'`´„“”‚‘’«»‹›()[]*_-"
_INVISIBLE = re.compile("[\N{ZERO WIDTH SPACE}-\N{RIGHT-TO-LEFT MARK}\N{WORD JOINER}\ufeff\xad]")
_WORD = re.compile(r"[^\s,.;:!?…„“”\"]+")
_GAP = re.compile("_{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Whether an answer is right, and which of the right answers it was taken for.

    `written` is that answer's proper spelling, if the player has spelled it in another way.
    """

    is_correct: bool
    understood: str = ""
    written: str = ""


def grade_option(*, options: Sequence[str], correct_option_id: int, choice: int) -> Grade:
    """Grade the choice of an option by its number in the bank."""
    is_correct = choice == correct_option_id
    return Grade(is_correct=is_correct, understood=options[choice] if is_correct else "")


def grade_typed(*, question: str, answers: Sequence[str], text: str) -> Grade:
    """Grade a text that was written for the gap of `question`; any of `answers` is right.

    An article in front is left out where it is clear which one it is: it is the word in front of
    the gap once more.
    """
    given = tidy(text)
    readings = [given]
    article, _, rest = given.partition(" ")
    if rest and article.casefold() in ARTICLES and article.casefold() == _before_gap(question):
        readings.append(rest)
    # As it is spelled first: of "Masse" and "Maße" both may be right.
    for reading in readings:
        for answer in answers:
            if reading == tidy(answer):
                return Grade(is_correct=True, understood=answer)
    for reading in readings:
        for answer in answers:
            if comparable(reading) == comparable(answer):
                return Grade(
                    is_correct=True,
                    understood=answer,
                    written="" if _is_spelled(reading, answer) else answer,
                )
    return Grade(is_correct=False)


def grade_order(*, answers: Sequence[str], placed: Sequence[str]) -> Grade:
    """Grade words in an order; each of `answers` is a sentence with all of them, in a valid one."""
    given = [comparable(word) for word in placed]
    for answer in answers:
        if given == [comparable(word) for word in words_of(answer)]:
            return Grade(is_correct=True, understood=answer)
    return Grade(is_correct=False)


def tidy(text: str) -> str:
    """Return a text without what says nothing: spaces, invisible signs, what stands around it."""
    plain = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).translate(_SIGNS)
    return " ".join(plain.split()).strip(_AROUND)


def comparable(text: str) -> str:
    """Return what two spellings of one answer have in common."""
    return unicodedata.normalize("NFC", tidy(text).lower()).translate(_DIGRAPHS)


def _is_spelled(reading: str, answer: str) -> bool:
    """Return whether the answer is spelled like that; phones begin with a capital by themselves."""
    exact = tidy(answer)
    return reading == exact or reading == exact[:1].upper() + exact[1:]


def _before_gap(question: str) -> str:
    """Return the word in front of the gap, or ""; in lower case."""
    before, *after = _GAP.split(question)
    words = before.split()
    return words[-1].casefold() if after and words else ""


# --- Words to be put in order ---------------------------------------------------------------------


def words_of(sentence: str) -> list[str]:
    """Return the words of a sentence, without its punctuation."""
    return _WORD.findall(sentence)


def chips(answers: Sequence[str]) -> list[str]:
    """Return the words of the first of `answers`, as they are written within a sentence.

    Its first word does not give itself away by a capital: it keeps one only where another valid
    order has it so further behind.
    """
    first, *others = [words_of(answer) for answer in answers]
    return [_within(first[0], others), *first[1:]]


def _within(word: str, others: Iterable[Sequence[str]]) -> str:
    """Return the first word of a sentence as other orders write it where it is not the first."""
    for words in others:
        for other in words[1:]:
            if other.casefold() == word.casefold():
                return other
    return word[:1].lower() + word[1:]


def have_the_same_words(answers: Sequence[str]) -> bool:
    """Return whether each of these is an order of the same words."""
    counted = [Counter(comparable(word) for word in words_of(answer)) for answer in answers]
    return all(one == counted[0] for one in counted)
