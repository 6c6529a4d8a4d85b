"""The perfect: the participle, and haben or sein."""

from collections.abc import Iterator

from content.generators.asking import NAMES, Cards, number, pick
from content.generators.verb_forms import (
    BOTH_WAYS,
    PAST_VARIANTS,
    has_ge,
    is_mixed,
    is_strong,
    joined,
    preterite,
    shown,
    third,
    wrong_participles,
)
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon, Verb

FAMILY = "perfect"
# Why a verb has sein: somebody comes from one place to another, or something becomes different.
CHANGE = frozenset(
    (
        "aufwachen",
        "einschlafen",
        "wachsen",
        "aufwachsen",
        "sterben",
        "aussterben",
        "entstehen",
        "verschwinden",
        "sinken",
        "vergehen",
        "aufstehen",
    )
)
# Of these nobody uses the perfect in such a sentence.
NO_PERFECT = frozenset(("bedeuten", "befinden"))
NO_MOVE = frozenset(
    (
        "auffallen",
        "gelingen",
        "geschehen",
        "passieren",
        "bleiben",
        "begegnen",
        "scheitern",
        "ausfallen",
        "erscheinen",
        "zurechtkommen",
        "einfallen",
        "durchfallen",
        "zusammenstoßen",
        "auftreten",
        "klappen",
        "ausweichen",
    )
)


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    for phrase in phrases(lexicon):
        verb = phrase.verb
        if verb.level == "B2":
            continue
        is_variant = verb.verb in PAST_VARIANTS | NO_PERFECT
        if verb.separable != "yes" and not is_variant and _is_worth(verb):
            yield _participle(cards, phrase)
        if phrase.is_auxiliary_sure and (auxiliary(phrase) == "ist" or _is_common(phrase)):
            yield _auxiliary(cards, phrase)


def subject(phrase: Phrase, key: str) -> str:
    return phrase.subject or pick(key, NAMES)


def beside(phrase: Phrase) -> str:
    """Return the words beside the verb in the third person, with `sich` where it belongs."""
    return f"sich {phrase.words}" if phrase.verb.reflexive else phrase.words


def auxiliary(phrase: Phrase) -> str:
    """Return `hat` or `ist`; where both are right, that of a sentence with an object or none."""
    verb = phrase.verb
    if verb.auxiliary == "haben/sein":
        return "hat" if phrase.thing else "ist"
    return "hat" if verb.auxiliary == "haben" else "ist"


def participle_rule(verb: Verb) -> str:
    if not has_ge(verb):
        return "participle-no-ge"
    return "participle-irregular" if is_strong(verb) or is_mixed(verb) else "participle-regular"


def participle_explanation(verb: Verb) -> tuple[str, str, str]:
    form, name = verb.participle, shown(verb)
    if not has_ge(verb):
        if verb.participle.endswith("iert"):
            return (
                f"Verben auf -ieren haben im Partizip kein ge-: {form}.",
                f"Verbs in -ieren have no ge- in the participle: {form}.",
                f"Дієслова на -ieren не мають ge- у дієприкметнику: {form}.",
            )
        start = verb.prefix if verb.separable == "no" else "ge"
        if start in BOTH_WAYS:
            # übersetzt, but übergesetzt: the verb decides, not its beginning.
            return (
                f"„{name}“ ist nicht trennbar ({start}- ist unbetont), also ohne ge-: {form}.",
                f'"{name}" is not separable ({start}- is unstressed), so it has no ge-: {form}.',
                f"«{name}» невідокремлюване ({start}- ненаголошене), тому без ge-: {form}.",
            )
        if start == "ge":
            return (
                f"Verben mit der Vorsilbe ge- bekommen im Partizip kein zweites ge-: {form}.",
                f"Verbs with the prefix ge- take no second ge- in the participle: {form}.",
                f"Дієслова з префіксом ge- не отримують другого ge- у дієприкметнику: {form}.",
            )
        return (
            f"Verben mit der Vorsilbe {start}- haben im Partizip kein ge-: {form}.",
            f"Verbs with the prefix {start}- take no ge- in the participle: {form}.",
            f"Дієслова з префіксом {start}- не мають ge- у дієприкметнику: {form}.",
        )
    if is_mixed(verb):
        return (
            f"„{name}“ hat ge- und -t, aber einen anderen Vokal: {form}.",
            f'"{name}" has ge- and -t, but another vowel: {form}.',
            f"«{name}» має ge- і -t, але інший голосний: {form}.",
        )
    if is_strong(verb):
        return (
            f"„{name}“ ist unregelmäßig, das Partizip endet auf -en: {form}.",
            f'"{name}" is irregular, its participle ends in -en: {form}.',
            f"«{name}» неправильне, його дієприкметник має -en: {form}.",
        )
    return (
        f"„{name}“ ist regelmäßig: ge- und -t, also {form}.",
        f'"{name}" is regular: ge- and -t, so {form}.',
        f"«{name}» правильне: ge- і -t, тобто {form}.",
    )


def _is_worth(verb: Verb) -> bool:
    """Return whether the participle is worth a question: the regular ones are up to A2."""
    return verb.level != "B1" or participle_rule(verb) == "participle-irregular" or is_strong(verb)


def _is_common(phrase: Phrase) -> bool:
    """Return whether a verb with haben is asked for it: those of A1, and a part of A2."""
    level = phrase.verb.level
    return level == "A1" or (level == "A2" and number(f"haben {phrase.key}") % 2 == 0)


def _participle(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    who = subject(phrase, f"{FAMILY} {phrase.key}")
    wrong = [*wrong_participles(verb), preterite(verb)]
    wrong += [verb.verb, third(verb)]
    if auxiliary(phrase) == "ist":
        # "Er ist schwimmen" is right.
        wrong = [form for form in wrong if form != verb.verb]
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule=participle_rule(verb),
        frame="participle",
        question=f"{who} {auxiliary(phrase)} {beside(phrase)} ___. ({shown(verb)})",
        right=verb.participle,
        wrong=[form for form in wrong if form != verb.participle],
        explanation=participle_explanation(verb),
        level=verb.level,
        name=f"{phrase.key} participle",
    )


def _auxiliary(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    who = subject(phrase, f"{FAMILY} {phrase.key}")
    right, other = ("hat", "ist") if verb.auxiliary != "sein" else ("ist", "hat")
    if verb.auxiliary == "haben/sein":
        right, other = ("hat", "ist") if auxiliary(phrase) == "hat" else ("ist", "hat")
    return cards.ask(
        family=FAMILY,
        lemma=shown(verb),
        rule="perfect-haben" if right == "hat" else "perfect-sein",
        frame="auxiliary",
        question=f"{who} ___ {beside(phrase)} {verb.participle}. ({shown(verb)})",
        right=right,
        wrong=(other, "haben" if right == "hat" else "sind", "hast" if right == "hat" else "bist"),
        explanation=why(phrase, right),
        level=verb.level,
        name=f"{phrase.key} auxiliary",
    )


def why(phrase: Phrase, right: str) -> tuple[str, str, str]:
    """Return why the perfect has haben or sein."""
    verb = phrase.verb
    example = joined(verb, verb.participle) if verb.separable != "yes" else verb.participle
    if right == "ist":
        if verb.verb in NO_MOVE:
            return (
                f"„{verb.verb}“ gehört zu den Verben mit sein: ist {example}.",
                f'"{verb.verb}" is one of the verbs with sein: ist {example}.',
                f"«{verb.verb}» належить до дієслів із sein: ist {example}.",
            )
        if verb.verb in CHANGE:
            return (
                f"Etwas wird anders (Veränderung), also Perfekt mit sein: ist {example}.",
                f"Something becomes different (change), so the perfect has sein: ist {example}.",
                f"Щось змінюється (зміна стану), тому перфект із sein: ist {example}.",
            )
        return (
            f"Bewegung von einem Ort zum anderen, also Perfekt mit sein: ist {example}.",
            f"Movement from one place to another, so the perfect has sein: ist {example}.",
            f"Рух з одного місця в інше, тому перфект із sein: ist {example}.",
        )
    if verb.reflexive:
        return (
            f"Verben mit sich bilden das Perfekt mit haben: hat sich {example}.",
            f"Verbs with sich have haben in the perfect: hat sich {example}.",
            f"Дієслова з sich мають у перфекті haben: hat sich {example}.",
        )
    if phrase.thing:
        return (
            f"Das Verb hat ein Objekt (wen? was? {phrase.thing}), also Perfekt mit haben.",
            f"The verb has an object (wen? was? {phrase.thing}), so the perfect has haben.",
            f"Дієслово має додаток (wen? was? {phrase.thing}), тому перфект із haben.",
        )
    return (
        f"„{verb.verb}“ bildet das Perfekt wie die meisten Verben mit haben: hat {example}.",
        f'"{verb.verb}" has haben in the perfect, like most verbs: hat {example}.',
        f"«{verb.verb}» має в перфекті haben, як більшість дієслів: hat {example}.",
    )
