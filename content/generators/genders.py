"""Why a noun has its gender: what its ending, its last word or its meaning says of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from content.generators import choosing
from content.schema import Lexicon, Noun, Text

# Nouns of two genders, by region or meaning, which the notes of the lexicon do not name, and
# infinitives as nouns (das Husten is coughing). None of them can be asked for its article.
TWO_GENDERS = choosing.words(
    "App Band Bikini Braten Chor Couch Flur Foto Gehalt Golf Grad Husten Junge Keks Kilo Leiter "
    "Link Liter Mangel Mittag Moment Morgen Plastik Radio Radiergummi Reifen Rücken Schauer Schild "
    "Schnupfen See Spargel Steuer Stift Tablet Tablett Taxi Teil Tor Tropfen Virus Waise "
    "Laden Monat Ort Alter Bauer Kredit Comic Quark Lauch Schnitzel Euro Gift Kompromiss "
    "Post Mode Stern Zeh Service"
)
# The last letters are a noun of the lexicon, but not the last part of the word.
_NO_COMPOUNDS = choosing.words(
    "Entscheidung Nachteil Vorteil Schnecke Export Import Kommode Einrichtung Missverständnis "
    "Umsatz Vorsorge Unterhaltung Schriftsteller Vermögen Mitglied Reform Beispiel Weltraum "
    "Beschwerde Sport Zuschauer Gegenwart Bahnsteig Gleis Bewerbung Knoblauch Eifersucht "
    "Sehnsucht Ursache Anteil Umwelt Dienstleistung Hochzeit Baumwolle Zeugnis Ersatz Aufsatz "
    "Bundestag Reis Preis Kunst Auftrag Vorrat Umzug Anzug Aufzug"
)
_CALENDAR = choosing.words(
    "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag Januar Februar März April Mai "
    "Juni Juli August September Oktober November Dezember Frühling Sommer Herbst Winter"
)
_FEMININE = ("ung", "heit", "keit", "schaft", "tion", "tät", "ei")
_NEUTER = ("chen", "lein", "um", "ment")
_GENDERS = {
    "m": Text(de="maskulin", en="masculine", uk="чоловічого роду"),
    "f": Text(de="feminin", en="feminine", uk="жіночого роду"),
    "n": Text(de="neutral", en="neuter", uk="середнього роду"),
}
DEFINITE = {"m": "der", "f": "die", "n": "das"}


@dataclass(frozen=True, slots=True)
class Reason:
    """The rule card that says why, and the same for this noun in a sentence."""

    rule: str
    text: Text


def is_certain(noun: Noun) -> bool:
    """Say if the noun has one gender only, in every region and meaning, and an article at all."""
    return (
        noun.gender != "pl"
        and noun.noun not in TWO_GENDERS
        and "ohne Artikel" not in noun.note
        and not any(f"auch {article} " in f"{noun.note} " for article in ("der", "die", "das"))
        and not noun.note.startswith("auch: ")
        and noun.note != "auch n-Deklination"
    )


def gender(noun: Noun) -> Text:
    return _GENDERS[noun.gender]


def by_small_letters(lexicon: Lexicon) -> dict[str, Noun]:
    """Return the nouns as they stand at the end of a compound."""
    return {noun.noun.lower(): noun for noun in lexicon.nouns}


def reason(noun: Noun, parts: Mapping[str, Noun]) -> Reason:
    """Return the best help there is for the gender of `noun`, `parts` of which are nouns."""
    word, article = noun.noun, DEFINITE[noun.gender]
    said = f"{article} {word}"
    if word in _CALENDAR:
        return Reason(
            "article-people-days",
            Text(
                de=f"Tage, Monate und Jahreszeiten haben „der“: {said}.",
                en=f"Days, months and seasons have “der”: {said}.",
                uk=f"Дні, місяці й пори року мають «der»: {said}.",
            ),
        )
    if ending := _ending(noun):
        return ending
    if person := _person(noun):
        return person
    base = _last_word(noun, parts)
    if base:
        return Reason(
            "compounds",
            Text(
                de=f"Das letzte Wort bestimmt den Artikel: {article} {base} → {said}.",
                en=f"The last word decides the article: {article} {base} → {said}.",
                uk=f"Артикль визначає останнє слово: {article} {base} → {said}.",
            ),
        )
    if noun.gender == "f" and word.endswith("e"):
        return Reason(
            "endings-die",
            Text(
                de=f"Die meisten Nomen mit -e am Ende haben „die“: {said}.",
                en=f"Most nouns that end in -e have “die”: {said}.",
                uk=f"Більшість іменників на -e мають «die»: {said}.",
            ),
        )
    name = gender(noun)
    return Reason(
        "article-three",
        Text(
            de=f"„{word}“ ist {name.de}: {said}. Lern das Wort immer mit dem Artikel.",
            en=f"“{word}” is {name.en}: {said}. Always learn the word with its article.",
            uk=f"«{word}» – {name.uk}: {said}. Вивчай слово завжди з артиклем.",
        ),
    )


def _ending(noun: Noun) -> Reason | None:
    word, article = noun.noun, DEFINITE[noun.gender]
    said = f"{article} {word}"
    for endings, wanted, rule in (
        (_FEMININE, "f", "endings-die"),
        (_NEUTER, "n", "endings-das"),
        (("ling", "ismus"), "m", "endings-der"),
    ):
        for ending in endings:
            if noun.gender != wanted or len(word) < len(ending) + 3 or word == "Frühling":
                continue
            if word.endswith(ending) and not word.endswith("raum"):
                most = Text(de="meistens ", en="mostly ", uk="переважно ")
                if ending not in ("um", "ment", "ei"):
                    most = Text(de="", en="", uk="")
                return Reason(
                    rule,
                    Text(
                        de=f"Nomen mit -{ending} am Ende haben {most.de}„{article}“: {said}.",
                        en=f"Nouns that end in -{ending} {most.en}have “{article}”: {said}.",
                        uk=f"Іменники на -{ending} {most.uk}мають «{article}»: {said}.",
                    ),
                )
    return None


def _person(noun: Noun) -> Reason | None:
    """A man has der and a woman die; words for both (der Mensch, die Person) have no such help."""
    word = noun.noun
    if not {"person", "relative", "professional"} & set(noun.classes):
        return None
    is_woman = noun.gender == "f" and (
        word.endswith("in") or "frau" in word.lower() or word in _WOMEN
    )
    is_man = noun.gender == "m" and ("(male)" in " ".join(noun.en) or word in _MEN)
    said = f"{DEFINITE[noun.gender]} {word}"
    if is_woman:
        text = Text(
            de=f"Wörter für Frauen haben meistens „die“: {said}.",
            en=f"Words for women mostly have “die”: {said}.",
            uk=f"Назви жінок переважно мають «die»: {said}.",
        )
    elif is_man:
        text = Text(
            de=f"Wörter für Männer haben meistens „der“: {said}.",
            en=f"Words for men mostly have “der”: {said}.",
            uk=f"Назви чоловіків переважно мають «der»: {said}.",
        )
    else:
        return None
    return Reason("article-people-days", text)


_WOMEN = choosing.words(
    "Mutter Großmutter Schwiegermutter Tochter Schwester Tante Oma Nichte Cousine Dame "
    "Krankenschwester"
)
_MEN = choosing.words(
    "Vater Großvater Schwiegervater Sohn Bruder Onkel Opa Neffe Cousin Mann Ehemann Enkel "
    "Schwager Herr König Kellner Polizist Feuerwehrmann Schauspieler"
)


def _last_word(noun: Noun, parts: Mapping[str, Noun]) -> str:
    """Return the longest noun that `noun` ends with, if it is a compound."""
    if noun.noun in _NO_COMPOUNDS:
        return ""
    word = noun.noun.lower()
    for start in range(2, len(word) - 2):
        part = parts.get(word[start:])
        if part and part.gender == noun.gender:
            return part.noun
    return ""
