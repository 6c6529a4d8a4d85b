"""Codes of one's own, found in files as people have them. Product rules, section 8.

The column with the codes is found by its name; where there is only one column it needs none. Pure:
nothing of it is stored here.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from quizarena import tables
from quizarena.tables import Table, UnreadableFileError

# So many lines of CSV are checked and stored while the browser waits; a workbook has fewer.
LINES_MAX = 100_000
# The heading stands in one of the first lines; above it people put titles.
HEADING_WITHIN = 10

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """The codes of a file: `lines[0]` is that of line 1, empty where there is none.

    `heading` is what their column is called, empty without one; `problems` are the lines whose
    cells are not what somebody has typed, each with the reason.
    """

    lines: list[str]
    heading: str = ""
    problems: dict[int, str] = field(default_factory=dict)


Row = tuple[int, list[str]]


def read(raw: bytes) -> CodeFile:
    """Return the codes of an uploaded file: CSV, text or a workbook. Raises UnreadableFileError."""
    return _file(tables.read(raw, csv_rows_max=LINES_MAX))


def read_text(text: str) -> CodeFile:
    """Return the codes of CSV or plain text. Raises UnreadableFileError."""
    return _file(tables.read_text(text, rows_max=LINES_MAX))


def is_heading(cell: str) -> bool:
    """Return whether a cell names codes instead of being one: Gutscheincode, promo code, код."""
    name = _name(cell)
    return bool(_NAMES_CODES.fullmatch(name) or _NAMES_VOUCHERS.fullmatch(name))


def is_rounded(cell: str) -> bool:
    """Return whether a cell is a number of which Excel has kept the beginning alone."""
    return _ROUNDED.fullmatch(cell.strip()) is not None


# --- Which column ---------------------------------------------------------------------------------


def _file(table: Table) -> CodeFile:
    """Return the codes of a table."""
    rows = table.rows
    if not rows:
        raise UnreadableFileError("The file contains no codes.")
    heading_line, column = _heading(rows)
    if heading_line is not None:
        heading = next(cells[column] for line, cells in rows if line == heading_line)
        rows = [(line, cells) for line, cells in rows if line > heading_line]
    else:
        column, heading = _only_column(rows), ""
        if _stands_out(rows, column):
            heading, rows = rows[0][1][column], rows[1:]
    if not rows:
        raise UnreadableFileError(f"The file has no codes below the heading “{heading}”.")
    lines = [""] * rows[-1][0]
    for line, cells in rows:
        if column < len(cells):
            lines[line - 1] = cells[column]
    # What a table could not take has left a question mark; others are in columns of no interest.
    problems = {
        line: sentence.removesuffix(".")
        for line, sentence in table.problems
        if line <= len(lines) and lines[line - 1] == "?"
    }
    return CodeFile(lines=lines, heading=heading, problems=problems)


def _name(cell: str) -> str:
    """Return a heading as it is compared: small letters alone."""
    folded = unicodedata.normalize("NFKC", cell[:60]).casefold()
    return "" if re.search(r"\d", folded) else "".join(filter(str.isalpha, folded))


def _heading(rows: list[Row]) -> tuple[int | None, int]:
    """Return the line that names the columns, and which of them has the codes."""
    for pattern in (_NAMES_CODES, _NAMES_VOUCHERS):
        for line, cells in rows[:HEADING_WITHIN]:
            found = [column for column, cell in enumerate(cells) if pattern.fullmatch(_name(cell))]
            if len(found) > 1:
                names = " and ".join(f"“{cells[column]}”" for column in found[:3])
                raise UnreadableFileError(
                    f"Line {line} calls more than one column codes, {names}: remove what is none."
                )
            if found:
                return line, found[0]
    return None, 0


def _only_column(rows: list[Row]) -> int:
    """Return the one column that has anything. Raises UnreadableFileError if there are more."""
    used = {column for _, cells in rows for column, cell in enumerate(cells) if cell}
    if len(used) > 1:
        raise UnreadableFileError(
            "The file has more than one column, and none of them is called “code”: write “code” "
            "above the one with the codes, or put one code alone on each line."
        )
    return used.pop()


def _stands_out(rows: list[Row], column: int) -> bool:
    """Return whether the first cell is a heading that nobody has foreseen.

    It has no digit and the codes have, and none of them is as long and in the same case.
    """
    first, *others = [cells[column] for _, cells in rows]
    with_digits = sum(bool(re.search(r"\d", other)) for other in others)
    shapes = {(len(other), other.isupper()) for other in others}
    return (
        not re.search(r"\d", first)
        and with_digits * 2 > len(others)
        and (len(first), first.isupper()) not in shapes
    )
