"""The article of a noun: der, die, das, and ein, kein, mein, dieser."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from content.generators import choosing, genders, nominal
from content.questions import Question
from content.schema import LEVELS, Lexicon, Noun, RuleCard, Text

FAMILY = "article"
GAP = "___"


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence in which a noun of these classes is natural."""

    id: str
    sentence: str
    classes: tuple[str, ...]
    themes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


# The first frame that fits is taken: the narrow ones stand first.
_DEFINITE = (
    Frame(
        "weather",
        "___ {noun} gefällt mir nicht.",
        ("weather",),
        exclude=("Eiszapfen", "Regenbogen", "Sonne", "Dürre", "Überschwemmung", "Blitz", "Wolke"),
    ),
    Frame(
        "job-here",
        "Wo ist denn ___ {noun}?",
        ("professional",),
        exclude=("Politiker", "Politikerin"),
    ),
    Frame(
        "person-not-here",
        "___ {noun} ist heute nicht da.",
        ("person", "relative"),
        exclude=(
            *("Mensch", "Person", "Herr", "Flüchtling", "Vorfahr", "Einwohner", "Held", "Heldin"),
            *("Ausländer", "Dieb", "Fußgänger", "Verbraucher", "Wähler", "Benutzer", "Sieger"),
            "Absender",
        ),
    ),
    Frame("animal-age", "Wie alt ist ___ {noun}?", ("animal",), ("animals",), ("Tier",)),
    Frame(
        "food-tastes",
        "___ {noun} schmeckt sehr gut.",
        ("fruit", "vegetable", "dish", "food_liquid", "food_solid"),
        ("food", "drinks"),
        (
            *("Zutat", "Mehl", "Teig", "Gewürz", "Salz", "Pfeffer", "Zucker", "Essig", "Öl"),
            *("Alkohol", "Wasser", "Beilage", "Imbiss", "Delikatesse"),
        ),
    ),
    Frame(
        "food-is-missing",
        "___ {noun} fehlt noch.",
        ("food_liquid", "food_solid", "dish"),
        ("food", "drinks"),
        ("Alkohol", "Imbiss", "Delikatesse"),
    ),
    Frame("clothes-new", "___ {noun} ist ganz neu.", ("clothes",), (), ("Kleidung", "Schmuck")),
    Frame(
        "furniture-old",
        "___ {noun} ist schon alt.",
        ("furniture",),
        ("furniture", "home", "kitchen"),
        ("Einrichtung", "Dach", "Boden", "Wand", "Decke", "Bild"),
    ),
    Frame("furniture-white", "___ {noun} ist weiß.", ("furniture",), ("home",), ("Einrichtung",)),
    Frame(
        "vehicle-new",
        "___ {noun} ist neu.",
        ("vehicle",),
    ),
    Frame(
        "device-broken",
        "___ {noun} ist kaputt.",
        ("device",),
        (),
        ("Windrad", "Speicher"),
    ),
    Frame(
        "thing-where",
        "Wo ist ___ {noun}?",
        ("tool", "container"),
        (),
        ("Ball", "Verband", "Spritze", "Pflaster", "Kofferraum", "Gepäck"),
    ),
    Frame("room-small", "___ {noun} ist klein.", ("room",)),
    Frame(
        "place-where",
        "Entschuldigung, wo ist hier ___ {noun}?",
        ("building", "place", "institution"),
        ("city", "shopping", "traffic", "health", "offices"),
        (
            *("Gegend", "Umgebung", "Vorort", "Stadtteil", "Dorf", "Stadt", "Geburtsort"),
            *("Feuerwehr", "Polizei", "Amt", "Behörde", "Krankenkasse", "Versicherung"),
            *("Umleitung", "Gebäude", "Weg", "Straße", "Ecke"),
        ),
    ),
    Frame(
        "place-beautiful",
        "___ {noun} ist sehr schön.",
        ("place", "plant"),
        ("nature", "city", "travel", "home", "feasts", "sport", "traffic"),
        (
            *("Ausland", "Grenze", "Rezeption", "Ast", "Samen", "Wurzel", "Umleitung"),
            *("Stockwerk", "Erdgeschoss", "Ausfahrt", "Natur", "Ecke", "Bahnsteig", "Gleis"),
        ),
    ),
    Frame(
        "building-big",
        "___ {noun} ist sehr groß.",
        ("building",),
        (),
        ("Unterkunft",),
    ),
    Frame(
        "text-interesting",
        "___ {noun} ist interessant.",
        ("media_item", "writing"),
        ("media", "school", "science", "communication", "music", "travel", "leisure", "computer"),
        ("Heft", "Schlagzeile", "CD", "Zettel", "Postkarte"),
    ),
    Frame(
        "paper-on-table",
        "___ {noun} liegt auf dem Tisch.",
        ("document", "writing", "media_item"),
        ("offices", "travel", "work", "traffic", "home", "shopping", "school", "leisure"),
        ("Abschluss", "Auftrag", "Kündigung", "Garantie", "Reklamation", "Vereinbarung"),
    ),
    Frame(
        "time-is-over",
        "___ {noun} ist schon vorbei.",
        ("timespan",),
        ("time", "work", "school", "leisure"),
        (
            *("Zukunft", "Gegenwart", "Zeitpunkt", "Ruhestand", "Jahreszeit", "Öffnungszeit"),
            *("Arbeitszeit", "Feierabend", "Augenblick", "Sekunde", "Jahrhundert"),
        ),
    ),
    Frame(
        "event-when",
        "Wann ist ___ {noun}?",
        ("event",),
        (
            *("work", "school", "feasts", "health", "sport", "music", "travel", "family"),
            *("food", "leisure", "home"),
        ),
        (
            *("Überraschung", "Mahlzeit", "Notfall", "Niederlage", "Sieg", "Beerdigung", "Geburt"),
            *("Scheidung", "Unfall", "Abenteuer", "Ausbildung", "Studium", "Zirkus", "Einreise"),
            *("Übernachtung", "Fortbildung", "Therapie", "Behandlung", "Sprechstunde", "Karneval"),
            *("Aufenthalt", "Spaziergang", "Tanz", "Training"),
        ),
    ),
    Frame(
        "amount-how-high",
        "Wie hoch ist ___ {noun}?",
        ("money",),
        (),
        (
            *("Bargeld", "Münze", "Geldschein", "Cent", "Geld", "Konto", "Währung", "Aktie"),
            *("Einnahme", "Investition", "Stipendium", "Rabatt"),
        ),
    ),
    Frame(
        "body-hurts",
        "___ {noun} tut weh.",
        ("body_part",),
        (),
        ("Bart", "Haar", "Körper", "Gehirn", "Leber", "Niere", "Stirn", "Nerv", "Gesicht"),
    ),
)
# What a noun is asked in that no sentence above fits.
_ASKED = Frame("asked", "Welcher Artikel gehört zu „{noun}“?", ())

_COUNTED = (
    *("animal", "fruit", "vegetable", "furniture", "tool", "vehicle", "container", "device"),
    *("clothes", "plant", "professional", "building", "media_item"),
)
_NOT_SHOWN = choosing.words(
    "Kleidung Tier Einrichtung Dach Boden Wand Decke Batterie Akku Speicher Windrad Unterkunft "
    "Licht Heizung Steckdose Gepäck Geschirr Besteck Kofferraum Verband Spritze Werbung Bild "
    "Nachricht Musik Knoblauch Samen Gras Pfandflasche Sendung Serie Radio Jeans Mais Lied "
    "Melodie Schmuck Instrument Ampel Grundschule Hochschule Gymnasium Praxis Ferienwohnung "
    "Unterwäsche Kopfhörer Klingel Pilz Ast Wurzel Aufzug Kabel Netzwerk Bremse Motor "
    "Feuerwerk Wasserhahn Garderobe Spüle Badewanne Dusche Treppe Zaun Fassade Schaufenster "
    "Haustür U-Bahn Boot Geschichte Webseite Weihnachtsmann Solaranlage Geldautomat Backofen "
    "Mikroskop Teleskop Maschine"
)
_BOUGHT = ("clothes", "furniture", "device", "container", "tool", "media_item", "vehicle")


def generate(lexicon: Lexicon) -> Iterator[Question]:
    """Yield the questions for the article of each noun of one certain gender."""
    parts = genders.by_small_letters(lexicon)
    cards = {rule.id: rule for rule in lexicon.rules}
    for noun in lexicon.nouns:
        if not genders.is_certain(noun):
            continue
        reason = genders.reason(noun, parts)
        if _is_worth_it(noun, reason):
            yield _definite(noun, reason, cards)
        if _is_thing(noun, _COUNTED) and choosing.pick(f"ein|{noun.noun}", "abc") != "a":
            yield _determiner(noun, choosing.pick(f"kein|{noun.noun}", ("ein", "ein", "kein")))
        elif _is_thing(noun, _BOUGHT):
            yield _determiner(noun, "dieser")
        if "relative" in noun.classes and noun.level in ("A1", "A2"):
            yield _determiner(noun, "mein")


def _is_worth_it(noun: Noun, reason: genders.Reason) -> bool:
    """Leave out the women above A2 and what a learner of B1 reads off the ending."""
    if noun.level == "A1":
        return True
    if _frame(noun) is _ASKED and reason.rule == "endings-die":
        return False
    return noun.level == "A2" or not noun.noun.endswith(
        ("in", "ung", "heit", "keit", "schaft", "tion", "tät", "ismus")
    )


def _is_thing(noun: Noun, classes: tuple[str, ...]) -> bool:
    return (
        noun.level in ("A1", "A2")
        and bool(noun.plurals)
        and bool(set(classes) & set(noun.classes))
        and noun.noun not in _NOT_SHOWN
    )


def _definite(noun: Noun, reason: genders.Reason, cards: Mapping[str, RuleCard]) -> Question:
    frame = _frame(noun)
    card = cards[reason.rule]
    if LEVELS.index(card.level) > LEVELS.index(noun.level):
        # The noun is learnt before the rule: the card says what holds for all nouns.
        card = cards["article-three"]
    question = frame.sentence.format(noun=noun.noun)
    if frame is _ASKED and noun.noun in noun.plurals:
        question = f"Welcher Artikel gehört zu „{noun.noun}“ (Singular)?"
    right = genders.DEFINITE[noun.gender]
    options = [right, *(each for each in ("der", "die", "das") if each != right)]
    if question.startswith(GAP):
        options = [choosing.capital(option) for option in options]
    return Question(
        quiz_id=choosing.quiz_id(FAMILY, noun.noun, frame.id),
        family=FAMILY,
        lemma=noun.noun,
        rule=card.id,
        frame=frame.id,
        question=question,
        options=tuple(options),
        explanation_de=reason.text.de,
        explanation_en=reason.text.en,
        explanation_uk=reason.text.uk,
        level=choosing.hardest(noun.level, card.level),
        topic=card.topic,
    )


def _frame(noun: Noun) -> Frame:
    for frame in _DEFINITE:
        if (
            set(frame.classes) & set(noun.classes)
            and (not frame.themes or noun.theme in frame.themes)
            and noun.noun not in frame.exclude
        ):
            return frame
    return _ASKED


_DETERMINERS = {
    # word: the frame, its sentence, rule, level of the rule, the fourth option
    "ein": ("that-is", "Das ist ___ {noun}.", "ein-eine", "A1", "einen"),
    "kein": ("that-is-not", "Nein, das ist ___ {noun}.", "kein-keine", "A1", "keinen"),
    "mein": ("that-is-my", "Das ist ___ {noun}.", "possessive-endings", "A1", "meinen"),
    "dieser": ("what-costs", "Was kostet ___ {noun}?", "dieser-welcher", "A2", "diesen"),
}
_TOPICS = {
    "ein-eine": "indefinite-article",
    "kein-keine": "negation",
    "possessive-endings": "possessives",
    "dieser-welcher": "demonstratives",
}


def _determiner(noun: Noun, word: str) -> Question:
    frame, sentence, rule, level, accusative = _DETERMINERS[word]
    article = genders.DEFINITE[noun.gender]
    if word == "dieser":
        forms = ["dieser", "diese", "dieses"]
        right = nominal.article("dieser", noun.gender, "nom")
    else:
        forms = [word, f"{word}e"]
        right = f"{word}e" if noun.gender == "f" else word
    wrong = [form for form in forms if form != right]
    wrong.append(accusative)
    if word != "dieser":
        wrong.append(f"{word}er")
    name = genders.gender(noun)
    said = f"{right} {noun.noun}"
    text = Text(
        de=f"„{noun.noun}“ ist {name.de}: {article} {noun.noun}, {said}.",
        en=f"“{noun.noun}” is {name.en}: {article} {noun.noun}, {said}.",
        uk=f"«{noun.noun}» – {name.uk}: {article} {noun.noun}, {said}.",
    )
    return Question(
        quiz_id=choosing.quiz_id(FAMILY, noun.noun, frame),
        family=FAMILY,
        lemma=noun.noun,
        rule=rule,
        frame=frame,
        question=sentence.format(noun=noun.noun),
        options=choosing.distinct(right, wrong),
        explanation_de=text.de,
        explanation_en=text.en,
        explanation_uk=text.uk,
        level=choosing.hardest(noun.level, level),
        topic=_TOPICS[rule],
    )
