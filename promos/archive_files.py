"""The ZIP with the codes of a batch, piece by piece: lists, deep links, and cards to print.

Nobody holds the whole of it, and nothing of it is written to a disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.utils import timezone

from promos import derivation, sheets
from promos.models import BatchArchive
from quizarena.staff import dates

PART_BYTES = 512 * 1024
# A file of cards has so many, and a batch of more codes than that has no cards.
CARDS_TOGETHER = 1_000
CARDS_MAX = 20_000
# A card takes as long to make as so many lines.
CARD_EFFORT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The next bytes of the file (none: only news), with the percent so far."""

    content: bytes
    progress: int


class _Sink:
    """Takes what the ZIP writes, until it is fetched."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, content: bytes) -> int:
        """Keep what was written."""
        self._parts.append(bytes(content))
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: what is written is there."""

    def fetch(self) -> bytes:
        """Return what has come since the last time."""
        content = b"".join(self._parts)
        self._parts, self.size = [], 0
        return content


def has_cards(size: int) -> bool:
    """Return whether the archive of a batch of so many codes has cards to print."""
    return size <= CARDS_MAX


def pieces(archive: BatchArchive) -> Iterator[Piece]:
    """Yield the ZIP of an archive. Raises CodesGoneError if its codes cannot be made again."""
    size = archive.batch.size
    effort = 2 * size + (CARD_EFFORT * size if has_cards(size) else 0)
    sink, done = _Sink(), 0
    now = timezone.localtime().timetuple()[:6]
    # Nothing here can seek, so the sizes stand behind each file.
    with ZipFile(sink, "w") as packed:  # type: ignore[call-overload]  # It only writes.
        for name, method, contents in _files(archive):
            entry = ZipInfo(name, date_time=now)
            entry.compress_type = method
            with packed.open(entry, "w", force_zip64=True) as file:
                for content, step in contents:
                    file.write(content)
                    done += step
                    # 100 is for the whole file.
                    progress = min(99, 100 * done // effort)
                    yield Piece(
                        content=sink.fetch() if sink.size >= PART_BYTES else b"", progress=progress
                    )
    yield Piece(content=sink.fetch(), progress=99)


def _files(archive: BatchArchive) -> Iterator[tuple[str, int, Iterator[tuple[bytes, int]]]]:
    """Yield name, method and contents of each file; each content with the effort that it took."""
    batch = archive.batch
    yield "README.txt", ZIP_DEFLATED, iter([(_readme(archive).encode(), 0)])
    for name, with_links in (("codes.csv", False), ("links.csv", True)):
        lines = sheets.csv(derivation.raw_codes(batch), with_links=with_links)
        yield name, ZIP_DEFLATED, _measured(lines)
    if has_cards(batch.size):
        raw = derivation.raw_codes(batch)
        for number in range(1, 1 + (batch.size + CARDS_TOGETHER - 1) // CARDS_TOGETHER):
            # What is in a PDF is compressed already.
            yield f"cards-{number:03}.pdf", ZIP_STORED, _cards(archive, raw)


def _measured(lines: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    for content in lines:
        yield content, content.count(b"\n")


def _cards(archive: BatchArchive, raw: Iterator[str]) -> Iterator[tuple[bytes, int]]:
    """Yield the PDF of the next codes, once it is whole."""
    chosen = list(islice(raw, CARDS_TOGETHER))
    pdf = sheets.pdf(
        chosen,
        title=str(archive.batch),
        gives=archive.printed_gives,
        expires=sheets.expiry(archive.printed_ends_at, language=archive.language),
    )
    yield pdf, CARD_EFFORT * len(chosen)


def _readme(archive: BatchArchive) -> str:
    """Return what the archive is, for who finds it later."""
    batch = archive.batch
    ends_at = archive.printed_ends_at
    cards = (
        f"cards-….pdf  Cards to print with QR codes, up to {CARDS_TOGETHER:,} in each file"
        if has_cards(batch.size)
        else f"No cards: a batch of more than {CARDS_MAX:,} codes has none."
    )
    requested = f"{dates.moment(archive.requested_at)} ({dates.zone_name()})"
    return "\r\n".join(
        (
            f"Batch {batch.pk}: {batch}",
            f"Gives: {archive.printed_gives}",
            f"Until: {f'{dates.moment(ends_at)} ({dates.zone_name()})' if ends_at else 'no end'}",
            f"Requested by: {archive.requested_by.get_username()}, {requested}",
            "",
            "codes.csv   A code a line",
            "links.csv   Each code with its deep link",
            cards,
            "",
            "Each code works once. Whoever has this file can use all of them: pass on what is",
            "needed, and delete the rest.",
            "",
        )
    )
