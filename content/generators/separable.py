"""Separable verbs: where the prefix stands in each kind of sentence."""

from collections.abc import Iterator

from content.generators.asking import Cards, number, pick
from content.generators.perfect import auxiliary, beside, subject
from content.generators.verb_forms import (
    ADVERBS,
    PAST_VARIANTS,
    PRESENT_VARIANTS,
    REFLEXIVE,
    WRITTEN_APART,
    base,
    has_ge,
    joined,
    present,
    preterite,
    regular_third,
    shown,
    stem,
    third,
    with_person,
    wrong_participles,
    zu_infinitive,
)
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon

FAMILY = "separable"
MODALS = ("muss", "will", "kann")
# Nobody tries to do this.
NOT_TRIED = frozenset(("vorziehen",))
# Each begins a clause with the subject next and the verb at the end.
OPENINGS = ("Ich weiß, dass", "Ich frage mich, ob", "Ich glaube, dass")


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    for phrase in phrases(lexicon):
        verb = phrase.verb
        if verb.separable != "yes":
            continue
        if verb.level in ("A1", "A2") and verb.verb not in PRESENT_VARIANTS:
            asks = phrase.is_willing and (verb.level == "A1" or number(phrase.key) % 2 == 0)
            if asks:
                yield _question(cards, phrase)
            if verb.level == "A1" or not asks:
                yield _main(cards, phrase)
        yield _clause(cards, phrase)
        if verb.verb not in PAST_VARIANTS:
            yield _perfect(cards, phrase)
        if phrase.is_willing:
            if verb.level < "B1":
                yield _modal(cards, phrase)
            elif verb.verb not in NOT_TRIED:
                yield _zu(cards, phrase)


def _question(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    key = f"{phrase.key} question"
    form = present(verb, "du")
    words = f"{REFLEXIVE[verb.reflexive]['du']} {phrase.words}" if verb.reflexive else phrase.words
    right = form.capitalize()
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="separable-questions",
        frame="question",
        question=f"___ du {words} {verb.prefix}? ({shown(verb)})",
        right=right,
        wrong=_others(
            right,
            joined(verb, form).capitalize(),
            base(verb).capitalize(),
            present(verb, "ihr").capitalize(),
            verb.verb.capitalize(),
        ),
        explanation=(
            f"In der Ja-Nein-Frage steht das Verb vorn, „{verb.prefix}“ am Ende.",
            f'In a yes-no question the verb comes first, "{verb.prefix}" at the end.',
            f"У запитанні «так чи ні» дієслово стоїть спочатку, «{verb.prefix}» – у кінці.",
        ),
        level=verb.level,
        name=key,
    )


def _main(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    key = f"{phrase.key} main"
    said = with_person(verb, "er", third(verb)).removeprefix("er ")
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="separable-present",
        frame="main",
        question=f"{subject(phrase, key)} ___ {beside(phrase)} {verb.prefix}. ({shown(verb)})",
        right=third(verb),
        wrong=_others(third(verb), joined(verb, third(verb)), base(verb), stem(base(verb))),
        explanation=(
            f"Das Verb steht auf Position 2, „{verb.prefix}“ am Ende: {said}.",
            f'The verb is in second place, "{verb.prefix}" at the end: {said}.',
            f"Дієслово стоїть на другому місці, «{verb.prefix}» – у кінці: {said}.",
        ),
        level=verb.level,
        name=key,
    )


def _modal(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    key = f"{phrase.key} modal"
    modal = pick(key, MODALS)
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="separable-modal",
        frame="modal",
        question=f"{subject(phrase, key)} {modal} {beside(phrase)} ___. ({shown(verb)})",
        right=verb.verb,
        wrong=_others(verb.verb, joined(verb, third(verb)), zu_infinitive(verb), verb.present_3sg),
        explanation=(
            f"Nach „{modal}“ steht das ganze Verb am Ende, in einem Wort: {verb.verb}.",
            f'After "{modal}" the whole verb is at the end, in one word: {verb.verb}.',
            f"Після «{modal}» ціле дієслово стоїть у кінці, одним словом: {verb.verb}.",
        ),
        level=verb.level,
        name=key,
    )


def _zu(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    key = f"{phrase.key} zu"
    right = zu_infinitive(verb)
    who = subject(phrase, key)
    wrong = [f"zu {verb.verb}", verb.verb, f"{verb.prefix} zu {base(verb)}"]
    if verb.verb in WRITTEN_APART or verb.prefix in ADVERBS:
        wrong[-1] = joined(verb, third(verb))
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="separable-perfect",
        frame="zu",
        question=f"{who} versucht, {beside(phrase)} ___. ({shown(verb)})",
        right=right,
        wrong=wrong,
        explanation=(
            f"„zu“ steht zwischen „{verb.prefix}“ und dem Verb: {right}.",
            f'"zu" goes between "{verb.prefix}" and the verb: {right}.',
            f"«zu» стоїть між «{verb.prefix}» та дієсловом: {right}.",
        ),
        level=verb.level,
        name=key,
    )


def _perfect(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    key = f"{phrase.key} perfect"
    wrong = [*wrong_participles(verb), verb.participle.replace(f"{verb.prefix}ge", verb.prefix, 1)]
    if auxiliary(phrase) == "hat":
        wrong.append(verb.verb)
    else:
        wrong = [form for form in wrong if form != verb.verb]
    wrong.append(joined(verb, preterite(verb)))
    if has_ge(verb):
        explanation = (
            f"„ge“ steht zwischen „{verb.prefix}“ und dem Verb: {verb.participle}.",
            f'"ge" goes between "{verb.prefix}" and the verb: {verb.participle}.',
            f"«ge» стоїть між «{verb.prefix}» та дієсловом: {verb.participle}.",
        )
    else:
        explanation = (
            f"„{base(verb)}“ hat kein ge-, also auch hier nicht: {verb.participle}.",
            f'"{base(verb)}" has no ge-, so there is none here either: {verb.participle}.',
            f"«{base(verb)}» не має ge-, тому й тут його немає: {verb.participle}.",
        )
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="separable-perfect",
        frame="perfect",
        question=(
            f"{subject(phrase, key)} {auxiliary(phrase)} {beside(phrase)} ___. ({shown(verb)})"
        ),
        right=verb.participle,
        wrong=[form for form in wrong if form != verb.participle],
        explanation=explanation,
        level=verb.level,
        name=key,
    )


def _clause(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    key = f"{phrase.key} clause"
    opening = pick(key, OPENINGS)
    right = joined(verb, third(verb))
    who = phrase.subject_inside or subject(phrase, key)
    broken = joined(verb, regular_third(verb))
    wrong = [verb.present_3sg, verb.verb, zu_infinitive(verb)]
    if verb.verb not in PRESENT_VARIANTS and broken != right:
        wrong.insert(1, broken)
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="separable-clause",
        frame="clause",
        question=f"{opening} {who} {beside(phrase)} ___. ({shown(verb)})",
        right=right,
        wrong=wrong,
        explanation=(
            f"Nach „{opening.split()[-1]}“ steht das Verb am Ende, in einem Wort: {right}.",
            f'After "{opening.split()[-1]}" the verb is at the end, in one word: {right}.',
            f"Після «{opening.split()[-1]}» дієслово стоїть у кінці, одним словом: {right}.",
        ),
        level=verb.level,
        name=key,
    )


def _others(right: str, *forms: str) -> list[str]:
    return [form for form in forms if form != right]
