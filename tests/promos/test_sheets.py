"""The raw codes as files."""

import re
import tracemalloc
import zlib
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
import segno
from pytest_django.fixtures import Settings

from promos import codes, sheets
from tests.factories import make_campaign

CODES = ["SUMMER-3479-ACDE-FGHJ", "SUMMER-9999-AAAA-WXYP"]


@pytest.fixture(autouse=True)
def _bot(settings: Settings) -> None:
    settings.TELEGRAM_BOT_USERNAME = "arena_bot"


class TestCsv:
    def test_it_has_a_code_a_line(self) -> None:
        file = b"".join(sheets.csv(CODES, with_links=False))

        assert file == b"code\r\nSUMMER-3479-ACDE-FGHJ\r\nSUMMER-9999-AAAA-WXYP\r\n"

    def test_with_links_each_stands_beside_its_code(self) -> None:
        file = b"".join(sheets.csv(CODES[:1], with_links=True))

        assert file == (
            b"code,link\r\n"
            b"SUMMER-3479-ACDE-FGHJ,https://t.me/arena_bot?start=promo_SUMMER3479ACDEFGHJ\r\n"
        )

    def test_a_million_codes_leave_without_being_in_memory_together(self) -> None:
        raw = (f"{number:012}" for number in range(1_000_000))
        parts = sheets.csv(raw, with_links=True)
        next(parts)
        tracemalloc.start()

        size = sum(len(part) for part in islice(parts, 100))

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > 5_000_000
        assert peak < 1_000_000


class TestLink:
    def test_it_is_short_enough_for_telegram_even_with_the_longest_prefix(self) -> None:
        [code] = codes.made_from(b"s" * 32, prefix="WEIHNACHTEN2", first=0, count=1)

        parameter = sheets.link(code).partition("?start=")[2]

        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", parameter)


@pytest.mark.django_db
class TestWords:
    @pytest.mark.parametrize(
        ("terms", "german", "english", "ukrainian"),
        [
            (
                {"kind": "PREMIUM_GRANT", "value": 30, "scope": "ANY"},
                "30 Tage Premium",
                "30 days of Premium",
                "30 днів Преміуму",
            ),
            (
                {"kind": "ENERGY_GRANT", "value": 5, "scope": "ANY"},
                "5 Energie",
                "5 energy",
                "Енергія: 5",
            ),
            (
                {"kind": "PERCENT_DISCOUNT", "value": 20, "scope": "PREMIUM_ANY"},
                "20 % Rabatt auf jedes Premium-Paket",
                "20% off every Premium plan",
                "Знижка 20 %: кожен план Преміуму",
            ),
            (
                {
                    "kind": "PERCENT_DISCOUNT",
                    "value": 50,
                    "scope": "PRODUCT",
                    "product_code": "NO_SUCH",
                },
                "50 % Rabatt auf NO_SUCH",
                "50% off NO_SUCH",
                "Знижка 50 %: NO_SUCH",
            ),
        ],
    )
    def test_a_card_says_what_a_code_gives(
        self, terms: dict[str, Any], german: str, english: str, ukrainian: str
    ) -> None:
        campaign = make_campaign(**terms)

        assert sheets.gives(campaign, language="de") == german
        assert sheets.gives(campaign, language="en") == english
        assert sheets.gives(campaign, language="uk") == ukrainian

    def test_a_card_says_until_when_in_the_time_of_the_business(self) -> None:
        end = datetime(2026, 12, 24, 22, 59, tzinfo=UTC)

        assert sheets.expiry(end, language="de") == "Gültig bis 24.12.2026, 23:59"
        assert sheets.expiry(end, language="en") == "Valid until 24 Dec 2026, 23:59"
        assert sheets.expiry(end, language="uk") == "Дійсний до 24.12.2026, 23:59"
        assert sheets.expiry(None, language="uk") == "Без кінцевої дати"
        assert sheets.expiry(None, language="de") == "Ohne Enddatum"
        assert sheets.expiry(None, language="en") == "No end date"


class TestPdf:
    def test_each_code_has_a_card_with_what_one_can_type(self) -> None:
        words = texts(
            sheets.pdf(
                CODES,
                title="2 codes of Summer",
                gives="30 Tage Premium",
                expires="Gültig bis 24.12.2026, 23:59",
            )
        )

        assert words == [
            "30 Tage Premium",
            "SUMMER-3479-ACDE-FGHJ",
            "Gültig bis 24.12.2026, 23:59",
            "t.me/arena_bot",
            "30 Tage Premium",
            "SUMMER-9999-AAAA-WXYP",
            "Gültig bis 24.12.2026, 23:59",
            "t.me/arena_bot",
        ]

    def test_a_card_has_ukrainian_letters_and_none_that_would_be_a_box(self) -> None:
        file = sheets.pdf(
            CODES[:1],
            title="1 code of Літо",
            gives="Знижка 20 %: усе, крім Преміуму, ґ є і ї 🎁",
            expires="Дійсний до 24.12.2026, 23:59",
        )

        assert texts(file) == [
            "Знижка 20 %: усе, крім Преміуму, ґ є і ї",
            "SUMMER-3479-ACDE-FGHJ",
            "Дійсний до 24.12.2026, 23:59",
            "t.me/arena_bot",
        ]
        assert len(file) < 60_000

    def test_a_line_that_is_too_long_is_written_smaller_and_not_cut(self) -> None:
        long = "20 % Rabatt auf " + "Premium " * 12

        file = pdf_of(CODES[:1], gives=long)
        content = contents(file)[0]

        assert texts(file)[0] == long.strip()
        sizes = [float(size) for size in re.findall(r"/F\S+ ([\d.]+) Tf", content)]
        assert min(sizes) < 4

    def test_fifteen_fit_on_a_page(self) -> None:
        assert pages(pdf_of([CODES[0]] * 15)) == 1
        assert pages(pdf_of([CODES[0]] * 16)) == 2

    def test_a_title_may_have_any_letters(self) -> None:
        assert pdf_of(CODES, title="2 коди „Літо“").startswith(b"%PDF")

    def test_the_qr_code_is_the_one_of_the_link(self) -> None:
        """Put together again what is drawn, and compare it module by module."""
        expected = segno.make_qr(
            "https://t.me/arena_bot?start=promo_SUMMER3479ACDEFGHJ", error="m"
        ).matrix
        dark = sum(map(sum, expected))
        content = contents(pdf_of(CODES[:1]))[0]
        rectangles = [
            tuple(map(float, found))
            for found in re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re", content)
        ][1:]
        side = rectangles[0][3]
        left, top = min(x for x, *_ in rectangles), max(y for _, y, *_ in rectangles)

        drawn = [[0] * len(expected) for _ in expected]
        for x, y, width, _ in rectangles:
            row, column = round((top - y) / side), round((x - left) / side)
            for place in range(column, column + round(width / side)):
                drawn[row][place] = 1

        assert [bytes(row) for row in drawn] == [bytes(row) for row in expected]
        assert sum(map(sum, drawn)) == dark


def pdf_of(raw: list[str], *, title: str = "", gives: str = "") -> bytes:
    """Return cards on which little stands."""
    return sheets.pdf(raw, title=title, gives=gives, expires="")


def contents(pdf: bytes) -> list[str]:
    """Return what is drawn on each page; fonts are packed otherwise."""
    from base64 import a85decode

    streams = re.findall(rb"/ASCII85Decode.*?stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    return [
        zlib.decompress(a85decode(stream.strip().removesuffix(b"~>"))).decode("latin-1")
        for stream in streams
    ]


def texts(pdf: bytes) -> list[str]:
    """Return the texts of a sheet, in order, as a reader copies them: by each font's own map."""
    maps = letters(pdf)
    found, font = [], ""
    for page in contents(pdf):
        for chosen, text in re.findall(r"/(F\S+) [\d.]+ Tf|\(((?:\\.|[^)])*)\) Tj", page):
            font = chosen or font
            if text:
                drawn = re.sub(
                    r"\\(\d{3}|.)",
                    lambda one: chr(int(one[1], 8)) if len(one[1]) == 3 else one[1],
                    text,
                )
                found.append(drawn.translate(maps.get(font, {})))
    return found


def letters(pdf: bytes) -> dict[str, dict[int, str]]:
    """Return which letter each number is, by embedded font."""
    objects = dict(re.findall(rb"\n(\d+) 0 obj(.*?)endobj", pdf, re.DOTALL))
    found = {}
    for one in objects.values():
        named = re.search(rb"/Name /(\S+) .*/ToUnicode (\d+) 0 R", one, re.DOTALL)
        if named:
            packed = re.search(rb"stream\r?\n(.*?)endstream", objects[named[2]], re.DOTALL)
            assert packed is not None
            lines = re.findall(rb"<(\w\w)> <(\w{4})>", zlib.decompress(packed[1].strip()))
            found[named[1].decode()] = {
                int(code, 16): chr(int(letter, 16)) for code, letter in lines
            }
    return found


def pages(pdf: bytes) -> int:
    """Return how many pages a sheet has."""
    return len(re.findall(rb"/Type /Page\b", pdf))
