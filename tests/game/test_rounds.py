"""Starting, answering, stopping: the services, and the database behind them."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet

from quizarena.game import rounds
from quizarena.game.errors import AlreadyAnsweredError, NoQuestionsError, StaleTapError
from quizarena.game.models import Mode, Question, QuestionVersion, Round, RoundQuestion
from quizarena.game.rounds import Answer
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.game.test_selection import make_player, make_questions

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=5)
MIX, SPRINT = Mode.QUICK_MIX_A1A2, Mode.ARTIKEL_SPRINT


def start(player: Player, key: str = "k1", *, mode: Mode = MIX) -> RoundQuestion:
    """Start a round at noon and return its first question."""
    return rounds.start(player=player, mode=mode, key=key, now=NOON).round_question


def tap(player: Player, round_question: RoundQuestion, option: int = 1) -> Answer:
    """Tap the bank's option number `option`, wherever it is shown. The second one is right."""
    return rounds.answer(
        player=player,
        round_question_id=round_question.pk,
        option_index=round_question.order.index(option),
        now=LATER,
    )


@pytest.mark.out_of_order
@pytest.mark.django_db
class TestStart:
    def test_the_first_question_is_shown_with_its_options_shuffled(self) -> None:
        make_questions(30)

        started = rounds.start(player=make_player(), mode=MIX, key="k1", now=NOON)

        round_question = started.round_question
        assert started.charge is not None
        assert sorted(round_question.order) == [0, 1, 2, 3]
        assert (round_question.round.state, round_question.number) == ("OPEN", 1)
        assert (round_question.shown_at, round_question.answered_at) == (NOON, None)

    def test_options_are_not_always_in_one_order(self) -> None:
        make_questions(30)
        player = make_player()

        orders = {tuple(start(player, f"k{number}").order) for number in range(15)}

        assert len(orders) > 5

    def test_one_key_starts_one_round_and_returns_to_the_question_it_waits_for(self) -> None:
        make_questions(30)
        player = make_player()
        first = start(player)
        second = tap(player, first).next

        again = rounds.start(player=player, mode=MIX, key="k1", now=LATER)

        assert second is not None
        assert (again.round_question.pk, again.charge) == (second.pk, None)
        assert Round.objects.count() == 1

    def test_the_key_of_a_round_that_is_over_is_stale(self) -> None:
        make_questions(30)
        player = make_player()
        round_question = start(player)
        rounds.stop(player=player, round_id=round_question.round_id, now=LATER)

        with pytest.raises(StaleTapError):
            start(player)

        assert Round.objects.count() == 1

    def test_a_key_belongs_to_its_player(self) -> None:
        make_questions(30)

        assert start(make_player(1)).round_id != start(make_player(2)).round_id

    def test_another_round_stops_the_open_one(self) -> None:
        make_questions(30)
        make_questions(30, mode=SPRINT)
        player = make_player()
        first = start(player, "k1")

        start(player, "k2", mode=SPRINT)

        first.round.refresh_from_db()
        assert (first.round.state, first.round.finished_at) == ("STOPPED", NOON)
        with pytest.raises(StaleTapError):
            tap(player, first)

    def test_a_mode_without_questions_stops_nothing(self) -> None:
        make_questions(30)
        player = make_player()
        first = start(player)

        with pytest.raises(NoQuestionsError):
            start(player, "k2", mode=SPRINT)

        assert Round.objects.get().state == "OPEN"
        assert tap(player, first).graded.is_correct


@pytest.mark.django_db
class TestAnswer:
    @pytest.mark.parametrize(("option", "right"), [(0, False), (1, True), (2, False), (3, False)])
    def test_the_option_that_was_shown_at_the_place_is_graded(
        self, option: int, right: bool
    ) -> None:
        make_questions(30)
        player = make_player()

        answer = tap(player, start(player), option)

        assert (answer.graded.choice, answer.graded.is_correct) == (option, right)
        assert answer.graded.answered_at == LATER
        played = Round.objects.get()
        assert rounds.outcomes(played) == [right]
        assert answer.next is not None
        assert answer.next.question_id != answer.graded.question_id

    def test_the_version_that_was_shown_is_graded_even_if_the_question_has_changed(self) -> None:
        make_questions(1)
        player = make_player()
        round_question = start(player)
        Question.objects.update(correct_option_id=3, option_2="jetzt falsch")

        answer = tap(player, round_question, 1)

        assert answer.graded.is_correct
        assert answer.graded.version.correct_answer == "richtig"
        assert answer.next is not None
        assert answer.next.version.correct_answer == "daneben"

    def test_a_second_answer_changes_nothing(self) -> None:
        make_questions(30)
        player = make_player()
        round_question = start(player)
        tap(player, round_question, 0)

        with pytest.raises(AlreadyAnsweredError) as refusal:
            tap(player, round_question, 1)

        assert refusal.value.round_question.choice == 0
        played = Round.objects.get()
        assert rounds.outcomes(played) == [False]
        assert RoundQuestion.objects.count() == 2

    @pytest.mark.parametrize("option_index", [-1, 4, 10**30])
    def test_there_are_four_options(self, option_index: int) -> None:
        make_questions(30)
        player = make_player()
        round_question = start(player)

        with pytest.raises(StaleTapError):
            rounds.answer(
                player=player,
                round_question_id=round_question.pk,
                option_index=option_index,
                now=LATER,
            )

        assert RoundQuestion.objects.get().answered_at is None

    @pytest.mark.parametrize("round_question_id", [0, -1, 10**30])
    def test_a_question_that_never_was_is_stale(self, round_question_id: int) -> None:
        with pytest.raises(StaleTapError):
            rounds.answer(
                player=make_player(), round_question_id=round_question_id, option_index=0, now=LATER
            )

    def test_another_players_question_is_stale(self) -> None:
        make_questions(30)
        round_question = start(make_player(1))

        with pytest.raises(StaleTapError):
            tap(make_player(2), round_question)

        assert RoundQuestion.objects.get().answered_at is None

    def test_the_tenth_answer_ends_the_round(self) -> None:
        make_questions(30)
        player = make_player()
        round_question = start(player)
        answers = []

        for number in range(10):
            answer = tap(player, round_question, 1 if number % 2 else 0)
            answers.append(answer)
            round_question = answer.next or round_question

        assert [answer.next is None for answer in answers] == [False] * 9 + [True]
        played = Round.objects.get()
        assert played.state == "FINISHED"
        assert played.finished_at == LATER
        assert rounds.outcomes(played) == [False, True] * 5

    def test_a_round_whose_questions_run_out_ends_with_the_answer(self) -> None:
        make_questions(3)
        player = make_player()
        round_question = start(player)
        Question.objects.update(is_enabled=False)

        answer = tap(player, round_question)

        assert answer.graded.is_correct
        assert answer.next is None
        played = Round.objects.get()
        assert (played.state, rounds.outcomes(played)) == ("FINISHED", [True])


@pytest.mark.django_db
class TestStop:
    def test_what_was_answered_counts(self) -> None:
        make_questions(30)
        player = make_player()
        answer = tap(player, start(player))

        stopped = rounds.stop(player=player, round_id=answer.graded.round_id, now=LATER)

        played = stopped.played
        assert (played.state, played.finished_at) == ("STOPPED", LATER)
        assert rounds.outcomes(played) == [True]

    def test_a_round_ends_once_and_by_its_own_player(self) -> None:
        make_questions(30)
        player, other = make_player(1), make_player(2)
        round_id = start(player).round_id

        with pytest.raises(StaleTapError):
            rounds.stop(player=other, round_id=round_id, now=LATER)
        rounds.stop(player=player, round_id=round_id, now=LATER)
        with pytest.raises(StaleTapError):
            rounds.stop(player=player, round_id=round_id, now=LATER)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_two_answers_to_one_question_the_first_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.answer_twice(monkeypatch) == ["AlreadyAnsweredError", "Answer"]

        played = Round.objects.get()
        assert rounds.outcomes(played) == [False]

    def test_without_the_lock_both_continue_and_the_database_stops_the_second(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.answer_twice(monkeypatch)

        assert "Answer" in results
        assert "AlreadyAnsweredError" not in results
        assert RoundQuestion.objects.exclude(answered_at=None).count() == 1

    def answer_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let two wrong answers to one question be given at once; return their outcomes."""
        make_questions(30)
        player = make_player()
        with transaction.atomic():
            round_question = start(player)
        meet_after(monkeypatch, rounds, "_lock_round_question")

        results = run_together(
            transaction.atomic(partial(tap, player, round_question, 0)),
            transaction.atomic(partial(tap, player, round_question, 2)),
        )

        return sorted(type(result).__name__ for result in results)

    def test_two_starts_at_once_leave_one_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The inbox keeps a player's taps apart; if it did not, the database would."""
        make_questions(30)
        player = make_player()
        meet_after(monkeypatch, rounds, "_lock_rounds")

        starting = transaction.atomic(partial(start, player))
        results = run_together(starting, starting)

        assert sorted(type(result).__name__ for result in results) == [
            "IntegrityError",
            "RoundQuestion",
        ]
        assert Round.objects.count() == RoundQuestion.objects.count() == 1


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.fixture
    def round_question(self) -> RoundQuestion:
        make_questions(30)
        return start(make_player())

    def refused(self, rows: "QuerySet[Any]", match: str, **fields: Any) -> None:
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            rows.update(**fields)

    def test_an_answer_is_final(self, round_question: RoundQuestion) -> None:
        tap(round_question.player, round_question)

        self.refused(
            RoundQuestion.objects.filter(pk=round_question.pk),
            "Cannot update",
            choice=0,
            is_correct=False,
        )

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"answered_at": NOON}, "roundquestion_answered_wholly"),
            ({"choice": 1}, "roundquestion_answered_wholly"),
            ({"is_correct": True}, "roundquestion_answered_wholly"),
            (
                {"answered_at": NOON, "choice": 4, "is_correct": False},
                "roundquestion_choice_exists",
            ),
        ],
    )
    def test_an_answer_is_whole(
        self, round_question: RoundQuestion, fields: dict[str, Any], name: str
    ) -> None:
        self.refused(RoundQuestion.objects.all(), name, **fields)

    def test_a_round_waits_for_one_answer(self, round_question: RoundQuestion) -> None:
        round_question.pk = None
        round_question.number = 2

        with (
            pytest.raises(IntegrityError, match="roundquestion_one_open_per_round"),
            transaction.atomic(),
        ):
            round_question.save(force_insert=True)

    def test_a_place_in_a_round_is_taken_once(self, round_question: RoundQuestion) -> None:
        round_question.pk = None
        round_question.answered_at, round_question.choice, round_question.is_correct = (
            NOON,
            0,
            False,
        )

        with (
            pytest.raises(IntegrityError, match="roundquestion_number_once"),
            transaction.atomic(),
        ):
            round_question.save(force_insert=True)

    def test_a_player_has_one_open_round(self, round_question: RoundQuestion) -> None:
        with pytest.raises(IntegrityError, match="round_one_open_per_player"), transaction.atomic():
            Round.objects.create(
                player=round_question.player, mode=MIX, start_key="other", started_at=NOON
            )

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"state": "FINISHED"}, "round_finished_has_finished_at"),
            ({"finished_at": NOON}, "round_finished_has_finished_at"),
        ],
    )
    def test_a_round_makes_sense(
        self, round_question: RoundQuestion, fields: dict[str, Any], match: str
    ) -> None:
        self.refused(Round.objects.all(), match, **fields)

    @pytest.mark.parametrize("state", ["OPEN", "FINISHED"])
    def test_a_stopped_round_stays_stopped(self, round_question: RoundQuestion, state: str) -> None:
        rounds.stop(player=round_question.player, round_id=round_question.round_id, now=NOON)

        self.refused(
            Round.objects.all(),
            "Invalid transition",
            state=state,
            finished_at=None if state == "OPEN" else NOON,
        )

    @pytest.mark.usefixtures("owner")
    def test_versions_are_kept_whoever_edits(self, round_question: RoundQuestion) -> None:
        Question.objects.filter(pk=round_question.question_id).update(explanation="Neu.")
        Question.objects.filter(pk=round_question.question_id).update(level="A2")

        versions = QuestionVersion.objects.filter(question_row=round_question.question_id)
        assert [*versions.order_by("number").values_list("number", "explanation")] == [
            (1, "Darum."),
            (2, "Neu."),
        ]
        self.refused(versions, "Cannot update", explanation="Gefälscht.")
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            versions.delete()
