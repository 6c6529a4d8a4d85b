"""What a picture or a word in the player's language is called in German."""

import re
from collections.abc import Iterator, Sequence

from content.generators import choosing, genders
from content.questions import Question
from content.schema import LEVELS, Lexicon, Noun

FAMILY = "vocabulary"
_PER_THEME = 9

# Themes whose pictures make good wrong options for each other.
_POOLS = (
    *(("animals",), ("body",), ("city", "traffic"), ("clothes",), ("countries",)),
    *(("food", "drinks"), ("home", "furniture", "kitchen"), ("jobs", "people", "family")),
    *(("computer", "work", "media", "communication", "time"), ("feasts", "leisure", "sport")),
    *(("shopping", "money", "travel"), ("music",), ("nature", "weather"), ("school", "science")),
    *(("health", "environment", "offices"),),
)
# No two of a group stand in one question: one is a kind of the other, or looks or means alike.
_GROUPS = (
    "Ente Gans Vogel Huhn Eule",
    "Fisch Hai Wal",
    "Hund Wolf Fuchs",
    "Katze Tiger Löwe",
    "Pferd Esel",
    "Maus Ratte Eichhörnchen",
    "Hase Kaninchen",
    "Biene Wespe Fliege Mücke Ameise Insekt",
    "Baum Weihnachtsbaum Pflanze Blatt Blume Rose Tulpe Sonnenblume Blumenstrauß Ast Holz Gras",
    "Auto Taxi Krankenwagen Lastwagen Bus Fahrzeug",
    "Fahrrad Motorrad Rad Reifen",
    "Schiff Fähre Boot",
    "Zug Bahnhof Straßenbahn S-Bahn U-Bahn Gleis Bahnsteig Haltestelle Bus",
    "Autobahn Straße Weg Brücke Kreuzung",
    "Haus Krankenhaus Hotel Schule Bank Fabrik Kirche Schloss Gebäude Hochhaus Rathaus Wohnung Tür",
    "Kirche Synagoge Moschee Dom Hochzeit",
    "Stadt Innenstadt Altstadt Zentrum Platz Dorf Vorort Stadtteil Gegend Umgebung Ort Hauptstadt",
    "Computer Laptop Tastatur Tablet Bildschirm Drucker",
    "Computer Bildschirm Fernseher",
    "Telefon Handy Smartphone Anruf",
    "Uhr Wecker Zeit Stunde",
    "Kaffee Tee Kanne Tasse Becher Glas",
    "Bier Wein Sekt Schnaps Alkohol Saft Getränk",
    "Brille Sonnenbrille",
    "Schuh Sandale Stiefel",
    "Socke Strumpf",
    "Mantel Jacke",
    "Badeanzug Bikini Badehose",
    "Pullover T-Shirt Hemd Bluse",
    "Hut Mütze",
    "Hose Jeans",
    "Kette Ring Ohrring Schmuck",
    "Tasche Handtasche Rucksack Koffer Tüte Portemonnaie",
    "Melone Wassermelone",
    "Orange Zitrone Pfirsich",
    "Kirsche Traube",
    "Brot Brötchen",
    "Kuchen Torte Keks Nachtisch",
    "Salat Gemüse",
    "Bonbon Schokolade Süßigkeit",
    "Nudel Reis",
    "Wurst Schinken Fleisch Rindfleisch Schweinefleisch Braten Schnitzel Hähnchen",
    "Gewürz Pfeffer Salz",
    "Essen Mahlzeit Frühstück Mittagessen Abendessen Gericht Beilage Imbiss Vorspeise",
    "Berg Vulkan Gebirge Hügel Stein Landschaft Tal Wüste",
    "Strand Insel Meer Welle Küste Ufer See Landschaft Fluss Bach Campingplatz",
    "Mond Stern Planet Erde Welt Himmel Sonne",
    "Regen Wolke Gewitter Regenschirm Regenbogen Sturm Blitz Donner Schauer Tropfen",
    "Schnee Schneemann Frost Kälte Eis",
    "Oma Opa Familie Baby Junge Mädchen Kind Großmutter Großvater",
    "Brief E-Mail Briefkasten Nachricht Postkarte Briefumschlag",
    "Besteck Messer Löffel Gabel",
    "Hand Arm Finger Daumen",
    "Fuß Bein Knie Zeh",
    "Herz Blut",
    "Mund Lippe Zunge",
    "Bauch Magen",
    "Geldschein Münze Bargeld Geld Cent Euro",
    "Geldautomat Bank Kreditkarte",
    "Ticket Fahrkarte Eintrittskarte Karte Landkarte Stadtplan Ausweis Pass",
    "Zelt Campingplatz Zirkus",
    "Puzzle Spielzeug Würfel Puppe Spiel Brettspiel",
    "Tischtennis Tennis Badminton",
    "Basketball Volleyball Handball Fußball Ball Tor",
    "Eishockey Ski",
    "Medaille Pokal Sieg Sieger",
    "Trompete Flöte",
    "Geige Gitarre",
    "Sänger Sängerin",
    "Buch Lehrbuch Wörterbuch Roman Krimi Zeitung Zeitschrift Heft",
    "Kugelschreiber Bleistift Stift",
    "Mikroskop Teleskop",
    "Student Studentin Schüler Schülerin Lehrer Lehrerin",
    "Badewanne Dusche Bad Toilette",
    "Dose Eimer Topf Pfanne Schüssel Schale",
    "Sofa Couch Sessel Stuhl Hocker",
    "Schrank Kleiderschrank Regal Bücherregal Kommode",
    "Decke Bettdecke",
    "Kissen Matratze",
    "Einladung Feier Fest Party Geburtstag",
    "Tablette Medikament Spritze Salbe",
    "Arzt Ärztin Zahnarzt Zahnärztin Krankenschwester Krankenpfleger Wissenschaftler",
    "Koch Köchin Kellner Kellnerin Bäcker",
    "Bauer Bäuerin Gärtner",
    "Arbeit Job Beruf Stelle Arbeitsplatz Aufgabe",
    "Firma Betrieb Unternehmen Büro Abteilung",
    "Gehalt Lohn Einkommen Rente Geld Einnahme Gewinn Umsatz Vermögen",
    "Steuer Gebühr Zoll Miete Kosten Ausgabe Betrag Preis",
    "Antrag Formular Bewerbung Anmeldung",
    "Bescheid Bescheinigung Genehmigung Erlaubnis Aufenthaltserlaubnis Urkunde",
    "Behörde Amt Bürgeramt Jobcenter Standesamt Konsulat Botschaft",
    "Gesetz Recht Verfassung Grundgesetz Regel",
    "Regierung Staat Parlament Bundestag",
    "Abfall Müll Mülltonne Recycling",
    "Abend Nacht Mitternacht Feierabend",
    "Party Disco Fest Feier",
    "Presse Zeitung Zeitschrift Verlag Medium",
    "Gepäck Koffer",
    "Stadt Brücke Autobahn",
    "Nebel Wolke",
    "Tor Eishockey",
    "Übung Hausaufgabe Aufgabe Test Prüfung",
    "Sieg Sieger Rennen Wettkampf Turnier Meisterschaft",
    "Frost Eiszapfen Kälte",
    "Regen Überschwemmung Sturm Schauer",
    "Morgen Vormittag Frühling",
    "Moment Augenblick Sekunde Minute Zeitpunkt",
    "Krankheit Erkältung Grippe Schnupfen Husten Fieber",
    "Weihnachtsbaum Weihnachtsmann Weihnachtsmarkt Geschenk",
)
_ALIKE = tuple(choosing.words(group) for group in _GROUPS)
_KINDS = choosing.words(
    "Tier Haustier Insekt Fahrzeug Obst Gemüse Essen Getränk Gericht Lebensmittel Kleidung Möbel "
    "Gebäude Gerät Pflanze Werkzeug Geschirr Instrument Spielzeug Person Mensch Leute Ding Sache "
    "Zutat Material Stoff Sport Land Ort Platz Einrichtung Maschine Zimmer Wetter Natur Körper "
    "Kleid Möbel Mann Frau Mahlzeit Süßigkeit Zeit Gruppe Team Teil Welt"
)
# Cards for the words of a theme, the easiest first; the noun's level decides which is shown.
_CARDS = {
    "food": ("food-words",),
    "drinks": ("food-words",),
    "kitchen": ("home-words",),
    "clothes": ("clothes-words",),
    "body": ("body-pain",),
    "health": ("health-phrases",),
    "home": ("home-words",),
    "furniture": ("home-words",),
    "family": ("family-words",),
    "jobs": ("jobs-no-article",),
    "work": ("work-phrases",),
    "school": ("school-phrases",),
    "city": ("city-way",),
    "traffic": ("city-way",),
    "travel": ("travel-phrases",),
    "countries": ("countries-article",),
    "weather": ("weather-es",),
    "leisure": ("leisure-phrases",),
    "sport": ("leisure-phrases",),
    "music": ("leisure-phrases",),
    "shopping": ("shopping-phrases",),
    "money": ("bank-phrases",),
    "offices": ("offices-phrases",),
    "feasts": ("feasts-phrases",),
    "environment": ("environment-phrases",),
    "media": ("media-phrases",),
    "science": ("science-phrases",),
    "time": ("days-months",),
}
# Themes whose nouns without a picture can be translated one by one: things, people and places.
_TRANSLATED = (
    *("animals", "body", "city", "clothes", "drinks", "family", "feasts", "food", "furniture"),
    *("health", "home", "jobs", "kitchen", "leisure", "nature", "offices", "school", "shopping"),
    *("sport", "time", "traffic", "travel", "weather", "work", "media"),
)
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")


def generate(lexicon: Lexicon) -> Iterator[Question]:
    """Yield a question for each picture, then translations of nouns that have none."""
    cards = {rule.id: (rule.level, rule.topic) for rule in lexicon.rules}
    pictures = [noun for noun in lexicon.nouns if noun.emoji]
    for noun in pictures:
        pool = [other for other in pictures if _pool(other) == _pool(noun)]
        wrong = _wrong(noun, pool)
        if len(wrong) == 3:
            asked = "Welches Land ist das?" if _FLAG.match(noun.emoji) else "Was ist das?"
            if _is_person(noun):
                asked = "Wer ist das?"
            question = f"{noun.emoji} {asked}"
            yield _question(noun, "picture", question, wrong, cards)
    for theme in _TRANSLATED:
        rows = [
            noun
            for noun in lexicon.nouns
            if noun.theme == theme and noun.noun not in _KINDS and len(noun.en) == len(noun.uk) == 1
        ]
        asked_of = [
            noun for noun in rows if not noun.emoji and not noun.note and not _is_easy(noun)
        ]
        names = choosing.shuffled(f"translate|{theme}", [noun.noun for noun in asked_of])
        for noun in asked_of:
            if noun.noun in names[:_PER_THEME]:
                wrong = _wrong(noun, rows)
                if len(wrong) == 3:
                    said = f"{noun.en[0]} · {noun.uk[0]}"
                    question = f"Wie heißt das auf Deutsch? {said}"
                    yield _question(noun, "translate", question, wrong, cards)


def _is_person(noun: Noun) -> bool:
    return bool({"professional", "person", "relative"} & set(noun.classes))


def _is_easy(noun: Noun) -> bool:
    """Say if the English word is the German one, or its gloss is more than a word."""
    return noun.en[0].lower() == noun.noun.lower() or "usually" in noun.en[0]


def _pool(noun: Noun) -> int:
    return next((number for number, pool in enumerate(_POOLS) if noun.theme in pool), -1)


def _wrong(noun: Noun, pool: Sequence[Noun]) -> list[Noun]:
    """Return three nouns of the pool of a similar level that mean something quite different."""
    fit = [
        other
        for other in pool
        if other.noun != noun.noun
        and other.noun not in _KINDS
        and abs(LEVELS.index(other.level) - LEVELS.index(noun.level)) <= 1
        # Only a country with an article stands beside one: die Schweiz, die Türkei, die USA.
        and (other.gender != "pl" or "countries" == noun.theme == other.theme)
        and _has_article(other) == _has_article(noun)
        and _is_person(other) == _is_person(noun)
        # A woman is no wrong option for a man: the gender would be enough.
        and (not _is_person(noun) or other.gender == noun.gender)
    ]
    names = choosing.shuffled(f"vocabulary|{noun.noun}", [other.noun for other in fit])
    rows = {other.noun: other for other in fit}
    chosen: list[Noun] = []
    # Words of the same theme stand first: a glance is not enough to leave them out.
    for name in sorted(names, key=lambda name: rows[name].theme != noun.theme):
        other = rows[name]
        if all(not _is_alike(other, each) for each in (noun, *chosen)):
            chosen.append(other)
        if len(chosen) == 3:
            break
    return chosen


def _is_alike(one: Noun, other: Noun) -> bool:
    """Say if one may be taken for the other: by group, by a part of the word or by a gloss."""
    first, second = one.noun.lower(), other.noun.lower()
    if first in second or second in first or _stem(first) == _stem(second):
        return True
    if _tokens(one.en) & _tokens(other.en) or _tokens(one.uk) & _tokens(other.uk):
        return True
    return any(one.noun in group and other.noun in group for group in _ALIKE)


def _stem(word: str) -> str:
    """Arzt and Ärztin, Koch and Köchin begin alike."""
    return choosing.slug(word).replace("ae", "a").replace("oe", "o").replace("ue", "u")[:4]


def _tokens(glosses: Sequence[str]) -> set[str]:
    words = re.findall(r"\w+", re.sub(r"\(.*?\)", "", " ".join(glosses)).lower())
    return {word[:5] for word in words if len(word) > 2}


def _has_article(noun: Noun) -> bool:
    return "ohne Artikel" not in noun.note


def _named(noun: Noun) -> str:
    if not _has_article(noun):
        return noun.noun
    article = "die" if noun.gender == "pl" else genders.DEFINITE[noun.gender]
    return f"{article} {noun.noun}"


def _question(
    noun: Noun,
    frame: str,
    question: str,
    wrong: Sequence[Noun],
    cards: dict[str, tuple[str, str]],
) -> Question:
    # A card above the noun's level would raise it; the article is a help at every level.
    rule = next(
        (
            card
            for card in _CARDS.get(noun.theme, ())
            if LEVELS.index(cards[card][0]) <= LEVELS.index(noun.level)
        ),
        "article-three",
    )
    said = _named(noun)
    # The gloss is the game, which has no plural: die Fußbälle are the balls.
    is_game = noun.theme == "sport" and noun.noun.endswith("ball")
    plural = noun.plurals[0] if noun.plurals and not is_game else ""
    many = f", Plural: die {plural}" if plural else ""
    more = f", plural: die {plural}" if plural else ""
    lots = f", множина: die {plural}" if plural else ""
    shown = f"{noun.emoji} " if noun.emoji else ""
    return Question(
        quiz_id=choosing.quiz_id(FAMILY, noun.noun, frame),
        family=FAMILY,
        lemma=noun.noun,
        rule=rule,
        frame=frame,
        question=question,
        options=(said, *(_named(other) for other in wrong)),
        explanation_de=f"{shown}Das heißt „{said}“{many}.",
        explanation_en=f"{shown}“{said}” means “{noun.en[0]}”{more}.",
        explanation_uk=f"{shown}«{said}» означає «{noun.uk[0]}»{lots}.",
        level=choosing.hardest(noun.level, cards[rule][0]),
        topic=cards[rule][1],
        kind="picture" if frame == "picture" else "choice",
    )
