"""Word order: which of four sentences is right.

Each wrong order is wrong in every stress: the verb out of its place, never one object or time
before another. What colloquial German allows (weil with the verb second, two infinitives) is no
option.
"""

import re
from collections.abc import Callable, Iterator

from content.generators.asking import NAMES, Cards, number, pick
from content.generators.verb_forms import joined, third, zu_infinitive
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon

FAMILY = "order"
MODALS = ("will", "muss", "kann")
# Verbs whose sentence would be right, but which nobody says: what is not done because there is
# time for it, and what nobody has come for.
EXCLUDED = {
    "clause-first": frozenset(
        (
            *("zeigen", "studieren", "abheben", "springen", "buchstabieren", "weitergehen"),
            *("bitten", "zuhören", "nehmen", "sagen", "bestehen", "umziehen", "ankommen"),
            *("heiraten", "versprechen", "wohnen", "leben", "werfen", "gewinnen", "parken"),
            *("stellen", "geben", "verdienen", "einziehen", "glauben", "danken", "abbiegen"),
            *("gratulieren", "ankreuzen", "aussprechen", "verkaufen"),
        )
    ),
    "um-zu": frozenset(
        ("erwarten", "erlauben", "pfeifen", "ziehen", "markieren", "verlassen", "ausgeben")
    ),
    "perfect-clause": frozenset(
        (
            *("tragen", "ausdrücken", "verlangen", "siezen", "ziehen", "bauen", "bestehen"),
            *("behalten", "duzen", "verraten", "beeinflussen", "küssen", "stören", "begrüßen"),
        )
    ),
}
# Right, but odd in this frame alone.
ODD = frozenset(
    (
        ("um-zu", "zugeben"),
        ("um-zu", "gewinnen"),
        ("perfect-clause", "nennen"),
        ("perfect-clause", "aufnehmen"),
        ("perfect-clause", "gewinnen"),
    )
)
# Words beside a verb that say when: no other time stands beside them.
_TIME = re.compile(
    r"\b(Uhr|Morgen|Abend|Nacht|Tag|Sonntag|Montag|Wochenende|Nachmittag|Sommer|Winter|oft|nach)\b"
)

Frame = Callable[[Cards, Phrase, str], Question]


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    found = [phrase for phrase in phrases(lexicon) if is_plain(phrase)]
    for name, ask, levels, needs_object, share in FRAMES:
        for phrase in found:
            key = f"{FAMILY} {name} {phrase.key}"
            if (
                phrase.verb.level in levels
                and (not needs_object or phrase.has_passive)
                and phrase.verb.verb not in EXCLUDED.get(name, ())
                and (name, phrase.verb.verb) not in ODD
                and number(key) % share == 0
            ):
                yield ask(cards, phrase, pick(f"{key} who", NAMES))
    yield from (_nicht(cards, line) for line in NICHT.strip().splitlines())


def is_plain(phrase: Phrase) -> bool:
    """Return whether a person does it on purpose, with words beside it that no time is among."""
    return (
        phrase.is_willing
        and not phrase.verb.reflexive
        and bool(phrase.words)
        and not phrase.rest.startswith("sehr")
        and not _TIME.search(phrase.words)
    )


def _ask(
    cards: Cards,
    phrase: Phrase,
    *,
    rule: str,
    frame: str,
    question: str,
    right: str,
    wrong: tuple[str, ...],
    explanation: tuple[str, str, str],
    level: str = "A1",
) -> Question:
    return cards.ask(
        family=FAMILY,
        lemma=phrase.verb.verb,
        rule=rule,
        frame=frame,
        question=question,
        right=right,
        wrong=wrong,
        explanation=explanation,
        level=max(level, phrase.verb.level),
        name=f"{phrase.key} {frame}",
    )


def _which(*words: str) -> str:
    return f"Welcher Satz ist richtig? ({' / '.join(word for word in words if word)})"


def _verb(phrase: Phrase) -> tuple[str, str]:
    """Return the finite verb and, with a space before it, the prefix at the end."""
    verb = phrase.verb
    return third(verb), f" {verb.prefix}" if verb.separable == "yes" else ""


def _second(cards: Cards, phrase: Phrase, name: str) -> Question:
    finite, prefix = _verb(phrase)
    words = phrase.words
    return _ask(
        cards,
        phrase,
        rule="verb-second",
        frame="verb-second",
        question=_which("heute", name, words, phrase.verb.verb),
        right=f"Heute {finite} {name} {words}{prefix}.",
        wrong=(
            f"Heute {name} {finite} {words}{prefix}.",
            f"Heute {name} {words} {joined(phrase.verb, finite)}.",
            f"{name} heute {finite} {words}{prefix}.",
        ),
        explanation=(
            f"Das Verb steht auf Position 2: Heute {finite} {name} …",
            f"The verb is in second place: Heute {finite} {name} …",
            f"Дієслово стоїть на другому місці: Heute {finite} {name} …",
        ),
    )


def _w_question(cards: Cards, phrase: Phrase, name: str) -> Question:
    finite, prefix = _verb(phrase)
    words = phrase.words
    return _ask(
        cards,
        phrase,
        rule="w-questions",
        frame="w-question",
        question=f"Welche Frage ist richtig? (wann / {name} / {words} / {phrase.verb.verb})",
        right=f"Wann {finite} {name} {words}{prefix}?",
        wrong=(
            f"Wann {name} {finite} {words}{prefix}?",
            f"{finite.capitalize()} wann {name} {words}{prefix}?",
            f"{name} wann {finite} {words}{prefix}?",
        ),
        explanation=(
            f"In der W-Frage steht das Verb direkt nach dem Fragewort: Wann {finite} …?",
            f"In a W-question the verb comes right after the question word: Wann {finite} …?",
            f"У запитанні з питальним словом дієслово стоїть одразу після нього: Wann {finite} …?",
        ),
    )


def _modal(cards: Cards, phrase: Phrase, name: str) -> Question:
    modal = pick(f"{FAMILY} {phrase.key} which modal", MODALS)
    words, verb = phrase.words, phrase.verb.verb
    return _ask(
        cards,
        phrase,
        rule="modal-order",
        frame="modal",
        question=_which(name, modal, words, verb),
        right=f"{name} {modal} {words} {verb}.",
        wrong=(
            f"{name} {modal} {verb} {words}.",
            f"{name} {words} {modal} {verb}.",
            f"{name} {verb} {modal} {words}.",
        ),
        explanation=(
            f"„{modal}“ steht auf Position 2, das zweite Verb am Ende: {verb}.",
            f'"{modal}" is in second place, the second verb at the end: {verb}.',
            f"«{modal}» стоїть на другому місці, друге дієслово – у кінці: {verb}.",
        ),
    )


def _perfect(cards: Cards, phrase: Phrase, name: str) -> Question:
    words, participle = phrase.words, phrase.verb.participle
    return _ask(
        cards,
        phrase,
        rule="perfect-order",
        frame="perfect",
        question=_which(name, "hat", words, participle),
        right=f"{name} hat {words} {participle}.",
        wrong=(
            f"{name} hat {participle} {words}.",
            f"{name} {words} hat {participle}.",
            f"{name} {participle} hat {words}.",
        ),
        explanation=(
            f"„hat“ steht auf Position 2, das Partizip am Ende: {participle}.",
            f'"hat" is in second place, the participle at the end: {participle}.',
            f"«hat» стоїть на другому місці, дієприкметник – у кінці: {participle}.",
        ),
    )


def _dass(cards: Cards, phrase: Phrase, name: str) -> Question:
    finite, prefix = _verb(phrase)
    last = joined(phrase.verb, finite)
    words = phrase.words
    return _ask(
        cards,
        phrase,
        rule="dass",
        frame="dass",
        question=f"Ich glaube, ___. ({name} / {words} / {phrase.verb.verb})",
        right=f"dass {name} {words} {last}",
        wrong=(
            f"dass {name} {finite} {words}{prefix}",
            f"dass {finite} {name} {words}{prefix}",
            f"{name} dass {words} {last}",
        ),
        explanation=(
            f"Nach „dass“ steht das Verb am Ende: {last}.",
            f'After "dass" the verb is at the end: {last}.',
            f"Після «dass» дієслово стоїть у кінці: {last}.",
        ),
    )


def _clause_first(cards: Cards, phrase: Phrase, name: str) -> Question:
    finite, prefix = _verb(phrase)
    words = phrase.words
    pronoun = "er" if name in ("Paul", "Tom", "Jan") else "sie"
    return _ask(
        cards,
        phrase,
        rule="clause-first",
        frame="clause-first",
        question=f"Wenn {name} Zeit hat, ___. ({pronoun} / {words} / {phrase.verb.verb})",
        right=f"{finite} {pronoun} {words}{prefix}",
        wrong=(
            f"{pronoun} {finite} {words}{prefix}",
            f"{pronoun} {words} {joined(phrase.verb, finite)}",
            f"{words} {pronoun} {joined(phrase.verb, finite)}",
        ),
        explanation=(
            f"Nach dem Nebensatz kommt sofort das Verb: …, {finite} {pronoun} …",
            f"After the first clause the verb comes at once: …, {finite} {pronoun} …",
            f"Після підрядного речення одразу йде дієслово: …, {finite} {pronoun} …",
        ),
    )


def _indirect(cards: Cards, phrase: Phrase, name: str) -> Question:
    finite, prefix = _verb(phrase)
    last = joined(phrase.verb, finite)
    words = phrase.words
    return _ask(
        cards,
        phrase,
        rule="indirect-w",
        frame="indirect",
        question=f"Können Sie mir sagen, ___? (wann / {name} / {words} / {phrase.verb.verb})",
        right=f"wann {name} {words} {last}",
        wrong=(
            f"wann {finite} {name} {words}{prefix}",
            f"wann {name} {finite} {words}{prefix}",
            f"{name} wann {words} {last}",
        ),
        explanation=(
            f"In der indirekten Frage steht das Verb am Ende: wann {name} … {last}.",
            f"In an indirect question the verb is at the end: wann {name} … {last}.",
            f"У непрямому запитанні дієслово стоїть у кінці: wann {name} … {last}.",
        ),
    )


def _um_zu(cards: Cards, phrase: Phrase, name: str) -> Question:
    right = zu_infinitive(phrase.verb)
    words, verb = phrase.words, phrase.verb.verb
    return _ask(
        cards,
        phrase,
        rule="um-zu",
        frame="um-zu",
        question=f"{name} ist hier, ___. (um … zu / {words} / {verb})",
        right=f"um {words} {right}",
        wrong=(f"um {right} {words}", f"um zu {words} {verb}", f"um {words} {verb} zu"),
        explanation=(
            f"„um“ steht am Anfang, „zu“ beim Verb am Ende: um … {right}.",
            f'"um" comes first, "zu" stands with the verb at the end: um … {right}.',
            f"«um» стоїть на початку, «zu» – при дієслові в кінці: um … {right}.",
        ),
        level="B1",
    )


def _perfect_clause(cards: Cards, phrase: Phrase, name: str) -> Question:
    words, participle = phrase.words, phrase.verb.participle
    tired = pick(f"{FAMILY} {name} {phrase.key} tired", ("alle", "die Leute", "die Gäste"))
    return _ask(
        cards,
        phrase,
        rule="clause-first",
        frame="perfect-clause",
        question=f"Weil {tired} müde waren, ___. (niemand / {words} / {participle})",
        right=f"hat niemand {words} {participle}",
        wrong=(
            f"niemand hat {words} {participle}",
            f"niemand {words} {participle} hat",
            f"hat niemand {participle} {words}",
        ),
        explanation=(
            f"Nach dem Nebensatz kommt sofort „hat“, am Ende das Partizip: {participle}.",
            f'After the first clause "hat" comes at once, the participle last: {participle}.',
            f"Після підрядного речення одразу йде «hat», дієприкметник – у кінці: {participle}.",
        ),
        level="B1",
    )


# Its name, how it asks, the levels of its verbs, whether they need an object, and the share of
# them that is asked: one in so many, chosen without regard to the others.
FRAMES: tuple[tuple[str, Frame, tuple[str, ...], bool, int], ...] = (
    ("verb-second", _second, ("A1", "A2"), False, 7),
    ("w-question", _w_question, ("A1", "A2"), False, 7),
    ("modal", _modal, ("A1", "A2"), True, 5),
    ("perfect", _perfect, ("A1", "A2"), True, 5),
    ("dass", _dass, ("A1", "A2", "B1"), True, 10),
    ("clause-first", _clause_first, ("A1", "A2"), False, 6),
    ("indirect", _indirect, ("A2", "B1"), True, 8),
    ("um-zu", _um_zu, ("A2", "B1"), True, 8),
    ("perfect-clause", _perfect_clause, ("A2", "B1"), True, 8),
)
# The sentence without nicht | right | wrong / wrong / wrong | what nicht stands before.
NICHT = """
Ich kann heute kommen.|Ich kann heute nicht kommen.|Ich nicht kann heute kommen./\
Ich kann heute kommen nicht./Ich heute kann nicht kommen.|kommen
Ich möchte das essen.|Ich möchte das nicht essen.|Ich nicht möchte das essen./\
Ich möchte das essen nicht./Ich das nicht möchte essen.|essen
Er hat gestern gearbeitet.|Er hat gestern nicht gearbeitet.|Er nicht hat gestern gearbeitet./\
Er hat gestern gearbeitet nicht./Er gestern nicht hat gearbeitet.|gearbeitet
Das Essen ist gut.|Das Essen ist nicht gut.|Das Essen nicht ist gut./\
Das Essen ist gut nicht./Das nicht Essen ist gut.|gut
Wir wohnen in Berlin.|Wir wohnen nicht in Berlin.|Wir nicht wohnen in Berlin./\
Wir wohnen in nicht Berlin./Wir in Berlin nicht wohnen.|in Berlin
Er geht heute ins Kino.|Er geht heute nicht ins Kino.|Er nicht geht heute ins Kino./\
Er geht heute ins nicht Kino./Er heute geht nicht ins Kino.|ins Kino
Sie ruft mich an.|Sie ruft mich nicht an.|Sie ruft mich an nicht./\
Sie nicht ruft mich an./Sie mich ruft nicht an.|an
Warum kommst du mit?|Warum kommst du nicht mit?|Warum kommst du mit nicht?/\
Warum nicht kommst du mit?/Warum du kommst nicht mit?|mit
Ich kenne den Mann.|Ich kenne den Mann nicht.|Ich nicht kenne den Mann./\
Ich den Mann nicht kenne./Ich kenne den nicht Mann.|
Ich verstehe dich.|Ich verstehe dich nicht.|Ich nicht verstehe dich./\
Ich dich nicht verstehe./Ich dich verstehe nicht.|
Heute arbeite ich.|Heute arbeite ich nicht.|Heute nicht ich arbeite./\
Heute ich arbeite nicht./Heute ich nicht arbeite.|
Sie liest das Buch.|Sie liest das Buch nicht.|Sie nicht liest das Buch./\
Sie das Buch nicht liest./Sie das Buch liest nicht.|
""".replace("\\\n", "")


def _nicht(cards: Cards, line: str) -> Question:
    sentence, right, wrong, before = line.split("|")
    if before:
        explanation = (
            f"„nicht“ steht vor dem Teil am Ende: nicht {before}.",
            f'"nicht" stands before the part at the end: nicht {before}.',
            f"«nicht» стоїть перед частиною в кінці речення: nicht {before}.",
        )
    else:
        explanation = (
            "„nicht“ steht am Ende, wenn nach Verb und Objekt nichts mehr kommt.",
            '"nicht" stands at the end if nothing else comes after verb and object.',
            "«nicht» стоїть у кінці, якщо після дієслова й додатка нічого більше немає.",
        )
    return cards.ask(
        family=FAMILY,
        lemma="nicht",
        rule="nicht-position",
        frame=sentence,
        question=f"Mit „nicht“: Welcher Satz ist richtig? ({sentence})",
        right=right,
        wrong=wrong.split("/"),
        explanation=explanation,
        level="A2",
    )
