"""Leaderboards: the first, the own place and who is around; and what reading one costs."""

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection

from quizarena.game import leaderboards, tasks
from quizarena.game.leaderboards import Board
from quizarena.game.models import BoardCount, DayPoints, WeekPoints
from quizarena.players.models import Player
from tests.concurrency import overlap
from tests.factories import NOON as LONG_AGO
from tests.factories import PlayerFactory
from tests.game.leagues import DAY, NOON, SECOND, TODAY, WEEK, earn, players_with
from tests.owner import analyze, behind_the_guards

BOARDS: list[Callable[..., Board]] = [leaderboards.of_day, leaderboards.of_week]


def lines(board: Board) -> list[tuple[int | None, int]]:
    """Return the places and points of the player and those around."""
    return [(entry.place, entry.points) for entry in board.around]


def first(board: Board) -> list[tuple[int | None, int]]:
    """Return the places and points of the first."""
    return [(entry.place, entry.points) for entry in board.first]


def own(board: Board) -> tuple[int | None, int] | None:
    """Return the player's place and points."""
    return (board.own.place, board.own.points) if board.own else None


@pytest.mark.django_db
@pytest.mark.parametrize("of", BOARDS)
class TestBoard:
    def test_the_first_three_and_three_before_and_after(self, of: Callable[..., Board]) -> None:
        players = players_with(*range(150, 0, -10))

        board = of(player=players[7], now=NOON)

        assert first(board) == [(1, 150), (2, 140), (3, 130)]
        assert lines(board) == [
            (5, 110),
            (6, 100),
            (7, 90),
            (8, 80),
            (9, 70),
            (10, 60),
            (11, 50),
        ]
        assert own(board) == (8, 80)
        assert [entry.player for entry in board.first] == players[:3]
        assert board.own is not None
        assert board.own.player == players[7]

    def test_of_as_many_points_who_had_them_first_is_ahead(self, of: Callable[..., Board]) -> None:
        players = players_with(*[50] * 9)

        board = of(player=players[4], now=NOON)

        assert [entry.player for entry in board.first] == players[:3]
        assert [entry.player for entry in board.around] == players[1:8]
        assert lines(board) == [(place, 50) for place in range(2, 9)]

    def test_around_reaches_over_equal_points(self, of: Callable[..., Board]) -> None:
        players = players_with(90, 80, 70, 70, 70, 60, 60, 50)

        board = of(player=players[4], now=NOON)

        assert lines(board) == [(2, 80), (3, 70), (4, 70), (5, 70), (6, 60), (7, 60), (8, 50)]

    def test_the_best(self, of: Callable[..., Board]) -> None:
        players = players_with(30, 20)

        board = of(player=players[0], now=NOON)

        assert (own(board), lines(board)) == ((1, 30), [(1, 30), (2, 20)])

    def test_who_is_alone(self, of: Callable[..., Board]) -> None:
        (anna,) = players_with(30)

        board = of(player=anna, now=NOON)

        assert (first(board), own(board), lines(board)) == ([(1, 30)], (1, 30), [(1, 30)])

    def test_who_has_no_points_sees_the_first(self, of: Callable[..., Board]) -> None:
        players_with(40, 30, 20, 10)

        board = of(player=PlayerFactory.create(), now=NOON)

        assert (first(board), own(board), lines(board)) == ([(1, 40), (2, 30), (3, 20)], None, [])

    def test_nobody_has_any(self, of: Callable[..., Board]) -> None:
        board = of(player=PlayerFactory.create(), now=NOON)

        assert board == Board(first=[])

    def test_another_time_has_another_board(self, of: Callable[..., Board]) -> None:
        (anna,) = players_with(30, now=NOON - 7 * DAY)

        assert of(player=anna, now=NOON) == Board(first=[])

    def test_it_is_one_query(
        self, of: Callable[..., Board], django_assert_num_queries: Any
    ) -> None:
        players = players_with(30, 20, 10)

        with django_assert_num_queries(1):
            of(player=players[1], now=NOON)

    def test_from_a_thousand_before_the_place_is_a_share(
        self, of: Callable[..., Board], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leaderboards, "COUNTED_MAX", 5)
        players = players_with(*range(100, 0, -10))

        fifth, sixth = of(player=players[4], now=NOON), of(player=players[5], now=NOON)
        leaderboards.count(now=NOON)
        counted = of(player=players[5], now=NOON)

        assert (own(fifth), fifth.per_cent) == ((5, 60), None)
        # Not counted yet.
        assert (own(sixth), sixth.per_cent) == ((None, 50), None)
        assert (own(counted), counted.per_cent) == ((None, 50), 60)
        assert [place for place, _ in lines(counted)] == [None] * 7
        assert of(player=players[9], now=NOON).per_cent == 100


@pytest.mark.django_db
class TestFriends:
    def test_of_friends_only_and_oneself(self) -> None:
        anna, ben, _, dan = players_with(40, 30, 20, 10)

        board = leaderboards.of_friends(player=dan, friend_ids=[anna.pk, ben.pk], now=NOON)

        assert [entry.player for entry in board.first] == [anna, ben, dan]
        assert own(board) == (3, 10)

    def test_of_many_friends_three_before_and_after(self) -> None:
        players = players_with(*range(100, 0, -10))
        ids = [player.pk for player in players]

        board = leaderboards.of_friends(player=players[5], friend_ids=ids, now=NOON)

        assert [place for place, _ in lines(board)] == [3, 4, 5, 6, 7, 8, 9]

    def test_without_points_oneself_is_not_there(self) -> None:
        (anna,) = players_with(40)
        ben = PlayerFactory.create()

        board = leaderboards.of_friends(player=ben, friend_ids=[anna.pk], now=NOON)

        assert (first(board), own(board)) == ([(1, 40)], None)


@pytest.mark.django_db
class TestCounting:
    def test_it_counts_players_by_their_points(self) -> None:
        players_with(30, 30, 10)
        earn(PlayerFactory.create(), now=NOON - DAY)

        assert leaderboards.count(now=NOON)

        counts = BoardCount.objects.order_by("span", "points")
        assert list(counts.values_list("span", "begins_on", "points", "players")) == [
            ("DAY", TODAY, 10, 1),
            ("DAY", TODAY, 30, 2),
            ("WEEK", WEEK, 10, 2),
            ("WEEK", WEEK, 30, 2),
        ]

    def test_it_counts_anew_each_time(self) -> None:
        (anna,) = players_with(10)
        leaderboards.count(now=NOON)
        earn(anna, now=NOON + SECOND)

        assert tasks.count_boards() == 1

        assert set(BoardCount.objects.values_list("points", "players")) == {(20, 1)}

    @pytest.mark.parametrize(
        ("changed", "constraint"),
        [({}, "boardcount_once_per_points"), ({"span": "YEAR"}, "boardcount_span_is_known")],
    )
    def test_a_count_that_cannot_be(self, changed: dict[str, Any], constraint: str) -> None:
        fields = {"span": "DAY", "begins_on": TODAY, "points": 10, "players": 1}
        BoardCount.objects.create(**fields)

        with pytest.raises(IntegrityError, match=constraint):
            BoardCount.objects.create(**(fields | changed))


@pytest.mark.django_db(transaction=True)
def test_only_one_counts_at_a_time() -> None:
    players_with(10)

    results = overlap(partial(leaderboards.count, now=NOON), partial(leaderboards.count, now=NOON))

    assert results == [True, False]


# --- Plans ----------------------------------------------------------------------------------------

MANY = """
INSERT INTO players_player (telegram_id, first_name, last_name, username, language, created_at,
  last_seen_at, awaits)
SELECT 900000000 + number, 'Spieler', '', '', 'de', %(then)s, %(then)s, ''
FROM generate_series(1, %(players)s) AS number
"""
SUMS = """
INSERT INTO {table} (player_id, {span}, points, reached_at)
SELECT id, %(begins_on)s, 5 + 5 * floor(power(random(), 3) * {steps}),
       %(now)s - random() * interval '10 hours'
FROM players_player
"""


def fill(players: int) -> None:
    """Store so many players with points of today and this week, most of them with few."""
    with behind_the_guards() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(MANY, {"players": players, "then": LONG_AGO})
        for table, span, begins_on, steps in (
            ("game_daypoints", "day", TODAY, 80),
            ("game_weekpoints", "week", WEEK, 560),
        ):
            sql = SUMS.format(table=table, span=span, steps=steps)
            cursor.execute(sql, {"begins_on": begins_on, "now": NOON})
    analyze("players_player", "game_daypoints", "game_weekpoints")
    leaderboards.count(now=NOON)


def plan_of(of: Callable[..., Board], player: Player) -> dict[str, Any]:
    """Return what PostgreSQL did to read a board."""
    explained: list[Any] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
            explained.append(cursor.cursor.fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        of(player=player, now=NOON)
    (found,) = explained
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]
    return plan


def scans(plan: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return the scans of a plan: their kind, their table or index, and how many rows they read."""
    here = []
    if "Scan" in plan["Node Type"] and "Relation Name" in plan:
        rows = plan["Actual Rows"] * plan["Actual Loops"] + plan.get("Rows Removed by Filter", 0)
        here = [(plan["Node Type"], plan.get("Index Name", plan["Relation Name"]), int(rows))]
    return here + [scan for child in plan.get("Plans", []) for scan in scans(child)]


@pytest.mark.django_db
@pytest.mark.parametrize("of", BOARDS)
def test_however_many_players_there_are_a_board_reads_a_few_rows_of_its_index(
    of: Callable[..., Board],
) -> None:
    fill(20_000)
    table: Any = DayPoints if of is leaderboards.of_day else WeekPoints
    chance = random.Random(1)
    ordered = list(table.objects.order_by("-points").values_list("player", flat=True))

    for number in (0, 500, 10_000, 19_999, chance.randrange(20_000)):
        plan = plan_of(of, Player.objects.get(pk=ordered[number]))
        found = scans(plan["Plan"])
        board = table._meta.db_table.removeprefix("game_") + "_board"

        assert not [scan for scan in found if scan[0] == "Seq Scan" and "board" not in scan[1]]
        assert {name for _, name, _ in found if "boardcount" not in name} == {
            board,
            f"{table._meta.db_table}_pkey",
            "players_player_pkey",
        }
        # A thousand before the player at most, twice for the two ways of being before.
        assert sum(rows for _, name, rows in found if name == board) <= 2_100
        assert plan["Plan"]["Shared Hit Blocks"] < 5_000


@pytest.mark.django_db
def test_the_place_is_right_at_every_place() -> None:
    """Held against a window function over the whole table."""
    fill(3_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT player_id, row_number() OVER (ORDER BY points DESC, reached_at, player_id)"
            " FROM game_daypoints WHERE points > 0"
        )
        places = dict(cursor.fetchall())
    by_place = {place: player for player, place in places.items()}
    for place in (1, 2, 3, 4, 5, 333, 999, 1000):
        board = leaderboards.of_day(player=Player.objects.get(pk=by_place[place]), now=NOON)
        assert own(board) is not None
        assert (own(board) or (0, 0))[0] == place
        assert [(entry.place, entry.player.pk) for entry in board.around] == [
            (number, by_place[number]) for number in range(max(1, place - 3), place + 4)
        ]
    board = leaderboards.of_day(player=Player.objects.get(pk=by_place[1001]), now=NOON)
    assert (own(board) or (0, 0))[0] is None
    assert board.per_cent is not None
    assert 1 <= board.per_cent <= 34
