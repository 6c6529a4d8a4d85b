"""Codes of one's own, in files as people have them."""

from contextlib import suppress
from datetime import date
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from promos import code_files
from promos.code_files import UnreadableCodesError

GERMAN = "Nr;Gutscheincode;Gültig bis\r\n1;GIFT-0001;31.12.2026\r\n2;GIFT-0002;31.12.2026\r\n"


def codes_in(raw: bytes) -> list[str]:
    """Return the codes of a file without the lines that have none."""
    return [line for line in code_files.read(raw).lines if line]


def workbook(rows: list[list[object]], *, formats: dict[str, str] | None = None) -> bytes:
    """Return an Excel workbook with these rows."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(raw: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """Return a workbook in which a part says something else."""
    file = BytesIO()
    with ZipFile(BytesIO(raw)) as before, ZipFile(file, "w", ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            if name == part:
                assert old in content
                content = content.replace(old, new)
            after.writestr(name, content)
    return file.getvalue()


class TestDialects:
    @pytest.mark.parametrize(
        "raw",
        [
            GERMAN.encode(),
            b"\xef\xbb\xbf" + GERMAN.encode(),
            GERMAN.encode("cp1252"),
            GERMAN.encode("utf-16"),
            b"\xfe\xff" + GERMAN.encode("utf-16-be"),
            GERMAN.replace(";", ",").encode(),
            GERMAN.replace(";", "\t").encode("utf-16"),
            GERMAN.replace(";", "|").encode(),
            GERMAN.replace("\r\n", "\n").encode(),
            b"sep=;\r\n" + GERMAN.encode("cp1252"),
            b'"sep=,"\n' + GERMAN.replace(";", ",").encode(),
            b'"Gutscheincode";"Name"\n"GIFT-0001";"Meier; Jo"\n"GIFT-0002";"says ""hi"""\n',
            "Name\tCode\nMüller, Anna\tGIFT-0001\nMeier, Jo\tGIFT-0002\n".encode(),
            ("Herbstaktion\r\n\r\n" + GERMAN).encode(),
            (GERMAN + ";;\r\n;;\r\n\r\n").encode(),
            b"GIFT-0001\nGIFT-0002\n",
            b"GIFT-0001;\r\nGIFT-0002;\r\n",
            b"\xef\xbb\xbfGIFT-0001\r\n\r\nGIFT-0002",
            b"Losnummer\r\nGIFT-0001\r\nGIFT-0002\r\n",
            workbook([["Nr", "Gutschein-Code"], [1, "GIFT-0001"], [2, "GIFT-0002"]]),
            workbook([["GIFT-0001"], [None], ["GIFT-0002"]]),
        ],
    )
    def test_they_are_read(self, raw: bytes) -> None:
        assert codes_in(raw) == ["GIFT-0001", "GIFT-0002"]

    def test_each_code_keeps_its_line(self) -> None:
        found = code_files.read(b"sep=;\r\n\r\nCode;Name\r\nGIFT-0001;a\r\n\r\nGIFT-0002;b\r\n")

        assert found.lines == ["", "", "", "GIFT-0001", "", "GIFT-0002"]
        assert found.heading == "Code"

    @given(st.lists(st.from_regex(r"[A-Z0-9]{8}-[0-9]", fullmatch=True), min_size=1, max_size=20))
    def test_codes_alone_on_their_lines_are_all_read(self, lines: list[str]) -> None:
        assert code_files.read_text("\r\n".join(lines)).lines == lines


class TestHeadings:
    @pytest.mark.parametrize(
        "heading",
        [
            "code",
            "CODES",
            "Gutscheincode",
            "Gutschein-Code",
            "Gutscheincodes",
            "Gutschein",
            "Gutscheinnummer",
            "Promo code",
            "promo_code",
            "Promocode",
            "Promotionscode",
            "Aktionscode",
            "Rabatt-Code",
            "Voucher",
            "Voucher code",
            "Coupon",
            "Discount code",
            "Einlösecode",
            "Freischaltcode",
            "Ihr Code",
            "Код",
            "Промокод",
            "Промо-код",
            "Код купона",
            "Ваучер",
            "Код на знижку",
        ],
    )
    def test_a_column_is_found_by_its_name(self, heading: str) -> None:
        raw = f"Name;{heading};Wert\nAnna;GIFT-0001;5\n".encode()

        found = code_files.read(raw)

        assert found.heading == heading
        assert found.lines == ["", "GIFT-0001"]
        assert code_files.is_heading(heading)

    @pytest.mark.parametrize(
        "code",
        ["GIFT0001", "PROMO2026", "CODE1234", "QWERTZUI", "SUMMERSALE", "GUTENTAG", "7F3KQ9XY"],
    )
    def test_a_code_is_no_heading(self, code: str) -> None:
        assert not code_files.is_heading(code)

    @pytest.mark.parametrize(
        "other", ["Kundennummer", "Gutscheinwert", "Name", "Nr", "Barcode", ""]
    )
    def test_other_columns_are_not_taken_for_it(self, other: str) -> None:
        assert not code_files.is_heading(other)

    def test_a_code_is_preferred_to_what_it_is_of(self) -> None:
        assert codes_in(b"Voucher;Code\nAutumn;GIFT-0001\n") == ["GIFT-0001"]

    def test_codes_of_letters_alone_are_no_headings(self) -> None:
        raw = b"QWERTZUI\nASDFGHJK\nYXCVBNMQ\n"

        assert codes_in(raw) == ["QWERTZUI", "ASDFGHJK", "YXCVBNMQ"]

    def test_a_code_without_digits_among_others_is_no_heading(self) -> None:
        assert codes_in(b"QWERTZUI\nASDF1HJK\nYX2VBNMQ\n") == ["QWERTZUI", "ASDF1HJK", "YX2VBNMQ"]


class TestRefused:
    @pytest.mark.parametrize(
        ("raw", "sentence"),
        [
            (b"", "There are no codes in it."),
            (b"\xef\xbb\xbf \r\n;;\r\n", "There are no codes in it."),
            (b"GIFT-0001;Anna\nGIFT-0002;Jo\n", "none of them is called “code”"),
            (b"GIFT-0001, GIFT-0002, GIFT-0003", "put one code alone on each line"),
            (b"Code;Promocode\nGIFT-0001;x\n", "“Code” and “Promocode”"),
            (b"Code\nGIFT-0001\n" * 50_001, "At most 100,000 lines"),
            (b"\x81\x8d\x00\xff", "This is not text"),
            (b"GIFT-0001\x00\n", "This is not text"),
            (b"\xd0\xcf\x11\xe0" + bytes(100), "an old Excel file: save it as .xlsx or CSV"),
            (b"PK\x03\x04" + bytes(100), "not an Excel workbook"),
            (b'"GIFT-0001\nGIFT-0002\n', "Line 1 is not CSV"),
            (b"x" * (10 * 1024 * 1024 + 1), "more than 10 MB"),
        ],
    )
    def test_with_a_sentence_that_says_what_to_do(self, raw: bytes, sentence: str) -> None:
        with pytest.raises(UnreadableCodesError) as refused:
            code_files.read(raw)

        assert sentence in str(refused.value)

    @given(st.binary(max_size=200))
    def test_whatever_is_uploaded_is_read_or_refused(self, raw: bytes) -> None:
        with suppress(UnreadableCodesError):
            assert any(code_files.read(raw).lines)


class TestWorkbooks:
    def test_a_number_is_read_as_it_is_displayed(self) -> None:
        raw = workbook(
            [["Code"], [12345678], [12345678.0], [4711], [1234567890123456789]],
            formats={"A4": "00000000"},
        )

        assert codes_in(raw) == ["12345678", "12345678", "00004711", "1.23457E+18"]
        assert code_files.is_rounded("1.23457E+18")
        assert code_files.is_rounded("1,23457E+15")
        assert not code_files.is_rounded("12345678")
        assert not code_files.is_rounded("4E4E4E4E")

    def test_what_is_no_text_is_no_code(self) -> None:
        raw = workbook([["Code"], [True], [date(2026, 12, 31)], ["GIFT-0001"]])

        assert codes_in(raw) == ["#NO CODE", "#NO CODE", "GIFT-0001"]

    @pytest.mark.parametrize("dimension", [b"A1:A1", b"A1:XFD1048576"])
    def test_a_wrong_dimension_neither_loses_nor_holds_up(self, dimension: bytes) -> None:
        raw = workbook([["Code"], ["GIFT-0001"], ["GIFT-0002"]])
        raw = repacked(raw, "xl/worksheets/sheet1.xml", b'ref="A1:A3"', b'ref="' + dimension + b'"')

        assert codes_in(raw) == ["GIFT-0001", "GIFT-0002"]

    def test_a_cell_far_away_does_not_hold_up(self) -> None:
        raw = workbook([["Code"], ["GIFT-0001"]])
        raw = repacked(
            raw,
            "xl/worksheets/sheet1.xml",
            b"</sheetData>",
            b'<row r="8000"><c r="XFD8000"><v>1</v></c></row></sheetData>',
        )

        assert codes_in(raw) == ["GIFT-0001"]

    def test_what_openpyxl_dislikes_is_refused(self) -> None:
        raw = repacked(
            workbook([["Code"], ["GIFT-0001"]]), "xl/styles.xml", b"<fill>", b"<fill/><fill>"
        )
        raw = repacked(raw, "xl/workbook.xml", b"<sheets>", b"<sheets><sheet/>")

        with pytest.raises(UnreadableCodesError, match="save it as CSV"):
            code_files.read(raw)

    def test_what_unpacks_to_too_much_is_not_unpacked(self) -> None:
        file = BytesIO()
        with ZipFile(file, "w", ZIP_DEFLATED) as packed:
            packed.writestr("xl/workbook.xml", bytes(101 * 1024 * 1024))

        with pytest.raises(UnreadableCodesError, match="too big"):
            code_files.read(file.getvalue())
