"""Article sprints: sixty seconds by the server's clock. Product rules, section 11."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from economy.errors import NoEnergyError
from economy.models import LedgerEntry, StreakDay, Wallet
from quizarena.game import reviews, sprints
from quizarena.game.errors import (
    NoQuestionsError,
    SprintAnsweredError,
    SprintOverError,
    StaleTapError,
)
from quizarena.game.models import (
    DailyQuestion,
    DailySet,
    DayPoints,
    Question,
    ReviewCard,
    Sprint,
    SprintAnswer,
    SprintQuestion,
)
from quizarena.game.sprints import Answer, Step
from quizarena.players.models import Player
from tests.concurrency import run_together
from tests.factories import PlayerFactory, QuestionFactory
from tests.game.test_selection import nodes
from tests.owner import analyze

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
TODAY = date(2026, 12, 16)


def make_nouns(count: int = 20, **fields: Any) -> list[Question]:
    """Store so many nouns, all of them masculine; the options stand in another order each time."""
    nouns = [
        QuestionFactory.build(
            question=f"Welcher Artikel gehört zu „Wort {number}“?",
            **dict(zip(("option_1", "option_2", "option_3"), order, strict=True)),
            option_4="",
            correct_option_id=order.index("der"),
            **fields,
        )
        for number in range(count)
        for order in [
            (["der", "die", "das"], ["die", "das", "der"], ["das", "der", "die"])[number % 3]
        ]
    ]
    return Question.objects.bulk_create(nouns)


def make_daily(day: date, *, count: int) -> list[int]:
    """Let the challenge of a day ask so many of the nouns that no challenge has; return which."""
    starts_at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1)
    daily_set = DailySet.objects.create(
        day=day, starts_at=starts_at, ends_at=starts_at + DAY, drawn_at=starts_at
    )
    had = DailyQuestion.objects.values("version__question_row")
    nouns = Question.objects.exclude(pk__in=had).order_by("pk")[:count]
    for number, question in enumerate(nouns, 1):
        DailyQuestion.objects.create(
            set=daily_set,
            number=number,
            version=question.versions.get(),
            level=question.level,
            order=[0, 1, 2],
        )
    return [question.pk for question in nouns]


def let_have_had(player: Player, count: int) -> list[int]:
    """Let earlier sprints of yesterday have asked all nouns, ten each; return which, in order."""
    nouns = list(Question.objects.order_by("pk").values_list("pk", "versions"))
    assert len(nouns) == count
    for first in range(0, count, 10):
        earlier = Sprint.objects.create(
            player=player,
            start_key=f"earlier:{first}",
            state="FINISHED",
            started_at=NOON - DAY,
            finished_at=NOON - DAY,
            answered=0,
            correct=0,
        )
        for number, (_, version) in enumerate(nouns[first : first + 10], 1):
            SprintQuestion.objects.create(sprint=earlier, number=number, version_id=version)
    return [pk for pk, _ in nouns]


def begin(player: Player, key: str = "u1", *, now: datetime = NOON) -> Step:
    """Let the player start a sprint."""
    with transaction.atomic():
        return sprints.start(player=player, key=key, now=now)


def say(
    player: Player, sprint: Sprint, number: int, article: str = "der", *, after: float
) -> Answer:
    """Let the player answer so many seconds after the start."""
    with transaction.atomic():
        return sprints.answer(
            player=player,
            sprint_id=sprint.pk,
            number=number,
            article=article,
            now=sprint.started_at + after * SECOND,
        )


def energy(player: Player) -> int:
    """Return the player's free energy."""
    return Wallet.objects.get(player=player).free_energy


@pytest.fixture
def player(db: None) -> Player:
    """A player, and a bank of twenty nouns."""
    make_nouns()
    return PlayerFactory.create()


class TestASprint:
    def test_sixty_seconds_are_counted_with_their_answers(self, player: Player) -> None:
        step = begin(player)

        first = say(player, step.sprint, 1, after=2)
        second = say(player, step.sprint, 2, "die", after=4)
        last = say(player, step.sprint, 3, after=60)

        assert first.is_correct
        assert not second.is_correct
        assert last.is_correct
        assert first.next is not None
        assert second.next is not None
        assert (first.next.number, first.next.answered, first.next.correct) == (2, 1, 1)
        assert (second.next.number, second.next.answered, second.next.correct) == (3, 2, 1)
        assert last.next is None
        assert last.result is not None
        assert last.result.wrong == [second.graded]
        assert last.result.points == 20
        sprint = Sprint.objects.get()
        assert (sprint.state, sprint.answered, sprint.correct) == ("FINISHED", 3, 2)
        assert sprint.finished_at == NOON + 60 * SECOND

    @pytest.mark.parametrize(
        ("after", "goes_on", "counts"),
        [(59.9, True, True), (60, False, True), (62, False, True), (62.001, False, False)],
    )
    def test_an_answer_may_be_two_seconds_late(
        self, player: Player, after: float, goes_on: bool, counts: bool
    ) -> None:
        sprint = begin(player).sprint

        if counts:
            answer = say(player, sprint, 1, after=after)
            assert (answer.next is not None) is goes_on
        else:
            with pytest.raises(SprintOverError):
                say(player, sprint, 1, after=after)

        assert SprintAnswer.objects.count() == int(counts)

    def test_who_is_late_gets_the_result(self, player: Player) -> None:
        sprint = begin(player).sprint
        say(player, sprint, 1, after=5)

        with pytest.raises(SprintOverError):
            say(player, sprint, 2, after=70)
        over = sprints.finish(player=player, sprint_id=sprint.pk, now=NOON + 70 * SECOND)
        again = sprints.finish(player=player, sprint_id=sprint.pk, now=NOON + 80 * SECOND)

        assert (over.sprint.answered, over.sprint.correct) == (1, 1)
        assert over.sprint.finished_at == NOON + 60 * SECOND
        assert (again.sprint, again.points) == (over.sprint, over.points)

    def test_its_answers_are_listed_once_it_is_over(self, player: Player) -> None:
        sprint = begin(player).sprint
        with pytest.raises(StaleTapError):
            sprints.answers(player=player, sprint_id=sprint.pk)
        say(player, sprint, 1, after=2)
        say(player, sprint, 2, "die", after=4)
        with pytest.raises(StaleTapError):
            sprints.answers(player=player, sprint_id=sprint.pk)
        sprints.finish(player=player, sprint_id=sprint.pk, now=NOON + 5 * SECOND)

        with CaptureQueriesContext(connection) as statements:
            given = sprints.answers(player=player, sprint_id=sprint.pk)

        assert [(one.number, one.is_correct) for one in given] == [(1, True), (2, False)]
        assert [one.version for one in given] == [
            question.version for question in sprint.questions.filter(number__lt=3)
        ]
        assert len(statements) == 2
        with pytest.raises(StaleTapError):
            sprints.answers(player=PlayerFactory.create(), sprint_id=sprint.pk)

    def test_questions_come_in_batches_and_none_twice(self, player: Player) -> None:
        sprint = begin(player).sprint

        for number in range(1, 20):
            say(player, sprint, number, after=2 * number)

        asked = SprintQuestion.objects.filter(sprint=sprint)
        assert asked.count() == 20
        assert asked.values("version__question_row").distinct().count() == 20

    def test_a_small_bank_begins_again(self, player: Player) -> None:
        Question.objects.filter(pk__in=Question.objects.values("pk")[10:]).update(is_enabled=False)
        sprint = begin(player).sprint

        for number in range(1, 26):
            say(player, sprint, number, after=2 * number)

        assert SprintQuestion.objects.filter(sprint=sprint).count() == 30

    def test_the_next_sprint_asks_the_others(self, player: Player) -> None:
        first = begin(player).sprint
        second = begin(player, "u2", now=NOON + 70 * SECOND).sprint

        asked = [
            set(SprintQuestion.objects.filter(sprint=one).values_list("version", flat=True))
            for one in (first, second)
        ]

        assert [len(one) for one in asked] == [10, 10]
        assert not asked[0] & asked[1]

    @pytest.mark.parametrize("answers", [0, 10])
    def test_the_last_hundred_nouns_of_earlier_sprints_come_last(
        self, player: Player, answers: int
    ) -> None:
        make_nouns(90 + answers)
        had = let_have_had(player, 110 + answers)

        sprint = begin(player).sprint
        for number in range(1, answers + 1):
            say(player, sprint, number, after=2 * number)

        # What the sprint itself has asked does not bring the hundred and first of them back later.
        asked = SprintQuestion.objects.filter(sprint=sprint)
        assert asked.count() == 10 + answers
        assert set(asked.values_list("version__question_row", flat=True)) == set(
            had[: 10 + answers]
        )

    def test_harder_nouns_than_the_players_level_come_last(self, player: Player) -> None:
        Question.objects.update(level="B1")
        make_nouns(10, level="A1")

        sprint = begin(player).sprint

        levels = SprintQuestion.objects.filter(sprint=sprint).values_list(
            "version__question_row__level", flat=True
        )
        assert list(levels) == ["A1"] * 10

    def test_only_what_asks_for_one_of_three_articles_is_asked(self, player: Player) -> None:
        Question.objects.update(is_enabled=False)
        make_nouns(10)
        QuestionFactory.create_batch(30)  # With “den” as a fourth option.
        make_nouns(30, category="QUICK_MIX_A1A2")

        sprint = begin(player).sprint
        for number in range(1, 12):
            say(player, sprint, number, after=2 * number)

        asked = SprintQuestion.objects.filter(sprint=sprint)
        assert asked.count() == 20
        assert {len(question.version.options) for question in asked.select_related("version")} == {
            3
        }
        assert set(asked.values_list("version__question_row__category", flat=True)) == {
            "ARTIKEL_SPRINT"
        }

    def test_nine_nouns_are_too_few(self, player: Player) -> None:
        Question.objects.update(is_enabled=False)
        make_nouns(9)

        assert not sprints.is_possible(now=NOON)
        with pytest.raises(NoQuestionsError):
            begin(player)

        assert not Sprint.objects.exists()
        assert not LedgerEntry.objects.exists()

    def test_the_daily_challenge_is_not_given_away(self, player: Player) -> None:
        secret = set(make_daily(TODAY, count=4)) | set(make_daily(TODAY + DAY, count=3))
        make_daily(TODAY - DAY, count=3)  # Over since midnight.
        sprint = begin(player).sprint

        for number in range(1, 26):
            say(player, sprint, number, after=2 * number)

        asked = SprintQuestion.objects.filter(sprint=sprint)
        questions = set(asked.values_list("version__question_row", flat=True))
        assert asked.count() == 30
        assert len(questions) == 13
        assert not questions & secret

    def test_its_nouns_do_not_make_a_bank_large_enough(self, player: Player) -> None:
        make_daily(TODAY, count=4)
        make_daily(TODAY + DAY, count=7)

        # Nine besides them; when today's has ended there are thirteen.
        midnight = datetime(2026, 12, 16, 23, tzinfo=UTC)
        assert not sprints.is_possible(now=midnight - SECOND)
        with pytest.raises(NoQuestionsError):
            begin(player, now=midnight - SECOND)
        assert sprints.is_possible(now=midnight)

    def test_one_that_runs_goes_on_when_others_leave_play(self, player: Player) -> None:
        sprint = begin(player).sprint
        daily = make_daily(TODAY, count=3)
        Question.objects.exclude(pk__in=daily).update(is_enabled=False)

        answers = [say(player, sprint, number, after=2 * number) for number in range(1, 11)]

        following = answers[-1].next
        assert following is not None
        assert following.number == 11

    def test_a_question_stays_as_it_was_drawn(self, player: Player) -> None:
        step = begin(player)
        Question.objects.update(option_1="ein", option_2="eine", option_3="einer")

        assert say(player, step.sprint, 1, after=2).is_correct


def draw(player: Player, sprint: Sprint) -> list[int]:
    """Return which questions a draw brings, without keeping it."""
    with transaction.atomic():
        sprints._draw(sprint, after=10, now=NOON)
        drawn = SprintQuestion.objects.filter(sprint=sprint, number__gt=10)
        ids = list(drawn.values_list("version__question_row", flat=True))
        transaction.set_rollback(True)
    return ids


class TestLargeMode:
    def test_every_noun_is_as_likely_as_another(self, player: Player) -> None:
        make_nouns(20)
        sprint = begin(player).sprint
        with connection.cursor() as cursor:
            cursor.execute("SELECT setseed(0.5)")

        drawn = Counter(pk for _ in range(90) for pk in draw(player, sprint))

        # Ten of thirty that have not been asked: each thirty times, and six standard deviations.
        assert len(drawn) == 30
        assert min(drawn.values()) > 3
        assert max(drawn.values()) < 57

    def test_a_mode_whose_ids_lie_far_apart_is_looked_through(self, player: Player) -> None:
        Question.objects.update(is_enabled=False)
        for number, noun in enumerate(make_nouns(12)):
            Question.objects.filter(pk=noun.pk).update(quiz_id=f"old-{number}", is_enabled=False)
            noun.pk = 1_000_000_000 * (number + 1)
            noun.save(force_insert=True)

        sprint = begin(player).sprint

        asked = SprintQuestion.objects.filter(sprint=sprint).values("version__question_row")
        assert asked.distinct().count() == 10

    def test_thousands_are_neither_read_nor_sorted(self, player: Player) -> None:
        """The plan is looked at, not the time: what is read of the bank, and how much is sorted."""
        (noun,) = make_nouns(1)
        Question.objects.bulk_create(
            [
                Question(
                    quiz_id=f"many-{number}",
                    option_4="",
                    correct_option_id=noun.correct_option_id,
                    **{
                        name: getattr(noun, name)
                        for name in (
                            *("question", "option_1", "option_2", "option_3"),
                            *("explanation", "level", "category", "topic", "key"),
                        )
                    },
                )
                for number in range(4_000)
            ],
            batch_size=2_000,
        )
        analyze("game_question", "game_questionversion")
        sprint = begin(player).sprint
        values: dict[str, Any] = {
            "player": player.pk,
            "sprint": sprint.pk,
            "drawn": 10,
            "now": NOON,
        }

        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sprints._DRAW}", values)
            (found,) = cursor.fetchone()

        plan = found if isinstance(found, list) else json.loads(found)
        executed = [node for node in nodes(plan[0]["Plan"]) if node["Actual Loops"]]
        of_the_bank = [node for node in executed if node.get("Relation Name") == "game_question"]
        read = sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in of_the_bank
        )
        assert of_the_bank
        assert not [node for node in of_the_bank if node["Node Type"] == "Seq Scan"]
        # The first and the last id, forty that are tried and perhaps fail, and the ten.
        assert read < 120
        assert max(node["Actual Rows"] for node in executed if node["Node Type"] == "Sort") <= 40


class TestEnergy:
    def test_a_sprint_costs_one_point_however_much_is_answered(self, player: Player) -> None:
        step = begin(player)
        for number in range(1, 16):
            say(player, step.sprint, number, after=2 * number)

        assert step.charge is not None
        assert step.charge.energy.free == 19
        assert energy(player) == 19

    def test_a_second_tap_costs_nothing_and_returns_to_the_question(self, player: Player) -> None:
        step = begin(player)
        say(player, step.sprint, 1, after=2)

        again = begin(player, now=NOON + 3 * SECOND)

        assert (again.sprint, again.number, again.charge) == (step.sprint, 2, None)
        assert energy(player) == 19

    @pytest.mark.parametrize(("answers", "left"), [(0, 20), (1, 19)])
    def test_it_comes_back_if_nothing_was_answered(
        self, player: Player, answers: int, left: int
    ) -> None:
        sprint = begin(player).sprint
        for number in range(1, answers + 1):
            say(player, sprint, number, after=2)

        over = sprints.finish(player=player, sprint_id=sprint.pk, now=NOON + 61 * SECOND)

        assert over.has_returned_energy is (answers == 0)
        assert energy(player) == left

    def test_without_energy_there_is_none_and_the_open_one_stays(self, player: Player) -> None:
        for number in range(20):
            say(player, begin(player, f"u{number}").sprint, 1, after=1)
        waiting = Sprint.objects.get(state="OPEN")

        with pytest.raises(NoEnergyError):
            begin(player, "one more")

        assert Sprint.objects.count() == 20
        assert Sprint.objects.get(state="OPEN") == waiting

    def test_a_start_finishes_the_open_one(self, player: Player) -> None:
        first = begin(player).sprint
        say(player, first, 1, after=2)

        second = begin(player, "u2", now=NOON + 10 * SECOND).sprint

        first.refresh_from_db()
        assert (first.state, first.answered, first.finished_at) == (
            "FINISHED",
            1,
            NOON + 10 * SECOND,
        )
        assert second.state == "OPEN"


class TestPointsAndStreak:
    def test_an_answer_makes_the_day_active(self, player: Player) -> None:
        sprint = begin(player).sprint

        answer = say(player, sprint, 1, "die", after=2)

        assert answer.streak.is_first_of_day
        assert StreakDay.objects.filter(player=player).count() == 1

    @pytest.mark.parametrize(
        ("first", "second", "points"),
        [(0.7, 1.4, 20), (0.69, 1.4, 10), (0.7, 1.39, 10), (2, 2.5, 10)],
    )
    def test_a_right_answer_brings_ten_unless_it_was_too_fast(
        self, player: Player, first: float, second: float, points: int
    ) -> None:
        sprint = begin(player).sprint

        say(player, sprint, 1, after=first)
        say(player, sprint, 2, after=second)

        assert DayPoints.objects.get(player=player).points == points

    def test_a_day_has_no_more_than_four_hundred(self, player: Player) -> None:
        for key in "ab":
            sprint = begin(
                player, key, now=NOON + (100 * SECOND if key == "b" else 0 * SECOND)
            ).sprint
            for number in range(1, 26):
                say(player, sprint, number, after=2 * number)

        assert DayPoints.objects.get(player=player).points == 400

    def test_the_best_is_kept(self, player: Player) -> None:
        results = []
        for day, right in enumerate((2, 3, 3, 0)):
            now = NOON + timedelta(days=day)
            sprint = begin(player, f"u{day}", now=now).sprint
            for number in range(1, 5):
                say(player, sprint, number, "der" if number <= right else "die", after=2 * number)
            with transaction.atomic():
                over = sprints.finish(player=player, sprint_id=sprint.pk, now=now + 61 * SECOND)
            results.append((over.best, over.is_record))

        assert results == [(None, True), (2, True), (3, False), (3, False)]
        assert sprints.best(player=player) == 3
        assert sprints.best(player=PlayerFactory.create()) is None


class TestCards:
    def test_a_wrong_answer_becomes_a_card_and_a_right_one_does_not(self, player: Player) -> None:
        sprint = begin(player).sprint

        say(player, sprint, 1, after=2)
        wrong = say(player, sprint, 2, "die", after=4)

        card = ReviewCard.objects.get()
        assert (card.player_id, card.question_id) == (player.pk, wrong.graded.question_row_id)
        assert (card.origin, card.due_at) == ("MISTAKE", NOON + 4 * SECOND)
        assert reviews.due(player=player, now=NOON + 4 * SECOND) == 1


class TestTaps:
    def test_a_question_is_answered_once(self, player: Player) -> None:
        sprint = begin(player).sprint
        say(player, sprint, 1, after=2)

        with pytest.raises(SprintAnsweredError):
            say(player, sprint, 1, "die", after=2.1)

        assert SprintAnswer.objects.get().is_correct

    @pytest.mark.parametrize(("number", "article"), [(2, "der"), (0, "der"), (1, "den"), (1, "")])
    def test_what_is_not_the_next_question_is_stale(
        self, player: Player, number: int, article: str
    ) -> None:
        sprint = begin(player).sprint

        with pytest.raises(StaleTapError):
            say(player, sprint, number, article, after=2)

    def test_a_sprint_is_its_players_own(self, player: Player) -> None:
        sprint = begin(player).sprint
        other = PlayerFactory.create()

        with pytest.raises(StaleTapError):
            say(other, sprint, 1, after=2)
        with pytest.raises(StaleTapError):
            sprints.finish(player=other, sprint_id=sprint.pk, now=NOON)

    @pytest.mark.parametrize("sprint_id", [0, -1, 2**63, 12_345])
    def test_there_is_no_such_sprint(self, player: Player, sprint_id: int) -> None:
        with pytest.raises(StaleTapError):
            sprints.finish(player=player, sprint_id=sprint_id, now=NOON)

    def test_the_start_button_of_one_that_is_over_is_stale(self, player: Player) -> None:
        begin(player)

        with pytest.raises(StaleTapError):
            begin(player, now=NOON + 63 * SECOND)


class TestTheSweep:
    def test_what_nobody_finishes_is_finished(self, player: Player) -> None:
        late, fresh = PlayerFactory.create(), PlayerFactory.create()
        over = begin(player, now=NOON - 63 * SECOND).sprint
        say(player, over, 1, after=2)
        empty = begin(late, now=NOON - 90 * SECOND).sprint
        running = begin(fresh, now=datetime.now(UTC)).sprint

        assert sprints.finish_due(until=datetime.now(UTC) + 5 * SECOND) == 2

        for sprint, state in ((over, "FINISHED"), (empty, "FINISHED"), (running, "OPEN")):
            sprint.refresh_from_db()
            assert sprint.state == state
        assert over.finished_at == NOON - 3 * SECOND
        assert (energy(player), energy(late)) == (19, 20)

    @pytest.mark.parametrize(("after", "done"), [(62, 0), (62.000_001, 1)])
    def test_it_waits_until_no_answer_counts_any_more(
        self, player: Player, after: float, done: int
    ) -> None:
        begin(player)

        with time_machine.travel(NOON + after * SECOND, tick=False):
            assert sprints.finish_due(until=NOON + DAY) == done


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.fixture
    def sprint(self, player: Player) -> Sprint:
        return begin(player).sprint

    def answer(self, sprint: Sprint, number: int = 1, *, after: float = 2, **fields: Any) -> None:
        """Store an answer, a right one unless the fields say otherwise."""
        version = SprintQuestion.objects.get(sprint=sprint, number=1).version
        right = version.correct_option_id
        SprintAnswer.objects.create(
            **{
                "sprint": sprint,
                "number": number,
                "choice": right,
                "is_correct": True,
                "answered_at": sprint.started_at + after * SECOND,
                **fields,
            }
        )

    @pytest.mark.parametrize("after", [-0.001, 62.001])
    def test_an_answer_out_of_time(self, sprint: Sprint, after: float) -> None:
        with pytest.raises(DatabaseError, match="within its time"):
            self.answer(sprint, after=after)

    def test_an_answer_out_of_order(self, sprint: Sprint) -> None:
        with pytest.raises(DatabaseError, match="in their order"):
            self.answer(sprint, 2)

    def test_a_grade_that_the_version_does_not_give(self, sprint: Sprint) -> None:
        with pytest.raises(DatabaseError, match="graded as the version says"):
            self.answer(sprint, is_correct=False)

    def test_an_answer_in_a_finished_sprint(self, sprint: Sprint, player: Player) -> None:
        sprints.finish(player=player, sprint_id=sprint.pk, now=NOON + SECOND)

        with pytest.raises(DatabaseError, match="This sprint is over"):
            self.answer(sprint)

    def test_a_result_that_does_not_count_the_answers(self, sprint: Sprint) -> None:
        self.answer(sprint)

        with pytest.raises(DatabaseError, match="counts its answers"):
            Sprint.objects.update(state="FINISHED", finished_at=NOON, answered=2, correct=1)

    def test_a_result_of_an_open_sprint(self, sprint: Sprint) -> None:
        with pytest.raises(IntegrityError, match="sprint_finished_has_its_result"):
            Sprint.objects.update(correct=1, answered=1, finished_at=NOON)

    def test_an_end_after_its_time(self, sprint: Sprint) -> None:
        with pytest.raises(IntegrityError, match="sprint_ends_within_its_time"):
            Sprint.objects.update(
                state="FINISHED", answered=0, correct=0, finished_at=NOON + 60.001 * SECOND
            )

    def test_two_open_sprints(self, sprint: Sprint, player: Player) -> None:
        with pytest.raises(IntegrityError, match="sprint_one_open_per_player"):
            Sprint.objects.create(player=player, start_key="u2", started_at=NOON)

    def test_a_key_twice(self, sprint: Sprint, player: Player) -> None:
        sprints.finish(player=player, sprint_id=sprint.pk, now=NOON)

        with pytest.raises(IntegrityError, match="sprint_one_per_start_key"):
            Sprint.objects.create(player=player, start_key="u1", started_at=NOON)

    def test_a_finished_sprint_again(self, sprint: Sprint, player: Player) -> None:
        sprints.finish(player=player, sprint_id=sprint.pk, now=NOON)

        with pytest.raises(DatabaseError, match="Cannot update"):
            Sprint.objects.update(start_key="u2")

    def test_an_answer_changed(self, sprint: Sprint) -> None:
        self.answer(sprint)

        with pytest.raises(DatabaseError, match="permission denied"):
            SprintAnswer.objects.update(choice=0)

    def test_a_question_exchanged(self, sprint: Sprint) -> None:
        with pytest.raises(DatabaseError, match="permission denied"):
            SprintQuestion.objects.update(number=99)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_two_taps_at_once_one_is_the_answer(self) -> None:
        make_nouns()
        player = PlayerFactory.create()
        sprint = begin(player).sprint

        results = run_together(
            partial(say, player, sprint, 1, "der", after=2),
            partial(say, player, sprint, 1, "die", after=2),
        )

        assert sorted(type(result).__name__ for result in results) == [
            "Answer",
            "SprintAnsweredError",
        ]
        assert SprintAnswer.objects.count() == 1
