"""Codes of one's own, read from files as people have them. Product rules, section 8.

CSV in any dialect of Excel, text, or a workbook. The column with the codes is found by its name;
where there is only one column it needs none. Pure: nothing of it is stored here.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from io import BytesIO, StringIO
from typing import Any
from zipfile import BadZipFile, ZipFile

# So many lines are checked and stored while the browser waits.
LINES_MAX = 100_000
BYTES_MAX = 10 * 1024 * 1024
TOO_BIG = "The file has more than 10 MB: divide it."
# What a workbook may be unpacked; a small file can claim to be a huge one.
UNPACKED_MAX = 100 * 1024 * 1024
COLUMNS_MAX = 50
# The heading stands in one of the first lines; above it people put titles.
HEADING_WITHIN = 10

_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_WORKBOOK, _OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DELIMITERS = "\t;,|"

# The words of which headings of such a column are made, in German, English and Ukrainian.
_CODE = r"codes?|код(?:и|у|ів)?"
_VOUCHER = (
    r"gutscheine?s?|vouchers?|coupons?|promo|kupons?|gift|geschenk|промо|купон(?:и|а|у|ів)?"
    r"|ваучер(?:и|а|у|ів)?|сертифікат(?:и|а|у|ів)?"
)
_BESIDE = (
    r"promotions?|aktions?|rabatt|discount|freischalt|einl[öo]se?|einmal|unique|personal|your|ihr"
    r"|dein|der|the|card|karten?|number|nummern?|nr|no|знижк[аиу]|акці(?:я|ї|йний)|подарунков(?:ий|і)"
    r"|номер|на|ваш|твій"
)
_NAMES_CODES = re.compile(
    rf"(?:{_CODE}|{_VOUCHER}|{_BESIDE})*?(?:{_CODE})(?:{_BESIDE}|{_VOUCHER})*"
)
_NAMES_VOUCHERS = re.compile(rf"(?:{_BESIDE})*(?:{_VOUCHER})(?:{_VOUCHER}|{_BESIDE})*")
# How Excel shows a long number once it has forgotten what it was: 1,23457E+15.
_ROUNDED = re.compile(r"\d[.,]?\d*E\+\d+", re.IGNORECASE)


class UnreadableCodesError(ValueError):
    """The file cannot be read as codes; the sentence says what to do. Nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """The codes of a file: `lines[0]` is that of line 1, empty where there is none.

    `heading` is what their column is called, empty without one.
    """

    lines: list[str]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


def read(raw: bytes) -> CodeFile:
    """Return the codes of an uploaded file; its content says what it is, not its name.

    Raises UnreadableCodesError.
    """
    if len(raw) > BYTES_MAX:
        raise UnreadableCodesError(TOO_BIG)
    if raw.startswith(_OLD_WORKBOOK):
        raise UnreadableCodesError("This is an old Excel file: save it as .xlsx or CSV.")
    if raw.startswith(_WORKBOOK):
        return _file(_rows_of_workbook(raw))
    return read_text(_decoded(raw))


def read_text(text: str) -> CodeFile:
    """Return the codes of CSV or plain text. Raises UnreadableCodesError."""
    if "\0" in text:
        raise UnreadableCodesError("This is not text: save the file as “CSV UTF-8” or .xlsx.")
    return _file(_rows_of_text(text))


def is_heading(cell: str) -> bool:
    """Return whether a cell names codes instead of being one: Gutscheincode, promo code, код."""
    name = _name(cell)
    return bool(_NAMES_CODES.fullmatch(name) or _NAMES_VOUCHERS.fullmatch(name))


def is_rounded(cell: str) -> bool:
    """Return whether a cell is a number of which Excel has kept the beginning alone."""
    return _ROUNDED.fullmatch(cell.strip()) is not None


# --- Reading --------------------------------------------------------------------------------------


def _decoded(raw: bytes) -> str:
    """Return the text in whichever encoding it is: Excel writes three, by its mood and country."""
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if raw.startswith(mark)), None)
    for encoding in [marked] if marked else ["utf-8", "cp1252"]:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableCodesError("This is not text: save the file as “CSV UTF-8” or .xlsx.")


def _rows_of_text(text: str) -> Iterator[_Row]:
    """Yield the rows of CSV, each with the number of its first line."""
    first, _, rest = text.partition("\n")
    skipped = 0
    if named := re.fullmatch(r"\"?sep=(.)\"?\s*", first, re.IGNORECASE):
        delimiter, text, skipped = named[1], rest, 1
    else:
        delimiter = _delimiter(text.splitlines()[:20])
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    line = 1 + skipped
    try:
        for cells in reader:
            yield _Row(line, cells)
            line = reader.line_num + 1 + skipped
    except csv.Error as error:
        raise UnreadableCodesError(
            f"Line {line} is not CSV ({error}): put text with quotes between double quotes, and "
            "write each double quote in it twice."
        ) from None


def _delimiter(lines: list[str]) -> str:
    """Return what stands equally often in most of the lines."""

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = Counter(count for line in lines if (count := line.count(delimiter)))
        return max(((lines, count) for count, lines in counts.items()), default=(0, 0))

    return max(_DELIMITERS, key=evenness)


def _rows_of_workbook(raw: bytes) -> list[_Row]:
    """Return the rows of the first sheet that has any. Raises UnreadableCodesError."""
    try:
        with ZipFile(BytesIO(raw)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
    except BadZipFile:
        raise UnreadableCodesError(
            "This is not an Excel workbook: save it as .xlsx, or as CSV."
        ) from None
    if unpacked > UNPACKED_MAX:
        raise UnreadableCodesError("The workbook is too big: save the one sheet as CSV.")
    try:
        return _rows_of_sheets(raw)
    except Exception:  # noqa: BLE001 -- whatever openpyxl dislikes about a file.
        raise UnreadableCodesError(
            "The workbook cannot be read: save it as CSV and choose that."
        ) from None


def _rows_of_sheets(raw: bytes) -> list[_Row]:
    from openpyxl import load_workbook  # Slow to import, and seldom needed.

    book = load_workbook(BytesIO(raw), read_only=True, data_only=True)
    for sheet in book.worksheets:
        # Who has written the file may be wrong about its size, in either direction.
        sheet.reset_dimensions()
        lines = sheet.iter_rows(max_row=LINES_MAX + 1, max_col=COLUMNS_MAX)
        rows = [_Row(line, [_shown(cell) for cell in cells]) for line, cells in enumerate(lines, 1)]
        if any(any(row.cells) for row in rows):
            return rows
    return []


def _shown(cell: Any) -> str:
    """Return a cell of a workbook as it is displayed, as far as codes are concerned."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool | date | time | timedelta):
        return "#NO CODE"  # Refused by its line.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        # Excel keeps 15 digits of a number; what comes after them is made up.
        if abs(value) >= 10**15:
            return f"{value:.5E}"
        if re.fullmatch("0+", cell.number_format):
            return f"{value:0{len(cell.number_format)}d}"
    return str(value)


# --- Which column ---------------------------------------------------------------------------------


def _file(rows: Iterable[_Row]) -> CodeFile:
    """Return the codes of the rows."""
    filled: list[_Row] = []
    for row in rows:
        if row.line > LINES_MAX:
            raise UnreadableCodesError(
                f"At most {LINES_MAX:,} lines at once, and these are more: divide the file."
            )
        if any(_tidy(cell) for cell in row.cells):
            filled.append(_Row(row.line, [_tidy(cell) for cell in row.cells]))
    if not filled:
        raise UnreadableCodesError("There are no codes in it.")
    row_of_heading, column = _heading(filled)
    if row_of_heading is not None:
        heading = row_of_heading.cells[column]
        filled = [row for row in filled if row.line > row_of_heading.line]
    else:
        column, heading = _only_column(filled), ""
        if _stands_out(filled, column):
            heading, filled = filled[0].cells[column], filled[1:]
    lines = [""] * (filled[-1].line if filled else 0)
    for row in filled:
        if column < len(row.cells):
            lines[row.line - 1] = row.cells[column]
    return CodeFile(lines=lines, heading=heading)


def _tidy(cell: str) -> str:
    return cell.strip("\ufeff \t\r\n\u00a0")


def _name(cell: str) -> str:
    """Return a heading as it is compared: small letters alone."""
    folded = unicodedata.normalize("NFKC", cell[:60]).casefold()
    return "" if re.search(r"\d", folded) else "".join(filter(str.isalpha, folded))


def _heading(rows: list[_Row]) -> tuple[_Row | None, int]:
    """Return the row that names the columns, and which of them has the codes."""
    for pattern in (_NAMES_CODES, _NAMES_VOUCHERS):
        for row in rows[:HEADING_WITHIN]:
            found = [
                column for column, cell in enumerate(row.cells) if pattern.fullmatch(_name(cell))
            ]
            if len(found) > 1:
                names = " and ".join(f"“{row.cells[column]}”" for column in found[:3])
                raise UnreadableCodesError(
                    f"Line {row.line} calls more than one column codes, {names}: "
                    "remove what is none."
                )
            if found:
                return row, found[0]
    return None, 0


def _only_column(rows: list[_Row]) -> int:
    """Return the one column that has anything. Raises UnreadableCodesError if there are more."""
    used = {column for row in rows for column, cell in enumerate(row.cells) if cell}
    if len(used) > 1:
        raise UnreadableCodesError(
            "The file has more than one column, and none of them is called “code”: write “code” "
            "above the one with the codes, or put one code alone on each line."
        )
    return used.pop()


def _stands_out(rows: list[_Row], column: int) -> bool:
    """Return whether the first cell is a heading that nobody has foreseen.

    It has no digit and the codes have, and none of them is as long and in the same case.
    """
    first, *others = [row.cells[column] for row in rows]
    with_digits = sum(bool(re.search(r"\d", other)) for other in others)
    shapes = {(len(other), other.isupper()) for other in others}
    return (
        not re.search(r"\d", first)
        and with_digits * 2 > len(others)
        and (len(first), first.isupper()) not in shapes
    )
