"""A campaign's redemptions as a file, row by row, however many there are."""

import csv
from collections.abc import Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from promos.models import Campaign
from quizarena.staff import dates

CHUNK = 2000
# A workbook is written as a whole before it leaves, so it has at most so many rows.
SHEET_MAX = 50_000
# A workbook that is bigger than this waits on disk.
SPOOL_BYTES = 4 * 1024 * 1024
HEADERS = (
    "redemption",
    "telegram_id",
    "username",
    "code",
    "attempt_number",
    "status",
    "redeemed_at",
    "changed_at",
    "stars_off",
)


def rows(campaign: Campaign) -> Iterator[tuple[Any, ...]]:
    """Return the campaign's redemptions, the oldest first: what staff may see of them.

    Of a code that is its label, which has nothing of what was drawn.
    """
    redemptions = campaign.redemptions.order_by("created_at").values_list(
        "pk",
        "player__telegram_id",
        "player__username",
        "code__label",
        "attempt_number",
        "status",
        "created_at",
        "changed_at",
        "stars_off",
    )
    for row in redemptions.iterator(chunk_size=CHUNK):
        yield tuple(dates.for_csv(cell) if isinstance(cell, datetime) else cell for cell in row)


class _Echo:
    """A file that hands back what is written."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def csv_lines(campaign: Campaign) -> Iterator[str]:
    """Return the redemptions as lines of CSV, with the mark by which Excel knows UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(HEADERS)
    for row in rows(campaign):
        yield writer.writerow(row)


def fits_a_sheet(campaign: Campaign) -> bool:
    """Return whether the campaign has no more redemptions than a workbook takes."""
    return not campaign.redemptions.order_by("created_at")[SHEET_MAX : SHEET_MAX + 1].exists()


def workbook(campaign: Campaign) -> IO[bytes]:
    """Return the redemptions as an Excel file."""
    from openpyxl import Workbook  # Slow to import, and seldom needed.

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Redemptions")
    sheet.append(HEADERS)
    for row in rows(campaign):
        sheet.append(row)
    file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 -- the response closes it.
    book.save(file)
    file.seek(0)
    return file
