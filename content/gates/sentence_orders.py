"""All orders of a sentence's words that are right, found by trying every one.

Reads the words of a sentence that others have filed, not how they came there: an article stays
with its noun, everything else may stand anywhere, and what is no sentence is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product

from content.gates import verbs
from content.gates.clauses import tokens
from content.gates.nouns import Nouns
from content.gates.phrases import SUBJECTS, determiner, phrase
from content.gates.verb_table import SEPARABLE

_HELPERS = frozenset(
    "hat habe haben ist bin sind will wollen muss müssen kann können soll sollen darf".split()
)
_TIMES = frozenset("heute morgen jetzt gestern bald dann".split())
# Times that can belong to a noun.
_OF_NOUNS = _TIMES - {"bald", "dann"}
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
_KNOWING = frozenset({"weiß", "wissen"})
_OF_CLAUSES = frozenset((*_KNOWING, "glaube", "hoffen", "fragst"))
# "Warten" has an object, too, in the sense of a service.
_SERVICED = frozenset(
    "Auto Bus Fahrrad Fenster Motorrad Zug Maschine Computer Gerät Heizung Lampe Tür Uhr".split()
)
# A time that a prefix can be the preposition of: ab heute schließt er die Tür.
_FROM = {
    "ab": frozenset({"heute", "morgen", "jetzt", "dann", "wann"}),
    "auf": frozenset({"heute", "morgen", "wann"}),
    "um": frozenset({"wann"}),
    "vor": frozenset({"morgen", "wann"}),
    "zu": frozenset({"morgen", "wann"}),
}
# What has a time of its own: das Spiel heute gewinnt er.
_AT_A_TIME = frozenset(
    "Arbeit Besuch Bus Dialog Essen Feier Fest Film Geburtstag Gespräch Kurs Lied Menü Party Plan "
    "Prüfung Reise Sitzung Spiel Termin Test Unterricht Urlaub Zug".split()
)
# Verbs without an object of their own beside a preposition: er schreibt auf die Adresse.
_ONTO = {"an": frozenset({"klickt"}), "auf": frozenset({"klickt", "schreibt", "schaut", "sieht"})}
# What needs no article: Brot, das holt er; das weiß ich, dass er Brot schneidet.
_UNCOUNTED = frozenset(
    "Blut Brot Eis Essen Feuer Fleisch Geld Gemüse Geschirr Glas Gold Gras Holz Licht Material "
    "Kaffee Kuchen Mehl Milch Obst Öl Papier Post Rauchen Reis Saft Salz Suppe Tee Teig Wäsche "
    "Wasser Wein Wolle Zeitung Zucker Geburtstag Temperatur Verantwortung Zeit Chef Großvater "
    "Vater Mutter Oma Opa".split()
)
# Who can be several: wir Kinder warten, weil er die betreut; ich glaube den Kollegen, dass ...
_PEOPLE = frozenset(
    "Eltern Freunde Freundinnen Gäste Jungen Kinder Kollegen Kunden Leute Männer Nachbarn "
    "Patienten Studenten Touristen Verwandten".split()
)
# Who can be asked: du fragst den Arzt, warum er anruft.
_ASKED = _PEOPLE | frozenset(
    "Arzt Ärztin Baby Bruder Chef Chefin Familie Frau Freund Freundin Gast Großvater Gruppe Kind "
    "Klasse Lehrer Lehrerin Mann Mutter Oma Opa Patient Schüler Sohn Team Tochter Vater".split()
)
# Verbs with an object and a clause: er überzeugt den Chef, dass wir hoffen.
_SAYING = frozenset(
    "beantwortet beschreibt bespricht erinnert erklärt erzählt fragt informiert klärt notiert "
    "sagt schickt schreibt sendet überrascht überredet überzeugt warnt".split()
)
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
    is_one = not ("link" in kinds.values() or _is_indirect(kinds, end))
    return frozenset(
        order
        for reading in (parts, *_other_readings(parts, nouns, is_one=is_one))
        for order in _orders(reading, end, _main if is_one else _two_clauses)
    )


def _orders(
    parts: Sequence[str],
    end: str,
    clauses: Callable[[Sequence[str], Sequence[str], str], bool],
) -> Iterator[str]:
    kinds = {part: _kind(part) for part in parts}
    for order in permutations(parts):
        if any(_is_put_ahead(part) for part in order[1:]):
            continue
        if clauses(order, [kinds[part] for part in order], end):
            yield _written(order, end)


def _other_readings(parts: list[str], nouns: Nouns, *, is_one: bool) -> Iterator[list[str]]:
    """Yield what the same words are, too, when other words belong together."""
    things = [part for part in parts if _kind(part) == "thing"]
    times = [part for part in parts if part in _TIMES or part == "wann"]
    yield from _with_prepositions(parts, things, times)
    for thing in things:
        article, *_, noun = thing.split()
        for time in times:
            if noun in _AT_A_TIME and time in _OF_NOUNS:
                yield [*_without(parts, thing, time), f"{thing} {time}"]
        if article in ("eine", "einen") and not any(_kind(part) == "asking" for part in parts):
            # Pizza will er eine bestellen. Zigarette raucht er eine, weil wir warten.
            yield [*_without(parts, thing), noun, article]
        yield from _without_article(parts, thing, nouns, is_one=is_one)
        if "wir" in parts and noun in _PEOPLE:
            yield [*_without(parts, thing, "wir"), f"wir {noun}", article]
        if "wir" in parts and " zwei " in thing:
            yield [*_without(parts, thing, "wir"), "wir zwei", f"{article} {noun}"]
    if len(things) == 2:
        (one, *first), (other, *second) = (thing.split() for thing in things)
        exchanged = ([other, *first], [one, *second])
        if all(phrase(words, nouns) for words in exchanged):
            yield [*_without(parts, *things), *(" ".join(words) for words in exchanged)]


def _with_prepositions(
    parts: list[str], things: Sequence[str], times: Sequence[str]
) -> Iterator[list[str]]:
    """Yield what the words are if the prefix is the preposition of a time or a thing."""
    for prefix, time in product(_FROM, times):
        if prefix in parts and time in _FROM[prefix]:
            yield [*_without(parts, prefix, time), f"{prefix} {time}"]
    for prefix, thing in product(_ONTO, things):
        if prefix in parts and _ONTO[prefix] & set(parts):
            yield [*_without(parts, prefix, thing), f"{prefix} {thing}"]


def _without_article(
    parts: list[str], thing: str, nouns: Nouns, *, is_one: bool
) -> Iterator[list[str]]:
    """Yield what the words are if the noun needs no article, and the article is a pronoun."""
    article, *_, noun = thing.split()
    rest = _without(parts, thing)
    is_plural = noun in nouns.plurals(noun)
    if noun in _UNCOUNTED or (article == "die" and _is_plural(noun, nouns)):
        # Brot, das soll er holen. Blumen, die gießt er.
        yield [*rest, f"{noun} {article}"]
    if article != "das" or not (noun in _UNCOUNTED or is_plural):
        return
    if not is_one:
        # Das weiß ich, dass er Brot schneidet.
        yield [*rest, article, noun]
    elif any(_kind(part) == "helper" for part in rest):
        # Brot holen, das soll er.
        for end in (part for part in rest if _kind(part) == "verb"):
            yield [*_without(rest, end), f"{noun} {end} {article}"]


def _is_plural(noun: str, nouns: Nouns) -> bool:
    """Say if the noun is a plural behind "die", and no feminine singular."""
    found = {(each.number, each.gender) for each in nouns.readings(noun)}
    return any(number == "pl" for number, _ in found) and ("sg", "f") not in found


def _is_put_ahead(part: str) -> bool:
    """Say if a part ends in a pronoun that repeats what is before it: Brot, das ..."""
    first, _, last = part.rpartition(" ")
    return bool(first) and determiner(last) is not None


def _without(parts: Sequence[str], *left_out: str) -> list[str]:
    return [part for part in parts if part not in left_out]


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
    first, _, last = part.rpartition(" ")
    if first == "wir":
        return "who"
    if part.partition(" ")[0] in _ONTO and first:
        return "time"
    if first in _FROM:
        return "asking" if last == "wann" else "time"
    if first or part[:1].isupper():
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
    return "thing" if determiner(part) else "verb"


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
        return [*kinds] == ["thing", "verb", kinds[2], "who"] and not _is_put_ahead(order[0])
    if finite != 1 or who not in (0, 2):
        return False
    alone = [part for part, kind in zip(order, kinds, strict=True) if kind == "thing"]
    if any(determiner(part) for part in alone) and (kinds[0] != "thing" or determiner(order[0])):
        # The article parted from its noun: the noun is in front.
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
    if link == 2 and kinds[0] == "who" and kinds[-1] == "thing" and order[link] in _REASONS:
        # Er holt, weil wir warten, das Brot.
        return _are_clauses([*order[:link], order[-1]], order[link:-1], is_first=True)
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
    if kinds == ["thing", "verb", "who", "thing"] and main[0][:1].isupper() and is_first:
        # The article parted from its noun: Zigarette raucht er eine, weil wir warten.
        kinds = kinds[:3] if determiner(main[3]) else kinds
    orders = [["verb", "who"], ["verb", "who", "thing"]]
    if is_first:
        proposals = orders if verb in _PROPOSED else []
        orders = [["who", "verb"], ["who", "verb", "thing"], ["thing", "verb", "who"], *proposals]
    return (
        kinds in orders
        and not _is_joined(verb)
        and _is_beside(verb, word, inner[-1])
        and [_kind(part) for part in inner[:-1]] in (["who"], ["who", "thing"])
        and _has_its_own(verb, [part for part in main if part != verb], word)
        and _has_its_own(inner[-1], inner[:-1])
    )


def _is_beside(verb: str, word: str, last: str) -> bool:
    """Say if a clause with this word in front and this verb at its end can be beside the verb."""
    if word in _REASONS or verb in _OF_CLAUSES or _is_place(word, last):
        return True
    return verb in _SAYING and last in _BARE and last not in _KNOWING


def _is_place(word: str, verb: str) -> bool:
    """Say if a clause names a place, beside any main clause: Er wartet, wo du fragst."""
    return word == "wo" and verb in _AT_A_PLACE


def _is_joined(form: str) -> bool:
    """Say if a prefix stands before the form that a main clause has at its end: abholt."""
    return form not in _BARE and verbs.parts(f"{form.removesuffix('t')}en").is_separable


def _has_its_own(verb: str, rest: Sequence[str], link: str = "") -> bool:
    """Say if the rest of a clause is the subject of its verb, and at most an object it takes.

    `link` is the word between a main clause and the one beside it.
    """
    things = [part for part in rest if _kind(part) == "thing"]
    subject = next(part for part in rest if part not in things)
    if subject.split()[0] != _BARE.get(verb, "er"):
        return False
    if not things or verb not in _BARE:
        return True
    article, _, noun = things[0].rpartition(" ")
    if verb == "warten":
        return noun in _SERVICED
    if things[0] == "das":
        # Das weiß ich, dass er Brot schneidet.
        return verb in _OF_CLAUSES and bool(link) and link not in _REASONS
    if verb == "fragst":
        return noun in _ASKED and bool(link) and link not in _REASONS
    return verb == "glaube" and link == "dass" and article == "den" and noun in _PEOPLE


def unequal(filed: Sequence[str], right: frozenset[str]) -> Iterator[str]:
    """Yield what differs between the orders that are filed and those that are right."""
    known = {comparable(sentence) for sentence in filed}
    for order in sorted(right - known):
        yield f"the order {order!r} is right, too"
    for order in sorted(known - right):
        yield f"the order {order!r} is wrong"
