"""A solver that has not seen the answers: which options are right in the sentence?

It shares neither code nor data with the generators and the lexicon. It knows nouns from
german-nouns, verbs from verb_table.py, endings from phrases.py, and reads each question as a
player does. A question passes if exactly one option is right, and it is the one that is filed so.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from content.gates import (
    comparison,
    conjugation,
    number_words,
    pairs,
    sentence_orders,
    verbs,
    word_order,
)
from content.gates.clauses import allowed, fill, find_phrase, is_possible, tokens, verbs_of
from content.gates.faults import Fault
from content.gates.nouns import Nouns
from content.gates.phrases import PREPOSITIONS, determiner, phrase
from content.gates.verb_table import PREDICATIVE
from content.questions import Question

Right = frozenset[str] | None

# What words and sentences mean the solver cannot know: of these families it counts every question
# as not understood.
BY_MEANING = frozenset({"vocabulary", "connectors", "upper", "phrases"})

_QUOTED = re.compile(r"[„“\"«»](.+?)[“”\"«»]")
_AUXILIARIES = {"hat": "haben", "ist": "sein"}
# Adjectives that say as well how somebody buys, has or offers something.
ADVERBS = frozenset("billig günstig teuer frisch gut lecker neu elegant preiswert schön".split())
# Who can do what is done to somebody or something: "hat er der Lehrer gefragt" may be "hat ihn der
# Lehrer gefragt", and "hat er der Wagen gezogen" likewise.
_ACTING = frozenset(
    "Arzt Autor Bruder Chef Freund Gast Gegner Großvater Junge Kollege Kunde Lehrer Mann Nachbar "
    "Onkel Opa Patient Polizist Schüler Sohn Student Vater Hund Löwe Vogel Bus Lastwagen Wagen Zug "
    "Computer Drucker Fernseher Roboter Wecker Satz Text".split()
)
_ARTICLES = {"m": "der", "f": "die", "n": "das"}


def right_options(question: Question, nouns: Nouns) -> Right:
    """Return the options that are right, or None where the solver does not understand."""
    if question.family in BY_MEANING:
        return None
    return SOLVERS[question.family](question.question, question.options, nouns)


def check(questions: Iterable[Question], nouns: Nouns, unsolved: Counter[str]) -> Iterator[Fault]:
    """Yield each question of which not exactly the filed option is right.

    `unsolved` counts by family those that the solver does not understand.
    """
    for question in questions:
        if question.family == "vocabulary":
            # What a word means the solver cannot know; its article it can.
            for option in wrong_articles(question, nouns):
                yield Fault(question.quiz_id, "solver", f"{option!r} has a wrong article")
        if question.kind == "order":
            yield from _orders(question, nouns, unsolved)
            continue
        right = right_options(question, nouns)
        if right is not None and question.kind == "typed":
            # What is typed is compared with all that is right, not with what is offered.
            right -= set(question.accepted)
        if right is None:
            unsolved[question.family] += 1
        elif right != {question.answer}:
            shown = ", ".join(sorted(right)) or "none"
            yield Fault(
                question.quiz_id,
                "solver",
                f"filed {question.answer!r}, right are: {shown} in {question.question!r}",
            )


def _orders(question: Question, nouns: Nouns, unsolved: Counter[str]) -> Iterator[Fault]:
    """Yield each order that is filed and wrong, or right and not filed."""
    right = sentence_orders.right_orders(question.answer, nouns)
    if right is None:
        unsolved[question.family] += 1
        return
    for problem in sentence_orders.unequal((question.answer, *question.accepted), right):
        yield Fault(question.quiz_id, "solver", problem)


def _typed(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    """Return every answer that is right, whatever is filed."""
    if not question.endswith("(Plural)"):
        forms = conjugation.right_forms(question, nouns)
        if forms and conjugation.asked_form(question) == "Perfekt":
            # "Er ist schwimmen" is right, but no perfect.
            verb = conjugation.named_verb(question) or ""
            return forms - ({verb} - verbs.participles(verb))
        return forms
    lemma = _named_noun(question.partition(",")[0] + ",", nouns)
    if lemma is None:
        return None
    plurals = nouns.plurals(lemma)
    return plurals | {f"die {form}" for form in plurals}


def _mistake(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    """Return the parts of a sentence in the perfect that are wrong, by its verb in brackets."""
    verb, quoted = conjugation.named_verb(question), _QUOTED.search(question)
    if verb is None or quoted is None:
        return None
    sentence = quoted[1].rstrip(".")
    return frozenset(option for option in options if _is_wrong_part(option, sentence, verb, nouns))


def _is_wrong_part(option: str, sentence: str, verb: str, nouns: Nouns) -> bool:
    words = tokens(option)
    if sentence.endswith(f" {option}"):
        return option not in verbs.participles(verb)
    if words[0] in _AUXILIARIES:
        is_wrong = _AUXILIARIES[words[0]] not in verbs.auxiliaries(verb)
        return is_wrong or _has_another_subject(sentence)
    if determiner(words[0]):
        return not {"acc"} & {case for case, _ in phrase(words, nouns)}
    return False


def _has_another_subject(sentence: str) -> bool:
    """Say if "er" may be the mistake: Gestern hat er der Lehrer gefragt, instead of ihn."""
    return any(
        article in ("der", "ein") and noun in _ACTING
        for article, noun in pairwise(tokens(sentence))
    )


def words_of(questions: Iterable[Question]) -> frozenset[str]:
    """Return every word of questions and options, for the nouns to be looked up."""
    return frozenset(
        word
        for question in questions
        for text in (question.question, *question.options, *question.accepted)
        for word in tokens(text)
    )


def _noun_phrase(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    if "___" not in question:
        return _article_of(question, options, nouns)
    # A noun in brackets says what is meant and is no part of the sentence.
    named = re.findall(r"\(([^)]*)\)", question)
    text = re.sub(r"\s*\([^)]*\)", "", question)
    is_plural = any("Plural" in each for each in named)
    found = {
        option: is_possible(*fill(text, option), nouns, is_plural=is_plural) for option in options
    }
    if all(each is None for each in found.values()):
        return None
    # What is no form of any noun is not right.
    return frozenset(
        option for option in options if found[option] and _is_named(option, named, nouns)
    )


def _adjective(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    named = re.findall(r"\(([a-zäöüß]+)\)", question)
    clause = conjugation.clause_of(question)
    if named and clause and clause.is_last and verbs_of(clause.before) & PREDICATIVE:
        # After "ist" it has no ending.
        return frozenset(option for option in options if option == named[-1])
    right = _noun_phrase(question, options, nouns)
    if right is None or not named or clause is None or named[-1] not in ADVERBS:
        return right
    before = clause.before[-1].lower() if clause.before else ""
    if before in (*PREPOSITIONS, "viele", "zwei") or determiner(before):
        return right
    # Without an article it may belong to the verb: sie kauft billig Butter, immer billiger Butter.
    how = {named[-1], *comparison.comparatives(named[-1])}
    return right | {option for option in options if option in how}


def _is_named(option: str, named: list[str], nouns: Nouns) -> bool:
    """Say if the noun of the option is a form of the one in brackets, if there is one."""
    lemmas = {word for text in named for word in tokens(text) if word in nouns.lemmas}
    forms = [word for word in tokens(option) if word[:1].isupper() and nouns.readings(word)]
    return (
        not lemmas
        or not forms
        or any(reading.lemma in lemmas for form in forms for reading in nouns.readings(form))
    )


def _article_of(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    quoted = _QUOTED.search(question)
    if quoted is None or quoted[1] not in nouns.lemmas:
        return None
    noun = quoted[1]
    genders = nouns.genders(noun)
    articles = {_ARTICLES[gender] for gender in genders} if genders else {"die"}
    if not {option.lower() for option in options} <= set(_ARTICLES.values()):
        return None
    # Lehrer is singular and plural: only the singular is asked for, if the question says so.
    if noun in nouns.plurals(noun) and genders and "Singular" not in question:
        articles.add("die")
    return frozenset(option for option in options if option.lower() in articles)


def _plural(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    """Return the options that are a plural of the noun that the question names."""
    lemma = _named_noun(question, nouns)
    if lemma is None or "___" not in question:
        return None
    if re.search(r"\b(zwei|die) ___$", question.strip()):
        return frozenset(option for option in options if option in nouns.plurals(lemma))
    text = re.sub(r"\s*\([^)]*\)", "", question)
    right = set()
    for option in options:
        words, start, end = fill(text, option)
        gap = find_phrase(words, start, end, nouns)
        if gap is None:
            # No form of any noun.
            continue
        cases = allowed(words, gap, nouns)
        own = {
            reading.case
            for reading in nouns.readings(words[gap.end - 1])
            if reading.lemma == lemma and reading.number == "pl"
        }
        if own & cases & {case for case, place in gap.readings if place == "pl"}:
            right.add(option)
    return frozenset(right)


def _named_noun(question: str, nouns: Nouns) -> str | None:
    """Return the noun in brackets, or the one before the comma: `ein Tisch, zwei ___`."""
    bracket = re.findall(r"\(([^)]*)\)", question)
    place = bracket[-1] if bracket else question.rpartition(",")[0]
    known = [word for word in tokens(place) if word in nouns.lemmas and word[:1].isupper()]
    return known[-1] if known else None


def _conjugated(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    forms = conjugation.right_forms(question, nouns)
    return None if forms is None else frozenset(option for option in options if option in forms)


def _preposition(question: str, options: tuple[str, ...], nouns: Nouns) -> Right:
    if all(determiner(option.split()[0]) for option in options):
        return _noun_phrase(question, options, nouns)
    return pairs.right_options(question, options, nouns)


def wrong_articles(question: Question, nouns: Nouns) -> Iterator[str]:
    """Yield each option of a vocabulary question whose article is not its noun's."""
    for option in question.options:
        article, _, noun = option.partition(" ")
        if article not in _ARTICLES.values() or " " in noun or noun not in nouns.lemmas:
            continue
        right = {_ARTICLES[gender] for gender in nouns.genders(noun)} or {"die"}
        if article not in right:
            yield option


SOLVERS: dict[str, Callable[[str, tuple[str, ...], Nouns], Right]] = {
    "article": _noun_phrase,
    "plural": _plural,
    "case": _noun_phrase,
    "adjective": _adjective,
    "comparison": comparison.right_options,
    "present": _conjugated,
    "perfect": _conjugated,
    "separable": _conjugated,
    "past": _conjugated,
    "preposition": _preposition,
    "numbers": number_words.right_options,
    "order": word_order.right_options,
    "typed": _typed,
    "mistake": _mistake,
}
