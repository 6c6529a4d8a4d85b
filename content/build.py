"""`python -m content.build [--check [family]]`: make bank and rule cards, or say why not.

Runs every generator over the lexicon and every gate over all questions. With a single fault
nothing is written. With `--check` nothing is written at all: it fails if the bank is not what the
lexicon gives, which is what CI asks. With `--check connectors` only the questions of that family
are looked at, for whoever writes them; the bank is left out of it.
"""

import csv
import hashlib
import io
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from content import rule_cards
from content.gates.balance import shares
from content.gates.faults import DecisionsError, Fault, read_decisions
from content.gates.gate import Result, check
from content.generators import FAMILIES
from content.loading import LexiconError, expect_files, load
from content.questions import Question
from content.schema import LEVELS, Lexicon

BANK = Path(__file__).parent / "bank"
COLUMNS = (
    *("quiz_id", "question", "option_1", "option_2", "option_3", "option_4", "correct_option_id"),
    *("correct_answer", "explanation", "explanation_en", "explanation_uk", "level", "category"),
    *("key", "topic", "rule", "kind", "accepted"),
)
# The mode (quizarena/game/models/question.py) in which a family is played; of a family that is not
# here each question names its own.
CATEGORIES = {
    "article": "ARTIKEL_SPRINT",
    "plural": "QUICK_MIX_A1A2",
    "present": "QUICK_MIX_A1A2",
    "perfect": "QUICK_MIX_A1A2",
    "past": "QUICK_MIX_A1A2",
    "comparison": "QUICK_MIX_A1A2",
    "numbers": "QUICK_MIX_A1A2",
    "vocabulary": "QUICK_MIX_A1A2",
    "separable": "TRENNBARE_VERBEN",
    "case": "CASES_PRACTICE",
    "adjective": "CASES_PRACTICE",
    "preposition": "CASES_PRACTICE",
    "order": "WORD_ORDER",
    "typed": "QUICK_MIX_A1A2",
    "chips": "WORD_ORDER",
    "mistake": "QUICK_MIX_A1A2",
}
# The game draws the topic first, then the question. What a mode has fewer of at a level is drawn
# with all else that is small there: else the same question would come every day.
TOPIC_MIN = 20
KEY_MAX = 100
# So many faults are printed; the rest is counted.
SHOWN_MAX = 200

Row = Mapping[str, str]
Small = frozenset[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a build changes in one family."""

    added: int
    changed: int
    removed: int
    unchanged: int


def generate() -> list[Question]:
    """Return every question that the lexicon gives, in the order of the families.

    Raises `LexiconError`.
    """
    lexicon = load()
    return [question for make in FAMILIES.values() for question in make(lexicon)]


def positions(question: Question) -> tuple[str, ...]:
    """Return the options in the order of the bank, which only the id and the options decide."""

    def weight(option: str) -> bytes:
        return hashlib.sha256(f"{question.quiz_id} {option}".encode()).digest()

    return tuple(sorted(question.options, key=weight))


def category(question: Question) -> str:
    """Return the mode in which the question is played: its own, or its family's."""
    return question.category or CATEGORIES[question.family]


def small_topics(questions: Iterable[Question]) -> Small:
    """Return (mode, level, topic) of which there are too few questions to be drawn on their own."""
    counts = Counter(_topic_of(question) for question in questions)
    return frozenset(each for each, count in counts.items() if count < TOPIC_MIN)


def _topic_of(question: Question) -> tuple[str, str, str]:
    return category(question), question.level, question.topic


def row(question: Question, small: Small = frozenset()) -> dict[str, str]:
    """Return the question as a row of the importer's columns; a topic in `small` is left out."""
    topic = "" if _topic_of(question) in small else question.topic
    options = positions(question)
    filled = [*options, *[""] * (4 - len(options))]
    return dict(
        zip(
            COLUMNS,
            (
                *(question.quiz_id, question.question, *filled),
                *(str(options.index(question.answer)), question.answer),
                *(question.explanation_de, question.explanation_en, question.explanation_uk),
                *(question.level, category(question)),
                f"{question.lemma} / {question.rule} / {question.frame}"[:KEY_MAX],
                *(topic, question.rule, question.kind, "|".join(question.accepted)),
            ),
            strict=True,
        )
    )


def as_text(questions: Iterable[Question], small: Small = frozenset()) -> str:
    """Return the file of one family."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row(question, small) for question in questions)
    return text.getvalue()


def read_bank(path: Path = BANK) -> dict[str, dict[str, Row]]:
    """Return the rows that are there, by family and by id."""
    bank: dict[str, dict[str, Row]] = {}
    for file in sorted(path.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as opened:
            bank[file.stem] = {each["quiz_id"]: each for each in csv.DictReader(opened)}
    return bank


def changes(
    questions: Sequence[Question], bank: Mapping[str, Mapping[str, Row]]
) -> dict[str, Change]:
    """Return what a build would change, by family, families that vanish among them."""
    small = small_topics(questions)
    made: dict[str, dict[str, Row]] = defaultdict(dict)
    for question in questions:
        made[question.family][question.quiz_id] = row(question, small)
    result = {}
    for family in sorted({*made, *bank}):
        old, new = bank.get(family, {}), made.get(family, {})
        both = old.keys() & new.keys()
        changed = sum(old[quiz_id] != new[quiz_id] for quiz_id in both)
        result[family] = Change(
            added=len(new.keys() - old.keys()),
            changed=changed,
            removed=len(old.keys() - new.keys()),
            unchanged=len(both) - changed,
        )
    return result


def write(questions: Sequence[Question], path: Path = BANK) -> None:
    """Write one file for each family, and remove those of families that are no more."""
    path.mkdir(exist_ok=True)
    small = small_topics(questions)
    families: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        families[question.family].append(question)
    for file in path.glob("*.csv"):
        if file.stem not in families:
            file.unlink()
    for family, members in families.items():
        (path / f"{family}.csv").write_text(as_text(members, small), encoding="utf-8")


def build(
    questions: Sequence[Question], lexicon: Lexicon, path: Path = BANK, *, is_dry: bool = False
) -> Result:
    """Run the gates over the questions, and write them to `path` if no gate objects."""
    result = check(questions, lexicon, read_decisions())
    if not result.faults and not is_dry:
        write(questions, path)
    return result


def main(arguments: Sequence[str]) -> int:
    """Build, print what there is and what changes, and return 1 if something is wrong."""
    started = time.perf_counter()
    families = [argument for argument in arguments if not argument.startswith("-")]
    if refusal := _refusal(arguments, families):
        print(refusal)
        return 1
    try:
        expect_files()
        lexicon = load(families=families) if families else load()
        read_decisions()
    except (LexiconError, DecisionsError) as error:
        print(error)
        print("Nothing was written.")
        return 1
    if families:
        return _look_at(families, lexicon)
    questions = [question for make in FAMILIES.values() for question in make(lexicon)]
    generated = time.perf_counter()
    planned = changes(questions, read_bank())
    is_dry = "--check" in arguments
    result = build(questions, lexicon, is_dry=is_dry)
    _print_families(questions, planned, result)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(questions)} questions; lexicon and generators {generated - started:.1f} s, gates "
        f"{time.perf_counter() - generated:.1f} s, at most {peak_mb:.0f} MB"
    )
    if result.faults:
        _print_faults(result.faults)
        print("Nothing was written.")
        return 1
    is_changed = any(each.added or each.changed or each.removed for each in planned.values())
    if not is_dry:
        rule_cards.write(lexicon)
    is_changed = is_changed or not rule_cards.is_fresh(lexicon)
    if is_dry and is_changed:
        print("The bank or the rule cards are not what the lexicon gives; run `make content`.")
    return int(is_dry and is_changed)


def _refusal(arguments: Sequence[str], families: Sequence[str]) -> str:
    """Return what is not understood and what to write instead, or nothing."""
    options = [argument for argument in arguments if argument.startswith("-")]
    if unknown := [option for option in options if option != "--check"]:
        return (
            f"{', '.join(unknown)}: no such option. Leave it out to build the bank, or write "
            "--check to write nothing, with a family behind it to look at that alone. Nothing was "
            "written."
        )
    if unknown := [family for family in families if family not in FAMILIES]:
        return f"{', '.join(unknown)}: no such family; there are {', '.join(FAMILIES)}"
    if families and not options:
        return (
            f"A bank is built whole. To look at {', '.join(families)} alone, write "
            f"--check {' '.join(families)}. Nothing was written."
        )
    return ""


def _look_at(families: Sequence[str], lexicon: Lexicon) -> int:
    """Print what the gates say of these families, and return 1 if one objects."""
    questions = [question for family in families for question in FAMILIES[family](lexicon)]
    for family in set(families) - {question.family for question in questions}:
        print(f"{family}: no questions")
    result = check(questions, lexicon, read_decisions())
    for family, (count, longest, shortest, _) in shares(questions).items():
        counts = Counter(question.level for question in questions if question.family == family)
        levels = ", ".join(f"{level} {counts[level]}" for level in LEVELS)
        print(f"{family}: {count} questions ({levels}); not understood by the solver:", end=" ")
        print(
            f"{result.unsolved[family]}; the right option is the longest in {longest:.0%},", end=""
        )
        print(f" the shortest in {shortest:.0%}")
    if result.faults:
        _print_faults(result.faults)
    return int(bool(result.faults))


def _print_families(
    questions: Sequence[Question], planned: Mapping[str, Change], result: Result
) -> None:
    levels = Counter((question.family, question.level) for question in questions)
    print(f"{'family':12} {'A1':>5} {'A2':>5} {'B1':>5} {'B2':>5} {'all':>6} {'solved':>7}", end="")
    print(f" {'longest':>8} {'added':>6} {'changed':>8} {'removed':>8}")
    balance = shares(questions)
    for family, change in planned.items():
        counts = [levels[family, level] for level in LEVELS]
        longest = balance[family][1] if family in balance else 0
        print(f"{family:12}", *(f"{count:5}" for count in counts), f"{sum(counts):6}", end="")
        print(f" {result.solved[family]:7} {longest:8.0%} {change.added:6}", end="")
        print(f" {change.changed:8} {change.removed:8}")
    if result.unsolved:
        shown = ", ".join(f"{family} {count}" for family, count in result.unsolved.items())
        print(f"The solver does not understand: {shown}.")
    for decision in result.idle:
        print(f"{decision.subject}: no gate {decision.gate} objects any more; remove the decision.")
    print(f"{result.decided} objections were decided by a person (content/decisions.csv).")


def _print_faults(faults: Sequence[Fault]) -> None:
    for fault in faults[:SHOWN_MAX]:
        print(fault)
    by_gate = Counter(fault.gate for fault in faults)
    print(f"{len(faults)} faults:", ", ".join(f"{gate} {count}" for gate, count in by_gate.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
