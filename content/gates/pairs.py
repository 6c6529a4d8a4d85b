"""Which preposition a verb takes, and wo- and da-words, from the table GOVERNED."""

import re

from content.gates.clauses import tokens, verbs_of
from content.gates.nouns import Nouns
from content.gates.phrases import CONTRACTED, PREPOSITIONS, phrase
from content.gates.verb_table import GOVERNED

_CASES: dict[tuple[str, str], set[str]] = {}
for _line in GOVERNED.strip().splitlines():
    _verb, _preposition, _case = _line.split()
    _CASES.setdefault((_verb, _preposition), set()).add(_case)

# With sich these verbs mean something else, which takes another preposition.
_NEVER_REFLEXIVE = frozenset(
    {("verstehen", "von"), ("verstehen", "unter"), ("treffen", "auf"), ("verlassen", "von")}
)
_ONLY_REFLEXIVE = frozenset({("handeln", "um"), ("verstehen", "mit")})
_PERSONS = frozenset(
    "Freund Freundin Freunde Mutter Vater Eltern Lehrer Lehrerin Chef Chefin Nachbar Nachbarn "
    "Nachbarin Bruder Schwester Kind Kinder Kollege Kollegen Kollegin Arzt Ärztin Oma Opa Onkel "
    "Tante "
    "Clown Großmutter Großvater Mann Frau Sohn Tochter Anna Paul Lena Tom Mia Jan Familie Kundin "
    "Kunden Gast Gäste Partner Partnerin".split()
)


def right_options(question: str, options: tuple[str, ...], nouns: Nouns) -> frozenset[str] | None:
    """Return the options that fit verb and sentence, or None if it is not understood."""
    prepositions = {option: _preposition_of(option) for option in options}
    if not any(prepositions.values()):
        return None
    if "–" in question:
        return _in_dialogue(question, prepositions)
    named = re.findall(r"\((?:sich )?([a-zäöüß]+n)\)", question)
    is_reflexive = "(sich " in question
    text = re.sub(r"\s*\([^)]*\)", "", question)
    lemmas = set(named) or {
        verb for verb in verbs_of(tokens(text)) if any(verb == known for known, _ in _CASES)
    }
    if not any((verb, each) in _CASES for verb in lemmas for each in PREPOSITIONS):
        return None
    following = _following(text)
    return frozenset(
        option
        for option, preposition in prepositions.items()
        if any(
            _agrees(option, following, cases, nouns)
            for verb in lemmas
            if (cases := _CASES.get((verb, preposition or "")))
            and not (is_reflexive and (verb, preposition) in _NEVER_REFLEXIVE)
            and (is_reflexive or (verb, preposition) not in _ONLY_REFLEXIVE)
        )
    )


def _in_dialogue(question: str, prepositions: dict[str, str | None]) -> frozenset[str] | None:
    """Return the options whose preposition the other speaker has, with a person or a thing."""
    turns = question.split("–")[1:]
    with_gap = [turn for turn in turns if "___" in turn]
    others = [turn for turn in turns if turn.strip() and "___" not in turn]
    if len(with_gap) != 1 or not others:
        return None
    words = [word for word in tokens(others[0]) if word[:1].isalpha()]
    own_words = [word for word in tokens(with_gap[0].replace("___", " ")) if word[:1].isalpha()]
    lemmas = verbs_of(own_words) | verbs_of(words)
    said = [
        (CONTRACTED[word.lower()][0] if word.lower() in CONTRACTED else word.lower(), index)
        for index, word in enumerate(words)
        if word.lower() in CONTRACTED or word.lower() in PREPOSITIONS
    ]
    if len(said) > 1:
        said = [each for each in said if any((verb, each[0]) in _CASES for verb in lemmas)]
    if len(said) != 1:
        return None
    preposition, index = said[0]
    is_person = any(word in _PERSONS for word in words[index:])
    right = set()
    for option, own in prepositions.items():
        asks_person = option.lower().split()[-1] in ("wen", "wem")
        if own != preposition or asks_person != is_person:
            continue
        cases = {case for verb in lemmas for case in _CASES.get((verb, preposition), ())}
        wanted = {"wen": "acc", "wem": "dat"}.get(option.lower().split()[-1])
        if wanted is None or not cases or wanted in cases:
            right.add(option)
    return frozenset(right)


def _following(text: str) -> list[str]:
    """Return what stands behind the gap up to its noun."""
    found: list[str] = []
    for word in tokens(text.partition("___")[2]):
        if word in ("mehr", "weniger", "viel", "wenig", "etwas"):
            continue
        found.append(word)
        if word[:1].isupper():
            return found
    return []


def _agrees(option: str, following: list[str], cases: set[str], nouns: Nouns) -> bool:
    words = [*option.split()[1:], *following]
    contracted = CONTRACTED.get(option.lower())
    if contracted:
        words = [contracted[1], *following]
    if not words or not nouns.readings(words[-1]):
        return True
    return any(case in cases for case, _ in phrase(words, nouns))


def _preposition_of(option: str) -> str | None:
    word = option.lower().split()[0]
    if word in PREPOSITIONS:
        return word
    if word in CONTRACTED:
        return CONTRACTED[word][0]
    for start in ("wor", "wo", "dar", "da"):
        if word.startswith(start) and word.removeprefix(start) in PREPOSITIONS:
            return word.removeprefix(start)
    return None
