"""Streaks on PostgreSQL: activity, settling, earning back, outages, notices, calendar."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from economy import grants, ledger, streak_rules, streaks, tasks
from economy.errors import InvalidEntryError
from economy.goods import Goods, Plan
from economy.ledger import Deltas
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    OutageDay,
    PerfectRound,
    Source,
    Streak,
    StreakDay,
    Wallet,
)
from quizarena.celery import app
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import PlayerFactory, make_staff

BERLIN = ZoneInfo("Europe/Berlin")
# 2 November 2026 is a Monday; a number of a day is one of November.
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(2, 9)
LETTERS = {
    "PLAYED": "P",
    "FROZEN_SAVER": "s",
    "FROZEN_PREMIUM": "f",
    "SHIELDED": "o",
    "MISSED": "m",
    "EARNED_BACK": "e",
}

pytestmark = pytest.mark.django_db


def at(day: int | date, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    """Return an instant of a day in Berlin."""
    if isinstance(day, int):
        day = date(2026, 11, 1) + timedelta(days=day - 1)
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=BERLIN)


def play(player: Player, *days: int | date) -> None:
    """Answer a question at noon of each day."""
    for day in days:
        streaks.record_activity(player=player, now=at(day))


def roll_over(player: Player, day: int | date) -> Streak:
    """Roll over as the nightly job does at 00:10 of `day`."""
    streak = streaks.roll_over(player=player, now=at(day, 0, 10))
    assert streak is not None
    return streak


def give(player: Player, goods: Goods, *, now: datetime) -> LedgerEntry:
    """Grant goods to the player."""
    entry, _ = grants.grant(
        player=player,
        goods=goods,
        type=EntryType.PRIZE,
        source=Source.SYSTEM,
        key=f"prize:{goods.premium}:{now.isoformat()}",
        now=now,
    )
    return entry


def give_savers(player: Player, count: int, *, now: datetime) -> None:
    """Grant streak savers to the player."""
    give(player, Goods(streak_savers=count), now=now)


def give_premium(player: Player, plan: Plan, *, days: int, now: datetime) -> LedgerEntry:
    """Grant Premium to the player."""
    return give(player, Goods(premium=plan, premium_days=days), now=now)


def take_saver(player: Player, *, now: datetime) -> None:
    """Take a saver from the player's wallet."""
    ledger.post(
        player=player,
        type=EntryType.TAKEN_BACK,
        asset=Asset.STREAK_SAVERS,
        direction=Direction.DEBIT,
        amount=1,
        deltas=Deltas(streak_savers=-1),
        source=Source.SYSTEM,
        key=f"take:{now.isoformat()}",
        request={},
        now=now,
    )


def days_of(player: Player) -> str:
    """Return the player's days from the first to the last as letters; a dot has no row."""
    rows = dict(StreakDay.objects.filter(player=player).values_list("day", "outcome"))
    count = (max(rows) - min(rows)).days + 1
    return "".join(
        LETTERS.get(rows.get(min(rows) + timedelta(days=number), ""), ".")
        for number in range(count)
    )


def streak_of(player: Player) -> tuple[int, int]:
    """Return the current and the best streak."""
    streak = Streak.objects.get(player=player)
    return streak.current, streak.best


def savers_of(player: Player) -> int:
    """Return how many savers are in the wallet."""
    return Wallet.objects.get(player=player).streak_savers


@pytest.fixture
def _tasks_run_at_once() -> Iterator[None]:
    """Run tasks where they are called instead of sending them to the broker."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


class TestLooking:
    """What a streak is is known before anybody has rolled it over."""

    @pytest.mark.parametrize(
        ("savers", "day", "length"),
        [(0, TUESDAY, 1), (0, WEDNESDAY, 0), (1, WEDNESDAY, 1), (1, THURSDAY, 0), (2, THURSDAY, 1)],
    )
    def test_it_is_what_rolling_over_leaves_and_nothing_is_written(
        self, savers: int, day: int, length: int
    ) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)
        if savers:
            give_savers(player, savers, now=at(MONDAY, 13))

        seen = streaks.current(player=player, now=at(day))

        assert seen == length
        assert (days_of(player), savers_of(player)) == ("P", savers)
        assert roll_over(player, day).current == length

    def test_who_has_never_played_has_none(self) -> None:
        assert streaks.current(player=PlayerFactory.create(), now=at(MONDAY)) == 0


class TestActivity:
    def test_the_first_activity_of_a_day_adds_one(self) -> None:
        player = PlayerFactory.create()

        changes = [
            streaks.record_activity(player=player, now=at(day, hour))
            for day, hour in [(MONDAY, 9), (MONDAY, 9), (MONDAY, 21), (TUESDAY, 0)]
        ]

        assert [(one.current, one.is_first_of_day) for one in changes] == [
            (1, True),
            (1, False),
            (1, False),
            (2, True),
        ]
        assert days_of(player) == "PP"

    def test_a_day_begins_at_midnight_in_berlin(self) -> None:
        player = PlayerFactory.create()

        for instant in [
            datetime(2026, 11, 2, 22, 59, 59, tzinfo=UTC),
            datetime(2026, 11, 2, 23, 0, 0, tzinfo=UTC),
        ]:
            streaks.record_activity(player=player, now=instant)

        assert list(StreakDay.objects.values_list("day", flat=True).order_by("day")) == [
            date(2026, 11, 2),
            date(2026, 11, 3),
        ]
        assert streak_of(player) == (2, 2)

    @pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
    def test_a_day_on_which_the_clocks_change_is_one_day(self, day: date) -> None:
        player = PlayerFactory.create()
        before, after = day - timedelta(days=1), day + timedelta(days=1)

        for instant in [
            at(before, 23, 59, 59),
            at(day, 0, 0, 0),
            at(day, 23, 59, 59),
            at(after, 0, 0, 0),
        ]:
            streaks.record_activity(player=player, now=instant)

        assert (days_of(player), streak_of(player)) == ("PPP", (3, 3))

    @pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
    def test_a_missed_day_on_which_the_clocks_change_is_one_day(self, day: date) -> None:
        player = PlayerFactory.create()
        give_savers(player, 2, now=at(day - timedelta(days=3)))

        play(player, day - timedelta(days=1), day + timedelta(days=1))

        assert (days_of(player), savers_of(player)) == ("PsP", 1)

    def test_a_missed_day_begins_a_new_streak_and_the_best_one_stays(self) -> None:
        player = PlayerFactory.create()

        play(player, MONDAY, TUESDAY, WEDNESDAY, FRIDAY)

        assert (days_of(player), streak_of(player)) == ("PPPmP", (1, 3))

    def test_days_without_a_streak_leave_no_rows_and_take_no_savers(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)
        roll_over(player, WEDNESDAY)
        give_savers(player, 1, now=at(WEDNESDAY))

        play(player, 30)

        assert days_of(player) == "Pm" + 26 * "." + "P"
        assert savers_of(player) == 1

    def test_an_answer_of_just_before_midnight_counts_though_it_comes_after_settling(self) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY)
        roll_over(player, WEDNESDAY)
        assert (days_of(player), savers_of(player)) == ("Ps", 0)

        change = streaks.record_activity(player=player, now=at(TUESDAY, 23, 59, 59))

        assert (change.current, change.is_first_of_day) == (2, True)
        assert (days_of(player), savers_of(player)) == ("PP", 1)

    def test_a_clock_that_jumps_back_changes_nothing(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, TUESDAY)

        change = streaks.record_activity(player=player, now=at(MONDAY, 23))

        assert (change.current, change.is_first_of_day) == (2, False)
        assert days_of(player) == "PP"

    def test_a_naive_instant_is_refused(self) -> None:
        player = PlayerFactory.create()

        for verb in (streaks.record_activity, streaks.roll_over):
            with pytest.raises(InvalidEntryError, match="time zone"):
                verb(player=player, now=datetime(2026, 11, 2))  # noqa: DTZ001

        assert not Streak.objects.exists()

    def test_a_further_answer_of_a_day_costs_one_read(self, django_assert_num_queries: Any) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)

        with django_assert_num_queries(1):
            streaks.record_activity(player=player, now=at(MONDAY, 13))

    def test_the_first_answer_of_a_day_costs_ten_statements(
        self, django_assert_num_queries: Any
    ) -> None:
        """Two of them are the savepoint that stands for the transaction here."""
        player = PlayerFactory.create()
        play(player, MONDAY)

        with django_assert_num_queries(10):
            play(player, TUESDAY)


class TestSettling:
    @pytest.mark.parametrize(
        ("savers", "plan", "expected", "streak", "left"),
        [
            (0, None, "Pm", 0, 0),
            (1, None, "Psm", 0, 0),
            (2, None, "Pssm", 0, 0),
            (3, None, "Psss", 1, 0),
            (4, None, "Psss", 1, 1),
            (0, Plan.STARTER, "Pm", 0, 0),
            (0, Plan.MONTH, "Pfm", 0, 0),
            (1, Plan.MONTH, "Psfm", 0, 0),
            (0, Plan.SEASON, "Pfff", 1, 0),
            (0, Plan.YEAR, "Pfff", 1, 0),
            (2, Plan.YEAR, "Pssf", 1, 0),
        ],
    )
    def test_a_missed_day_takes_a_saver_then_a_freeze_then_the_streak(
        self, savers: int, plan: Plan | None, expected: str, streak: int, left: int
    ) -> None:
        player = PlayerFactory.create()
        if savers:
            give_savers(player, savers, now=at(MONDAY))
        if plan:
            give_premium(player, plan, days=30, now=at(MONDAY))
        play(player, MONDAY)

        roll_over(player, FRIDAY)

        assert (days_of(player), streak_of(player)) == (expected, (streak, 1))
        assert savers_of(player) == left

    def test_a_used_saver_is_an_entry_of_its_day(self) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY)

        roll_over(player, WEDNESDAY)

        entry = LedgerEntry.objects.get(type="SAVER_USED")
        assert entry == StreakDay.objects.get(outcome="FROZEN_SAVER").entry
        assert (entry.idempotency_key, entry.direction, entry.amount, entry.streak_savers) == (
            "saver:2026-11-03",
            "DEBIT",
            1,
            -1,
        )

    def test_today_is_not_over(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)

        streak = streaks.roll_over(player=player, now=at(TUESDAY, 23, 59, 59))
        assert streak is not None
        assert streak.current == 1

        streak = streaks.roll_over(player=player, now=at(WEDNESDAY, 0, 0, 0))
        assert streak is not None
        assert streak.current == 0

    def test_who_has_never_played_has_nothing_to_roll_over(self) -> None:
        assert streaks.roll_over(player=PlayerFactory.create(), now=at(MONDAY)) is None

    def test_a_saver_of_the_last_second_of_a_day_saves_it(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)
        give_savers(player, 1, now=at(TUESDAY, 23, 59, 59))

        play(player, WEDNESDAY)

        assert days_of(player) == "PsP"

    def test_a_saver_of_midnight_saves_the_next_day_only(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)
        give_savers(player, 1, now=at(WEDNESDAY, 0, 0, 0))

        play(player, WEDNESDAY)

        assert (days_of(player), savers_of(player)) == ("PmP", 1)

    def test_a_saver_that_has_been_taken_saves_no_day(self) -> None:
        """Who takes savers rolls over first; if somebody does not, the streak pays for it."""
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY)
        take_saver(player, now=at(WEDNESDAY))

        play(player, WEDNESDAY)

        assert (days_of(player), savers_of(player)) == ("PmP", 0)

    def test_month_freezes_one_day_of_a_week_from_monday_to_sunday(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, Plan.MONTH, days=30, now=at(FRIDAY))
        play(player, FRIDAY, SATURDAY)

        roll_over(player, 11)

        # Sunday, Monday, Tuesday.
        assert days_of(player) == "PPffm"

    def test_the_week_counts_though_each_day_is_rolled_over_on_its_own(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, Plan.MONTH, days=30, now=at(MONDAY))
        play(player, MONDAY, WEDNESDAY)

        roll_over(player, FRIDAY)

        assert days_of(player) == "PfPm"

    def test_the_plan_of_the_missed_day_counts_and_not_that_of_today(self) -> None:
        ended, began = PlayerFactory.create(), PlayerFactory.create()
        give_premium(ended, Plan.SEASON, days=2, now=at(MONDAY))
        play(ended, MONDAY)
        play(began, MONDAY)
        give_premium(began, Plan.SEASON, days=90, now=at(WEDNESDAY, 8))

        play(ended, THURSDAY)
        play(began, WEDNESDAY)

        # Until Wednesday noon: Tuesday and Wednesday are frozen.
        assert days_of(ended) == "PffP"
        assert days_of(began) == "PmP"

    def test_of_several_plans_of_a_day_the_highest_counts(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, Plan.MONTH, days=30, now=at(MONDAY))
        give_premium(player, Plan.SEASON, days=3, now=at(MONDAY, 13))
        play(player, MONDAY)

        roll_over(player, SATURDAY)

        # Season until Thursday 13:00, then Month, whose one freeze the week has had.
        assert days_of(player) == "Pfffm"

    def test_a_revoked_plan_still_freezes_the_days_on_which_it_was_active(self) -> None:
        player = PlayerFactory.create()
        entry = give_premium(player, Plan.YEAR, days=365, now=at(MONDAY))
        play(player, MONDAY)
        grants.reverse(
            entry=entry,
            type=EntryType.TAKEN_BACK,
            source=Source.SYSTEM,
            key="take",
            now=at(THURSDAY, 0, 0, 0),
        )

        roll_over(player, SATURDAY)

        assert days_of(player) == "Pffm"

    def test_settling_again_changes_nothing(self, django_assert_num_queries: Any) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY)
        roll_over(player, WEDNESDAY)

        with django_assert_num_queries(2):
            streak = roll_over(player, WEDNESDAY)

        assert (streak.current, days_of(player)) == (1, "Ps")


class TestNightlyJob:
    def test_everybody_has_a_turn_in_pages(self) -> None:
        players = [PlayerFactory.create() for _ in range(5)]
        for player in players:
            play(player, MONDAY)

        pages, after = [], 0
        while page := streaks.roll_over_due(now=at(WEDNESDAY, 0, 10), after=after, limit=2):
            pages.append(len(page))
            after = page[-1]

        assert pages == [2, 2, 1]
        assert [streak_of(player)[0] for player in players] == [0, 0, 0, 0, 0]

    def test_one_who_fails_does_not_hold_up_the_others(self) -> None:
        players = [PlayerFactory.create() for _ in range(3)]
        for player in players:
            give_savers(player, 1, now=at(MONDAY))
            play(player, MONDAY)
        with connection.cursor() as cursor:
            # The key of the first one's saver belongs to something else.
            cursor.execute(
                "INSERT INTO economy_ledgerentry (player_id, type, asset, direction, amount,"
                " free_energy, paid_energy, streak_savers, duel_tickets, source, idempotency_key,"
                " fingerprint, metadata, reason, created_at) VALUES (%s, 'PRIZE', 'GOODS',"
                " 'CREDIT', 1, 0, 0, 0, 0, 'SYSTEM', 'saver:2026-11-03', 'x', '{}', '', now())",
                [players[0].pk],
            )

        player_ids = streaks.roll_over_due(now=at(WEDNESDAY, 0, 10), after=0, limit=3)

        assert len(player_ids) == 3
        assert [days_of(player) for player in players] == ["P", "Ps", "Ps"]

    def test_the_idle_cost_nothing(self) -> None:
        lost, fresh = PlayerFactory.create(), PlayerFactory.create()
        play(lost, MONDAY)
        roll_over(lost, THURSDAY)
        play(fresh, THURSDAY)

        assert streaks.roll_over_due(now=at(FRIDAY, 0, 10), after=0, limit=9) == []

    @pytest.mark.usefixtures("_tasks_run_at_once")
    @time_machine.travel(at(WEDNESDAY, 0, 10), tick=False)
    def test_the_task_continues_until_nobody_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        players = [PlayerFactory.create() for _ in range(5)]
        for player in players:
            play(player, MONDAY)
        monkeypatch.setattr(tasks, "STREAK_BATCH", 2)

        tasks.roll_over_streaks.delay()

        assert [streak_of(player)[0] for player in players] == [0, 0, 0, 0, 0]


class TestEarningBack:
    @pytest.fixture
    def player(self) -> Player:
        """Return a player who lost a streak of three on Thursday and came back on Friday."""
        player: Player = PlayerFactory.create()
        play(player, MONDAY, TUESDAY, WEDNESDAY, FRIDAY)
        return player

    def test_three_perfect_rounds_give_the_streak_back(self, player: Player) -> None:
        progress = [
            streaks.record_perfect_round(player=player, round_key=key, now=at(FRIDAY, 13))
            for key in ("r1", "r2", "r3")
        ]

        assert [(one.rounds_done, one.is_earned, one.length) for one in progress if one] == [
            (1, False, 3),
            (2, False, 3),
            (3, True, 3),
        ]
        assert (days_of(player), streak_of(player)) == ("PPPeP", (4, 4))

    def test_a_round_counts_once(self, player: Player) -> None:
        for _ in range(3):
            streaks.record_perfect_round(player=player, round_key="r1", now=at(FRIDAY, 13))

        progress = streaks.earn_back(player=player, now=at(FRIDAY, 13))
        assert progress is not None
        assert progress.rounds_done == 1
        assert streak_of(player) == (1, 3)

    def test_a_loss_is_made_good_once(self, player: Player) -> None:
        for key in ("r1", "r2", "r3"):
            streaks.record_perfect_round(player=player, round_key=key, now=at(FRIDAY, 13))

        again = streaks.record_perfect_round(player=player, round_key="r4", now=at(FRIDAY, 14))

        assert again is None
        assert streaks.earn_back(player=player, now=at(FRIDAY, 14)) is None
        assert streak_of(player) == (4, 4)

    def test_the_window_is_48_hours_from_the_end_of_the_missed_day(self, player: Player) -> None:
        last, too_late = at(SATURDAY, 23, 59, 59), at(SUNDAY, 0, 0, 0)
        play(player, SATURDAY)

        open_ = streaks.earn_back(player=player, now=last)

        assert open_ is not None
        assert open_.until == too_late
        assert streaks.earn_back(player=player, now=too_late) is None
        late = streaks.record_perfect_round(player=player, round_key="r1", now=too_late)
        assert late is None
        assert not PerfectRound.objects.exists()

    def test_both_days_missed_within_the_window_are_earned_back(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, TUESDAY, FRIDAY)

        for key in ("r1", "r2", "r3"):
            streaks.record_perfect_round(player=player, round_key=key, now=at(FRIDAY, 23))

        assert (days_of(player), streak_of(player)) == ("PPeeP", (3, 3))

    def test_a_streak_can_be_earned_back_before_the_activity_of_the_day_is_recorded(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, TUESDAY)

        for key in ("r1", "r2", "r3"):
            streaks.record_perfect_round(player=player, round_key=key, now=at(THURSDAY))
        play(player, THURSDAY)

        assert (days_of(player), streak_of(player)) == ("PPeP", (3, 3))

    def test_the_next_loss_can_be_made_good_too(self, player: Player) -> None:
        for key in ("r1", "r2", "r3"):
            streaks.record_perfect_round(player=player, round_key=key, now=at(FRIDAY, 13))
        play(player, SUNDAY)

        progress = streaks.record_perfect_round(player=player, round_key="r4", now=at(SUNDAY, 13))

        assert progress is not None
        assert (progress.length, progress.rounds_done) == (4, 1)

    def test_the_ledger_has_an_entry_that_moves_nothing(self, player: Player) -> None:
        for key in ("r1", "r2", "r3"):
            streaks.record_perfect_round(player=player, round_key=key, now=at(FRIDAY, 13))

        entry = LedgerEntry.objects.get(player=player, type="EARN_BACK")
        assert (entry.direction, entry.asset, entry.amount) == ("CREDIT", "GOODS", 1)
        assert (entry.free_energy, entry.paid_energy, entry.streak_savers) == (0, 0, 0)

    def test_who_has_lost_nothing_has_nothing_to_earn(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)

        assert (
            streaks.record_perfect_round(player=player, round_key="r1", now=at(MONDAY, 13)) is None
        )


class TestOutageShield:
    @pytest.fixture
    def operator(self) -> User:
        return make_staff("Operator")

    def shield(self, operator: User, *days: int, now: datetime) -> list[date]:
        """Shield the days from the first to the last; return those that are new."""
        shielded = streaks.shield(
            first_day=at(days[0]).date(),
            last_day=at(days[-1]).date(),
            staff=operator,
            reason="The database was down.",
            now=now,
        )
        return [one.day for one in shielded]

    def test_an_outage_costs_nobody_a_streak_or_a_saver(self, operator: User) -> None:
        with_saver, without = PlayerFactory.create(), PlayerFactory.create()
        give_savers(with_saver, 1, now=at(MONDAY))
        play(with_saver, MONDAY)
        play(without, MONDAY)

        self.shield(operator, TUESDAY, WEDNESDAY, now=at(WEDNESDAY))
        play(with_saver, THURSDAY)
        play(without, THURSDAY)

        assert (days_of(with_saver), savers_of(with_saver)) == ("PooP", 1)
        assert (days_of(without), streak_of(without)) == ("PooP", (2, 2))

    def test_who_played_all_the_same_has_played(self, operator: User) -> None:
        player = PlayerFactory.create()
        self.shield(operator, TUESDAY, now=at(TUESDAY))

        play(player, MONDAY, TUESDAY, WEDNESDAY)

        assert (days_of(player), streak_of(player)) == ("PPP", (3, 3))

    def test_a_streak_already_lost_is_restored(self, operator: User) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, TUESDAY, THURSDAY, FRIDAY)
        assert streak_of(player) == (2, 2)

        self.shield(operator, WEDNESDAY, now=at(FRIDAY, 15))
        streaks.roll_over_due(now=at(FRIDAY, 15), after=0, limit=9)

        assert (days_of(player), streak_of(player)) == ("PPoPP", (4, 4))
        assert list(StreakDay.objects.order_by("day").values_list("length", flat=True)) == [
            1,
            2,
            2,
            3,
            4,
        ]

    def test_it_is_restored_up_to_the_next_day_that_was_missed(self, operator: User) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, TUESDAY)
        roll_over(player, SATURDAY)
        assert days_of(player) == "PPm"

        self.shield(operator, WEDNESDAY, now=at(SATURDAY))
        roll_over(player, SATURDAY)

        assert (days_of(player), streak_of(player)) == ("PPom", (0, 2))

    def test_a_saver_that_the_outage_took_is_returned_once(self, operator: User) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY, WEDNESDAY)
        assert savers_of(player) == 0

        for _ in range(2):
            self.shield(operator, TUESDAY, now=at(WEDNESDAY, 15))
            roll_over(player, THURSDAY)

        assert (days_of(player), savers_of(player)) == ("PoP", 1)
        returned = LedgerEntry.objects.get(type="SAVER_RETURNED")
        assert returned.reverses == LedgerEntry.objects.get(type="SAVER_USED")

    def test_a_saver_returned_saves_the_day_that_was_lost_for_want_of_it(
        self, operator: User
    ) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY, THURSDAY)
        assert days_of(player) == "PsmP"

        self.shield(operator, TUESDAY, now=at(THURSDAY, 15))
        roll_over(player, FRIDAY)

        assert (days_of(player), streak_of(player), savers_of(player)) == ("PosP", (2, 2), 0)

    def test_the_freeze_of_the_week_is_free_again(self, operator: User) -> None:
        player = PlayerFactory.create()
        give_premium(player, Plan.MONTH, days=30, now=at(MONDAY))
        play(player, MONDAY, THURSDAY)
        assert days_of(player) == "PfmP"

        self.shield(operator, TUESDAY, now=at(THURSDAY, 15))
        roll_over(player, FRIDAY)

        assert (days_of(player), streak_of(player)) == ("PofP", (2, 2))

    def test_shielding_again_changes_nothing(self, operator: User) -> None:
        first = self.shield(operator, TUESDAY, WEDNESDAY, now=at(WEDNESDAY))
        again = self.shield(operator, TUESDAY, WEDNESDAY, now=at(THURSDAY))
        more = self.shield(operator, MONDAY, WEDNESDAY, now=at(THURSDAY))

        assert (len(first), again, more) == (2, [], [date(2026, 11, 2)])
        assert OutageDay.objects.count() == 3
        assert AuditEntry.objects.filter(action="streaks.shield", actor=operator).count() == 2

    @pytest.mark.usefixtures("_tasks_run_at_once")
    def test_the_job_starts_after_the_commit(
        self,
        operator: User,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, WEDNESDAY)

        with (
            time_machine.travel(at(WEDNESDAY, 15), tick=False),
            django_capture_on_commit_callbacks(execute=True),
        ):
            self.shield(operator, TUESDAY, now=at(WEDNESDAY, 15))

        assert days_of(player) == "PoP"

    @pytest.mark.parametrize(
        ("days", "reason"),
        [
            ((WEDNESDAY, TUESDAY), "Down."),
            ((-40, TUESDAY), "Down."),
            ((TUESDAY, 50), "Down."),
            ((TUESDAY, WEDNESDAY), " "),
        ],
    )
    def test_days_or_reasons_that_make_no_sense_are_refused(
        self, operator: User, days: tuple[int, int], reason: str
    ) -> None:
        with pytest.raises(InvalidEntryError):
            streaks.shield(
                first_day=at(days[0]).date(),
                last_day=at(days[1]).date(),
                staff=operator,
                reason=reason,
                now=at(WEDNESDAY),
            )

        assert not OutageDay.objects.exists()


class TestNotices:
    def test_a_saved_day_and_a_lost_streak_are_notified_once(self) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY)
        roll_over(player, THURSDAY)

        notices = list(StreakDay.objects.undelivered())
        first = [streaks.mark_notified(day=day, now=at(THURSDAY, 9)) for day in notices]
        again = [streaks.mark_notified(day=day, now=at(THURSDAY, 9)) for day in notices]

        assert [(one.day.day, one.outcome, one.length) for one in notices] == [
            (TUESDAY, "FROZEN_SAVER", 1),
            (WEDNESDAY, "MISSED", 1),
        ]
        assert (first, again) == ([True, True], [False, False])
        assert not StreakDay.objects.undelivered().exists()

    def test_a_lost_streak_that_is_restored_after_all_is_notified_again(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)
        roll_over(player, WEDNESDAY)
        lost = StreakDay.objects.undelivered().get()
        streaks.mark_notified(day=lost, now=at(WEDNESDAY, 9))

        streaks.shield(
            first_day=date(2026, 11, 3),
            last_day=date(2026, 11, 3),
            staff=make_staff("Operator"),
            reason="Down.",
            now=at(WEDNESDAY, 10),
        )
        roll_over(player, WEDNESDAY)

        assert StreakDay.objects.undelivered().get().outcome == "SHIELDED"
        assert not streaks.mark_notified(day=lost, now=at(WEDNESDAY, 11))


class TestCalendar:
    def calendar(self, player: Player, month: date, *, now: datetime) -> str:
        days = streaks.calendar(player=player, month=month, now=now)
        return "".join(LETTERS[outcome] for _, outcome in days)

    def test_each_day_of_the_month_has_its_outcome(self) -> None:
        player = PlayerFactory.create()
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY, TUESDAY, 12)

        days = streaks.calendar(player=player, month=date(2026, 11, 12), now=at(12, 15))

        assert days[:3] == [
            (date(2026, 11, 2), "PLAYED"),
            (date(2026, 11, 3), "PLAYED"),
            (date(2026, 11, 4), "FROZEN_SAVER"),
        ]
        assert "".join(LETTERS[outcome] for _, outcome in days) == "PPsmmmmmmmP"

    def test_a_month_begins_and_ends_with_its_own_days(self) -> None:
        player = PlayerFactory.create()
        play(player, date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 1))

        october = streaks.calendar(player=player, month=date(2026, 10, 1), now=at(MONDAY))

        assert (len(october), october[0][0], october[-1][0]) == (
            31,
            date(2026, 10, 1),
            date(2026, 10, 31),
        )
        assert self.calendar(player, date(2026, 9, 1), now=at(MONDAY)) == "P"
        assert self.calendar(player, date(2026, 12, 1), now=at(MONDAY)) == ""
        assert self.calendar(player, date(2026, 8, 1), now=at(MONDAY)) == ""

    def test_today_is_open_and_an_outage_without_a_streak_is_one(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY)
        roll_over(player, WEDNESDAY)
        streaks.shield(
            first_day=date(2026, 11, 5),
            last_day=date(2026, 11, 5),
            staff=make_staff("Operator"),
            reason="Down.",
            now=at(THURSDAY),
        )

        assert self.calendar(player, date(2026, 11, 1), now=at(SATURDAY)) == "Pmmom"

    def test_who_has_never_played_has_an_empty_one(self) -> None:
        player = PlayerFactory.create()

        assert self.calendar(player, date(2026, 11, 1), now=at(SATURDAY)) == ""


# What happens to a player, by the hour from Monday 16 March 2026, over a change of the clocks.
HOURS = st.integers(min_value=0, max_value=21 * 24)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("play"), HOURS),
        st.tuples(st.just("play"), HOURS),
        st.tuples(st.just("play"), HOURS),
        st.tuples(st.sampled_from(["give", "take"]), HOURS),
        st.tuples(st.sampled_from(["STARTER", "MONTH", "SEASON"]), HOURS),
    ),
    max_size=30,
    unique_by=lambda event: event[1],
).map(lambda events: sorted(events, key=lambda event: event[1]))


def instant(hour: int) -> datetime:
    """Return the instant so many hours after that Monday began."""
    return datetime(2026, 3, 15, 23, tzinfo=UTC) + timedelta(hours=hour)


def live(player: Player, events: list[tuple[str, int]], touches: list[int]) -> tuple[Any, ...]:
    """Let everything happen, roll over at each of `touches` too, and return how it ends."""
    for what, hour in sorted([*events, *(("roll over", hour) for hour in touches)], key=_by_hour):
        now = instant(hour)
        if what == "play":
            streaks.record_activity(player=player, now=now)
        elif what == "roll over":
            streaks.roll_over(player=player, now=now)
        elif what == "give":
            give_savers(player, 1, now=now)
        elif what == "take":
            streaks.roll_over(player=player, now=now)
            if Wallet.objects.filter(player=player, streak_savers__gt=0).exists():
                take_saver(player, now=now)
        else:
            give_premium(player, Plan(what), days=3, now=now)
    streaks.roll_over(player=player, now=instant(22 * 24))
    days = StreakDay.objects.filter(player=player).order_by("day")
    return (
        list(days.values_list("day", "outcome", "length", "entry__idempotency_key")),
        list(Streak.objects.filter(player=player).values_list("current", "best")),
        sum(LedgerEntry.objects.filter(player=player).values_list("streak_savers", flat=True)),
    )


def _by_hour(event: tuple[str, int]) -> int:
    return event[1]


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(events=EVENTS, touches=st.lists(HOURS, max_size=10))
def test_it_makes_no_difference_when_and_how_often_days_are_rolled_over(
    events: list[tuple[str, int]], touches: list[int]
) -> None:
    """Rolled over every night, at random moments, or only when the player comes: the same."""
    lazily = live(PlayerFactory.create(), events, [])

    days, streak, savers = lazily
    assert [current for current, _ in streak] == [
        0 if outcome == "MISSED" else length for _, outcome, length, _ in days[-1:]
    ]
    assert [best for _, best in streak] == ([max(day[2] for day in days)] if days else [])
    assert savers >= 0
    assert live(PlayerFactory.create(), events, list(range(0, 22 * 24, 24))) == lazily
    assert live(PlayerFactory.create(), events, touches) == lazily


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    @pytest.fixture
    def player(self) -> Player:
        """Return a player who played on Monday and owns two savers."""
        player: Player = PlayerFactory.create()
        give_savers(player, 2, now=at(MONDAY))
        play(player, MONDAY)
        return player

    def run(self, monkeypatch: pytest.MonkeyPatch, *callers: Callable[[], object]) -> list[str]:
        """Run all at once, each waiting for the other once it has read; return the outcome."""
        meet_after(monkeypatch, streak_rules, "roll")
        return sorted(type(result).__name__ for result in run_together(*callers))

    def test_two_answers_at_once_on_a_new_day_add_one(
        self, monkeypatch: pytest.MonkeyPatch, player: Player
    ) -> None:
        answer = partial(streaks.record_activity, player=player, now=at(TUESDAY))

        results = self.run(monkeypatch, answer, answer)

        assert results == ["StreakChange", "StreakChange"]
        assert (days_of(player), streak_of(player)) == ("PP", (2, 2))

    def test_without_the_lock_only_the_database_stops_the_second_one(
        self, monkeypatch: pytest.MonkeyPatch, player: Player
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)
        answer = partial(streaks.record_activity, player=player, now=at(TUESDAY))

        results = self.run(monkeypatch, answer, answer)

        assert results == ["IntegrityError", "StreakChange"]

    def test_the_nightly_job_and_the_player_use_one_saver(
        self, monkeypatch: pytest.MonkeyPatch, player: Player
    ) -> None:
        results = self.run(
            monkeypatch,
            partial(streaks.record_activity, player=player, now=at(WEDNESDAY, 0, 10)),
            partial(streaks.roll_over, player=player, now=at(WEDNESDAY, 0, 10)),
        )

        assert results == ["Streak", "StreakChange"]
        assert (days_of(player), streak_of(player), savers_of(player)) == ("PsP", (2, 2), 1)

    def test_without_the_lock_the_job_and_the_player_are_in_each_others_way(
        self, monkeypatch: pytest.MonkeyPatch, player: Player
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.run(
            monkeypatch,
            partial(streaks.record_activity, player=player, now=at(WEDNESDAY, 0, 10)),
            partial(streaks.roll_over, player=player, now=at(WEDNESDAY, 0, 10)),
        )

        assert "IntegrityError" in results

    def test_two_third_rounds_at_once_restore_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, WEDNESDAY)
        for key in ("r1", "r2"):
            streaks.record_perfect_round(player=player, round_key=key, now=at(WEDNESDAY, 13))

        results = self.run(
            monkeypatch,
            *(
                partial(
                    streaks.record_perfect_round, player=player, round_key=key, now=at(WEDNESDAY)
                )
                for key in ("r3", "r4")
            ),
        )

        assert results == ["EarnBack", "NoneType"]
        assert (days_of(player), streak_of(player)) == ("PeP", (2, 2))


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.fixture(autouse=True)
    def _everything_there_is(self) -> None:
        player = PlayerFactory.create(pk=71)
        PlayerFactory.create(pk=72)
        give_savers(player, 1, now=at(MONDAY))
        play(player, MONDAY)
        roll_over(player, THURSDAY)
        play(player, THURSDAY)
        streaks.record_perfect_round(player=player, round_key="r1", now=at(THURSDAY))
        streaks.shield(
            first_day=date(2026, 11, 20),
            last_day=date(2026, 11, 20),
            staff=make_staff("Operator"),
            reason="Moving house.",
            now=at(THURSDAY),
        )

    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            # One row per day.
            (
                (
                    "INSERT INTO economy_streakday (player_id, day, outcome, length)"
                    " VALUES (71, '2026-11-02', 'PLAYED', 1)"
                ),
                "streak_day_once",
            ),
            (
                (
                    "INSERT INTO economy_streakday (player_id, day, outcome, length)"
                    " VALUES (71, '2026-11-22', 'SLEPT', 1)"
                ),
                "streak_day_outcome_is_known",
            ),
            (
                (
                    "INSERT INTO economy_streakday (player_id, day, outcome, length)"
                    " VALUES (71, '2026-11-22', 'FROZEN_SAVER', 1)"
                ),
                "streak_day_of_a_saver_has_its_entry",
            ),
            (
                (
                    "INSERT INTO economy_streakday (player_id, day, outcome, length)"
                    " VALUES (71, '2026-11-22', 'MISSED', 0)"
                ),
                "streak_day_is_of_a_streak",
            ),
            # A day only gets better, and stays where it is.
            (
                "UPDATE economy_streakday SET outcome = 'MISSED' WHERE outcome = 'PLAYED'",
                "Invalid transition",
            ),
            (
                (
                    "UPDATE economy_streakday SET outcome = 'FROZEN_PREMIUM', entry_id = NULL"
                    " WHERE outcome = 'FROZEN_SAVER'"
                ),
                "Invalid transition",
            ),
            (
                "UPDATE economy_streakday SET entry_id = NULL WHERE outcome = 'FROZEN_SAVER'",
                "streak_day_of_a_saver_has_its_entry",
            ),
            ("UPDATE economy_streakday SET day = day + 30", "Cannot update"),
            ("UPDATE economy_streakday SET player_id = 72", "Cannot update"),
            ("DELETE FROM economy_streakday", "Cannot delete"),
            ("TRUNCATE economy_streakday", "Cannot truncate the days of streaks"),
            ("UPDATE economy_streak SET current = 9", "streak_best_is_the_best"),
            ("UPDATE economy_streak SET current = -1", "current_check"),
            (
                "UPDATE economy_streak SET rolled_over_through = '2026-11-01'",
                "streak_active_days_are_rolled_over",
            ),
            ("DELETE FROM economy_streak", "Cannot delete"),
            ("TRUNCATE economy_streak", "Cannot truncate streaks"),
            (
                (
                    "INSERT INTO economy_perfectround (player_id, round_key, finished_at)"
                    " VALUES (71, 'r1', now())"
                ),
                "perfect_round_once",
            ),
            ("UPDATE economy_perfectround SET round_key = 'r2'", "Cannot update"),
            ("DELETE FROM economy_perfectround", "Cannot"),
            ("TRUNCATE economy_perfectround", "Cannot truncate perfect rounds"),
            (
                (
                    "INSERT INTO economy_outageday (day, staff_id, reason, created_at)"
                    " SELECT '2026-11-21', staff_id, '', now() FROM economy_outageday"
                ),
                "outage_day_has_a_reason",
            ),
            ("UPDATE economy_outageday SET reason = 'Nothing.'", "Cannot update"),
            ("DELETE FROM economy_outageday", "Cannot"),
            ("TRUNCATE economy_outageday", "Cannot truncate outage days"),
        ],
    )
    @pytest.mark.usefixtures("owner")
    def test_nobody_writes_past_the_rules(self, statement: str, says: str) -> None:
        with connection.cursor() as cursor:
            # Deferred foreign keys would refuse a TRUNCATE before our guard does.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with pytest.raises(DatabaseError, match=says), transaction.atomic():
                cursor.execute(statement)

    def test_one_saver_saves_one_day(self) -> None:
        frozen = StreakDay.objects.get(outcome="FROZEN_SAVER")

        with pytest.raises(IntegrityError, match="entry_id"), transaction.atomic():
            StreakDay.objects.create(
                player_id=71,
                day=date(2026, 11, 22),
                outcome="FROZEN_SAVER",
                length=1,
                entry=frozen.entry,
            )
