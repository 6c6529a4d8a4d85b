"""The YAML files: templates, topics and rule cards, each entry with all that is wrong with it."""

import re
from collections.abc import Sequence

from content.records import Record, expect
from content.schema import (
    ADJECTIVE_FORMS,
    ARTICLES,
    CASES,
    CLASSES,
    FAMILIES,
    FRAMES,
    LANGUAGES,
    LEVELS,
    NUMBERS,
    PARTS_OF_SPEECH,
    RULE_TEXT_MAX,
    TABLE_LINE_MAX,
    THEMES,
    VERB_FORMS,
    RuleCard,
    Slot,
    Template,
    Text,
    Topic,
)
from content.spelling import wrong_letters
from content.tables import sentence

TEMPLATE_FIELDS = ("id", "level", "family", "de", "slots", "en", "uk")
SLOT_FIELDS = ("pos", "classes")
SLOT_OPTIONS = {
    "noun": ("themes", "words", "exclude", "case", "number", "article"),
    "adjective": ("themes", "words", "exclude", "case", "number", "form"),
    "verb": ("themes", "words", "exclude", "frames", "form"),
}
TOPIC_FIELDS = ("id", "level", "title")
RULE_FIELDS = ("id", "level", "topic", "title", "text", "examples")
RULE_OPTIONS = ("table",)

# Where the prefix of a separable verb stands: `Er {verb} um sieben Uhr {verb.prefix}.`
PREFIX = ".prefix"

_MARKER = re.compile(r"\{([^{}]*)\}")
_ID = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")


def template(entry: Record) -> Template:
    de = sentence(entry, "de")
    marked = set(_MARKER.findall(de))
    split = {name.removesuffix(PREFIX) for name in marked if name.endswith(PREFIX)}
    slots = _slots(entry, split)
    names = {slot.name for slot in slots}
    marked -= {f"{slot.name}{PREFIX}" for slot in slots if slot.pos == "verb"}
    for name in sorted(marked - names):
        entry.complain("de", f"{{{name}}} is no slot; add it to slots")
    for name in sorted(names - marked):
        entry.complain("slots", f"the sentence has no {{{name}}}; write it into de", name)
    glosses = {language: sentence(entry, language) for language in ("en", "uk")}
    for language, text in glosses.items():
        for name in sorted(set(_MARKER.findall(text)) - names):
            entry.complain(language, f"{{{name}}} is no slot; add it to slots")
    return Template(
        id=identifier(entry),
        level=entry.one_of("level", LEVELS),
        family=entry.one_of("family", FAMILIES),
        de=de,
        en=glosses["en"],
        uk=glosses["uk"],
        slots=slots,
    )


def topic(entry: Record) -> Topic:
    return Topic(
        id=identifier(entry), level=entry.one_of("level", LEVELS), title=_text(entry, "title")
    )


def rule(entry: Record, topics: Sequence[str] | None) -> RuleCard:
    """Return a rule card; its topic must be one of `topics`, if the file of topics is there."""
    text = _text(entry, "text")
    for language in LANGUAGES:
        if (length := len(getattr(text, language))) > RULE_TEXT_MAX:
            problem = f"has {length} characters; {RULE_TEXT_MAX} is the most, shorten it"
            entry.complain("text", problem, language)
    name = entry.needed("topic")
    if name and topics is not None and name not in topics:
        entry.complain("topic", f"{name!r} is not in topics.yaml; add it there or write another")
    return RuleCard(
        id=identifier(entry),
        level=entry.one_of("level", LEVELS),
        topic=name,
        title=_text(entry, "title"),
        text=text,
        examples=_examples(entry),
        table=_table(entry),
    )


def identifier(entry: Record) -> str:
    value = entry.needed("id")
    if value and not _ID.fullmatch(value):
        entry.complain("id", f"{value!r} is no id; use a-z, 0-9 and single hyphens")
    return value


def _slots(entry: Record, split: set[str]) -> tuple[Slot, ...]:
    value = entry.values.get("slots", {})
    if not isinstance(value, dict) or not value:
        entry.complain("slots", "has no slot; write `name: {pos: noun, classes: [food_solid]}`")
        return ()
    slots = []
    for name, options in value.items():
        if isinstance(options, dict):
            slots.append(_slot(name, entry.part("slots", options, name), name in split))
        else:
            entry.complain("slots", "is no slot; write {pos: noun, classes: [dish]}", name)
    return tuple(slots)


def _slot(name: str, part: Record, is_split: bool) -> Slot:
    pos = part.one_of("pos", PARTS_OF_SPEECH)
    expect(part, SLOT_FIELDS, SLOT_OPTIONS.get(pos, ()))
    classes = part.some_of("classes", CLASSES, required=False)
    words = part.words("words")
    if not classes and not words:
        part.complain("classes", "is empty, and there are no words; write a class or the words")
    forms = VERB_FORMS if pos == "verb" else ADJECTIVE_FORMS
    return Slot(
        name=name,
        pos=pos,
        classes=classes,
        themes=part.some_of("themes", THEMES, required=False),
        frames=part.some_of("frames", FRAMES, required=False),
        words=words,
        exclude=part.words("exclude"),
        case=part.one_of("case", CASES) if "case" in part.values else "nom",
        number=part.one_of("number", NUMBERS) if "number" in part.values else "sg",
        article=part.one_of("article", ARTICLES) if "article" in part.values else "none",
        form=part.one_of("form", forms) if "form" in part.values else forms[0],
        is_split=is_split,
    )


def _text(entry: Record, name: str) -> Text:
    value = entry.values.get(name, {})
    if not isinstance(value, dict):
        entry.complain(name, "needs three languages; write de, en and uk under it")
        return Text(de="", en="", uk="")
    return _languages(entry.part(name, value), entry, name)


def _languages(part: Record, entry: Record, *place: str | int) -> Text:
    texts = {}
    for language in LANGUAGES:
        value = part.values.get(language, "")
        text = value.strip() if isinstance(value, str) else ""
        texts[language] = text
        problem = wrong_letters(text, language) if text else "is empty; fill it in"
        if problem:
            entry.complain(str(place[0]), problem, *place[1:], language)
    for extra in part.values.keys() - set(LANGUAGES):
        entry.complain(str(place[0]), "is no language here; write de, en, uk", *place[1:], extra)
    return Text(**texts)


def _examples(entry: Record) -> tuple[Text, ...]:
    value = entry.values.get("examples", [])
    if not isinstance(value, list) or not value:
        entry.complain("examples", "has none; write at least one with de, en and uk")
        return ()
    examples = []
    for number, example in enumerate(value):
        if isinstance(example, dict):
            part = entry.part("examples", example, number)
            examples.append(_languages(part, entry, "examples", number))
        else:
            entry.complain("examples", "is no example; write de, en and uk", number)
    return tuple(examples)


def _table(entry: Record) -> tuple[str, ...]:
    lines = entry.words("table")
    for number, line in enumerate(lines):
        if len(line) > TABLE_LINE_MAX:
            problem = f"{line!r} has {len(line)} characters; {TABLE_LINE_MAX} is the most"
            entry.complain("table", problem, number)
    return lines
