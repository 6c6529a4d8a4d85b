"""The lexicon against what others know: genders, plurals and forms that were written by hand.

A word that german-nouns or the tables of the gates give differently is a fault, until a person has
decided in decisions.csv.
"""

from collections.abc import Iterator

from content.gates import verbs
from content.gates.comparison import comparatives, superlatives
from content.gates.faults import Fault
from content.gates.nouns import Nouns
from content.gates.verb_table import GOVERNED
from content.schema import Adjective, Lexicon, Noun, Verb

_PAIRS = {tuple(line.split()) for line in GOVERNED.strip().splitlines()}


def check(lexicon: Lexicon, nouns: Nouns) -> Iterator[Fault]:
    """Yield each word of the lexicon whose key is not among those that are known."""
    for noun in lexicon.nouns:
        yield from (Fault(noun.noun, "hand key", problem) for problem in _noun(noun, nouns))
    for verb in lexicon.verbs:
        yield from (Fault(verb.verb, "hand key", problem) for problem in _verb(verb))
    for adjective in lexicon.adjectives:
        problems = _adjective(adjective)
        yield from (Fault(adjective.adjective, "hand key", problem) for problem in problems)
    for pair in lexicon.verb_prepositions:
        if (pair.verb.removeprefix("sich "), pair.preposition, pair.case) not in _PAIRS:
            problem = f"{pair.verb} {pair.preposition} + {pair.case} is not in verb_table.py"
            yield Fault(pair.verb, "hand key", problem)


def _noun(noun: Noun, nouns: Nouns) -> Iterator[str]:
    if noun.noun not in nouns.lemmas:
        yield "german-nouns does not have it; add it to nouns.py by hand"
        return
    genders, plurals = nouns.genders(noun.noun), nouns.plurals(noun.noun)
    if noun.gender == "pl":
        if noun.noun not in plurals:
            yield "german-nouns does not have it as a plural"
    elif noun.gender not in genders:
        yield f"gender {noun.gender}, german-nouns has {'/'.join(sorted(genders)) or 'none'}"
    for plural in noun.plurals:
        if plural not in plurals:
            yield f"plural {plural}, german-nouns has {'/'.join(sorted(plurals)) or 'none'}"


def _verb(verb: Verb) -> Iterator[str]:
    taken = verbs.parts(verb.verb)
    if taken.is_separable != (verb.separable == "yes"):
        yield f"separable {verb.separable or 'no'}, the gates have the opposite"
    known = {
        "present": (verb.present_3sg, verbs.present(verb.verb)[2]),
        "preterite": (verb.preterite_3sg, verbs.preterite(verb.verb)[2]),
    }
    for name, (forms, accepted) in known.items():
        for form in forms.split("/"):
            if form.split()[0] not in accepted:
                yield f"{name} {form}, the gates have {'/'.join(sorted(accepted))}"
    participles = verbs.participles(verb.verb)
    for form in verb.participle.split("/"):
        if form not in participles:
            yield f"participle {form}, the gates have {'/'.join(sorted(participles))}"
    auxiliaries = verbs.auxiliaries(verb.verb)
    if not set(verb.auxiliary.split("/")) <= auxiliaries:
        yield f"auxiliary {verb.auxiliary}, the gates have {'/'.join(sorted(auxiliaries))}"


def _adjective(adjective: Adjective) -> Iterator[str]:
    if not adjective.comparative:
        return
    known = {
        "comparative": (adjective.comparative, comparatives(adjective.adjective)),
        "superlative": (adjective.superlative, superlatives(adjective.adjective)),
    }
    for name, (forms, accepted) in known.items():
        for form in forms.split("/"):
            if form not in accepted:
                yield f"{name} {form}, the gates have {'/'.join(sorted(accepted))}"
