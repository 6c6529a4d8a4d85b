"""Files as records: each knows its file and line, and collects what is wrong with it."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# What a YAML file holds: every scalar is the text that stands there (so that `no` stays a word).
Value = str | list["Value"] | dict[str, "Value"]
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        place = [self.file]
        if self.line:
            place.append(f"line {self.line}")
        if self.field:
            place.append(self.field)
        return f"{', '.join(place)}: {self.text}"


@dataclass(slots=True)
class Record:
    """A row of a table or an entry of a list. Its questions complain, and answer nevertheless."""

    file: str
    line: int
    values: dict[str, Value]
    complaints: list[Complaint]
    lines: dict[Place, int] = field(default_factory=dict)
    within: Place = ()

    def complain(self, name: str, text: str, *place: str | int) -> None:
        """Say what is wrong with `name` (or with a place within it), and what to do."""
        path = (name, *place)
        line = self.line
        for depth in range(1, len(path) + 1):
            line = self.lines.get(path[:depth], line)
        shown = ".".join(str(part) for part in (*self.within, *path) if isinstance(part, str))
        self.complaints.append(Complaint(self.file, line, shown, text))

    def text(self, name: str) -> str:
        """Return what stands in `name`, or nothing."""
        value = self.values.get(name, "")
        if not isinstance(value, str):
            self.complain(name, "is a list or a mapping; write one text")
            return ""
        if value != value.strip() or "  " in value:
            self.complain(name, "has a space too many; remove it")
        return value.strip()

    def needed(self, name: str) -> str:
        """Return what stands in `name`, which must not be empty."""
        value = self.text(name)
        if not value and isinstance(self.values.get(name), str):
            self.complain(name, "is empty; fill it in")
        return value

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        """Return the one word of `allowed` that stands in `name`."""
        value = self.text(name)
        if value not in allowed and name in self.values:
            choices = ", ".join(word for word in allowed if word)
            nothing = " or nothing" if "" in allowed else ""
            self.complain(name, f"{value!r} is none of {choices}; write one of them{nothing}")
        return value

    def some_of(self, name: str, allowed: Sequence[str], *, required: bool) -> tuple[str, ...]:
        """Return the words in `name`, each of which must be one of `allowed`."""
        value = self.values.get(name, "")
        if isinstance(value, list):
            words = tuple(str(word) for word in value)
        else:
            words = tuple(self.text(name).split())
        if required and not words and name in self.values:
            self.complain(name, f"is empty; write at least one of {', '.join(allowed)}")
        for word in words:
            if word not in allowed:
                self.complain(name, f"{word!r} is none of {', '.join(allowed)}; write one of them")
        if len(set(words)) < len(words):
            self.complain(name, "names a word twice; remove one")
        return words

    def words(self, name: str) -> tuple[str, ...]:
        """Return the list of words in `name`, if there is one."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.complain(name, "is not a list of words; write [one, two]")
            return ()
        return tuple(str(word) for word in value)

    def part(self, name: str, values: dict[str, Value], *place: str | int) -> "Record":
        """Return a mapping within this entry as a record that complains here."""
        depth = 1 + len(place)
        inside = (name, *place)
        lines = {
            path[depth:]: number
            for path, number in self.lines.items()
            if path[:depth] == inside and len(path) > depth
        }
        line = self.lines.get(inside, self.line)
        return Record(self.file, line, values, self.complaints, lines, (*self.within, *inside))


def read_table(path: Path, columns: Sequence[str], complaints: list[Complaint]) -> Iterator[Record]:
    """Yield the rows of a CSV file whose header is `columns`, in this order."""
    text = _decode(path, complaints)
    if text is None:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    started = 1
    try:
        header = next(reader, [])
        if header != list(columns):
            complaints.append(Complaint(path.name, 1, *_wrong_header(header, columns)))
            return
        started = reader.line_num + 1
        for cells in reader:
            if not any(cells):
                complaints.append(Complaint(path.name, started, "", "is empty; remove the line"))
            elif len(cells) == len(columns):
                values: dict[str, Value] = dict(zip(columns, cells, strict=True))
                yield Record(path.name, started, values, complaints)
            else:
                problem = (
                    f"has {len(cells)} fields, the header {len(columns)}; "
                    "look for a comma that is missing, or that needs quotes round its field"
                )
                complaints.append(Complaint(path.name, started, "", problem))
            started = reader.line_num + 1
    except csv.Error as error:
        problem = f"cannot be read ({error}); look for a quote that is not closed"
        complaints.append(Complaint(path.name, started, "", problem))


def _wrong_header(header: Sequence[str], columns: Sequence[str]) -> tuple[str, str]:
    if len(header) == 1 and ";" in header[0]:
        return "", "the fields are separated by semicolons; save the file with commas"
    for name in header:
        if name not in columns:
            return name, f"is no column; the header is {','.join(columns)}"
    for name in columns:
        if name not in header:
            return name, f"is missing from the header; it is {','.join(columns)}"
    return "", f"the columns stand in another order; the header is {','.join(columns)}"


def read_list(
    path: Path, needed: Sequence[str], optional: Sequence[str], complaints: list[Complaint]
) -> Iterator[Record]:
    """Yield the entries of a YAML file that is a list of mappings."""
    text = _decode(path, complaints)
    if text is None:
        return
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = f"is not YAML ({error.problem}); look at the quotes, colons and indents there"
        complaints.append(Complaint(path.name, line, "", problem))
        return
    except yaml.YAMLError as error:
        complaints.append(Complaint(path.name, 1, "", f"is not YAML ({error})"))
        return
    if root is None:
        return
    if not isinstance(root, yaml.SequenceNode):
        complaints.append(Complaint(path.name, 1, "", "is not a list; begin each entry with `- `"))
        return
    for node in root.value:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            problem = "is no entry with fields; write `- id: ...`"
            complaints.append(Complaint(path.name, line, "", problem))
            continue
        lines: dict[Place, int] = {}
        values: dict[str, Value] = {}
        record = Record(path.name, line, values, complaints, lines)
        values.update(_mapping(node, (), record, set()))
        expect(record, needed, optional)
        yield record


def expect(record: Record, needed: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Complain of fields that are missing or that nobody knows."""
    for name in record.values:
        if name not in needed and name not in optional:
            known = ", ".join((*needed, *optional))
            record.complain(name, f"is no field here; the fields are {known}")
    for name in needed:
        if name not in record.values:
            record.complain(name, "is missing; add it")


def _mapping(
    node: yaml.MappingNode, place: Place, record: Record, seen: set[int]
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in values:
            line = key.start_mark.line + 1
            problem = "stands twice in one entry; remove one"
            record.complaints.append(Complaint(record.file, line, name, problem))
        record.lines[(*place, name)] = key.start_mark.line + 1
        values[name] = _value(value, (*place, name), record, seen)
    return values


def _value(node: yaml.Node, place: Place, record: Record, seen: set[int]) -> Value:
    line = record.lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in seen:
        # An alias is the node it names, which may even hold the alias.
        problem = "is an alias; write out what it stands for"
        record.complaints.append(Complaint(record.file, line, str(place[0]), problem))
        return ""
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, record, seen)
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return [_value(item, (*place, number), record, seen) for number, item in items]
    return str(node.value)


def _decode(path: Path, complaints: list[Complaint]) -> str | None:
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        complaints.append(Complaint(path.name, 1, "", "is UTF-16; save the file as UTF-8"))
        return None
    if raw.startswith(codecs.BOM_UTF8):
        problem = "begins with a byte order mark; save it as UTF-8 without one (no BOM)"
        complaints.append(Complaint(path.name, 1, "", problem))
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        # An ä may come as an a and two dots (from a Mac): nobody sees that, and so it is one here.
        return unicodedata.normalize("NFC", raw.decode())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        start = raw.rfind(b"\n", 0, error.start) + 1
        # Whoever saved it meant something: in Windows-1252 it is mostly an umlaut.
        letter = raw[error.start : error.start + 1].decode("cp1252", errors="replace")
        problem = f"{letter!r} is in Windows-1252 or the like; save the file as UTF-8"
        name = _field_at(raw, start, error.start) if path.suffix == ".csv" else ""
        complaints.append(Complaint(path.name, line, name, problem))
        return None


def _field_at(raw: bytes, line_start: int, byte: int) -> str:
    header = raw.split(b"\n", 1)[0].decode("cp1252", errors="replace").strip().split(",")
    before = raw[line_start:byte].decode("cp1252", errors="replace")
    # A field in quotes may hold commas, and this one may not be closed yet.
    number = len(next(csv.reader([before]), [""])) - 1 if before else 0
    return header[number] if number < len(header) else ""
