"""The daily challenge: what is drawn, how it is played, and what the database refuses."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from economy.models import LedgerEntry, Streak, StreakDay
from quizarena import advisory_locks
from quizarena.game import daily, rounds, tasks
from quizarena.game.daily import Candidate, Standing
from quizarena.game.errors import (
    DailyAnsweredError,
    DailyOverError,
    DailyQuestionError,
    StaleTapError,
    TooFewQuestionsError,
)
from quizarena.game.models import (
    DailyAnswer,
    DailyQuestion,
    DailyRun,
    DailySet,
    Level,
    Mode,
    Question,
)
from quizarena.players.models import Player
from quizarena.staff.errors import BadReasonError
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import PlayerFactory, make_staff
from tests.game.challenges import (
    LAST_MOMENT,
    MIDNIGHT,
    NOON,
    TODAY,
    levels,
    make_bank,
    make_day,
    play,
    quiz_ids,
    tap,
)
from tests.owner import analyze, behind_the_guards

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def draw(day: date = TODAY) -> DailySet:
    """Draw the challenge of a day."""
    return daily.draw(day=day, now=NOON)


@pytest.mark.django_db
class TestDrawing:
    def test_seven_questions_from_easy_to_hard(self) -> None:
        make_bank(A1=10, A2=10, B1=10, B2=10)

        drawn = draw()

        assert levels(drawn) == ["A1", "A1", "A2", "A2", "A2", "B1", "B1"]
        numbers = drawn.questions.order_by("number").values_list("number", flat=True)
        assert list(numbers) == [1, 2, 3, 4, 5, 6, 7]
        assert len(set(quiz_ids(drawn))) == 7
        assert all(sorted(question.order) == [0, 1, 2, 3] for question in drawn.questions.all())

    def test_options_are_not_always_in_one_order(self) -> None:
        make_bank(A1=20, A2=20, B1=20)

        orders = [tuple(question.order) for question in draw().questions.all()]

        assert len(set(orders)) > 1

    def test_a_day_is_drawn_once(self) -> None:
        make_bank(A1=10, A2=10, B1=10)

        first, second = draw(), draw()

        assert first == second
        assert DailyQuestion.objects.count() == 7

    def test_the_version_stays_when_the_question_is_edited(self) -> None:
        make_day()
        drawn = draw()
        Question.objects.update(question="Anders?", is_enabled=False)

        texts = drawn.questions.values_list("version__question", flat=True)
        assert not [text for text in texts if text == "Anders?"]

    @pytest.mark.parametrize(
        ("day", "starts_at", "ends_at"),
        [
            (date(2026, 12, 16), "2026-12-15T23:00", "2026-12-16T23:00"),
            (date(2026, 7, 16), "2026-07-15T22:00", "2026-07-16T22:00"),
            # Of 25 hours and of 23.
            (date(2026, 10, 25), "2026-10-24T22:00", "2026-10-25T23:00"),
            (date(2027, 3, 28), "2027-03-27T23:00", "2027-03-28T22:00"),
        ],
    )
    def test_a_day_is_one_of_berlin(self, day: date, starts_at: str, ends_at: str) -> None:
        make_day()

        drawn = draw(day)

        assert drawn.starts_at == datetime.fromisoformat(starts_at).replace(tzinfo=UTC)
        assert drawn.ends_at == datetime.fromisoformat(ends_at).replace(tzinfo=UTC)

    @pytest.mark.parametrize(("days", "returns"), [(1, False), (30, False), (31, True)])
    def test_nothing_of_the_last_thirty_days_returns(self, days: int, returns: bool) -> None:
        make_day()
        before = draw(TODAY - days * DAY)

        if returns:
            assert sorted(quiz_ids(draw())) == sorted(quiz_ids(before))
        else:
            with pytest.raises(TooFewQuestionsError):
                draw()

    @pytest.mark.parametrize(("days", "returns"), [(1, False), (30, False), (31, True)])
    def test_nor_of_days_that_were_drawn_ahead(self, days: int, returns: bool) -> None:
        make_day()
        draw(TODAY + days * DAY)

        if returns:
            draw()
        else:
            with pytest.raises(TooFewQuestionsError):
                draw()

    def test_disabled_questions_are_not_drawn(self) -> None:
        make_bank(A1=10, A2=10, B1=10)
        enabled = [question.pk for question in make_bank("WORD_ORDER", A1=2, A2=3, B1=2)]
        Question.objects.exclude(pk__in=enabled).update(is_enabled=False)

        drawn = draw()

        assert all(quiz_id.startswith("WORD_ORDER") for quiz_id in quiz_ids(drawn))

    def test_the_challenges_own_questions_come_before_those_of_other_modes(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=20, A2=20, B1=20)
        make_bank(A1=1, A2=3, B1=2)

        drawn = draw()

        assert levels(drawn) == ["A1", "A1", "A2", "A2", "A2", "B1", "B1"]
        others = [one for one in quiz_ids(drawn) if not one.startswith("DAILY_CHALLENGE")]
        assert len(others) == 1
        assert others[0].startswith("QUICK_MIX_A1A2-A1")

    def test_a_missing_level_is_taken_from_the_nearest_which_is_logged(self) -> None:
        make_bank(A1=3, A2=3, B1=1, B2=5)

        with capture_logs() as logs:
            drawn = draw()

        assert levels(drawn) == ["A1", "A1", "A2", "A2", "A2", "B1", "B2"]
        assert logs == [
            {
                "event": "daily.level_missing",
                "log_level": "warning",
                "day": "2026-12-16",
                "number": 7,
                "wanted": "B1",
                "drawn": "B2",
            }
        ]

    @pytest.mark.parametrize(
        ("bank", "drawn"),
        [
            # Each level first takes its own: what is missing takes none from another's.
            ({"A1": 1, "A2": 4, "B1": 2}, ["A1", "A2", "A2", "A2", "A2", "B1", "B1"]),
            # Of two that are as near, the easier one.
            ({"A1": 3, "A2": 2, "B1": 3}, ["A1", "A1", "A2", "A2", "A1", "B1", "B1"]),
            ({"A1": 7}, ["A1"] * 7),
            ({"B2": 7}, ["B2"] * 7),
            # Near before far.
            ({"A1": 0, "A2": 3, "B1": 3, "B2": 1}, ["B1", "B2", "A2", "A2", "A2", "B1", "B1"]),
        ],
    )
    def test_what_is_missing_comes_from_what_is_left(
        self, bank: dict[str, int], drawn: list[str]
    ) -> None:
        make_bank(**bank)

        assert levels(draw()) == drawn

    def test_six_questions_are_no_challenge(self) -> None:
        make_bank(A1=6)

        with pytest.raises(TooFewQuestionsError):
            draw()

        assert not DailySet.objects.exists()

    def test_the_job_draws_today_and_says_when_it_cannot(self) -> None:
        with capture_logs() as logs:
            assert tasks.draw_daily_challenge() == 0
        make_day()

        assert [tasks.draw_daily_challenge(), tasks.draw_daily_challenge()] == [1, 1]
        assert DailySet.objects.get().day == date(2026, 12, 16)
        assert [log["event"] for log in logs] == ["daily.too_few_questions"]

    def test_the_shipped_bank_lasts_for_more_than_thirty_days(self) -> None:
        # As many of each level as questions.csv has.
        pool = [
            Candidate(question_id=number, level=level, mode=Mode.WORD_ORDER)
            for number, level in enumerate([Level.A1] * 81 + [Level.A2] * 90 + [Level.B1] * 51)
        ]
        for _ in range(31):
            chosen = daily.choose(
                pool,
                levels=[Level.A1] * 2 + [Level.A2] * 3 + [Level.B1] * 2,
                rng=random.Random(7),
            )
            assert len(chosen) == 7
            pool = [one for one in pool if one not in chosen]


@pytest.mark.django_db
class TestPlaying:
    @pytest.fixture(autouse=True)
    def _bank(self, db: None) -> None:
        make_day()

    @pytest.fixture
    def player(self) -> Player:
        """Return a player who has done nothing yet."""
        player: Player = PlayerFactory.create()
        return player

    def test_whoever_starts_first_draws_and_all_see_the_same(self, player: Player) -> None:
        first = daily.start(player=player, now=NOON)
        second = daily.start(player=PlayerFactory.create(), now=NOON + SECOND)

        assert first.next is not None
        assert first.next == second.next
        assert first.next.number == 1
        assert (first.outcomes, first.run.started_at) == ([], NOON)
        assert DailySet.objects.count() == 1

    def test_a_second_start_returns_to_the_question_that_waits(self, player: Player) -> None:
        run = daily.start(player=player, now=NOON).run
        tap(player, run, 1, right=False)

        again = daily.start(player=player, now=NOON + SECOND)

        assert again.run == run
        assert again.next is not None
        assert (again.outcomes, again.next.number) == ([False], 2)
        assert again.run.started_at == NOON

    @pytest.mark.parametrize("right", [True, False])
    def test_an_answer_is_graded_against_what_was_shown(self, player: Player, right: bool) -> None:
        run = daily.start(player=player, now=NOON).run
        Question.objects.update(correct_option_id=3)

        answer = tap(player, run, 1, right=right, now=NOON + SECOND)

        assert answer.is_correct is right
        assert answer.progress.next is not None
        assert answer.progress.next.number == 2
        stored = DailyAnswer.objects.get()
        assert (stored.choice, stored.is_correct) == (1 if right else 0, right)
        assert (stored.number, stored.answered_at) == (1, NOON + SECOND)

    def test_the_seventh_answer_finishes(self, player: Player) -> None:
        run = play(player, [True, False, True, True, True, True], now=NOON + SECOND)
        assert (run.finished_at, run.score) == (None, None)

        last = tap(player, run, 7, right=False, now=NOON + 90 * SECOND)

        assert last.progress.next is None
        assert last.progress.outcomes == [True, False, True, True, True, True, False]
        run.refresh_from_db()
        assert (run.finished_at, run.score) == (NOON + 90 * SECOND, 5)
        assert daily.start(player=player, now=NOON + 2 * DAY / 24).next is None

    def test_it_costs_no_energy(self, player: Player) -> None:
        play(player)

        assert not LedgerEntry.objects.filter(type="QUESTION").exists()

    def test_finishing_is_an_active_day_and_answering_alone_is_none(self, player: Player) -> None:
        run = play(player, [False] * 6)
        assert not StreakDay.objects.exists()

        last = tap(player, run, 7, right=False)

        assert last.streak is not None
        assert (last.streak.current, last.streak.is_first_of_day) == (1, True)
        day = StreakDay.objects.get()
        assert (day.day, day.outcome) == (date(2026, 12, 16), "PLAYED")

    def test_after_a_round_of_the_day_the_streak_stays_as_it_is(self, player: Player) -> None:
        make_bank("ARTIKEL_SPRINT", A1=2)
        started = rounds.start(player=player, mode=Mode.ARTIKEL_SPRINT, key="k", now=NOON)
        rounds.answer(
            player=player,
            round_question_id=started.round_question.pk,
            option_index=0,
            now=NOON,
        )

        run = play(player, [True] * 6)
        last = tap(player, run, 7)

        assert last.streak is not None
        assert (last.streak.current, last.streak.is_first_of_day) == (1, False)

    def test_a_second_answer_changes_nothing(self, player: Player) -> None:
        run = daily.start(player=player, now=NOON).run
        tap(player, run, 1, right=False)

        with pytest.raises(DailyAnsweredError):
            tap(player, run, 1)

        assert not DailyAnswer.objects.get().is_correct

    def test_the_last_answer_again_changes_nothing(self, player: Player) -> None:
        run = play(player)

        with pytest.raises(DailyAnsweredError):
            tap(player, run, 7, right=False, now=NOON + SECOND)

        assert DailyRun.objects.get().finished_at == NOON
        assert Streak.objects.get().current == 1

    def test_no_question_is_skipped(self, player: Player) -> None:
        run = daily.start(player=player, now=NOON).run

        with pytest.raises(StaleTapError):
            tap(player, run, 2)

    def test_another_players_run_is_stale(self, player: Player) -> None:
        run = daily.start(player=player, now=NOON).run

        with pytest.raises(StaleTapError):
            tap(PlayerFactory.create(), run, 1)

    @pytest.mark.parametrize(
        ("run_id", "number", "option_index"),
        [(0, 1, 0), (-1, 1, 0), (10**30, 1, 0), (None, 0, 0), (None, 8, 0), (None, -1, 0),
         (None, 10**30, 0), (None, 1, 4), (None, 1, -1), (None, 1, 10**30)],
    )  # fmt: skip
    def test_what_never_was_is_stale(
        self, player: Player, run_id: int | None, number: int, option_index: int
    ) -> None:
        run = daily.start(player=player, now=NOON).run

        with pytest.raises(StaleTapError):
            daily.answer(
                player=player,
                run_id=run.pk if run_id is None else run_id,
                number=number,
                option_index=option_index,
                now=NOON,
            )

        assert not DailyAnswer.objects.exists()


@pytest.mark.django_db
class TestMidnight:
    def test_the_last_moment_counts_and_is_that_day(self) -> None:
        make_day()

        run = play(now=LAST_MOMENT)

        assert (run.finished_at, run.score) == (LAST_MOMENT, 7)
        assert StreakDay.objects.get().day == date(2026, 12, 16)

    def test_at_midnight_it_is_over_and_never_finished(self) -> None:
        make_day()
        player = PlayerFactory.create()
        run = play(player, [True] * 6)

        with pytest.raises(DailyOverError) as refusal:
            tap(player, run, 7, now=MIDNIGHT)

        assert refusal.value.day == date(2026, 12, 16)
        run.refresh_from_db()
        assert (run.finished_at, run.answers.count()) == (None, 6)
        assert not StreakDay.objects.exists()

    def test_a_finished_one_is_over_too(self) -> None:
        make_day()
        player = PlayerFactory.create()
        run = play(player)

        with pytest.raises(DailyOverError):
            tap(player, run, 7, now=MIDNIGHT)

    @pytest.mark.parametrize(
        ("last_moment", "day", "following"),
        [
            ("2026-12-16T23:59:59.999999", date(2026, 12, 16), date(2026, 12, 17)),
            # The nights in which Berlin changes its clocks, and the days that they make.
            ("2026-10-24T23:59:59.999999", date(2026, 10, 24), date(2026, 10, 25)),
            ("2026-10-25T23:59:59.999999", date(2026, 10, 25), date(2026, 10, 26)),
            ("2027-03-27T23:59:59.999999", date(2027, 3, 27), date(2027, 3, 28)),
            ("2027-03-28T23:59:59.999999", date(2027, 3, 28), date(2027, 3, 29)),
        ],
    )
    def test_a_new_day_is_a_new_challenge(
        self, last_moment: str, day: date, following: date
    ) -> None:
        make_bank(A1=10, A2=10, B1=10)
        player = PlayerFactory.create()
        last = datetime.fromisoformat(last_moment).replace(tzinfo=BERLIN)
        first = daily.start(player=player, now=last)

        second = daily.start(player=player, now=last.astimezone(UTC) + timedelta(microseconds=1))

        assert (first.run.set.day, second.run.set.day) == (day, following)
        assert not set(quiz_ids(first.run.set)) & set(quiz_ids(second.run.set))
        tap(player, first.run, 1, now=last)
        with pytest.raises(DailyOverError):
            tap(player, first.run, 2, now=last.astimezone(UTC) + timedelta(microseconds=1))


@pytest.mark.django_db
class TestStanding:
    @pytest.fixture(autouse=True)
    def _bank(self, db: None) -> None:
        make_bank(A1=10, A2=10, B1=10)

    def finish(self, right: int, seconds: int) -> DailyRun:
        """Return the run of somebody with so many right answers in that time."""
        outcomes = [True] * right + [False] * (7 - right)
        return play(None, outcomes, now=NOON + seconds * SECOND)

    def test_the_first_has_nobody_to_compare_with(self) -> None:
        standing = daily.standing(self.finish(0, 60))

        assert standing == Standing(others=0, worse=0)
        assert standing.percent is None

    def test_fewer_right_answers_are_worse_and_then_more_time_is(self) -> None:
        self.finish(3, 10)
        self.finish(5, 61)
        self.finish(5, 59)
        self.finish(6, 300)
        own = self.finish(5, 60)

        standing = daily.standing(own)

        assert (standing.others, standing.worse, standing.percent) == (4, 2, 50)

    def test_equals_are_not_worse(self) -> None:
        self.finish(5, 60)

        assert daily.standing(self.finish(5, 60)) == Standing(others=1, worse=0)

    def test_who_has_not_finished_does_not_count_nor_does_another_day(self) -> None:
        own = self.finish(7, 60)
        play(None, [False] * 6)
        play(None, [False] * 7, started=NOON - DAY, now=NOON - DAY)

        assert daily.standing(own) == Standing(others=0, worse=0)

    @pytest.mark.parametrize(
        ("worse", "others", "percent"), [(0, 3, 0), (1, 3, 33), (2, 3, 66), (3, 3, 100)]
    )
    def test_the_percentage_is_rounded_down(self, worse: int, others: int, percent: int) -> None:
        assert Standing(others=others, worse=worse).percent == percent

    def test_results_are_counted_by_right_answers(self) -> None:
        for right in (7, 7, 0):
            self.finish(right, 60)
        own = self.finish(5, 60)

        assert dict(daily.results(own.set)) == {0: 1, 5: 1, 7: 2}

    def test_it_is_one_query_of_an_index(self, django_assert_num_queries: Any) -> None:
        own = self.finish(5, 60)
        with behind_the_guards() as cursor:
            cursor.execute(
                """
                INSERT INTO players_player
                  (telegram_id, first_name, last_name, username, language, created_at,
                   last_seen_at, awaits)
                SELECT n, 'P', '', 'p' || n, 'de', now(), now(), ''
                FROM generate_series(1, 20000) AS n
                """
            )
            cursor.execute(
                """
                INSERT INTO game_dailyrun (player_id, set_id, started_at, finished_at, score)
                SELECT id, %s + id %% 20, %s, %s, id %% 8
                FROM players_player WHERE telegram_id <= 20000
                """,
                [own.set_id, NOON, NOON + 60 * SECOND],
            )
        analyze("game_dailyrun")

        own = DailyRun.objects.get(pk=own.pk)
        with django_assert_num_queries(1), CaptureQueriesContext(connection) as queries:
            daily.standing(own)

        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + queries[0]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "dailyrun_results" in plan
        assert "Seq Scan" not in plan


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.fixture
    def run(self) -> DailyRun:
        """Return a run whose first question is answered."""
        make_bank(A1=4, A2=6, B1=4)
        return play(None, [True])

    def refused(self, match: str, write: Callable[[], Any]) -> None:
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            write()

    def test_a_day_has_one_set(self, run: DailyRun) -> None:
        again = partial(
            DailySet.objects.create, day=TODAY, starts_at=NOON, ends_at=MIDNIGHT, drawn_at=NOON
        )

        self.refused("game_dailyset_day_key", again)

    @pytest.mark.usefixtures("owner")
    def test_a_set_stays_as_it_was_drawn(self, run: DailyRun) -> None:
        self.refused("Cannot update or delete", lambda: DailySet.objects.update(drawn_at=MIDNIGHT))
        with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute("DELETE FROM game_dailyset")

    def test_a_set_ends_after_it_starts(self) -> None:
        make = partial(DailySet.objects.create, day=TODAY, drawn_at=NOON, starts_at=NOON)

        self.refused("dailyset_starts_before_it_ends", partial(make, ends_at=NOON))

    def test_questions_stay_once_somebody_has_started(self, run: DailyRun) -> None:
        question = run.set.questions.get(number=7)

        self.refused("questions stay", lambda: DailyQuestion.objects.update(order=[0, 1, 2, 3]))
        question.pk = None
        self.refused("questions stay", lambda: question.save(force_insert=True))

    @pytest.mark.usefixtures("owner")
    def test_questions_are_never_deleted(self) -> None:
        make_day()
        draw()

        self.refused("Cannot delete", lambda: DailyQuestion.objects.all().delete())

    def test_a_question_keeps_its_place(self) -> None:
        make_day()
        first = draw().questions.get(number=1)

        self.refused(
            "Cannot update", lambda: DailyQuestion.objects.filter(pk=first.pk).update(number=7)
        )

    @pytest.mark.parametrize(
        ("days", "number", "match"),
        [(0, 7, "30 days around"), (30, 7, "30 days around"), (-30, 7, "30 days around"),
         (31, 7, None), (31, 0, "dailyquestion_number_exists"),
         (31, 8, "dailyquestion_number_exists")],
    )  # fmt: skip
    def test_a_question_returns_after_thirty_days(
        self, days: int, number: int, match: str | None
    ) -> None:
        make_day()
        first = draw().questions.get(number=1)
        other = first.set
        if days:
            other = DailySet.objects.create(
                day=TODAY + days * DAY, starts_at=NOON, ends_at=MIDNIGHT, drawn_at=NOON
            )
        again = partial(
            DailyQuestion.objects.create,
            set=other,
            number=number,
            version=first.version,
            level="A1",
            order=[0, 1, 2, 3],
        )

        if match is None:
            again()
        else:
            self.refused(match, again)

    def test_a_place_is_taken_once_and_levels_are_known(self) -> None:
        questions = make_day()
        drawn = draw()
        other = make_bank("WORD_ORDER", A1=1)[0].versions.get()
        again = partial(DailyQuestion.objects.create, set=drawn, version=other, order=[0, 1, 2, 3])

        assert len(questions) == 7
        self.refused("dailyquestion_number_once", partial(again, number=1, level="A1"))
        self.refused("dailyquestion_level_is_known", partial(again, number=7, level="C1"))

    def test_a_player_has_one_run_a_day(self, run: DailyRun) -> None:
        again = partial(DailyRun.objects.create, player=run.player, set=run.set, started_at=NOON)

        self.refused("dailyrun_one_per_player_and_day", again)

    @pytest.mark.parametrize(
        "started_at", [MIDNIGHT, datetime(2026, 12, 15, 22, 59, 59, 999_999, tzinfo=UTC)]
    )
    def test_a_run_begins_on_its_day(self, run: DailyRun, started_at: datetime) -> None:
        start = partial(DailyRun.objects.create, player=PlayerFactory.create(), set=run.set)

        self.refused("played on its day", partial(start, started_at=started_at))

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"finished_at": NOON, "score": 1}, "has 7 answers"),
            ({"finished_at": NOON}, "has 7 answers|dailyrun_finished_has_score"),
            ({"score": 1}, "dailyrun_finished_has_score"),
            ({"finished_at": MIDNIGHT, "score": 1}, "played on its day"),
        ],
    )
    def test_a_run_is_finished_by_its_answers(
        self, run: DailyRun, fields: dict[str, Any], match: str
    ) -> None:
        self.refused(match, lambda: DailyRun.objects.update(**fields))

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"finished_at": NOON, "score": 5}, "its score counts them"),
            ({"finished_at": NOON - SECOND, "score": 6}, "dailyrun_finished_has_score"),
            ({"finished_at": NOON}, "dailyrun_finished_has_score"),
        ],
    )
    def test_the_score_is_that_of_the_answers(self, fields: dict[str, Any], match: str) -> None:
        make_day()
        run = play(None, [False] + [True] * 5)
        DailyAnswer.objects.create(run=run, number=7, choice=1, is_correct=True, answered_at=NOON)

        self.refused(match, lambda: DailyRun.objects.update(**fields))
        DailyRun.objects.update(finished_at=NOON, score=6)

    def test_a_run_is_finished_once(self) -> None:
        make_day()
        play()

        self.refused("Cannot update", lambda: DailyRun.objects.update(score=7))
        self.refused("Cannot update", lambda: DailyRun.objects.update(finished_at=None, score=None))

    @pytest.mark.usefixtures("owner")
    def test_an_answer_is_final(self, run: DailyRun) -> None:
        self.refused("Cannot update", lambda: DailyAnswer.objects.update(is_correct=False))

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"number": 1}, "in their order"),
            ({"number": 3}, "in their order"),
            ({"answered_at": MIDNIGHT}, "played on its day"),
            ({"answered_at": NOON - SECOND}, "played on its day"),
            ({"choice": 4}, "dailyanswer_choice_exists"),
        ],
    )
    def test_an_answer_comes_in_its_order_and_on_its_day(
        self, run: DailyRun, fields: dict[str, Any], match: str
    ) -> None:
        row = {"number": 2, "choice": 0, "is_correct": False, "answered_at": NOON, **fields}

        self.refused(match, partial(DailyAnswer.objects.create, run=run, **row))

    def test_a_finished_run_takes_no_eighth_answer(self) -> None:
        make_day()
        run = play()
        eighth = partial(
            DailyAnswer.objects.create, run=run, choice=0, is_correct=False, answered_at=NOON
        )

        self.refused("is finished", partial(eighth, number=8))


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def draw_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let two draw the same day at once; return their outcomes."""
        make_bank(A1=10, A2=10, B1=10)
        meet_after(monkeypatch, daily, "_lock_and_look")

        results = run_together(draw, draw)

        return sorted(type(result).__name__ for result in results)

    def test_two_who_draw_at_once_draw_one_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.draw_twice(monkeypatch) == ["DailySet", "DailySet"]

        assert (DailySet.objects.count(), DailyQuestion.objects.count()) == (1, 7)

    def test_without_the_lock_the_constraint_turns_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(advisory_locks, "lock", lambda *_: None)

        assert self.draw_twice(monkeypatch) == ["DailySet", "IntegrityError"]

        assert (DailySet.objects.count(), DailyQuestion.objects.count()) == (1, 7)

    def test_two_days_at_once_share_no_question(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_bank(A1=2, A2=3, B1=2)
        make_bank("WORD_ORDER", A1=2, A2=3, B1=2)
        meet_after(monkeypatch, daily, "_candidates")

        today, tomorrow = run_together(draw, partial(draw, TODAY + DAY))

        assert len({*quiz_ids(today), *quiz_ids(tomorrow)}) == 14

    def test_without_the_lock_two_days_would(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        make_bank(A1=2, A2=3, B1=2)
        make_bank("WORD_ORDER", A1=2, A2=3, B1=2)
        monkeypatch.setattr(advisory_locks, "lock", lambda *_: None)
        meet_after(monkeypatch, daily, "_candidates")

        results = run_together(draw, partial(draw, TODAY + DAY))

        # Unless one has committed before the other writes: then the trigger turns it away.
        drawn = [one for one in results if isinstance(one, DailySet)]
        assert len({quiz_id for one in drawn for quiz_id in quiz_ids(one)}) == 7

    def test_two_starts_at_once_are_one_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_day()
        player = PlayerFactory.create()
        meet_after(monkeypatch, daily, "draw")

        results = run_together(*[partial(daily.start, player=player, now=NOON)] * 2)

        assert {result.run.pk for result in results} == {DailyRun.objects.get().pk}

    def answer_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let two devices give the last answer at once; return their outcomes."""
        make_day()
        player = PlayerFactory.create()
        run = play(player, [True] * 6)
        meet_after(monkeypatch, daily, "_given")
        last = partial(tap, player, run, 7)

        results = run_together(last, last)

        return sorted(type(result).__name__ for result in results)

    def test_the_same_last_answer_from_two_devices_finishes_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.answer_twice(monkeypatch) == ["Answer", "DailyAnsweredError"]

        run = DailyRun.objects.get()
        assert (run.score, run.answers.count()) == (7, 7)
        assert Streak.objects.get().current == 1

    def test_without_the_lock_one_of_them_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.answer_twice(monkeypatch)

        assert "DailyAnsweredError" not in results
        assert DailyAnswer.objects.count() == 7

    def answer_around_midnight(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let two devices give the last answer at once, one before and one after midnight."""
        make_day()
        player = PlayerFactory.create()
        run = play(player, [True] * 6)
        meet_after(monkeypatch, daily, "_lock_run")
        last = partial(tap, player, run, 7)

        results = run_together(
            partial(last, right=False, now=LAST_MOMENT),
            partial(last, now=MIDNIGHT),
        )

        return [type(result).__name__ for result in results]

    def test_of_two_around_midnight_the_one_before_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.answer_around_midnight(monkeypatch) == ["Answer", "DailyOverError"]

        run = DailyRun.objects.get()
        assert (run.finished_at, run.score) == (LAST_MOMENT, 6)
        assert StreakDay.objects.get().day == date(2026, 12, 16)

    def test_without_the_look_at_the_clock_the_database_still_refuses(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: whoever is late gets no reason any more."""
        monkeypatch.setattr(daily, "_refuse_if_over", lambda *_, **__: None)

        results = self.answer_around_midnight(monkeypatch)

        assert "DailyOverError" not in results
        assert not DailyAnswer.objects.filter(answered_at__gte=MIDNIGHT).exists()


@pytest.mark.django_db
class TestStaff:
    @pytest.fixture(autouse=True)
    def _bank(self, db: None) -> None:
        make_bank(A1=40, A2=60, B1=40)

    def plan(self) -> list[DailySet]:
        """Let an editor draw the days ahead."""
        return daily.plan(staff=make_staff("Editor"), reason="Holidays.", now=NOON)

    def replace(self, question: DailyQuestion, **changes: Any) -> DailyQuestion:
        """Let an operator replace a question."""
        wanted: dict[str, Any] = {
            "set_id": question.set_id,
            "number": question.number,
            "version_id": question.version_id,
            "quiz_id": "",
            "seed": "one decision",
            "staff": make_staff("Operator"),
            "reason": "Too hard.",
            "now": NOON,
            **changes,
        }
        return daily.replace(**wanted)

    def test_the_next_seven_days_are_drawn_ahead(self) -> None:
        draw(date(2026, 12, 18))

        drawn = self.plan()

        assert [one.day for one in drawn] == [
            date(2026, 12, day) for day in (17, 19, 20, 21, 22, 23)
        ]
        entries = AuditEntry.objects.filter(action="dailyset.drawn").order_by("pk")
        assert entries[0].summary == ("Daily challenge of 17 Dec 2026 was drawn ahead: Holidays.")
        assert (len(entries), str(entries[0].actor)) == (6, "editor")
        everything = [quiz_id for one in DailySet.objects.all() for quiz_id in quiz_ids(one)]
        assert len(set(everything)) == len(everything) == 49

    def test_planning_needs_a_reason_and_enough_questions(self) -> None:
        staff = make_staff("Editor")
        with pytest.raises(BadReasonError):
            daily.plan(staff=staff, reason=" ", now=NOON)
        Question.objects.filter(pk__gt=Question.objects.order_by("pk")[20].pk).update(
            is_enabled=False
        )

        with pytest.raises(TooFewQuestionsError), transaction.atomic():
            daily.plan(staff=staff, reason="Holidays.", now=NOON)

    def test_a_question_is_drawn_anew_as_the_preview_says(self) -> None:
        first = draw(TODAY + DAY).questions.get(number=1)
        before = first.version.question_row.quiz_id
        preview = daily.preview_replacement(
            set_id=first.set_id, number=1, quiz_id="", seed="one decision", now=NOON
        )

        replaced = self.replace(first)

        assert replaced.version == preview.version
        assert replaced.version_id != first.version_id
        assert (replaced.level, replaced.number) == ("A1", 1)
        assert sorted(replaced.order) == [0, 1, 2, 3]
        entry = AuditEntry.objects.get(action="dailyset.question_replaced")
        after = replaced.version.question_row.quiz_id
        assert entry.summary == (
            f"Daily challenge of 17 Dec 2026: question 1 is {after} instead of {before}: Too hard."
        )
        assert entry.details == {
            "number": 1,
            "before": before,
            "after": after,
            "reason": "Too hard.",
        }

    def test_a_question_is_chosen(self) -> None:
        drawn = draw(TODAY + DAY)
        free = Question.objects.exclude(quiz_id__in=quiz_ids(drawn)).filter(level="B1")
        wanted = free.order_by("?")[0].quiz_id

        replaced = self.replace(drawn.questions.get(number=7), quiz_id=wanted)

        assert replaced.version.question_row.quiz_id == wanted
        assert quiz_ids(drawn)[6] == wanted

    def test_an_edited_question_takes_its_own_place(self) -> None:
        first = draw(TODAY + DAY).questions.get(number=1)
        question = first.version.question_row
        Question.objects.filter(pk=question.pk).update(explanation="Besser so.")

        replaced = self.replace(first, quiz_id=question.quiz_id)

        assert replaced.version.number == 2

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"quiz_id": "nothing"}, "There is no question nothing."),
            ({"quiz_id": "disabled"}, "disabled is disabled."),
            ({"quiz_id": "harder"}, "harder has the level B1, not A1."),
            ({"quiz_id": "yesterday"}, "yesterday is in a daily challenge of the 30 days before"),
            ({"quiz_id": "itself"}, "itself is this question already."),
            ({"version_id": 0}, "This question has been replaced meanwhile."),
            (
                {"now": datetime(2026, 12, 16, 23, tzinfo=UTC)},
                "The day of this challenge has begun: its questions stay.",
            ),
        ],
    )
    def test_what_cannot_take_the_place(self, changes: dict[str, Any], sentence: str) -> None:
        first = draw(TODAY + DAY).questions.get(number=1)
        other = draw(TODAY).questions.get(number=1)
        free = Question.objects.exclude(
            pk__in=DailyQuestion.objects.values("version__question_row")
        )
        for quiz_id, question in {
            "disabled": free.filter(level="A1")[0],
            "harder": free.filter(level="B1")[0],
            "yesterday": other.version.question_row,
            "itself": first.version.question_row,
        }.items():
            Question.objects.filter(pk=question.pk).update(
                quiz_id=quiz_id, is_enabled=quiz_id != "disabled"
            )

        with pytest.raises(DailyQuestionError, match=sentence), transaction.atomic():
            self.replace(first, **changes)

        assert DailyQuestion.objects.get(pk=first.pk).version_id == first.version_id
        assert not AuditEntry.objects.filter(action="dailyset.question_replaced").exists()

    def test_without_another_of_the_level_nothing_is_drawn_anew(self) -> None:
        first = draw(TODAY + DAY).questions.get(number=1)
        Question.objects.filter(level="A1").update(is_enabled=False)

        with pytest.raises(DailyQuestionError, match="No other question of the level A1 may be"):
            daily.preview_replacement(set_id=first.set_id, number=1, quiz_id="", seed="s", now=NOON)

    def test_until_a_moment_before_the_day_it_can_be_replaced(self) -> None:
        first = draw(TODAY + DAY).questions.get(number=1)

        assert self.replace(first, now=LAST_MOMENT).version_id != first.version_id


@pytest.mark.django_db(transaction=True)
class TestReplacingAgainstTheFirstRun:
    def test_whoever_starts_while_a_question_is_replaced_gets_the_new_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_bank(A1=10, A2=10, B1=10)
        first = draw(TODAY + DAY).questions.get(number=1)
        player, staff = PlayerFactory.create(), make_staff("Editor")
        meet_after(monkeypatch, daily, "preview_replacement")
        meet_after(monkeypatch, daily, "draw")

        replaced, started = run_together(
            partial(
                daily.replace,
                set_id=first.set_id,
                number=1,
                version_id=first.version_id,
                quiz_id="",
                seed="s",
                staff=staff,
                reason="Too hard.",
                now=LAST_MOMENT,
            ),
            partial(daily.start, player=player, now=MIDNIGHT),
        )

        shown = started.next.version_id
        stored = DailyQuestion.objects.get(pk=first.pk).version_id
        assert shown == stored
        assert isinstance(replaced, DailyQuestion | DatabaseError)

    def test_a_question_that_was_shown_is_not_replaced(self) -> None:
        make_bank(A1=10, A2=10, B1=10)
        first = draw(TODAY + DAY).questions.get(number=1)
        daily.start(player=PlayerFactory.create(), now=MIDNIGHT)

        # The clock of whoever replaces is slow.
        with pytest.raises(DatabaseError, match="questions stay"):
            daily.replace(
                set_id=first.set_id,
                number=1,
                version_id=first.version_id,
                quiz_id="",
                seed="s",
                staff=make_staff("Editor"),
                reason="Too hard.",
                now=LAST_MOMENT,
            )
