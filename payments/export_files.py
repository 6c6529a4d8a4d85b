"""The files of exports, piece by piece: CSV and Excel workbooks with a head that says what it is.

No text becomes a formula: in CSV it has an apostrophe before it, in a workbook its cell is text.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from tempfile import TemporaryFile
from typing import Any

from django.utils import timezone

from payments import export_sources
from payments.export_sources import ROWS_MAX, Cells, Kind, Row
from payments.models import Export, ExportKind, FileFormat
from quizarena import tables
from quizarena.staff import dates

PART_BYTES = 512 * 1024
# After so many rows of a workbook the worker says that it is alive.
REPORT_EVERY = 5_000
SHEET_WIDTH = 22
# Where Excel separates cells by semicolons, as in Germany, a cell begins inside of such a text,
# with quotes or without.
_INNER_FORMULA = re.compile(r"([;\t\r\n][\s\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


class TooManyRowsError(Exception):
    """There are more rows than such a file takes; the sentence says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The next bytes of the file (none: only news), with the rows and the percent so far."""

    content: bytes
    rows: int
    progress: int


def pieces(export: Export) -> Iterator[Piece]:
    """Yield the file of an export. Raises TooManyRowsError."""
    kind = export_sources.KINDS[ExportKind(export.kind)]
    write = _csv if export.file_format == FileFormat.CSV else _workbook
    yield from write(export, kind)


def watermark(export: Export) -> list[tuple[str, str]]:
    """Return what stands in every file: what it is, who has asked for it, when and why."""
    return [
        ("Export", f"{export.pk}: {export.get_kind_display()}"),
        (
            "Days",
            f"{dates.day(export.first_day)} to {dates.day(export.last_day)} ({dates.zone_name()})",
        ),
        ("Filters", export_sources.filters_in_words(export) or "none"),
        ("Names of players", "included" if export.with_names else "masked"),
        ("Requested by", export.requested_by.get_username()),
        ("Requested at", f"{dates.to_the_second(export.requested_at)} ({dates.zone_name()})"),
        ("Reason", export.reason),
    ]


class _Counter:
    """How far a file is: its rows, and the part of its days."""

    def __init__(self, export: Export) -> None:
        self.rows = 0
        self.progress = 0
        self._begin, self._end = export_sources.span(export)
        self._rows_max = ROWS_MAX[FileFormat(export.file_format)]

    def over(self, rows: Iterable[Row]) -> Iterator[Cells]:
        """Yield the cells of the rows, and count them. Raises TooManyRowsError."""
        for at, cells in rows:
            self.rows += 1
            if self.rows > self._rows_max:
                raise TooManyRowsError(
                    f"There are more than {self._rows_max:,} rows. Choose fewer days or a filter"
                    f"{', or CSV' if self._rows_max == ROWS_MAX[FileFormat.XLSX] else ''}."
                )
            # 100 is for the whole file.
            part = (at - self._begin) / (self._end - self._begin)
            self.progress = max(self.progress, min(99, int(100 * part)))
            yield cells

    def piece(self, content: bytes = b"") -> Piece:
        """Return the next piece."""
        return Piece(content=content, rows=self.rows, progress=self.progress)


def _csv(export: Export, kind: Kind) -> Iterator[Piece]:
    """Yield lines: the head behind number signs, the table, and how many rows it has."""
    counter = _Counter(export)
    out = StringIO()
    writer = csv.writer(out)
    out.write("\ufeff")
    for label, text in watermark(export):
        writer.writerow([f"# {label}", for_csv(text)])
    writer.writerow(kind.columns)
    for cells in counter.over(kind.rows(export)):
        writer.writerow([for_csv(cell) for cell in cells])
        if out.tell() >= PART_BYTES:
            yield counter.piece(out.getvalue().encode())
            out.seek(0)
            out.truncate()
    writer.writerow(["# Rows", str(counter.rows)])
    yield counter.piece(out.getvalue().encode())


def for_csv(cell: object) -> str:
    """Return the text of a cell, which no program takes for a formula."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return dates.for_csv(cell)
    if isinstance(cell, int | date):
        return str(cell)
    return tables.for_csv(_INNER_FORMULA.sub(r"\1'", str(cell)))


def _workbook(export: Export, kind: Kind) -> Iterator[Piece]:
    """Yield a workbook with the table and, as its last sheet, what it is."""
    from openpyxl import Workbook  # Slow to import, and seldom needed.

    counter = _Counter(export)
    book = Workbook(write_only=True)  # Its rows wait on disk.
    sheet: Any = book.create_sheet(export.get_kind_display())
    sheet.freeze_panes = "A2"
    sheet.append([_for_sheet(sheet, name) for name in kind.columns])
    for cells in counter.over(kind.rows(export)):
        sheet.append([_for_sheet(sheet, cell) for cell in cells])
        if counter.rows % REPORT_EVERY == 0:
            yield counter.piece()
    about: Any = book.create_sheet("About this export")
    about.column_dimensions["A"].width = SHEET_WIDTH
    for label, text in [*watermark(export), ("Rows", str(counter.rows))]:
        about.append([_for_sheet(about, label), _for_sheet(about, text)])
    with TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while content := file.read(PART_BYTES):
            yield counter.piece(content)


def _for_sheet(sheet: Any, value: object) -> Any:
    """Return the value as Excel takes it; a text as text, whatever it begins with."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, datetime):
        return timezone.make_naive(value)
    if value is None or isinstance(value, int | date):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", str(value)))
    cell.data_type, cell.number_format = "s", "@"
    return cell
