"""Preterite, passive and subjunctive."""

import re
from collections.abc import Iterator

from content.generators.asking import NAMES, Cards, capital, number, pick
from content.generators.perfect import auxiliary, beside, subject
from content.generators.subjunctive import SENTENCES
from content.generators.verb_forms import (
    PAST_VARIANTS,
    PRESENT_VARIANTS,
    base,
    is_mixed,
    is_strong,
    preterite,
    preterite_plural,
    shown,
    stem,
    third,
    weak_preterite,
    with_person,
    wrong_participles,
    zu_infinitive,
)
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon, Verb

FAMILY = "past"
# Wrong forms in -te that are right for another verb (brachte: bringen), or old.
NO_EXTRA_TE = ("brechen", "lesen", "messen", "scheinen")
NO_WEAK_FORM = frozenset(("gleichen", "ausweichen", "schreien"))
# brennte, kennte: their subjunctive.
MIXED_SUBJUNCTIVE = ("brennen", "kennen", "nennen", "rennen")
# den Nachbarn: nouns that have -n in every case but the first.
NOMINATIVES = {
    "Patienten": "Patient",
    "Nachbarn": "Nachbar",
    "Kunden": "Kunde",
    "Kollegen": "Kollege",
    "Namen": "Name",
}
# A passive sentence with these is right, but nobody says it so.
NO_PASSIVE = frozenset(
    (
        *("behalten", "erziehen", "regieren", "halten", "zeigen", "siezen"),
        *("duzen", "schieben", "ziehen", "verbringen", "kauen", "zwingen"),
        *("leiten", "vermeiden", "zerstören", "erwähnen", "empfehlen", "benutzen"),
        *("treffen", "beeindrucken", "gewinnen", "erreichen", "holen", "tragen"),
        *("brechen", "küssen", "umarmen", "kneifen", "pfeifen", "ausdrücken"),
        *("nehmen", "essen", "trinken", "rauchen", "fangen", "genießen"),
        *("erwarten", "begreifen", "nutzen", "betrügen", "anfassen", "treiben"),
        *("zugeben", "merken", "bestehen", "beachten", "retten", "erlauben"),
    )
)
# One in so many of the verbs with an object is asked in a passive sentence.
SHARE_PASSIVE = 2
SHARE_WEAK = 6
SHARE_WOULD = 3
SHARE_WOULD_HAVE = 10
_VOWELS = re.compile("[aeiouäöü]+")
# The verb, the sentence, its rule.
COMMON = (
    ("sein", "gestern krank", "war-hatte"),
    ("sein", "letztes Jahr in Wien", "war-hatte"),
    ("haben", "gestern keine Zeit", "war-hatte"),
    ("haben", "früher einen Hund", "war-hatte"),
    ("können", "gestern nicht kommen", "modal-past"),
    ("müssen", "gestern lange warten", "modal-past"),
    ("wollen", "gestern ins Kino gehen", "modal-past"),
    ("dürfen", "als Kind nicht fernsehen", "modal-past"),
    ("sollen", "gestern früher kommen", "modal-past"),
)
ENDINGS = {"ich": "", "du": "st", "er": "", "wir": "n", "ihr": "t", "sie": "n"}


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    known = {verb.verb: verb for verb in lexicon.verbs}
    for name, words, rule in COMMON:
        if name in known and rule in cards:
            yield from _common(cards, known[name], words, rule)
    for sentence in SENTENCES:
        if sentence.rule in cards:
            yield cards.ask(
                family=FAMILY,
                lemma=sentence.lemma,
                rule=sentence.rule,
                frame=sentence.question,
                question=sentence.question,
                right=sentence.right,
                wrong=sentence.wrong,
                explanation=sentence.explanation,
                level=sentence.level,
                name=f"{sentence.lemma} subjunctive {sentence.name}",
            )
    for phrase in phrases(lexicon):
        if phrase.verb.verb not in PAST_VARIANTS:
            yield from _of_phrase(cards, phrase)


def _of_phrase(cards: Cards, phrase: Phrase) -> Iterator[Question]:
    verb = phrase.verb
    key = f"{FAMILY} {phrase.key}"
    if _is_asked(verb, key):
        yield _preterite(cards, phrase)
    is_said = phrase.has_passive and phrase.is_deliberate and verb.verb not in NO_PASSIVE
    if is_said and not number(f"{key} passive") % SHARE_PASSIVE:
        yield _passive(cards, phrase)
    is_easy = bool(phrase.thing) and verb.level in ("A1", "A2")
    if phrase.is_willing and is_easy and not number(f"{key} subjunctive") % SHARE_WOULD:
        yield _would(cards, phrase)
    is_asked = phrase.is_auxiliary_sure and not phrase.subject and verb.level != "A1"
    share = SHARE_WOULD if auxiliary(phrase) == "ist" else SHARE_WOULD_HAVE
    if is_asked and not number(f"{key} unreal") % share:
        yield _would_have(cards, phrase)


def _other_vowel(verb: Verb, form: str) -> str:
    """Return that the form has another vowel, which "hatte" has not."""
    stems = (stem(base(verb)), form.removesuffix("te"))
    of_verb, of_form = (_VOWELS.findall(text)[-1] for text in stems)
    return ", mit anderem Vokal" if of_verb != of_form else ""


def _is_asked(verb: Verb, key: str) -> bool:
    if is_strong(verb) or is_mixed(verb):
        is_half = verb.separable == "yes" and number(f"{key} strong") % 2 == 0
        return verb.verb not in PRESENT_VARIANTS and not is_half
    return number(f"{key} weak") % SHARE_WEAK == 0


def _preterite(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    right = preterite(verb)
    participle = verb.participle
    if verb.separable == "yes":
        participle = participle.removeprefix(verb.prefix)
    irregular = is_strong(verb) or is_mixed(verb)
    wrong: list[str] = []
    if irregular:
        if verb.verb not in NO_WEAK_FORM and not base(verb).endswith(MIXED_SUBJUNCTIVE):
            wrong.append(weak_preterite(verb))
        # As short as the right one: `nehm` beside `nahm`.
        wrong.append(stem(base(verb)))
        if is_strong(verb) and not (base(verb).endswith(NO_EXTRA_TE) or right.endswith("tt")):
            wrong.append(f"{right}te")
    # "Er besucht" would be right: it is the present tense.
    if participle != third(verb):
        wrong.append(participle)
    wrong += [preterite_plural(verb), f"{right}st", f"{right}t"]
    prefix = f" {verb.prefix}" if verb.separable == "yes" else ""
    who = subject(phrase, f"{FAMILY} {phrase.key}")
    name, said = shown(verb), with_person(verb, "er", right)
    if irregular:
        explanation = (
            f"„{name}“ ist unregelmäßig: {said}, ohne die Endung -te."
            if is_strong(verb)
            else f"„{name}“ ist unregelmäßig: {said}{_other_vowel(verb, right)}.",
            f'"{name}" is irregular: {said}.',
            f"«{name}» – неправильне дієслово: {said}.",
        )
    else:
        explanation = (
            f"Regelmäßige Verben haben im Präteritum -te: {said}.",
            f"Regular verbs have -te in the preterite: {said}.",
            f"Правильні дієслова мають у претериті -te: {said}.",
        )
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="preterite-irregular" if irregular else "preterite-regular",
        frame="preterite",
        question=f"{who} ___ {beside(phrase)}{prefix}. ({shown(verb)}, Präteritum)",
        right=right,
        wrong=[form for form in wrong if form != right],
        explanation=explanation,
        level=verb.level,
        name=f"{phrase.key} preterite",
    )


def _common(cards: Cards, verb: Verb, words: str, rule: str) -> Iterator[Question]:
    past = preterite(verb)
    forms = {person: _common_form(past, person) for person in ENDINGS}
    for person, right in forms.items():
        who = person.capitalize()
        if person == "er":
            who = pick(f"{FAMILY} {verb.verb} {words}", NAMES)
        elif person == "sie":
            who = "Anna und Paul"
        others = [form for form in dict.fromkeys(forms.values()) if form != right]
        umlaut = right.replace("o", "ö").replace("u", "ü")
        if verb.verb in ("können", "müssen", "dürfen"):
            others.insert(0, umlaut)
        yield cards.ask(
            family=FAMILY,
            lemma=verb.verb,
            rule=rule,
            frame=f"{person} {words}",
            question=f"{who} ___ {words}. ({verb.verb}, Präteritum)",
            right=right,
            wrong=others,
            explanation=(
                f"Präteritum von „{verb.verb}“: {_row(forms)}.",
                f'Past tense of "{verb.verb}": {_row(forms)}.',
                f"Минулий час дієслова «{verb.verb}»: {_row(forms)}.",
            ),
            level=verb.level,
        )


def _common_form(past: str, person: str) -> str:
    plural = "en" if person in ("wir", "sie") and not past.endswith("e") else ENDINGS[person]
    return f"{past}{plural}"


def _row(forms: dict[str, str]) -> str:
    return ", ".join(f"{person} {form}" for person, form in forms.items())


def nominative(thing: str) -> str:
    """Return an accusative object as the subject of a passive sentence."""
    article, _, rest = thing.partition(" ")
    if article not in ("den", "einen"):
        return thing
    return f"{'der' if article == 'den' else 'ein'} {NOMINATIVES.get(rest, rest)}"


def _passive(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    frame = pick(f"{FAMILY} {phrase.key} passive frame", ("present", "past", "perfect", "modal"))
    thing = nominative(phrase.thing) if not phrase.is_plural_thing else phrase.thing
    who = capital(thing)
    rest = f" {phrase.rest}" if phrase.rest else ""
    is_plural = phrase.is_plural_thing
    rule = {"present": "passive-present", "modal": "passive-modal"}.get(frame, "passive-past")
    participle = verb.participle
    match frame:
        case "present":
            question = f"{who} {'werden' if is_plural else 'wird'} heute{rest} ___. ({verb.verb})"
            right = participle
            wrong = [
                *wrong_participles(verb)[:2],
                preterite(verb) if verb.separable != "yes" else f"{verb.prefix}{preterite(verb)}",
                zu_infinitive(verb),
            ]
            explanation = (
                f"Passiv: eine Form von „werden“ und das Partizip II: {right}.",
                f'Passive: a form of "werden" and the past participle: {right}.',
                f"Пасив: форма «werden» і дієприкметник (Partizip II): {right}.",
            )
        case "past":
            question = f"{who} ___ gestern{rest} {participle}."
            right, other = ("wurden", "wurde") if is_plural else ("wurde", "wurden")
            wrong = [other, "worden", "geworden"]
            explanation = (
                f"Passiv in der Vergangenheit: wurde(n) und Partizip II ({participle}).",
                f"Passive in the past: wurde(n) and the past participle ({participle}).",
                f"Пасив у минулому: wurde(n) і дієприкметник ({participle}).",
            )
        case "perfect":
            question = f"{who} {'sind' if is_plural else 'ist'} schon{rest} {participle} ___."
            right = "worden"
            wrong = ["geworden", "wurden" if is_plural else "wurde", "werden"]
            explanation = (
                "Im Passiv heißt das Partizip von „werden“ worden, ohne ge-.",
                'In the passive the participle of "werden" is worden, without ge-.',
                "У пасиві дієприкметник від «werden» – worden, без ge-.",
            )
        case _:
            question = f"{who} {'müssen' if is_plural else 'muss'} noch{rest} {participle} ___."
            right = "werden"
            wrong = ["worden", "wurden" if is_plural else "wurde", "geworden"]
            explanation = (
                f"Passiv mit Modalverb: Partizip II ({participle}) und „werden“ am Ende.",
                f'Passive with a modal verb: past participle ({participle}) and "werden" last.',
                f"Пасив із модальним дієсловом: {participle} і «werden» у кінці.",
            )
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule=rule,
        frame=f"passive {frame}",
        question=question,
        right=right,
        wrong=[form for form in wrong if form != right],
        explanation=explanation,
        level=verb.level,
        name=f"{phrase.key} passive {frame}",
    )


def _would(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    wrong = [verb.participle, zu_infinitive(verb), third(verb)]
    if verb.separable == "yes":
        wrong[2] = f"{verb.prefix}{third(verb)}"
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="subj2-if",
        frame="would",
        question=f"Wenn er könnte, würde er {beside(phrase)} ___. ({shown(verb)})",
        right=verb.verb,
        wrong=[form for form in wrong if form != verb.verb],
        explanation=(
            f"Nicht real: „würde“ und der Infinitiv am Ende: würde … {verb.verb}.",
            f'Not real: "würde" and the infinitive at the end: würde … {verb.verb}.',
            f"Нереально: «würde» та інфінітив у кінці: würde … {verb.verb}.",
        ),
        level=verb.level,
        name=f"{phrase.key} would",
    )


def _would_have(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    has = auxiliary(phrase) == "hat"
    right, other = ("hätte", "wäre") if has else ("wäre", "hätte")
    helper = "haben" if has else "sein"
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="subj2-past",
        frame="would have",
        question=f"In diesem Fall ___ er {beside(phrase)} {verb.participle}. ({shown(verb)})",
        right=right,
        wrong=(other, f"{right}n", f"{other}n"),
        explanation=(
            f"Nicht real, früher: „{shown(verb)}“ bildet das Perfekt mit {helper}, also {right}.",
            f'Not real, in the past: "{shown(verb)}" has {helper} in the perfect, so {right}.',
            f"Нереальне минуле: «{shown(verb)}» має в перфекті {helper}, тому {right}.",
        ),
        level=verb.level,
        name=f"{phrase.key} would-have",
    )
