"""Leaderboards: the first, the player's own place, and who is right before and after.

Nothing else: a board is no list in which one looks for whoever is last. Each is one query that
reads a few rows of an index, however many players there are (docs/decisions/0020).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.game import points
from quizarena.game.models import BoardCount, DayPoints, Span, WeekPoints
from quizarena.players.models import Player

# So many of the first are shown, and so many right before and after the player.
FIRST, AROUND = 3, 3
# Up to here those before a player are counted at each look; from there the place is a share.
COUNTED_MAX = 1_000

# What public_name reads of a player.
_NAMES = (
    *("first_name", "last_name", "public_name", "reset_name"),
    *("is_hidden", "suspended_at", "deleted_at"),
)
_PLAYERS = ", ".join(f"player.{column}" for column in ("id", *_NAMES))
# Upwards from the player: as many points, but earlier; then more points. Downwards: the reverse.
# Each part is a scan of the index, which stops as soon as it has enough; without its ORDER BY, that
# of those who are only counted could become one of the table.
_BOARD = """
WITH me AS MATERIALIZED (
  SELECT player_id, points, reached_at FROM {table}
  WHERE player_id = %(player)s AND {span} = %(begins_on)s AND points > 0
), first AS (
  SELECT player_id, points, reached_at FROM {table}
  WHERE {span} = %(begins_on)s AND points > 0
  ORDER BY points DESC, reached_at, player_id LIMIT {first}
), before AS (
  SELECT player_id, points, reached_at FROM (
    (SELECT near.* FROM me, LATERAL (
      SELECT player_id, points, reached_at FROM {table}
      WHERE {span} = %(begins_on)s AND points = me.points
        AND (reached_at, player_id) < (me.reached_at, me.player_id)
      ORDER BY reached_at DESC, player_id DESC LIMIT {around}
    ) AS near)
    UNION ALL
    (SELECT near.* FROM me, LATERAL (
      SELECT player_id, points, reached_at FROM {table}
      WHERE {span} = %(begins_on)s AND points > me.points
      ORDER BY points, reached_at DESC, player_id DESC LIMIT {around}
    ) AS near)
  ) AS near ORDER BY points, reached_at DESC, player_id DESC LIMIT {around}
), after AS (
  SELECT player_id, points, reached_at FROM (
    (SELECT near.* FROM me, LATERAL (
      SELECT player_id, points, reached_at FROM {table}
      WHERE {span} = %(begins_on)s AND points = me.points
        AND (reached_at, player_id) > (me.reached_at, me.player_id)
      ORDER BY reached_at, player_id LIMIT {around}
    ) AS near)
    UNION ALL
    (SELECT near.* FROM me, LATERAL (
      SELECT player_id, points, reached_at FROM {table}
      WHERE {span} = %(begins_on)s AND points < me.points AND points > 0
      ORDER BY points DESC, reached_at, player_id LIMIT {around}
    ) AS near)
  ) AS near ORDER BY points DESC, reached_at, player_id LIMIT {around}
), counted AS MATERIALIZED (
  SELECT count(*) AS before FROM (
    (SELECT FROM me, LATERAL (
      SELECT FROM {table}
      WHERE {span} = %(begins_on)s AND points = me.points
        AND (reached_at, player_id) < (me.reached_at, me.player_id)
      ORDER BY reached_at, player_id LIMIT {counted_max}
    ) AS earlier)
    UNION ALL
    (SELECT FROM me, LATERAL (
      SELECT FROM {table} WHERE {span} = %(begins_on)s AND points > me.points
      ORDER BY points DESC, reached_at, player_id LIMIT {counted_max}
    ) AS more)
    LIMIT {counted_max}
  ) AS those
), share AS MATERIALIZED (
  SELECT sum(players) FILTER (WHERE count.points > me.points) AS ahead, sum(players) AS players
  FROM me, counted, game_boardcount AS count
  WHERE counted.before = {counted_max}
    AND count.span = %(span)s AND count.begins_on = %(begins_on)s
), shown AS (
  SELECT 'first' AS part, * FROM first UNION ALL SELECT 'before', * FROM before
  UNION ALL SELECT 'me', * FROM me UNION ALL SELECT 'after', * FROM after
)
SELECT shown.part, shown.points, counted.before, share.ahead, share.players, {players}
FROM shown JOIN players_player AS player ON player.id = shown.player_id, counted, share
ORDER BY shown.points DESC, shown.reached_at, shown.player_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a board. The place, from 1, is None where those before are too many to count."""

    place: int | None
    player: Player
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The first of a board, and the player with those around, who may be the same; best first.

    `per_cent` says among which share of all players one is who has no place; None also while that
    has not been counted.
    """

    first: Sequence[Entry]
    around: Sequence[Entry] = ()
    own: Entry | None = None
    per_cent: int | None = None


def of_day(*, player: Player, now: datetime) -> Board:
    """Return the board of the business day, as the player sees it. One query."""
    return _board(DayPoints, Span.DAY, player=player, begins_on=points.today(now))


def of_week(*, player: Player, now: datetime) -> Board:
    """Return the board of the business week, as the player sees it. One query."""
    return _board(WeekPoints, Span.WEEK, player=player, begins_on=points.this_week(now))


def of_friends(*, player: Player, friend_ids: Collection[int], now: datetime) -> Board:
    """Return the week's board of the player and these friends. One query.

    Who the friends are says the caller: invitations are none of the game's.
    """
    known = WeekPoints.objects.filter(
        week=points.this_week(now), player__in={player.pk, *friend_ids}, points__gt=0
    )
    return of_rows(known, player=player)


def of_rows(rows: QuerySet[WeekPoints], *, player: Player) -> Board:
    """Return the board of a few rows that are all read."""
    ordered = rows.select_related("player").order_by("-points", "reached_at", "player")
    entries = [
        Entry(place=place, player=row.player, points=row.points)
        for place, row in enumerate(ordered, 1)
    ]
    return _with_neighbours(entries, player=player)


def _with_neighbours(entries: Sequence[Entry], *, player: Player) -> Board:
    own = next((entry for entry in entries if entry.player.pk == player.pk), None)
    if own is None:
        return Board(first=entries[:FIRST])
    assert own.place is not None
    begin = max(0, own.place - 1 - AROUND)
    return Board(first=entries[:FIRST], around=entries[begin : own.place + AROUND], own=own)


def _board(
    model: type[DayPoints] | type[WeekPoints], span: Span, *, player: Player, begins_on: date
) -> Board:
    sql = _BOARD.format(
        table=model._meta.db_table,
        span=span.value.lower(),
        first=FIRST,
        around=AROUND,
        counted_max=COUNTED_MAX,
        players=_PLAYERS,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, {"player": player.pk, "begins_on": begins_on, "span": span.value})
        return _read(cursor.fetchall())


def _read(rows: Sequence[Sequence[Any]]) -> Board:
    """Return the board of the rows that _BOARD returns."""
    if not rows:
        return Board(first=[])
    _, _, before, ahead, players, *_ = rows[0]
    lines = [
        (part, earned, Player(pk=pk, **dict(zip(_NAMES, names, strict=True))))
        for part, earned, _before, _ahead, _players, pk, *names in rows
    ]
    first = [
        Entry(place=place, player=shown, points=earned)
        for place, (_, earned, shown) in enumerate(_parts(lines, "first"), 1)
    ]
    around = _parts(lines, "before", "me", "after")
    own_number = next((number for number, one in enumerate(around) if one[0] == "me"), None)
    if own_number is None:
        return Board(first=first)
    is_counted = before < COUNTED_MAX
    entries = [
        Entry(
            place=before + 1 + number - own_number if is_counted else None,
            player=shown,
            points=earned,
        )
        for number, (_, earned, shown) in enumerate(around)
    ]
    per_cent = None
    if not is_counted and players:
        # Rounded up: nobody is among the first 0 %. What was counted may be a minute old.
        per_cent = min(100, -(-100 * (int(ahead or 0) + 1) // int(players)))
    return Board(first=first, around=entries, own=entries[own_number], per_cent=per_cent)


def _parts(lines: Iterable[tuple[str, int, Player]], *parts: str) -> list[tuple[str, int, Player]]:
    return [line for line in lines if line[0] in parts]


# --- Counting -------------------------------------------------------------------------------------

# How many have how many points, without a look at the table: points stand in the index.
_COUNT = """
INSERT INTO game_boardcount (span, begins_on, points, players)
SELECT %(span)s, %(begins_on)s, points, count(*) FROM {table}
WHERE {span} = %(begins_on)s AND points > 0 GROUP BY points
"""


def count(*, now: datetime) -> bool:
    """Count again how many players have how many points today and this week.

    What was counted before goes, also that of earlier days. Return False when somebody else is
    counting.
    """
    with transaction.atomic():
        if not advisory_locks.try_lock(Space.BOARD_COUNTS):
            return False
        BoardCount.objects.all().delete()
        with connection.cursor() as cursor:
            for model, span, begins_on in (
                (DayPoints, Span.DAY, points.today(now)),
                (WeekPoints, Span.WEEK, points.this_week(now)),
            ):
                sql = _COUNT.format(table=model._meta.db_table, span=span.value.lower())
                cursor.execute(sql, {"span": span.value, "begins_on": begins_on})
    return True
