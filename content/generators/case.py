"""The article of a noun in the case that its sentence asks for."""

from collections.abc import Iterator
from dataclasses import dataclass

from content import fitting
from content.generators import choosing, genders, nominal
from content.questions import Question
from content.schema import Lexicon, Noun, Slot, Template, Text

FAMILY = "case"
GAP = "___"
# As many nouns of one template at most, so that no sentence is met too often.
_PER_TEMPLATE = 12

_CASES = ("nom", "acc", "dat", "gen")
_SHORT = {
    # preposition with its article, as it is said
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("an", "das"): "ans",
    ("bei", "dem"): "beim",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}
_ACCUSATIVE = ("durch", "für", "gegen", "ohne", "um")
_DATIVE = ("aus", "bei", "mit", "nach", "seit", "von", "zu")
_GENITIVE = ("wegen", "während", "trotz")
_TWO_WAY = ("an", "auf", "hinter", "in", "neben", "über", "unter", "vor", "zwischen")

# Verbs with dative, and two-way prepositions whose case the verb decides, not a place.
_DATIVE_VERBS = {
    "dative-help-person": "helfen",
    "dative-belongs-to": "gehören",
    "dative-suits-person": "gefallen",
    "dative-thank-person": "danken",
}
_VERB_PREPOSITIONS = {
    "accusative-wait-for": "warten auf",
    "dative-take-part": "teilnehmen an",
    "dative-satisfied-with": "zufrieden mit",
    "dative-benefit-from": "profitieren von",
    "dative-contribute-to": "beitragen zu",
}
_WHEN = ("dative-time-ago", "dative-before-event", "dative-on-weekday")
# A second case is possible there, with another sense or in speech: it is no wrong option.
_ALSO_DATIVE = (
    *("accusative-wait-for", "genitive-during", "genitive-because-of-weather", "genitive-despite"),
)
_NAMES = {
    "acc": Text(de="Akkusativ", en="accusative", uk="знахідний відмінок"),
    "dat": Text(de="Dativ", en="dative", uk="давальний відмінок"),
    "gen": Text(de="Genitiv", en="genitive", uk="родовий відмінок"),
}
_QUESTIONS = {"acc": "wen? was?", "dat": "wem?", "gen": "wessen?"}
_ASKED = {
    "acc": Text(de="Wen oder was?", en="Wen or was (whom, what)?", uk="Wen чи was (кого, що)?"),
    "dat": Text(de="Wem?", en="Wem (to whom)?", uk="Wem (кому)?"),
    "gen": Text(de="Wessen?", en="Wessen (whose)?", uk="Wessen (чий)?"),
}
# Their dative and accusative without an ending is accepted.
_TWO_DECLENSIONS = choosing.words("Nachbar Bär Bauer Magnet Planet")


@dataclass(frozen=True, slots=True)
class Sense:
    """The rule card for a sentence, and why the case is what it is, without a full stop."""

    rule: str
    text: Text


def generate(lexicon: Lexicon) -> Iterator[Question]:
    """Yield questions for each template of a case and the nouns that fit it."""
    rules = {rule.id: rule for rule in lexicon.rules}
    for template in lexicon.templates:
        slot = template.slots[0]
        if template.family != FAMILY or len(template.slots) != 1 or slot.case == "nom":
            continue
        nouns = [
            noun
            for noun in fitting.nouns(slot, template.level, lexicon.nouns)
            if _is_certain(noun, slot)
        ]
        made = 0
        for noun in choosing.shuffled(f"case|{template.id}", [noun.noun for noun in nouns]):
            row = next(each for each in nouns if each.noun == noun)
            parts = _parts(template, slot, row)
            if parts is None:
                continue
            question, options, sense = parts
            rule = rules[sense.rule]
            made += 1
            yield Question(
                quiz_id=choosing.quiz_id(FAMILY, row.noun, template.id),
                family=FAMILY,
                lemma=row.noun,
                rule=rule.id,
                frame=template.id,
                question=question,
                options=options,
                explanation_de=f"{sense.text.de}.",
                explanation_en=f"{sense.text.en}.",
                explanation_uk=f"{sense.text.uk}.",
                level=choosing.hardest(row.level, template.level, rule.level),
                topic=rule.topic,
            )
            if made == _PER_TEMPLATE:
                break


def _is_certain(noun: Noun, slot: Slot) -> bool:
    if slot.number == "pl":
        return len(noun.plurals) == 1
    if noun.noun in _TWO_DECLENSIONS and slot.case != "gen":
        return False
    return slot.article != "none" and genders.is_certain(noun)


def _parts(template: Template, slot: Slot, noun: Noun) -> tuple[str, tuple[str, ...], Sense] | None:
    """Return the question, its options and why; nothing where four options cannot be had."""
    marker = "{" + slot.name + "}"
    if slot.number == "pl":
        return _dative_plural(template, noun, marker)
    if nominal.is_weak(noun) and slot.case in ("acc", "dat"):
        return _weak(template, slot, noun, marker)
    shown = nominal.singular(noun, slot.case)
    before = template.de.split(marker)[0].split()
    preposition = before[-1].lower() if before else ""
    if slot.article == "definite" and preposition in ("in", "an", "von", "zu"):
        options = _with_preposition(preposition, slot, noun, shown)
        gap = f"{before[-1]} {marker}"
        if before[-1] != preposition:
            options = tuple(choosing.capital(option) for option in options)
    else:
        options = _articles(template, slot, noun, shown)
        gap = marker
    if len(options) < 4:
        return None
    question = template.de.replace(gap, f"{GAP} {shown}")
    if question.startswith(GAP):
        options = tuple(choosing.capital(option) for option in options)
    gender, right = genders.gender(noun), f"{options[0]} {shown}"
    end = Text(
        de=f"„{noun.noun}“ ist {gender.de}: {right}",
        en=f"“{noun.noun}” is {gender.en}: {right}",
        uk=f"«{noun.noun}» – {gender.uk}: {right}",
    )
    return question, options, _sense(template, slot, preposition, end)


def _articles(template: Template, slot: Slot, noun: Noun, shown: str) -> tuple[str, ...]:
    forms = nominal.articles(slot.article, noun.gender)
    right = forms[_CASES.index(slot.case)]
    wrong = [
        form
        for case, form in zip(_CASES, forms, strict=True)
        if not (case == "dat" and template.id in _ALSO_DATIVE)
        and not (case == "gen" and slot.article != "definite" and noun.gender != "f")
    ]
    others = [
        nominal.article(slot.article, gender, case)
        for gender, case in (("m", "acc"), ("m", "nom"), ("f", "dat"), ("n", "dat"), ("f", "nom"))
    ]
    barred = {right, *_plural_articles(slot, noun, shown)}
    if template.id in _ALSO_DATIVE:
        barred.add(nominal.article(slot.article, noun.gender, "dat"))
    return choosing.distinct(right, [form for form in (*wrong, *others) if form not in barred])


def _plural_articles(slot: Slot, noun: Noun, shown: str) -> tuple[str, ...]:
    """Return the articles that would make the noun in the sentence a plural."""
    if nominal.is_same_in_plural(noun, slot.case, shown):
        return (nominal.article(slot.article, "pl", slot.case),)
    return ()


def _with_preposition(preposition: str, slot: Slot, noun: Noun, shown: str) -> tuple[str, ...]:
    right = _short(preposition, nominal.article("definite", noun.gender, slot.case))
    pairs = {
        "in": ("im", "ins", "in der", "in den", "in die"),
        "an": ("am", "ans", "an der", "an den"),
        "von": ("vom", "von der", "von den", "von das"),
        "zu": ("zum", "zur", "zu den", "zu die"),
    }[preposition]
    plural = [f"{preposition} {form}" for form in _plural_articles(slot, noun, shown)]
    wrong = [form for form in pairs if form != right and form not in plural]
    return choosing.distinct(right, choosing.shuffled(f"{noun.noun}|{slot.name}", wrong))


def _short(preposition: str, article: str) -> str:
    return _SHORT.get((preposition, article), f"{preposition} {article}")


def _weak(
    template: Template, slot: Slot, noun: Noun, marker: str
) -> tuple[str, tuple[str, ...], Sense]:
    """Ask for article and noun at once: in the form of the noun lies the difficulty."""
    oblique = nominal.singular(noun, slot.case)
    right = f"{nominal.article(slot.article, noun.gender, slot.case)} {oblique}"
    article = nominal.article(slot.article, noun.gender, slot.case)
    other = "dat" if slot.case == "acc" else "nom"
    wrong = (
        f"{article} {noun.noun}",
        f"{nominal.article(slot.article, noun.gender, 'nom')} {noun.noun}",
        f"{nominal.article(slot.article, noun.gender, other)} {oblique}",
    )
    question = template.de.replace(marker, GAP)
    base = f"der {noun.noun}"
    end = Text(
        de=f"„{base}“ hat dann -(e)n: {right}",
        en=f"“{base}” then has -(e)n: {right}",
        uk=f"«{base}» тоді має -(e)n: {right}",
    )
    before = template.de.split(marker)[0].split()
    text = _sense(template, slot, before[-1].lower() if before else "", end).text
    if noun.noun in ("Name", "Gedanke", "Buchstabe", "Familienname", "Nachname", "Vorname"):
        return question, (right, *wrong), Sense("n-declension-name", text)
    return question, (right, *wrong), Sense("n-declension", text)


def _dative_plural(
    template: Template, noun: Noun, marker: str
) -> tuple[str, tuple[str, ...], Sense] | None:
    nominative, right = noun.plurals[0], nominal.plural(noun, "dat")
    if nominative == right or noun.noun.endswith("e"):
        return None
    wrong = (nominative, nominal.singular(noun, "gen"), f"{nominative}s", f"{right}s")
    options = choosing.distinct(right, wrong)
    question = f"{template.de.replace(marker, GAP)} ({noun.noun}, Plural)"
    text = Text(
        de=f"Im Dativ Plural bekommt das Nomen -n: die {nominative}, mit den {right}",
        en=f"In the dative plural the noun takes -n: die {nominative}, mit den {right}",
        uk=f"У давальному множини іменник отримує -n: die {nominative}, mit den {right}",
    )
    return question, options, Sense("dative-article", text)


def _sense(template: Template, slot: Slot, preposition: str, end: Text) -> Sense:
    """Return why the case is what it is, with `end` behind it."""
    name = _NAMES[slot.case]
    asked = _QUESTIONS[slot.case]

    def sense(rule: str, de: str, en: str, uk: str) -> Sense:
        return Sense(rule, Text(de=f"{de}. {end.de}", en=f"{en}. {end.en}", uk=f"{uk}. {end.uk}"))

    if verb := _VERB_PREPOSITIONS.get(template.id):
        rule = "prep-dative" if preposition in _DATIVE else "verb-prep-case"
        return sense(
            rule,
            f"Nach „{verb}“ steht der {name.de} ({asked})",
            f"“{verb}” takes the {name.en} ({asked})",
            f"Після «{verb}» – {name.uk} ({asked})",
        )
    if preposition in (*_ACCUSATIVE, *_DATIVE):
        rule = "prep-accusative" if preposition in _ACCUSATIVE else "prep-dative"
        return sense(
            rule,
            f"Nach „{preposition}“ steht immer der {name.de} ({asked})",
            f"“{preposition}” always takes the {name.en} ({asked})",
            f"Після «{preposition}» завжди {name.uk} ({asked})",
        )
    if preposition in _GENITIVE:
        return sense(
            "genitive-wegen",
            f"Nach „{preposition}“ steht der {name.de}",
            f"“{preposition}” takes the {name.en}",
            f"Після «{preposition}» – {name.uk}",
        )
    if template.id in _WHEN:
        return sense(
            "vor-seit-time" if preposition == "vor" else "dative-article",
            f"Wann? Dann steht nach „{preposition}“ der {name.de}",
            f"When (wann)? Then “{preposition}” takes the {name.en}",
            f"Коли (wann)? Тоді після «{preposition}» – {name.uk}",
        )
    if preposition in _TWO_WAY:
        where = Text(de="Wo?", en="Where (wo)?", uk="Де (wo)?")
        if slot.case == "acc":
            where = Text(de="Wohin?", en="Where to (wohin)?", uk="Куди (wohin)?")
        return sense(
            "two-way",
            f"{where.de} Dann steht nach „{preposition}“ der {name.de}",
            f"{where.en} Then “{preposition}” takes the {name.en}",
            f"{where.uk} Тоді після «{preposition}» – {name.uk}",
        )
    if verb := _DATIVE_VERBS.get(template.id):
        return sense(
            "dative-verb-list",
            f"Nach „{verb}“ steht der {name.de} ({asked})",
            f"“{verb}” takes the {name.en} ({asked})",
            f"Після «{verb}» – {name.uk} ({asked})",
        )
    if template.id == "accusative-es-gibt-place":
        return sense(
            "es-gibt",
            f"Nach „es gibt“ steht der {name.de} ({asked})",
            f"“es gibt” takes the {name.en} ({asked})",
            f"Після «es gibt» – {name.uk} ({asked})",
        )
    cards = {"acc": "accusative-article", "dat": "dative-two-objects", "gen": "genitive-article"}
    question = _ASKED[slot.case]
    return sense(
        cards[slot.case],
        f"{question.de} Das ist der {name.de}",
        f"{question.en} That is the {name.en}",
        f"{question.uk} Це {name.uk}",
    )
