"""All gates over all questions: what keeps one out of the bank, and what no gate understood."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from content.gates import (
    balance,
    explanations,
    hand_keys,
    repeats,
    solver,
    spelling,
    texts,
    variants,
)
from content.gates.faults import KEEP, Decision, Fault, open_faults
from content.gates.nouns import Nouns
from content.questions import Question
from content.schema import Lexicon


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the gates say. `faults` stop the build.

    `solved` and `unsolved` count by family what the solver understood, `decided` the objections
    that a person overruled, and `idle` are the decisions to keep something no gate objects to.
    """

    faults: tuple[Fault, ...]
    solved: Counter[str]
    unsolved: Counter[str]
    decided: int
    idle: tuple[Decision, ...]


def check(questions: Sequence[Question], lexicon: Lexicon, decisions: Iterable[Decision]) -> Result:
    """Return what the gates find, without what a person has decided to keep."""
    decisions = tuple(decisions)
    nouns = Nouns(solver.words_of(questions) | {noun.noun for noun in lexicon.nouns}, decisions)
    unsolved: Counter[str] = Counter()
    rules = {rule.id: rule.topic for rule in lexicon.rules}
    topics = frozenset(topic.id for topic in lexicon.topics)
    found = [
        *hand_keys.check(lexicon, nouns),
        *texts.check(questions, rules, topics),
        *variants.check(questions),
        *repeats.check(questions),
        *explanations.check(questions, nouns),
        *balance.check(questions),
        *spelling.check(questions, spelling.known_words(lexicon), nouns),
        *solver.check(questions, nouns, unsolved),
    ]
    faults = open_faults(found, decisions)
    objections = {(fault.quiz_id, fault.gate) for fault in found}
    solved = Counter(question.family for question in questions)
    solved.subtract(unsolved)
    return Result(
        faults=tuple(faults),
        solved=+solved,
        unsolved=unsolved,
        decided=len(set(found)) - len(faults),
        idle=tuple(
            each
            for each in decisions
            if each.decision == KEEP and (each.subject, each.gate) not in objections
        ),
    )
