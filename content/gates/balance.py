"""What gives the answer away over a whole family, though no single question does."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from content.gates.faults import Fault
from content.questions import Question

# Of four options one is the longest by chance in a quarter of all questions. A family may depart
# from chance as far as its forms make it; beyond that a player learns to count letters.
LONGEST_SHARE_MAX = 0.5
SHORTEST_SHARE_MAX = 0.5
# A share of a few is chance.
FAMILY_MIN = 40
# One word must not be the answer to everything.
ANSWER_SHARE_MAX = 0.6


def shares(questions: Iterable[Question]) -> dict[str, tuple[int, float, float, float]]:
    """Return for each family: how many, and in what share the answer is the one longest option,
    the one shortest, and the commonest of its answers."""
    families: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        families[question.family].append(question)
    result = {}
    for family, members in sorted(families.items()):
        longest = sum(_is_extreme(each, longest=True) for each in members)
        shortest = sum(_is_extreme(each, longest=False) for each in members)
        commonest = Counter(each.answer.casefold() for each in members).most_common(1)[0][1]
        count = len(members)
        result[family] = (count, longest / count, shortest / count, commonest / count)
    return result


def check(questions: Iterable[Question]) -> Iterator[Fault]:
    """Yield each family whose right options can be recognised without reading the question."""
    for family, (count, longest, shortest, commonest) in shares(questions).items():
        if count < FAMILY_MIN:
            continue
        for name, share, most in (
            ("the one longest", longest, LONGEST_SHARE_MAX),
            ("the one shortest", shortest, SHORTEST_SHARE_MAX),
            ("the same word", commonest, ANSWER_SHARE_MAX),
        ):
            if share > most:
                problem = f"the right option is {name} in {share:.0%} of {count}, over {most:.0%}"
                yield Fault(f"{family}-*", "balance", problem)


def _is_extreme(question: Question, *, longest: bool) -> bool:
    lengths = [len(option) for option in question.options]
    first, rest = lengths[0], lengths[1:]
    return bool(rest) and (first > max(rest) if longest else first < min(rest))
