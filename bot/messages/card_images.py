"""Draws the pictures of results: PNG, 1200 x 630 pixels, under 100 kB. Product rules, section 11.

Pure: a picture depends on its `Drawing` alone.
"""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from quizarena import fonts

# What Telegram, and whoever else shows a preview, crops nothing of.
SIZE = (1200, 630)

_MARGIN = 72
_TEXT_WIDTH = SIZE[0] - 2 * _MARGIN
_BACKGROUND = (23, 26, 56)
_STRIPE = (255, 200, 61)
_WHITE = (255, 255, 255)
_GREY = (190, 196, 224)
_GREEN = (30, 142, 82)
_RED = (200, 52, 62)
_TILE_MAX, _TILE_GAP, _TILE_ROUND, _STROKE = 110, 18, 18, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What a picture shows, from top to bottom; `tiles` are right and wrong answers in order."""

    title: str
    score: str
    tiles: Sequence[bool] = ()
    note: str = ""
    footer: str = ""


def draw(drawing: Drawing) -> bytes:
    """Return the picture as PNG.

    What the font cannot show, emoji above all, is left out; a line that is too long is set smaller,
    and at last shortened.
    """
    image = Image.new("RGB", SIZE, _BACKGROUND)
    canvas = ImageDraw.Draw(image)
    canvas.rectangle((0, 0, SIZE[0], 14), fill=_STRIPE)
    _line(canvas, drawing.title, baseline=106, size=46, fill=_STRIPE)
    _line(canvas, drawing.score, baseline=252, size=120, fill=_WHITE)
    if drawing.tiles:
        _tiles(canvas, drawing.tiles, top=310)
    _line(canvas, drawing.note, baseline=496, size=38, fill=_WHITE, is_bold=False)
    _line(canvas, drawing.footer, baseline=578, size=34, fill=_GREY, is_bold=False)
    packed = io.BytesIO()
    # 64 colours are all that smoothed letters of five colours need, and a quarter of the bytes.
    image.quantize(colors=64, dither=Image.Dither.NONE).save(packed, format="PNG", optimize=True)
    return packed.getvalue()


def drawable(text: str) -> str:
    """Return the text with what the fonts have a letter for, in one line."""
    known = _known()
    kept = "".join(
        letter for letter in unicodedata.normalize("NFC", text) if letter == " " or letter in known
    )
    return " ".join(kept.split())


@cache
def _font(size: int, *, is_bold: bool) -> ImageFont.FreeTypeFont:
    file = fonts.BOLD if is_bold else fonts.REGULAR
    # The simple layout: no library beside Pillow is needed for it.
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _known() -> frozenset[str]:
    """Return the letters, digits and signs of both fonts; what is missing looks like U+FFFF."""
    blocks = (range(0x20, 0x530), range(0x2010, 0x2060), range(0x20A0, 0x20C0))
    missing = {is_bold: bytes(_font(20, is_bold=is_bold).getmask("\uffff")) for is_bold in (0, 1)}
    return frozenset(
        chr(code)
        for block in blocks
        for code in block
        if unicodedata.category(chr(code))[0] not in "CMZ"
        and all(
            bytes(_font(20, is_bold=bool(is_bold)).getmask(chr(code))) != missing[is_bold]
            for is_bold in (0, 1)
        )
    )


def _line(
    canvas: ImageDraw.ImageDraw,
    text: str,
    *,
    baseline: int,
    size: int,
    fill: tuple[int, int, int],
    is_bold: bool = True,
) -> None:
    text = drawable(text)
    smallest = size // 2
    while size > smallest and _font(size, is_bold=is_bold).getlength(text) > _TEXT_WIDTH:
        size -= 2
    font = _font(size, is_bold=is_bold)
    if font.getlength(text) > _TEXT_WIDTH:
        while text and font.getlength(f"{text}…") > _TEXT_WIDTH:
            text = text[:-1]
        text = f"{text.rstrip()}…"
    canvas.text((_MARGIN, baseline), text, font=font, fill=fill, anchor="ls")


def _tiles(canvas: ImageDraw.ImageDraw, tiles: Sequence[bool], *, top: int) -> None:
    """Draw a tile for each answer: its sign says what its colour says, for who cannot see it."""
    across = (_TEXT_WIDTH + _TILE_GAP) // len(tiles) - _TILE_GAP
    side = min(_TILE_MAX, across)
    for place, is_right in enumerate(tiles):
        left = _MARGIN + place * (side + _TILE_GAP)
        box = (left, top, left + side, top + side)
        canvas.rounded_rectangle(box, radius=_TILE_ROUND, fill=_GREEN if is_right else _RED)
        strokes = (
            [[(0.24, 0.54), (0.43, 0.72), (0.76, 0.30)]]
            if is_right
            else [[(0.29, 0.29), (0.71, 0.71)], [(0.71, 0.29), (0.29, 0.71)]]
        )
        for stroke in strokes:
            points = [(left + x * side, top + y * side) for x, y in stroke]
            canvas.line(points, fill=_WHITE, width=_STROKE, joint="curve")
