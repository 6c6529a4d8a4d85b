"""The forms of a verb by rule, from the tables of verb_table.py."""

from dataclasses import dataclass
from functools import cache

from content.gates.verb_table import (
    ADVERBS,
    APART,
    BOTH,
    COMPOUNDS,
    EITHER,
    INSEPARABLE,
    IRREGULAR,
    SEIN,
    SEPARABLE,
    SEPARATED,
    UNPREFIXED,
    WEAK,
)

# ich, du, er/sie/es/man, wir, ihr, sie/Sie
PERSONS = ("1sg", "2sg", "3sg", "1pl", "2pl", "3pl")

_IRREGULAR = {
    line.split()[0]: tuple(tuple(part.split("/")) for part in line.split()[1:])
    for line in IRREGULAR.strip().splitlines()
}
_PRESENT = {
    "sein": ("bin", "bist", "ist", "sind", "seid", "sind"),
    "haben": ("habe", "hast", "hat", "haben", "habt", "haben"),
    "werden": ("werde", "wirst", "wird", "werden", "werdet", "werden"),
    "wissen": ("weiß", "weißt", "weiß", "wissen", "wisst", "wissen"),
    "tun": ("tue", "tust", "tut", "tun", "tut", "tun"),
}
MODALS = ("dürfen", "können", "mögen", "müssen", "sollen", "wollen")
# The second subjunctive of what is commonly used so; others take würde.
_SUBJUNCTIVE = {
    "sein": "wäre",
    "haben": "hätte",
    "werden": "würde",
    "können": "könnte",
    "müssen": "müsste",
    "dürfen": "dürfte",
    "mögen": "möchte",
    "sollen": "sollte",
    "wollen": "wollte",
    "wissen": "wüsste",
    "kommen": "käme",
    "gehen": "ginge",
    "geben": "gäbe",
    "lassen": "ließe",
    "bleiben": "bliebe",
    "finden": "fände",
    "tun": "täte",
    "brauchen": "bräuchte",
    "heißen": "hieße",
    "halten": "hielte",
    "nehmen": "nähme",
    "sehen": "sähe",
    "bringen": "brächte",
    "denken": "dächte",
}
_HISSING = ("s", "ß", "z", "x")
_HARD = tuple(one + two for one in "bcdfgkpstchw" for two in "mn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A verb taken apart: `prefix` as written, whether it is separated, and what is left."""

    prefix: str
    is_separable: bool
    rest: str


@cache
def parts(verb: str) -> Parts:
    """Return the prefix of `verb` and the verb without it."""
    whole = Parts(prefix="", is_separable=False, rest=verb)
    if verb in _IRREGULAR or verb in UNPREFIXED or verb in COMPOUNDS:
        return whole
    if verb == "umarmen":
        return Parts(prefix="um", is_separable=False, rest="armen")
    for prefix in EITHER:
        if _begins(verb, prefix):
            return Parts(prefix=prefix, is_separable=verb in SEPARATED, rest=verb[len(prefix) :])
    for prefix in SEPARABLE:
        if _begins(verb, prefix) and not verb.startswith("hinter"):
            return Parts(prefix=prefix, is_separable=True, rest=verb[len(prefix) :])
    for prefix in INSEPARABLE:
        if _begins(verb, prefix):
            return Parts(prefix=prefix, is_separable=False, rest=verb[len(prefix) :])
    return whole


@cache
def present(verb: str) -> tuple[frozenset[str], ...]:
    """Return the accepted forms for each of `PERSONS`, without a separated prefix."""
    base, prefix = _base(verb)
    if base in _PRESENT:
        return tuple(frozenset({prefix + form}) for form in _PRESENT[base])
    stem = _stem(base)
    if base in MODALS:
        (third,) = _IRREGULAR[base][0]
        du = third + ("t" if third.endswith("s") else "st")
        forms = ({third}, {du}, {third}, {base}, {stem + "t"}, {base})
    else:
        forms = (_first(base, stem), *_second_and_third(base, stem), {base}, {_t(stem)}, {base})
    return tuple(frozenset(prefix + form for form in each) for each in forms)


@cache
def preterite(verb: str) -> tuple[frozenset[str], ...]:
    """Return the accepted forms for each of `PERSONS`, without a separated prefix."""
    base, prefix = _base(verb)
    if base in _IRREGULAR and verb not in WEAK:
        firsts = _IRREGULAR[base][1]
    else:
        firsts = (_t(_stem(base)) + "e",)
    persons: tuple[set[str], ...] = (set(), set(), set(), set(), set(), set())
    for first in firsts:
        for forms, person in zip(_past_endings(first), persons, strict=True):
            person |= {prefix + form for form in forms}
    return tuple(frozenset(person) for person in persons)


@cache
def subjunctive(verb: str) -> tuple[frozenset[str], ...]:
    """Return the second subjunctive where it is in use, else nothing."""
    taken = parts(verb)
    base, prefix = (taken.rest, "") if taken.is_separable else (verb, "")
    if base not in _SUBJUNCTIVE:
        return (frozenset(),) * 6
    return tuple(
        frozenset(prefix + form for form in forms) for forms in _past_endings(_SUBJUNCTIVE[base])
    )


@cache
def participles(verb: str) -> frozenset[str]:
    """Return every accepted second participle."""
    taken = parts(verb)
    if verb in WEAK and taken.is_separable:
        ge = "" if parts(taken.rest).prefix else "ge"
        return frozenset({taken.prefix + ge + _t(_stem(taken.rest))})
    if taken.prefix and taken.is_separable:
        between = ("", " ") if verb in APART else ("",)
        return frozenset(
            taken.prefix + space + form for form in participles(taken.rest) for space in between
        )
    if taken.prefix:
        if taken.rest in _IRREGULAR and verb not in WEAK:
            return frozenset(taken.prefix + _bare(form) for form in _IRREGULAR[taken.rest][2])
        return frozenset({taken.prefix + _t(_stem(taken.rest))})
    if verb in _IRREGULAR and verb not in WEAK:
        return frozenset(_IRREGULAR[verb][2])
    ge = "" if verb.endswith("ieren") and verb not in ("schmieren", "frieren", "zieren") else "ge"
    if verb in ("prophezeien", "posaunen", "trompeten", "miauen", "recyceln", "recyclen"):
        ge = ""
    return frozenset({ge + _t(_stem(verb))})


@cache
def zu_infinitive(verb: str) -> str:
    taken = parts(verb)
    return f"{taken.prefix}zu{taken.rest}" if taken.is_separable else f"zu {verb}"


@cache
def zu_infinitives(verb: str) -> frozenset[str]:
    """Return every accepted infinitive with zu, those in two words, too."""
    taken, found = parts(verb), {zu_infinitive(verb)}
    if verb in APART or (taken.is_separable and taken.prefix in ADVERBS):
        found.add(f"{taken.prefix} zu {taken.rest}")
    return frozenset(found)


def auxiliaries(verb: str) -> frozenset[str]:
    """Return with what the perfect is made; both where meaning or region decide."""
    if verb in BOTH:
        return frozenset({"haben", "sein"})
    return frozenset({"sein" if verb in SEIN else "haben"})


def at_the_end(verb: str, forms: frozenset[str]) -> frozenset[str]:
    """Return forms of `present` or `preterite` as they stand at the end of a clause."""
    taken = parts(verb)
    return frozenset(taken.prefix + form for form in forms) if taken.is_separable else forms


def _begins(verb: str, prefix: str) -> bool:
    rest = verb.removeprefix(prefix)
    return rest == "tun" or (
        rest != verb and len(rest) >= 3 and any(sign in "aeiouäöüy" for sign in rest[:-2])
    )


def _base(verb: str) -> tuple[str, str]:
    """Return the verb whose forms are looked up, and what stands inseparably before them."""
    taken = parts(verb)
    if taken.is_separable:
        inner = parts(taken.rest)
        if inner.prefix and verb not in WEAK:
            return (inner.rest, inner.prefix) if inner.rest in _IRREGULAR else (taken.rest, "")
        return taken.rest, ""
    if taken.prefix and taken.rest in _IRREGULAR and verb not in WEAK:
        return taken.rest, taken.prefix
    return verb, ""


def _stem(verb: str) -> str:
    return verb.removesuffix("en") if verb.endswith("en") else verb.removesuffix("n")


def _t(stem: str) -> str:
    """Add -t, with an e where nobody could say it otherwise."""
    return stem + ("et" if _needs_e(stem) else "t")


def _needs_e(stem: str) -> bool:
    if stem.endswith(("t", "d")):
        return True
    return (stem.endswith(_HARD) and not stem.endswith(("lm", "ln", "rm", "rn", "hm", "hn"))) or (
        stem.endswith("chn")
    )


def _first(verb: str, stem: str) -> set[str]:
    if verb.endswith("eln"):
        return {stem[:-2] + "le", stem + "e"}
    if verb.endswith("ern"):
        return {stem + "e", stem[:-2] + "re"}
    return {stem + "e"}


def _second_and_third(verb: str, stem: str) -> tuple[set[str], set[str]]:
    thirds = set(_IRREGULAR[verb][0]) if verb in _IRREGULAR else {_t(stem)}
    seconds = set()
    for third in thirds:
        if stem.endswith(_HISSING):
            seconds.add(third)
        elif third == _t(stem):
            seconds.add(stem + ("est" if _needs_e(stem) else "st"))
        elif stem.endswith("t"):
            seconds.add(third + "st")
        else:
            seconds.add(third.removesuffix("t") + "st")
    return seconds, thirds


def _past_endings(first: str) -> tuple[set[str], ...]:
    if first == "wäre":
        you, all_of_you = {"wärst", "wärest"}, {"wärt", "wäret"}
        return ({first}, you, {first}, {"wären"}, all_of_you, {"wären"})
    if first.endswith("e") and not first.endswith("ie"):
        return ({first}, {first + "st"}, {first}, {first + "n"}, {first + "t"}, {first + "n"})
    plural = first + ("n" if first.endswith("ie") else "en")
    du = {first + "st"}
    if first.endswith(("t", "d", *_HISSING)):
        du = {first + "est"}
        if not first.endswith(_HISSING):
            du.add(first + "st")
    ihr = {first + "et"} if first.endswith(("t", "d")) else {first + "t"}
    return ({first}, du, {first}, {plural}, ihr, {plural})


def _bare(participle: str) -> str:
    return participle.removeprefix("ge")
