"""How granted time lies end to end. Hours stand for instants: the pieces know no calendar."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy.layout import Piece, lay_out

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
# Grant, rank, first hour, and the hour at which it ends.
Row = tuple[int, int, float, float]
A_MICROSECOND = 1 / 3_600_000_000


def piece(row: Row) -> Piece:
    """Return a piece from its row."""
    grant, rank, start, end = row
    return Piece(grant=grant, rank=rank, starts_at=instant(start), ends_at=instant(end))


def instant(hours: float) -> datetime:
    """Return NOON and so many hours."""
    return NOON + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("lying", "now", "laid"),
    [
        pytest.param([], 0, [], id="nobody has anything"),
        pytest.param([(1, 2, 0, 9)], 0, [(1, 2, 0, 9)], id="a grant starts at once"),
        pytest.param([(1, 2, 0, 9)], 4, [(1, 2, 0, 9)], id="what has begun keeps its start"),
        pytest.param([(1, 2, 5, 9)], 2, [(1, 2, 2, 6)], id="what waits for nothing moves forward"),
        pytest.param(
            [(1, 2, 0, 9), (2, 2, 4, 10)],
            4,
            [(1, 2, 0, 9), (2, 2, 9, 15)],
            id="the same plan extends",
        ),
        pytest.param(
            [(1, 1, 0, 9), (2, 2, 4, 10)],
            4,
            [(2, 2, 4, 10), (1, 1, 10, 15)],
            id="a higher plan starts at once and the lower one follows",
        ),
        pytest.param(
            [(1, 2, 0, 9), (2, 1, 4, 10)],
            4,
            [(1, 2, 0, 9), (2, 1, 9, 15)],
            id="a lower plan waits",
        ),
        pytest.param(
            [(1, 3, 0, 9), (2, 1, 9, 12), (3, 2, 4, 10)],
            4,
            [(1, 3, 0, 9), (3, 2, 9, 15), (2, 1, 15, 18)],
            id="a plan in between goes in between",
        ),
        pytest.param(
            [(1, 1, 4, 9), (2, 4, 4, 10)],
            4,
            [(2, 4, 4, 10), (1, 1, 10, 15)],
            id="what starts now has not begun",
        ),
        pytest.param([(1, 1, 0, 4), (2, 1, 4, 6)], 4, [(2, 1, 4, 6)], id="what ends now is over"),
        pytest.param(
            [(1, 1, 0, 4 + A_MICROSECOND), (2, 2, 4, 6)],
            4,
            [(2, 2, 4, 6), (1, 1, 6, 6 + A_MICROSECOND)],
            id="a microsecond is not lost",
        ),
        pytest.param(
            [(1, 2, 0, 3), (2, 1, 3, 5), (3, 1, 5, 8)],
            4,
            [(2, 1, 3, 5), (3, 1, 5, 8)],
            id="what has passed vanishes and the rest stays",
        ),
        pytest.param(
            [(1, 2, 0, 4), (3, 1, 9, 12), (4, 1, 12, 13)],
            2,
            [(1, 2, 0, 4), (3, 1, 4, 7), (4, 1, 7, 8)],
            id="a gap is closed",
        ),
    ],
)
def test_pieces_lie_end_to_end_with_the_higher_rank_in_front(
    lying: list[Row], now: float, laid: list[Row]
) -> None:
    assert lay_out([piece(row) for row in lying], now=instant(now)) == [piece(row) for row in laid]


def test_a_day_is_86400_seconds_in_any_zone() -> None:
    eve = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    day = Piece(grant=1, rank=1, starts_at=instant(0), ends_at=instant(24))

    (laid,) = lay_out([day], now=eve)

    assert (laid.starts_at, laid.ends_at) == (eve, datetime(2026, 10, 25, 10, tzinfo=UTC))


microseconds = st.integers(min_value=1, max_value=10**13).map(lambda n: timedelta(microseconds=n))


@st.composite
def timelines(draw: st.DrawFn) -> tuple[list[Piece], datetime]:
    """Return grants of any rank and length, laid out as they came, and an instant after them."""
    lying: list[Piece] = []
    now = NOON
    for number in range(draw(st.integers(min_value=1, max_value=8))):
        now += draw(st.just(timedelta(0)) | microseconds)
        arriving = Piece(
            grant=number,
            rank=draw(st.integers(min_value=1, max_value=4)),
            starts_at=now,
            ends_at=now + draw(microseconds),
        )
        lying = lay_out([*lying, arriving], now=now)
    return lying, now + draw(microseconds)


@given(timelines())
def test_nothing_is_lost_and_nothing_overlaps(timeline: tuple[list[Piece], datetime]) -> None:
    lying, now = timeline

    laid = lay_out(lying, now=now)

    left = {piece.grant: piece.left(now) for piece in lying if piece.left(now)}
    assert {piece.grant: piece.left(now) for piece in laid} == left
    assert all(one.ends_at == following.starts_at for one, following in pairwise(laid))
    assert all(one.rank >= following.rank for one, following in pairwise(laid))
    assert all(piece.starts_at <= now < piece.ends_at for piece in laid[:1])


@given(timelines(), st.integers(min_value=0, max_value=7))
def test_who_loses_a_grant_keeps_the_others_whole(
    timeline: tuple[list[Piece], datetime], gone: int
) -> None:
    lying, now = timeline
    others = [piece for piece in lying if piece.grant != gone]

    laid = lay_out(others, now=now)

    left = {piece.grant: piece.left(now) for piece in others if piece.left(now)}
    assert {piece.grant: piece.left(now) for piece in laid} == left
    ended = {piece.grant: piece.ends_at for piece in lying}
    assert all(piece.ends_at <= ended[piece.grant] for piece in laid)


@given(timelines(), microseconds)
def test_laying_out_in_between_changes_nothing(
    timeline: tuple[list[Piece], datetime], after: timedelta
) -> None:
    lying, now = timeline

    laid = lay_out(lying, now=now)

    assert lay_out(laid, now=now) == laid
    assert lay_out(laid, now=now + after) == lay_out(lying, now=now + after)
