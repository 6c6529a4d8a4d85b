"""A directory becomes a lexicon, wholly or not at all."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from content import fitting, lists, tables, written
from content.records import Complaint, Record, read_list, read_table
from content.schema import (
    ROWS_PER_SLOT_MIN,
    WRITTEN_FAMILIES,
    Adjective,
    Lexicon,
    Noun,
    Slot,
    Template,
    Verb,
)

SHIPPED = Path(__file__).parent / "lexicon"
# The directory of the questions written by hand.
WRITTEN = "written"
FILES = (
    *("nouns.csv", "adjectives.csv", "verbs.csv", "verb_prepositions.csv"),
    *("templates.yaml", "topics.yaml", "rules.yaml"),
    *(f"{WRITTEN}/{family}.csv" for family in WRITTEN_FAMILIES),
)

# Which file has what fills a slot.
_SLOTS = {"noun": "nouns.csv", "adjective": "adjectives.csv", "verb": "verbs.csv"}

Row = TypeVar("Row")
# A row and the record it was made from, which can still complain.
Read = list[tuple[Row, Record]]


class LexiconError(Exception):
    """The lexicon cannot be used. `complaints` is all that is wrong with it, by file and line."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(sorted(set(complaints)))
        super().__init__("\n".join(str(complaint) for complaint in self.complaints))


def expect_files(path: Path = SHIPPED) -> None:
    """Raise `LexiconError` if a file is missing: the questions made of it would leave the bank."""
    problem = "is not there; put it back, or look at how its name is written"
    missing = [Complaint(name, 0, "", problem) for name in FILES if not (path / name).is_file()]
    if missing:
        raise LexiconError(missing)


def load(path: Path = SHIPPED, *, families: Collection[str] = WRITTEN_FAMILIES) -> Lexicon:
    """Return the lexicon in the directory `path`. A file that is not there counts as empty.

    Of the questions written by hand only those of `families` are read.

    Raises `LexiconError` with every complaint about every file.
    """
    if not path.is_dir():
        raise LexiconError([Complaint(str(path), 0, "", "is no directory; name the lexicon's")])
    files = _Files(path)
    nouns = files.table("nouns.csv", tables.NOUN_COLUMNS, tables.noun)
    adjectives = files.table("adjectives.csv", tables.ADJECTIVE_COLUMNS, tables.adjective)
    verbs = files.table("verbs.csv", tables.VERB_COLUMNS, tables.verb)
    pairs = files.table(
        "verb_prepositions.csv", tables.VERB_PREPOSITION_COLUMNS, tables.verb_preposition
    )
    templates = files.entries("templates.yaml", lists.template, lists.TEMPLATE_FIELDS)
    topics = files.entries("topics.yaml", lists.topic, lists.TOPIC_FIELDS)
    known_topics = [row.id for row, _ in topics] if files.has("topics.yaml") else None
    rules = files.entries(
        "rules.yaml",
        lambda entry: lists.rule(entry, known_topics),
        lists.RULE_FIELDS,
        lists.RULE_OPTIONS,
    )
    cards = {row.id: row for row, _ in rules} if files.has("rules.yaml") else None
    by_hand = [
        one
        for family in WRITTEN_FAMILIES
        if family in families
        for one in files.table(
            f"{WRITTEN}/{family}.csv",
            written.COLUMNS,
            partial(written.written, family=family, cards=cards),
        )
    ]
    files.complaints += _strange_files(path / WRITTEN)

    _unique(nouns, lambda row: row.noun, "noun")
    _unique(nouns, lambda row: row.emoji, "emoji")
    _unique(adjectives, lambda row: row.adjective, "adjective")
    _unique(verbs, lambda row: (row.verb, row.separable, row.reflexive), "verb")
    _unique(pairs, lambda row: (row.verb, row.preposition, row.case), "verb")
    _unique(templates, lambda row: row.id, "id")
    _unique(templates, lambda row: row.de, "de")
    _unique(topics, lambda row: row.id, "id")
    _unique(rules, lambda row: row.id, "id")
    _unique(by_hand, lambda row: row.id, "id")
    _unique(by_hand, lambda row: (row.question, row.right), "question")
    _opposites(adjectives)
    if not files.complaints:
        # Who fits a slot can only be said of rows that are right themselves.
        missing = {pos for pos, name in _SLOTS.items() if not files.has(name)}
        _slots(templates, rows(nouns), rows(adjectives), rows(verbs), missing)
    if files.complaints:
        raise LexiconError(files.complaints)
    return Lexicon(
        nouns=rows(nouns),
        adjectives=rows(adjectives),
        verbs=rows(verbs),
        verb_prepositions=rows(pairs),
        templates=rows(templates),
        topics=rows(topics),
        rules=rows(rules),
        written=rows(by_hand),
    )


@dataclass
class _Files:
    """The files of a lexicon, and all complaints about what was read of them."""

    path: Path
    complaints: list[Complaint] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def table(
        self, name: str, columns: tuple[str, ...], make: Callable[[Record], Row]
    ) -> Read[Row]:
        """Read a CSV file; of none, nothing."""
        if not self.has(name):
            return []
        records = read_table(self.path / name, columns, self.complaints)
        return [(make(record), record) for record in records]

    def entries(
        self,
        name: str,
        make: Callable[[Record], Row],
        needed: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> Read[Row]:
        """Read a YAML file; of none, nothing."""
        if not self.has(name):
            return []
        found = read_list(self.path / name, needed, optional, self.complaints)
        return [(make(entry), entry) for entry in found]


def rows(read: Read[Row]) -> tuple[Row, ...]:
    return tuple(row for row, _ in read)


def _unique(read: Read[Row], key: Callable[[Row], str | tuple[str, ...]], name: str) -> None:
    seen: dict[str | tuple[str, ...], int] = {}
    for row, record in read:
        value = key(row)
        if not value:
            continue
        if value in seen:
            shown = record.text(name)
            problem = f"{shown!r} stands in line {seen[value]} already; remove or change one"
            record.complain(name, problem)
        else:
            seen[value] = record.line


def _strange_files(directory: Path) -> list[Complaint]:
    """Complain of files that no family reads."""
    known = ", ".join(f"{family}.csv" for family in WRITTEN_FAMILIES)
    problem = f"belongs to no family; the files here are {known}"
    return [
        Complaint(file.name, 0, "", problem)
        for file in directory.glob("*.csv")
        if file.stem not in WRITTEN_FAMILIES
    ]


def _opposites(read: Read[Adjective]) -> None:
    known = {row.adjective for row, _ in read}
    for row, record in read:
        if row.opposite and row.opposite not in known:
            problem = f"{row.opposite!r} is not in the file; add it or leave this empty"
            record.complain("opposite", problem)


def _slots(
    read: Read[Template],
    nouns: tuple[Noun, ...],
    adjectives: tuple[Adjective, ...],
    verbs: tuple[Verb, ...],
    missing: set[str],
) -> None:
    for row, record in read:
        for slot in row.slots:
            if slot.pos in missing:
                continue
            if slot.pos == "noun":
                fit = [noun.noun for noun in fitting.nouns(slot, row.level, nouns)]
            elif slot.pos == "adjective":
                fit = [each.adjective for each in fitting.adjectives(slot, row.level, adjectives)]
            else:
                fit = [verb.verb for verb in fitting.verbs(slot, row.level, verbs)]
            _fit(record, slot, fit)


def _fit(record: Record, slot: Slot, fit: list[str]) -> None:
    for word in slot.words:
        if word not in fit:
            problem = (
                f"{word!r} is named, but no {slot.pos} of that name fits; "
                "check its class, level and number, or remove it"
            )
            record.complain("slots", problem, slot.name)
    if len(fit) < ROWS_PER_SLOT_MIN:
        problem = (
            f"is fitted by {len(fit)} rows, {ROWS_PER_SLOT_MIN} is the least; "
            "name wider classes or a higher level"
        )
        record.complain("slots", problem, slot.name)
