"""Forms to be typed: participles, past tenses and plurals, each with one right form."""

from collections.abc import Iterator

from content.generators import plural
from content.generators.asking import NAMES, Cards, number, pick
from content.generators.order import is_plain
from content.generators.perfect import (
    auxiliary,
    beside,
    participle_explanation,
    participle_rule,
)
from content.generators.verb_forms import (
    PAST_VARIANTS,
    PRESENT_VARIANTS,
    apart,
    base,
    is_mixed,
    is_strong,
    preterite,
    shown,
)
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon, Noun, Verb

FAMILY = "typed"
# One in so many is asked, chosen without regard to the others.
SHARE_PARTICIPLE, SHARE_PRETERITE, SHARE_PLURAL = 2, 2, 4
# Their second plural is rare: Böte, at sea Gasten and Glasen.
SECOND_PLURAL = frozenset(("Boot", "Gast", "Glas"))
# What nobody says of one day that is over.
NOT_YESTERDAY = frozenset(("wohnen", "leben", "studieren", "heißen", "kennen"))


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    for phrase in phrases(lexicon):
        verb = phrase.verb
        if verb.level == "B2" or verb.verb in PAST_VARIANTS or not is_plain(phrase):
            continue
        key = f"{FAMILY} {phrase.key}"
        is_asked = phrase.is_auxiliary_sure and verb.verb not in NOT_YESTERDAY
        if is_asked and not number(f"{key} participle") % SHARE_PARTICIPLE:
            yield _participle(cards, phrase)
        is_past = (is_strong(verb) or is_mixed(verb)) and verb.verb not in PRESENT_VARIANTS
        if is_past and verb.separable != "yes" and number(f"{key} preterite") % SHARE_PRETERITE:
            yield _preterite(cards, phrase)
    yield from (
        _plural(cards, noun)
        for noun in lexicon.nouns
        if _is_plural_asked(noun) and not number(f"{FAMILY} {noun.noun} plural") % SHARE_PLURAL
    )


def _participle(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    who = pick(f"{FAMILY} {phrase.key}", NAMES)
    asked = f"Gestern {auxiliary(phrase)} {who} {beside(phrase)} ___. ({shown(verb)}, Perfekt)"
    return _ask(
        cards,
        lemma=shown(verb),
        rule=rule_of(verb),
        frame="participle",
        question=asked,
        right=verb.participle,
        explanation=explained(verb),
        level=verb.level,
        name=f"{phrase.key} participle",
        accepted=apart(verb)[:1],
    )


def explained(verb: Verb) -> tuple[str, str, str]:
    """Return why the participle is as it is, also of a separable verb."""
    form = verb.participle
    if verb.separable != "yes":
        return participle_explanation(verb)
    if f"{verb.prefix}ge" in form:
        return (
            f"„ge“ steht zwischen „{verb.prefix}“ und dem Verb: {form}.",
            f'"ge" stands between "{verb.prefix}" and the verb: {form}.',
            f"«ge» стоїть між «{verb.prefix}» і дієсловом: {form}.",
        )
    if form.endswith("iert"):
        return (
            f"Verben auf -ieren haben kein ge-, auch nicht nach „{verb.prefix}“: {form}.",
            f'Verbs in -ieren have no ge-, not after "{verb.prefix}" either: {form}.',
            f"Дієслова на -ieren не мають ge-, навіть після «{verb.prefix}»: {form}.",
        )
    inner, start = base(verb), base(verb)[:2]
    return (
        f"„{inner}“ hat die Vorsilbe {start}-, also kein ge-, auch mit „{verb.prefix}“: {form}.",
        f'"{inner}" has the prefix {start}-, so no ge-, not after "{verb.prefix}" either: {form}.',
        f"«{inner}» має префікс {start}-, тому без ge-, навіть після «{verb.prefix}»: {form}.",
    )


def rule_of(verb: Verb) -> str:
    """Return the rule of the participle, also of a separable verb."""
    return participle_rule(verb) if verb.separable != "yes" else "separable-perfect"


def _preterite(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    who = pick(f"{FAMILY} {phrase.key}", NAMES)
    right = preterite(verb)
    return _ask(
        cards,
        lemma=shown(verb),
        rule="preterite-irregular",
        frame="preterite",
        question=f"Damals ___ {who} {beside(phrase)}. ({shown(verb)}, Präteritum)",
        right=right,
        explanation=(
            f"„{shown(verb)}“ ist unregelmäßig, das Präteritum heißt: {right}.",
            f'"{shown(verb)}" is irregular, its preterite is: {right}.',
            f"«{shown(verb)}» неправильне, його форма минулого часу: {right}.",
        ),
        level=verb.level,
        name=f"{phrase.key} preterite",
    )


def _is_plural_asked(noun: Noun) -> bool:
    return (
        plural.is_asked(noun)
        and noun.noun not in SECOND_PLURAL
        and noun.level in ("A1", "A2")
        and not {"abstract", "feeling"} & set(noun.classes)
    )


def _plural(cards: Cards, noun: Noun) -> Question:
    rule, text = plural.reason(noun)
    one = "Eine" if noun.gender == "f" else "Ein"
    return _ask(
        cards,
        lemma=noun.noun,
        rule=rule,
        frame="plural",
        question=f"{one} {noun.noun}, viele ___ (Plural)",
        right=noun.plurals[0],
        accepted=(f"die {noun.plurals[0]}",),
        explanation=(text.de, text.en, text.uk),
        level=noun.level,
        name=f"{noun.noun} plural",
    )


def _ask(
    cards: Cards,
    *,
    lemma: str,
    rule: str,
    frame: str,
    question: str,
    right: str,
    explanation: tuple[str, str, str],
    level: str,
    name: str,
    accepted: tuple[str, ...] = (),
) -> Question:
    return cards.ask_without_options(
        family=FAMILY,
        kind="typed",
        lemma=lemma,
        rule=rule,
        frame=frame,
        question=question,
        right=right,
        explanation=explanation,
        level=level,
        name=name,
        accepted=accepted,
    )
