"""Which rows of the lexicon fit a slot of a template."""

from collections.abc import Iterable

from content.schema import LEVELS, Adjective, Noun, Slot, Verb


def nouns(slot: Slot, level: str, rows: Iterable[Noun]) -> list[Noun]:
    """Return the nouns that fit `slot` in a template of `level`."""
    return [
        row
        for row in rows
        if _fits(slot, level, row.level, row.theme, row.noun, row.classes)
        and _has_number(row, slot)
    ]


def adjectives(slot: Slot, level: str, rows: Iterable[Adjective]) -> list[Adjective]:
    """Return the adjectives that fit `slot` in a template of `level`."""
    compared = slot.form in ("comparative", "superlative")
    return [
        row
        for row in rows
        if _fits(slot, level, row.level, row.theme, row.adjective, row.classes)
        and (row.comparative or not compared)
    ]


def verbs(slot: Slot, level: str, rows: Iterable[Verb]) -> list[Verb]:
    """Return the verbs that fit `slot` in a template of `level`."""
    return [
        row
        for row in rows
        if _fits(slot, level, row.level, row.theme, row.verb, row.object_classes)
        and (not slot.frames or set(slot.frames) & set(row.frames))
        and (not slot.is_split or row.separable == "yes")
        # No sentence has a place for the pronoun.
        and not row.reflexive
    ]


def _has_number(noun: Noun, slot: Slot) -> bool:
    if slot.number == "pl":
        return bool(noun.plurals) or noun.gender == "pl"
    # What has no plural is not counted, and has no indefinite article: nobody says "eine Milch".
    return noun.gender != "pl" and (slot.article != "indefinite" or bool(noun.plurals))


def _fits(
    slot: Slot, level: str, row_level: str, theme: str, word: str, classes: tuple[str, ...]
) -> bool:
    return (
        LEVELS.index(row_level) <= LEVELS.index(level)
        and (not slot.classes or bool(set(slot.classes) & set(classes)))
        and (not slot.themes or theme in slot.themes)
        and (not slot.words or word in slot.words)
        and word not in slot.exclude
    )
