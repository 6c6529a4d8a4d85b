"""The plural of a noun among forms that no noun has as its plural."""

from collections.abc import Iterator

from content import fitting
from content.generators import choosing, genders
from content.questions import Question
from content.schema import LEVELS, Lexicon, Noun, Template, Text

FAMILY = "plural"

# Nouns with a second plural, by region or meaning, or with none in front of a number (zwei Bier).
_UNCERTAIN = choosing.words(
    "Ding Ort Magen Denkmal Park Schal Briefkasten Thema Land Schluck Geschmack Keks Konto "
    "Kredit Tablett Visum Klima Test Stau Schild Gehalt Motor Junge Wort Laden Band Chor Steuer "
    "Stift Tor Couch Picknick Verlag Euro Cent Kilo Zoll Grad Liter Bank Leiter Bauer Mangel "
    "Mann Bus Bär Gesicht Licht Feld Medium Praxis Flur Sucht Mensch Export Gift Orange Onkel Teil "
    "Virus Kragen Zeh Rad Eimer Mitte Braten Reifen Tropfen Hilfe Eintritt Morgen Kritik Zweck "
    "Abitur Radiergummi Comic Ananas Paprika Herr Moment Karneval Mode Religion Sicherheit Erde "
    "Jeans Donner Sonne Gras Frost Nebel Himmel Angst Freude Feierabend Leber Gott Heizung Polizei "
    "Art Krimi Werbung Ankunft Urlaub Frühling Handball"
)
# Bare singulars that stand behind a number: drei Blatt Papier.
_MEASURES = choosing.words(
    "Glas Paket Blatt Fuß Satz Stock Becher Löffel Teller Jahr Punkt Schritt Salat"
)
# Forms that the rules below would offer, but that are words or accepted: Kuchen, Küchen.
_REAL = choosing.words(
    "Anfänger Anhänger Anrufer Apotheker Arbeiter Armen Armer Bache Bachen Baden Bader Ballen "
    "Barte Barten Baume Beilager Bergen Berger Betragen Bitter Blatter Blitzer Boots Buchen "
    "Buchs Cousine Cousinen Dachs Dorfen Ecker Eis Essener Euler Festen Feuerwerker Fischen "
    "Fischer Flieger Frager Fußen Garderober Gasen Gasten Geiger Gewinner Glasen Glaser Glass "
    "Gotten Grammatiker Grenzer Grille Grillen Gründer Halse Halsen Handballen Hands Handwerker "
    "Hausen Hauser Hefter Herden Hochzeiter Huten Hüter Kartenspieler Knies Kochen Kriegen "
    "Krieger Köcher Küster Linke Linken Lohne Löhner Marker Messer Metaller Mieter Montagen "
    "Mutters Netzwerker Pflanzer Plane Planen Queller Rabatten Rechten Rechter Reiher Reiser "
    "Ringen Ringer Rocken Romanen Schiffer Schlosser Schranke Schranken Schränker Siegen Sieger "
    "Spaziergänger Spielen Spieler Spinner Spritzer Staate Steinen Steiner Steller Stirne "
    "Straßenbahner Sturms Städter Stürmer Tags Taler Tanzen Taxie Taxien Texter Tiers Topfen "
    "Traumen Trompeter Träumer Tänzer Töpfer Türe Türmer Urlauber Versucher Volker Wettkämpfer "
    "Winden Wolfen Wunder Zelten Zelter Zieger Äster"
)

# The same, which no list of nouns has.
_ALSO_REAL = choosing.words(
    "Bahner Bohner Duscher Filmer Mannschafter Münzer Pensioner Programmer Spüler Wettbewerber"
)
_REAL_ENDS = tuple(sorted(form.lower() for form in _REAL | _ALSO_REAL))

_IRREGULAR = {
    "Museum": ("Museen", "Museums", "Museume", "Musea"),
    "Zentrum": ("Zentren", "Zentrums", "Zentrume", "Zentrumen"),
    "Stadion": ("Stadien", "Stadions", "Stadione", "Stadionen"),
    "Gymnasium": ("Gymnasien", "Gymnasiums", "Gymnasiume", "Gymnasiumen"),
    "Jubiläum": ("Jubiläen", "Jubiläums", "Jubiläume", "Jubiläumen"),
    "Praktikum": ("Praktika", "Praktikums", "Praktikume", "Praktikumen"),
    "Stipendium": ("Stipendien", "Stipendiums", "Stipendiume", "Stipendiumen"),
    "Firma": ("Firmen", "Firmas", "Firmae", "Firmaen"),
    "Datum": ("Daten", "Datums", "Datume", "Datumen"),
    "See": ("Seen", "Sees", "See", "Seeer"),
}
_UMLAUT = {"a": "ä", "o": "ö", "u": "ü", "A": "Ä", "O": "Ö", "U": "Ü"}
_OPTIONS = 4


def generate(lexicon: Lexicon) -> Iterator[Question]:
    """Yield a question for each noun with one plural in use."""
    templates = [template for template in lexicon.templates if template.family == FAMILY]
    levels = {rule.id: rule.level for rule in lexicon.rules}
    topics = {rule.id: rule.topic for rule in lexicon.rules}
    for noun in lexicon.nouns:
        if not is_asked(noun):
            continue
        wrong = _wrong(noun)
        if len(wrong) < _OPTIONS - 1:
            continue
        frame, question, level = _sentence(noun, templates)
        rule, text = reason(noun)
        yield Question(
            quiz_id=choosing.quiz_id(FAMILY, noun.noun, frame),
            family=FAMILY,
            lemma=noun.noun,
            rule=rule,
            frame=frame,
            question=question,
            options=(noun.plurals[0], *wrong[: _OPTIONS - 1]),
            explanation_de=text.de,
            explanation_en=text.en,
            explanation_uk=text.uk,
            level=choosing.hardest(noun.level, level, levels[rule]),
            topic=topics[rule],
        )


def is_asked(noun: Noun) -> bool:
    """Return whether the noun has one plural that people use."""
    if len(noun.plurals) != 1 or noun.noun in _UNCERTAIN or noun.theme == "drinks":
        return False
    if noun.gender == "pl" or ("auch d" in noun.note and noun.noun != "See"):
        return False
    if noun.level in ("A1", "A2"):
        return True
    # Above A2 the plural of these is no question, or nobody counts the thing.
    if noun.noun.endswith(("in", "ung", "heit", "keit", "schaft", "tion", "tät", "ik", "ie")):
        return False
    return noun.level == "B1" or not {"abstract", "feeling"} & set(noun.classes)


def _sentence(noun: Noun, templates: list[Template]) -> tuple[str, str, str]:
    """Return the frame, the question and the level of the sentence."""
    said = f"{genders.DEFINITE[noun.gender]} {noun.noun}"
    fit = [
        template
        for template in templates
        if LEVELS.index(template.level) <= max(1, LEVELS.index(noun.level))
        and fitting.nouns(template.slots[0], template.level, [noun])
    ]
    if fit:
        template = choosing.pick(f"plural|{noun.noun}", fit)
        question = template.de.replace("{" + template.slots[0].name + "}", "___")
        return template.id.removeprefix("plural-"), f"{question} ({said})", template.level
    if "abstract" in noun.classes or "feeling" in noun.classes or "timespan" in noun.classes:
        return "asked", f"Wie heißt der Plural? {said}, die ___", "A1"
    one = "eine" if noun.gender == "f" else "ein"
    return "two", f"{one} {noun.noun}, zwei ___", "A1"


def _wrong(noun: Noun) -> list[str]:
    """Return forms that are no plural of `noun`, nor of another noun, the likeliest ones first."""
    word, right = noun.noun, noun.plurals[0]
    if word in _IRREGULAR:
        return list(_IRREGULAR[word][1:])
    forms = choosing.shuffled(f"plural|{word}", dict.fromkeys(_candidates(word, right)))
    # The last resort, where the likelier forms are words of their own: Frage, Frager, Fragens.
    if f"{right}s" not in forms:
        forms.append(f"{right}s")
    return [
        form
        for form in forms
        if form != right
        and not (form == word and word in _MEASURES)
        # Fußballen, Innenstädter: the last part of a compound may be a word of its own, too.
        and (form == word or not form.lower().endswith(_REAL_ENDS))
    ]


def _candidates(word: str, right: str) -> list[str]:
    changed = right[: len(word)] != word
    ending = right[len(word) :]
    if word.endswith("in") and ending == "nen":
        return [f"{word}en", f"{word}s", f"{word}ne"]
    if word.endswith("nis") and ending == "se":
        return [word, f"{word}e", f"{word}er", f"{word}sen"]
    if word.endswith("y") and ending == "s":
        return [word, f"{word[:-1]}ies", f"{word}en"]
    if ending == "":
        return _without_ending(word, right, changed=changed)
    if ending == "s":
        return [word, f"{word}e", f"{word}en"]
    if ending == "n":
        return [word, f"{word}s", f"{word}r" if word.endswith("e") else f"{word}en"]
    if ending == "en":
        return [word, f"{word}e", f"{word}s", f"{word}er"][: 4 if len(word) > 5 else 3]
    umlaut = right[: len(word)]
    if ending == "e":
        other = f"{word}e" if changed else f"{_with_umlaut(word)}e"
        return [word, f"{word}s", f"{word}en", f"{umlaut}er", other]
    if ending == "er":
        other = f"{word}er" if changed else f"{word}e"
        return [word, f"{word}s", f"{umlaut}e", f"{word}en", other]
    return []


def _without_ending(word: str, right: str, *, changed: bool) -> list[str]:
    if changed:
        return [word, f"{word}s", f"{right}s", f"{right}e"]
    if word.endswith(("er", "el")):
        return [f"{word}s", f"{word}n", f"{word}e"]
    return [f"{word}s", f"{word}e", f"{word}er"]


def _with_umlaut(word: str) -> str:
    """Return `word` with an umlaut, if it has one vowel that can take it; else as it is."""
    vowels = [place for place, letter in enumerate(word) if letter.lower() in "aeiouäöüy"]
    if not vowels or len(vowels) > (2 if "au" in word.lower() else 1):
        return word
    place = vowels[0]
    if word[place] not in _UMLAUT:
        return word
    return word[:place] + _UMLAUT[word[place]] + word[place + 1 :]


def reason(noun: Noun) -> tuple[str, Text]:
    """Return the rule of the noun's plural, and what explains it."""
    word, right = noun.noun, noun.plurals[0]
    pair = f"{genders.DEFINITE[noun.gender]} {word}, die {right}"
    changed, ending = right[: len(word)] != word, right[len(word) :]
    if word in _IRREGULAR and word != "See":
        return "plural-forms", Text(
            de=f"Dieses Wort hat einen besonderen Plural: {pair}.",
            en=f"This word has a special plural: {pair}.",
            uk=f"Це слово має особливу форму множини: {pair}.",
        )
    if ending == "n" and word.endswith("e"):
        return "plural-en", Text(
            de=f"Fast alle Nomen auf -e bekommen -n: {pair}.",
            en=f"Nearly all nouns that end in -e take -n: {pair}.",
            uk=f"Майже всі іменники на -e отримують -n: {pair}.",
        )
    if ending == "nen":
        return "plural-en", Text(
            de=f"Nomen für Frauen auf -in bekommen -nen: {pair}.",
            en=f"Nouns for women that end in -in take -nen: {pair}.",
            uk=f"Назви жінок на -in отримують -nen: {pair}.",
        )
    for suffix in ("ung", "heit", "keit", "schaft", "tion", "tät"):
        if word.endswith(suffix) and ending == "en":
            return "plural-en", Text(
                de=f"Nomen auf -{suffix} bekommen -en: {pair}.",
                en=f"Nouns that end in -{suffix} take -en: {pair}.",
                uk=f"Іменники на -{suffix} отримують -en: {pair}.",
            )
    if ending == "s" and word[-1] in "aiouy":
        return "plural-s", Text(
            de=f"Nomen auf -{word[-1]} bekommen meistens -s: {pair}.",
            en=f"Nouns that end in -{word[-1]} mostly take -s: {pair}.",
            uk=f"Іменники на -{word[-1]} переважно отримують -s: {pair}.",
        )
    if ending == "s":
        return "plural-s", Text(
            de=f"Viele Wörter aus anderen Sprachen bekommen -s: {pair}.",
            en=f"Many words from other languages take -s: {pair}.",
            uk=f"Багато слів з інших мов отримують -s: {pair}.",
        )
    if ending == "" and noun.gender in ("m", "n") and word.endswith(("er", "el", "en", "chen")):
        return "plural-none", _without(noun, pair, changed=changed)
    if ending == "":
        return "plural-forms", Text(
            de=f"Der Plural hat keine Endung{', nur einen Umlaut' if changed else ''}: {pair}.",
            en=f"The plural has no ending here{', only an umlaut' if changed else ''}: {pair}.",
            uk=f"Множина тут без закінчення{', лише з умлаутом' if changed else ''}: {pair}.",
        )
    if ending == "se":
        return "plural-forms", Text(
            de=f"Aus -s wird im Plural -sse: {pair}.",
            en=f"In the plural, -s becomes -sse: {pair}.",
            uk=f"У множині -s змінюється на -sse: {pair}.",
        )
    umlaut = Text(de=" und Umlaut", en=" and an umlaut", uk=" та умлаут")
    extra = umlaut if changed else Text(de="", en="", uk="")
    return "plural-forms", Text(
        de=f"Der Plural hat hier -{ending}{extra.de}: {pair}.",
        en=f"The plural has -{ending}{extra.en} here: {pair}.",
        uk=f"Множина тут має -{ending}{extra.uk}: {pair}.",
    )


def _without(noun: Noun, pair: str, *, changed: bool) -> Text:
    """Return why a noun in -er, -el, -en or -chen has no ending in the plural."""
    if changed:
        return Text(
            de=f"Hier gibt es keine Endung, nur einen Umlaut: {pair}.",
            en=f"There is no ending here, only an umlaut: {pair}.",
            uk=f"Тут немає закінчення, лише умлаут: {pair}.",
        )
    if noun.noun.endswith("chen") and noun.gender == "n":
        return Text(
            de=f"Nomen auf -chen mit „das“ haben im Plural nie eine Endung: {pair}.",
            en=f"Nouns that end in -chen with “das” never take a plural ending: {pair}.",
            uk=f"Іменники на -chen з «das» ніколи не мають закінчення у множині: {pair}.",
        )
    suffix = noun.noun[-2:]
    return Text(
        de=f"Nomen auf -{suffix} mit „der“ oder „das“ bekommen meistens keine Endung: {pair}.",
        en=f"Nouns that end in -{suffix} with “der” or “das” mostly take no ending: {pair}.",
        uk=f"Іменники на -{suffix} з «der» або «das» переважно не мають закінчення: {pair}.",
    )
