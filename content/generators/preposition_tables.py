"""What no rule gives: which prepositions are wrong in an example, and short dialogues."""

# `verb|preposition|words in the example|wrong / wrong / wrong`: prepositions that neither the verb
# nor a place, a time or a companion allows in the example of this pair. The words are the
# preposition as it stands there, with an article it has swallowed.
WRONG = """
abhängen|von|vom|am/beim/zum
abstimmen|über|über|an/um/mit
achten|auf|auf|an/über/von
anfangen|mit|mit|an/von/für
ankommen|auf|auf|an/für/über
sich anmelden|für|für|an/um/über
sich anmelden|zu|zu|mit/an/von
antworten|auf|auf|an/zu/für
arbeiten|an|an|um/für/gegen
arbeiten|bei|bei|um/für/durch
sich ärgern|über|über|von/mit/an
aufhören|mit|mit|von/an/für
aufpassen|auf|auf|an/für/über
sich aufregen|über|über|um/an/gegen
ausgehen|von|von|aus/zu/an
sich bedanken|bei|bei|zu/an/von
sich bedanken|für|für|über/um/an
beginnen|mit|mit|an/von/für
beitragen|zu|zum|am/vom/beim
sich bemühen|um|um|an/über/mit
berichten|von|von|an/für/um
berichten|über|über|an/mit/um
beruhen|auf|auf|aus/von/an
sich beschäftigen|mit|mit|für/über/an
sich beschweren|bei|bei|zu/an/aus
sich beschweren|über|über|an/um/mit
bestehen|auf|auf|an/für/um
bestehen|aus|aus|von/an/um
bestehen|in|in|an/mit/zu
sich beteiligen|an|am|zum/vom/ins
sich bewerben|auf|auf|an/mit/gegen
sich bewerben|bei|bei|zu/von/aus
sich bewerben|um|um|an/über/zu
bitten|um|um|für/nach/an
danken|für|für|um/über/mit
denken|an|an|auf/mit/um
denken|über|über|mit/von/um
diskutieren|mit|mit|zu/aus/an
diskutieren|über|über|an/auf/zu
drohen|mit|mit|an/von/um
einladen|zu|zu|mit/von/aus
sich entscheiden|für|für|an/um/mit
sich entscheiden|gegen|gegen|an/um/mit
sich entschuldigen|bei|bei|zu/an/von
sich entschuldigen|für|für|über/um/an
sich erholen|von|von|aus/zu/für
erinnern|an|an|auf/um/mit
sich erinnern|an|an|auf/um/von
erkennen|an|an|auf/um/zu
sich erkundigen|nach|nach|an/um/zu
sich ernähren|von|von|aus/an/nach
ersetzen|durch|durch|an/um/mit
erzählen|von|von|an/mit/auf
erzählen|über|über|an/mit/um
fliehen|vor|vor|an/um/für
fragen|nach|nach|um/für/über
sich freuen|auf|auf|an/für/mit
sich freuen|über|über|an/um/mit
sich fürchten|vor|vor|von/an/für
gehören|zu|zur|an der/bei der/von der
glauben|an|an|auf/um/über
gratulieren|zu|zum|vom/im/fürs
halten|für|für|als/um/an
halten|von|von|an/aus/um
handeln|mit|mit|um/an/über
handeln|von|von|an/um/für
helfen|bei|bei|zu/auf/über
hindern|an|an|von/zu/um
hinweisen|auf|auf|an/zu/über
hoffen|auf|auf|an/um/zu
impfen|gegen|gegen|an/um/aus
sich informieren|über|über|an/um/auf
sich interessieren|für|für|an/auf/über
investieren|in|in|an/um/mit
sich irren|in|im|am/vom/zum
kämpfen|für|für|an/auf/zu
kämpfen|gegen|gegen|an/auf/von
kämpfen|um|um|an/auf/zu
klagen|über|über|an/auf/zu
sich konzentrieren|auf|auf|an/über/zu
sich kümmern|um|um|für/an/auf
lachen|über|über|an/von/für
leiden|an|an|von/aus/um
leiden|unter|unter|von/um/für
liegen|an|am|vom/zum/beim
sich melden|bei|bei|an/zu/aus
nachdenken|über|über|an/um/mit
neigen|zu|zu|an/auf/mit
profitieren|von|von|aus/an/für
protestieren|gegen|gegen|an/um/auf
raten|zu|zu|an/auf/über
reagieren|auf|auf|an/zu/für
rechnen|mit|mit|an/um/von
reden|mit|mit|an/aus/auf
reden|von|vom|am/zum/ans
reden|über|über|an/um/gegen
riechen|nach|nach|an/auf/zu
schimpfen|mit|mit|an/zu/aus
schimpfen|über|über|an/um/zu
schmecken|nach|nach|an/auf/zu
schützen|vor|vor|an/zu/um
sich sehnen|nach|nach|an/auf/um
sorgen|für|für|an/auf/mit
sparen|auf|auf|an/um/mit
sparen|für|für|an/um/mit
sich spezialisieren|auf|auf|an/zu/um
sprechen|mit|mit|an/auf/um
sprechen|von|von|an/auf/um
sprechen|über|über|an/um/aus
stammen|aus|aus|an/mit/zu
sterben|an|an|für/um/zu
sich streiten|mit|mit|an/zu/von
sich streiten|um|um|an/auf/aus
sich streiten|über|über|an/auf/zu
suchen|nach|nach|an/um/für
teilnehmen|an|am|zum/vom/ans
telefonieren|mit|mit|an/zu/auf
träumen|von|von|an/um/für
sich treffen|mit|mit|an/zu/um
sich trennen|von|von|aus/an/zu
überraschen|mit|mit|an/von/um
überreden|zu|zu|von/aus/um
überzeugen|von|von|an/aus/für
sich unterhalten|mit|mit|an/zu/aus
sich unterhalten|über|über|an/auf/um
sich unterscheiden|von|von|aus/an/zu
sich verabreden|mit|mit|an/zu/von
sich verabschieden|von|von|an/aus/zu
verbinden|mit|mit|von/aus/um
verfügen|über|über|an/auf/mit
vergleichen|mit|mit|an/von/aus
sich verlassen|auf|auf|an/für/über
sich verlieben|in|in|an/auf/mit
vermieten|an|an|auf/mit/zu
sich verstehen|mit|mit|an/zu/von
verstehen|von|von|an/aus/zu
vertrauen|auf|auf|für/über/mit
verzichten|auf|auf|an/von/um
sich vorbereiten|auf|auf|an/um/über
warnen|vor|vor|an/um/von
warten|auf|auf|für/um/an
sich wenden|an|an|zu/auf/mit
werben|für|für|an/auf/mit
wissen|von|von|an/aus/um
sich wundern|über|über|an/von/um
zählen|zu|zu|aus/an/von
zusammenstoßen|mit|mit|an/von/aus
zweifeln|an|an|von/aus/um
zwingen|zu|zu|an/aus/um
"""

# `verb|preposition|question with du|answer with a gap|the same question after its question word|
# short answer`: a thing, of which one asks with wo- and answers with da-.
THINGS = """
warten|auf|Wartest du auf den Bus?|Ja, ich warte ___.|wartest du|Auf den Bus
sich freuen|auf|Freust du dich auf den Urlaub?|Ja, ich freue mich ___.|freust du dich|Auf den Urlaub
sich freuen|über|Freust du dich über das Geschenk?|Ja, ich freue mich ___.|freust du dich|Über das Geschenk
denken|an|Denkst du an den Termin?|Ja, ich denke ___.|denkst du|An den Termin
sich interessieren|für|Interessierst du dich für Kunst?|Ja, ich interessiere mich ___.|interessierst du dich|Für Kunst
träumen|von|Träumst du von einem Haus?|Ja, ich träume oft ___.|träumst du|Von einem Haus
sich erinnern|an|Erinnerst du dich an die Reise?|Ja, ich erinnere mich ___.|erinnerst du dich|An die Reise
sich ärgern|über|Ärgerst du dich über den Lärm?|Ja, ich ärgere mich ___.|ärgerst du dich|Über den Lärm
anfangen|mit|Fängst du mit der Arbeit an?|Ja, ich fange jetzt ___ an.|fängst du an|Mit der Arbeit
aufhören|mit|Hörst du mit dem Kurs auf?|Ja, ich höre ___ auf.|hörst du auf|Mit dem Kurs
danken|für|Dankst du ihm für die Hilfe?|Ja, ich danke ihm ___.|dankst du ihm|Für die Hilfe
sich bedanken|für|Bedankst du dich für die Blumen?|Ja, ich bedanke mich ___.|bedankst du dich|Für die Blumen
bitten|um|Bittest du ihn um einen Rat?|Ja, ich bitte ihn ___.|bittest du ihn|Um einen Rat
antworten|auf|Antwortest du auf die E-Mail?|Ja, ich antworte ___.|antwortest du|Auf die E-Mail
einladen|zu|Lädst du ihn zu der Feier ein?|Ja, ich lade ihn ___ ein.|lädst du ihn ein|Zu der Feier
gratulieren|zu|Gratulierst du ihr zu der Prüfung?|Ja, ich gratuliere ihr ___.|gratulierst du ihr|Zu der Prüfung
sich vorbereiten|auf|Bereitest du dich auf den Test vor?|Ja, ich bereite mich ___ vor.|bereitest du dich vor|Auf den Test
sich informieren|über|Informierst du dich über den Kurs?|Ja, ich informiere mich ___.|informierst du dich|Über den Kurs
sich anmelden|für|Meldest du dich für den Kurs an?|Ja, ich melde mich ___ an.|meldest du dich an|Für den Kurs
sich entschuldigen|für|Entschuldigst du dich für den Fehler?|Ja, ich entschuldige mich ___.|entschuldigst du dich|Für den Fehler
sprechen|über|Sprecht ihr über den Film?|Ja, wir sprechen ___.|sprecht ihr|Über den Film
lachen|über|Lachst du über den Witz?|Ja, ich lache ___.|lachst du|Über den Witz
suchen|nach|Suchst du nach dem Schlüssel?|Ja, ich suche ___.|suchst du|Nach dem Schlüssel
teilnehmen|an|Nimmst du an dem Kurs teil?|Ja, ich nehme ___ teil.|nimmst du teil|An dem Kurs
achten|auf|Achtest du auf den Preis?|Ja, ich achte ___.|achtest du|Auf den Preis
sich kümmern|um|Kümmerst du dich um das Essen?|Ja, ich kümmere mich ___.|kümmerst du dich|Um das Essen
verzichten|auf|Verzichtest du auf Zucker?|Ja, ich verzichte ___.|verzichtest du|Auf Zucker
nachdenken|über|Denkst du über das Angebot nach?|Ja, ich denke ___ nach.|denkst du nach|Über das Angebot
sich beschweren|über|Beschwerst du dich über das Zimmer?|Ja, ich beschwere mich ___.|beschwerst du dich|Über das Zimmer
sich konzentrieren|auf|Konzentrierst du dich auf die Arbeit?|Ja, ich konzentriere mich ___.|konzentrierst du dich|Auf die Arbeit
sich gewöhnen|an|Gewöhnst du dich an das Klima?|Ja, ich gewöhne mich ___.|gewöhnst du dich|An das Klima
rechnen|mit|Rechnest du mit Regen?|Ja, ich rechne ___.|rechnest du|Mit Regen
hoffen|auf|Hoffst du auf gutes Wetter?|Ja, ich hoffe ___.|hoffst du|Auf gutes Wetter
sich bewerben|um|Bewirbst du dich um die Stelle?|Ja, ich bewerbe mich ___.|bewirbst du dich|Um die Stelle
sich erholen|von|Erholst du dich von der Arbeit?|Ja, ich erhole mich ___.|erholst du dich|Von der Arbeit
protestieren|gegen|Protestierst du gegen den Plan?|Ja, ich protestiere ___.|protestierst du|Gegen den Plan
sparen|auf|Sparst du auf ein Fahrrad?|Ja, ich spare ___.|sparst du|Auf ein Fahrrad
sich beschäftigen|mit|Beschäftigst du dich mit Politik?|Ja, ich beschäftige mich ___.|beschäftigst du dich|Mit Politik
leiden|unter|Leidest du unter dem Lärm?|Ja, ich leide sehr ___.|leidest du|Unter dem Lärm
sich wundern|über|Wunderst du dich über den Preis?|Ja, ich wundere mich ___.|wunderst du dich|Über den Preis
zweifeln|an|Zweifelst du an dem Plan?|Ja, ich zweifle ___.|zweifelst du|An dem Plan
profitieren|von|Profitierst du von der Reform?|Ja, ich profitiere ___.|profitierst du|Von der Reform
"""

# `verb|preposition|question after its question word|short answer|question word`: a person.
PEOPLE = """
warten|auf|wartest du|Auf meinen Freund|Auf wen
denken|an|denkst du|An meine Mutter|An wen
sich erinnern|an|erinnerst du dich|An meinen Lehrer|An wen
sich ärgern|über|ärgerst du dich|Über meinen Chef|Über wen
sprechen|mit|sprichst du|Mit meiner Nachbarin|Mit wem
telefonieren|mit|telefonierst du|Mit meinen Eltern|Mit wem
träumen|von|träumst du|Von meiner Freundin|Von wem
sich kümmern|um|kümmerst du dich|Um meine Oma|Um wen
sich treffen|mit|triffst du dich|Mit einer Freundin|Mit wem
lachen|über|lachst du|Über den Clown|Über wen
sich verlassen|auf|verlässt du dich|Auf meine Schwester|Auf wen
sorgen|für|sorgst du|Für meine Kinder|Für wen
"""

# `verb|preposition|sentence|article / wrong articles`: what the case after the preposition is.
CASES = """
warten|auf|Wir warten auf ___ Bus.|den/dem/der
sich freuen|auf|Ich freue mich auf ___ Sommer.|den/dem/der
sich freuen|über|Sie freut sich über ___ Brief.|den/dem/der
denken|an|Ich denke an ___ Urlaub.|den/dem/der
sich erinnern|an|Ich erinnere mich an ___ Film.|den/dem/der
teilnehmen|an|Wir nehmen an ___ Kurs teil.|dem/den/der
arbeiten|an|Er arbeitet an ___ Text.|dem/den/der
sich ärgern|über|Er ärgert sich über ___ Lärm.|den/dem/der
sprechen|über|Wir sprechen über ___ Film.|den/dem/der
lachen|über|Alle lachen über ___ Witz.|den/dem/der
antworten|auf|Antworte bitte auf ___ Brief!|den/dem/der
achten|auf|Achten Sie auf ___ Preis!|den/dem/der
aufpassen|auf|Pass bitte auf ___ Hund auf!|den/dem/der
sich vorbereiten|auf|Ich bereite mich auf ___ Test vor.|den/dem/der
sich konzentrieren|auf|Er konzentriert sich auf ___ Text.|den/dem/der
sich beschweren|über|Sie beschwert sich über ___ Lärm.|den/dem/der
nachdenken|über|Ich denke über ___ Plan nach.|den/dem/der
sich informieren|über|Er informiert sich über ___ Kurs.|den/dem/der
sich wundern|über|Wir wundern uns über ___ Preis.|den/dem/der
zweifeln|an|Sie zweifelt an ___ Plan.|dem/den/der
leiden|unter|Er leidet unter ___ Lärm.|dem/den/der
sich fürchten|vor|Das Kind fürchtet sich vor ___ Hund.|dem/den/der
warnen|vor|Ich warne dich vor ___ Hund.|dem/den/der
sich verlieben|in|Sie hat sich in ___ Mann verliebt.|den/dem/der
reagieren|auf|Er reagiert nicht auf ___ Brief.|den/dem/der
sich gewöhnen|an|Ich gewöhne mich an ___ Lärm.|den/dem/der
verzichten|auf|Er verzichtet auf ___ Nachtisch.|den/dem/der
sich bewerben|auf|Sie bewirbt sich auf ___ Job.|den/dem/der
hinweisen|auf|Er weist auf ___ Fehler hin.|den/dem/der
"""
