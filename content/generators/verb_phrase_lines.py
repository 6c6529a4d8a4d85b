"""What stands beside a verb in a short natural sentence, written by hand for each verb.

A line is `verb|words|subject|marks`. `~acc` or `~dat` after the verb means its reflexive row; the
pronoun is added where it belongs. A person is the subject unless one is named, and a named one is
third person singular. `>` before the words marks an accusative object that a passive sentence can
have as its subject, `>>` one in the plural; `+` ends the object where more words follow. The words
fit every tense and every person. Marks: `n` nobody does it on purpose (no sentence with `wollen`),
`a` the sentence leaves only the auxiliary of the row, though the verb also has the other one.
"""

LINES = """
abhängen|vom Wetter|Alles|
ändern|>den Plan||
annehmen|>das Angebot||
auffallen|allen Gästen||n
basieren|auf einer wahren Geschichte|Der Film|
beachten|>>die Regeln||
beeinflussen|>die Entscheidung||
begreifen|>das Problem||
behalten|>das Geld||
beitragen|zum Erfolg||
bemerken|>den Fehler||n
berücksichtigen|>>alle Wünsche||
betreffen|alle Schüler|Die Regel|
bieten|eine gute Ausbildung|Die Firma|
brechen|>den Rekord||a
denken|an die Familie||
entscheiden~acc|für das blaue Kleid||
entsprechen|dem Plan|Das Ergebnis|
entstehen|durch den Streit|Ein Problem|
enthalten|viel Zucker|Der Saft|
erfahren|>die Wahrheit||n
erhalten|>einen Brief||n
erinnern|>den Chef+an den Termin||
erinnern~acc|an den Urlaub||
erkennen|>den Fehler||n
erreichen|>das Ziel||
erwarten|>>viele Gäste||
festlegen|>den Termin||
feststellen|>einen Fehler||n
führen|>das Gespräch||
gelingen|auf Anhieb|Der Kuchen|
geschehen|in der Nacht|Der Unfall|
glauben|dem Freund||
gleichen|dem Original|Die Kopie|
handeln|mit Autos||
heben|>den Koffer||
herausfinden|>die Wahrheit||
irren~acc|in der Nummer||n
leidtun|allen|Das Kind|
machen|>einen Fehler||n
neigen|zu schnellen Urteilen||n
nutzen|>die Chance||
profitieren|von der Reform||n
raten|dem Freund zu einem Kurs||
treiben|viel Sport||
unterscheiden|>>zwei Arten||
unterscheiden~acc|deutlich vom Original|Die Kopie|
verändern~acc|sehr||n
verbinden|>>die zwei Kabel||
verfügen|über viel Geld||n
verhalten~acc|sehr ruhig||
verhindern|>einen Unfall||
verschwinden|im Wald||
verursachen|>einen Unfall||n
verwechseln|>>die Namen||n
verzichten|auf Zucker||
vorstellen~dat|ein Leben am Meer||
vorziehen|den Tee dem Kaffee||
weitergehen|bis zum Bahnhof||
zerreißen|>den Brief||a
zweifeln|an der Antwort||n
beobachten|>den Vogel||
fangen|>den Ball||
kriechen|unter den Tisch||
schleichen|durch das Haus||
stechen|den Jungen|Die Biene|
abnehmen|fünf Kilo||
anfassen|>das Tier||
atmen|ganz ruhig||
aufwachen|sehr früh||n
aufwecken|>das Kind||
ausschlafen|am Sonntag||
aussehen|sehr müde||n
baden|im See||
bewegen|>den Arm||
binden|>die Schleife||
blicken|aus dem Fenster||
drücken|>den Knopf||
duschen|jeden Morgen||
einschlafen|vor dem Fernseher||n
föhnen~dat|die Haare||
frieren|sehr||n
gähnen|laut||n
greifen|nach dem Glas||
hören|>das Lied||
kämmen~acc|vor dem Spiegel||
kneifen|>den Bruder||
küssen|>das Baby||
nicken|mit dem Kopf||
putzen|>das Fenster||
rasieren~acc|jeden Morgen|Paul|
schauen|aus dem Fenster||
schlafen|sehr gut||
schminken~acc|vor dem Spiegel||
schwitzen|in der Sauna||n
sehen|>den Film||
spüren|einen Schmerz||n
stinken|nach Fisch|Der Müll|
wachsen|sehr schnell|Die Pflanze|
waschen~acc|im Bad||
waschen|>das Auto||
wecken|>das Kind||
zittern|vor Kälte||n
zunehmen|drei Kilo||n
abholen|>das Paket||
bringen|>>die Kinder+nach Hause||
finden|>den Schlüssel||n
gehen|nach Hause||
holen|>das Brot||
kommen|aus Berlin||n
parken|>das Auto+vor dem Haus||
suchen|>den Schlüssel||
verlassen|>das Haus||
verlassen~acc|auf den Kollegen||
verlaufen~acc|im Wald||n
warten|auf den Bus||
zeigen|>den Ausweis||
anhaben|einen Mantel||n
anprobieren|>die Hose||
anziehen|>den Mantel||
anziehen~acc|sehr schnell||
aufhängen|>die Wäsche||
ausziehen|>den Mantel||a
ausziehen~acc|im Bad||
bügeln|>das Hemd||
nähen|>ein Kleid||
passen|dem Jungen|Die Jacke|
tragen|>einen Hut||
umziehen~acc|für die Party||a
umziehen|nach Hamburg||a
absagen|>den Termin||
anrufen|>den Arzt||
antworten|auf die Frage||
auffordern|>>die Gäste+zum Tanzen||
aufklären|>>die Leute+über die Gefahr||
ausdrücken|>einen Wunsch||
bedanken~acc|für das Geschenk||
begrüßen|>>die Gäste||
behaupten|das Gegenteil||
bemühen~acc|um eine Stelle||
beraten|>den Kunden||
berichten|von der Reise||
beschimpfen|>den Nachbarn||
beschreiben|>das Bild||
beschweren~acc|über das Essen||
besprechen|>den Plan||
betonen|>das Wort||
bitten|>den Nachbarn+um Hilfe||
buchstabieren|>den Namen||
danken|dem Lehrer||
diskutieren|über das Problem||
einladen|>den Nachbarn||
empfehlen|>das Restaurant||
entschuldigen~acc|für den Fehler||
erklären|>die Regel||
erkundigen~acc|nach dem Weg||
erwähnen|>das Problem||
erzählen|>eine Geschichte||
flüstern|sehr leise||
fragen|>den Lehrer||
grüßen|>den Nachbarn||
hinweisen|auf einen Fehler||
informieren|>den Chef||
informieren~acc|über den Kurs||
klagen|über Kopfschmerzen||n
lügen|sehr oft||
mitteilen|>das Ergebnis||
nennen|>den Namen||
reden|mit dem Arzt||
rufen|>den Hund||
sagen|>die Wahrheit||
schicken|>eine E-Mail||
schimpfen|über den Chef||
schreien|sehr laut||
schweigen|den ganzen Abend||
schwören|die Wahrheit||
sprechen|mit dem Chef||
streiten~acc|um das Geld||
telefonieren|mit einem Freund||
treffen~acc|mit einem Freund||
treffen|>eine Freundin||
überreden|>den Freund||
überzeugen|>den Chef||
unterhalten~acc|mit dem Nachbarn||
verabreden~acc|mit einem Freund||
verabschieden~acc|von den Gästen||
vereinbaren|>einen Termin||
vermuten|>einen Fehler||n
verraten|>das Geheimnis||
versprechen|dem Kind ein Eis||
verstehen|>die Frage||n
verstehen~acc|gut mit dem Chef||n
vorschlagen|>eine Lösung||
vorwerfen|dem Chef einen Fehler||n
warnen|>den Freund||
widersprechen|dem Chef||
wiederholen|>das Wort||
zugeben|>den Fehler||
zuhören|dem Lehrer||
zurückrufen|>den Kunden||
zusagen|dem Chef||
zustimmen|dem Plan||
anklicken|>das Bild||
ausdrucken|>das Formular||
ausschalten|>den Computer||
bedienen|>die Maschine||
benutzen|>das Wörterbuch||
einfügen|>ein Bild||
einschalten|>das Licht||
funktionieren|sehr gut|Der Computer|
herunterladen|>eine Datei||
laden|>das Handy||
löschen|>die Datei||
reparieren|>das Fahrrad||
speichern|>die Datei||
tippen|>einen Text||
überprüfen|>die Rechnung||
auswandern|nach Kanada||
einreisen|nach Deutschland||
fliehen|vor dem Krieg||
stammen|aus Polen||n
eingießen|>den Tee||
einschenken|>den Wein||
trinken|>den Kaffee||
einführen|>ein neues System|Die Firma|
erhöhen|>>die Preise|Die Firma|
gründen|>eine Firma||
herstellen|>>Möbel|Die Firma|
produzieren|>>Maschinen|Die Firma|
senken|>>die Preise|Die Firma|
steigern|>den Umsatz|Die Firma|
werben|für ein neues Auto|Die Firma|
abschaffen|>das Gesetz|Das Parlament|
aussterben|in Europa|Die Tierart|
schützen|>>die Tiere||
verbrauchen|viel Strom|Das Gerät|
vermeiden|>einen Streit||
verschwenden|>das Geld||
zerstören|>das Haus||
adoptieren|>ein Kind||
aufwachsen|auf dem Land||n
erben|>ein Haus||n
erziehen|>>die Kinder||
heiraten|>eine Ärztin|Jan|
streicheln|>den Hund||
umarmen|>die Freundin||
verloben~acc|mit einem Arzt|Anna|
anzünden|>die Kerze||
feiern|>den Geburtstag||
mitmachen|bei dem Spiel||
schmücken|>das Zimmer||
überraschen|>den Freund||
verkleiden~acc|als Clown||
ärgern~acc|über den Lärm||n
aufregen~acc|über den Nachbarn||n
beeindrucken|>den Lehrer||
beruhigen|>das Kind||
enttäuschen|>den Trainer||n
freuen~acc|auf die Ferien||n
fühlen~acc|heute nicht gut||n
fürchten~acc|vor dem Hund||n
gefallen|allen Gästen|Das Haus|
genießen|>den Urlaub||
gewöhnen~acc|an das Klima||
hassen|den Lärm||n
hoffen|auf gutes Wetter||n
interessieren~acc|für Musik||n
lächeln|sehr freundlich||
lachen|über den Witz||
langweilen~acc|im Unterricht||n
leiden|unter dem Lärm||n
lieben|das Meer||n
loben|>den Schüler||
schämen~acc|für den Fehler||n
träumen|von einem Haus am Meer||n
trösten|>das Kind||
verlieben~acc|in eine Kollegin|Tom|
vermissen|die Familie||n
weinen|vor Freude||n
wundern~acc|über die Rechnung||n
wünschen|dem Freund viel Glück||n
beißen|den Mann|Der Hund|
bestellen|>eine Pizza||
essen|>einen Apfel||
fressen|viel Gras|Die Kuh|
frühstücken|in der Küche||
füttern|>die Katze||
kauen|>das Brot||
probieren|>den Kuchen||
riechen|nach Kaffee|Das Zimmer|
schlucken|>die Tablette||
schmecken|dem Kind|Die Suppe|
servieren|>das Essen||
aufstellen|>das Regal||
hängen|an der Wand|Das Bild|
legen|>das Buch+auf den Tisch||
setzen~acc|auf den Stuhl||
stecken|>das Geld+in die Tasche||
stellen|>das Glas+auf den Tisch||
betreuen|>>die Kinder||
bluten|sehr stark|Die Wunde|
einnehmen|>das Medikament||
entspannen~acc|am Wochenende||
erholen~acc|von der Arbeit||
erkälten~acc|im Winter||n
ernähren~acc|sehr gesund||
husten|die ganze Nacht||n
impfen|>>die Kinder|Die Ärztin|
operieren|>den Patienten|Der Arzt|
pflegen|>den Großvater||
rauchen|>eine Zigarette||
röntgen|>das Bein|Die Ärztin|
schaden|der Gesundheit|Das Rauchen|
untersuchen|>das Kind|Der Arzt|
verletzen~acc|am Fuß||n
verschreiben|>ein Medikament|Der Arzt|
wehtun|dem Mann|Das Bein|
abschließen|>die Wohnung||
abtrocknen|>das Geschirr||
abwaschen|>das Geschirr||
anmachen|>das Licht||
aufhalten~acc|in Berlin||
aufmachen|>das Fenster||
aufräumen|>das Zimmer||
aufstehen|um sechs Uhr||
ausmachen|>das Licht||
bauen|>ein Haus||
befinden~acc|im ersten Stock|Das Büro|
bleiben|zu Hause||
einrichten|>die Wohnung||
einziehen|in die neue Wohnung||a
entfernen|>den Fleck||
fegen|>den Boden||a
gießen|>>die Blumen||
heizen|>das Zimmer||
hinlegen~acc|nach der Arbeit||
hinsetzen~acc|einen Moment||
klingeln|an der Tür||
klopfen|an die Tür||
leihen|dem Freund ein Buch||
mieten|>eine Wohnung||
öffnen|>die Tür||
reinigen|>das Zimmer||
renovieren|>die Küche||
schließen|>die Tür||
streichen|>die Wand||
teilen|>den Kuchen||
vermieten|>die Wohnung||
wegwerfen|>die Zeitung||
wischen|>den Boden||
wohnen|in Berlin||
zumachen|>die Tür||
arbeiten|im Büro||
ausbilden|>>viele Köche|Die Firma|
beschäftigen~acc|mit Kunst||
bewerben~acc|um eine Stelle||
eignen~acc|gut für Anfänger|Der Kurs|
entlassen|>den Mitarbeiter|Die Firma|
kündigen|>den Vertrag||
spezialisieren~acc|auf Möbel|Die Firma|
übernehmen|>die Verantwortung||
verdienen|viel Geld||
aufessen|>den Kuchen||
backen|>einen Kuchen||
braten|>das Fleisch||
decken|>den Tisch||
grillen|>das Fleisch||
kochen|>die Suppe||
mischen|>>die Farben||
rühren|>den Teig||
schälen|>die Kartoffel||
schneiden|>das Brot||
spülen|>das Geschirr||
umrühren|>die Suppe||
vorbereiten|>das Essen||
wiegen|>das Mehl||
zubereiten|>das Essen||
ausgehen|mit Freunden||
ausruhen~acc|auf dem Sofa||
basteln|>einen Stern||
faulenzen|am Wochenende||
fotografieren|>die Kirche||
sammeln|>>Briefmarken||
spazieren|durch den Park||
spielen|>eine Partie Schach||
unternehmen|>eine Reise||
ansehen~dat|das Museum||
aufnehmen|>das Lied||
drehen|>einen Film||
drucken|>das Buch||
erscheinen|im Herbst|Das Buch|
fernsehen|den ganzen Abend||
senden|>eine Nachricht||
unterbrechen|>das Gespräch||
veröffentlichen|>den Artikel||
zuschauen|dem Spiel||
abheben|>das Geld||
ausgeben|>das Geld||
bekommen|ein Paket||n
bezahlen|>die Rechnung||
einzahlen|>das Geld||
geben|dem Kind einen Apfel||
investieren|>das Geld||
leisten~dat|ein neues Auto||
sparen|auf ein Fahrrad||
überweisen|>das Geld||
wechseln|>den Reifen||a
zahlen|>die Rechnung||
auftreten|auf der Bühne||a
klatschen|nach dem Konzert||
klingen|sehr schön|Das Lied|
pfeifen|>ein Lied||
singen|>ein Lied||
tanzen|mit einem Freund||
blühen|im Frühling|Die Blume|
brennen|die ganze Nacht|Das Haus|
fließen|durch die Stadt|Der Fluss|
graben|>ein Loch||
leuchten|in der Nacht|Der Stern|
pflanzen|>einen Baum||
pflücken|>die Blume||
ablehnen|>das Angebot||
abmelden~acc|vom Kurs||
ausfüllen|>das Formular||
beantragen|>einen Pass||
bestätigen|>den Termin||
einreichen|>den Antrag||
erlauben|>das Spiel||
genehmigen|>den Antrag|Das Amt|
melden~acc|bei der Polizei||
unterschreiben|>den Vertrag||
verbieten|>das Rauchen||
verhaften|>den Dieb|Der Polizist|
verlangen|>eine Erklärung||
anbieten|dem Gast einen Kaffee||
ausschließen|>den Spieler||
begegnen|einem Kollegen||n
begleiten|>die Freundin||
behandeln|>den Patienten||
benehmen~acc|sehr schlecht||
besuchen|>den Großvater||
betrügen|>den Kunden||
drohen|dem Nachbarn||
duzen|>den Chef||
folgen|dem Auto||
gehorchen|den Eltern||
gehören|dem Lehrer|Das Auto|
gratulieren|dem Freund||
helfen|dem Nachbarn||
kennen|den Weg||n
kennenlernen|eine Ärztin||n
kümmern~acc|um das Kind||
leben|in Wien||
retten|>das Kind||
sehnen~acc|nach Ruhe||n
siezen|>den Chef||
sterben|an einer Krankheit|Der Mann|
stören|>den Unterricht||
trennen~acc|von den alten Möbeln||
unterstützen|>den Freund||
vertrauen|dem Arzt||
verzeihen|dem Freund||
vorstellen|>den Kollegen||
wegnehmen|dem Kind das Handy||
zwingen|>den Mann+zur Arbeit||
abstimmen|über das Gesetz|Das Parlament|
beschließen|>das Gesetz|Das Parlament|
beteiligen~acc|am Projekt||
demonstrieren|für den Frieden||
eintreten|in den Verein||a
eröffnen|>ein Restaurant||
fordern|>eine Antwort||
fördern|>das Projekt|Die Stadt|
hindern|den Jungen am Lernen|Der Lärm|
kämpfen|für die Freiheit||
protestieren|gegen das Gesetz||
regieren|>das Land|Die Königin|
verhandeln|über den Preis||
verpflichten~acc|zur Hilfe||
ankreuzen|>die Antwort||
anmelden~acc|für den Kurs||
aufpassen|auf die Kinder||
aufschreiben|>die Adresse||
ausleihen|>ein Buch||
aussprechen|>das Wort||
auswählen|>ein Foto||
beantworten|>die Frage||
bestehen|>die Prüfung||
bilden|>einen Satz||
durchfallen|bei der Prüfung||n
ergänzen|>den Satz||
fehlen|oft im Unterricht||n
konzentrieren~acc|auf die Arbeit||
korrigieren|>den Test||
lernen|Deutsch||
lesen|>die Zeitung||
lösen|>das Problem||
malen|>ein Bild||
markieren|>den Satz||
merken|>den Fehler||n
nachdenken|über die Frage||
nachschlagen|>das Wort||
notieren|>die Nummer||
prüfen|>die Rechnung||
rechnen|mit Regen||n
schreiben|>einen Brief||
studieren|Medizin||
teilnehmen|am Kurs||
üben|>den Dialog||
übersetzen|>den Text||
unterrichten|Deutsch||
unterstreichen|>das Verb||
verbessern|>den Text||
vergessen|>den Termin||n
vergleichen|>>die Preise||
vorbereiten~acc|auf die Prüfung||
vorlesen|>eine Geschichte||
zählen|>das Geld||
zeichnen|>einen Baum||
zusammenfassen|>den Text||
beruhen|auf einem Fehler|Die Geschichte|
beweisen|>das Gegenteil||
entdecken|>einen Fehler||n
entwickeln|>eine Idee||
erfinden|>eine Geschichte||
messen|>die Temperatur||
nachweisen|>den Fehler||
untersagen|>das Rauchen|Der Chef|
voraussetzen|gute Kenntnisse|Der Kurs|
anschauen~dat|den Film||
aussuchen~dat|ein Kleid||
brauchen|einen Stift||n
einkaufen|im Supermarkt||
kaufen|>das Brot||
kosten|zwei Euro|Das Eis|
kriegen|ein Geschenk||n
liefern|>>die Möbel|Die Firma|
schenken|dem Kind ein Buch||
stehlen|>das Fahrrad||
tauschen|>>die Plätze||
umtauschen|>die Hose||
verkaufen|>das Auto||
wählen|>das Menü||
zurückgeben|>das Buch||
gewinnen|>das Spiel||
schlagen|>den Gegner||
trainieren|für das Spiel||
turnen|in der Halle||
verlieren|>den Schlüssel||n
werfen|>den Ball||
anfangen|mit der Arbeit||
aufhören|mit der Arbeit||
ausfallen|wegen Krankheit|Der Kurs|
beeilen~acc|sehr||
beginnen|mit der Arbeit||
dauern|zwei Stunden|Der Film|
enden|im Mai|Der Kurs|
stattfinden|am Samstag|Das Fest|
trödeln|auf dem Schulweg||n
verbringen|>den Urlaub+am Meer||
vergehen|sehr schnell|Die Zeit|
verspäten~acc|um zehn Minuten||n
abbiegen|nach links||a
abfahren|um acht Uhr|Der Zug|a
anhalten|>das Auto||
anschnallen~acc|im Auto||
aussteigen|am Bahnhof||
ausweichen|dem Radfahrer||
betreten|>den Raum||
bremsen|vor der Kreuzung||
einsteigen|in den Bus||
fahren|nach Berlin||a
fallen|vom Stuhl||n
gelangen|ans Ziel||n
gleiten|über das Eis||n
hinfallen|auf der Straße||n
laufen|durch den Park||
losfahren|um sieben Uhr||
losgehen|um sieben Uhr||
passieren|in der Nacht|Der Unfall|a
rennen|zum Bus||
schieben|>das Fahrrad||
sinken|um zehn Prozent|Der Preis|
steigen|auf den Berg||
stolpern|über den Stein||n
stürzen|vom Fahrrad||n
treten|auf den Balkon||a
überholen|>den Bus||
überqueren|>die Straße||
umsteigen|in Köln||
verpassen|>den Bus||n
vorbeikommen|am Nachmittag||
wegfahren|am Wochenende||a
weggehen|nach dem Essen||
ziehen|>den Wagen||a
zurückkehren|nach Hause||
zurückkommen|aus dem Urlaub||
zusammenstoßen|mit einem Auto|Der Bus|
abreisen|am Montag||
ankommen|um acht Uhr||
auspacken|>den Koffer||
besichtigen|>das Schloss||
buchen|>das Hotel||
einpacken|>>die Bücher||
empfangen|>>die Gäste||
fliegen|nach Wien||a
landen|in Berlin|Das Flugzeug|a
mitbringen|>einen Kuchen||
mitkommen|ins Kino||
mitnehmen|>den Schirm||
nehmen|>den Bus||
packen|>den Koffer||
reisen|nach Italien||
reservieren|>einen Tisch||
übernachten|im Hotel||
verreisen|im Sommer||
verschieben|>den Termin||
wandern|durch den Wald||
zelten|am See||
zurückfahren|nach Hause||a
abbrechen|>das Gespräch||a
abgeben|>den Antrag||
achten|auf den Preis||
aufgeben|>das Rauchen||
beenden|>das Gespräch||
befehlen|dem Hund Ruhe||
besitzen|ein Haus||n
bestimmen|>den Preis||
dienen|dem Land||
einstellen|>einen Koch|Die Firma|
erfüllen|>einen Wunsch||
erledigen|>die Aufgabe||
ersetzen|>die Lampe||
fertigmachen|>das Essen||
hinterlassen|>eine Nachricht||
klappen|sehr gut|Der Versuch|
kleben|>die Briefmarke+auf den Brief||
kopieren|>das Dokument||
leiten|>das Team||
organisieren|>ein Fest||
planen|>die Reise||
reagieren|auf die Nachricht||
schaffen|>die Prüfung||
scheitern|an der Aufgabe||n
sorgen|für die Kinder||
streiken|für mehr Lohn||
tun|etwas Gutes||
verlängern|>den Pass||
versuchen|alles||
verteilen|>>die Bücher||
vertreten|>den Kollegen||
zurechtkommen|mit der neuen Arbeit||n
zusammenarbeiten|mit der Firma||
chatten|mit einem Freund||
schwimmen|über den See||a
klettern|auf den Baum||a
springen|ins Wasser||a
reiten|durch den Wald||a
segeln|nach Dänemark||a
bummeln|durch die Stadt||a
joggen|durch den Park||a
liegen|auf dem Sofa||
sitzen|auf dem Stuhl||
stehen|an der Tür||
lehren|Deutsch||
halten|>den Ball||
scheinen|den ganzen Tag|Die Sonne|
bedeuten|nichts Gutes|Das Wort|
einfallen|dem Schüler|Die Antwort|
verbrennen|>das Holz||a
trocknen|>>die Haare||a
auftauen|>das Fleisch||a
umstellen|>>die Möbel||
mögen|den Hund||n
winken|dem Freund||
vorhaben|eine lange Reise||n
"""
