"""Wrong options that are not wrong: accepted variants, and other words for the same thing.

The solver knows the variants of forms that its tables have. These lists are for all families.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from content.gates.faults import Fault
from content.questions import Question

# Each line: forms that are all accepted where one of them is.
FORMS = """
Balkone Balkons
Parks Parke
Schals Schale
Pizzas Pizzen
Kontos Konten
Klimas Klimata
Globusse Globen
Kaktusse Kakteen
Atlasse Atlanten
Onkel Onkels
Jungen Jungs
Denkmäler Denkmale
Mägen Magen
Bögen Bogen
Krägen Kragen
Wagen Wägen
Kästen Kasten
Läden Laden
Kekse Keks
Tests Teste
Themen Themata
Visa Visen
Kommas Kommata
Lexika Lexiken
Generale Generäle
Skier Ski
Karusselle Karussells
Couchs Couchen Couches
Geschmäcker Geschmäcke
Verlage Verläge
Worte Wörter
Zahnpastas Zahnpasten
hing hängte
gehangen gehängt
backte buk
bäckt backt
gewinkt gewunken
gesandt gesendet
sandte sendete
wandte wendete
gewandt gewendet
schwor schwörte
erschrak erschreckte
geschaffen geschafft
schuf schaffte
fragst frägst
gebärt gebiert
stünde stände
begönne begänne
hülfe hälfe
stürbe stärbe
würfe wärfe
bräuchte brauchte
gesünder gesunder
nässer nasser
schmäler schmaler
röter roter
blässer blasser
glätter glatter
krümmer krummer
am:gesündesten am:gesundesten
am:nässesten am:nassesten
am:schmälsten am:schmalsten
dunkler dunkeler
teurer teuerer
zwei zwo
dreißig dreissig
jemandem jemand
niemandem niemand
jemanden jemand
niemanden niemand
sammle sammele
lächle lächele
ändre ändere
gehn gehen
"""
# Words that name the same thing, so that none is wrong where the other is right.
SYNONYMS = """
Samstag Sonnabend
Orange Apfelsine
Metzger Fleischer Schlachter
Metzgerei Fleischerei
Tischler Schreiner
Sofa Couch
Handy Mobiltelefon Smartphone
Telefon Handy
Auto Wagen PKW
Fahrrad Rad
Ferien Urlaub
Anfang Beginn Start
Ende Schluss
Geschäft Laden
Arzt Doktor
Ärztin Doktorin
Großmutter Oma
Großvater Opa
Mutter Mama
Vater Papa
Karotte Möhre
Brötchen Semmel
Sahne Rahm
Kartoffel Erdapfel
Tomate Paradeiser
Pfannkuchen Eierkuchen
Fahrkarte Fahrschein Ticket
Eintrittskarte Ticket
Foto Bild Fotografie
Bild Gemälde
Zimmer Raum
Firma Unternehmen Betrieb
Job Arbeit Stelle
Beruf Job
Anschrift Adresse
Krankenhaus Klinik Spital
Flugzeug Flieger
Junge Bub
Mädchen Mädel
Fernseher Fernsehgerät
Rechner Computer
Laptop Notebook
Mülltonne Mülleimer
Aufzug Lift Fahrstuhl
Bürgersteig Gehweg
Straßenbahn Tram
Schrank Kasten
Stuhl Sessel
Streichholz Zündholz
Tüte Tasche
Fehler Irrtum
Lust Spaß
Angst Furcht
Ausbildung Lehre
Lehrling Auszubildende
Kunde Käufer
Gasthaus Restaurant
Lokal Restaurant Kneipe
Ausflug Reise
Reise Fahrt
Wald Forst
Bach Fluss
Berg Hügel
See Teich
Dorf Ort
Ort Stadt
Haus Gebäude
Gefängnis Haft
Pause Unterbrechung
Kissen Polster
Decke Bettdecke
Jacke Mantel
Hemd Bluse
Schuh Stiefel
Rock Kleid
Topf Pfanne
Becher Tasse
Glas Becher
Teller Platte
Kühlschrank Eisschrank
Treppe Stufe
Universität Hochschule
Schule Grundschule
Chef Leiter
Chefin Leiterin
"""
# Words whose pictures look alike: a screen is a screen.
PICTURES = """
Computer Fernseher Bildschirm
"""


def _groups(text: str) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for line in text.strip().splitlines():
        words = [word.replace(":", " ") for word in line.split()]
        for word in words:
            groups[word] |= set(words) - {word}
    return groups


_FORMS = _groups(FORMS)
_SYNONYMS = _groups(SYNONYMS)
_PICTURES = _groups(PICTURES)
_PARTS = re.compile(r"[\w-]+|[^\w\s]")


def check(questions: Iterable[Question]) -> Iterator[Fault]:
    """Yield each wrong option that is an accepted variant of, or the same as, the right one."""
    for question in questions:
        right = question.answer
        for option in question.options[1:]:
            reason = _same(right, option, is_vocabulary=question.family == "vocabulary")
            if question.kind == "picture" and option.split()[-1] in _PICTURES.get(
                right.split()[-1], ()
            ):
                reason = "as a picture too like"
            if reason:
                yield Fault(question.quiz_id, "variant", f"{option!r} is {reason} {right!r}")


def _same(right: str, option: str, *, is_vocabulary: bool) -> str:
    if right.casefold() == option.casefold() and right != option:
        # Lower and upper case are a question of spelling only where they are asked for.
        return "but for the case of a letter"
    one, other = _PARTS.findall(right), _PARTS.findall(option)
    if option in _FORMS.get(right, ()):
        return "an accepted variant of"
    if len(one) != len(other):
        return ""
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(differing) != 1:
        return ""
    first, second = differing[0]
    if second in _FORMS.get(first, ()):
        return "an accepted variant of"
    if is_vocabulary and second in _SYNONYMS.get(first, ()):
        return "another word for"
    return ""
