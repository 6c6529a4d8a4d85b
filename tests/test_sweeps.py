"""Working through what is due, one by one."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import time_machine

from quizarena import sweeps

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


class Rows:
    """Rows that stay due until they are done; number three always fails."""

    def __init__(self, count: int) -> None:
        self.left = list(range(count))

    def due(self, seen: Collection[int]) -> list[int]:
        return [row for row in self.left if row not in seen][:2]

    def remove(self, row: int) -> bool:
        if row == 3:
            raise ZeroDivisionError
        self.left.remove(row)
        return True


def test_every_row_is_done_page_by_page_but_the_one_that_fails() -> None:
    rows = Rows(8)

    with time_machine.travel(NOON, tick=False):
        count = sweeps.one_by_one(
            due=rows.due, apply=rows.remove, until=NOON + timedelta(seconds=1)
        )

    assert (count, rows.left) == (7, [3])


def test_no_page_is_begun_after_the_time_is_up() -> None:
    rows = Rows(8)

    with time_machine.travel(NOON, tick=False) as clock:

        def remove_slowly(row: int) -> bool:
            clock.shift(timedelta(seconds=1))
            return rows.remove(row)

        count = sweeps.one_by_one(
            due=rows.due, apply=remove_slowly, until=NOON + timedelta(seconds=2)
        )

    assert (count, rows.left) == (2, [2, 3, 4, 5, 6, 7])
