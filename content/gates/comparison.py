"""Comparatives and superlatives by rule, with a table of its own for what no rule gives."""

import re

from content.gates.clauses import fill, is_possible
from content.gates.nouns import Nouns

# Positive: comparative and superlative without its ending -en.
_IRREGULAR = {
    "gut": ("besser", "best"),
    "viel": ("mehr", "meist"),
    "gern": ("lieber", "liebst"),
    "hoch": ("höher", "höchst"),
    "nah": ("näher", "nächst"),
    "nahe": ("näher", "nächst"),
    "groß": ("größer", "größt"),
    "wohl": ("wohler", "wohlst"),
    "bald": ("eher", "ehest"),
}
# With an umlaut always, and with or without one.
_UMLAUT = frozenset(
    "alt arm hart jung kalt klug krank kurz lang scharf schwach schwarz stark warm dumm grob "
    "rot gesund".split()
)
_EITHER = frozenset("gesund ungesund nass schmal glatt blass rot krumm".split())
_ENDINGS = ("e", "er", "es", "en", "em")
_CHANGED = str.maketrans("aou", "äöü")


def comparatives(adjective: str) -> frozenset[str]:
    if adjective in _IRREGULAR:
        return frozenset({_IRREGULAR[adjective][0]})
    stems = _stems(adjective)
    result = set()
    for stem in stems:
        if stem.endswith("el"):
            result.add(stem[:-2] + "ler")
        elif re.search(r"(au|eu|äu)er$", stem):
            result.add(stem[:-2] + "rer")
        elif stem.endswith(("er", "en")) and len(stem) > 4:
            result |= {stem + "er", stem[:-2] + stem[-1] + "er"}
        elif stem.endswith("e"):
            result.add(stem + "r")
        else:
            result.add(stem + "er")
    return frozenset(result)


def superlatives(adjective: str) -> frozenset[str]:
    if adjective in _IRREGULAR:
        return frozenset({f"am {_IRREGULAR[adjective][1]}en"})
    result = set()
    for stem in _stems(adjective):
        bare = stem.removesuffix("e") if stem.endswith("e") else stem
        if bare.endswith(("s", "ß", "z", "x", "d", "t", "sch")):
            # After an unstressed syllable no e: am spannendsten, am praktischsten.
            result |= {f"am {bare}esten"} if not _is_unstressed(bare) else {f"am {bare}sten"}
            if bare.endswith("sch"):
                result |= {f"am {bare}sten", f"am {bare}esten"} if len(bare) < 7 else set()
        elif re.search(r"[aeiouäöü](u|i|h)?$", bare) or bare.endswith(("eu", "au", "ei", "oh")):
            result |= {f"am {bare}sten", f"am {bare}esten"}
        else:
            result.add(f"am {bare}sten")
    return frozenset(result)


def right_options(question: str, options: tuple[str, ...], nouns: Nouns) -> frozenset[str] | None:
    """Return the options that compare as the sentence asks, or None if it is not understood."""
    named = re.findall(r"\(([a-zäöüß]+)\)", question)
    if "___" not in question:
        return None
    if not named:
        return _als_or_wie(question, options)
    adjective = named[-1]
    after = question.partition("___")[2].strip()
    before = question.partition("___")[0].strip()
    if re.search(r"\b(so|genauso|ebenso)$", before) or re.match(r"wie\b", after):
        forms = frozenset({adjective})
    elif before.endswith(" am") or before == "Am":
        forms = frozenset(form.removeprefix("am ") for form in superlatives(adjective))
    elif re.match(r"als\b", after) or "desto" in before or before.startswith("Je"):
        forms = comparatives(adjective)
    elif re.search(r"\b(von allen|am|aller)\b", question, re.IGNORECASE):
        forms = superlatives(adjective)
    elif after[:1].isupper():
        return _before_noun(question, options, adjective, nouns)
    elif re.match(r"(Welche[rs]?|Wer|Was)\b", question) and re.match(r"[?!.]", after):
        # "Which animal is big, bigger, the biggest?" are all questions.
        forms = superlatives(adjective) | comparatives(adjective) | {adjective}
    else:
        return None
    return frozenset(option for option in options if option in forms)


def _als_or_wie(question: str, options: tuple[str, ...]) -> frozenset[str] | None:
    """Return `als` after a comparative and `wie` after `so ... alt`."""
    words = question.partition("___")[0].split()
    if len(words) < 2:
        return None
    if words[-2] in ("so", "genauso", "ebenso"):
        return frozenset({"wie"} & set(options))
    is_comparative = words[-1].endswith("er") or words[-1] in ("mehr", "weniger")
    return frozenset({"als"} & set(options)) if is_comparative else None


def _before_noun(
    question: str, options: tuple[str, ...], adjective: str, nouns: Nouns
) -> frozenset[str]:
    """Return the options that are a degree of `adjective` and agree with the noun."""
    degrees = {adjective, *comparatives(adjective)}
    degrees |= {form.removeprefix("am ").removesuffix("en") for form in superlatives(adjective)}
    text = re.sub(r"\s*\([^)]*\)", "", question)
    return frozenset(
        option
        for option in options
        if any(option in {stem + ending for ending in _ENDINGS} for stem in degrees)
        and is_possible(*fill(text, option), nouns)
    )


def _stems(adjective: str) -> set[str]:
    changed = re.sub(
        r"[aou](?=[^aeiouäöü]*$)", lambda found: found[0].translate(_CHANGED), adjective
    )
    if adjective in _EITHER:
        return {adjective, changed}
    return {changed} if adjective in _UMLAUT else {adjective}


def _is_unstressed(stem: str) -> bool:
    return (stem.endswith(("isch", "end", "ernd", "elnd")) and stem not in ("frisch",)) or (
        stem.endswith("et") and len(stem) > 5
    )
