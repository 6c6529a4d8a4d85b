"""Sentences to be put together from their words, each with every order that is right.

The subject is a pronoun that shows its case: so no object can be read as the subject, and the
pronoun has one place, in front of the finite verb or right behind it. What may stand in front of
the verb is the subject, the object, the time, or what the verb has at the end.
"""

import re
from collections.abc import Collection, Iterator

from content.generators import choosing
from content.generators.asking import Cards, capital, number, pick
from content.generators.order import EXCLUDED, is_plain
from content.generators.verb_forms import joined, third
from content.generators.verb_phrases import Phrase, phrases
from content.questions import Question
from content.schema import Lexicon

FAMILY = "chips"
WHO = "er"
MODALS = ("will", "muss", "kann", "soll")
# An object of an article and a noun, and nothing between them: "wir zwei hoffen, dass er die Kabel
# verbindet" has the words of "die zwei Kabel".
_OBJECT = re.compile(r"(den|die|das|einen|eine|ein) [A-ZÄÖÜ][\w-]+")
_DEFINITE = re.compile(r"(den|die|das) ")
# The frame, the rule, the levels of its verbs, and the share of them that is asked.
FRAMES = (
    ("modal", "modal-order", ("A1", "A2"), 1),
    ("perfect", "perfect-order", ("A1", "A2"), 1),
    ("time", "verb-second", ("A1", "A2"), 1),
    ("question", "w-questions", ("A1", "A2"), 3),
    ("dass", "dass", ("A1", "A2", "B1"), 4),
    ("weil", "weil", ("A1", "A2", "B1"), 4),
    ("indirect", "indirect-w", ("A2", "B1"), 4),
)
SERVICED = choosing.words(
    "Auto Bus Fahrrad Motorrad Computer Gerät Fenster Tür Lampe Handy Kamera Maschine"
)
# Nobody asks where somebody does this.
NO_PLACE = choosing.words(
    "abbrechen mitbringen schaffen vorschlagen zugeben ändern brechen erziehen verbieten"
)
# Prefixes that could be the preposition of the object: er schreibt auf die Adresse.
ONTO = choosing.words("anklicken aufschreiben")
# What stands without an article as well: Brot, das holt er; das weiß ich, dass er Brot schneidet.
MASSES = choosing.words(
    "Brot Eis Essen Fleisch Geld Gemüse Geschirr Holz Kaffee Kuchen Licht Mehl Obst Papier Post "
    "Rauchen Suppe Tee Teig Wäsche Wasser Zeitung Fenster Zimmer Geburtstag Temperatur "
    "Verantwortung Chef Großvater Vater Mutter"
)
# Who may be several: wir Kinder warten, weil er die betreut; ich glaube den Kollegen, dass ...
SEVERAL = choosing.words("Eltern Gäste Kinder Kollegen Kunden Leute Nachbarn Patienten Touristen")
PERSONS = frozenset({"person", "relative", "professional", "group"})
# What one does with a sentence beside an object: er überzeugt den Chef, dass wir hoffen.
SAYING = choosing.words(
    "beantworten beschreiben besprechen erinnern erklären erzählen fragen informieren klären "
    "notieren schicken schreiben sagen senden überraschen überreden überzeugen warnen"
)
# Prefixes that can be prepositions of a time: ab dann schließt er die Wohnung, um wann?
BEFORE_TIMES = choosing.words("ab auf um vor zu")
# Who gives what to whom: the verb, the person, the thing. No woman: "die Blumen der Mutter" would
# be hers, and the sentence another one. No two masculine nouns: their articles could be exchanged.
GIVING = """
geben|dem Kind|den Ball|A2
zeigen|dem Gast|das Zimmer|A2
schenken|dem Nachbarn|die Uhr|A2
bringen|dem Gast|die Tasse|A2
kaufen|dem Sohn|das Fahrrad|A2
erklären|dem Schüler|die Aufgabe|A2
leihen|dem Freund|das Buch|A2
schicken|dem Lehrer|das Foto|A2
empfehlen|dem Kollegen|das Restaurant|A2
erzählen|dem Baby|die Geschichte|A2
schreiben|dem Freund|die Nachricht|A2
verkaufen|dem Nachbarn|das Auto|A2
"""


def generate(lexicon: Lexicon) -> Iterator[Question]:
    cards = Cards(lexicon)
    found = [phrase for phrase in phrases(lexicon) if _fits(phrase)]
    persons = {noun.noun for noun in lexicon.nouns if PERSONS & set(noun.classes)}
    for frame, rule, levels, share in FRAMES:
        for phrase in found:
            is_asked = not number(f"{FAMILY} {frame} {phrase.key}") % share
            if phrase.verb.level in levels and is_asked and _is_said(phrase, frame, persons):
                yield _ask(cards, phrase, frame, rule)
    known = {verb.verb: verb for verb in lexicon.verbs if not verb.reflexive}
    for line in GIVING.strip().splitlines():
        verb, person, thing, level = line.split("|")
        if verb in known:
            yield _giving(cards, third(known[verb]), verb, person, thing, level)


def _fits(phrase: Phrase) -> bool:
    return (
        is_plain(phrase)
        and not phrase.rest
        and not phrase.is_plural_thing
        and phrase.thing.split()[-1] not in MASSES
        and phrase.has_passive
        and bool(_OBJECT.fullmatch(phrase.thing))
    )


def _is_said(phrase: Phrase, frame: str, persons: Collection[str]) -> bool:
    """Say if the words of the phrase make this sentence and, in another order, no other one."""
    verb, noun = phrase.verb.verb, phrase.thing.split()[-1]
    if verb in EXCLUDED["perfect-clause"] | EXCLUDED["um-zu"]:
        return False
    if frame in ("modal", "perfect", "time") and not _DEFINITE.match(phrase.thing):
        # "Er kauft einen Tisch heute" is right only under a stress that one cannot see, and "eine
        # Pizza" can be parted: Pizza will er eine bestellen.
        return False
    is_parted = phrase.thing.startswith(("eine ", "einen "))
    if frame == "weil" and phrase.verb.separable != "yes" and is_parted:
        # Zigarette raucht er eine, weil wir warten.
        return False
    if frame in ("time", "question") and verb in ONTO:
        return False
    if frame in ("dass", "weil", "indirect") and noun in SEVERAL:
        return False
    if frame == "indirect" and noun in persons:
        # Du fragst den Arzt, warum er anruft.
        return False
    return frame not in ("dass", "indirect") or verb not in SAYING


def _ask(cards: Cards, phrase: Phrase, frame: str, rule: str) -> Question:
    orders, explanation = _ORDERS[frame](phrase)
    return _question(
        cards,
        lemma=phrase.verb.verb,
        rule=rule,
        frame=frame,
        orders=orders,
        explanation=explanation,
        level=phrase.verb.level,
    )


def _question(
    cards: Cards,
    *,
    lemma: str,
    rule: str,
    frame: str,
    orders: tuple[str, ...],
    explanation: tuple[str, str, str],
    level: str,
) -> Question:
    # "Er putzt das Fenster wann?" asks as well.
    is_question = orders[0].endswith("?")
    what = "einer Frage mit dem Fragewort am Anfang" if is_question else "einem Satz"
    return cards.ask_without_options(
        family=FAMILY,
        kind="order",
        lemma=lemma,
        rule=rule,
        frame=frame,
        question=f"Ordne die Wörter zu {what}:",
        right=orders[0],
        accepted=orders[1:],
        explanation=explanation,
        level=level,
        name=f"{lemma} {frame}",
    )


Orders = tuple[tuple[str, ...], tuple[str, str, str]]


def _modal(phrase: Phrase) -> Orders:
    modal = pick(f"{FAMILY} {phrase.key} which modal", MODALS)
    return _with_end(phrase, modal, phrase.verb.verb)


def _perfect(phrase: Phrase) -> Orders:
    return _with_end(phrase, "hat", phrase.verb.participle)


def _with_end(phrase: Phrase, finite: str, end: str) -> Orders:
    who, thing = WHO, phrase.thing
    orders = (
        f"{capital(who)} {finite} {thing} {end}.",
        f"{capital(thing)} {finite} {who} {end}.",
        f"{capital(end)} {finite} {who} {thing}.",
        f"{capital(thing)} {end} {finite} {who}.",
    )
    return orders, (
        f"„{finite}“ steht auf Position 2, „{end}“ am Ende: {orders[0]}",
        f'"{finite}" is in second place, "{end}" at the end: {orders[0]}',
        f"«{finite}» стоїть на другому місці, «{end}» – у кінці: {orders[0]}",
    )


def _finite(phrase: Phrase) -> tuple[str, str]:
    """Return the finite verb, and with a space in front of it the prefix at the end."""
    verb = phrase.verb
    return third(verb), f" {verb.prefix}" if verb.separable == "yes" else ""


def _time(phrase: Phrase) -> Orders:
    finite, prefix = _finite(phrase)
    who, thing = WHO, phrase.thing
    # No "heute": das Spiel heute gewinnt er; ab heute schließt er die Tür.
    when = pick(f"{FAMILY} {phrase.key} when", ("bald", "dann"))
    if phrase.verb.prefix in BEFORE_TIMES:
        when = "bald"
    orders = (
        f"{capital(when)} {finite} {who} {thing}{prefix}.",
        f"{capital(who)} {finite} {when} {thing}{prefix}.",
        f"{capital(who)} {finite} {thing} {when}{prefix}.",
        f"{capital(thing)} {finite} {who} {when}{prefix}.",
    )
    return orders, (
        f"Das Verb steht auf Position 2, „{who}“ davor oder gleich danach: {orders[0]}",
        f'The verb is in second place, "{who}" before it or right after it: {orders[0]}',
        f"Дієслово стоїть на другому місці, «{who}» – перед ним або одразу після: {orders[0]}",
    )


def _question_word(phrase: Phrase) -> str:
    word = pick(f"{FAMILY} {phrase.key} word", ("wann", "wo", "warum"))
    if phrase.verb.separable == "yes" and phrase.verb.prefix in BEFORE_TIMES:
        return "warum"
    return "wann" if word == "wo" and phrase.verb.verb in NO_PLACE else word


def _w_question(phrase: Phrase) -> Orders:
    finite, prefix = _finite(phrase)
    word = _question_word(phrase)
    order = f"{capital(word)} {finite} {WHO} {phrase.thing}{prefix}?"
    return (order,), (
        f"Zuerst das Fragewort, dann sofort das Verb: {order}",
        f"First the question word, then at once the verb: {order}",
        f"Спочатку питальне слово, одразу після нього дієслово: {order}",
    )


def _clause(phrase: Phrase, main: str, word: str) -> Orders:
    subject, finite = main.split()
    last = joined(phrase.verb, third(phrase.verb))
    clause = f"{word} {WHO} {phrase.thing} {last}"
    orders = (
        f"{capital(subject)} {finite}, {clause}.",
        f"{capital(clause)}, {finite} {subject}.",
    )
    return orders, (
        f"Nach „{word}“ steht das Verb am Ende: {clause}.",
        f'After "{word}" the verb is at the end: {clause}.',
        f"Після «{word}» дієслово стоїть у кінці: {clause}.",
    )


def _dass(phrase: Phrase) -> Orders:
    main = pick(f"{FAMILY} {phrase.key} main", ("ich weiß", "wir hoffen", "ich glaube"))
    orders, explanation = _clause(phrase, main, "dass")
    return orders + _proposal(phrase, main, "dass"), explanation


def _proposal(phrase: Phrase, main: str, word: str) -> tuple[str, ...]:
    """Return what "wir" can propose with the verb in front: Hoffen wir, dass er kommt."""
    subject, finite = main.split()
    if subject != "wir":
        return ()
    last = joined(phrase.verb, third(phrase.verb))
    return (f"{capital(finite)} wir, {word} {WHO} {phrase.thing} {last}.",)


def _weil(phrase: Phrase) -> Orders:
    """Return the orders with one clause as the reason of the other.

    A verb that is separated has another form at the end of a clause: so `weil er das Paket abholt`
    is the reason. Any other has the same form in both, and either clause may be the reason.
    """
    # Who services a car does it with "warten", too: wir warten das Auto, weil er verkauft.
    main = "wir gehen" if phrase.thing.split()[-1] in SERVICED else "wir warten"
    orders, explanation = _clause(phrase, main, "weil")
    if phrase.verb.separable != "yes":
        finite, thing = third(phrase.verb), phrase.thing
        orders += (
            f"{capital(WHO)} {finite} {thing}, weil {main}.",
            f"{capital(thing)} {finite} {WHO}, weil {main}.",
            f"Weil {main}, {finite} {WHO} {thing}.",
        )
    orders += _proposal(phrase, main, "weil")
    if phrase.verb.separable != "yes":
        # Seldom said, and right.
        orders += (f"{capital(WHO)} {third(phrase.verb)}, weil {main}, {phrase.thing}.",)
    return orders, explanation


def _indirect(phrase: Phrase) -> Orders:
    word = _question_word(phrase)
    main = pick(f"{FAMILY} {phrase.key} main", ("du fragst", "wir wissen", "ich weiß"))
    if word == "wo" and main == "du fragst":
        # "Er schiebt das Fahrrad, wo du fragst": the place where one asks.
        main = "ich weiß"
    return _clause(phrase, main, word)


_ORDERS = {
    "modal": _modal,
    "perfect": _perfect,
    "time": _time,
    "question": _w_question,
    "dass": _dass,
    "weil": _weil,
    "indirect": _indirect,
}


def _giving(cards: Cards, finite: str, verb: str, person: str, thing: str, level: str) -> Question:
    orders = (
        f"Er {finite} {person} {thing}.",
        f"Er {finite} {thing} {person}.",
        f"{capital(person)} {finite} er {thing}.",
        f"{capital(thing)} {finite} er {person}.",
    )
    return _question(
        cards,
        lemma=verb,
        rule="object-order",
        frame="giving",
        orders=orders,
        explanation=(
            f"Meist steht die Person (wem?) vor der Sache (was?): {orders[0]}",
            f"Mostly the person (wem?) stands before the thing (was?): {orders[0]}",
            f"Зазвичай особа (wem?) стоїть перед річчю (was?): {orders[0]}",
        ),
        level=level,
    )
