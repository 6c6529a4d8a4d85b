"""Articles, endings, pronouns and prepositions, and what a noun phrase can be.

A reading of a phrase is a case and a place in the tables: m, f, n or pl.
"""

from collections.abc import Mapping, Sequence

from content.gates.nouns import Nouns

CASES = ("nom", "acc", "dat", "gen")
PLACES = ("m", "f", "n", "pl")

_DEFINITE = {
    "nom": ("der", "die", "das", "die"),
    "acc": ("den", "die", "das", "die"),
    "dat": ("dem", "der", "dem", "den"),
    "gen": ("des", "der", "des", "der"),
}
# dieser, jeder, welcher: like der, with its own endings.
_STRONG = {
    "nom": ("er", "e", "es", "e"),
    "acc": ("en", "e", "es", "e"),
    "dat": ("em", "er", "em", "en"),
    "gen": ("es", "er", "es", "er"),
}
_EIN = {
    "nom": ("", "e", "", "e"),
    "acc": ("en", "e", "", "e"),
    "dat": ("em", "er", "em", "en"),
    "gen": ("es", "er", "es", "er"),
}
_ADJECTIVE = {
    "definite": {
        "nom": ("e", "e", "e", "en"),
        "acc": ("en", "e", "e", "en"),
        "dat": ("en", "en", "en", "en"),
        "gen": ("en", "en", "en", "en"),
    },
    "indefinite": {
        "nom": ("er", "e", "es", "en"),
        "acc": ("en", "e", "es", "en"),
        "dat": ("en", "en", "en", "en"),
        "gen": ("en", "en", "en", "en"),
    },
    "none": {
        "nom": ("er", "e", "es", "e"),
        "acc": ("en", "e", "es", "e"),
        "dat": ("em", "er", "em", "en"),
        "gen": ("en", "er", "en", "er"),
    },
}
_DER_WORDS = ("dies", "jed", "welch", "manch", "solch", "all", "jen")
_EIN_WORDS = ("ein", "kein", "mein", "dein", "sein", "ihr", "unser", "euer", "Ihr")

PREPOSITIONS = {
    "für": ("acc",),
    "durch": ("acc",),
    "ohne": ("acc",),
    "gegen": ("acc",),
    "um": ("acc",),
    "mit": ("dat",),
    "bei": ("dat",),
    "nach": ("dat",),
    "von": ("dat",),
    "zu": ("dat",),
    "aus": ("dat",),
    "seit": ("dat",),
    "gegenüber": ("dat",),
    "ab": ("dat",),
    "außer": ("dat",),
    "während": ("gen",),
    "trotz": ("gen",),
    "wegen": ("gen",),
    "statt": ("gen",),
    "anstatt": ("gen",),
    "innerhalb": ("gen",),
    "außerhalb": ("gen",),
    "aufgrund": ("gen",),
    "infolge": ("gen",),
    "mithilfe": ("gen",),
    "anhand": ("gen",),
    "in": ("acc", "dat"),
    "an": ("acc", "dat"),
    "auf": ("acc", "dat"),
    "unter": ("acc", "dat"),
    "über": ("acc", "dat"),
    "vor": ("acc", "dat"),
    "hinter": ("acc", "dat"),
    "neben": ("acc", "dat"),
    "zwischen": ("acc", "dat"),
}
CONTRACTED = {
    "im": ("in", "dem"),
    "ins": ("in", "das"),
    "am": ("an", "dem"),
    "ans": ("an", "das"),
    "beim": ("bei", "dem"),
    "vom": ("von", "dem"),
    "zum": ("zu", "dem"),
    "zur": ("zu", "der"),
    "aufs": ("auf", "das"),
    "fürs": ("für", "das"),
}

# Pronouns that can be nothing but a subject, and with which person of the verb.
SUBJECTS = {
    "ich": "1sg",
    "du": "2sg",
    "er": "3sg",
    "wir": "1pl",
    "ihr": "2pl",
    "man": "3sg",
    "wer": "3sg",
    "jeder": "3sg",
    "jemand": "3sg",
    "niemand": "3sg",
}
# Those that are subject or object.
EITHER_SUBJECTS = {"es": ("3sg",), "sie": ("3sg", "3pl"), "Sie": ("3pl",), "das": ("3sg",)}

NUMERALS = (
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf viele einige mehrere wenige "
    "verschiedene ein paar beide hundert zwanzig andere".split()
)


def determiner(word: str) -> tuple[str, frozenset[tuple[str, str]]] | None:
    """Return of what kind an article is and what it can be, or None if it is none."""
    lowered = word[:1].lower() + word[1:]
    found = {
        (case, place)
        for case, forms in _DEFINITE.items()
        for place, form in zip(PLACES, forms, strict=True)
        if form == lowered
    }
    if found:
        return "definite", frozenset(found)
    for stem in _DER_WORDS:
        if lowered.startswith(stem) and lowered[len(stem) :] in ("e", "er", "es", "en", "em"):
            return "definite", _table(_STRONG, lowered[len(stem) :])
    for stem in _EIN_WORDS:
        ending = lowered.removeprefix(stem)
        if stem == "euer" and lowered.startswith("eur"):
            ending = lowered.removeprefix("eur")
        if ending != lowered and ending in ("", "e", "er", "es", "en", "em"):
            readings = _table(_EIN, ending)
            if stem == "ein":
                readings = frozenset(each for each in readings if each[1] != "pl")
            return "indefinite", readings
    return None


def adjective(ending: str, kind: str) -> frozenset[tuple[str, str]]:
    """Return what an adjective with `ending` can be after an article of `kind`."""
    return _table(_ADJECTIVE[kind], ending)


def phrase(words: Sequence[str], nouns: Nouns) -> frozenset[tuple[str, str]]:
    """Return what article, adjectives and noun can be together; nothing if they do not agree."""
    *before, noun = words
    readings = noun_readings(noun, nouns)
    kind = "none"
    if before and (known := determiner(before[0])):
        kind, own = known
        readings &= own
        before = before[1:]
    elif before and before[0].lower() in NUMERALS:
        readings = frozenset(each for each in readings if each[1] == "pl")
        before = before[1:]
    for word in before:
        endings = [ending for ending in ("e", "er", "es", "en", "em") if word.endswith(ending)]
        if not endings:
            return frozenset()
        # The longest ending is the declension's: `teures`, `schöner`.
        readings &= adjective(max(endings, key=len), kind)
    return readings


def noun_readings(noun: str, nouns: Nouns) -> frozenset[tuple[str, str]]:
    return frozenset(
        (reading.case, reading.gender if reading.number == "sg" else "pl")
        for reading in nouns.readings(noun)
    )


def _table(table: Mapping[str, tuple[str, ...]], ending: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (case, place)
        for case, endings in table.items()
        for place, each in zip(PLACES, endings, strict=True)
        if each == ending
    )
