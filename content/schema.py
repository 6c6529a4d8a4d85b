"""What a lexicon holds: its closed lists, and one frozen class for each kind of row."""

from dataclasses import dataclass

LEVELS = ("A1", "A2", "B1", "B2")
GENDERS = ("m", "f", "n", "pl")
AUXILIARIES = ("haben", "sein", "haben/sein")
REFLEXIVES = ("", "acc", "dat")
SEPARABLES = ("", "yes", "no")
CASES = ("nom", "acc", "dat", "gen")
NUMBERS = ("sg", "pl")
LANGUAGES = ("de", "en", "uk")
PARTS_OF_SPEECH = ("noun", "verb", "adjective")
FRAMES = (
    *("nom", "nom_acc", "nom_dat", "nom_dat_acc", "nom_prep"),
    *("nom_dir", "nom_loc", "nom_inf", "nom_dass"),
)
THEMES = (
    *("family", "food", "drinks", "clothes", "body", "health", "home", "furniture", "kitchen"),
    *("jobs", "work", "school", "city", "traffic", "travel", "countries", "nature", "animals"),
    *("weather", "time", "leisure", "sport", "music", "media", "computer", "shopping", "money"),
    *("offices", "feasts", "feelings", "people", "communication", "science", "politics"),
    *("economy", "environment", "abstract"),
)
CLASSES = (
    *("person", "relative", "professional", "animal", "food_solid", "food_liquid", "fruit"),
    *("vegetable", "dish", "clothes", "body_part", "furniture", "room", "building", "place"),
    *("vehicle", "tool", "device", "container", "writing", "media_item", "plant", "weather"),
    *("timespan", "event", "document", "money", "substance", "abstract", "feeling", "language"),
    *("country", "sport", "game", "material", "institution", "group"),
)
FAMILIES = (
    *("article", "plural", "present", "perfect", "separable", "past", "case", "adjective"),
    *("comparison", "order", "preposition", "numbers", "vocabulary"),
)
# Families whose questions are written one by one, each in a file of its name, and their modes.
WRITTEN_FAMILIES = ("connectors", "upper", "phrases")
WRITTEN_CATEGORIES = ("QUICK_MIX_A1A2", "WORD_ORDER")
# The article that stands before a noun in a slot. `none` leaves the bare noun.
ARTICLES = ("none", "definite", "indefinite", "kein", "mein", "dein", "dieser")
# How an adjective or a verb stands in a slot; the first is what a slot without `form` has.
ADJECTIVE_FORMS = ("base", "declined", "comparative", "superlative")
VERB_FORMS = ("infinitive", "present", "subordinate", "preterite", "participle")

ROWS_PER_SLOT_MIN = 5
RULE_TEXT_MAX = 500
TABLE_LINE_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """A noun. `plurals` is empty where none is in use, and for a noun that is always plural."""

    noun: str
    gender: str
    plurals: tuple[str, ...]
    level: str
    theme: str
    classes: tuple[str, ...]
    emoji: str
    en: tuple[str, ...]
    uk: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjective:
    """An adjective. `classes` are the nouns it describes; what has no comparison has two blanks."""

    adjective: str
    comparative: str
    superlative: str
    level: str
    theme: str
    classes: tuple[str, ...]
    en: tuple[str, ...]
    uk: tuple[str, ...]
    opposite: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    verb: str
    level: str
    theme: str
    present_3sg: str
    preterite_3sg: str
    participle: str
    auxiliary: str
    prefix: str
    separable: str
    reflexive: str
    frames: tuple[str, ...]
    object_classes: tuple[str, ...]
    subject_classes: tuple[str, ...]
    en: tuple[str, ...]
    uk: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbPreposition:
    verb: str
    preposition: str
    case: str
    object_classes: tuple[str, ...]
    person_question: str
    thing_question: str
    da_word: str
    level: str
    example: str
    en: str
    uk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in a template, and which rows fit it.

    A noun or an adjective fits by a class, a verb by a class of its object; `themes`, `words` and
    `exclude` narrow that, `frames` asks a verb for one of them. `is_split` is true where the
    sentence has a place for the prefix of a separable verb. Rows above the template's level never
    fit, nor do reflexive verbs.
    """

    name: str
    pos: str
    classes: tuple[str, ...]
    themes: tuple[str, ...]
    frames: tuple[str, ...]
    words: tuple[str, ...]
    exclude: tuple[str, ...]
    case: str
    number: str
    article: str
    form: str
    is_split: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    id: str
    level: str
    family: str
    de: str
    en: str
    uk: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The same in three languages."""

    de: str
    en: str
    uk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    id: str
    level: str
    title: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCard:
    id: str
    level: str
    topic: str
    title: Text
    text: Text
    examples: tuple[Text, ...]
    table: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A question that somebody has written as it stands; `family` is the name of its file."""

    id: str
    family: str
    level: str
    category: str
    topic: str
    rule: str
    question: str
    right: str
    wrong: tuple[str, ...]
    explanation: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    nouns: tuple[Noun, ...]
    adjectives: tuple[Adjective, ...]
    verbs: tuple[Verb, ...]
    verb_prepositions: tuple[VerbPreposition, ...]
    templates: tuple[Template, ...]
    topics: tuple[Topic, ...]
    rules: tuple[RuleCard, ...]
    written: tuple[Written, ...]
