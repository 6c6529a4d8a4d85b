"""Sentences with a subjunctive form, written by hand."""

from dataclasses import dataclass

# lemma | sentence | right | wrong / wrong / wrong | rule
LINES = """
können|___ Sie mir bitte helfen?|Könnten|Könnte/Könntest/Könntet|polite
können|___ du bitte das Fenster aufmachen?|Könntest|Könnte/Könntet/Könnten|polite
können|___ ihr bitte leise sein?|Könntet|Könntest/Könnte/Könnten|polite
können|___ ich bitte die Rechnung haben?|Könnte|Könntest/Könntet/Könnten|polite
haben|Ich ___ gern einen Kaffee.|hätte|hättest/hätten/hättet|polite
haben|Wir ___ gern einen Tisch für zwei Personen.|hätten|hätte/hättet/hättest|polite
haben|___ Sie einen Moment Zeit?|Hätten|Hätte/Hättest/Hättet|polite
haben|___ du morgen Zeit für mich?|Hättest|Hätte/Hätten/Hättet|polite
werden|___ Sie bitte hier unterschreiben?|Würden|Würde/Würdest/Würdet|polite
werden|___ du mir bitte das Salz geben?|Würdest|Würde/Würden/Würdet|polite
werden|Ich ___ gern mit Frau Weber sprechen.|würde|würdest/würden/würdet|polite
werden|___ ihr bitte kurz warten?|Würdet|Würdest/Würde/Würden|polite
dürfen|___ ich Sie etwas fragen?|Dürfte|Dürftest/Dürften/Dürftet|polite
sein|Wenn ich reich ___, würde ich viel reisen.|wäre|wären/bin/wärst|subj2-if
sein|Wenn du hier ___, könnten wir zusammen kochen.|wärst|wäre/wären/bist|subj2-if
sein|Wenn wir jünger ___, würden wir mehr Sport machen.|wären|wäre/sind/wärst|subj2-if
sein|Wenn ihr pünktlich ___, müssten wir nicht warten.|wärt|wäre/seid/wären|subj2-if
haben|Wenn ich mehr Geld ___, würde ich ein Haus kaufen.|hätte|habe/hätten/hättest|subj2-if
haben|Wenn du ein Auto ___, könntest du mich besuchen.|hättest|hast/hätte/hätten|subj2-if
haben|Wenn sie Kinder ___, würde sie anders wohnen.|hätte|hat/hättest/hättet|subj2-if
haben|Wenn wir Zeit ___, kämen wir gern.|hätten|haben/hätte/hättest|subj2-if
können|Wenn ich Deutsch ___, würde ich hier studieren.|könnte|kann/könnten/könntest|subj2-if
können|Wenn wir fliegen ___, wären wir frei.|könnten|können/könnte/könntest|subj2-if
müssen|Wenn er nicht arbeiten ___, käme er mit.|müsste|muss/müssten/müsstest|subj2-if
müssen|Wenn wir nicht lernen ___, gingen wir ins Kino.|müssten|müssen/müsste/müsstest|subj2-if
wissen|Wenn ich die Antwort ___, würde ich sie dir sagen.|wüsste|weiß/wüssten/wüsstest|subj2-if
wissen|Wenn die Eltern das ___, kämen sie heute.|wüssten|wissen/wüsste/wüsstest|subj2-if
werden|Wenn ich Zeit hätte, ___ ich dir helfen.|würde|wird/würden/würdest|subj2-if
werden|Wenn du mehr schlafen würdest, ___ du wacher sein.|würdest|wirst/würde/würden|subj2-if
werden|Wenn wir Geld hätten, ___ wir ein Boot kaufen.|würden|würde/würdest/würdet|subj2-if
werden|An deiner Stelle ___ ich zum Arzt gehen.|würde|würdest/würden/wurde|subj2-forms
sein|An deiner Stelle ___ ich vorsichtig.|wäre|wärst/wären/war|subj2-forms
haben|An seiner Stelle ___ ich Angst.|hätte|hatte/hätten/hättest|subj2-forms
kommen|Wenn der Bus früher ___, wären wir pünktlich.|käme|kommt/kämen/kämst|subj2-if
gehen|Wenn es dir besser ___, gingen wir aus.|ginge|geht/gingen/gingst|subj2-if
geben|Wenn es mehr Busse ___, bräuchte ich kein Auto.|gäbe|gibt/gäben/gäbst|subj2-if
brauchen|Im Süden ___ ich keine Jacke.|bräuchte|bräuchten/bräuchtest/gebraucht|subj2-forms
haben|Wenn ich doch mehr Zeit ___!|hätte|hatte/habe/hätten|subj2-wish
sein|Wenn doch schon Sommer ___!|wäre|war/ist/wären|subj2-wish
kommen|Wenn er doch endlich ___!|käme|kommt/kämen/gekommen|subj2-wish
können|Wenn ich doch besser singen ___!|könnte|konnte/kann/könnten|subj2-wish
wissen|Wenn ich das nur ___!|wüsste|weiß/wüssten/gewusst|subj2-wish
werden|Wenn sie doch anrufen ___!|würde|wird/wurde/würdest|subj2-wish
haben|Wenn ich das gewusst ___, wäre ich gekommen.|hätte|hatte/habe/wäre|subj2-past
sein|Wenn du gekommen ___, hättest du Anna getroffen.|wärst|bist/warst/hättest|subj2-past
haben|Wenn wir gelernt ___, hätten wir den Test bestanden.|hätten|haben/hatten/wären|subj2-past
sein|Wenn er vorsichtig gewesen ___, wäre das nicht passiert.|wäre|war/ist/hätte|subj2-past
haben|Fast ___ ich den Zug verpasst.|hätte|wäre/hätten/hättest|subj2-past
sein|Fast ___ ich eingeschlafen.|wäre|hätte/wären/wärst|subj2-past
sollen|Du hättest mich anrufen ___.|sollen|gesollt/sollst/solltest|subj2-past-modal
müssen|Er hätte früher kommen ___.|müssen|gemusst/musste/müsste|subj2-past-modal
können|Wir hätten dir helfen ___.|können|gekonnt/könnten/konnten|subj2-past-modal
dürfen|Das hättest du nicht sagen ___.|dürfen|gedurft/darfst/durftest|subj2-past-modal
"""
WHY = {
    "polite": (
        "Höfliche Bitte oder Frage: {lemma} → {right}; die Form passt zur Person.",
        "Polite request or question: {lemma} → {right}; the form fits the person.",
        "Ввічливе прохання чи запитання: {lemma} → {right}; форма відповідає особі.",
    ),
    "subj2-if": (
        "Das ist nicht real (Konjunktiv II): {lemma} → {right}.",
        "This is not real (Konjunktiv II): {lemma} → {right}.",
        "Це нереально (Konjunktiv II): {lemma} → {right}.",
    ),
    "subj2-forms": (
        "Das ist nur gedacht, nicht real (Konjunktiv II): {lemma} → {right}.",
        "This is only imagined, not real (Konjunktiv II): {lemma} → {right}.",
        "Це лише уявне, нереальне (Konjunktiv II): {lemma} → {right}.",
    ),
    "subj2-wish": (
        "Ein Wunsch, der nicht real ist, steht im Konjunktiv II: {lemma} → {right}.",
        "A wish that is not real has the Konjunktiv II: {lemma} → {right}.",
        "Нереальне бажання виражає Konjunktiv II: {lemma} → {right}.",
    ),
    "subj2-past": (
        "Nicht real, Vergangenheit: hätte oder wäre wie im Perfekt, hier {right}.",
        "Not real, in the past: hätte or wäre as in the perfect, here {right}.",
        "Нереальне минуле: hätte чи wäre, як у перфекті; тут {right}.",
    ),
    "subj2-past-modal": (
        "Nach „hätte“ und einem zweiten Verb steht das Modalverb im Infinitiv: {right}.",
        'After "hätte" and a second verb the modal verb is an infinitive: {right}.',
        "Після «hätte» і другого дієслова модальне стоїть в інфінітиві: {right}.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    lemma: str
    question: str
    right: str
    wrong: tuple[str, ...]
    rule: str
    level: str
    name: str
    explanation: tuple[str, str, str]


def _sentences() -> tuple[Sentence, ...]:
    found = []
    for line in LINES.strip().splitlines():
        lemma, sentence, right, wrong, rule = line.split("|")
        words = sentence.removeprefix("Wenn ").replace("___", "").split()
        de, en, uk = (text.format(lemma=lemma, right=right.lower()) for text in WHY[rule])
        hint = "höflich" if rule == "polite" else "Konjunktiv II"
        found.append(
            Sentence(
                lemma=lemma,
                question=f"{sentence} ({lemma}, {hint})",
                right=right,
                wrong=tuple(wrong.split("/")),
                rule=rule,
                level="A2",
                name=" ".join(words[:3]),
                explanation=(de, en, uk),
            )
        )
    return tuple(found)


SENTENCES = _sentences()
