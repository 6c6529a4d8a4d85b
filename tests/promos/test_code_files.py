"""Codes of one's own, in files as people have them."""

from contextlib import suppress
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from promos import code_files
from quizarena.tables import UnreadableFileError

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
            (b"", "The file contains no codes."),
            (b"\xef\xbb\xbf \r\n;;\r\n", "The file contains no codes."),
            (b"GIFT-0001;Anna\nGIFT-0002;Jo\n", "none of them is called “code”"),
            (b"GIFT-0001, GIFT-0002, GIFT-0003", "put one code alone on each line"),
            (b"Code;Promocode\nGIFT-0001;x\n", "“Code” and “Promocode”"),
            (b"Code\nGIFT-0001\n" * 50_001, "more than 100,000 rows"),
            (b"\x81\x8d\x00\xff", "letters in an unknown encoding"),
            (b"\xd0\xcf\x11\xe0" + bytes(100), "save it as .xlsx"),
            (b"PK\x03\x04" + bytes(100), "not an Excel workbook"),
            (b'"GIFT-0001\nGIFT-0002\n', "Line 1 is not CSV"),
            (b"x" * (5 * 1024 * 1024 + 1), "at most 5 are read"),
        ],
    )
    def test_with_a_sentence_that_says_what_to_do(self, raw: bytes, sentence: str) -> None:
        with pytest.raises(UnreadableFileError) as refused:
            code_files.read(raw)

        assert sentence in str(refused.value)

    @given(st.binary(max_size=200))
    def test_whatever_is_uploaded_is_read_or_refused(self, raw: bytes) -> None:
        with suppress(UnreadableFileError):
            assert any(code_files.read(raw).lines)


class TestWorkbooks:
    def test_a_number_is_read_as_it_is_displayed(self) -> None:
        raw = workbook([["Code"], [12345678], [12345678.0], [4711]], formats={"A4": "00000000"})

        assert codes_in(raw) == ["12345678", "12345678", "00004711"]

    def test_what_excel_has_rounded_is_no_code(self) -> None:
        assert code_files.is_rounded("1.23457E+18")
        assert code_files.is_rounded("1,23457E+15")
        assert not code_files.is_rounded("12345678")
        assert not code_files.is_rounded("4E4E4E4E")

    def test_what_is_no_text_is_refused_with_its_line(self) -> None:
        raw = workbook(
            [["Code", "Until"], ["GIFT-0001", date(2026, 12, 31)], [True], [None, 1], ["=A1&1"]]
        )

        found = code_files.read(raw)

        # A date that every country displays in its own way does not matter in another column.
        assert found.lines == ["", "GIFT-0001", "?", "", "?"]
        assert list(found.problems) == [3, 5]
        assert "A3 is a truth value" in found.problems[3]
        assert "A5 is a formula whose result the file does not have" in found.problems[5]
