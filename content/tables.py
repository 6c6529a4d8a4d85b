"""The CSV files: one function for each kind of row, which complains of all that is wrong."""

from content.records import Record
from content.schema import (
    AUXILIARIES,
    CASES,
    CLASSES,
    FRAMES,
    GENDERS,
    LEVELS,
    REFLEXIVES,
    SEPARABLES,
    THEMES,
    Adjective,
    Noun,
    Verb,
    VerbPreposition,
)
from content.spelling import has_cyrillic, has_latin, is_possible_plural, wrong_letters

NOUN_COLUMNS = (
    *("noun", "gender", "plural", "level", "theme", "classes", "emoji", "en", "uk", "note"),
)
ADJECTIVE_COLUMNS = (
    *("adjective", "comparative", "superlative", "level", "theme", "classes"),
    *("en", "uk", "opposite", "note"),
)
VERB_COLUMNS = (
    *("verb", "level", "theme", "present_3sg", "preterite_3sg", "participle", "auxiliary"),
    *("prefix", "separable", "reflexive", "frames", "object_classes", "subject_classes"),
    *("en", "uk", "note"),
)
VERB_PREPOSITION_COLUMNS = (
    *("verb", "preposition", "case", "object_class", "person_question", "thing_question"),
    *("da_word", "level", "example", "en", "uk"),
)

VOWELS = "aeiouäöü"


def noun(row: Record) -> Noun:
    word = row.needed("noun")
    if word and not word[0].isupper():
        row.complain("noun", f"{word!r} has a small letter; nouns begin with a capital")
    gender = row.one_of("gender", GENDERS)
    return Noun(
        noun=word,
        gender=gender,
        plurals=_plurals(row, word, gender),
        level=row.one_of("level", LEVELS),
        theme=row.one_of("theme", THEMES),
        classes=row.some_of("classes", CLASSES, required=True),
        emoji=_emoji(row),
        en=gloss(row, "en"),
        uk=gloss(row, "uk"),
        note=row.text("note"),
    )


def adjective(row: Record) -> Adjective:
    word = row.needed("adjective")
    if word and not word[0].islower():
        row.complain("adjective", f"{word!r} has a capital; adjectives begin with a small letter")
    comparative, superlative = row.needed("comparative"), row.needed("superlative")
    if comparative not in ("", "-") and not comparative.endswith(("er", "mehr")):
        row.complain("comparative", f"{comparative!r} does not end in -er; write it or `-`")
    if superlative not in ("", "-") and not (
        superlative.startswith("am ") and superlative.endswith("ten")
    ):
        row.complain("superlative", f"{superlative!r} is not `am ...sten`; write it so or `-`")
    if comparative and superlative and (comparative == "-") != (superlative == "-"):
        row.complain("superlative", "only one of comparative and superlative is `-`; write both")
    return Adjective(
        adjective=word,
        comparative=comparative.removeprefix("-"),
        superlative=superlative.removeprefix("-"),
        level=row.one_of("level", LEVELS),
        theme=row.one_of("theme", THEMES),
        classes=row.some_of("classes", CLASSES, required=True),
        en=gloss(row, "en"),
        uk=gloss(row, "uk"),
        opposite=row.text("opposite"),
        note=row.text("note"),
    )


def verb(row: Record) -> Verb:
    word = row.needed("verb")
    if word and not word.endswith("n"):
        row.complain("verb", f"{word!r} is no infinitive; write the form in -en or -n")
    present, participle = row.needed("present_3sg"), row.needed("participle")
    prefix, separable = row.text("prefix"), row.one_of("separable", SEPARABLES)
    if bool(prefix) != bool(separable):
        row.complain("separable", "prefix and separable need each other; fill in both or none")
    elif prefix and prefix not in word:
        row.complain("prefix", f"{prefix!r} is not in {word!r}; write its own prefix")
    elif separable == "yes" and not present.endswith(f" {prefix}"):
        row.complain("present_3sg", f"does not end in ' {prefix}'; write it as in 'steht auf'")
    elif separable == "yes" and not participle.startswith(prefix):
        row.complain("participle", f"does not begin with {prefix!r}; write it as 'aufgestanden'")
    elif separable == "no" and _has_ge(participle, prefix) and not word.startswith(f"{prefix}ge"):
        row.complain("participle", f"has ge-, but {prefix}- cannot be separated; write it without")
    return Verb(
        verb=word,
        level=row.one_of("level", LEVELS),
        theme=row.one_of("theme", THEMES),
        present_3sg=present,
        preterite_3sg=row.needed("preterite_3sg"),
        participle=participle,
        auxiliary=row.one_of("auxiliary", AUXILIARIES),
        prefix=prefix,
        separable=separable,
        reflexive=row.one_of("reflexive", REFLEXIVES),
        frames=row.some_of("frames", FRAMES, required=True),
        object_classes=row.some_of("object_classes", CLASSES, required=False),
        subject_classes=row.some_of("subject_classes", CLASSES, required=False),
        en=gloss(row, "en"),
        uk=gloss(row, "uk"),
        note=row.text("note"),
    )


def verb_preposition(row: Record) -> VerbPreposition:
    preposition, da_word = row.needed("preposition"), row.text("da_word")
    link = "r" if preposition[:1] in VOWELS else ""
    if da_word not in ("", "-", f"da{link}{preposition}"):
        row.complain("da_word", f"{da_word!r} is not 'da{link}{preposition}'; write that or `-`")
    return VerbPreposition(
        verb=row.needed("verb"),
        preposition=preposition,
        case=row.one_of("case", CASES),
        object_classes=row.some_of("object_class", CLASSES, required=False),
        person_question=row.text("person_question"),
        thing_question=row.text("thing_question"),
        da_word=da_word,
        level=row.one_of("level", LEVELS),
        example=row.needed("example"),
        en=sentence(row, "en"),
        uk=sentence(row, "uk"),
    )


def gloss(row: Record, language: str) -> tuple[str, ...]:
    """Return the glosses of one language, the preferred first; they are separated by `/`."""
    text = sentence(row, language)
    if language == "uk" and has_cyrillic(text) and has_latin(text):
        row.complain(language, "has Latin letters; write Ukrainian only")
    parts = tuple(text.split("/"))
    if len(set(parts)) < len(parts) or (text and not all(parts)):
        row.complain(language, "has an empty or repeated gloss; write each once, as 'flat/home'")
    return parts


def sentence(row: Record, name: str, language: str = "") -> str:
    """Return a text that must be there and in the letters of `language`, mostly its name."""
    text = row.needed(name)
    if text and (problem := wrong_letters(text, language or name)):
        row.complain(name, problem)
    return text


def _has_ge(participle: str, prefix: str) -> bool:
    return participle.startswith((f"{prefix}ge", "ge")) and prefix != "ge"


def _plurals(row: Record, word: str, gender: str) -> tuple[str, ...]:
    plural = row.text("plural")
    if gender == "pl":
        if plural:
            row.complain("plural", "the noun itself is the plural; leave this empty")
        return ()
    if not plural:
        row.complain("plural", "is empty; write the whole plural, or `-` if none is in use")
    if plural in ("", "-"):
        return ()
    plurals = tuple(plural.split("/"))
    for form in plurals:
        if not is_possible_plural(word[:1].upper() + word[1:], form):
            row.complain("plural", f"{form!r} cannot be the plural of {word!r}; write it in full")
    return plurals


def _emoji(row: Record) -> str:
    emoji = row.text("emoji")
    if emoji and (emoji.isascii() or any(sign.isalpha() for sign in emoji) or " " in emoji):
        row.complain("emoji", f"{emoji!r} is no emoji; write one picture or nothing")
    return emoji
