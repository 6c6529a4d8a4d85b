"""At which level a player is at home."""

import pytest

from quizarena.game import statistics
from quizarena.game.models import Mode, Question, Round, RoundQuestion
from quizarena.players.models import Player
from tests.game.test_selection import NOON, make_player, make_questions, show


def answer(player: Player, *, level: str, mode: Mode, right: int, wrong: int) -> None:
    """Let the player have answered so many questions of one level."""
    make_questions(right + wrong, mode=mode)
    Question.objects.filter(category=mode).update(level=level)
    Round.objects.create(player=player, mode=mode, start_key=mode, started_at=NOON)
    for number in range(right + wrong):
        show(player, mode=mode)
        RoundQuestion.objects.filter(player=player, answered_at=None).update(
            answered_at=NOON, choice=1, is_correct=number < right
        )
    Round.objects.filter(player=player, state="OPEN").update(state="FINISHED", finished_at=NOON)


@pytest.mark.django_db
class TestLevel:
    def test_somebody_new_has_none(self) -> None:
        assert statistics.level(make_player()) == ""

    @pytest.mark.parametrize(
        ("right", "wrong", "level"),
        [(6, 4, "A2"), (5, 5, ""), (9, 0, ""), (10, 0, "A2"), (12, 9, "")],
    )
    def test_it_takes_ten_answers_and_six_of_ten_right(
        self, right: int, wrong: int, level: str
    ) -> None:
        player = make_player()

        answer(player, level="A2", mode=Mode.QUICK_MIX_A1A2, right=right, wrong=wrong)

        assert statistics.level(player) == level

    def test_the_highest_level_counts(self) -> None:
        player = make_player()

        answer(player, level="B1", mode=Mode.QUICK_MIX_A1A2, right=8, wrong=2)
        answer(player, level="A1", mode=Mode.ARTIKEL_SPRINT, right=10, wrong=0)

        assert statistics.level(player) == "B1"
