"""Words of questions and right options that nobody knows.

Known is what the lexicon has, what german-nouns has as a form, what verbs.py can form, and a list
of small words that was read one by one (words.txt). A wrong option may be misspelt on purpose.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from content.gates import verbs
from content.gates.clauses import PRONOUNS, imperatives, known_verbs
from content.gates.comparison import comparatives, superlatives
from content.gates.conjugation import GIVEN_NAMES
from content.gates.faults import Fault
from content.gates.nouns import Nouns
from content.gates.number_words import cardinal, ordinal, year
from content.gates.phrases import CONTRACTED, PREPOSITIONS, determiner
from content.gates.verb_table import SEPARABLE
from content.questions import Question
from content.schema import Lexicon

WORDS = Path(__file__).parent / "words.txt"
_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]+(?:-[A-Za-zÀ-ÖØ-öø-ÿ]+)*")
_ENDINGS = ("", "e", "er", "es", "en", "em")


def known_words(lexicon: Lexicon) -> frozenset[str]:
    """Return every word of the lexicon in every form, and the list of small words."""
    words = set(WORDS.read_text(encoding="utf-8").split()) | GIVEN_NAMES
    words |= {*PREPOSITIONS, *CONTRACTED, *PRONOUNS, *SEPARABLE}
    words |= {
        start + ("r" if preposition[0] in "aeiouäöü" else "") + preposition
        for start in ("da", "wo")
        for preposition in PREPOSITIONS
    }
    for noun in lexicon.nouns:
        words |= {noun.noun, *noun.plurals}
    for adjective in lexicon.adjectives:
        bare = adjective.adjective
        highest = {form.removeprefix("am ").removesuffix("en") for form in superlatives(bare)}
        words |= {adjective.comparative, *adjective.superlative.split()}
        stems = {bare, bare.removesuffix("e"), *comparatives(bare), *highest}
        if bare.endswith(("el", "er")):
            stems.add(bare[:-2] + bare[-1])
        words |= {stem + ending for stem in stems for ending in _ENDINGS}
    words |= {"hohe", "hoher", "hohes", "hohen", "hohem"}
    words |= {cardinal(number) for number in (*range(1_000), *range(1_000, 100_000, 50))}
    words |= {year(number) for number in range(1_100, 2_100)}
    words |= {ordinal(number) + ending for number in range(1, 32) for ending in ("e", "en")}
    for verb in {each.verb for each in lexicon.verbs} | known_verbs():
        if verb.endswith("n"):
            words |= _forms(verb)
    return frozenset(words)


def check(questions: Iterable[Question], words: frozenset[str], nouns: Nouns) -> Iterator[Fault]:
    """Yield each question with a word in its stem or right option that is not known."""
    for question in questions:
        if "___" in question.question:
            text = question.question.replace("___", question.answer.removeprefix("-"))
        else:
            text = " ".join((question.question, question.answer, *question.accepted))
        if question.kind == "mistake":
            # The right option is the part that is wrong.
            text = question.question.replace(question.answer, "")
        if question.family == "vocabulary":
            # What is asked for stands behind the question, in other languages.
            text = f"{question.question.partition('?')[0]} {question.answer}"
        unknown = [
            word for word in dict.fromkeys(_WORD.findall(text)) if not is_known(word, words, nouns)
        ]
        if unknown:
            yield Fault(question.quiz_id, "spelling", f"unknown: {', '.join(unknown)}")


def is_known(word: str, words: frozenset[str], nouns: Nouns) -> bool:
    lowered = word[:1].lower() + word[1:]
    if word in words or determiner(word) or (word[:1].isupper() and nouns.readings(word)):
        return True
    # The first word of a sentence, and an ending behind a gap.
    return lowered in words and word[:1].isupper()


def _forms(verb: str) -> set[str]:
    tables = (verbs.present(verb), verbs.preterite(verb), verbs.subjunctive(verb))
    finite = frozenset(form for table in tables for forms in table for form in forms)
    finite |= imperatives(verb)
    result = {verb, *finite, *verbs.participles(verb), *verbs.at_the_end(verb, finite)}
    result |= set(verbs.zu_infinitive(verb).split())
    return result
