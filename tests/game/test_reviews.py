"""Reviews: cards from mistakes and saved questions, their order, their answers, their slips."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from economy.models import LedgerEntry, Streak
from quizarena.game import daily, review_accuracy, reviews, rounds
from quizarena.game.errors import (
    CardStaysError,
    NothingDueError,
    ReviewAnsweredError,
    StaleTapError,
    TooManyCardsError,
)
from quizarena.game.models import (
    Mode,
    PointEvent,
    Question,
    Review,
    ReviewAccuracy,
    ReviewCard,
    ReviewDay,
    ReviewLog,
    ReviewQuestion,
    RoundQuestion,
)
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import PlayerFactory
from tests.game import challenges, played
from tests.game.reviewing import (
    DAY,
    MILLISECOND,
    MINUTE,
    NOON,
    SECOND,
    USUAL,
    make_card,
    make_question,
    start,
    tap,
    undo,
)
from tests.game.test_written_answers import make_order, make_typed
from tests.owner import as_owner


@pytest.fixture
def anna(db: None) -> Player:
    made: Player = PlayerFactory.create()
    return made


def add(player: Player, question_id: int, now: datetime = NOON) -> None:
    """Let the player have answered a question wrong."""
    with transaction.atomic():
        reviews.add_mistake(player=player, question_id=question_id, now=now)


def answered(player: Player, *, right: bool = True) -> RoundQuestion:
    """Return a question that the player has answered in a round."""
    question = make_question(category="ARTIKEL_SPRINT")
    played.answer_round(player, right)
    return RoundQuestion.objects.get(player=player, question=question)


def save(player: Player, asked: RoundQuestion, now: datetime = NOON) -> int:
    """Let the player tap ⭐ under an answered question."""
    with transaction.atomic():
        return reviews.save(player=player, round_question_id=asked.pk, now=now)


def unsave(player: Player, asked: RoundQuestion) -> int:
    """Let the player tap it once more."""
    with transaction.atomic():
        return reviews.unsave(player=player, round_question_id=asked.pk)


class TestMistakes:
    def answer(self, player: Player, *, option: int) -> None:
        """Let the player answer the question of an open round."""
        begun = rounds.start(player=player, mode=Mode.ARTIKEL_SPRINT, key="k", now=NOON)
        asked = begun.round_question
        with transaction.atomic():
            rounds.answer(
                player=player,
                round_question_id=asked.pk,
                option_index=asked.order.index(option),
                now=NOON + USUAL,
            )

    def test_a_mistake_of_a_round_becomes_a_card_that_is_due(self, anna: Player) -> None:
        question = make_question()

        self.answer(anna, option=0)

        card = ReviewCard.objects.get()
        assert (card.player_id, card.question_id, card.origin) == (anna.pk, question.pk, "MISTAKE")
        assert (card.state, card.step, card.stability, card.last_review_at) == (1, 0, None, None)
        assert card.due_at == card.created_at == NOON + USUAL
        assert reviews.due(player=anna, now=NOON + USUAL) == 1

    def test_a_right_answer_does_not(self, anna: Player) -> None:
        make_question()

        self.answer(anna, option=1)

        assert not ReviewCard.objects.exists()

    def test_one_of_the_daily_challenge_does(self, anna: Player) -> None:
        challenges.make_day()

        challenges.play(anna, [True, False])

        missed = daily.progress(player=anna, now=NOON)
        assert missed is not None
        wrong = missed.run.set.questions.get(number=2)
        assert ReviewCard.objects.get().question_id == wrong.version.question_row_id

    def test_it_costs_one_statement_more_than_a_right_answer(self, anna: Player) -> None:
        for number in range(2):
            make_question(number)
        costs = []
        for number, option in enumerate((1, 0, 1, 0)):
            player = PlayerFactory.create()
            begun = rounds.start(
                player=player, mode=Mode.ARTIKEL_SPRINT, key=f"k{number}", now=NOON
            )
            asked = begun.round_question
            with CaptureQueriesContext(connection) as queries, transaction.atomic():
                rounds.answer(
                    player=player,
                    round_question_id=asked.pk,
                    option_index=asked.order.index(option),
                    now=NOON,  # So fast that it brings no points.
                )
            costs.append(len(queries))

        assert costs[3] == costs[2] + 1

    @pytest.mark.parametrize(
        ("make", "cards"), [(make_typed, 1), (make_order, 1), (make_question, 1)]
    )
    def test_a_question_of_any_kind_makes_one(
        self, anna: Player, make: Callable[..., Question], cards: int
    ) -> None:
        add(anna, make().pk)

        assert ReviewCard.objects.count() == cards
        assert ReviewDay.objects.count() == cards

    def test_a_card_that_is_there_becomes_due_and_is_not_rated(self, anna: Player) -> None:
        card = make_card(anna, stability=30.0, due=NOON + 20 * DAY, origin="SAVED")

        add(anna, card.question_id)

        card.refresh_from_db()
        assert (card.due_at, card.origin, card.stability) == (NOON, "MISTAKE", 30.0)
        assert ReviewCard.objects.count() == 1
        assert not ReviewDay.objects.filter(day=date(2026, 12, 16)).exists()

    def test_one_that_is_due_already_stays_as_it_is(self, anna: Player) -> None:
        card = make_card(anna, due=NOON - DAY)

        add(anna, card.question_id)

        card.refresh_from_db()
        assert card.due_at == NOON - DAY

    def test_fifty_new_cards_come_on_a_day_and_the_next_day_has_its_own(self, anna: Player) -> None:
        # Half an hour before midnight in Berlin.
        late, tomorrow = (datetime(2026, 12, 16, hour, 30, tzinfo=UTC) for hour in (22, 23))
        ids = [make_question(number).pk for number in range(52)]
        for question_id in ids[:49]:
            add(anna, question_id, late)
        assert ReviewCard.objects.count() == 49

        add(anna, ids[49], late)
        add(anna, ids[50], late)
        assert ReviewCard.objects.count() == 50
        # One that has a card comes back all the same.
        ReviewCard.objects.update(due_at=tomorrow + DAY)
        add(anna, ids[0], late)
        assert reviews.due(player=anna, now=late) == 1

        add(anna, ids[51], tomorrow)
        assert ReviewCard.objects.count() == 51
        counts = ReviewDay.objects.order_by("day").values_list("day", "cards")
        assert list(counts) == [(date(2026, 12, 16), 50), (date(2026, 12, 17), 1)]


class TestSaving:
    def test_a_saved_question_is_due_at_once_and_a_second_tap_takes_it_away(
        self, anna: Player
    ) -> None:
        asked = answered(anna)

        assert save(anna, asked) == 1

        card = ReviewCard.objects.get()
        assert (card.question_id, card.origin, card.due_at) == (asked.question_id, "SAVED", NOON)
        assert ReviewDay.objects.get().cards == 1
        assert unsave(anna, asked) == 1
        assert not ReviewCard.objects.exists()
        assert ReviewDay.objects.get().cards == 0

    def test_twice_is_once_in_both_directions(self, anna: Player) -> None:
        asked = answered(anna)
        for _ in range(2):
            save(anna, asked)
        assert ReviewCard.objects.count() == 1
        for _ in range(2):
            unsave(anna, asked)
        assert not ReviewCard.objects.exists()

    def test_a_mistake_stays(self, anna: Player) -> None:
        asked = answered(anna)
        add(anna, asked.question_id)
        save(anna, asked)

        with pytest.raises(CardStaysError):
            unsave(anna, asked)

        assert ReviewCard.objects.get().origin == "MISTAKE"

    def test_so_does_one_that_was_asked_in_a_review(self, anna: Player) -> None:
        asked = answered(anna)
        save(anna, asked)
        start(anna)

        with pytest.raises(CardStaysError):
            unsave(anna, asked)

    def test_nobody_saves_what_others_have_answered_or_nobody_has(self, anna: Player) -> None:
        asked = answered(PlayerFactory.create())

        for key in (asked.pk, 0, 2**70):
            with pytest.raises(StaleTapError):
                reviews.save(player=anna, round_question_id=key, now=NOON)
        with pytest.raises(StaleTapError):
            unsave(anna, asked)

    def test_the_day_can_be_full(self, anna: Player) -> None:
        for number in range(50):
            add(anna, make_question(number, category="WORD_ORDER").pk)
        asked = answered(anna)

        with pytest.raises(TooManyCardsError):
            save(anna, asked)

        assert save(anna, asked, NOON + DAY) == 1


class TestTheQueue:
    def test_the_least_retrievable_comes_first(self, anna: Player) -> None:
        """New ones before; then the one that has waited longest, measured by its stability."""
        steady = make_card(anna, stability=100.0, last=NOON - 20 * DAY)
        shaky = make_card(anna, stability=2.0, last=NOON - 3 * DAY)
        middling = make_card(anna, stability=10.0, last=NOON - 10 * DAY)
        new = make_card(anna)

        asked = start(anna)
        order = [asked.card_id]
        while (following := tap(anna, asked).next) is not None:
            asked = following
            order.append(asked.card_id)

        assert order == [new.pk, shaky.pk, middling.pk, steady.pk]

    def test_a_review_has_twenty_cards_at_most(self, anna: Player) -> None:
        for _ in range(21):
            make_card(anna)

        asked = start(anna)
        assert asked.review.length == 20
        answers = [tap(anna, asked)]
        while (following := answers[-1].next) is not None:
            answers.append(tap(anna, following))

        assert len(answers) == 20
        summary = answers[-1].summary
        assert summary is not None
        assert (summary.right, summary.answered, summary.points, summary.due) == (20, 20, 100, 1)

    def test_and_as_many_as_are_due(self, anna: Player) -> None:
        make_card(anna, due=NOON)
        make_card(anna, due=NOON + MILLISECOND)

        assert reviews.due(player=anna, now=NOON) == 1
        assert start(anna).review.length == 1

    def test_when_nothing_is_due_it_says_when_something_will_be(self, anna: Player) -> None:
        with pytest.raises(NothingDueError) as refusal:
            start(anna)
        assert refusal.value.next_due_at is None

        make_card(anna, due=NOON + 3 * DAY)
        make_card(PlayerFactory.create(), due=NOON)
        with pytest.raises(NothingDueError) as refusal:
            start(anna)
        assert refusal.value.next_due_at == NOON + 3 * DAY
        assert not Review.objects.exists()

    def test_a_disabled_question_is_left_out(self, anna: Player) -> None:
        card = make_card(anna)
        card.question.is_enabled = False
        card.question.save()

        assert reviews.due(player=anna, now=NOON) == 0
        with pytest.raises(NothingDueError):
            start(anna)

    def test_one_that_is_disabled_meanwhile_ends_the_review_earlier(self, anna: Player) -> None:
        for _ in range(2):
            make_card(anna)
        asked = start(anna)
        for question in (card.question for card in ReviewCard.objects.exclude(pk=asked.card_id)):
            question.is_enabled = False
            question.save()

        over = tap(anna, asked)

        assert over.next is None
        assert over.summary is not None
        assert over.summary.answered == 1

    def test_a_withdrawn_question_is_asked_no_longer_and_another_review_begins(
        self, anna: Player
    ) -> None:
        for _ in range(2):
            make_card(anna)
        asked = start(anna)
        Question.objects.filter(reviewcard=asked.card_id).update(is_enabled=False)

        following = start(anna, NOON + MINUTE)

        assert following.card_id != asked.card_id
        assert (following.number, following.review.length) == (1, 1)
        asked.review.refresh_from_db()
        assert asked.review.finished_at == NOON + MINUTE
        assert Review.objects.filter(finished_at=None).get() == following.review

    def test_a_withdrawn_question_can_be_the_last(self, anna: Player) -> None:
        make_card(anna)
        asked = start(anna)
        Question.objects.update(is_enabled=False)

        with pytest.raises(NothingDueError):
            start(anna, NOON + MINUTE)

        # An editor may put it back into play.
        Question.objects.update(is_enabled=True)
        assert start(anna, NOON + 2 * MINUTE).pk == asked.pk

    def test_the_answer_to_a_withdrawn_question_is_stale_and_rates_nothing(
        self, anna: Player
    ) -> None:
        card = make_card(anna)
        asked = start(anna)
        Question.objects.update(is_enabled=False)

        with pytest.raises(StaleTapError):
            tap(anna, asked, right=False)

        card.refresh_from_db()
        assert card.last_review_at is None
        assert not ReviewLog.objects.exists()
        assert not ReviewQuestion.objects.get().is_answered

    def test_among_thousands_of_cards_they_are_read_from_the_index(self, anna: Player) -> None:
        """What is due of ten thousand cards costs no look at the others."""
        with as_owner() as cursor:
            cursor.execute(
                """
                INSERT INTO game_question (quiz_id, question, option_1, option_2, option_3,
                  option_4, correct_option_id, explanation, level, category, key, is_enabled,
                  version)
                SELECT 'many-' || n, 'Frage?', 'a', 'b', 'c', 'd', 1, 'Weil.', 'A1', 'WORD_ORDER',
                  'k', true, 1 FROM generate_series(1, 10000) AS n
                """
            )
            cursor.execute(
                """
                INSERT INTO game_reviewcard (player_id, question_id, origin, created_at, created_on,
                  state, stability, difficulty, last_review_at, due_at)
                SELECT %(player)s, id, 'MISTAKE', %(now)s, %(day)s + (id / 50)::int, 2,
                  1 + id %% 90, 5, %(now)s - interval '5 days',
                  %(now)s + (id %% 100 - 9) * interval '1 day'
                FROM game_question WHERE quiz_id LIKE 'many-%%'
                """,
                {"player": anna.pk, "now": NOON, "day": date(2020, 1, 1)},
            )
            cursor.execute("ANALYZE game_reviewcard, game_question")
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN " + reviews._LEAST_RETRIEVABLE,
                {"player": anna.pk, "now": NOON, "review": 0},
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "reviewcard_due" in plan
        assert "Seq Scan on game_reviewcard" not in plan
        assert reviews.due(player=anna, now=NOON) == 100
        assert start(anna).card.stability == 1.0


class TestAnswering:
    @pytest.mark.parametrize(
        ("elapsed", "rating", "state", "due_in"),
        [
            (4 * SECOND - MILLISECOND, 4, 2, timedelta(days=8)),
            (4 * SECOND, 3, 1, timedelta(minutes=10)),
            (15 * SECOND, 3, 1, timedelta(minutes=10)),
            (15 * SECOND + MILLISECOND, 2, 1, timedelta(minutes=5.5)),
        ],
    )
    def test_a_right_answer_is_rated_by_its_time(
        self, anna: Player, elapsed: timedelta, rating: int, state: int, due_in: timedelta
    ) -> None:
        card = make_card(anna)
        asked = start(anna)

        tap(anna, asked, now=NOON + elapsed)

        log = ReviewLog.objects.get()
        card.refresh_from_db()
        assert (log.is_right, log.rating, log.choice) == (True, rating, 1)
        assert log.elapsed_ms == elapsed / MILLISECOND
        assert (card.state, card.due_at - log.answered_at) == (state, due_in)
        assert card.last_review_at == log.answered_at == NOON + elapsed

    def test_a_wrong_one_comes_back_after_a_minute(self, anna: Player) -> None:
        card = make_card(anna)

        wrong = tap(anna, start(anna), right=False)

        card.refresh_from_db()
        assert ReviewLog.objects.get().rating == 1
        assert card.due_at == NOON + USUAL + MINUTE
        assert (wrong.is_right, wrong.next) == (False, None)
        assert wrong.summary is not None
        assert wrong.summary.next_due_at == NOON + USUAL + MINUTE

    def test_what_was_predicted_is_kept_with_the_card_as_it_was(self, anna: Player) -> None:
        make_card(anna, stability=3.0, last=NOON - 3 * DAY)

        tap(anna, start(anna), right=False)

        log = ReviewLog.objects.get()
        assert log.predicted == pytest.approx(0.9, abs=1e-5)
        assert (log.before_state, log.before_step, log.before_stability) == (2, None, 3.0)
        assert (log.before_difficulty, log.before_due_at) == (5.0, NOON)
        assert log.before_last_review_at == NOON - 3 * DAY

    def test_within_a_day_nothing_is_predicted(self, anna: Player) -> None:
        make_card(anna, stability=0.5, last=NOON - DAY + SECOND)

        tap(anna, start(anna), now=NOON + SECOND - MILLISECOND)

        assert ReviewLog.objects.get().predicted is None

    def test_after_a_mistake_the_next_card_waits_for_a_tap(self, anna: Player) -> None:
        for _ in range(2):
            make_card(anna)
        first = start(anna)

        wrong = tap(anna, first, right=False)
        assert (wrong.next, wrong.summary) == (None, None)

        second = start(anna, NOON + MINUTE)
        assert (second.review_id, second.number, second.shown_at) == (
            first.review_id, 2, NOON + MINUTE,
        )  # fmt: skip
        assert second.card_id != first.card_id

    def test_it_is_graded_against_the_version_that_was_shown(self, anna: Player) -> None:
        card = make_card(anna)
        asked = start(anna)
        card.question.correct_option_id = 0
        card.question.save()

        assert tap(anna, asked, right=True).is_right

    def test_a_card_is_asked_by_the_newest_version(self, anna: Player) -> None:
        card = make_card(anna)
        card.question.question = "Neue Frage?"
        card.question.save()

        assert start(anna).version.question == "Neue Frage?"

    def test_it_is_answered_once(self, anna: Player) -> None:
        make_card(anna)
        asked = start(anna)
        tap(anna, asked)

        with pytest.raises(ReviewAnsweredError):
            tap(anna, asked, right=False)
        assert ReviewLog.objects.count() == 1

    def test_nobody_answers_for_others(self, anna: Player) -> None:
        make_card(anna)
        asked = start(anna)

        for key, option in ((asked.pk, 4), (asked.pk, -1), (0, 1), (2**70, 1)):
            with pytest.raises(StaleTapError):
                reviews.answer(player=anna, review_question_id=key, option_index=option, now=NOON)
        with pytest.raises(StaleTapError):
            tap(PlayerFactory.create(), asked)
        assert not ReviewLog.objects.exists()

    def test_it_costs_no_energy_and_makes_the_day_an_active_one(self, anna: Player) -> None:
        make_card(anna)

        tap(anna, start(anna), right=False)

        assert set(LedgerEntry.objects.values_list("type", flat=True)) == {"WELCOME"}
        assert Streak.objects.get(player=anna).current == 1

    @pytest.mark.parametrize(("elapsed", "points"), [(0.699, []), (0.7, [5]), (8.0, [5])])
    def test_a_right_answer_brings_five_points_but_not_under_0_7_seconds(
        self, anna: Player, elapsed: float, points: list[int]
    ) -> None:
        make_card(anna)

        tap(anna, start(anna), now=NOON + timedelta(seconds=elapsed))

        assert list(PointEvent.objects.values_list("points", flat=True)) == points
        assert set(PointEvent.objects.values_list("kind", flat=True)) <= {"REVIEW"}


class TestContinuing:
    def test_a_review_is_continued_with_the_question_it_waits_for(self, anna: Player) -> None:
        for _ in range(3):
            make_card(anna)
        asked = start(anna)

        again = start(anna, NOON + 10 * MINUTE)

        assert (again.pk, again.shown_at) == (asked.pk, NOON + 10 * MINUTE)
        assert Review.objects.count() == 1
        # What was not spent on the question does not make it a hard one.
        tap(anna, again)
        assert ReviewLog.objects.get().rating == 3

    def test_one_of_yesterday_is_not(self, anna: Player) -> None:
        for _ in range(3):
            make_card(anna)
        before = start(anna, NOON)
        tomorrow = start(anna, NOON + DAY)

        assert tomorrow.review_id != before.review_id
        assert tomorrow.number == 1
        with pytest.raises(StaleTapError):
            tap(anna, before)
        assert Review.objects.filter(finished_at=None).count() == 1

    def test_stopped_is_stopped(self, anna: Player) -> None:
        for _ in range(3):
            make_card(anna)
        asked = start(anna)
        following = tap(anna, asked).next
        assert following is not None

        with transaction.atomic():
            summary = reviews.stop(player=anna, review_id=asked.review_id, now=NOON + MINUTE)

        assert (summary.right, summary.answered, summary.due) == (1, 1, 2)
        for stale in (
            partial(tap, anna, following),
            partial(reviews.stop, player=anna, review_id=asked.review_id, now=NOON),
        ):
            with pytest.raises(StaleTapError), transaction.atomic():
                stale()
        assert start(anna, NOON + MINUTE).review_id != asked.review_id


class TestSlips:
    def test_the_card_is_as_before_and_is_asked_again_and_the_log_keeps_both(
        self, anna: Player
    ) -> None:
        card = make_card(anna, stability=3.0, last=NOON - 3 * DAY)
        asked = start(anna)
        tap(anna, asked, right=False)

        again = undo(anna, asked, NOON + MINUTE)

        card.refresh_from_db()
        assert (card.state, card.stability, card.due_at) == (2, 3.0, NOON)
        assert (again.card_id, again.number, again.is_repeat) == (card.pk, 1, True)
        over = tap(anna, again)
        assert over.summary is not None
        assert (over.summary.right, over.summary.answered) == (1, 1)
        logs = ReviewLog.objects.order_by("pk")
        assert [(log.rating, log.predicted is None) for log in logs] == [(1, False), (3, True)]
        # Who has seen the right answer gets nothing for it.
        assert not PointEvent.objects.exists()

    def test_in_the_middle_of_a_review_it_continues(self, anna: Player) -> None:
        for _ in range(2):
            make_card(anna)
        asked = start(anna)
        tap(anna, asked, right=False)

        following = tap(anna, undo(anna, asked, NOON + MINUTE)).next

        assert following is not None
        assert following.number == 2

    @pytest.mark.parametrize(("after", "is_undone"), [(600, True), (600.001, False)])
    def test_for_ten_minutes(self, anna: Player, after: float, is_undone: bool) -> None:
        make_card(anna)
        asked = start(anna)
        tap(anna, asked, right=False)
        now = NOON + USUAL + timedelta(seconds=after)

        if is_undone:
            assert undo(anna, asked, now).is_repeat
        else:
            with pytest.raises(StaleTapError):
                undo(anna, asked, now)

    def test_once(self, anna: Player) -> None:
        make_card(anna)
        asked = start(anna)
        tap(anna, asked, right=False)
        again = undo(anna, asked, NOON + MINUTE)

        with pytest.raises(StaleTapError):
            undo(anna, asked, NOON + MINUTE)
        tap(anna, again, right=False)
        with pytest.raises(StaleTapError):
            undo(anna, again, NOON + 2 * MINUTE)

    def test_neither_a_right_answer_nor_an_earlier_one(self, anna: Player) -> None:
        for _ in range(3):
            make_card(anna)
        first = start(anna)
        second = tap(anna, first).next
        assert second is not None
        with pytest.raises(StaleTapError):
            undo(anna, first, NOON + MINUTE)
        tap(anna, second, right=False)
        start(anna, NOON + MINUTE)

        with pytest.raises(StaleTapError):
            undo(anna, second, NOON + MINUTE)

    def test_not_of_a_question_that_has_left_play(self, anna: Player) -> None:
        make_card(anna)
        asked = start(anna)
        tap(anna, asked, right=False)
        Question.objects.update(is_enabled=False)

        with pytest.raises(StaleTapError):
            undo(anna, asked, NOON + MINUTE)

        assert ReviewQuestion.objects.count() == 1

    def test_nobody_takes_back_for_others(self, anna: Player) -> None:
        make_card(anna)
        asked = start(anna)
        tap(anna, asked, right=False)

        with pytest.raises(StaleTapError):
            undo(PlayerFactory.create(), asked, NOON + MINUTE)

    def test_a_mistake_in_play_meanwhile_does_not_get_lost(self, anna: Player) -> None:
        card = make_card(anna)
        asked = start(anna)
        tap(anna, asked, right=False)
        add(anna, card.question_id, NOON + MINUTE)

        undo(anna, asked, NOON + 2 * MINUTE)

        card.refresh_from_db()
        assert card.due_at == NOON


class TestAccuracy:
    def answer(self, player: Player, *, right: bool, at: datetime) -> ReviewQuestion:
        """Let the player answer a card of which 0.9 was predicted."""
        make_card(player, stability=3.0, last=at - 3 * DAY, due=at)
        asked = start(player, at)
        tap(player, asked, right=right)
        return asked

    def test_the_log_loss_of_a_day_and_of_thirty_days(self, anna: Player) -> None:
        self.answer(anna, right=False, at=NOON - 30 * DAY)
        ReviewCard.objects.update(due_at=NOON + 99 * DAY)
        self.answer(anna, right=True, at=NOON - 29 * DAY)
        for right in (True, False):
            ReviewCard.objects.update(due_at=NOON + 99 * DAY)
            self.answer(anna, right=right, at=NOON)

        review_accuracy.count_day(day=date(2026, 12, 16), now=NOON + DAY)

        stored = ReviewAccuracy.objects.get()
        assert stored.predictions == 2
        assert stored.log_loss == pytest.approx((0.105361 + 2.302585) / 2, abs=1e-5)
        assert stored.month_predictions == 3
        assert stored.month_log_loss == pytest.approx((2 * 0.105361 + 2.302585) / 3, abs=1e-5)

    def test_a_slip_is_no_evidence(self, anna: Player) -> None:
        asked = self.answer(anna, right=False, at=NOON)
        tap(anna, undo(anna, asked, NOON + MINUTE))

        review_accuracy.count_day(day=date(2026, 12, 16), now=NOON + DAY)

        stored = ReviewAccuracy.objects.get()
        assert (stored.predictions, stored.log_loss, stored.month_log_loss) == (0, None, None)

    def test_the_job_counts_days_that_are_over_once_and_what_was_missed(self, anna: Player) -> None:
        assert review_accuracy.count(now=NOON) == 0
        self.answer(anna, right=True, at=NOON)
        # Midnight in Berlin is an hour before that of UTC; an hour later nothing can be added.
        midnight = datetime(2026, 12, 16, 23, tzinfo=UTC)

        assert review_accuracy.count(now=midnight + timedelta(minutes=59)) == 0
        assert review_accuracy.count(now=midnight + timedelta(minutes=60)) == 1
        assert review_accuracy.count(now=midnight + timedelta(minutes=60)) == 0
        assert review_accuracy.count(now=midnight + timedelta(days=2, hours=1)) == 2
        rows = ReviewAccuracy.objects.order_by("day").values_list("day", "predictions")
        assert list(rows) == [
            (date(2026, 12, 16), 1), (date(2026, 12, 17), 0), (date(2026, 12, 18), 0),
        ]  # fmt: skip
        latest = review_accuracy.latest()
        assert latest is not None
        assert latest.month_predictions == 1


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    def test_a_second_card_of_a_question(self, anna: Player) -> None:
        card = make_card(anna)

        with pytest.raises(IntegrityError, match="reviewcard_one_per_question"):
            make_card(anna, question=card.question)

    def test_a_fifty_first_card_of_a_day_is_left_out(self, anna: Player) -> None:
        for number in range(51):
            question = make_question(number)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO game_reviewcard (player_id, question_id, origin, created_at,"
                    " created_on, state, step, due_at)"
                    " VALUES (%s, %s, 'SAVED', %s, '2026-12-16', 1, 0, %s)",
                    [anna.pk, question.pk, NOON, NOON],
                )

        assert ReviewCard.objects.count() == 50

    def test_the_count_of_a_day_is_nobodys_to_change(self, anna: Player) -> None:
        make_card(anna)

        with pytest.raises(DatabaseError, match="counted only with"), transaction.atomic():
            ReviewDay.objects.update(cards=0)

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"origin": "GIFT"}, "reviewcard_origin_is_known"),
            (
                {"step": None, "stability": 1.0, "difficulty": 5.0, "last_review_at": NOON},
                "reviewcard_step_of_a_day",
            ),
            (
                {"state": 4, "stability": 1.0, "difficulty": 5.0, "last_review_at": NOON},
                "reviewcard_step_of_a_day",
            ),
            (
                {"state": 2, "stability": 1.0, "difficulty": 5.0, "last_review_at": NOON},
                "reviewcard_step_of_a_day",
            ),
            ({"stability": 1.0}, "reviewcard_memory_is_whole"),
            ({"step": 1}, "reviewcard_memory_is_whole"),
            (
                {"stability": 0.0, "difficulty": 5.0, "last_review_at": NOON},
                "reviewcard_memory_is_whole",
            ),
            (
                {"stability": 1.0, "difficulty": 10.1, "last_review_at": NOON},
                "reviewcard_memory_is_whole",
            ),
        ],
    )
    def test_a_card_that_cannot_be(
        self, anna: Player, fields: dict[str, Any], constraint: str
    ) -> None:
        make_card(anna)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            ReviewCard.objects.update(**fields)

    @pytest.mark.parametrize("field", ["player", "question", "created_at", "created_on"])
    def test_whose_a_card_is_stays(self, anna: Player, field: str) -> None:
        make_card(anna)
        other = {
            "player": PlayerFactory.create(),
            "question": make_question(99),
            "created_at": NOON,
            "created_on": date(2020, 1, 1),
        }[field]

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            ReviewCard.objects.update(**{field: other})

    @pytest.mark.parametrize(
        "fields", [{"origin": "MISTAKE"}, {"origin": "SAVED", "stability": 2.0}]
    )
    def test_a_mistake_or_an_answered_card_is_not_deleted(
        self, anna: Player, fields: dict[str, Any]
    ) -> None:
        make_card(anna, **fields)

        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            ReviewCard.objects.all().delete()

    def test_two_open_reviews(self, anna: Player) -> None:
        Review.objects.create(player=anna, started_at=NOON, length=1)

        with pytest.raises(IntegrityError, match="review_one_open_per_player"):
            Review.objects.create(player=anna, started_at=NOON, length=1)

    @pytest.mark.parametrize("length", [0, 21])
    def test_a_review_of_another_length(self, anna: Player, length: int) -> None:
        with pytest.raises(IntegrityError, match="review_length_exists"):
            Review.objects.create(player=anna, started_at=NOON, length=length)

    def test_a_question_that_was_shown_stays_as_it_was(self, anna: Player, owner: None) -> None:
        make_card(anna)
        start(anna)

        changes: tuple[dict[str, Any], ...] = (
            {"order": [3, 3, 3, 3]},
            {"number": 2},
            {"is_repeat": True},
        )
        for fields in changes:
            with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
                ReviewQuestion.objects.update(**fields)
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            ReviewQuestion.objects.all().delete()

    def test_an_answer_is_not_taken_away(self, anna: Player) -> None:
        make_card(anna)
        tap(anna, start(anna), right=False)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            ReviewQuestion.objects.update(is_answered=False)
        ReviewQuestion.objects.update(undone_at=NOON)
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            ReviewQuestion.objects.update(undone_at=None)

    def test_what_was_not_answered_is_no_slip(self, anna: Player) -> None:
        make_card(anna)
        start(anna)

        with pytest.raises(IntegrityError, match="undone_was_answered"), transaction.atomic():
            ReviewQuestion.objects.update(undone_at=NOON)

    def test_the_log_is_append_only(self, anna: Player, owner: None) -> None:
        make_card(anna)
        tap(anna, start(anna))

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            ReviewLog.objects.update(rating=4)
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            ReviewLog.objects.all().delete()
        with (
            pytest.raises(DatabaseError, match="Cannot truncate reviews"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE game_reviewlog CASCADE")

    def test_of_the_log_nothing_but_what_was_typed_is_erased(self, anna: Player) -> None:
        make_card(anna, question=make_typed())
        start(anna)
        with transaction.atomic():
            reviews.answer_text(player=anna, text="Getippt", written_at=NOON, now=NOON)

        for change in ({"text": "Anders"}, {"text": "…", "rating": 4}):
            with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
                ReviewLog.objects.update(**change)
        assert ReviewLog.objects.update(text="…") == 1

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"is_right": True, "rating": 1}, "reviewlog_wrong_is_again"),
            ({"is_right": False, "rating": 3}, "reviewlog_wrong_is_again"),
            ({"is_right": True, "rating": 5}, "reviewlog_wrong_is_again"),
            ({"predicted": 0.0}, "reviewlog_prediction_is_a_probability"),
            ({"predicted": 1.0}, "reviewlog_prediction_is_a_probability"),
            ({"choice": 4}, "reviewlog_choice_exists"),
        ],
    )
    def test_an_answer_that_cannot_be(
        self, anna: Player, fields: dict[str, Any], constraint: str
    ) -> None:
        make_card(anna)
        asked = start(anna)
        usual: dict[str, Any] = {
            "choice": 1, "is_right": True, "rating": 3, "predicted": 0.9, "elapsed_ms": 1,
        }  # fmt: skip

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            ReviewLog.objects.create(
                question=asked,
                card=asked.card,
                answered_at=NOON,
                before_state=1,
                before_due_at=NOON,
                **{**usual, **fields},
            )


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def answer_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let two devices answer one card at once; return their outcomes."""
        player = PlayerFactory.create()
        make_card(player)
        asked = start(player)
        meet_after(monkeypatch, reviews, "_lock_question")

        results = run_together(*[partial(tap, player, asked)] * 2)

        return sorted(type(result).__name__ for result in results)

    def test_two_devices_answer_a_card_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.answer_twice(monkeypatch) == ["Answer", "ReviewAnsweredError"]

        assert ReviewLog.objects.count() == 1
        assert ReviewCard.objects.get().step == 1
        assert PointEvent.objects.get().points == 5

    def test_without_the_lock_one_of_them_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert self.answer_twice(monkeypatch) == ["Answer", "IntegrityError"]

    def test_two_starts_at_once_are_one_review(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        for _ in range(2):
            make_card(player)
        meet_after(monkeypatch, reviews, "due")

        results = run_together(*[partial(start, player)] * 2)

        assert {result.pk for result in results} == {ReviewQuestion.objects.get().pk}
        assert Review.objects.count() == 1

    def test_two_slips_at_once_are_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        make_card(player)
        asked = start(player)
        tap(player, asked, right=False)
        meet_after(monkeypatch, reviews, "_lock_question")

        results = run_together(*[partial(undo, player, asked, NOON + MINUTE)] * 2)

        assert sorted(type(one).__name__ for one in results) == ["ReviewQuestion", "StaleTapError"]
        assert ReviewQuestion.objects.count() == 2

    def test_the_fiftieth_card_comes_once(self) -> None:
        """The row of the day is the lock: whoever waits for it counts what the other has added."""
        player = PlayerFactory.create()
        ids = [make_question(number).pk for number in range(51)]
        for question_id in ids[:49]:
            add(player, question_id)

        run_together(*[partial(add, player, question_id) for question_id in ids[49:]])

        assert ReviewCard.objects.count() == 50
        assert ReviewDay.objects.get().cards == 50

    def test_one_mistake_from_two_games_is_one_card_and_counted_once(self) -> None:
        player = PlayerFactory.create()
        question_id = make_question().pk

        run_together(*[partial(add, player, question_id)] * 4)

        assert ReviewCard.objects.count() == 1
        assert ReviewDay.objects.get().cards == 1
