"""A player's level: where it begins, what moves it, and what the database refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from quizarena.game import levels, rounds
from quizarena.game.levels import LevelChange
from quizarena.game.models import (
    Level,
    LevelReason,
    Mode,
    PlayerLevel,
    Question,
    QuestionVersion,
    Round,
    RoundQuestion,
)
from quizarena.players.models import Player
from tests.concurrency import run_together
from tests.factories import PlayerFactory
from tests.game.challenges import make_bank

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SPRINT = Mode.ARTIKEL_SPRINT


def give(
    player: Player, outcomes: list[bool], *, mode: str = "ARTIKEL_SPRINT", at: datetime = NOON
) -> None:
    """Store that the player has answered so many questions of a mode."""
    version = QuestionVersion.objects.filter(question_row__category=mode).first()
    played = Round.objects.create(
        player=player,
        mode=mode,
        start_key=f"{at}",
        state="STOPPED",
        started_at=at,
        finished_at=at,
    )
    assert version is not None
    RoundQuestion.objects.bulk_create(
        RoundQuestion(
            round=played,
            number=number,
            player=player,
            mode=mode,
            question_id=version.question_row_id,
            version=version,
            order=[0, 1, 2, 3],
            shown_at=at,
            answered_at=at,
            choice=1 if right else 0,
            is_correct=right,
        )
        for number, right in enumerate(outcomes, 1)
    )


def share(right: int, answered: int = 20) -> list[bool]:
    """Return so many outcomes, the right ones first."""
    return [True] * right + [False] * (answered - right)


def record(player: Player, *, mode: Mode = SPRINT, now: datetime = NOON) -> LevelChange | None:
    """Look at the answers as an answer does."""
    return levels.record_answer(player=player, mode=mode, now=now)


def put(player: Player, level: str, *, since: datetime = NOON - timedelta(days=1)) -> None:
    """Let the player be at a level of the sprint."""
    levels.choose(player=player, level=Level(level), modes=[SPRINT], now=since)


@pytest.fixture
def anna(db: None) -> Player:
    """Return a player; the sprint has questions of all levels."""
    make_bank("ARTIKEL_SPRINT", A1=3, A2=3, B1=3, B2=3)
    player: Player = PlayerFactory.create()
    return player


@pytest.mark.parametrize(
    ("level", "answered", "right", "after"),
    [
        ("A1", 19, 19, "A1"),
        ("A1", 20, 15, "A1"),
        ("A1", 20, 16, "A2"),
        ("A2", 20, 16, "B1"),
        ("B1", 20, 20, "B2"),
        ("B2", 20, 20, "B2"),
        ("B2", 20, 9, "B2"),
        ("B2", 20, 8, "B1"),
        ("A2", 20, 0, "A1"),
        ("A2", 19, 0, "A2"),
        ("A1", 20, 0, "A1"),
        # 80 and 45 percent of other numbers than twenty.
        ("A2", 21, 16, "A2"),
        ("A2", 21, 17, "B1"),
        ("A2", 21, 9, "A1"),
    ],
)
def test_what_moves_a_level(level: str, answered: int, right: int, after: str) -> None:
    assert levels.moved(Level(level), answered=answered, right=right) == after


@pytest.mark.django_db
class TestChoice:
    def test_everybody_begins_at_a1_in_every_mode(self, anna: Player) -> None:
        assert levels.of(anna) == {
            "QUICK_MIX_A1A2": "A1",
            "ARTIKEL_SPRINT": "A1",
            "CASES_PRACTICE": "A1",
            "TRENNBARE_VERBEN": "A1",
            "WORD_ORDER": "A1",
        }

    @pytest.mark.parametrize(
        ("stored", "overall"),
        [
            ({}, "A1"),
            ({"ARTIKEL_SPRINT": "B2"}, "B2"),
            ({"ARTIKEL_SPRINT": "B2", "WORD_ORDER": "A2"}, "A2"),
            ({"ARTIKEL_SPRINT": "B2", "WORD_ORDER": "A2", "CASES_PRACTICE": "B1"}, "B1"),
        ],
    )
    def test_others_are_met_at_the_one_in_the_middle(
        self, anna: Player, stored: dict[str, str], overall: str
    ) -> None:
        for mode, level in stored.items():
            levels.choose(player=anna, level=Level(level), modes=[Mode(mode)], now=NOON)

        assert levels.overall(anna) == overall

    def test_of_one_mode(self, anna: Player) -> None:
        put(anna, "B1")

        assert levels.of(anna)[SPRINT] == "B1"
        assert levels.of(anna)[Mode.WORD_ORDER] == "A1"

    def test_of_all_modes_in_one_statement(self, anna: Player) -> None:
        put(anna, "B1")

        with CaptureQueriesContext(connection) as queries:
            levels.choose(player=anna, level=Level.A2, now=NOON)

        assert len([it for it in queries if "game_playerlevel" in it["sql"]]) == 1
        assert set(levels.of(anna).values()) == {"A2"}
        assert set(PlayerLevel.objects.values_list("since", "reason")) == {(NOON, "CHOSEN")}

    @pytest.mark.parametrize(
        ("level", "mode"),
        [
            ("A1", "QUICK_MIX_A1A2"),
            ("A2", "ARTIKEL_SPRINT"),
            ("B1", "ARTIKEL_SPRINT"),
            # Nothing of it anywhere that is free.
            ("B2", "QUICK_MIX_A1A2"),
        ],
    )
    def test_the_first_round_is_in_a_free_mode_with_questions_of_the_level(
        self, db: None, level: str, mode: str
    ) -> None:
        make_bank("QUICK_MIX_A1A2", A1=1)
        make_bank("ARTIKEL_SPRINT", A1=1, A2=1, B1=1)
        make_bank("WORD_ORDER", B2=1)

        assert levels.first_mode(Level(level)) == mode

    def test_a_disabled_question_is_none(self, db: None) -> None:
        make_bank("QUICK_MIX_A1A2", A1=1)
        make_bank("ARTIKEL_SPRINT", A1=1)
        Question.objects.filter(category="QUICK_MIX_A1A2").update(is_enabled=False)

        assert levels.first_mode(Level.A1) == "ARTIKEL_SPRINT"


@pytest.mark.django_db
class TestAnswers:
    def test_twenty_answers_with_sixteen_right_raise_it(self, anna: Player) -> None:
        give(anna, share(16))

        change = record(anna)

        assert change == LevelChange(mode=SPRINT, old=Level.A1, new=Level.A2, answered=20, right=16)
        assert change.is_rise
        stored = PlayerLevel.objects.get()
        assert (stored.mode, stored.level, stored.reason) == ("ARTIKEL_SPRINT", "A2", "RAISED")
        assert stored.since == NOON

    def test_fifteen_right_do_not(self, anna: Player) -> None:
        give(anna, share(15))

        assert record(anna) is None
        assert not PlayerLevel.objects.exists()

    def test_only_the_latest_twenty_count(self, anna: Player) -> None:
        give(anna, share(0, 30), at=NOON - 2 * SECOND)
        give(anna, share(4, 4), at=NOON - SECOND)
        give(anna, share(12, 16))

        change = record(anna)

        assert change is not None
        assert (change.answered, change.right) == (20, 16)

    def test_twenty_answers_with_eight_right_lower_it(self, anna: Player) -> None:
        put(anna, "B2")
        give(anna, share(8))

        change = record(anna)

        assert change is not None
        assert (change.old, change.new, change.is_rise) == ("B2", "B1", False)
        stored = PlayerLevel.objects.get()
        assert (stored.level, stored.reason, stored.since) == ("B1", "LOWERED", NOON)

    def test_answers_from_before_the_last_change_do_not_count(self, anna: Player) -> None:
        give(anna, share(20), at=NOON - SECOND)
        put(anna, "A2", since=NOON - SECOND)
        give(anna, share(19, 19))

        assert record(anna) is None

    def test_after_a_rise_twenty_more_are_needed(self, anna: Player) -> None:
        give(anna, share(20), at=NOON)
        record(anna, now=NOON)
        give(anna, share(19, 19), at=NOON + SECOND)
        assert record(anna, now=NOON + SECOND) is None

        give(anna, share(1, 1), at=NOON + 2 * SECOND)
        change = record(anna, now=NOON + 2 * SECOND)

        assert change is not None
        assert (change.old, change.new) == ("A2", "B1")

    def test_another_mode_has_a_level_of_its_own(self, anna: Player) -> None:
        make_bank("WORD_ORDER", A1=1, A2=1)
        give(anna, share(20), mode="WORD_ORDER")

        assert record(anna) is None
        assert record(anna, mode=Mode.WORD_ORDER) is not None
        assert levels.of(anna)[SPRINT] == "A1"

    def test_another_player_has_one_of_their_own(self, anna: Player) -> None:
        give(anna, share(20))

        assert record(PlayerFactory.create()) is None

    def test_a_refunded_question_is_no_answer(self, anna: Player) -> None:
        give(anna, share(19, 19))
        version = QuestionVersion.objects.first()
        assert version is not None
        RoundQuestion.objects.create(
            round=Round.objects.get(),
            number=20,
            player=anna,
            mode="ARTIKEL_SPRINT",
            question_id=version.question_row_id,
            version=version,
            order=[0, 1, 2, 3],
            shown_at=NOON,
            refunded_at=NOON,
        )

        assert record(anna) is None

    def test_it_does_not_rise_where_the_mode_has_nothing_harder(self, anna: Player) -> None:
        Question.objects.filter(level="B1").update(is_enabled=False)
        put(anna, "A2")
        give(anna, share(20))

        assert record(anna) is None
        assert levels.of(anna)[SPRINT] == "A2"

    def test_it_falls_though_the_mode_has_nothing_there(self, anna: Player) -> None:
        Question.objects.filter(level="B1").update(is_enabled=False)
        put(anna, "B2")
        give(anna, share(0))

        assert record(anna) is not None

    def test_looking_costs_one_statement(self, anna: Player) -> None:
        give(anna, share(15))

        with CaptureQueriesContext(connection) as queries:
            record(anna)

        assert len(queries) == 1

    def test_the_answer_of_a_round_counts_itself(self, anna: Player) -> None:
        give(anna, share(19, 19), at=NOON - SECOND)
        asked = rounds.start(player=anna, mode=SPRINT, key="k", now=NOON).round_question

        answer = rounds.answer(
            player=anna,
            round_question_id=asked.pk,
            option_index=asked.order.index(1),
            now=NOON,
        )

        assert answer.level == LevelChange(
            mode=SPRINT, old=Level.A1, new=Level.A2, answered=20, right=20
        )


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the service."""

    @pytest.mark.parametrize(
        ("right", "answered", "level", "reason"),
        [
            (15, 20, "A2", "RAISED"),
            (19, 19, "A2", "RAISED"),
            (16, 20, "B1", "RAISED"),
            (16, 20, "A1", "RAISED"),
            (8, 20, "A2", "LOWERED"),
        ],
    )
    def test_a_first_level_that_the_answers_do_not_prove(
        self, anna: Player, right: int, answered: int, level: str, reason: str
    ) -> None:
        give(anna, share(right, answered))

        with pytest.raises(DatabaseError, match="level"), transaction.atomic():
            PlayerLevel.objects.create(
                player=anna, mode=SPRINT, level=level, reason=reason, since=NOON
            )

    @pytest.mark.parametrize(
        ("right", "level", "reason"),
        [
            (15, "B1", "RAISED"),
            (16, "B2", "RAISED"),
            (16, "A1", "RAISED"),
            (9, "A1", "LOWERED"),
            (8, "B1", "LOWERED"),
        ],
    )
    def test_a_further_level_that_the_answers_do_not_prove(
        self, anna: Player, right: int, level: str, reason: str
    ) -> None:
        put(anna, "A2")
        give(anna, share(right))

        with pytest.raises(DatabaseError, match="level"), transaction.atomic():
            PlayerLevel.objects.update(level=level, reason=reason, since=NOON)

    @pytest.mark.parametrize(
        ("right", "level", "reason"), [(16, "B1", "RAISED"), (8, "A1", "LOWERED")]
    )
    def test_one_that_they_prove(self, anna: Player, right: int, level: str, reason: str) -> None:
        put(anna, "A2")
        give(anna, share(right))

        assert PlayerLevel.objects.update(level=level, reason=reason, since=NOON) == 1

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"mode": "DAILY_CHALLENGE"}, "playerlevel_mode_has_levels"),
            ({"level": "C1"}, "playerlevel_level_is_known"),
            ({"reason": "GUESSED"}, "playerlevel_reason_is_known"),
        ],
    )
    def test_an_unknown_value(self, anna: Player, fields: dict[str, str], name: str) -> None:
        row = {"mode": SPRINT, "level": "A1", "reason": "CHOSEN", **fields}

        with pytest.raises(DatabaseError, match=name), transaction.atomic():
            PlayerLevel.objects.create(player=anna, since=NOON, **row)

    def test_a_second_level_of_one_mode(self, anna: Player) -> None:
        put(anna, "A2")

        with (
            pytest.raises(DatabaseError, match="playerlevel_one_per_player_and_mode"),
            transaction.atomic(),
        ):
            PlayerLevel.objects.create(
                player=anna, mode=SPRINT, level="B1", reason="CHOSEN", since=NOON
            )

    def test_another_mode(self, anna: Player) -> None:
        put(anna, "A2")

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            PlayerLevel.objects.update(mode=Mode.WORD_ORDER)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    @pytest.mark.parametrize("first", ["", "A2"])
    def test_a_choice_made_meanwhile_stays(
        self, anna: Player, monkeypatch: pytest.MonkeyPatch, first: str
    ) -> None:
        if first:
            put(anna, first)
        give(anna, share(20))
        moved = levels.moved

        def let_choose_and_move(*args: Any, **how: Any) -> Level:
            run_together(lambda: put(anna, "B2", since=NOON))
            return moved(*args, **how)

        monkeypatch.setattr(levels, "moved", let_choose_and_move)

        assert record(anna) is None

        stored = PlayerLevel.objects.get()
        assert (stored.level, stored.reason) == ("B2", "CHOSEN")

    def test_without_looking_again_the_database_refuses_the_step(
        self, anna: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the answer would overwrite the choice, were it not for the condition."""
        put(anna, "A1")
        give(anna, share(20))
        change = LevelChange(mode=SPRINT, old=Level.A1, new=Level.A2, answered=20, right=20)
        put(anna, "B2", since=NOON - SECOND)

        with pytest.raises(DatabaseError, match="by one step"), transaction.atomic():
            PlayerLevel.objects.filter(player=anna, mode=SPRINT).update(
                level=change.new, reason=LevelReason.RAISED, since=NOON
            )
