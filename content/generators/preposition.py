"""Verbs with a preposition: which one, which case, and da- and wo-words."""

from collections.abc import Iterator

from content.generators.asking import Cards, capital, harder, number
from content.generators.preposition_tables import CASES, PEOPLE, THINGS, WRONG
from content.questions import Question
from content.schema import Lexicon, VerbPreposition

FAMILY = "preposition"
# Wrong options of wo- and da-words. "Danach", "darum", "damit", "dafür" and "dazu" are adverbs of
# their own, right in nearly every answer.
ASKED = ("auf", "an", "für", "mit", "über", "von", "zu", "um", "nach")
ANSWERED = ("auf", "an", "über", "von", "unter")
# Prepositions that are right for a verb, though the lexicon has no row for them.
ALSO_RIGHT = {
    "anfangen": ("von",),
    "denken": ("von",),
    "einladen": ("auf",),
    "rechnen": ("auf",),
    "sich freuen": ("an",),
    "sparen": ("an",),
}
VOWELS = "aeiouäöü"
GAP = "___"
CASE_DE = {"acc": "Akkusativ (wen? was?)", "dat": "Dativ (wem?)"}
CASE_EN = {"acc": "the accusative (wen? was?)", "dat": "the dative (wem?)"}
CASE_UK = {"acc": "Akkusativ (wen? was?)", "dat": "Dativ (wem?)"}

Pairs = dict[tuple[str, str], VerbPreposition]


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    pairs: Pairs = {}
    for pair in lexicon.verb_prepositions:
        pairs.setdefault((pair.verb, pair.preposition), pair)
    for table, ask in ((WRONG, _preposition), (CASES, _case), (PEOPLE, _person)):
        for found, rest in _rows(table, pairs):
            yield ask(cards, found, *rest)
    for found, (question, answer, tail, short) in _rows(THINGS, pairs):
        right = {name[1] for name in pairs if name[0] == found.verb}
        right |= set(ALSO_RIGHT.get(found.verb, ()))
        yield _da(cards, found, question, answer, _others("da", found, ANSWERED, right))
        yield _wo(cards, found, tail, short, _others("wo", found, ASKED, right))


def _rows(table: str, pairs: Pairs) -> Iterator[tuple[VerbPreposition, list[str]]]:
    """Yield the rows of `table` whose pair is in the lexicon."""
    for line in table.strip().splitlines():
        verb, preposition, *rest = line.split("|")
        if pair := pairs.get((verb, preposition)):
            yield pair, rest


def compound(start: str, preposition: str) -> str:
    """Return `darauf` for da and auf, `wofür` for wo and für."""
    return f"{start}{'r' if preposition[0] in VOWELS else ''}{preposition}"


def gapped(example: str, words: str) -> tuple[str, str]:
    """Return the example with a gap for the preposition, and the preposition as it stands there.

    Raises `ValueError` if it does not stand there exactly once.
    """
    parts = example.split(" ")
    found = [index for index, part in enumerate(parts) if part.lower() == words]
    if len(found) != 1:
        raise ValueError(f"{words} stands {len(found)} times in: {example}")
    right = parts[found[0]]
    parts[found[0]] = GAP
    return " ".join(parts), right


def _pair(pair: VerbPreposition) -> str:
    return f"{pair.verb} {pair.preposition}"


def _with_case(pair: VerbPreposition) -> tuple[str, str, str]:
    name = _pair(pair)
    return (
        f"Man lernt Verb und Präposition zusammen: {name} + {CASE_DE[pair.case]}.",
        f"Learn verb and preposition together: {name} + {CASE_EN[pair.case]}.",
        f"Дієслово й прийменник вчать разом: {name} + {CASE_UK[pair.case]}.",
    )


def _preposition(cards: Cards, pair: VerbPreposition, words: str, wrong: str) -> Question:
    sentence, right = gapped(pair.example, words)
    options = wrong.split("/")
    if right[0].isupper():
        options = [capital(option) for option in options]
    return cards.ask(
        family=FAMILY,
        lemma=pair.verb,
        rule="freuen-auf-ueber" if pair.verb == "sich freuen" else "verb-prep",
        frame=f"preposition {pair.preposition}",
        question=f"{sentence} ({pair.verb})",
        right=right,
        wrong=options,
        explanation=_with_case(pair),
        level=pair.level,
    )


def _case(cards: Cards, pair: VerbPreposition, sentence: str, articles: str) -> Question:
    right, *wrong = articles.split("/")
    noun = sentence.partition(f"{GAP} ")[2].partition(" ")[0].rstrip(".!")
    name = _pair(pair)
    return cards.ask(
        family=FAMILY,
        lemma=pair.verb,
        rule="verb-prep-case",
        frame=f"case {pair.preposition}",
        question=f"{sentence} (der {noun})",
        right=right,
        wrong=[*wrong, "das"],
        explanation=(
            f"Nach „{name}“ steht der {CASE_DE[pair.case]}: {pair.preposition} {right} {noun}.",
            f'After "{name}" comes {CASE_EN[pair.case]}: {pair.preposition} {right} {noun}.',
            f"Після «{name}» вживають {CASE_UK[pair.case]}: {pair.preposition} {right} {noun}.",
        ),
        level=pair.level,
    )


def _others(
    start: str, pair: VerbPreposition, prepositions: tuple[str, ...], right: set[str]
) -> list[str]:
    """Return words with three of `prepositions` that are not `right` for the verb."""
    rest = [each for each in prepositions if each not in right]
    rest.sort(key=lambda each: number(f"{start} {_pair(pair)} {each}"))
    return [compound(start, each) for each in rest[:3]]


def _da(
    cards: Cards, pair: VerbPreposition, question: str, answer: str, others: list[str]
) -> Question:
    name, right = _pair(pair), compound("da", pair.preposition)
    return cards.ask(
        family=FAMILY,
        lemma=pair.verb,
        rule="da-words",
        frame=f"da {pair.preposition}",
        question=f"– {question} – {answer}",
        right=right,
        wrong=others,
        explanation=(
            f"{name}: Bei Sachen sagt man „da(r)“ + Präposition, also {right}.",
            f'{name}: for things say "da(r)" + preposition, so {right}.',
            f"{name}: про речі кажуть «da(r)» + прийменник, тобто {right}.",
        ),
        level=pair.level,
    )


def _wo(cards: Cards, pair: VerbPreposition, tail: str, short: str, others: list[str]) -> Question:
    name, right = _pair(pair), compound("wo", pair.preposition)
    return cards.ask(
        family=FAMILY,
        lemma=pair.verb,
        rule="wo-words",
        frame=f"wo {pair.preposition}",
        question=f"– {GAP} {tail}? – {short}.",
        right=capital(right),
        wrong=[capital(other) for other in others],
        explanation=(
            f"{name}: Nach Sachen fragt man mit „wo(r)“ + Präposition, also {right}.",
            f'{name}: ask about things with "wo(r)" + preposition, so {right}.',
            f"{name}: про речі запитують за допомогою «wo(r)» і прийменника, тобто {right}.",
        ),
        level=pair.level,
    )


def _person(
    cards: Cards, pair: VerbPreposition, tail: str, short: str, question_word: str
) -> Question:
    others = _others("wo", pair, ASKED, {pair.preposition})
    wrong = [compound("wo", pair.preposition), *others]
    return cards.ask(
        family=FAMILY,
        lemma=pair.verb,
        rule="wo-words",
        frame=f"person {pair.preposition}",
        question=f"Frage nach der Person: – {GAP} {tail}? – {short}.",
        right=question_word,
        wrong=[capital(word) for word in wrong],
        explanation=(
            f"Nach Personen fragt man mit Präposition und wen oder wem: {question_word}?",
            f"Ask about people with the preposition and wen or wem: {question_word}?",
            f"Про людей запитують за допомогою прийменника та wen або wem: {question_word}?",
        ),
        level=harder(pair.level, "A2"),
    )
