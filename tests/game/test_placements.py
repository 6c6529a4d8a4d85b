"""The placement: what is asked, what is found, and what the database refuses."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from economy.models import LedgerEntry, Streak
from quizarena.game import levels, placements
from quizarena.game.errors import (
    NoPlacementError,
    PlacementAnsweredError,
    PlacementTakenError,
    StaleTapError,
)
from quizarena.game.models import (
    Level,
    Placement,
    PlacementQuestion,
    PlayerLevel,
    Question,
    QuestionVersion,
    ReviewCard,
)
from quizarena.game.placements import PlacementAnswer
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import PlayerFactory
from tests.game.challenges import make_bank

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = list(Level)


def start(player: Player, *, now: datetime = NOON) -> PlacementQuestion:
    """Start a placement, or return to it."""
    return placements.start(player=player, now=now)


def tap(
    player: Player, question: PlacementQuestion, *, right: bool = True, now: datetime = NOON
) -> PlacementAnswer:
    """Answer a question; the bank's second option is right, its first is wrong."""
    return placements.answer(
        player=player,
        placement_id=question.placement_id,
        number=question.number,
        option_index=question.order.index(1 if right else 0),
        now=now,
    )


def play(player: Player, outcomes: Sequence[bool], *, now: datetime = NOON) -> PlacementAnswer:
    """Answer so many questions, and return the last answer."""
    question: PlacementQuestion | None = start(player, now=now)
    answer = None
    for right in outcomes:
        assert question is not None
        answer = tap(player, question, right=right, now=now)
        question = answer.next
    assert answer is not None
    return answer


@pytest.fixture
def anna(db: None) -> Player:
    """Return a player; the bank has enough questions of every level."""
    make_bank("ARTIKEL_SPRINT", A1=8, A2=8, B1=8, B2=8)
    player: Player = PlayerFactory.create()
    return player


@pytest.mark.parametrize(
    ("outcomes", "level"),
    [
        ("", "A1"),
        ("+", "A1"),
        ("++", "A2"),
        ("+-", "A1"),
        ("-+", "A1"),
        ("--", "A1"),
        ("++++", "B1"),
        ("++++++", "B2"),
        ("++++++++", "B2"),
        ("++++++--", "B1"),
        ("++++++-+", "B2"),
        ("++--++--", "A1"),
        ("++-+++++", "B2"),
        ("--------", "A1"),
    ],
)
def test_two_right_answers_lead_up_and_two_wrong_ones_down(outcomes: str, level: str) -> None:
    right = [outcome == "+" for outcome in outcomes]

    assert placements.found(right, known=ALL) == level


def test_it_finds_nothing_that_the_bank_does_not_have() -> None:
    assert placements.found([True] * 8, known=[Level.A1, Level.B1]) == "B1"
    assert placements.found([True] * 8, known=[Level.A2]) == "A2"
    assert placements.found([False] * 8, known=[Level.A2, Level.B1]) == "A2"


@pytest.mark.django_db
class TestPlaying:
    def test_eight_questions_from_easy_to_hard(self, anna: Player) -> None:
        answer = play(anna, [True] * 8)

        assert (answer.next, answer.level) == (None, "B2")
        asked = PlacementQuestion.objects.order_by("number")
        assert [question.level for question in asked] == [
            "A1", "A1", "A2", "A2", "B1", "B1", "B2", "B2",
        ]  # fmt: skip
        assert len({question.version_id for question in asked}) == 8
        placement = Placement.objects.get()
        assert (placement.day, placement.level) == (date(2026, 12, 16), "B2")
        assert placement.finished_at == NOON

    def test_it_sets_the_level_of_every_mode(self, anna: Player) -> None:
        play(anna, [True, True, True, False, True, False, True, False])

        assert set(levels.of(anna).values()) == {"A2"}
        assert set(PlayerLevel.objects.values_list("reason", "since")) == {("PLACED", NOON)}

    def test_seven_answers_set_nothing(self, anna: Player) -> None:
        answer = play(anna, [True] * 7)

        assert answer.level is None
        assert not PlayerLevel.objects.exists()

    def test_a_mistake_becomes_a_review_card_that_is_due(self, anna: Player) -> None:
        play(anna, [True, False, True])

        card = ReviewCard.objects.get()
        missed = PlacementQuestion.objects.get(number=2)
        assert card.question_id == missed.version.question_row_id
        assert (card.player_id, card.origin, card.due_at) == (anna.pk, "MISTAKE", NOON)

    def test_it_costs_no_energy_and_makes_the_day_an_active_one(self, anna: Player) -> None:
        play(anna, [False])

        assert not LedgerEntry.objects.filter(type="QUESTION").exists()
        assert Streak.objects.get(player=anna).current == 1

    def test_it_is_resumed_also_on_another_day(self, anna: Player) -> None:
        waiting = play(anna, [True, True]).next

        assert start(anna) == waiting
        assert start(anna, now=NOON + 5 * DAY) == waiting
        assert Placement.objects.count() == 1

    def test_one_a_day(self, anna: Player) -> None:
        play(anna, [True] * 8)

        with pytest.raises(PlacementTakenError):
            start(anna)
        with pytest.raises(PlacementTakenError):
            start(anna, now=datetime(2026, 12, 16, 22, 59, 59, tzinfo=UTC))

        again = start(anna, now=datetime(2026, 12, 16, 23, tzinfo=UTC))
        assert (again.number, again.placement.day) == (1, date(2026, 12, 17))

    def test_a_disabled_question_is_not_asked(self, anna: Player) -> None:
        Question.objects.exclude(level="A1").update(is_enabled=False)

        answer = play(anna, [True] * 8)

        assert set(PlacementQuestion.objects.values_list("level", flat=True)) == {"A1"}
        assert answer.level == "A1"

    def test_questions_of_the_daily_challenge_are_not_asked(self, db: None) -> None:
        make_bank("DAILY_CHALLENGE", A1=10)

        with pytest.raises(NoPlacementError):
            start(PlayerFactory.create())
        assert not Placement.objects.exists()

    def test_a_bank_that_runs_out_leaves_the_last_answer_ungiven(self, anna: Player) -> None:
        Question.objects.exclude(quiz_id="ARTIKEL_SPRINT-A1-0").update(is_enabled=False)
        question = start(anna)

        with pytest.raises(NoPlacementError):
            tap(anna, question)

        question.refresh_from_db()
        assert question.answered_at is None

    def test_the_version_that_was_shown_is_graded(self, anna: Player) -> None:
        question = start(anna)
        Question.objects.update(correct_option_id=0)

        assert tap(anna, question).graded.is_correct

    def test_an_answer_counts_once(self, anna: Player) -> None:
        question = start(anna)
        tap(anna, question, right=False)

        with pytest.raises(PlacementAnsweredError):
            tap(anna, question)

        question.refresh_from_db()
        assert question.is_correct is False

    @pytest.mark.parametrize(
        "changed",
        [
            {"placement_id": 10**30},
            {"placement_id": 0},
            {"number": 2},
            {"number": 0},
            {"option_index": 4},
            {"option_index": -1},
        ],
    )
    def test_a_stale_tap(self, anna: Player, changed: dict[str, Any]) -> None:
        question = start(anna)
        tapped = {"placement_id": question.placement_id, "number": 1, "option_index": 0}

        with pytest.raises(StaleTapError):
            placements.answer(player=anna, now=NOON, **{**tapped, **changed})

    def test_another_players_placement(self, anna: Player) -> None:
        question = start(anna)

        with pytest.raises(StaleTapError):
            tap(PlayerFactory.create(), question)


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def test_a_finish_without_all_answers(self, anna: Player) -> None:
        play(anna, [True] * 7)

        with pytest.raises(DatabaseError, match="has 8 answers"), transaction.atomic():
            Placement.objects.update(finished_at=NOON, level="A1")

    @pytest.mark.parametrize(
        "fields",
        [{"finished_at": NOON}, {"level": "A1"}, {"finished_at": NOON - DAY, "level": "A1"}],
    )
    def test_half_a_finish(self, anna: Player, fields: dict[str, Any]) -> None:
        # As the eighth answer leaves it, before the placement is finished.
        placement = Placement.objects.create(player=anna, day=NOON.date(), started_at=NOON)
        version = QuestionVersion.objects.earliest("pk")
        for number in range(1, 9):
            PlacementQuestion.objects.create(
                placement=placement, number=number, version=version, level="A1",
                order=[0, 1, 2, 3], shown_at=NOON, answered_at=NOON, choice=0, is_correct=False,
            )  # fmt: skip

        with (
            pytest.raises(DatabaseError, match="placement_finished_has_level"),
            transaction.atomic(),
        ):
            Placement.objects.update(**fields)

    def test_a_change_after_the_finish(self, anna: Player) -> None:
        play(anna, [True] * 8)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            Placement.objects.update(level="A1")
        with pytest.raises(DatabaseError, match="placement_one_per_day"), transaction.atomic():
            Placement.objects.create(player=anna, day=date(2026, 12, 16), started_at=NOON)

    def test_a_second_open_placement(self, anna: Player) -> None:
        start(anna)

        with (
            pytest.raises(DatabaseError, match="placement_one_open_per_player"),
            transaction.atomic(),
        ):
            Placement.objects.create(player=anna, day=date(2026, 12, 17), started_at=NOON)

    def test_an_answer_changed(self, anna: Player) -> None:
        question = play(anna, [False]).graded

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            PlacementQuestion.objects.filter(pk=question.pk).update(is_correct=True)

    def test_another_question_than_was_shown(self, anna: Player) -> None:
        question = start(anna)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            PlacementQuestion.objects.filter(pk=question.pk).update(level="B2")

    @pytest.mark.parametrize("number", [2, 3])
    def test_a_question_before_its_turn(self, anna: Player, number: int) -> None:
        first = start(anna)

        with pytest.raises(DatabaseError, match="one after the other"), transaction.atomic():
            PlacementQuestion.objects.create(
                placement_id=first.placement_id, number=number, version=first.version,
                level="A1", order=[0, 1, 2, 3], shown_at=NOON,
            )  # fmt: skip

    def test_a_question_after_the_finish(self, anna: Player) -> None:
        last = play(anna, [True] * 8).graded

        with pytest.raises(DatabaseError, match="is finished"), transaction.atomic():
            PlacementQuestion.objects.create(
                placement_id=last.placement_id, number=9, version=last.version,
                level="A1", order=[0, 1, 2, 3], shown_at=NOON,
            )  # fmt: skip

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"answered_at": NOON}, "placementquestion_answered_wholly"),
            ({"choice": 1}, "placementquestion_answered_wholly"),
            (
                {"answered_at": NOON, "choice": 4, "is_correct": False},
                "placementquestion_choice_exists",
            ),
        ],
    )
    def test_half_an_answer(self, anna: Player, fields: dict[str, Any], name: str) -> None:
        question = start(anna)

        with pytest.raises(DatabaseError, match=name), transaction.atomic():
            PlacementQuestion.objects.filter(pk=question.pk).update(**fields)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_starts_at_once_are_one(
        self, anna: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meet_after(monkeypatch, placements, "_lock_open")

        results = run_together(partial(start, anna), partial(start, anna))

        assert results[0] == results[1]
        assert PlacementQuestion.objects.count() == 1

    def test_of_two_taps_on_one_question_the_first_counts(
        self, anna: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        question = start(anna)
        meet_after(monkeypatch, placements, "_ask")

        results = run_together(
            partial(tap, anna, question), partial(tap, anna, question, right=False)
        )

        assert sorted(type(result).__name__ for result in results) == [
            "PlacementAnswer",
            "PlacementAnsweredError",
        ]
        assert PlacementQuestion.objects.count() == 2

    def test_without_the_lock_the_database_stops_the_second(
        self, anna: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        question = start(anna)
        take_row_locks_away(monkeypatch)
        meet_after(monkeypatch, placements, "_ask")

        results = run_together(
            partial(tap, anna, question), partial(tap, anna, question, right=False)
        )

        assert [type(one).__name__ for one in results].count("PlacementAnsweredError") == 0
        assert sum(isinstance(one, DatabaseError) for one in results) == 1
