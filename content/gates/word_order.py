"""Which of some sentences has its words in a right order, from the parts in brackets.

A main clause has its finite verb in second place and the rest of the verb at the end, a clause
with a subordinating word has the finite verb at the end.
"""

import re
from collections.abc import Sequence

from content.gates import verbs
from content.gates.clauses import tokens
from content.gates.nouns import Nouns
from content.gates.phrases import SUBJECTS
from content.gates.verb_table import SEPARABLE

_SUBORDINATING = frozenset(
    "dass ob weil wenn obwohl damit bevor nachdem während als wann wo wie warum wer woher".split()
)
_QUESTION_WORDS = frozenset("wann wo wie warum wer was woher wohin wen wem".split())
_FINITE = ("haben", "sein", "werden", "dürfen", "können", "mögen", "müssen", "sollen", "wollen")


def right_options(question: str, options: tuple[str, ...], nouns: Nouns) -> frozenset[str] | None:
    """Return the options that are in order, or None if the parts are not understood."""
    found = re.findall(r"\(([^)]*)\)", question)
    if not found:
        return None
    if "nicht" in question and " / " not in found[-1]:
        return _negated(found[-1], options)
    chips = [chip.strip().lower().split() for chip in found[-1].split(" / ")]
    if len(chips) < 2:
        return None
    lead = question.partition("(")[0]
    return frozenset(option for option in options if _in_order(option, chips, lead))


def _in_order(option: str, chips: Sequence[list[str]], lead: str) -> bool:
    words = [word.lower() for word in tokens(option) if word not in ".?!,"]
    is_question = option.endswith("?")
    verb = chips[-1][0] if len(chips[-1]) == 1 else ""
    if words[0] == "um":
        parts = _parts(words[1:], chips[1:-1])
        return parts == [*range(len(chips) - 2), *verbs.zu_infinitive(verb).split()]
    helper = [index for index, chip in enumerate(chips) if len(chip) == 1 and _is_finite(chip[0])]
    parts = _parts(words, [chip for index, chip in enumerate(chips[:-1]) if index not in helper])
    plain = [each for each in parts if isinstance(each, str)]
    finite, rest = _split(verb, helper, plain, parts)
    if finite is None:
        return False
    places = [index for index, each in enumerate(parts) if isinstance(each, int)]
    opening = plain[0] if plain else ""
    if words[0] in _SUBORDINATING and not is_question:
        return (
            parts[-len(rest) - 1 :] == [*rest, finite]
            if rest
            else parts[-1] == finite
            and (opening != finite or len(plain) == 1 or words[0] == opening)
            and _subject_first(parts)
        )
    ends = parts[len(parts) - len(rest) :] == rest if rest else True
    if (
        lead.strip().lower().startswith(("wenn", "weil", "als", "obwohl", "nachdem"))
        and "___" in lead
    ):
        return parts[0] == finite and ends and _middle(parts, finite, rest)
    if len(places) < 1 or len(parts) < 2 or parts[1] != finite:
        return False
    if is_question and words[0] not in _QUESTION_WORDS:
        return parts[0] == finite and ends
    return ends and _middle(parts, finite, rest)


def _subject_first(parts: Sequence[int | str]) -> bool:
    numbers = [each for each in parts if isinstance(each, int)]
    return numbers == sorted(numbers)


def _middle(parts: Sequence[int | str], finite: str, rest: Sequence[str]) -> bool:
    """Say if nothing of the verb stands between the parts."""
    inner = [each for each in parts if isinstance(each, str)]
    return inner == [finite, *rest]


def _split(
    verb: str, helper: Sequence[int], plain: Sequence[str], parts: Sequence[int | str]
) -> tuple[str | None, list[str]]:
    """Return the finite form that the option has, and what of the verb must stand at the end."""
    if helper or any(_is_finite(word) for word in plain):
        finite = next((word for word in plain if _is_finite(word)), None)
        return finite, [word for word in plain if word != finite and word not in _SUBORDINATING]
    taken = verbs.parts(verb)
    forms = verbs.present(verb)[2] | verbs.present(verb)[5] | verbs.present(verb)[0]
    joined = verbs.at_the_end(verb, forms)
    for word in plain:
        if word in joined and taken.is_separable:
            return word, []
        if word in forms:
            return word, [taken.prefix] if taken.is_separable else []
    return None, []


def _is_finite(word: str) -> bool:
    return any(
        word in forms for helper in _FINITE for forms in verbs.present(helper) if word != helper
    )


def _parts(words: Sequence[str], chips: Sequence[list[str]]) -> list[int | str]:
    """Return the words with each chip that stands whole replaced by its number."""
    result: list[int | str] = []
    place = 0
    while place < len(words):
        for number, chip in enumerate(chips):
            if chip and list(words[place : place + len(chip)]) == chip:
                result.append(number)
                place += len(chip)
                break
        else:
            result.append(words[place])
            place += 1
    return result


def _negated(sentence: str, options: tuple[str, ...]) -> frozenset[str] | None:
    """Return the options that are the sentence with `nicht` before what it cannot follow.

    It stands before an adjective, a place, a prefix, and the second part of the verb; else last.
    """
    words = tokens(sentence.rstrip(".?!"))
    end = sentence[-1]
    last = words[-1]
    place = len(words)
    if _is_verb_end(words) or last in SEPARABLE or last.lower() in ("gut", "groß", "teuer"):
        place -= 1
    for start in range(2, place):
        if words[start].lower() in ("in", "ins", "im", "nach", "zum", "aus", "mit") and start > 1:
            place = start
            break
    expected = [*words[:place], "nicht", *words[place:]]
    text = " ".join(expected) + end
    return frozenset(option for option in options if option == text)


def _is_verb_end(words: Sequence[str]) -> bool:
    has_helper = any(_is_finite(word.lower()) or word == "möchte" for word in words[:3])
    return (
        has_helper
        and words[-1].islower()
        and words[-1].endswith(("n", "t"))
        and (words[-1].lower() not in SUBJECTS)
    )
