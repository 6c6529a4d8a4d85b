"""Verbs in the present tense: which form belongs to which subject."""

from collections.abc import Iterator

from content.generators.asking import NAMES, Cards, number, pick
from content.generators.verb_forms import (
    IRREGULAR,
    PERSONS,
    PRESENT_VARIANTS,
    REFLEXIVE,
    has_vowel_change,
    needs_e,
    present,
    shown,
    stem,
    with_person,
)
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon, Verb

FAMILY = "present"
ENDINGS = {"ich": "-e", "du": "-st", "er": "-t", "wir": "-en", "ihr": "-t", "sie": "-en"}
# Verbs with forms of their own, and what follows each. `sie` is asked of two names.
OWN_FORMS = (
    ("sein", "müde", "sein-haben"),
    ("sein", "aus Kyjiw", "sein-haben"),
    ("haben", "Hunger", "sein-haben"),
    ("haben", "heute keine Zeit", "sein-haben"),
    ("können", "gut schwimmen", "modal-forms"),
    ("müssen", "heute lange arbeiten", "modal-forms"),
    ("dürfen", "hier nicht parken", "modal-forms"),
    ("sollen", "mehr Wasser trinken", "modal-forms"),
    ("wollen", "Deutsch lernen", "modal-forms"),
    ("werden", "morgen dreißig Jahre alt", "present-vowel"),
    ("wissen", "die Antwort", "present-vowel"),
)
# A mistake of spelling that is heard as right.
MISSPELT = {"sein": "seit"}
# `er habe`, `er werde` are right in reported speech.
REPORTED = frozenset(("habe", "werde"))
# Of the regular verbs at B1, whose forms are those of A1, one in so many is asked.
SHARE_B1 = 3


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    known = {verb.verb: verb for verb in lexicon.verbs}
    for name, words, rule in OWN_FORMS:
        if name in known and rule in cards:
            yield from _own_forms(cards, known[name], words, rule)
    for phrase in phrases(lexicon):
        verb = phrase.verb
        if verb.separable == "yes" or verb.level == "B2" or verb.verb in PRESENT_VARIANTS:
            continue
        if _is_dull(verb):
            continue
        for person in _persons(phrase):
            yield _form(cards, phrase, person)


def _is_dull(verb: Verb) -> bool:
    return (
        verb.level == "B1"
        and not has_vowel_change(verb)
        and not needs_e(verb)
        and bool(number(f"{FAMILY} {verb.verb} {verb.reflexive}") % SHARE_B1)
    )


def _persons(phrase: Phrase) -> tuple[str, ...]:
    verb = phrase.verb
    if phrase.subject:
        return ("er",)
    if has_vowel_change(verb):
        return ("du", "er", "ihr") if verb.level == "A1" else ("du", pick(verb.verb, ("er", "ihr")))
    choice = pick(f"{FAMILY} {phrase.key}", _regular_persons(verb))
    return (choice,)


def _regular_persons(verb: Verb) -> tuple[str, ...]:
    if needs_e(verb):
        return ("du", "er", "ihr")
    # Both "ich sammle" and "ich sammele" are right.
    return ("du", "er", "ihr") if verb.verb.endswith("eln") else ("ich", "du", "er", "ihr", "wir")


def _form(cards: Cards, phrase: Phrase, person: str) -> Question:
    verb = phrase.verb
    right = present(verb, person)
    name = pick(f"{phrase.key} {person}", NAMES)
    subject = phrase.subject or (name if person == "er" else person.capitalize())
    pronoun = REFLEXIVE[verb.reflexive][person] if verb.reflexive else ""
    words = " ".join(part for part in (pronoun, phrase.words) if part)
    named = shown(verb)
    return cards.ask(
        family=FAMILY,
        lemma=named,
        rule=_rule(verb, person),
        frame=person,
        question=f"{subject} ___ {words}. ({named})",
        right=right,
        wrong=[form for form in _wrong(verb, person) if form != right],
        explanation=_explanation(verb, person, right),
        level=verb.level,
        name=f"{phrase.key} {person}",
    )


def _rule(verb: Verb, person: str) -> str:
    if has_vowel_change(verb):
        return "present-vowel"
    root = stem(verb.verb)
    if person in ("du", "er", "ihr") and needs_e(verb):
        return "present-e"
    return "present-e" if person == "du" and root[-1] in "sßzx" else "present-endings"


def _wrong(verb: Verb, person: str) -> list[str]:
    """Return wrong forms for `person`. `er ändere` is a form of reported speech, so never one."""
    root = stem(verb.verb)
    forms = {each: present(verb, each) for each in PERSONS}
    changed = forms["er"].removesuffix("t")
    match person:
        case "ich":
            own = [f"{changed}e"] if has_vowel_change(verb) else []
            return [*own, forms["er"], forms["du"], forms["wir"]]
        case "du":
            regular = f"{root}st" if root[-1] not in "sßzx" else forms["ihr"]
            return [regular, forms["er"], forms["ich"], forms["wir"]]
        case "er":
            regular = forms["ihr"]
            broken = [f"{root}st"] if needs_e(verb) else [forms["du"]]
            return [regular, *broken, forms["wir"], verb.participle]
        case "ihr":
            return [forms["er"], forms["du"], forms["wir"], forms["ich"]]
    return [forms["er"], forms["du"], forms["ich"]]


def _explanation(verb: Verb, person: str, right: str) -> tuple[str, str, str]:
    who = "er/sie/es" if person == "er" else person
    pair, name = with_person(verb, person, right), shown(verb)
    if has_vowel_change(verb):
        if person == "ihr":
            said = with_person(verb, "er", present(verb, "er"))
            return (
                f"„{name}“: anderer Vokal nur bei du und er/sie/es: {said}, aber {pair}.",
                f'"{name}": another vowel only with du and er/sie/es: {said}, but {pair}.',
                f"«{name}»: інший голосний лише з du та er/sie/es: {said}, але {pair}.",
            )
        return (
            f"„{name}“ ändert bei du und er/sie/es den Vokal: {pair}.",
            f'"{name}" changes its vowel with du and er/sie/es: {pair}.',
            f"«{name}» має інший голосний у формах du та er/sie/es: {pair}.",
        )
    root = stem(verb.verb)
    if person in ("du", "er", "ihr") and needs_e(verb):
        return (
            f"Der Stamm „{root}-“ braucht vor -st und -t ein e: {pair}.",
            f'The stem "{root}-" needs an e before -st and -t: {pair}.',
            f"Основа «{root}-» потребує e перед -st і -t: {pair}.",
        )
    if person == "du" and root[-1] in "sßzx":
        return (
            f"Nach s, ß, z hat du nur -t: {pair}.",
            f"After s, ß, z the ending for du is only -t: {pair}.",
            f"Після s, ß, z форма du має лише -t: {pair}.",
        )
    ending = "-n" if person == "wir" and not verb.verb.endswith("en") else ENDINGS[person]
    return (
        f"Bei {who} hat das Verb die Endung {ending}: {pair}.",
        f"With {who} the verb has the ending {ending}: {pair}.",
        f"У формі {who} дієслово має закінчення {ending}: {pair}.",
    )


def _own_forms(cards: Cards, verb: Verb, words: str, rule: str) -> Iterator[Question]:
    for index, person in enumerate(PERSONS):
        right = IRREGULAR[verb.verb][index]
        subject = person.capitalize()
        if person == "er":
            subject = pick(f"{verb.verb} {words}", NAMES)
        elif person == "sie":
            subject = "Anna und Paul"
        others = [MISSPELT.get(verb.verb, "")] if person == "ihr" else []
        others += [form for form in IRREGULAR[verb.verb] if form != right]
        if person == "er":
            others = [form for form in others if form not in REPORTED]
        yield cards.ask(
            family=FAMILY,
            lemma=verb.verb,
            rule=rule,
            frame=f"{person} {words}",
            question=f"{subject} ___ {words}. ({verb.verb})",
            right=right,
            wrong=others,
            explanation=(
                f"„{verb.verb}“ hat eigene Formen: {_all_forms(verb.verb)}.",
                f'"{verb.verb}" has forms of its own: {_all_forms(verb.verb)}.',
                f"«{verb.verb}» має власні форми: {_all_forms(verb.verb)}.",
            ),
            level=verb.level,
        )


def _all_forms(name: str) -> str:
    forms = IRREGULAR[name]
    return ", ".join(f"{person} {form}" for person, form in zip(PERSONS, forms, strict=True))
