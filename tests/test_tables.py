"""Files with tables as people have them: understood as displayed, or refused with what to do."""

import csv
import datetime as dt
import re
import time
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from quizarena import tables
from quizarena.tables import Table, UnreadableFileError

CSV = "wort,artikel\r\nTür,die\r\n"
WORDS = [(1, ["wort", "artikel"]), (2, ["Tür", "die"])]


def book(*rows: list[Any], formats: dict[str, str] | None = None) -> bytes:
    """Return a workbook with the rows, and number formats by cell."""
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()


def changed(raw: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """Return a workbook with the text of one part changed."""
    out = BytesIO()
    with ZipFile(BytesIO(raw)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == part:
                text = content.decode()
                assert change(text) != text
                content = change(text).encode()
            new.writestr(info.filename, content)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def sheet_with(cell: str) -> bytes:
    """Return a workbook with one row, and the XML of another one below."""
    return changed(
        book(["wort", "artikel"]),
        SHEET,
        lambda xml: xml.replace("</sheetData>", f"{cell}</sheetData>"),
    )


class TestCsv:
    @pytest.mark.parametrize(
        "raw",
        [
            CSV.encode(),
            CSV.encode("utf-8-sig"),
            CSV.encode("utf-16"),
            CSV.replace(",", "\t").encode("utf-16"),
            b"\xfe\xff" + CSV.encode("utf-16-be"),
            CSV.encode("cp1252"),
            CSV.replace(",", ";").encode("cp1252"),
            CSV.replace(",", "|").encode(),
            CSV.replace("\r\n", "\n").encode(),
            CSV.replace("\r\n", "\r").encode(),
            f"{CSV};;;;\r\n,,\r\n \r\n".encode().replace(b";", b","),
        ],
        ids=[
            "UTF-8",
            "byte order mark",
            "UTF-16",
            "Excel's Unicode text",
            "UTF-16 of a Mac",
            "Windows-1252",
            "German Excel",
            "bars",
            "newlines",
            "carriage returns",
            "empty rows at the end",
        ],
    )
    def test_every_dialect_reads_the_same(self, raw: bytes) -> None:
        assert tables.read(raw) == Table(rows=WORDS)

    @pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
    def test_a_line_that_names_the_separator_is_no_row(self, first: str) -> None:
        raw = f"{first}\r\nwort;artikel, Genus\r\nTür;die\r\n".encode()

        assert tables.read(raw).rows == [(2, ["wort", "artikel, Genus"]), (3, ["Tür", "die"])]

    def test_a_row_has_the_number_of_its_first_line(self) -> None:
        raw = 'wort\r\n"zwei\r\nZeilen"\r\n\r\nTür\r\n'.encode()

        assert tables.read(raw).rows == [(1, ["wort"]), (2, ["zwei\r\nZeilen"]), (5, ["Tür"])]

    @pytest.mark.parametrize(
        ("raw", "sentence"),
        [
            (
                "a\r\nпривіт\r\n".encode("cp1251"),
                "Line 2 has letters in an unknown encoding",
            ),
            ("a\r\nřeka\r\n".encode("cp1250"), "Line 2 has letters in an unknown encoding"),
            (b"\xff\xfea", "The file begins like UTF-16 text, but is not"),
            (b'a\r\n"b\r\n', "Line 2 is not CSV"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "This is a workbook of an old kind"),
            (b"PK\x03\x04 and more", "This is not an Excel workbook"),
            (b"a\r\n" * 20_001, "The file has more than 20,000 rows"),
            (b",".join([b"a"] * 65), "A row has more than 64 columns"),
            (b"a" * (5 * 1024 * 1024 + 1), "The file has 5.0 MB, and at most 5 are read"),
        ],
        ids=[
            "Cyrillic Windows",
            "Czech Windows",
            "cut UTF-16",
            "open quote",
            "old workbook",
            "no archive",
            "rows",
            "columns",
            "size",
        ],
    )
    def test_what_cannot_be_understood_is_refused_with_what_to_do(
        self, raw: bytes, sentence: str
    ) -> None:
        with pytest.raises(UnreadableFileError, match=re.escape(sentence)):
            tables.read(raw)

    @pytest.mark.parametrize(
        ("raw", "rows", "columns"),
        [
            (b"a\r\n" * 20_000, 20_000, 1),
            (b",".join([b"a"] * 64), 1, 64),
            ((b"a" * 1023 + b"\n") * 5 * 1024, 5_120, 1),
        ],
        ids=["rows", "columns", "size"],
    )
    def test_what_is_just_small_enough_is_read(self, raw: bytes, rows: int, columns: int) -> None:
        table = tables.read(raw)

        assert (len(table.rows), len(table.rows[0][1])) == (rows, columns)

    @pytest.mark.parametrize(
        "raw", [(b"a" * 1023 + b"\n") * 5 * 1024, b"a" * 100_000], ids=["lines", "line"]
    )
    def test_long_lines_are_not_looked_at_from_each_letter(self, raw: bytes) -> None:
        begun = time.process_time()
        tables.read(raw)

        assert time.process_time() - begun < 3  # Fifteen and more, if they are.

    def test_what_excel_made_of_a_cell_is_refused_by_line(self) -> None:
        table = tables.read(b"a;b\r\n#NAME?;gut\r\nWAHR;#NV\r\n")

        assert table.problems == [
            (2, "a cell shows the error #NAME?: type what belongs there."),
            (3, "a cell is the truth value WAHR: type the word as players read it."),
            (3, "a cell shows the error #NV: type what belongs there."),
        ]


class TestWorkbook:
    def test_cells_are_taken_as_they_are_displayed(self) -> None:
        raw = book(
            ["Tür", 3, 3.0, 7, dt.time(9, 5), dt.date(2026, 3, 5), dt.date(2026, 3, 5), " -heit "],
            formats={"D1": "000", "E1": "h:mm", "F1": "dd.mm.yyyy", "G1": "d\\.m\\."},
        )

        assert tables.read(raw) == Table(
            rows=[(1, ["Tür", "3", "3", "007", "9:05", "05.03.2026", "5.3.", "-heit"])]
        )

    @pytest.mark.parametrize(
        ("value", "number_format", "sentence"),
        [
            (True, "General", "A2 is a truth value: format the cell as text and type the word"),
            ("#N/A", "General", "A2 shows the error #N/A: type what belongs there."),
            (1.5, "General", "A2 is a number whose display depends on the country"),
            (1000, "#,##0", "A2 is a number whose display depends on the country"),
            (dt.date(2026, 3, 5), "mm-dd-yy", "A2 is a date or a time whose display depends"),
            (dt.date(2026, 3, 5), "d-mmm", "A2 is a date or a time whose display depends"),
            ("=1+1", "General", "A2 is a formula whose result the file does not have"),
        ],
        ids=["truth value", "error", "decimals", "thousands", "date", "month", "formula"],
    )
    def test_what_is_not_displayed_alike_everywhere_is_refused_by_line(
        self, value: Any, number_format: str, sentence: str
    ) -> None:
        table = tables.read(book(["wort"], [value], ["gut"], formats={"A2": number_format}))

        assert [line for line, _ in table.problems] == [2]
        assert table.problems[0][1].startswith(sentence)

    def test_a_formula_with_its_result_is_its_result(self) -> None:
        raw = sheet_with('<row r="2"><c r="A2" t="str"><f>"T"&amp;"ür"</f><v>Tür</v></c></row>')

        assert tables.read(raw) == Table(rows=[(1, ["wort", "artikel"]), (2, ["Tür", ""])])

    @pytest.mark.parametrize("dimension", ["A1", "A1:A1", "A1:XFD1048576"])
    def test_what_a_sheet_says_of_its_size_is_not_believed(self, dimension: str) -> None:
        raw = changed(
            book(["wort", "artikel"], ["Tür", "die"]),
            SHEET,
            lambda xml: re.sub(r'<dimension ref="[^"]*"', f'<dimension ref="{dimension}"', xml),
        )
        began = time.perf_counter()

        table = tables.read(raw)

        assert table == Table(rows=WORDS)
        assert time.perf_counter() - began < 5  # It was 25 minutes.

    def test_an_empty_cell_far_away_is_nothing(self) -> None:
        raw = sheet_with('<row r="1048576"><c r="XFD1048576" s="0"/></row>')

        assert tables.read(raw) == Table(rows=[(1, ["wort", "artikel"])])

    @pytest.mark.parametrize(
        ("row", "cell", "sentence"),
        [
            (8000, "XFD8000", "A row has more than 64 columns"),
            (1048576, "A1048576", "The file has more than 20,000 rows"),
        ],
    )
    def test_a_cell_far_away_is_refused_before_anything_is_built(
        self, row: int, cell: str, sentence: str
    ) -> None:
        raw = sheet_with(f'<row r="{row}"><c r="{cell}"><v>1</v></c></row>')

        with pytest.raises(UnreadableFileError, match=sentence):
            tables.read(raw)

    @pytest.mark.parametrize(
        ("part", "change", "sentence"),
        [
            (
                "xl/styles.xml",
                lambda xml: re.sub(r"<fill>.*?</fill>", "<fill/>", xml, count=1),
                "This workbook cannot be read: open it in Excel or LibreOffice",
            ),
            (
                "xl/workbook.xml",
                lambda xml: re.sub(r"<sheets>.*</sheets>", "<sheets/>", xml),
                "This workbook cannot be read",
            ),
            (SHEET, lambda xml: xml[: len(xml) // 2], "This is not an Excel workbook"),
            (
                "xl/workbook.xml",
                lambda xml: f'<!DOCTYPE x [<!ENTITY a "b">]>{xml}',
                "This is not an Excel workbook",
            ),
        ],
        ids=["empty fill", "no sheets", "cut", "entities"],
    )
    def test_what_openpyxl_dislikes_is_a_sentence(
        self, part: str, change: Callable[[str], str], sentence: str
    ) -> None:
        with pytest.raises(UnreadableFileError, match=sentence):
            tables.read(changed(book(["wort"]), part, change))

    def test_an_archive_that_unpacks_to_too_much_is_refused(self) -> None:
        out = BytesIO()
        with ZipFile(out, "w", ZIP_DEFLATED) as archive:
            archive.writestr(SHEET, b" " * (41 * 1024 * 1024))

        with pytest.raises(UnreadableFileError, match="too large when unpacked"):
            tables.read(out.getvalue())


# --- Export, then import --------------------------------------------------------------------------

HARD = [
    "-heit", "=gut", "+1", "@home", "01", "1/2", "1.5.", "3,50", "10:30", "10 Uhr", "50 %", "wahr",
    "Falsch", "1e5", "2026-01-05", "3. Mai", "mai", "dez-12", "1.000", "'s ist kalt", "'-heit",
    "''01", "12", "as-001", "Mai-Tour", "„Tisch“ ist maskulin.", 'a "b", c;d', "10.30 am", "ä\nb",
    "1234567890123", "90er", "märz",
]  # fmt: skip


def through_excel(raw: bytes) -> bytes:
    """Return a CSV file as Excel saves it after opening it: what it takes for a formula, a number,
    a date, a time or a truth value is not what stood there any more."""
    rows = list(csv.reader(StringIO(raw.decode("utf-8-sig"), newline="")))

    def opened(cell: str) -> str:
        if cell[:1] in ("=", "+", "-", "@"):
            return "#NAME?"
        if cell.lower() in ("true", "false", "wahr", "falsch"):
            return cell.upper()
        number = r"\d+(?:[.,/:]\d+)*\.?(?: ?%| ?(?:am|pm))?|\d+e\d+"
        month = r"(?:\d+\. ?)?(?:jan|feb|märz|mai|dez)[-. ]?\d*"
        if re.fullmatch(f"{number}|{month}|\\d+-\\d+-\\d+", cell.lower()):
            return str(int(cell)) if cell.isdecimal() and len(cell) < 12 else "45123"
        return cell

    out = StringIO()
    csv.writer(out, delimiter=";").writerows([[opened(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


class TestThereAndBack:
    def test_a_csv_file_survives_excel(self) -> None:
        raw = tables.csv_file(["a", "b"], [[cell, "x"] for cell in HARD])

        table = tables.read(through_excel(raw))

        assert table.problems == []
        assert [cells[0] for _, cells in table.rows[1:]] == HARD

    def test_excel_as_it_is_imitated_here_does_change_what_is_not_protected(self) -> None:
        """Show that the test above can fail: without the apostrophes it does."""
        raw = tables.csv_file(["a", "b"], [[cell, "x"] for cell in HARD]).replace(b"'", b"")

        table = tables.read(through_excel(raw))

        assert [cells[0] for _, cells in table.rows[1:]] != HARD
        assert (2, "a cell shows the error #NAME?: type what belongs there.") in table.problems

    def test_a_workbook_keeps_its_cells(self) -> None:
        raw = tables.workbook(["a", "b"], [[cell, "x"] for cell in HARD])

        assert [cells[0] for _, cells in tables.read(raw).rows[1:]] == HARD

    @given(
        cell=st.text(
            st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("'=-+@0123456789.,:/"),
            min_size=1,
            max_size=12,
        )
    )
    def test_any_cell_comes_back(self, cell: str) -> None:
        cell = cell.strip()
        if not cell or cell in tables.ERROR_VALUES | tables.TRUTH_VALUES:
            return

        assert tables.read(tables.csv_file(["a", "b"], [[cell, "x"]])).rows[1:] == [
            (2, [cell, "x"])
        ]
        assert tables.read(tables.workbook(["a", "b"], [[cell, "x"]])).rows[1:] == [
            (2, [cell, "x"])
        ]
