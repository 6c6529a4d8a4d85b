"""One mistake in a sentence in the perfect: its participle, its haben or sein, or an article.

The subject is "er": so a wrong article cannot be read as that of another subject.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from content.generators.asking import Cards, number
from content.generators.order import is_plain
from content.generators.past import nominative
from content.generators.perfect import auxiliary, why
from content.generators.typed import NOT_YESTERDAY, explained, rule_of
from content.generators.verb_forms import PAST_VARIANTS, wrong_participles
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon

FAMILY = "mistake"
WHO = "er"
# One in so many is asked, chosen without regard to the others.
SHARE_PARTICIPLE, SHARE_AUXILIARY, SHARE_ARTICLE = 4, 3, 3
_OBJECT = re.compile(r"(den|die|das|einen|eine|ein) [A-ZÄÖÜ][\w-]+")
# Who or what can act: "hat ihn der Wagen gezogen" is right.
ACTING = frozenset({"person", "relative", "professional", "animal", "vehicle", "device"})
ACTING_NOUNS = frozenset({"Satz", "Text", "Wagen"})
# How what is no object begins.
BEFORE_NOUNS = frozenset(
    (
        *("in", "ins", "im", "an", "am", "auf", "aus", "bei", "beim", "mit", "nach", "zu", "zum"),
        *("zur", "von", "vom", "vor", "durch", "für", "gegen", "über", "um", "bis", "hinter"),
    )
)
# Said with both, or with an object of its own: den Ball getreten.
BOTH_AUXILIARIES = frozenset(("einziehen", "joggen", "schwimmen", "treten"))
# Of each article in the accusative one that is wrong there, whatever follows.
WRONG_ARTICLES = {
    "den": "der",
    "die": "den",
    "das": "den",
    "einen": "ein",
    "eine": "einen",
    "ein": "einen",
}
# Of who acts: with "der Lehrer" as the subject the mistake could be "er" instead of "ihn".
WRONG_OF_ACTING = {"den": "dem", "einen": "einem"}


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    acting = ACTING_NOUNS | {noun.noun for noun in lexicon.nouns if ACTING & set(noun.classes)}
    for phrase in phrases(lexicon):
        verb = phrase.verb
        if (
            verb.level == "B2"
            or verb.verb in NOT_YESTERDAY
            or verb.verb in PAST_VARIANTS
            or verb.auxiliary not in ("haben", "sein")
            or not phrase.is_auxiliary_sure
            or not is_plain(phrase)
            or not _is_one_part(phrase)
        ):
            continue
        key = f"{FAMILY} {phrase.key}"
        if not number(f"{key} participle") % SHARE_PARTICIPLE and verb.separable != "yes":
            yield _participle(cards, phrase)
        share = 1 if verb.auxiliary == "sein" else 3 * SHARE_AUXILIARY
        if verb.verb not in BOTH_AUXILIARIES and not number(f"{key} auxiliary") % share:
            yield _auxiliary(cards, phrase)
        has_object = phrase.has_passive and not phrase.is_plural_thing and not phrase.rest
        if (
            has_object
            and _OBJECT.fullmatch(phrase.thing)
            and phrase.thing != "ein Loch"  # "Einen Loch" could be of "der Loch", too.
            and not number(f"{key} article") % SHARE_ARTICLE
        ):
            yield _article(cards, phrase, acting)


def _is_one_part(phrase: Phrase) -> bool:
    """Return whether the words beside the verb are one object, or none and a place or the like."""
    first = phrase.words.split()[0]
    return bool(_OBJECT.fullmatch(phrase.words)) or first in BEFORE_NOUNS


def _participle(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    wrong = next(form for form in wrong_participles(verb) if form != verb.participle)
    return _ask(
        cards,
        phrase,
        frame="participle",
        rule=rule_of(verb),
        parts=("Gestern", f"{auxiliary(phrase)} {WHO}", phrase.words, wrong),
        faulty=3,
        explanation=explained(verb),
    )


def _auxiliary(cards: Cards, phrase: Phrase) -> Question:
    verb = phrase.verb
    right = auxiliary(phrase)
    wrong = "ist" if right == "hat" else "hat"
    return _ask(
        cards,
        phrase,
        frame="auxiliary",
        rule="perfect-haben" if right == "hat" else "perfect-sein",
        parts=("Gestern", f"{wrong} {WHO}", phrase.words, verb.participle),
        faulty=1,
        explanation=why(phrase, right)
        if right == "ist"
        else (
            f"„{verb.verb}“ bildet das Perfekt mit {verb.auxiliary}: {right} {verb.participle}.",
            f'"{verb.verb}" has {verb.auxiliary} in the perfect: {right} {verb.participle}.',
            f"«{verb.verb}» має в перфекті {verb.auxiliary}: {right} {verb.participle}.",
        ),
    )


def _article(cards: Cards, phrase: Phrase, acting: frozenset[str]) -> Question:
    article, noun = phrase.thing.split()
    wrong = WRONG_ARTICLES[article]
    if nominative(phrase.thing).split()[1] in acting:
        wrong = WRONG_OF_ACTING.get(article, wrong)
    return _ask(
        cards,
        phrase,
        frame="article",
        rule="accusative-article",
        parts=(
            "Gestern",
            f"hat {WHO}",
            f"{wrong} {noun}",
            phrase.verb.participle,
        ),
        faulty=2,
        explanation=_why_article(phrase.thing, is_neuter=article in ("das", "ein")),
    )


def _why_article(thing: str, *, is_neuter: bool) -> tuple[str, str, str]:
    """Return what is wrong: of a masculine noun the case, of any other the gender."""
    article, noun = thing.split()
    if article in ("den", "einen"):
        base, noun = nominative(thing).split()
        german = f"„{noun}“ ist maskulin, im Akkusativ (wen? was?) wird „{base}“ zu „{article}“"
        english = f"“{noun}” is masculine, in the accusative (wen? was?) “{base}” becomes"
        ukrainian = f"«{noun}» – чоловічого роду, у знахідному відмінку (wen? was?)"
        return (
            f"{german}: {thing}.",
            f"{english} “{article}”: {thing}.",
            f"{ukrainian} «{base}» змінюється на «{article}»: {thing}.",
        )
    german, english, ukrainian = (
        ("neutral", "neuter", "середнього роду")
        if is_neuter
        else ("feminin", "feminine", "жіночого роду")
    )
    accusative = "знахідний відмінок (wen? was?)"
    return (
        f"„{noun}“ ist {german}, also ist der Akkusativ (wen? was?) wie der Nominativ: {thing}.",
        f"“{noun}” is {english}, so the accusative (wen? was?) is like the nominative: {thing}.",
        f"«{noun}» – {ukrainian}, тому {accusative} такий самий, як називний: {thing}.",
    )


def _ask(
    cards: Cards,
    phrase: Phrase,
    *,
    frame: str,
    rule: str,
    parts: tuple[str, ...],
    faulty: int,
    explanation: tuple[str, str, str],
) -> Question:
    verb = phrase.verb.verb
    made = cards.ask(
        family=FAMILY,
        lemma=verb,
        rule=rule,
        frame=frame,
        question=f"Welcher Teil ist falsch? „{' '.join(parts)}.“ ({verb})",
        right=parts[faulty],
        wrong=[part for part in parts if part != parts[faulty]],
        explanation=explanation,
        level=phrase.verb.level,
        name=f"{phrase.key} {frame}",
    )
    return replace(made, kind="mistake")
