"""Questions of rounds are kept for 400 days; what came of them stays."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, transaction

from quizarena.game import past_answers, statistics
from quizarena.game.models import QuestionCount, RoundQuestion
from quizarena.game.tasks import purge_round_questions
from quizarena.players.models import PurgeRun
from tests.conftest import NOON
from tests.game.played import answer_round, newcomer

DAYS_400 = timedelta(days=400)


@pytest.mark.django_db
def test_what_is_purged_still_counts_for_its_player() -> None:
    player = newcomer()
    answer_round(player, True, False, at=NOON)
    answer_round(player, True, at=NOON + timedelta(days=2))
    before = statistics.by_mode(player), statistics.by_level(player)
    later = NOON + DAYS_400 + timedelta(hours=1)

    # The figures of the questions do not have them yet.
    assert past_answers.purge(now=later, limit=10) == 0
    QuestionCount.objects.create(id=1, day=later.date(), counted_at=later)
    assert past_answers.purge(now=NOON + DAYS_400, limit=10) == 0
    with time_machine.travel(later, tick=False):
        assert purge_round_questions() == 2
        assert purge_round_questions() == 0

    assert RoundQuestion.objects.count() == 1
    assert (statistics.by_mode(player), statistics.by_level(player)) == before
    assert before[0][0].answered == 3
    runs = PurgeRun.objects.order_by("pk").values_list("table", "deleted", "has_more")
    assert list(runs) == [("game_roundquestion", 2, False), ("game_roundquestion", 0, False)]


@pytest.mark.django_db
def test_what_was_typed_can_be_erased_and_nothing_else_changed() -> None:
    answer_round(newcomer(), True)
    shown = RoundQuestion.objects.get()
    typed = RoundQuestion.objects.create(
        round=shown.round,
        number=2,
        player=shown.player,
        mode=shown.mode,
        question=shown.question,
        version=shown.version,
        order=[0, 1, 2, 3],
        shown_at=NOON,
        answered_at=NOON,
        text="the",
        is_correct=True,
    )
    rows = RoundQuestion.objects.filter(pk=typed.pk)

    for refused in ({"text": "other"}, {"text": "…", "is_correct": False}, {"is_correct": False}):
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            rows.update(**refused)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        RoundQuestion.objects.filter(pk=shown.pk).update(text="…", choice=None)
    assert rows.update(text="…") == 1
