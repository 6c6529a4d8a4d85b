"""The pictures of results, as files and in what they can show."""

import io
from typing import Any

import pytest
from PIL import Image

from bot.messages import card_images
from bot.messages.card_images import Drawing

EACH = [True, False, True, True, True, False, True]


def picture(**parts: Any) -> Image.Image:
    """Return what a drawing looks like, in full colour."""
    drawing = Drawing(**{"title": "Title", "score": "5 of 7 right", **parts})
    return Image.open(io.BytesIO(card_images.draw(drawing))).convert("RGB")


def contrast(one: Any, other: Any) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, success criterion 1.4.3)."""

    def luminance(colour: Any) -> float:
        linear: list[float] = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (channel / 255 for channel in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class TestFile:
    @pytest.mark.parametrize(
        "drawing",
        [
            Drawing(title="", score=""),
            Drawing(title="Title", score="7 of 7 right", tiles=EACH, note="note", footer="footer"),
            Drawing(
                title="Щ" * 200,
                score="W" * 200,
                tiles=[True] * 12,
                note="ß" * 200,
                footer="ї" * 200,
            ),
        ],
        ids=["empty", "usual", "overfull"],
    )
    def test_it_is_a_small_png_of_the_size_of_a_preview(self, drawing: Drawing) -> None:
        content = card_images.draw(drawing)

        image = Image.open(io.BytesIO(content))
        assert (image.format, image.size) == ("PNG", (1200, 630))
        assert len(content) < 100_000

    def test_the_same_drawing_is_the_same_file(self) -> None:
        drawing = Drawing(title="Title", score="5 of 7 right", tiles=EACH)

        assert card_images.draw(drawing) == card_images.draw(drawing)

    def test_what_is_too_long_stays_inside(self) -> None:
        image = picture(title="W" * 300, score="W" * 300, note="W" * 300, footer="W" * 300)

        background = image.getpixel((5, 600))
        margin = image.crop((1140, 20, 1200, 630))
        assert {colour for _, colour in margin.getcolors() or []} == {background}


class TestLetters:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("Größe: ÄÖÜäöüß €", "Größe: ÄÖÜäöüß €"),
            ("Щоденний виклик, її ґанок і є", "Щоденний виклик, її ґанок і є"),
            ("żółć çğış", "żółć çğış"),
            ("Better than 83 % · 1 min 12 s – “so”", "Better than 83 % · 1 min 12 s – “so”"),
            ("🏁 Daily 👩‍👩‍👧 challenge 🎉", "Daily challenge"),
            ("a\u200bb\nc\u202ed", "abcd"),
            ("中文 Anna", "Anna"),
        ],
    )
    def test_what_the_fonts_have_is_shown_and_the_rest_left_out(
        self, text: str, shown: str
    ) -> None:
        assert card_images.drawable(text) == shown

    def test_a_letter_of_two_characters_is_one(self) -> None:
        assert card_images.drawable("a\u0308") == "ä"


class TestColours:
    def test_letters_can_be_read(self) -> None:
        image = picture(title="WWWWWW", score="WWWWWW", note="WWWWWW", footer="WWWWWW")
        background = (23, 26, 56)

        for top, bottom in ((60, 120), (150, 260), (460, 510), (545, 590)):
            colours = image.crop((72, top, 600, bottom)).getcolors(100_000) or []
            (_, letters) = max(one for one in colours if contrast(one[1], background) > 2)
            assert contrast(letters, background) >= 7

    def test_right_and_wrong_differ_by_more_than_colour(self) -> None:
        image = picture(tiles=[True, False])
        right, wrong = (image.crop((left, 310, left + 110, 420)) for left in (72, 200))

        signs = [
            [contrast(pixel, (255, 255, 255)) < 1.5 for pixel in tile.get_flattened_data()]
            for tile in (right, wrong)
        ]
        assert signs[0] != signs[1]
        for tile in (right, wrong):
            assert contrast(tile.getpixel((12, 55)), (255, 255, 255)) >= 3
