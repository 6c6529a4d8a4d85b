"""What case a noun phrase must have in its clause.

A small grammar of short sentences: prepositions decide, then the verb. It knows nothing of how the
sentences were made. Where it cannot tell two cases apart it allows both, so that a question that
hangs on the difference is reported.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from content.gates import verbs
from content.gates.nouns import Nouns
from content.gates.phrases import (
    CASES,
    CONTRACTED,
    EITHER_SUBJECTS,
    NUMERALS,
    PREPOSITIONS,
    SUBJECTS,
    determiner,
    phrase,
)
from content.gates.verb_table import (
    BOTH,
    DATIVE,
    EVERYDAY,
    GIVING,
    GOVERNED,
    IRREGULAR,
    NOUN_GOVERNED,
    PREDICATIVE,
    SEIN,
    SEPARABLE,
    WHERE,
    WHERE_TO,
)

_TOKEN = re.compile(r"[\w'’-]+|[.,!?;:–—…()„“\"/]")
_BREAKS = frozenset('.,!?;:–—…()„“"/') | {"und", "oder", "sondern"}
_ENDINGS = ("e", "er", "es", "en", "em")
# Words in small letters that end like an adjective and are none.
_NO_ADJECTIVES = frozenset(
    "aber alle bitte denn der die das den dem des eine einen einer eines einem heute gerne "
    "gestern morgen immer oder nie sehr unter über hinter neben sie ohne seine ihre mehr leider "
    "hier wieder weiter selber sondern besser lieber sicher außer".split()
)
PRONOUNS = {
    "mich": {"acc"},
    "dich": {"acc"},
    "ihn": {"acc"},
    "wen": {"acc"},
    "mir": {"dat"},
    "dir": {"dat"},
    "ihm": {"dat"},
    "wem": {"dat"},
    "ihnen": {"dat"},
    "Ihnen": {"dat"},
    "uns": {"acc", "dat"},
    "euch": {"acc", "dat"},
    "sich": {"acc", "dat"},
    "was": {"nom", "acc"},
    "etwas": {"nom", "acc"},
    "nichts": {"nom", "acc"},
    "alles": {"nom", "acc"},
    **{word: {"nom"} for word in SUBJECTS},
    **{word: {"nom", "acc"} for word in EITHER_SUBJECTS},
}
# Nouns that stand in the accusative for when and how long, beside whatever the verb takes.
_TIMES = frozenset(
    "Tag Tage Tagen Woche Wochen Monat Monate Monaten Jahr Jahre Jahren Stunde Stunden Minute "
    "Minuten Abend Morgen Nachmittag Vormittag Mittag Montag Dienstag Mittwoch Donnerstag Freitag "
    "Samstag Sonntag Sommer Winter Frühling Herbst Wochenende Nacht Sekunde Sekunden Mal "
    "Augenblick Moment Januar Februar März April Mai Juni Juli August September Oktober November "
    "Dezember Uhr Abende Nächte Morgende".split()
)


_HELPERS = frozenset("haben sein werden dürfen können mögen müssen sollen wollen lassen".split())


@dataclass(frozen=True, slots=True)
class Found:
    """A noun phrase at tokens `start` to `end`, its readings, and whether it holds the gap."""

    start: int
    end: int
    readings: frozenset[tuple[str, str]]
    is_gap: bool


# Where it stands, its possible cases, whether it is the gap, whether it asks "what".
Item = tuple[int, frozenset[str], bool, bool]


def tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def fill(question: str, option: str) -> tuple[list[str], int, int]:
    """Return the tokens of the question with `option` in its gap, and where the option stands."""
    before, _, after = question.partition("___")
    option = option.removeprefix("-")
    head = tokens(before)
    if before and before[-1].isalpha() and option and head:
        # An ending that is written on its stem.
        whole = tokens(before + option + after)
        return whole, len(head) - 1, len(head)
    middle = tokens(option)
    tail = tokens(after)
    if after and after[0].isalpha() and middle and tail:
        whole = tokens(before + option + after)
        return whole, len(head), len(head) + len(middle)
    return head + middle + tail, len(head), len(head) + len(middle)


def is_possible(
    words: Sequence[str], start: int, end: int, nouns: Nouns, *, is_plural: bool = False
) -> bool | None:
    """Say if the phrase at `start` to `end` is right in its clause, or None if there is none."""
    words = list(words)
    gap = find_phrase(words, start, end, nouns)
    if gap is None:
        return None
    if not gap.readings:
        return False
    cases = allowed(words, gap, nouns)
    left, right = _clause(words, gap)
    before = words[gap.start - 1].lower() if gap.start > left else ""
    if before in CONTRACTED and (article := determiner(CONTRACTED[before][1])):
        gap = Found(gap.start, gap.end, gap.readings & article[1], is_gap=True)
    numbers = _numbers(words[left:right])
    return any(
        case in cases
        and (case != "nom" or _number(place) in numbers)
        and (place == "pl" or not is_plural)
        for case, place in gap.readings
    )


def _number(place: str) -> str:
    return "pl" if place == "pl" else "sg"


def _numbers(words: Sequence[str]) -> frozenset[str]:
    """Return whether the finite verb of the clause is singular or plural, both if unknown."""
    found: set[str] = set()
    for word in words:
        if word[:1].islower() or word is words[0]:
            found |= _finite_numbers().get(word.lower(), frozenset())
    if any(word.lower() in ("ich", "du", "wir", "ihr", "man") for word in words):
        # The phrase is no subject, or stands beside `sein`: "Wir sind die Besten."
        return frozenset({"sg", "pl"})
    return frozenset(found or {"sg", "pl"})


def find_phrase(words: Sequence[str], start: int, end: int, nouns: Nouns) -> Found | None:
    """Return the phrase that the tokens `start` to `end` belong to."""
    noun = start
    while noun < len(words) and not _is_noun(words, noun, nouns):
        if words[noun] in _BREAKS or (noun >= end and not _like_adjective(words[noun])):
            return None
        noun += 1
    if noun >= len(words):
        return None
    first = _phrase_start(words, noun, start)
    return Found(first, noun + 1, phrase(words[first : noun + 1], nouns), is_gap=True)


def _phrase_start(words: Sequence[str], noun: int, gap: int | None = None) -> int:
    first = noun
    place = noun - 1
    while place >= 0:
        word = words[place]
        if word.lower() in PREPOSITIONS or word.lower() in CONTRACTED:
            return place + 1
        if determiner(word) and not _is_pronoun(words, place, noun):
            return place
        if word.lower() in NUMERALS:
            return place
        if not _like_adjective(word) and not (gap is not None and place >= gap):
            break
        place -= 1
        if gap is not None and gap <= place + 1:
            first = place + 1
    return first


def _is_pronoun(words: Sequence[str], place: int, noun: int) -> bool:
    # "ihr" before a finite verb, "sie" and the like never stand directly before adjectives.
    return words[place] in ("ihr", "Ihr") and noun - place > 3


def _is_noun(words: Sequence[str], place: int, nouns: Nouns) -> bool:
    word = words[place]
    if not word[:1].isupper() or _is_function_word(word) or not nouns.readings(word):
        return False
    following = words[place + 1] if place + 1 < len(words) else ""
    is_first = place == 0 or words[place - 1] in _BREAKS
    # "Fragen Sie", "Hast du" and "Braucht Anna" begin with a verb.
    return not (is_first and (following in SUBJECTS or following in EITHER_SUBJECTS))


def _like_adjective(word: str) -> bool:
    return (
        word[:1].islower()
        and word.endswith(_ENDINGS)
        and len(word) > 3
        and word not in _NO_ADJECTIVES
        and word not in PREPOSITIONS
        and word not in PRONOUNS
    )


def allowed(words: list[str], gap: Found, nouns: Nouns) -> frozenset[str]:
    """Return the cases that the clause allows the phrase."""
    left, right = _clause(words, gap)
    before = words[gap.start - 1] if gap.start > left else ""
    if before.lower() in CONTRACTED:
        return _by_preposition(words, left, right, gap, CONTRACTED[before.lower()][0], nouns)
    if before.lower() in PREPOSITIONS:
        return _by_preposition(words, left, right, gap, before.lower(), nouns)
    if before in ("als", "wie"):
        return frozenset({"nom"})
    return _by_verb(words, left, right, gap, nouns)


def _clause(words: Sequence[str], gap: Found) -> tuple[int, int]:
    left = gap.start
    while left > 0 and words[left - 1] not in _BREAKS:
        left -= 1
    right = gap.end
    while right < len(words) and words[right] not in _BREAKS:
        right += 1
    return left, right


def _by_preposition(
    words: Sequence[str], left: int, right: int, gap: Found, preposition: str, nouns: Nouns
) -> frozenset[str]:
    cases = PREPOSITIONS[preposition]
    if len(cases) == 1:
        return frozenset(cases)
    lemmas = verbs_of(words[left:right])
    noun = words[gap.start - 2] if gap.start - 1 > left else ""
    if (noun, preposition) in NOUN_GOVERNED:
        return frozenset({NOUN_GOVERNED[noun, preposition]})
    governed = {case for lemma in lemmas for case in _governed().get((lemma, preposition), ())}
    if words[gap.end - 1] in _TIMES:
        return frozenset({"acc" if preposition in ("über", "auf") else "dat"})
    where_to, where = lemmas & WHERE_TO, lemmas & WHERE
    if where_to and where:
        others = [
            each
            for each in _phrases(words, left, right, gap, nouns)
            if not each.is_gap and any(case == "acc" for case, _ in each.readings)
        ]
        # Who puts something somewhere has an object, or gives an order.
        return frozenset({"acc" if _has_object(words, left, right, others) else "dat"})
    if where_to:
        return frozenset({"acc"})
    if governed:
        return frozenset(governed)
    if where:
        return frozenset({"dat"})
    return frozenset(cases)


def _has_object(words: Sequence[str], left: int, right: int, others: Sequence[Found]) -> bool:
    subject = any(word.lower() in SUBJECTS for word in words[left:right])
    imperative = words[left][:1].isupper() and words[left].lower().rstrip("e") in (
        *("häng", "steck", "hängen", "stell", "leg"),
    )
    return bool(others) and (subject or imperative or len(others) > 1)


def _by_verb(
    words: Sequence[str], left: int, right: int, gap: Found, nouns: Nouns
) -> frozenset[str]:
    found = _phrases(words, left, right, gap, nouns)
    lemmas = verbs_of(words[left:right])
    assigned = _assign(found, gap, words, left, right, lemmas)
    if gap.start > left and _is_noun(words, gap.start - 1, nouns):
        # Directly after a noun it is its owner, if the verb has all that it needs without it.
        rest = [each for each in found if each is not gap]
        if _fits(rest, None, words, left, right, lemmas):
            is_owner_only = not lemmas & (GIVING | DATIVE) or "es" in words[left:right]
            return frozenset({"gen"} if is_owner_only else {"gen", *assigned})
    return frozenset(assigned)


def _assign(
    found: Sequence[Found],
    gap: Found,
    words: Sequence[str],
    left: int,
    right: int,
    lemmas: frozenset[str],
) -> set[str]:
    return {case for case in CASES[:3] if _fits(found, (gap, case), words, left, right, lemmas)}


def _fits(
    found: Sequence[Found],
    fixed: tuple[Found, str] | None,
    words: Sequence[str],
    left: int,
    right: int,
    lemmas: frozenset[str],
) -> bool:
    """Say if the phrases and pronouns of the clause can be shared out over what the verb takes."""
    items: list[Item] = []
    for each in found:
        if fixed and each is fixed[0]:
            items.append((each.start, frozenset({fixed[1]}), True, False))
        else:
            cases = frozenset(case for case, _ in each.readings)
            is_time = words[each.end - 1] in _TIMES
            if is_time and "acc" in cases:
                continue
            items.append((each.start, cases - {"gen"}, False, False))
    taken = {place for each in found for place in range(each.start, each.end)}
    for place in range(left, right):
        word = words[place]
        key = word if word in ("Sie", "Ihnen") else word.lower()
        if place in taken or key not in PRONOUNS:
            continue
        if place > left and words[place - 1].lower() in PREPOSITIONS:
            continue
        items.append((place, _pronoun_cases(key, lemmas), False, key == "was"))
    items.sort()
    frames = _frames(words, left, right, lemmas)
    return any(_share(items, list(frame)) for frame in frames)


def _frames(
    words: Sequence[str], left: int, right: int, lemmas: frozenset[str]
) -> list[tuple[str, ...]]:
    """Return which cases the verbs of the clause can take together."""
    frames: list[tuple[str, ...]] = []
    if lemmas & PREDICATIVE:
        frames += [("nom",), ("nom", "nom")]
    if lemmas & DATIVE:
        frames += [("nom",), ("nom", "dat")]
    is_there = "geben" in lemmas and any(
        words[place].lower() == "es" for place in range(left, right)
    )
    if is_there:
        frames += [("nom", "acc")]
    elif lemmas & GIVING:
        frames += [("nom",), ("nom", "acc"), ("nom", "acc", "dat")]
        if lemmas & {"schreiben", "vorlesen"}:
            frames.append(("nom", "dat"))
    if not frames or lemmas - PREDICATIVE - DATIVE - GIVING:
        frames += [("nom",), ("nom", "acc")]
    if _is_order(words, left, right):
        frames += [tuple(case for case in frame if case != "nom") for frame in frames]
    return frames


def _pronoun_cases(word: str, lemmas: frozenset[str]) -> frozenset[str]:
    # Nobody asks what it is that costs the hat.
    if word == "was" and lemmas & {"kosten", "bedeuten", "wiegen"}:
        return frozenset({"acc"})
    return frozenset(PRONOUNS[word])


def _share(items: list[Item], frame: list[str]) -> bool:
    if len(items) != len(frame):
        return False
    if not items:
        return True
    # The first that can be the subject is it: nobody reads "Die Katze sieht der Hund" otherwise.
    if "nom" in frame and frame.count("nom") == 1:
        able = [index for index, item in enumerate(items) if "nom" in item[1]]
        if not able:
            return False
        # "Was kostet der Anzug?" asks for the object, "Was ist das?" has nothing else.
        first = next((index for index in able if not items[index][3]), able[0])
        sure = next(
            (
                index
                for index, (_, cases, is_gap, _) in enumerate(items)
                if cases == {"nom"} and not is_gap
            ),
            first,
        )
        rest = [*items[:sure], *items[sure + 1 :]]
        return _share_rest(rest, [case for case in frame if case != "nom"])
    return _share_rest(items, frame)


def _share_rest(items: list[Item], frame: list[str]) -> bool:
    if not items:
        return not frame
    return any(
        case in items[0][1] and _share_rest(items[1:], frame[:place] + frame[place + 1 :])
        for place, case in enumerate(frame)
    )


def _is_order(words: Sequence[str], left: int, right: int) -> bool:
    end = words[right] if right < len(words) else ""
    return not any(word.lower() in SUBJECTS or word in ("Sie", "sie", "es") for word in words) and (
        end == "!" or "bitte" in words[left:right] or words[-1] == "!"
    )


def _phrases(words: Sequence[str], left: int, right: int, gap: Found, nouns: Nouns) -> list[Found]:
    """Return the phrases of the clause that stand without a preposition, the gap's among them."""
    found: list[Found] = []
    place = left
    while place < right:
        if place == gap.start:
            found.append(gap)
            place = gap.end
            continue
        if not _is_noun(words, place, nouns):
            place += 1
            continue
        first = max(_phrase_start(words, place), left)
        if gap.start <= first < gap.end:
            first = gap.end
        before = words[first - 1].lower() if first > left else ""
        if before not in PREPOSITIONS and before not in CONTRACTED and before not in ("als", "wie"):
            readings = phrase(words[first : place + 1], nouns)
            if readings:
                found.append(Found(first, place + 1, readings, is_gap=False))
        place += 1
    # A phrase that can only be the owner of the one before it is no part of the verb's.
    return [
        each
        for index, each in enumerate(found)
        if each is gap
        or not (
            index
            and found[index - 1].end == each.start
            and "gen" in {case for case, _ in each.readings}
        )
    ]


def verbs_of(words: Sequence[str]) -> frozenset[str]:
    """Return the verbs that the words of a clause can be forms of, with their prefixes."""
    found: set[str] = set()
    last = words[-1] if words else ""
    plain = [word for word in words if not _is_function_word(word)]
    readings = [(word, _forms().get(word.lower(), frozenset())) for word in plain]
    helped = any(
        verb in _HELPERS and kind == "finite" for _, each in readings for verb, kind in each
    )
    for word, each in readings:
        for verb, kind in each:
            # A noun is no infinitive, and a participle needs a verb that helps it.
            if kind == "nonfinite" and (not helped or word[:1].isupper()):
                continue
            if word[:1].isupper() and word is not words[0]:
                continue
            if kind in ("finite", "nonfinite") or kind == last:
                found.add(verb)
    if last in SEPARABLE:
        # Not `kaufen` but `einkaufen`.
        for verb in [verb for verb in found if verbs.parts(verb).prefix == last]:
            found.discard(verb[len(last) :])
    # An auxiliary is the verb only where there is no other.
    return frozenset(found - _HELPERS or found)


def _is_function_word(word: str) -> bool:
    lowered = word.lower()
    return (
        determiner(word) is not None
        or lowered in PREPOSITIONS
        or lowered in PRONOUNS
        or lowered == "bitte"
    )


@cache
def _governed() -> dict[tuple[str, str], set[str]]:
    result: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in GOVERNED.strip().splitlines():
        verb, preposition, case = line.split()
        result[verb, preposition].add(case)
    return result


@cache
def known_verbs() -> frozenset[str]:
    return frozenset(
        {line.split()[0] for line in IRREGULAR.strip().splitlines()}
        | {verb for verb, _ in _governed()}
        | SEIN
        | BOTH
        | DATIVE
        | GIVING
        | WHERE
        | WHERE_TO
        | PREDICATIVE
        | EVERYDAY
    )


@cache
def _forms() -> dict[str, frozenset[tuple[str, str]]]:
    """Return the verbs of each form, and how it is one: finite, nonfinite, or with a prefix."""
    forms: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for verb in known_verbs():
        if not verb.endswith("n"):
            continue
        taken = verbs.parts(verb)
        prefix = taken.prefix if taken.is_separable else ""
        tables = (verbs.present(verb), verbs.preterite(verb), verbs.subjunctive(verb))
        finite = frozenset(form for table in tables for each in table for form in each)
        finite |= imperatives(verb)
        for form in finite:
            forms[form].add((verb, prefix or "finite"))
        for form in {verb, *verbs.participles(verb), verbs.zu_infinitive(verb)}:
            forms[form].add((verb, "nonfinite"))
        if prefix:
            for form in verbs.at_the_end(verb, finite):
                forms[form].add((verb, "finite"))
    return {form: frozenset(each) for form, each in forms.items()}


@cache
def _finite_numbers() -> dict[str, frozenset[str]]:
    """Return for each finite form of the third person whether it is singular or plural."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for verb in known_verbs():
        if not verb.endswith("n"):
            continue
        for table in (verbs.present(verb), verbs.preterite(verb), verbs.subjunctive(verb)):
            for form in table[2]:
                numbers[form].add("sg")
            # An infinitive at the end of a clause says nothing of the subject.
            for form in table[5] - {verb}:
                numbers[form].add("pl")
    return {form: frozenset(each) for form, each in numbers.items()}


def imperatives(verb: str) -> frozenset[str]:
    """Return the imperatives for du, without a separated prefix."""
    taken = _unprefixed(verb)
    stem = taken.removesuffix("en") if taken.endswith("en") else taken.removesuffix("n")
    third = next(iter(sorted(verbs.present(verb)[2])))
    changed = third.removesuffix("t")
    result = {stem, stem + "e"}
    if "i" in changed and changed != stem and "e" in stem:
        result.add(changed)
    return frozenset(result)


def _unprefixed(verb: str) -> str:
    taken = verbs.parts(verb)
    return taken.rest if taken.is_separable else verb
