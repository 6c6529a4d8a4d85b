"""Tables as files: CSV in the dialects that spreadsheets write, and Excel workbooks.

Reading takes bytes from people, so everything is bounded before it is read, and what cannot be
understood is refused with a sentence that says what to do. A cell is taken as the spreadsheet
displays it; where that depends on the country or on a calculation, the cell is a problem with its
name and line. What `csv_file` and `workbook` write reads the same again, also after Excel has
opened and saved it.
"""

import csv
import datetime as dt
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import Any, NoReturn
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

import structlog

BYTES_MAX = 5 * 1024 * 1024
ROWS_MAX = 20_000
COLUMNS_MAX = 64
# A workbook is a ZIP archive of XML: so much may come out of it.
UNPACKED_BYTES_MAX = 40 * 1024 * 1024
PARTS_MAX = 500
PROBLEMS_MAX = 200

# Error values as spreadsheets show them in English, German and Ukrainian.
ERROR_VALUES = {
    *("#N/A", "#NV", "#Н/Д", "#VALUE!", "#WERT!", "#ЗНАЧ!", "#REF!", "#BEZUG!", "#ПОСИЛАННЯ!"),
    *("#NAME?", "#ІМ'Я?", "#DIV/0!", "#ДІЛ/0!", "#NUM!", "#ZAHL!", "#ЧИСЛО!", "#NULL!", "#SPILL!"),
    *("#ÜBERLAUF!", "#CALC!", "#KALK!", "#FIELD!", "#FELD!", "#GETTING_DATA", "#####"),
}
# What Excel writes for a truth value; somebody typed a word.
TRUTH_VALUES = {"TRUE", "FALSE", "WAHR", "FALSCH", "ІСТИНА", "ХИБНІСТЬ"}
# What Excel changes when it opens a CSV file: formulas, words for truth values, numbers that it
# writes differently, dates, times. Plain whole numbers stay as they are.
_CHANGED_BY_EXCEL = re.compile(
    r"""
      [=+\-@\uff1d\uff0b\uff0d\uff20].*
    | (?: true | false | wahr | falsch | істина | хибність )
    | (?: 0\d+ | \d{12,} )
    | (?=.*\d) [\d\s.,:/%€$]* [.,:/%€$\s] [\d\s.,:/%€$\-]*
    | \d[\d\s./\-]*-[\d\s./\-]*\d
    | \d+[.,]?\d* e [+\-]?\d+
    | \d[\d:.,\s]* (?: am | pm )
    | (?: \d{1,2}[.\s/\-]* )? (?: jan | feb | m[aä]r | mrz | apr | ma[iy] | jun | jul | aug | sep
        | o[kc]t | nov | de[cz] )[a-zä]*[.\s/\-]*\d*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# What Windows-1252 (Western Europe) and Windows-1250 (Central Europe) write alike: all of German.
_SAFE_LEGACY = {
    char
    for byte in range(0x80, 0x100)
    if (char := bytes([byte]).decode("cp1252", "ignore"))
    and char == bytes([byte]).decode("cp1250", "ignore")
}
# Parts of date formats whose result is the same in every country.
_DATE_TOKENS = {
    "yyyy": "{0:%Y}",
    "yy": "{0:%y}",
    "mm": "{0:%m}",
    "m": "{0.month}",
    "dd": "{0:%d}",
    "d": "{0.day}",
    "hh": "{0:%H}",
    "h": "{0.hour}",
    "MM": "{0:%M}",
    "ss": "{0:%S}",
}
# Excel displays these two as the country likes it (ECMA-376, part 1, 18.8.30: 14 and 22).
_COUNTRY_FORMATS = {"mm-dd-yy", "m/d/yy h:mm"}

log = structlog.get_logger(__name__)


class UnreadableFileError(ValueError):
    """The file cannot be read as a whole; the sentence says what to do. Nothing has been stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with the numbers of their lines, and (line, sentence) for cells that cannot be taken."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


class _CellError(ValueError):
    """A cell is not what somebody typed; the sentence says what to do."""


# --- Reading --------------------------------------------------------------------------------------


def read(raw: bytes, *, csv_rows_max: int = ROWS_MAX) -> Table:
    """Return the rows of a CSV file or of the first sheet of a workbook, without empty ones.

    What the bytes are decides, not a file's name. CSV is read fast enough for more rows than a
    workbook, if the caller takes them. Raises UnreadableFileError.
    """
    if len(raw) > BYTES_MAX:
        raise UnreadableFileError(
            f"The file has {len(raw) / 1024**2:.1f} MB, and at most {BYTES_MAX // 1024**2} are "
            "read: divide it."
        )
    if raw.startswith(b"PK\x03\x04"):
        return _read_workbook(raw)
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError(
            "This is a workbook of an old kind (.xls) or one with a password: save it as .xlsx "
            "without a password."
        )
    return read_text(_decoded(raw), rows_max=csv_rows_max)


def _decoded(raw: bytes) -> str:
    """Return the text of a CSV file, which Excel writes as UTF-8, UTF-16 or Windows-1252."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise UnreadableFileError(
                "The file begins like UTF-16 text, but is not: save the file as “CSV UTF-8”."
            ) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = raw.decode("cp1252", "replace")
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            if any(char > "\x7f" and char not in _SAFE_LEGACY for char in line):
                raise UnreadableFileError(
                    f"Line {number} has letters in an unknown encoding: save the file as "
                    "“CSV UTF-8”."
                ) from error
        return text


def read_text(text: str, *, rows_max: int = ROWS_MAX) -> Table:
    """Return the rows of CSV text; a first line "sep=;" names the separator, as Excel has it.

    Otherwise the first line that has any separator says which. Raises UnreadableFileError.
    """
    declared = re.match(r'"?sep=(.)"?[,;\t]*(?:\r\n|\r|\n)', text, re.IGNORECASE)
    body = text[declared.end() :] if declared else text
    # Anchored: to look again from each letter of a long line without any takes minutes and hours.
    first = re.search(r"^[^\n,;\t|]*[,;\t|].*", body, re.MULTILINE)
    delimiter = declared[1] if declared else max(",;\t|", key=first[0].count if first else "".count)
    lines_before = 1 if declared else 0
    reader = csv.reader(StringIO(body, newline=""), delimiter=delimiter, strict=True)
    table = Table()
    line = 1 + lines_before
    try:
        for row in reader:
            _check_size(line=len(table.rows) + 1, columns=_length(row), rows_max=rows_max)
            if any(cell.strip() for cell in row):
                table.rows.append((line, [_from_csv(table, line, cell) for cell in row]))
            line = reader.line_num + 1 + lines_before
    except csv.Error as error:
        raise UnreadableFileError(
            f"Line {line} is not CSV ({error}): put text with quotes or separators between double "
            "quotes, and write each double quote in it twice."
        ) from None
    return table


def _from_csv(table: Table, line: int, cell: str) -> str:
    """Return a cell without the apostrophe that protects it from Excel; note what Excel made."""
    cell = cell.strip()
    if cell in ERROR_VALUES:
        _note(table, line, f"a cell shows the error {cell}: type what belongs there.")
    elif cell in TRUTH_VALUES:
        _note(table, line, f"a cell is the truth value {cell}: type the word as players read it.")
    elif cell.startswith("'") and _is_changed_by_excel(cell[1:]):
        return cell[1:]
    return cell


def _read_workbook(raw: bytes) -> Table:
    """Return the rows of the first sheet. Raises UnreadableFileError."""
    rows_max, columns_max = _filled_area(raw)
    table = Table()
    try:
        values = _cells(raw, data_only=True, rows=rows_max, columns=columns_max)
        formulas = _cells(raw, data_only=False, rows=rows_max, columns=columns_max)
        for line, (row, sources) in enumerate(zip(values, formulas, strict=True), 1):
            texts = [_displayed(table, line, *pair) for pair in zip(row, sources, strict=True)]
            if any(texts):
                table.rows.append((line, texts))
    except UnreadableFileError:
        raise
    except Exception as error:  # noqa: BLE001 -- openpyxl raises whatever its parsers meet.
        log.warning("workbook.unreadable", error=type(error).__name__)
        raise UnreadableFileError(
            "This workbook cannot be read: open it in Excel or LibreOffice and save it again as "
            ".xlsx, or save it as “CSV UTF-8”."
        ) from None
    return table


def _cells(raw: bytes, *, data_only: bool, rows: int, columns: int) -> Iterator[Sequence[Any]]:
    """Yield the cells of the first sheet, row by row, whatever size the sheet says it has."""
    from openpyxl import load_workbook  # Slow to import, and seldom needed.

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of styles and extensions, which nobody reads here.
        book = load_workbook(BytesIO(raw), read_only=True, data_only=data_only)
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()
        if rows and columns:
            yield from sheet.iter_rows(max_row=rows, max_col=columns)


def _displayed(table: Table, line: int, cell: Any, source: Any) -> str:
    """Return a cell of a workbook as it is displayed; note what cannot be taken."""
    try:
        return _text(cell, is_formula=source.data_type == "f")
    except _CellError as error:
        _note(table, line, f"{cell.coordinate} {error}")
        return "?"


def _text(cell: Any, *, is_formula: bool) -> str:
    """Return what Excel displays. Raises _CellError where that is not the same everywhere."""
    value, number_format = cell.value, cell.number_format
    if value is None and is_formula:
        raise _CellError(
            "is a formula whose result the file does not have: open it in Excel and save it, or "
            "type the value."
        )
    if value is None:
        return ""
    if isinstance(value, str):
        if cell.data_type == "e":
            raise _CellError(f"shows the error {value}: type what belongs there.")
        return value.strip()
    if isinstance(value, bool):
        raise _CellError(
            "is a truth value: format the cell as text and type the word as players read it."
        )
    if isinstance(value, dt.date | dt.time):
        return _date(value, number_format)
    if isinstance(value, int | float) and float(value).is_integer():
        if number_format in ("General", "@", "0"):
            return str(int(value))
        if re.fullmatch("0+", number_format):
            return f"{int(value):0{len(number_format)}}"
    raise _CellError(
        f"is a number whose display depends on the country ({number_format}): format the "
        "cell as text and type it as players read it."
    )


def _date(value: dt.date | dt.time, number_format: str) -> str:
    """Return a date or a time as its format displays it, if it does so in every country."""
    # Excel escapes literal characters; an m after an hour or before a second is a minute.
    plain = re.sub(r"\\(.)|\"([.:/\s-]*)\"|;@$", r"\1\2", number_format)
    plain = re.sub(r"(?<=h:)mm|mm(?=:ss)", "MM", plain)
    parts = re.findall(r"([a-zA-Z])(\1*)|([.:/\s-])|(.)", plain)
    tokens = [letter + more for letter, more, _, _ in parts if letter]
    if (
        number_format in _COUNTRY_FORMATS
        or any(other for *_, other in parts)
        or not all(token in _DATE_TOKENS for token in tokens)
    ):
        raise _CellError(
            "is a date or a time whose display depends on the country: format the cell as "
            "text and type it as players read it."
        )
    return "".join(
        _DATE_TOKENS[letter + more].format(value) if letter else literal
        for letter, more, literal, _ in parts
    )


def _note(table: Table, line: int, sentence: str) -> None:
    if len(table.problems) < PROBLEMS_MAX:
        table.problems.append((line, sentence))


def _length(row: Sequence[str]) -> int:
    return max((number for number, cell in enumerate(row, 1) if cell.strip()), default=0)


def _check_size(*, line: int, columns: int, rows_max: int = ROWS_MAX) -> None:
    if line > rows_max:
        raise UnreadableFileError(
            f"The file has more than {rows_max:,} rows: divide it, and delete what stands far "
            "below the table."
        )
    if columns > COLUMNS_MAX:
        raise UnreadableFileError(
            f"A row has more than {COLUMNS_MAX} columns: delete what stands far to the right of "
            "the table."
        )


# --- Looking into a workbook before anything is built from it -------------------------------------


def _filled_area(raw: bytes) -> tuple[int, int]:
    """Return how many rows and columns the sheets fill at most, whatever they say of themselves.

    One pass over the XML that keeps nothing: a cell far away would make a reader fill everything
    before it. Raises UnreadableFileError.
    """
    rows = columns = 0
    try:
        with ZipFile(BytesIO(raw)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if unpacked > UNPACKED_BYTES_MAX or len(parts) > PARTS_MAX:
                raise UnreadableFileError(
                    "The workbook is too large when unpacked: copy the table into a new workbook, "
                    "or save it as “CSV UTF-8”."
                )
            for part in parts:
                is_xml = part.filename.endswith((".xml", ".rels"))
                # What declares entities of its own is no workbook, but an attack.
                if is_xml and b"<!DOCTYPE" in archive.read(part):
                    _refuse()
                if re.fullmatch(r"/?xl/worksheets/[^/]+\.xml", part.filename):
                    area = _Area()
                    with archive.open(part) as sheet:
                        area.read(sheet)
                    rows, columns = max(rows, area.rows), max(columns, area.columns)
    except (BadZipFile, expat.ExpatError, OSError, RuntimeError, NotImplementedError):
        _refuse()
    return rows, columns


def _refuse() -> NoReturn:
    raise UnreadableFileError("This is not an Excel workbook: save it as .xlsx, or choose CSV.")


class _Area:
    """The rows and columns that have anything in them."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self._row = self._column = 0
        self._in_cell = False

    def read(self, sheet: Any) -> None:
        """Read the XML of a sheet (ECMA-376, part 1, 18.3.1.73 and 18.3.1.4)."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        while chunk := sheet.read(64 * 1024):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "row":
                self._row = _number(attributes.get("r"), otherwise=self._row + 1)
                self._column = 0
            case "c":
                letters = re.match("[A-Z]{1,3}", attributes.get("r", ""))
                self._column = _column(letters[0]) if letters else self._column + 1
                self._in_cell = True
            case "v" | "f" | "is" if self._in_cell:
                self.rows = max(self.rows, self._row)
                self.columns = max(self.columns, self._column)
                _check_size(line=self.rows, columns=self.columns)

    def _end(self, name: str) -> None:
        if name.endswith(" c"):
            self._in_cell = False


def _number(text: str | None, *, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


# --- Writing --------------------------------------------------------------------------------------


def csv_file(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return CSV with the mark by which Excel knows UTF-8.

    What Excel would take for a formula, a number or a date has an apostrophe before it, which
    `read` takes away again.
    """
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    for row in rows:
        writer.writerow([for_csv(str(cell)) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def workbook(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return an Excel workbook whose cells are text, so that Excel changes none of them."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet()
    for row in (header, *rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, str(value))
            cell.data_type, cell.number_format = "s", "@"  # Not "f", whatever it begins with.
            cells.append(cell)
        sheet.append(cells)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def for_csv(cell: str) -> str:
    """Return a text as a cell of CSV that Excel neither runs as a formula nor rewrites."""
    return f"'{cell}" if _is_changed_by_excel(cell) else cell


def _is_changed_by_excel(cell: str) -> bool:
    """Return whether Excel changes the cell, with or without the apostrophes before it."""
    return _CHANGED_BY_EXCEL.fullmatch(cell.lstrip("'").strip()) is not None
