"""Questions with two or three options, and those without any, in all that asks questions."""

import pytest
from django.db import transaction
from telegram import InlineKeyboardButton

from bot.chat.navigation import option_rows
from quizarena.game import daily, duel_play, placements, rounds, tournament_play
from quizarena.game.errors import GameError, StaleTapError
from quizarena.game.models import (
    DailyQuestion,
    DailyRun,
    DuelQuestion,
    Mode,
    Question,
    TournamentQuestion,
)
from tests.factories import PlayerFactory, QuestionFactory
from tests.game import challenges, duelling, touring
from tests.game.challenges import NOON, make_bank
from tests.game.duelling import player

pytestmark = pytest.mark.django_db


def with_three_options() -> None:
    """Let every question have three options; the second is right still."""
    Question.objects.update(option_4="")


def with_typed_ones(**levels: int) -> None:
    """Store more questions without buttons than there are others."""
    for level, count in levels.items():
        for number in range(count):
            QuestionFactory.create(
                quiz_id=f"typed-{level}-{number}",
                kind=("typed", "order")[number % 2],
                option_1="Ich gehe heim.",
                option_2="",
                option_3="",
                option_4="",
                correct_option_id=0,
                level=level,
                category="QUICK_MIX_A1A2",
            )


class TestThreeOptions:
    """Each has a button, and a fourth one is a stale tap."""

    def test_of_a_round(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=3)
        with_three_options()
        anna = PlayerFactory.create()
        shown = rounds.start(player=anna, mode=Mode.QUICK_MIX_A1A2, key="k", now=NOON)
        asked = shown.round_question
        assert sorted(asked.order) == [0, 1, 2]

        with pytest.raises(StaleTapError), transaction.atomic():
            rounds.answer(player=anna, round_question_id=asked.pk, option_index=3, now=NOON)

        answered = rounds.answer(
            player=anna, round_question_id=asked.pk, option_index=asked.order.index(1), now=NOON
        )
        assert answered.graded.is_correct

    def test_of_a_daily_challenge(self) -> None:
        challenges.make_day()
        with_three_options()
        anna = PlayerFactory.create()
        run = daily.start(player=anna, now=NOON).run

        with pytest.raises(StaleTapError), transaction.atomic():
            daily.answer(player=anna, run_id=run.pk, number=1, option_index=3, now=NOON)

        challenges.play(anna)
        assert DailyRun.objects.get().score == 7
        assert {len(question.order) for question in DailyQuestion.objects.all()} == {3}

    def test_of_a_duel(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=5)
        with_three_options()
        anna, ben = player("Anna"), player("Ben")
        duel = duelling.accepted(anna, ben)
        duelling.look(anna, duel)

        with pytest.raises(StaleTapError), transaction.atomic():
            duel_play.answer(player=anna, duel_id=duel.pk, number=1, option_index=3, now=NOON)

        duelling.play(anna, duel, [True, True, False])
        duelling.play(ben, duel, [True, False, False])
        duel.refresh_from_db()
        assert duel.winner_id == anna.pk

    def test_of_a_tournament(self) -> None:
        touring.bank()
        with_three_options()
        anna, ben = player("Anna"), player("Ben")
        tournament = touring.make(anna)
        touring.join(ben, tournament)
        touring.start(anna, tournament)
        touring.show(anna, tournament, now=NOON)
        pairing = touring.pairing_of(anna, tournament)

        with pytest.raises(StaleTapError), transaction.atomic():
            tournament_play.answer(
                player=anna, pairing_id=pairing.pk, number=1, option_index=3, now=NOON
            )

        touring.tap(anna, pairing, 1, now=NOON)
        pairing.refresh_from_db()
        assert pairing.correct == 1

    def test_of_a_placement(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=8, A2=8, B1=8, B2=8)
        with_three_options()
        anna = PlayerFactory.create()
        asked = placements.start(player=anna, now=NOON)

        with pytest.raises(StaleTapError), transaction.atomic():
            placements.answer(
                player=anna,
                placement_id=asked.placement_id,
                number=1,
                option_index=3,
                now=NOON,
            )

        answered = placements.answer(
            player=anna,
            placement_id=asked.placement_id,
            number=1,
            option_index=asked.order.index(1),
            now=NOON,
        )
        assert answered.graded.is_correct


class TestOnlyWhatHasOptionsIsDrawn:
    def test_for_a_daily_challenge(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=2, A2=3, B1=2)
        with_typed_ones(A1=10, A2=10, B1=10)

        drawn = daily.draw(day=challenges.TODAY, now=NOON)

        assert {question.version.kind for question in drawn.questions.all()} == {"choice"}

    def test_a_typed_question_cannot_replace_one_of_a_challenge(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=2, A2=3, B1=2)
        with_typed_ones(A1=1)
        tomorrow = challenges.TODAY.replace(day=17)
        drawn = daily.draw(day=tomorrow, now=NOON)

        with pytest.raises(GameError, match="typed-A1-0 has no options to choose from"):
            daily.preview_replacement(
                set_id=drawn.pk, number=1, quiz_id="typed-A1-0", seed="s", now=NOON
            )

    def test_for_a_duel(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=3)
        with_typed_ones(A1=20)

        duel = duelling.create(player())

        questions = DuelQuestion.objects.filter(duel=duel).select_related("version")
        assert [question.version.kind for question in questions] == ["choice"] * 3

    def test_for_a_tournament(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=5)
        with_typed_ones(A1=20)
        anna, ben = player("Anna"), player("Ben")
        tournament = touring.make(anna)
        touring.join(ben, tournament)

        touring.start(anna, tournament)

        questions = TournamentQuestion.objects.select_related("version")
        assert [question.version.kind for question in questions] == ["choice"] * 5

    def test_for_a_placement(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=1)
        with_typed_ones(A1=20, B2=20)

        asked = placements.start(player=PlayerFactory.create(), now=NOON)

        assert (asked.version.kind, asked.level) == ("choice", "A1")


class TestRows:
    """How the buttons stand under a question."""

    @pytest.mark.parametrize(
        ("options", "rows"),
        [
            (["der", "die"], [["der", "die"]]),
            (["der", "die", "das"], [["der", "die", "das"]]),
            (["eins", "zwei", "drei", "vier"], [["eins", "zwei"], ["drei", "vier"]]),
            (["x" * 8] * 3, [["x" * 8] * 3]),
            (["x" * 9, "y", "z"], [["x" * 9], ["y"], ["z"]]),
            (["x" * 16, "y"], [["x" * 16, "y"]]),
            (["x" * 17, "y"], [["x" * 17], ["y"]]),
        ],
    )
    def test_they_are_as_wide_as_their_texts(
        self, options: list[str], rows: list[list[str]]
    ) -> None:
        buttons = [InlineKeyboardButton(text, callback_data="x") for text in options]

        assert [[one.text for one in row] for row in option_rows(buttons)] == rows
