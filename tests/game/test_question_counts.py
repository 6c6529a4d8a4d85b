"""How questions play: what is counted of a day, when, and that nothing is counted twice."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from quizarena import advisory_locks
from quizarena.game import question_counts, tasks
from quizarena.game.models import (
    PlayerLevel,
    Question,
    QuestionCount,
    QuestionFigures,
    QuestionVersion,
    RoundQuestion,
)
from tests.concurrency import meet_after, run_together
from tests.game.played import DAY, NOON, TODAY, answer_round, newcomer

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
# The business day of NOON ends at midnight in Berlin, and is over an hour later.
MIDNIGHT = datetime(2026, 12, 16, 23, tzinfo=UTC)
OVER = MIDNIGHT + HOUR


def count(now: datetime = OVER) -> int:
    """Let the job run; return how many days it has added."""
    return question_counts.count(now=now, until=now + 1_000 * DAY)


def figures() -> QuestionFigures:
    """Return the only figures that there are."""
    return QuestionFigures.objects.get()


def answer_version(version: QuestionVersion) -> None:
    """Let who has answered the only question answer another version of it."""
    first = RoundQuestion.objects.get()
    RoundQuestion.objects.create(
        round=first.round,
        number=2,
        player=first.player,
        mode=first.mode,
        question=first.question,
        version=version,
        order=[0, 1, 2, 3],
        shown_at=NOON - SECOND,
        answered_at=NOON,
        choice=1,
        is_correct=True,
    )


@pytest.mark.django_db
class TestDay:
    def test_what_was_shown_answered_and_chosen(self) -> None:
        anna, ben = newcomer(), newcomer()
        answer_round(anna, True, True, False, took=4 * SECOND)
        answer_round(ben, False, took=61 * SECOND)

        assert count() == 1

        one = figures()
        assert (one.shown, one.answered, one.right) == (4, 4, 2)
        assert one.chosen == [2, 2, 0, 0]
        assert (one.seconds[4], one.seconds[60], sum(one.seconds)) == (3, 1, 4)
        assert len(one.seconds) == 61
        assert one.counted_at == OVER
        counted = question_counts.counted_up_to()
        assert counted is not None
        assert (counted.day, counted.counted_at) == (TODAY, OVER)

    def test_a_question_that_waits_is_shown_and_one_that_was_refunded_is_not(self) -> None:
        anna = newcomer()
        answer_round(anna, True)
        answered = RoundQuestion.objects.get()
        for number, refunded_at in ((2, NOON), (3, None)):
            RoundQuestion.objects.create(
                round=answered.round,
                number=number,
                player=anna,
                mode=answered.mode,
                question=answered.question,
                version=answered.version,
                order=[0, 1, 2, 3],
                shown_at=NOON,
                refunded_at=refunded_at,
            )

        count()

        assert (figures().shown, figures().answered) == (2, 1)

    def test_only_players_of_its_level_say_how_hard_it_is(self) -> None:
        anna, ben = newcomer(), newcomer()
        PlayerLevel.objects.create(
            player=ben, mode="ARTIKEL_SPRINT", level="A2", since=NOON, reason="CHOSEN"
        )
        answer_round(anna, True, False)
        answer_round(ben, False, False)

        count()

        one = figures()
        assert (one.answered, one.level_answered, one.level_right) == (4, 2, 1)
        assert (one.chosen, one.level_chosen) == ([3, 1, 0, 0], [1, 1, 0, 0])

    def test_what_was_answered_before_an_editor_looked_does_not_mislead(self) -> None:
        answer_round(newcomer(), False, at=NOON)
        Question.objects.update(looked_at=NOON)
        answer_round(newcomer(), True, at=NOON + SECOND)

        count()

        assert figures().chosen == [1, 1, 0, 0]
        assert figures().level_chosen == [0, 1, 0, 0]
        assert figures().level_answered == 2

    def test_each_version_has_its_own(self) -> None:
        answer_round(newcomer(), True)
        question = Question.objects.get()
        question.question = "Ein anderer Text?"
        question.save()
        answer_version(question.versions.get(number=2))

        count()

        rows = QuestionFigures.objects.order_by("pk").values_list("version__number", "answered")
        assert list(rows) == [(1, 1), (2, 1)]


@pytest.mark.django_db
class TestWhen:
    def test_a_day_is_added_an_hour_after_its_end_and_once(self) -> None:
        answer_round(newcomer(), True)

        assert count(OVER - SECOND) == 0
        assert not QuestionFigures.objects.exists()
        assert count(OVER) == 1
        assert count(OVER + HOUR) == 0
        assert figures().answered == 1

    def test_days_are_added_one_after_the_other(self) -> None:
        anna = newcomer()
        answer_round(anna, True, at=NOON)
        answer_round(anna, False, False, at=NOON + 2 * DAY)

        assert count(OVER) == 1
        assert count(OVER + 5 * DAY) == 5

        assert figures().chosen == [2, 1, 0, 0]
        assert figures().seconds[5] == 3
        assert (figures().shown, figures().right) == (3, 1)
        assert QuestionCount.objects.get().day == date(2026, 12, 21)

    def test_midnight_parts_two_days(self) -> None:
        anna = newcomer()
        answer_round(anna, True, at=MIDNIGHT - SECOND)
        answer_round(anna, True, at=MIDNIGHT)

        count(OVER)
        assert figures().answered == 1
        count(OVER + DAY)
        assert figures().answered == 2

    def test_without_a_question_there_is_nothing_to_count(self) -> None:
        assert count() == 0
        assert question_counts.counted_up_to() is None

    def test_the_job_stops_in_time_and_continues_with_the_next_run(self) -> None:
        answer_round(newcomer(), True)

        assert question_counts.count(now=OVER + 5 * DAY, until=NOON - 400 * DAY) == 1
        assert count(OVER + 5 * DAY) == 5

    def test_the_job_withdraws_what_misleads(self) -> None:
        anna = newcomer()
        answer_round(anna, *[False] * 16, *[True] * 14, at=NOON - 40 * DAY)

        tasks.count_questions()

        assert Question.objects.get().withdrawn_because == "DISTRACTOR"


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_at_once_count_a_day_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_round(newcomer(), True)
        meet_after(monkeypatch, question_counts, "counted_up_to")

        one = partial(question_counts.count_next_day, now=OVER)

        assert sorted(run_together(one, one)) == [False, True]
        assert figures().answered == 1

    def test_without_the_lock_a_day_is_counted_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        answer_round(newcomer(), True)
        monkeypatch.setattr(advisory_locks, "try_lock", lambda _: True)
        meet_after(monkeypatch, question_counts, "counted_up_to")

        one = partial(question_counts.count_next_day, now=OVER)

        run_together(one, one)
        assert figures().answered == 2


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def test_more_right_than_answered(self) -> None:
        answer_round(newcomer(), True)
        count()

        for fields in ({"right": 2}, {"level_answered": 2}, {"level_right": 2}):
            with (
                pytest.raises(IntegrityError, match="questionfigures_parts_fit"),
                transaction.atomic(),
            ):
                QuestionFigures.objects.update(**fields)

    def test_a_second_row_of_where_the_count_is(self) -> None:
        with (
            pytest.raises(IntegrityError, match="questioncount_is_one_row"),
            transaction.atomic(),
        ):
            QuestionCount.objects.create(id=2, day=TODAY, counted_at=NOON)
