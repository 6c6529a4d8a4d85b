"""What a verb needs that no rule gives: the forms of strong verbs, prefixes, auxiliaries, cases.

Written for the gates alone, from the grammar and not from the lexicon, so that a slip there is
not repeated here.
"""

# Infinitive, third person present, preterite, participle; alternatives are separated by `/`.
IRREGULAR = """
backen backt/bäckt backte/buk gebacken
befehlen befiehlt befahl befohlen
beginnen beginnt begann begonnen
beißen beißt biss gebissen
bergen birgt barg geborgen
biegen biegt bog gebogen
bieten bietet bot geboten
binden bindet band gebunden
bitten bittet bat gebeten
blasen bläst blies geblasen
bleiben bleibt blieb geblieben
braten brät briet gebraten
brechen bricht brach gebrochen
brennen brennt brannte gebrannt
bringen bringt brachte gebracht
denken denkt dachte gedacht
dringen dringt drang gedrungen
dürfen darf durfte gedurft/dürfen
empfehlen empfiehlt empfahl empfohlen
erschrecken erschrickt/erschreckt erschrak/erschreckte erschrocken/erschreckt
essen isst aß gegessen
fahren fährt fuhr gefahren
fallen fällt fiel gefallen
fangen fängt fing gefangen
finden findet fand gefunden
fliegen fliegt flog geflogen
fliehen flieht floh geflohen
fließen fließt floss geflossen
fressen frisst fraß gefressen
frieren friert fror gefroren
gebären gebärt/gebiert gebar geboren
geben gibt gab gegeben
gehen geht ging gegangen
gelingen gelingt gelang gelungen
gelten gilt galt gegolten
genießen genießt genoss genossen
geschehen geschieht geschah geschehen
gewinnen gewinnt gewann gewonnen
gießen gießt goss gegossen
gleichen gleicht glich geglichen
gleiten gleitet glitt geglitten
graben gräbt grub gegraben
greifen greift griff gegriffen
haben hat hatte gehabt
halten hält hielt gehalten
hängen hängt hing/hängte gehangen/gehängt
heben hebt hob gehoben
heißen heißt hieß geheißen
helfen hilft half geholfen
kennen kennt kannte gekannt
klingen klingt klang geklungen
kneifen kneift kniff gekniffen
kommen kommt kam gekommen
können kann konnte gekonnt/können
kriechen kriecht kroch gekrochen
laden lädt lud geladen
lassen lässt ließ gelassen/lassen
laufen läuft lief gelaufen
leiden leidet litt gelitten
leihen leiht lieh geliehen
lesen liest las gelesen
liegen liegt lag gelegen
lügen lügt log gelogen
meiden meidet mied gemieden
messen misst maß gemessen
mögen mag mochte gemocht/mögen
müssen muss musste gemusst/müssen
nehmen nimmt nahm genommen
nennen nennt nannte genannt
pfeifen pfeift pfiff gepfiffen
raten rät riet geraten
reiben reibt rieb gerieben
reißen reißt riss gerissen
reiten reitet ritt geritten
rennen rennt rannte gerannt
riechen riecht roch gerochen
ringen ringt rang gerungen
rufen ruft rief gerufen
saufen säuft soff gesoffen
salzen salzt salzte gesalzen/gesalzt
schaffen schafft schaffte/schuf geschafft/geschaffen
scheiden scheidet schied geschieden
scheinen scheint schien geschienen
schieben schiebt schob geschoben
schießen schießt schoss geschossen
schlafen schläft schlief geschlafen
schlagen schlägt schlug geschlagen
schleichen schleicht schlich geschlichen
schließen schließt schloss geschlossen
schmeißen schmeißt schmiss geschmissen
schmelzen schmilzt/schmelzt schmolz/schmelzte geschmolzen/geschmelzt
schneiden schneidet schnitt geschnitten
schreiben schreibt schrieb geschrieben
schreien schreit schrie geschrien
schweigen schweigt schwieg geschwiegen
schwimmen schwimmt schwamm geschwommen
schwinden schwindet schwand geschwunden
schwören schwört schwor/schwörte geschworen
sehen sieht sah gesehen
sein ist war gewesen
senden sendet sandte/sendete gesandt/gesendet
singen singt sang gesungen
sinken sinkt sank gesunken
sitzen sitzt saß gesessen
sollen soll sollte gesollt/sollen
sprechen spricht sprach gesprochen
springen springt sprang gesprungen
stechen sticht stach gestochen
stehen steht stand gestanden
stehlen stiehlt stahl gestohlen
steigen steigt stieg gestiegen
sterben stirbt starb gestorben
stinken stinkt stank gestunken
stoßen stößt stieß gestoßen
streichen streicht strich gestrichen
streiten streitet stritt gestritten
tragen trägt trug getragen
treffen trifft traf getroffen
treiben treibt trieb getrieben
treten tritt trat getreten
trinken trinkt trank getrunken
trügen trügt trog getrogen
tun tut tat getan
verderben verdirbt verdarb verdorben
vergessen vergisst vergaß vergessen
verlieren verliert verlor verloren
wachsen wächst wuchs gewachsen
waschen wäscht wusch gewaschen
weichen weicht wich gewichen
weisen weist wies gewiesen
wenden wendet wandte/wendete gewandt/gewendet
werben wirbt warb geworben
werden wird wurde geworden/worden
werfen wirft warf geworfen
wiegen wiegt wog gewogen
winden windet wand gewunden
winken winkt winkte gewinkt/gewunken
wissen weiß wusste gewusst
wollen will wollte gewollt/wollen
zeihen zeiht zieh geziehen
ziehen zieht zog gezogen
zwingen zwingt zwang gezwungen
"""

# Whole verbs that end like a strong one and are weak.
WEAK = frozenset(
    "bereiten vorbereiten zubereiten begleiten beantragen beauftragen bewegen veranlassen "
    "handhaben beherrschen abschaffen anschaffen beschaffen verschaffen".split()
)

INSEPARABLE = ("miss", "emp", "ent", "ver", "zer", "be", "er", "ge", "hinter", "wider")
SEPARABLE = (
    *("zusammen", "herunter", "hinunter", "zurecht", "zurück", "kennen", "heraus", "hinaus"),
    *(
        "herein",
        "hinein",
        "voraus",
        "vorbei",
        "weiter",
        "fertig",
        "bereit",
        "statt",
        "teil",
        "fern",
    ),
    *("leid", "fort", "nach", "fest", "frei", "hoch", "los", "weg", "weh", "hin", "her", "auf"),
    *("aus", "bei", "ein", "mit", "vor", "dar", "ab", "an", "zu"),
)
# Prefixes that are either, and the verbs in which they are separated.
EITHER = ("durch", "unter", "wieder", "über", "um")
SEPARATED = frozenset(
    "durchfallen durchlesen durchführen durchmachen durchstreichen untergehen unterbringen "
    "wiedersehen wiederkommen wiedergeben wiederfinden umziehen umsteigen umrühren umstellen "
    "umtauschen umdrehen umfallen umkehren umkippen umbauen umbuchen umschalten umsehen umgehen "
    "umwerfen umsetzen".split()
)
# Begin like a prefix and have none.
UNPREFIXED = frozenset(
    "beten betteln beben bellen beugen beißen bersten bessern erben ernten erden geben gehen "
    "gelten gären gerben enden entern zerren missen antworten angeln ankern ahnen abonnieren "
    "einigen eilen herrschen hinken zucken zuckern festigen weben wegen nahen nachten hindern "
    "teilen losen herzen mitten freien".split()
)
# Compounds whose first part is no prefix: they take ge- at the very beginning.
COMPOUNDS = frozenset(
    "frühstücken langweilen faulenzen staubsaugen handhaben schlafwandeln".split()
)

# With sein, in whatever sentence.
SEIN = frozenset(
    "abreisen abstürzen ankommen aufstehen aufwachen aufwachsen auffallen ausfallen aussterben "
    "aussteigen auswandern ausweichen auftreten begegnen bleiben bummeln durchfallen eilen "
    "einfallen einschlafen einsteigen einreisen einwandern eintreffen entstehen erfrieren "
    "erscheinen ertrinken explodieren fallen fliehen fließen gehen gelangen gelingen geraten "
    "geschehen gleiten hinfallen kentern klettern kommen kriechen losfahren losgehen losrennen "
    "mitkommen mitgehen passieren platzen reisen rennen rutschen scheitern schleichen sein sinken "
    "spazieren springen steigen sterben stolpern stürzen umsteigen untergehen vergehen verhungern "
    "verreisen verschwinden vorbeikommen vorbeigehen vorkommen wachsen wandern weggehen weglaufen "
    "weitergehen werden zurechtkommen zurückfahren zurückgehen zurückkehren zurückkommen "
    "zusammenstoßen ausgehen hinausgehen hineingehen wegfahren einkehren laufen ausrutschen "
    "entkommen hinuntergehen".split()
)
# With both, by meaning or by region: neither is ever wrong without a sentence that decides.
BOTH = frozenset(
    "verschmutzen "
    "abbiegen abfahren anbrennen anfahren auftauen ausziehen biegen brechen einziehen eintreten "
    "erschrecken fahren fliegen folgen frieren hängen heilen joggen landen liegen reißen reiten "
    "rudern schmelzen schwimmen segeln sitzen starten stehen stoßen surfen tanzen tauchen treten "
    "trocknen turnen trödeln umziehen verbrennen verderben verlaufen zerreißen ziehen abbrechen "
    "zerbrechen rollen reiten irren paddeln skaten umfahren treiben losziehen schreiten "
    "fortfahren gären zusammenbrechen ausbrechen".split()
)

# Of those, the ones that have haben only with an accusative or a reflexive pronoun.
HABEN_WITH_OBJECT = frozenset(
    "abbiegen abbrechen abfahren anbrennen anfahren auftauen ausziehen biegen brechen einziehen "
    "eintreten erschrecken fahren fliegen heilen landen reißen schmelzen starten stoßen treten "
    "umziehen verbrennen verderben zerreißen zerbrechen umfahren treiben reiten rollen".split()
)
# Without a direction these have haben.
SEIN_WITH_DIRECTION = frozenset({"tanzen", "turnen"})

# Their only object, or the person beside a thing, is a dative.
DATIVE = frozenset(
    "antworten begegnen danken dienen einfallen entsprechen fehlen folgen gefallen gehorchen "
    "gehören gelingen genügen glauben gleichen gratulieren helfen leidtun nützen passen passieren "
    "raten schaden schmecken stehen trauen vertrauen verzeihen wehtun widersprechen zuhören "
    "zuschauen zustimmen ähneln auffallen ausweichen kündigen nachgehen zusehen "
    "imponieren drohen".split()
)
# A person in the dative beside a thing in the accusative.
GIVING = frozenset(
    "geben schenken zeigen bringen kaufen erklären erzählen empfehlen leihen schicken schreiben "
    "sagen wünschen anbieten mitbringen bieten erlauben verbieten versprechen verkaufen holen "
    "kochen bestellen reichen liefern stehlen wegnehmen beantworten überweisen vorlesen "
    "vorstellen mitteilen zurückgeben vorschlagen beweisen ausleihen servieren backen machen "
    "bezahlen putzen".split()
)
# Regular verbs of everyday sentences, for their forms to be known.
EVERYDAY = frozenset(
    "kosten bedeuten machen brauchen suchen kennen mögen spielen lernen wohnen arbeiten hören "
    "lieben dauern fotografieren reparieren unterschreiben öffnen putzen besuchen besichtigen "
    "kritisieren verkaufen lachen weinen regnen schneien parken studieren kochen bezahlen "
    "benutzen bekommen fehlen holen malen duschen tanzen zeichnen üben wiederholen erklären".split()
)
# Written in two words as well, in the infinitive and the participle (rules, paragraph 34).
APART = frozenset(
    "kennenlernen fertigmachen kaputtmachen saubermachen spazierengehen bekanntgeben".split()
)
# Prefixes that are adverbs as well: "mit der Firma zusammen zu arbeiten".
ADVERBS = frozenset("zusammen weiter wieder zurück".split())
PREDICATIVE = frozenset("sein werden bleiben heißen".split())
# With a two-way preposition: where to (accusative) or where (dative).
WHERE_TO = frozenset(
    "gehen fahren fliegen laufen stellen legen setzen hängen stecken kommen bringen steigen "
    "werfen reisen ziehen einsteigen rennen springen fallen schreiben tun gießen packen klettern "
    "schicken einziehen eintreten umziehen mitnehmen mitkommen einladen laden schieben führen "
    "treten aufhängen wandern".split()
)
WHERE = frozenset(
    "sein stehen liegen sitzen hängen wohnen bleiben arbeiten leben warten spielen schlafen "
    "stecken treffen essen kaufen lernen sehen finden feiern parken haben fühlen wachsen geben "
    "tanzen einkaufen studieren übernachten suchen lesen kochen verbringen kennenlernen tragen "
    "erscheinen duschen stattfinden verlieren vergessen befinden treffen baden".split()
)

# verb, preposition, case: what the verb takes as its object.
GOVERNED = """
abhängen von dat
ablenken von dat
abstimmen über acc
achten auf acc
anfangen mit dat
ankommen auf acc
anmelden für acc
anmelden zu dat
anpassen an acc
antworten auf acc
arbeiten an dat
arbeiten bei dat
arbeiten für acc
aufhören mit dat
aufpassen auf acc
aufregen über acc
ausgeben für acc
basieren auf dat
bedanken bei dat
bedanken für acc
beginnen mit dat
beitragen zu dat
bekannt für acc
bemühen um acc
berichten über acc
berichten von dat
beruhen auf dat
beschweren bei dat
beschweren über acc
beschäftigen mit dat
bestehen auf dat
bestehen aus dat
bestehen in dat
beteiligen an dat
bewerben bei dat
bewerben um acc
bewerben auf acc
beziehen auf acc
bitten um acc
danken für acc
demonstrieren für acc
demonstrieren gegen acc
denken an acc
denken über acc
diskutieren mit dat
diskutieren über acc
drohen mit dat
eignen für acc
eignen zu dat
einladen zu dat
einladen in acc
einsetzen für acc
einstellen auf acc
einverstanden mit dat
entscheiden für acc
entscheiden gegen acc
entscheiden über acc
entschuldigen bei dat
entschuldigen für acc
entspannen bei dat
erholen von dat
erinnern an acc
erkennen an dat
erkranken an dat
erkundigen nach dat
ernähren von dat
erschrecken über acc
erschrecken vor dat
erwarten von dat
erzählen von dat
erzählen über acc
fehlen an dat
fliehen vor dat
folgen auf acc
forschen zu dat
forschen nach dat
fragen nach dat
freuen auf acc
freuen über acc
fürchten vor dat
führen zu dat
gehen um acc
gehören zu dat
gelten als nom
gelten für acc
gewöhnen an acc
glauben an acc
gratulieren zu dat
halten für acc
halten von dat
handeln von dat
handeln mit dat
handeln um acc
helfen bei dat
hindern an dat
hinweisen auf acc
hoffen auf acc
hören auf acc
hören von dat
informieren über acc
interessieren für acc
investieren in acc
irren in dat
klagen über acc
kommen aus dat
konzentrieren auf acc
kämpfen für acc
kämpfen gegen acc
kämpfen um acc
kümmern um acc
lachen über acc
lachen mit dat
leben von dat
leiden an dat
leiden unter dat
liegen an dat
machen aus dat
meinen mit dat
melden bei dat
mitmachen bei dat
nachdenken über acc
neigen zu dat
nachschlagen in dat
passen zu dat
probieren von dat
profitieren von dat
protestieren gegen acc
raten zu dat
reagieren auf acc
rechnen mit dat
reden mit dat
reden über acc
reden von dat
riechen nach dat
schimpfen auf acc
schimpfen über acc
schimpfen mit dat
schmecken nach dat
schreiben an acc
schreiben an dat
schreiben über acc
schützen vor dat
schützen gegen acc
schämen für acc
schämen wegen gen
schicken an acc
sehnen nach dat
senden an acc
setzen auf acc
sorgen für acc
sorgen um acc
sparen für acc
sparen auf acc
sparen an dat
spezialisieren auf acc
spielen mit dat
spielen um acc
spielen gegen acc
sprechen mit dat
sprechen über acc
sprechen von dat
stammen aus dat
stammen von dat
steigen auf acc
stehen auf acc
sterben an dat
stimmen für acc
stimmen gegen acc
stinken nach dat
stoßen auf acc
stoßen gegen acc
streiken für acc
streiten mit dat
streiten um acc
streiten über acc
suchen nach dat
teilen mit dat
teilnehmen an dat
telefonieren mit dat
trauern um acc
treffen mit dat
treffen auf acc
trennen von dat
träumen von dat
umgehen mit dat
unterhalten mit dat
unterhalten über acc
unterscheiden von dat
unterscheiden in dat
unterstützen bei dat
verabreden mit dat
verabschieden von dat
verbinden mit dat
verfügen über acc
vergleichen mit dat
verhandeln über acc
verhandeln mit dat
verheiratet mit dat
verlangen von dat
verlassen auf acc
verlieben in acc
verloben mit dat
verpflichten zu dat
verstehen unter dat
verstehen von dat
verstehen mit dat
vertrauen auf acc
verwechseln mit dat
verzichten auf acc
vorbereiten auf acc
warnen vor dat
warten auf acc
wehren gegen acc
wenden an acc
werben für acc
wetten um acc
wissen von dat
wissen über acc
wundern über acc
zahlen für acc
bezahlen für acc
zusammenarbeiten mit dat
zusammenstoßen mit dat
zusammenhängen mit dat
zweifeln an dat
zwingen zu dat
ärgern über acc
zählen zu dat
überraschen mit dat
überreden zu dat
überzeugen von dat
übersetzen in acc
wählen zu dat
ersetzen durch acc
ausruhen von dat
distanzieren von dat
engagieren für acc
einigen auf acc
verurteilen zu dat
verantwortlich für acc
begeistern für acc
versichern gegen acc
impfen gegen acc
auffordern zu dat
lernen für acc
abraten von dat
zurechtkommen mit dat
ausgehen von dat
vermieten an acc
verkaufen an acc
"""

# The same of nouns, where the preposition has two cases.
NOUN_GOVERNED = {
    ("Angst", "vor"): "dat",
    ("Respekt", "vor"): "dat",
    ("Lust", "auf"): "acc",
    ("Hunger", "auf"): "acc",
    ("Interesse", "an"): "dat",
    ("Freude", "an"): "dat",
    ("Freude", "auf"): "acc",
    ("Freude", "über"): "acc",
    ("Hoffnung", "auf"): "acc",
    ("Antwort", "auf"): "acc",
    ("Kritik", "an"): "dat",
    ("Zweifel", "an"): "dat",
    ("Mangel", "an"): "dat",
    ("Teilnahme", "an"): "dat",
    ("Erinnerung", "an"): "acc",
    ("Recht", "auf"): "acc",
    ("Streit", "über"): "acc",
    ("Information", "über"): "acc",
    ("Informationen", "über"): "acc",
}
