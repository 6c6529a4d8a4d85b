"""The raw codes as files: CSV for any size, and cards to print with a QR code for each.

They leave by the administrator's own connection (TLS): a password for them would have to travel the
same way, and so would protect nothing that the connection does not.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from itertools import islice
from typing import Any

import segno
from django.conf import settings
from django.utils import timezone, translation
from django.utils.formats import date_format
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from promos import codes, products
from promos.models import Campaign, CampaignKind, Scope, SheetLanguage
from quizarena import fonts
from quizarena.staff import dates

COLUMNS, ROWS = 3, 5
CARD_WIDTH, CARD_HEIGHT = 63 * mm, 55 * mm
QR_SIZE = 34 * mm
# What is written on a card is at most so wide.
TEXT_WIDTH = CARD_WIDTH - 4 * mm
# Light modules around a QR code (ISO/IEC 18004, 6.3.8).
QUIET_ZONE = 4
_REGULAR, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
# So many lines leave together.
LINES_TOGETHER = 1_000


def address() -> str:
    """Return the bot's address, without the scheme."""
    return f"t.me/{settings.TELEGRAM_BOT_USERNAME}"


def link(code: str) -> str:
    """Return the deep link that enters a code (Bot API, "Deep linking": A-Z a-z 0-9 _ -)."""
    return f"https://{address()}?start=promo_{codes.normalised(code)}"


def csv(raw: Iterable[str], *, with_links: bool) -> Iterator[bytes]:
    """Yield a CSV file with a code a line; memory does not grow with their number.

    Codes and links are letters, digits and hyphens, so nothing needs quotes, nor does a spreadsheet
    take any of it for a formula.
    """
    yield b"code,link\r\n" if with_links else b"code\r\n"
    lines = iter(f"{code},{link(code)}\r\n" if with_links else f"{code}\r\n" for code in raw)
    while chunk := "".join(islice(lines, LINES_TOGETHER)):
        yield chunk.encode()


# What cards say, by language.
_GIVES: Mapping[str, Mapping[str, str]] = {
    SheetLanguage.GERMAN: {
        CampaignKind.PREMIUM_GRANT: "{value} Tage Premium",
        CampaignKind.ENERGY_GRANT: "{value} Energie",
        CampaignKind.PERCENT_DISCOUNT: "{value} % Rabatt auf {goods}",
        Scope.ANY: "alles",
        Scope.MICRO_ANY: "jedes kleine Produkt",
        Scope.PREMIUM_ANY: "jedes Premium-Paket",
    },
    SheetLanguage.ENGLISH: {
        CampaignKind.PREMIUM_GRANT: "{value} days of Premium",
        CampaignKind.ENERGY_GRANT: "{value} energy",
        CampaignKind.PERCENT_DISCOUNT: "{value}% off {goods}",
        Scope.ANY: "everything",
        Scope.MICRO_ANY: "every small product",
        Scope.PREMIUM_ANY: "every Premium plan",
    },
    # After a colon no case depends on the number or on the goods.
    SheetLanguage.UKRAINIAN: {
        CampaignKind.PREMIUM_GRANT: "{value} днів Преміуму",
        CampaignKind.ENERGY_GRANT: "Енергія: {value}",
        CampaignKind.PERCENT_DISCOUNT: "Знижка {value} %: {goods}",
        Scope.ANY: "усе в магазині",
        Scope.MICRO_ANY: "усе, крім Преміуму",
        Scope.PREMIUM_ANY: "кожен план Преміуму",
    },
}

# Until when a code can be entered, and what stands there without an end.
_EXPIRES: Mapping[str, tuple[str, str]] = {
    SheetLanguage.GERMAN: ("Gültig bis {moment}", "Ohne Enddatum"),
    SheetLanguage.UKRAINIAN: ("Дійсний до {moment}", "Без кінцевої дати"),
}


def gives(campaign: Campaign, *, language: str) -> str:
    """Return what a code of the campaign gives, as its card says it: 30 Tage Premium."""
    words = _GIVES[language]
    goods = words.get(campaign.scope) or next(
        (one.title(language) for one in products.on_sale() if one.code == campaign.product_code),
        campaign.product_code,
    )
    return words[campaign.kind].format(value=campaign.value, goods=goods)


def expiry(ends_at: datetime | None, *, language: str) -> str:
    """Return until when a code can be entered, as its card says it."""
    if language == SheetLanguage.ENGLISH:
        return f"Valid until {dates.moment(ends_at)}" if ends_at else "No end date"
    until, never = _EXPIRES[language]
    if ends_at is None:
        return never
    with translation.override(language):
        local = timezone.localtime(ends_at)
        day, time = date_format(local, "SHORT_DATE_FORMAT"), date_format(local, "TIME_FORMAT")
    return until.format(moment=f"{day}, {time}")


def pdf(raw: Iterable[str], *, title: str, gives: str, expires: str) -> bytes:
    """Return pages in A4 with a card for each code: what it gives, until when, QR code, address."""
    from reportlab.pdfgen.canvas import Canvas  # Slow to import, and seldom needed.

    _embed_fonts()
    lines = _drawable(gives, font=_BOLD), _drawable(expires, font=_REGULAR)
    file = BytesIO()
    canvas: Any = Canvas(file, pagesize=A4, pageCompression=1)
    canvas.setTitle(title)
    page_width, page_height = A4
    left = (page_width - COLUMNS * CARD_WIDTH) / 2
    top = page_height - (page_height - ROWS * CARD_HEIGHT) / 2
    for number, code in enumerate(raw):
        row, column = divmod(number % (COLUMNS * ROWS), COLUMNS)
        if number and row == column == 0:
            canvas.showPage()
        _draw(
            canvas,
            code,
            lines=lines,
            left=left + column * CARD_WIDTH,
            bottom=top - (row + 1) * CARD_HEIGHT,
        )
    canvas.save()
    return file.getvalue()


@cache
def _embed_fonts() -> None:
    """Let files have our own letters: the fonts that every reader has know no Cyrillic ones."""
    from reportlab.pdfbase import pdfmetrics, ttfonts

    for name, file in ((_REGULAR, fonts.REGULAR), (_BOLD, fonts.BOLD)):
        pdfmetrics.registerFont(ttfonts.TTFont(name, str(file)))


def _drawable(text: str, *, font: str) -> str:
    """Return the text with what one of our fonts has a letter for; the rest would be boxes."""
    from reportlab.pdfbase import pdfmetrics

    known = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(letter for letter in text if ord(letter) in known).strip()


def _draw(canvas: Any, code: str, *, lines: tuple[str, str], left: float, bottom: float) -> None:
    """Draw the card of one code, with a thin frame to cut along."""
    canvas.setStrokeGray(0.75)
    canvas.setLineWidth(0.3)
    canvas.rect(left, bottom, CARD_WIDTH, CARD_HEIGHT)
    middle = left + CARD_WIDTH / 2
    _draw_qr(canvas, link(code), left=middle - QR_SIZE / 2, bottom=bottom + 20 * mm)
    for font, size, height, text in (
        (_BOLD, 10, 17.5, lines[0]),
        ("Courier-Bold", 9, 12.5, code),
        (_REGULAR, 7, 8, lines[1]),
        (_REGULAR, 7, 4, address()),
    ):
        _write(canvas, text, font=font, size=size, middle=middle, bottom=bottom + height * mm)


def _write(canvas: Any, text: str, *, font: str, size: float, middle: float, bottom: float) -> None:
    """Write one line, smaller if it would be wider than its card."""
    width = canvas.stringWidth(text, font, size)
    canvas.setFont(font, size * min(1, TEXT_WIDTH / width) if width else size)
    canvas.drawCentredString(middle, bottom, text)


def _draw_qr(canvas: Any, text: str, *, left: float, bottom: float) -> None:
    """Draw a QR code as one path of rectangles, sharp at any size; its quiet zone is in QR_SIZE."""
    matrix = segno.make_qr(text, error="m").matrix
    module = QR_SIZE / (len(matrix) + 2 * QUIET_ZONE)
    path = canvas.beginPath()
    for down, modules in enumerate(matrix):
        y = bottom + QR_SIZE - (QUIET_ZONE + down + 1) * module
        for start, length in _runs(modules):
            path.rect(left + (QUIET_ZONE + start) * module, y, length * module, module)
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(modules: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield where dark modules begin in a row, and how many stand there together."""
    start = None
    for place, is_dark in enumerate([*modules, 0]):
        if is_dark and start is None:
            start = place
        elif not is_dark and start is not None:
            yield start, place - start
            start = None
