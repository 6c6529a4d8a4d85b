"""All orders of a sentence's words that are right, found by trying every one.

Reads the words of a sentence that others have filed, not how they came there: an article stays
with its noun, everything else may stand anywhere, and what is no sentence is left out.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations

from content.gates import verbs
from content.gates.clauses import tokens
from content.gates.nouns import Nouns
from content.gates.phrases import SUBJECTS, determiner
from content.gates.verb_table import SEPARABLE

_HELPERS = frozenset(
    "hat habe haben ist bin sind will wollen muss müssen kann können soll sollen darf".split()
)
_TIMES = frozenset("heute morgen jetzt gestern bald".split())
_QUESTION_WORDS = frozenset("wann wo warum wie wer was".split())
_SUBORDINATING = frozenset("dass weil ob wenn obwohl".split())
# Verbs that stand without an object beside a clause, with their subjects; any other belongs to
# "er" and has one.
_BARE = {
    "weiß": "ich",
    "glaube": "ich",
    "hoffen": "wir",
    "warten": "wir",
    "gehen": "wir",
    "wissen": "wir",
    "fragst": "du",
}
# A reason stands beside any clause; what is known or asked only beside these.
_REASONS = frozenset({"weil", "obwohl", "wenn"})
# With these in front "wir" makes a proposal: Hoffen wir, dass er kommt. Nobody proposes to know.
_PROPOSED = frozenset({"hoffen", "warten", "gehen"})
# What one can do at a place, without an object: wo du fragst, wo wir warten.
_AT_A_PLACE = frozenset({"fragst", "warten", "gehen"})
_OF_CLAUSES = frozenset(("weiß", "glaube", "hoffen", "wissen", "fragst"))
# "Warten" has an object, too, in the sense of a service.
_SERVICED = frozenset("Auto Bus Fahrrad Motorrad Zug Maschine Computer Gerät Heizung".split())
# More parts than that are too many to try.
PARTS_MAX = 7


def right_orders(sentence: str, nouns: Nouns) -> frozenset[str] | None:
    """Return the sentences that these words make, or None where they are not understood."""
    end = sentence[-1]
    parts = _parts([word for word in tokens(sentence) if word not in ".,?!"], nouns)
    if end not in ".?" or len(parts) > PARTS_MAX:
        return None
    kinds = {part: _kind(part) for part in parts}
    if len(set(parts)) < len(parts) or sum(kind == "verb" for kind in kinds.values()) > 2:
        return None
    clauses = _two_clauses if "link" in kinds.values() or _is_indirect(kinds, end) else _main
    return frozenset(
        _written(order, end)
        for order in permutations(parts)
        if clauses(order, [kinds[part] for part in order], end)
    )


def comparable(sentence: str) -> str:
    """Return the words of a sentence and its end, without its commas and capitals."""
    return _written([word.lower() for word in tokens(sentence) if word not in ".,?!"], sentence[-1])


def _written(parts: Sequence[str], end: str) -> str:
    return " ".join(parts).lower() + end


def _parts(words: Sequence[str], nouns: Nouns) -> list[str]:
    """Return the words, an article with what belongs to it as one part."""
    parts: list[str] = []
    open_article: list[str] = []
    for place, word in enumerate(words):
        lowered = word if place else word[:1].lower() + word[1:]
        if open_article:
            open_article.append(word)
            if word[:1].isupper() and nouns.readings(word):
                parts.append(" ".join(open_article))
                open_article = []
        elif determiner(lowered):
            open_article = [lowered]
        else:
            parts.append(lowered)
    return [*parts, *open_article]


def _kind(part: str) -> str:
    lowered = part.lower()
    if " " in part:
        return "thing"
    for kind, words in (
        ("who", SUBJECTS),
        ("helper", _HELPERS),
        ("time", _TIMES),
        ("asking", _QUESTION_WORDS),
        ("link", _SUBORDINATING),
        ("prefix", (*SEPARABLE, "um")),
    ):
        if lowered in words:
            return kind
    return "verb"


def _is_indirect(kinds: dict[str, str], end: str) -> bool:
    return end == "." and "asking" in kinds.values()


def _main(order: Sequence[str], kinds: Sequence[str], end: str) -> bool:
    """Say if the parts are a main clause, or a question with a question word."""
    finite = kinds.index("helper") if "helper" in kinds else kinds.index("verb")
    last = [place for place, kind in enumerate(kinds) if kind in ("verb", "prefix")]
    last = [place for place in last if place != finite]
    if end == "?":
        starts = [*kinds[:3]] == ["asking", kinds[finite], "who"] and finite == 1
        return starts and all(place == len(kinds) - 1 for place in last)
    who = kinds.index("who")
    if finite == 2:
        # The object and the end of the verb together: Den Film sehen will er.
        return [*kinds] == ["thing", "verb", kinds[2], "who"]
    if finite != 1 or who not in (0, 2):
        return False
    if kinds[0] == "verb":
        # The end of the verb alone in front: Sehen will er den Film.
        return "time" not in kinds and [*kinds[2:]] == ["who", "thing"]
    if kinds[0] == "prefix":
        return False
    return all(place == len(kinds) - 1 for place in last)


def _two_clauses(order: Sequence[str], kinds: Sequence[str], end: str) -> bool:
    """Say if the parts are a main clause and a subordinate one, in either order.

    Either verb may be that of the main clause, if the other clause can be beside it: "Er holt das
    Brot, weil wir warten" has the same words as "Wir warten, weil er das Brot holt".
    """
    link = next(place for place, kind in enumerate(kinds) if kind in ("link", "asking"))
    if end != ".":
        return False
    if link:
        return _are_clauses(order[:link], order[link:], is_first=True)
    return any(
        _are_clauses(order[cut:], order[:cut], is_first=False) for cut in range(3, len(order) - 1)
    )


def _are_clauses(main: Sequence[str], clause: Sequence[str], *, is_first: bool) -> bool:
    """Say if `main` is right before the clause, or behind it."""
    word, *inner = clause
    kinds = [_kind(part) for part in main]
    if kinds.count("verb") != 1 or [_kind(part) for part in inner[-1:]] != ["verb"]:
        return False
    verb = main[kinds.index("verb")]
    orders = [["verb", "who"], ["verb", "who", "thing"]]
    if is_first:
        proposals = orders if verb in _PROPOSED else []
        orders = [["who", "verb"], ["who", "verb", "thing"], ["thing", "verb", "who"], *proposals]
    return (
        kinds in orders
        and not _is_joined(verb)
        and (word in _REASONS or verb in _OF_CLAUSES or _is_place(word, inner[-1]))
        and [_kind(part) for part in inner[:-1]] in (["who"], ["who", "thing"])
        and _has_its_own(verb, [part for part in main if part != verb])
        and _has_its_own(inner[-1], inner[:-1])
    )


def _is_place(word: str, verb: str) -> bool:
    """Say if a clause names a place, beside any main clause: Er wartet, wo du fragst."""
    return word == "wo" and verb in _AT_A_PLACE


def _is_joined(form: str) -> bool:
    """Say if a prefix stands before the form that a main clause has at its end: abholt."""
    return form not in _BARE and verbs.parts(f"{form.removesuffix('t')}en").is_separable


def _has_its_own(verb: str, rest: Sequence[str]) -> bool:
    """Say if the rest of a clause is the subject of its verb, and at most an object it takes."""
    things = [part for part in rest if _kind(part) == "thing"]
    subject = next(part for part in rest if part not in things)
    if subject != _BARE.get(verb, "er"):
        return False
    if verb == "warten" and things:
        return things[0].split()[-1] in _SERVICED
    return not things or verb not in _BARE


def unequal(filed: Sequence[str], right: frozenset[str]) -> Iterator[str]:
    """Yield what differs between the orders that are filed and those that are right."""
    known = {comparable(sentence) for sentence in filed}
    for order in sorted(right - known):
        yield f"the order {order!r} is right, too"
    for order in sorted(known - right):
        yield f"the order {order!r} is wrong"
