"""How much was played: what is counted of a day, when it is final, and what cannot be stored."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from quizarena import advisory_locks
from quizarena.game import placements, play_counts, tasks
from quizarena.game.models import FirstDayCohort, PlayDay, PlayDayMode, Question, Round
from tests.concurrency import meet_after, overlap, run_together
from tests.factories import PlayerFactory
from tests.game.challenges import make_bank
from tests.game.duelling import played
from tests.game.played import DAY, NOON, TODAY, answer_daily, answer_round, draw_day, newcomer

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
# When the day of NOON begins and ends in Berlin.
BEGIN, END = datetime(2026, 12, 15, 23, tzinfo=UTC), datetime(2026, 12, 16, 23, tzinfo=UTC)


def count_day(day: date = TODAY, *, now: datetime = NOON) -> PlayDay:
    """Count a day and return it."""
    assert play_counts.count_day(day=day, now=now)
    return PlayDay.objects.get(day=day)


def numbers(one: PlayDay) -> tuple[int, ...]:
    """Return active and new players, rounds, challenges, answers and the right ones."""
    return (
        one.active_players,
        one.new_players,
        one.rounds,
        one.challenges,
        one.answers,
        one.right,
    )


def modes(day: date = TODAY) -> list[tuple[str, str, int, int]]:
    """Return what was counted by mode and level."""
    rows = PlayDayMode.objects.filter(day=day).order_by("mode", "level")
    return list(rows.values_list("mode", "level", "answers", "right"))


def cohort(day: date = TODAY) -> tuple[int, int, int, int | None, int | None]:
    """Return who has started on the day, and how far they came."""
    one = FirstDayCohort.objects.get(day=day)
    return one.started, one.answered, one.finished_round, one.day_2, one.day_7


@pytest.mark.django_db
class TestDay:
    def test_a_sample_is_no_round(self) -> None:
        anna = newcomer(NOON - HOUR)
        played = answer_round(anna, True, True, False, finishes=True)
        Round.objects.filter(pk=played.pk).update(sample_day=TODAY)

        assert numbers(count_day()) == (1, 1, 0, 0, 3, 2)
        assert cohort() == (1, 1, 0, None, None)

    def test_it_counts_players_rounds_and_answers(self) -> None:
        anna, ben = newcomer(NOON - HOUR), PlayerFactory.create()
        answer_round(anna, True, True, False, finishes=True)
        answer_round(anna, True)
        answer_round(ben, False, finishes=True)

        assert numbers(count_day()) == (2, 1, 2, 0, 5, 3)

    def test_every_kind_of_play_counts(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben, cleo = (PlayerFactory.create() for _ in range(3))
        played(anna, ben)
        answer_daily(cleo, draw_day(TODAY), "1110000")
        question = placements.start(player=cleo, now=NOON)
        placements.answer(
            player=cleo,
            placement_id=question.placement_id,
            number=1,
            option_index=question.order.index(1),
            now=NOON,
        )

        assert numbers(count_day()) == (3, 0, 0, 1, 14, 7)
        assert modes() == [
            ("DAILY_CHALLENGE", "A1", 2, 2),
            ("DAILY_CHALLENGE", "A2", 3, 1),
            ("DAILY_CHALLENGE", "B1", 2, 0),
            ("DUEL", "A1", 6, 3),
            ("PLACEMENT", "A1", 1, 1),
        ]

    def test_it_counts_modes_and_levels(self) -> None:
        anna = PlayerFactory.create()
        answer_round(anna, True, False)
        answer_round(anna, True, level="B1")
        answer_round(anna, False, mode="QUICK_MIX_A1A2")

        count_day()

        assert modes() == [
            ("ARTIKEL_SPRINT", "A1", 2, 1),
            ("ARTIKEL_SPRINT", "B1", 1, 1),
            ("QUICK_MIX_A1A2", "A1", 1, 0),
        ]

    def test_a_day_without_anything_is_counted_as_nothing(self) -> None:
        assert numbers(count_day()) == (0, 0, 0, 0, 0, 0)
        assert cohort() == (0, 0, 0, None, None)

    @pytest.mark.parametrize(
        ("at", "counts"),
        [(BEGIN - INSTANT, 0), (BEGIN, 1), (END - INSTANT, 1), (END, 0)],
    )
    def test_a_day_is_one_of_berlin(self, at: datetime, counts: int) -> None:
        answer_round(newcomer(at), True, at=at, finishes=True)

        assert numbers(count_day(now=END)) == (counts, counts, counts, 0, counts, counts)

    @pytest.mark.parametrize(
        ("day", "begin", "end"),
        [
            # 23 hours, and 25.
            (date(2027, 3, 28), "2027-03-27T23:00+00:00", "2027-03-28T22:00+00:00"),
            (date(2026, 10, 25), "2026-10-24T22:00+00:00", "2026-10-25T23:00+00:00"),
        ],
    )
    def test_a_day_with_a_change_of_the_clock(self, day: date, begin: str, end: str) -> None:
        first, over = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        anna = newcomer(first)
        for at in (first - INSTANT, first, over - INSTANT, over):
            answer_round(anna, True, at=at, finishes=True)

        assert numbers(count_day(day, now=over)) == (1, 1, 2, 0, 2, 2)
        assert cohort(day) == (1, 1, 1, 1, None)

    def test_counted_again_it_is_the_same(self) -> None:
        answer_round(newcomer(), True, False, finishes=True)
        first = (numbers(count_day()), modes(), cohort())

        assert (numbers(count_day()), modes(), cohort()) == first
        assert PlayDay.objects.count() == FirstDayCohort.objects.count() == 1

    def test_what_came_late_is_taken_and_what_moved_leaves_nothing_behind(self) -> None:
        anna = PlayerFactory.create()
        answer_round(anna, True)
        count_day()
        answer_round(anna, False)
        Question.objects.update(level="B2")

        one = count_day(now=NOON + HOUR)

        assert (numbers(one), one.counted_at) == ((1, 0, 0, 0, 2, 1), NOON + HOUR)
        assert modes() == [("ARTIKEL_SPRINT", "B2", 2, 1)]


@pytest.mark.django_db
class TestCohort:
    def test_how_far_new_players_come(self) -> None:
        anna, ben, cleo, _dora = (newcomer() for _ in range(4))
        older = newcomer(NOON - DAY)
        answer_round(anna, True, finishes=True)
        answer_round(ben, True)
        answer_round(older, True, finishes=True)
        answer_round(anna, True, at=NOON + DAY)
        answer_round(cleo, True, at=NOON + DAY, finishes=True)
        answer_round(ben, True, at=NOON + 6 * DAY)

        count_day(now=NOON + 7 * DAY)

        assert cohort() == (4, 2, 1, 2, 1)

    @pytest.mark.parametrize(
        ("at", "second", "seventh"),
        [
            (END - INSTANT, 0, 0),
            (END, 1, 0),
            (END + DAY - INSTANT, 1, 0),
            (END + DAY, 0, 0),
            (END + 5 * DAY - INSTANT, 0, 0),
            (END + 5 * DAY, 0, 1),
            (END + 6 * DAY - INSTANT, 0, 1),
            (END + 6 * DAY, 0, 0),
        ],
    )
    def test_the_borders_of_the_second_and_the_seventh_day(
        self, at: datetime, second: int, seventh: int
    ) -> None:
        answer_round(newcomer(), True, at=at)

        count_day(now=END + 7 * DAY)

        assert cohort()[3:] == (second, seventh)

    @pytest.mark.parametrize(
        ("now", "later"),
        [
            (END - INSTANT, (None, None)),
            (END, (0, None)),
            (END + 5 * DAY - INSTANT, (0, None)),
            (END + 5 * DAY, (0, 0)),
        ],
    )
    def test_a_day_that_has_not_begun_is_not_nobody(
        self, now: datetime, later: tuple[int | None, int | None]
    ) -> None:
        newcomer()

        count_day(now=now)

        assert cohort()[3:] == later

    def test_any_answer_is_one(self) -> None:
        anna = newcomer()
        answer_daily(anna, draw_day(TODAY), "1")
        answer_daily(anna, draw_day(TODAY + DAY), "0")

        count_day(now=END + 7 * DAY)

        assert cohort() == (1, 1, 0, 1, 0)

    def test_a_second_day_with_a_change_of_the_clock(self) -> None:
        """The day after the start has 23 hours: its last one is over at 22:00 UTC."""
        start, over = datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 28, 22, tzinfo=UTC)
        answer_round(newcomer(start), True, at=over - INSTANT)
        answer_round(newcomer(start), True, at=over)

        count_day(date(2027, 3, 27), now=over)

        assert cohort(date(2027, 3, 27)) == (2, 0, 0, 1, None)


@pytest.mark.django_db
class TestJob:
    def count(self, now: datetime) -> int:
        """Do what the job does."""
        return play_counts.count(now=now, until=now + timedelta(days=1_000))

    def test_it_counts_all_days_since_the_first_player(self) -> None:
        newcomer(created_at=NOON - 2 * DAY)

        assert self.count(NOON) == 3

        assert set(PlayDay.objects.values_list("day", flat=True)) == {
            date(2026, 12, 14),
            date(2026, 12, 15),
            date(2026, 12, 16),
        }

    def test_it_looks_back_ninety_days(self) -> None:
        newcomer(created_at=NOON - 400 * DAY)

        assert self.count(NOON) == 90

        assert PlayDay.objects.earliest("day").day == date(2026, 9, 18)

    def test_without_players_there_is_nothing_to_count(self) -> None:
        assert self.count(NOON) == 0
        assert not PlayDay.objects.exists()

    def test_a_day_is_counted_until_an_hour_after_its_cohort_s_seventh_day(self) -> None:
        newcomer(created_at=NOON)
        final = END + 6 * DAY + HOUR

        for now in (NOON, final - INSTANT, final, final + HOUR):
            self.count(now)

        assert PlayDay.objects.get(day=TODAY).counted_at == final

    def test_a_missed_night_is_made_up_for(self) -> None:
        answer_round(newcomer(created_at=NOON), True)
        self.count(NOON)
        answer_round(newcomer(), True)

        self.count(NOON + 3 * DAY)

        assert numbers(PlayDay.objects.get(day=TODAY))[:2] == (2, 2)

    def test_what_has_no_time_is_left_for_the_next_run_but_today_is_not(self) -> None:
        newcomer(created_at=NOON - 2 * DAY)

        assert play_counts.count(now=NOON, until=NOON - DAY) == 1

        assert PlayDay.objects.get().day == TODAY

    def test_the_task_counts_today(self) -> None:
        newcomer(created_at=NOON)

        with time_machine.travel(NOON, tick=False):
            assert tasks.count_play() == 1

        assert PlayDay.objects.get().counted_at == NOON


@pytest.mark.parametrize(
    ("counted_at", "is_final"), [(END + HOUR - INSTANT, False), (END + HOUR, True)]
)
def test_a_count_is_final_an_hour_after_the_day(counted_at: datetime, is_final: bool) -> None:
    assert play_counts.is_final(counted_at, day=TODAY) is is_final


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_only_one_counts_at_a_time(self) -> None:
        answer_round(newcomer(), True)
        count = partial(play_counts.count_day, day=TODAY, now=NOON)

        assert overlap(count, count) == [True, False]

        assert numbers(PlayDay.objects.get()) == (1, 1, 0, 0, 1, 1)

    def test_the_job_ends_where_somebody_else_counts(self) -> None:
        newcomer(created_at=NOON - DAY)
        count = partial(play_counts.count, now=NOON, until=NOON + 1_000 * DAY)

        assert sorted(overlap(partial(play_counts.count_day, day=TODAY, now=NOON), count)) == [0, 1]

    def test_without_the_lock_one_of_two_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: without the lock both count."""
        answer_round(newcomer(), True)
        monkeypatch.setattr(advisory_locks, "try_lock", lambda *_: True)
        meet_after(monkeypatch, QuerySet, "delete")
        count = partial(play_counts.count_day, day=TODAY, now=NOON)

        results = run_together(count, count)

        assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "bool"]


@pytest.mark.django_db
class TestDatabaseSaysNo:
    @pytest.mark.parametrize(
        ("changed", "constraint"),
        [
            ({"day": TODAY}, "playday_day"),
            ({"right": 11}, "playday_right_among_answers"),
            ({"active_players": 11}, "playday_active_have_answered"),
        ],
    )
    def test_a_day_that_cannot_be(self, changed: dict[str, Any], constraint: str) -> None:
        fields: dict[str, Any] = {
            "day": TODAY,
            "active_players": 10,
            "new_players": 50,
            "rounds": 1,
            "challenges": 1,
            "answers": 10,
            "right": 10,
            "counted_at": NOON,
        }
        PlayDay.objects.create(**fields)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            PlayDay.objects.create(**(fields | {"day": TODAY + DAY} | changed))

    @pytest.mark.parametrize(
        ("changed", "constraint"),
        [
            ({}, "playdaymode_once_per_mode_and_level"),
            ({"level": "C1"}, "playdaymode_level_is_known"),
            ({"level": "A2", "right": 11}, "playdaymode_right_among_answers"),
            ({"level": "A2", "answers": 0, "right": 0}, "playdaymode_right_among_answers"),
        ],
    )
    def test_a_mode_that_cannot_be(self, changed: dict[str, Any], constraint: str) -> None:
        fields: dict[str, Any] = {
            "day": TODAY,
            "mode": "DUEL",
            "level": "A1",
            "answers": 10,
            "right": 10,
        }
        PlayDayMode.objects.create(**fields)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            PlayDayMode.objects.create(**(fields | changed))

    @pytest.mark.parametrize(
        ("changed", "constraint"),
        [
            ({"day": TODAY}, "firstdaycohort_day"),
            ({"answered": 11}, "firstdaycohort_steps_among_started"),
            ({"finished_round": 11}, "firstdaycohort_steps_among_started"),
            ({"day_2": 11}, "firstdaycohort_steps_among_started"),
            ({"day_7": 11}, "firstdaycohort_steps_among_started"),
            ({"day_2": None}, "firstdaycohort_day_7_after_day_2"),
        ],
    )
    def test_a_cohort_that_cannot_be(self, changed: dict[str, Any], constraint: str) -> None:
        fields: dict[str, Any] = {
            "day": TODAY,
            "started": 10,
            "answered": 10,
            "finished_round": 10,
            "day_2": 10,
            "day_7": 10,
            "counted_at": NOON,
        }
        FirstDayCohort.objects.create(**fields)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            FirstDayCohort.objects.create(**(fields | {"day": TODAY + DAY} | changed))
