"""The ending of an adjective before a noun, and none after sein."""

from collections.abc import Iterator
from dataclasses import dataclass

from content import fitting
from content.generators import choosing, genders, nominal
from content.questions import Question
from content.schema import Adjective, Lexicon, Noun, Slot, Template, Text

FAMILY = "adjective"
GAP = "___"
_PER_TEMPLATE = 16
# The same adjective in one template at most so often.
_PER_ADJECTIVE = 3

_CASES = {
    "nom": Text(de="Nominativ", en="nominative", uk="називний відмінок"),
    "acc": Text(de="Akkusativ", en="accusative", uk="знахідний відмінок"),
    "dat": Text(de="Dativ", en="dative", uk="давальний відмінок"),
    "gen": Text(de="Genitiv", en="genitive", uk="родовий відмінок"),
}
# They have no ending, or one that is not heard everywhere.
_WITHOUT_ENDING = choosing.words("lila rosa orange")
# „billige Käse“ are several kinds of cheese: without an article the singular is not certain.
_LIKE_PLURAL = choosing.words("Käse Gemüse")

# What tells of a verb as well how it is done: "kauft immer billig Butter", "immer billiger Fisch".
# "Lecker Saft" without an ending is said, too. Where no article stands, neither the bare form nor
# the comparative of these is wrong without doubt.
_ADVERBS = choosing.words("billig günstig teuer frisch gut lecker neu elegant")
_BEFORE_GAP = ("mit", "bei", "viele", "zwei")


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence with an adjective and a noun, and which of both are natural in it."""

    id: str
    sentence: str
    article: str
    case: str
    number: str
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]


# What the templates of the lexicon do not have: dieser, kein, mein, the dative and the plural.
_FRAMES = (
    Frame(
        "with-definite",
        "Wir fahren mit {article} ___ {noun}.",
        "definite",
        "dat",
        "sg",
        ("neu", "alt", "klein", "blau", "rot"),
        ("Auto", "Bus", "Fahrrad", "Motorrad", "Boot", "Straßenbahn"),
    ),
    Frame(
        "know-definite",
        "Kennst du {article} ___ {noun}?",
        "definite",
        "acc",
        "sg",
        ("neu", "jung", "nett"),
        ("Lehrer", "Lehrerin", "Nachbarin", "Ärztin", "Arzt", "Chef", "Mädchen"),
    ),
    Frame(
        "costs-dieser",
        "Was kostet {article} ___ {noun}?",
        "dieser",
        "nom",
        "sg",
        ("rot", "blau", "schwarz", "weiß", "grau"),
        ("Mantel", "Jacke", "Kleid", "Hemd", "Rock", "Hut", "Bluse"),
    ),
    Frame(
        "have-no",
        "Ich habe {article} ___ {noun}.",
        "kein",
        "acc",
        "sg",
        ("neu", "gut", "groß"),
        ("Computer", "Kamera", "Fahrrad", "Lampe", "Wörterbuch", "Schreibtisch", "Koffer"),
    ),
    Frame(
        "where-my",
        "Wo ist {article} ___ {noun}?",
        "mein",
        "nom",
        "sg",
        ("neu", "alt", "schwarz", "braun"),
        ("Rucksack", "Tasche", "Hemd", "Koffer", "Mütze", "Handy", "Schal"),
    ),
    Frame(
        "plural-definite",
        "Wem gehören {article} ___ {noun}?",
        "definite",
        "nom",
        "pl",
        ("neu", "alt", "klein", "schmutzig"),
        ("Schuh", "Jacke", "Buch", "Tasche", "Fahrrad", "Brille"),
    ),
    Frame(
        "plural-my",
        "Ich finde {article} ___ {noun} nicht.",
        "mein",
        "acc",
        "pl",
        ("neu", "warm", "schwarz"),
        ("Schuh", "Socke", "Handschuh", "Hose", "Stiefel"),
    ),
    Frame(
        "plural-many",
        "In der Stadt gibt es viele ___ {noun}.",
        "none",
        "acc",
        "pl",
        ("alt", "schön", "groß", "modern", "klein"),
        ("Haus", "Kirche", "Park", "Platz", "Hotel", "Museum", "Geschäft"),
    ),
    Frame(
        "plural-number",
        "Wir haben zwei ___ {noun} gekauft.",
        "none",
        "acc",
        "pl",
        ("neu", "klein", "billig", "modern"),
        ("Stuhl", "Sessel", "Lampe", "Regal", "Bett", "Tisch"),
    ),
    Frame(
        "with-none",
        "Das macht man am besten mit ___ {noun}.",
        "none",
        "dat",
        "sg",
        ("frisch", "kalt", "warm"),
        ("Milch", "Wasser"),
    ),
    Frame(
        "weather-none",
        "Bei ___ {noun} bleiben wir zu Hause.",
        "none",
        "dat",
        "sg",
        ("schlecht", "kalt", "schrecklich"),
        ("Wetter",),
    ),
    Frame(
        "rain-none",
        "Bei ___ {noun} fahre ich nicht mit dem Fahrrad.",
        "none",
        "dat",
        "sg",
        ("stark", "kalt"),
        ("Regen", "Wind"),
    ),
    Frame(
        "genitive-definite",
        "Das ist das Büro {article} ___ {noun}.",
        "definite",
        "gen",
        "sg",
        ("neu", "jung", "freundlich"),
        ("Chef", "Chefin", "Ärztin", "Lehrer", "Architektin", "Politikerin"),
    ),
)


def generate(lexicon: Lexicon) -> Iterator[Question]:
    """Yield questions for the ending before a noun, then for none after sein."""
    for template in lexicon.templates:
        if template.family != FAMILY:
            continue
        slots = {slot.pos: slot for slot in template.slots}
        adjective = slots["adjective"]
        if adjective.form == "declined" and "noun" in slots:
            yield from _declined(template, adjective, slots["noun"], lexicon)
        elif adjective.form == "base" and len(template.slots) == 1:
            yield from _predicate(template, adjective, lexicon)
    for frame in _FRAMES:
        yield from _framed(frame, lexicon)


def _declined(
    template: Template, adjective: Slot, noun: Slot, lexicon: Lexicon
) -> Iterator[Question]:
    gap, thing = "{" + adjective.name + "}", "{" + noun.name + "}"
    pairs = [
        (quality, row)
        for quality in fitting.adjectives(adjective, template.level, lexicon.adjectives)
        for row in fitting.nouns(noun, template.level, lexicon.nouns)
    ]
    sentence = template.de.replace(gap, "{article} ___").replace(thing, "{noun}")
    frame = Frame(
        template.id.removeprefix("adjective-"),
        sentence,
        noun.article,
        adjective.case,
        adjective.number,
        (),
        (),
    )
    yield from _pairs(frame, template.level, pairs, lexicon)


def _framed(frame: Frame, lexicon: Lexicon) -> Iterator[Question]:
    qualities = {row.adjective: row for row in lexicon.adjectives}
    nouns = {row.noun: row for row in lexicon.nouns}
    pairs = [
        (qualities[quality], nouns[noun]) for quality in frame.adjectives for noun in frame.nouns
    ]
    yield from _pairs(frame, "A2", pairs, lexicon)


def _pairs(
    frame: Frame, level: str, pairs: list[tuple[Adjective, Noun]], lexicon: Lexicon
) -> Iterator[Question]:
    """Yield a question for some of the pairs, no adjective and no noun too often."""
    seen: dict[str, int] = {}
    for adjective, noun in choosing.shuffled(frame.id, pairs):
        if sum(seen.values()) >= 2 * _PER_TEMPLATE:
            return
        if (
            adjective.adjective in _WITHOUT_ENDING
            or noun.gender == "pl"
            or seen.get(adjective.adjective, 0) >= _PER_ADJECTIVE
            or seen.get(noun.noun, 0) >= _PER_ADJECTIVE
            or (frame.number == "sg" and not genders.is_certain(noun))
            or (frame.article == "none" and noun.noun in _LIKE_PLURAL)
        ):
            continue
        for word in (adjective.adjective, noun.noun):
            seen[word] = seen.get(word, 0) + 1
        yield _question(frame, level, adjective, noun, lexicon)


def _question(
    frame: Frame, level: str, adjective: Adjective, noun: Noun, lexicon: Lexicon
) -> Question:
    base = adjective.adjective
    gender = "pl" if frame.number == "pl" else noun.gender
    article = nominal.article(frame.article, gender, frame.case)
    many = "viele" in frame.sentence or "zwei" in frame.sentence
    shown = (
        nominal.plural(noun, frame.case)
        if frame.number == "pl"
        else nominal.singular(noun, frame.case)
    )
    sentence = frame.sentence.format(article=article, noun=shown).replace("  ", " ").strip()
    for apart, short in (("in dem ", "im "), ("In dem ", "Im ")):
        sentence = sentence.replace(apart, short)
    right = nominal.adjective(base, frame.article, gender, frame.case)
    stem = nominal.adjective_stem(base)
    ending = right.removeprefix(stem)
    usual = {
        "e": ("en", "er", "es"),
        "en": ("e", "er", "es") if frame.case in ("nom", "acc") else ("e", "er", "em"),
        "er": ("e", "en", "es"),
        "es": ("e", "en", "er"),
        "em": ("en", "er", "es"),
    }
    wrong = [f"{stem}{other}" for other in usual[ending]]
    if base in _ADVERBS and _may_be_adverb(frame):
        wrong = [f"{stem}{other}" for other in ("en", "es", "em", "e") if other != ending][:3]
    elif ending == "e":
        # Else the shortest were the right one each time.
        wrong[-1] = base
    rule = _rule(frame, many=many)
    card = next(each for each in lexicon.rules if each.id == rule)
    said = f"{right} {shown}"
    text = _counted(frame, said) if many else _explanation(frame, noun, article, said, ending)
    question = f"{choosing.capital(sentence)} ({base})"
    options = (right, *wrong)
    if question.startswith(GAP):
        options = tuple(choosing.capital(option) for option in options)
    return Question(
        quiz_id=choosing.quiz_id(FAMILY, base, noun.noun, frame.id),
        family=FAMILY,
        lemma=base,
        rule=rule,
        frame=f"{frame.id}-{choosing.slug(noun.noun)}",
        question=question,
        options=options,
        explanation_de=text.de,
        explanation_en=text.en,
        explanation_uk=text.uk,
        level=choosing.hardest(level, card.level, adjective.level, noun.level),
        topic=card.topic,
    )


def _may_be_adverb(frame: Frame) -> bool:
    before = frame.sentence.partition("___")[0].replace("{article}", "").lower().split()
    return frame.article == "none" and not (before and before[-1] in _BEFORE_GAP)


def _rule(frame: Frame, *, many: bool) -> str:
    if many:
        return "adj-plural-words"
    if frame.article == "none":
        return "adj-no-article"
    if frame.case == "gen":
        return "adj-genitive"
    if frame.article in ("definite", "dieser"):
        return (
            "adj-definite"
            if frame.article == "definite" or frame.number == "sg"
            else ("adj-plural-words")
        )
    return "adj-indefinite"


def _counted(frame: Frame, said: str) -> Text:
    word = "viele" if "viele" in frame.sentence else "zwei"
    return Text(
        de=f"Nach „{word}“ hat das Adjektiv im Plural die Endung von „die“: {word} {said}.",
        en=f"After “{word}” the adjective has the ending of “die” in the plural: {word} {said}.",
        uk=f"Після «{word}» прикметник у множині має закінчення від «die»: {word} {said}.",
    )


def _explanation(frame: Frame, noun: Noun, article: str, said: str, ending: str) -> Text:
    whole = f"{article} {said}".strip()
    case = _CASES[frame.case]
    if frame.number == "pl" and frame.article == "none":
        return Text(
            de=f"Ohne Artikel hat das Adjektiv im Plural die Endung von „die“: {whole}.",
            en=f"Without an article the adjective has the ending of “die” in the plural: {whole}.",
            uk=f"Без артикля прикметник у множині має закінчення від «die»: {whole}.",
        )
    if frame.number == "pl":
        return Text(
            de=f"Nach „{article}“ hat das Adjektiv im Plural immer -en: {whole}.",
            en=f"After “{article}” the adjective always has -en in the plural: {whole}.",
            uk=f"Після «{article}» прикметник у множині завжди має -en: {whole}.",
        )
    gender = genders.gender(noun)
    if frame.article == "none":
        der = nominal.article("definite", noun.gender, frame.case)
        return Text(
            de=f"Ohne Artikel hat das Adjektiv die Endung von „{der}“ ({case.de}): {whole}.",
            en=f"Without an article the adjective has the ending of “{der}” ({case.en}): {whole}.",
            uk=f"Без артикля прикметник має закінчення від «{der}» ({case.uk}): {whole}.",
        )
    return Text(
        de=f"„{noun.noun}“ ist {gender.de}, hier im {case.de}. Nach „{article}“ hat das Adjektiv "
        f"dann -{ending}: {whole}.",
        en=f"“{noun.noun}” is {gender.en}, here in the {case.en}. After “{article}” the adjective "
        f"then has -{ending}: {whole}.",
        uk=f"«{noun.noun}» – {gender.uk}, тут {case.uk}. Після «{article}» прикметник тоді має "
        f"-{ending}: {whole}.",
    )


def _predicate(template: Template, slot: Slot, lexicon: Lexicon) -> Iterator[Question]:
    """Ask for the bare adjective. The comparative fits such a sentence and is never offered."""
    card = next(each for each in lexicon.rules if each.id == "adj-after-sein")
    rows = fitting.adjectives(slot, template.level, lexicon.adjectives)
    names = choosing.shuffled(template.id, [row.adjective for row in rows])[:6]
    for row in rows:
        base = row.adjective
        if base not in names or base in _WITHOUT_ENDING or base.endswith("e"):
            continue
        stem = nominal.adjective_stem(base)
        sentence = template.de.replace("{" + slot.name + "}", GAP)
        yield Question(
            quiz_id=choosing.quiz_id(FAMILY, base, template.id.removeprefix("adjective-")),
            family=FAMILY,
            lemma=base,
            rule=card.id,
            frame=template.id,
            question=f"{sentence} ({base})",
            options=(base, f"{stem}e", f"{stem}es", f"{stem}en"),
            explanation_de=f"Nach „sein“ hat das Adjektiv keine Endung: {base}.",
            explanation_en=f"After “sein” the adjective has no ending: {base}.",
            explanation_uk=f"Після «sein» прикметник не має закінчення: {base}.",
            level=choosing.hardest(template.level, row.level, card.level),
            topic=card.topic,
        )
