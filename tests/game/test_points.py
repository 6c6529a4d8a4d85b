"""Points: each thing once, 400 a day, none for who has not read the question; and their sums."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from quizarena.game import daily, points, rounds
from quizarena.game.models import (
    DailyQuestion,
    DayPoints,
    LeagueMember,
    LeaguePlayer,
    Mode,
    PointEvent,
    PointKind,
    WeekPoints,
)
from quizarena.game.points import Earned
from quizarena.ops import database_roles
from quizarena.players.models import Player
from tests.concurrency import overlap, run_together
from tests.factories import PlayerFactory, QuestionFactory
from tests.game.challenges import make_day
from tests.game.leagues import NOON, TODAY, WEEK, earn, earn_many, of_day, of_week
from tests.owner import as_owner, behind_the_guards

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
# The last moment of Sunday in Berlin, and the next one.
LAST_MOMENT = datetime(2026, 12, 20, 22, 59, 59, 999_999, tzinfo=UTC)
MONDAY = datetime(2026, 12, 20, 23, tzinfo=UTC)


def brought(player: Player) -> dict[str, int]:
    """Return what each event of the player has counted, by the beginning of its key."""
    found: dict[str, int] = {}
    for key, counted in PointEvent.objects.filter(player=player).values_list("key", "points"):
        kind = key.split(":")[0]
        found[kind] = found.get(kind, 0) + counted
    return found


@pytest.mark.django_db
class TestEarning:
    @pytest.mark.parametrize(
        ("kind", "worth"),
        [("ANSWER", 10), ("REVIEW", 5), ("DAILY", 20), ("DUEL_WON", 20), ("DUEL_DRAWN", 10)],
    )
    def test_what_each_kind_is_worth(self, kind: str, worth: int) -> None:
        anna = PlayerFactory.create()

        earned = earn(anna, PointKind(kind))

        assert earned == Earned(points=worth, day_total=worth)
        assert (of_day(anna), of_week(anna)) == (worth, worth)

    def test_one_key_counts_once_also_on_another_day(self) -> None:
        anna = PlayerFactory.create()

        first = earn(anna, key="duel:7")
        second = earn(anna, key="duel:7")
        next_week = earn(anna, key="duel:7", now=NOON + timedelta(days=7))

        assert first is not None
        assert (second, next_week) == (None, None)
        assert (of_day(anna), of_week(anna)) == (10, 10)
        assert WeekPoints.objects.filter(player=anna).count() == 1

    def test_the_same_key_is_another_one_for_somebody_else(self) -> None:
        anna, ben = PlayerFactory.create(), PlayerFactory.create()

        assert earn(anna, key="duel:7") == earn(ben, key="duel:7")

    def test_the_four_hundredth_point_counts_and_the_next_does_not(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 390)

        last = earn(anna)
        over = earn(anna)

        assert last == Earned(points=10, day_total=400)
        assert over == Earned(points=0, day_total=400)
        assert over is not None
        assert over.is_full
        assert (of_day(anna), of_week(anna)) == (400, 400)

    def test_what_goes_over_the_cap_counts_up_to_it(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 395)

        assert earn(anna, PointKind.DUEL_WON) == Earned(points=5, day_total=400)

    def test_the_next_day_counts_anew_for_the_same_week(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 400)

        assert earn(anna, now=NOON + timedelta(days=1)) == Earned(points=10, day_total=10)
        assert of_week(anna) == 410

    def test_what_came_over_the_cap_does_not_come_back_on_another_day(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 400)
        earn(anna, key="duel:7")

        assert earn(anna, key="duel:7", now=NOON + timedelta(days=1)) is None

    def test_a_week_begins_on_monday_in_berlin(self) -> None:
        anna = PlayerFactory.create()

        earn(anna, now=LAST_MOMENT)
        earn(anna, now=MONDAY)

        weeks = WeekPoints.objects.filter(player=anna).order_by("week")
        assert list(weeks.values_list("week", "points")) == [
            (date(2026, 12, 14), 10),
            (date(2026, 12, 21), 10),
        ]

    @pytest.mark.parametrize(
        ("instant", "day", "week"),
        [
            # The nights on which the clock changes, both from Saturday to Sunday.
            (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), date(2026, 3, 28), date(2026, 3, 23)),
            (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29), date(2026, 3, 23)),
            (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29), date(2026, 3, 23)),
            (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30), date(2026, 3, 30)),
            (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25), date(2026, 10, 19)),
            (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26), date(2026, 10, 26)),
        ],
    )
    def test_days_and_weeks_are_those_of_berlin(
        self, instant: datetime, day: date, week: date
    ) -> None:
        anna = PlayerFactory.create()

        earn(anna, now=instant)

        assert DayPoints.objects.get(player=anna).day == day
        assert WeekPoints.objects.get(player=anna).week == week

    def test_the_first_points_of_a_week_enter_for_the_league(self) -> None:
        anna = PlayerFactory.create()

        earn(anna)
        earn(anna, now=NOON + SECOND)

        entered = LeagueMember.objects.get(player=anna)
        assert (entered.week, entered.joined_at, entered.group) == (WEEK, NOON, None)

    def test_who_has_left_the_leagues_is_not_entered(self) -> None:
        anna = PlayerFactory.create()
        LeaguePlayer.objects.create(player=anna, opted_out_at=NOON)

        earn(anna)

        assert not LeagueMember.objects.exists()
        assert of_week(anna) == 10

    @pytest.mark.parametrize(("after", "worth"), [(699 * MS, None), (700 * MS, 5)])
    def test_a_review_brings_five_unless_it_was_too_fast(
        self, after: timedelta, worth: int | None
    ) -> None:
        earned = points.answered(
            player=PlayerFactory.create(),
            kind=PointKind.REVIEW,
            key="review:1",
            is_correct=True,
            shown_at=NOON,
            now=NOON + after,
        )

        assert (earned.points if earned else None) == worth

    def test_a_duel_counts_once_for_either_player(self) -> None:
        anna, ben = PlayerFactory.create(), PlayerFactory.create()

        points.duel_won(player=anna, duel_id=7, now=NOON)
        for player in (anna, ben):
            points.duel_drawn(player=player, duel_id=7, now=NOON)

        assert (of_day(anna), of_day(ben)) == (20, 10)

    def test_it_is_one_statement(self, django_assert_num_queries: Any) -> None:
        anna = PlayerFactory.create()

        with django_assert_num_queries(1):
            earn(anna)


@pytest.mark.django_db
class TestRounds:
    @pytest.mark.parametrize(
        ("is_right", "after", "worth"),
        [(True, 699 * MS, None), (True, 700 * MS, 10), (True, SECOND, 10), (False, SECOND, None)],
    )
    def test_a_right_answer_brings_ten_unless_it_was_too_fast(
        self, is_right: bool, after: timedelta, worth: int | None
    ) -> None:
        anna = PlayerFactory.create()
        QuestionFactory.create_batch(12, category="QUICK_MIX_A1A2")
        shown = rounds.start(
            player=anna, mode=Mode.QUICK_MIX_A1A2, key="k", now=NOON
        ).round_question

        answer = rounds.answer(
            player=anna,
            round_question_id=shown.pk,
            option_index=shown.order.index(1 if is_right else 0),
            now=NOON + after,
        )

        assert (answer.earned.points if answer.earned else None) == worth
        assert brought(anna) == ({"answer": 10} if worth else {})

    def test_a_slow_right_answer_costs_its_points_and_a_wrong_one_its_card(self) -> None:
        anna = PlayerFactory.create()
        QuestionFactory.create_batch(12, category="QUICK_MIX_A1A2")
        shown = rounds.start(
            player=anna, mode=Mode.QUICK_MIX_A1A2, key="k", now=NOON
        ).round_question
        costs = []
        for number, option in enumerate((0, 0, 1), 1):
            with CaptureQueriesContext(connection) as queries:
                answer = rounds.answer(
                    player=anna,
                    round_question_id=shown.pk,
                    option_index=shown.order.index(option),
                    now=NOON + number * SECOND,
                )
            assert answer.next is not None
            shown = answer.next
            costs.append(len(queries))

        # The first of a day costs more: it rolls the streak over. Points are one statement, and so
        # is a card.
        assert costs[2] == costs[1]

    def test_a_round_says_what_it_has_brought(self) -> None:
        anna = PlayerFactory.create()
        QuestionFactory.create_batch(12, category="QUICK_MIX_A1A2")
        shown = rounds.start(
            player=anna, mode=Mode.QUICK_MIX_A1A2, key="k", now=NOON
        ).round_question
        answered = []
        for number, option in enumerate((1, 0, 1), 1):
            answer = rounds.answer(
                player=anna,
                round_question_id=shown.pk,
                option_index=shown.order.index(option),
                now=NOON + number * SECOND,
            )
            answered.append(answer.graded)
            assert answer.next is not None
            shown = answer.next

        assert rounds.points_of(answered, player=anna) == 20
        assert points.of_day(player=anna, now=NOON) == 20


@pytest.mark.django_db
class TestDaily:
    def play(self, *, every: timedelta, outcomes: list[bool]) -> tuple[Player, int | None]:
        """Let somebody play the challenge at that pace; return who, and what it has brought."""
        make_day()
        anna = PlayerFactory.create()
        run = daily.start(player=anna, now=NOON).run
        brought: int | None = None
        for number, is_right in enumerate(outcomes, 1):
            question = DailyQuestion.objects.get(set=run.set_id, number=number)
            brought = daily.answer(
                player=anna,
                run_id=run.pk,
                number=number,
                option_index=question.order.index(1 if is_right else 0),
                now=NOON + number * every,
            ).points
        return anna, brought

    def test_it_brings_twenty_and_ten_for_each_right_answer(self) -> None:
        anna, brought = self.play(every=SECOND, outcomes=[True] * 5 + [False] * 2)

        assert brought == 70
        assert of_day(anna) == 70

    def test_until_its_end_it_says_nothing(self) -> None:
        anna, brought = self.play(every=SECOND, outcomes=[True])

        assert brought is None
        assert of_day(anna) == 10

    @pytest.mark.parametrize(("every", "worth"), [(699 * MS, 20), (700 * MS, 90)])
    def test_answers_that_follow_each_other_too_fast_bring_none(
        self, every: timedelta, worth: int
    ) -> None:
        _, brought = self.play(every=every, outcomes=[True] * 7)

        assert brought == worth


@pytest.mark.django_db
class TestDatabase:
    """Each rule again, by a road that does not pass through the services."""

    def event(self, player: Player, **changed: Any) -> PointEvent:
        """Store an event by the model."""
        fields = {
            "key": "k",
            "kind": "ANSWER",
            "earned": 10,
            "points": 0,
            "day_total": 0,
            "week_total": 0,
            "at": NOON,
            "day": TODAY,
            "week": WEEK,
        }
        return PointEvent.objects.create(player=player, **(fields | changed))

    def test_the_database_counts_whatever_an_event_says(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 395)

        stored = self.event(anna, points=10, day_total=10, week_total=10)

        stored.refresh_from_db()
        assert (stored.points, stored.day_total, stored.week_total) == (5, 400, 400)
        assert of_day(anna) == 400

    def test_several_events_in_one_statement_are_counted_one_after_the_other(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 385)

        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO game_pointevent
                  (player_id, key, kind, earned, points, day_total, week_total, at, day, week)
                SELECT %s, 'k:' || (number / 2), 'ANSWER', 10, 0, 0, 0, %s, %s, %s
                FROM generate_series(2, 7) AS number
                """,
                [anna.pk, NOON, TODAY, WEEK],
            )

        assert PointEvent.objects.filter(key__startswith="k:").count() == 3
        assert (of_day(anna), of_week(anna)) == (400, 400)

    @pytest.mark.parametrize(
        ("changed", "constraint"),
        [
            ({"earned": 11}, "pointevent_earns_what_its_kind_does"),
            ({"kind": "REVIEW"}, "pointevent_earns_what_its_kind_does"),
            ({"kind": "GIFT"}, "pointevent_earns_what_its_kind_does"),
            ({"week": date(2026, 12, 15)}, "pointevent_week_begins_on_its_monday"),
            ({"day": date(2026, 12, 13)}, "pointevent_week_begins_on_its_monday"),
            ({"day": date(2026, 12, 21)}, "pointevent_week_begins_on_its_monday"),
        ],
    )
    def test_an_event_that_cannot_be(self, changed: dict[str, Any], constraint: str) -> None:
        anna = PlayerFactory.create()

        with pytest.raises(IntegrityError, match=constraint):
            self.event(anna, **changed)

    @pytest.mark.parametrize("day", [date(2026, 12, 14), date(2026, 12, 20)])
    def test_a_week_has_its_monday_and_its_sunday(self, day: date) -> None:
        self.event(PlayerFactory.create(), day=day)

    def test_one_key_twice_without_the_trigger(self) -> None:
        anna = PlayerFactory.create()
        self.event(anna)

        with pytest.raises(IntegrityError, match="pointevent_once_per_key"), behind_the_guards():
            self.event(anna)

    @pytest.mark.parametrize(
        ("model", "points", "constraint"),
        [
            (DayPoints, 401, "daypoints_within_the_day"),
            (WeekPoints, 2801, "weekpoints_within_seven_days"),
        ],
    )
    def test_a_sum_that_cannot_be(self, model: Any, points: int, constraint: str) -> None:
        anna = PlayerFactory.create()
        earn(anna)

        with pytest.raises(IntegrityError, match=constraint), behind_the_guards() as cursor:
            cursor.execute(f"UPDATE {model._meta.db_table} SET points = {points}")  # noqa: S608

    @pytest.mark.usefixtures("owner")
    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            ("UPDATE game_daypoints SET points = 1", "counted only by an event"),
            ("DELETE FROM game_daypoints", "counted only by an event"),
            ("UPDATE game_weekpoints SET points = 1", "counted only by an event"),
            ("DELETE FROM game_weekpoints", "counted only by an event"),
            (
                "INSERT INTO game_weekpoints VALUES (1, '2026-12-14', 1, now())",
                "counted only by an event|has no column|but expression",
            ),
            ("UPDATE game_pointevent SET points = 1", "Cannot update or delete"),
            ("DELETE FROM game_pointevent", "Cannot update or delete"),
        ],
    )
    def test_even_the_owner_changes_nothing(self, statement: str, says: str) -> None:
        earn(PlayerFactory.create())

        with pytest.raises(DatabaseError, match=says), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.usefixtures("owner")
    @pytest.mark.parametrize("table", ["game_daypoints", "game_weekpoints", "game_pointevent"])
    def test_not_even_the_owner_empties_a_table(self, table: str) -> None:
        with (
            pytest.raises(DatabaseError, match="Cannot truncate points"),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"TRUNCATE {table}")

    @pytest.mark.parametrize("table", ["game_daypoints", "game_weekpoints", "game_pointevent"])
    @pytest.mark.parametrize("statement", ["UPDATE {} SET points = 1", "DELETE FROM {}"])
    def test_the_application_has_no_right_to(self, table: str, statement: str) -> None:
        earn(PlayerFactory.create())

        with (
            pytest.raises(DatabaseError, match="permission denied"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(table))


@contextmanager
def without_the_lock() -> Iterator[None]:
    """Let the function that counts points read the week without a lock inside."""
    name = database_roles._function(PointEvent, "count_points")
    with as_owner() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        (source,) = cursor.fetchone()
        assert source.count("FOR UPDATE") == 2
        cursor.execute(source.replace("FOR UPDATE", ""))
    try:
        yield
    finally:
        with as_owner() as cursor:
            cursor.execute(source)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_at_once_stay_within_the_cap(self) -> None:
        anna = PlayerFactory.create()
        earn_many(anna, 390)

        results = overlap(partial(earn, anna, key="a"), partial(earn, anna, key="b"))

        assert results == [Earned(points=10, day_total=400), Earned(points=0, day_total=400)]
        assert (of_day(anna), of_week(anna)) == (400, 400)

    def test_two_at_once_count_one_key_once(self) -> None:
        anna = PlayerFactory.create()

        results = overlap(partial(earn, anna, key="a"), partial(earn, anna, key="a"))

        assert results == [Earned(points=10, day_total=10), None]
        assert (of_day(anna), of_week(anna)) == (10, 10)

    def test_without_the_lock_of_the_week_the_cap_would_be_overrun(self) -> None:
        """Show that the first test above can fail: take the lock away, and it must."""
        anna = PlayerFactory.create()
        earn_many(anna, 390)
        with without_the_lock():
            results = overlap(partial(earn, anna, key="a"), partial(earn, anna, key="b"))

        # Both have read 390: ten points have been counted for either.
        assert results == [Earned(points=10, day_total=400), Earned(points=10, day_total=400)]

    def test_the_weeks_first_points_of_two_at_once_enter_once(self) -> None:
        anna = PlayerFactory.create()

        run_together(*(partial(earn, anna, key=key) for key in "abcd"))

        assert of_week(anna) == 40
        assert LeagueMember.objects.filter(player=anna).count() == 1
