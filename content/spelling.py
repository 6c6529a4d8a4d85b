"""What can be said of a form from its letters alone, without a dictionary."""

import re

_UMLAUTS = str.maketrans("äöüÄÖÜ", "aouAOU")
_PLAIN_ENDINGS = ("", "e", "er", "n", "en", "s", "nen", "se", "ien")
# Endings that are exchanged, not added: Museum/Museen, Praktikum/Praktika, Thema/Themen.
_EXCHANGED_ENDINGS = {
    "um": ("en", "a"),
    "us": ("en", "i"),
    "a": ("en",),
    "o": ("en", "i"),
    "on": ("en", "a"),
    "is": ("en",),
    "iv": ("iva",),
    "mann": ("leute",),
}
_IRREGULAR_PLURALS = {"Saal": "Säle"}

_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LATIN = re.compile(r"[A-Za-zÄÖÜäöüß]")
_NOT_UKRAINIAN = re.compile(r"[ыэъёЫЭЪЁ]")


def is_possible_plural(noun: str, plural: str) -> bool:
    """Say if German can form `plural` from `noun`: an ending, an umlaut at most, no letter lost."""
    for end, irregular in _IRREGULAR_PLURALS.items():
        if noun.casefold().endswith(end.casefold()):
            return plural.casefold().endswith(irregular.casefold())
    for old, endings in _EXCHANGED_ENDINGS.items():
        if noun.endswith(old) and plural in {noun.removesuffix(old) + end for end in endings}:
            return True
    stem, rest = plural[: len(noun)], plural[len(noun) :]
    changed = [(was, is_) for was, is_ in zip(noun, stem, strict=False) if was != is_]
    return (
        len(stem) == len(noun)
        and stem.translate(_UMLAUTS) == noun.translate(_UMLAUTS)
        and len(changed) <= 1
        and all(was in "aouAOU" for was, _ in changed)
        and rest in _PLAIN_ENDINGS
    )


def wrong_letters(text: str, language: str) -> str:
    """Say what betrays that a gloss stands in the wrong column, or return nothing."""
    if language == "en" and _CYRILLIC.search(text):
        return "has Cyrillic letters; the Ukrainian belongs into uk"
    if language == "uk" and not _CYRILLIC.search(text):
        return "has no Cyrillic letter; write the Ukrainian here"
    if language == "uk" and (letter := _NOT_UKRAINIAN.search(text)):
        return f"{letter.group()!r} is no Ukrainian letter; write Ukrainian here"
    if language == "de" and _CYRILLIC.search(text):
        return "has Cyrillic letters; write the German here"
    return ""


def has_cyrillic(text: str) -> bool:
    return _CYRILLIC.search(text) is not None


def has_latin(text: str) -> bool:
    return _LATIN.search(text) is not None
