"""Forms of articles, nouns and adjectives, by rule."""

import re

from content.schema import Noun

# article -> gender (or pl) -> nominative, accusative, dative, genitive
_DER = {
    "m": ("der", "den", "dem", "des"),
    "f": ("die", "die", "der", "der"),
    "n": ("das", "das", "dem", "des"),
    "pl": ("die", "die", "den", "der"),
}
_EIN = {
    "m": ("", "en", "em", "es"),
    "f": ("e", "e", "er", "er"),
    "n": ("", "", "em", "es"),
    "pl": ("e", "e", "en", "er"),
}
_DIESER = {
    "m": ("er", "en", "em", "es"),
    "f": ("e", "e", "er", "er"),
    "n": ("es", "es", "em", "es"),
    "pl": ("e", "e", "en", "er"),
}
_STEMS = {"indefinite": "ein", "kein": "kein", "mein": "mein", "dein": "dein"}
_CASES = ("nom", "acc", "dat", "gen")

# Adjective endings after an article that shows the case, and where none does.
_WEAK = {
    "m": ("e", "en", "en", "en"),
    "f": ("e", "e", "en", "en"),
    "n": ("e", "e", "en", "en"),
    "pl": ("en", "en", "en", "en"),
}
_MIXED = {
    "m": ("er", "en", "en", "en"),
    "f": ("e", "e", "en", "en"),
    "n": ("es", "es", "en", "en"),
    "pl": ("en", "en", "en", "en"),
}
_STRONG = {
    "m": ("er", "en", "em", "en"),
    "f": ("e", "e", "er", "er"),
    "n": ("es", "es", "em", "en"),
    "pl": ("e", "e", "en", "er"),
}

_IRREGULAR_STEMS = {"hoch": "hoh", "teuer": "teur", "dunkel": "dunkl", "sauer": "saur"}


def article(kind: str, gender: str, case: str) -> str:
    """Return the article of a slot's kind; an indefinite one in the plural is no word at all."""
    place = _CASES.index(case)
    if kind == "none" or (kind == "indefinite" and gender == "pl"):
        return ""
    if kind == "definite":
        return _DER[gender][place]
    if kind == "dieser":
        return "dies" + _DIESER[gender][place]
    return _STEMS[kind] + _EIN[gender][place]


def articles(kind: str, gender: str) -> tuple[str, ...]:
    """Return nominative, accusative, dative and genitive."""
    return tuple(article(kind, gender, case) for case in _CASES)


def is_weak(noun: Noun) -> bool:
    """Say if it has -(e)n in every form but the nominative singular."""
    return noun.note.startswith("n-Deklination")


def singular(noun: Noun, case: str) -> str:
    """Return the singular in `case`: Student, (den) Studenten, (des) Autos."""
    word = noun.noun
    if noun.gender == "f" or case == "nom":
        return word
    if is_weak(noun):
        oblique = "Herrn" if word == "Herr" else noun.plurals[0]
        # Name, Gedanke, Buchstabe: des Namens. The note of those gives the form.
        return oblique + "s" if case == "gen" and f"des {oblique}s" in noun.note else oblique
    if word == "Herz" and case == "dat":
        return "Herzen"
    if case != "gen":
        return word
    if word == "Herz":
        return "Herzens"
    if word.endswith("nis"):
        return word + "ses"
    if word.endswith(("s", "ß", "x", "z", "tz", "sch")):
        return word + ("ses" if word == "Bus" else "es")
    syllables = len(re.findall("[aeiouäöüy]+", word.lower()))
    return word + ("es" if syllables == 1 and word.endswith(("d", "t")) else "s")


def plural(noun: Noun, case: str) -> str:
    """Return the preferred plural in `case`."""
    word = noun.plurals[0] if noun.plurals else noun.noun
    if case != "dat" or word.endswith(("n", "s")) or word[-1] in "aiou":
        return word
    return word + "n"


def is_same_in_plural(noun: Noun, case: str, form: str) -> bool:
    """Say if `form` may also be a plural of `noun` in `case`, with any of its plurals."""
    if not noun.plurals:
        return False
    forms = set(noun.plurals)
    if case == "dat":
        forms = {word if word.endswith(("n", "s")) else word + "n" for word in forms}
    return form in forms


def adjective_stem(adjective: str) -> str:
    """Return what the ending is added to: teuer, teur-."""
    for whole, stem in _IRREGULAR_STEMS.items():
        if adjective == whole:
            return stem
    return adjective.removesuffix("e") if adjective.endswith("e") else adjective


def adjective(base: str, kind: str, gender: str, case: str) -> str:
    """Return the adjective before a noun after an article of `kind`."""
    if kind in ("definite", "dieser"):
        endings = _WEAK
    elif kind == "none" or (kind == "indefinite" and gender == "pl"):
        endings = _STRONG
    else:
        endings = _MIXED
    return adjective_stem(base) + endings[gender][_CASES.index(case)]
