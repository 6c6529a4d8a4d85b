"""Questions that nobody saw, or that were withdrawn: the energy comes back, and another comes."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from economy import ledger, wallets
from economy.goods import Goods, Plan
from economy.grants import grant
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source, Wallet
from quizarena.game import bank as question_bank
from quizarena.game import rounds, tasks
from quizarena.game.errors import AlreadyAnsweredError, QuestionRefundedError, StaleTapError
from quizarena.game.models import Question, Round, RoundQuestion
from quizarena.players.models import Player
from tests.concurrency import compile_anew, meet_after, run_together
from tests.conftest import Road
from tests.game.test_round import bank, labels, right
from tests.game.test_rounds import LATER, MIX, NOON, start, tap
from tests.game.test_selection import make_player

__all__ = ["bank"]


@pytest.fixture(autouse=True)
def _clock() -> Any:
    """Stop the clock five seconds after noon, when everything is refunded here."""
    with time_machine.travel(LATER, tick=False):
        yield


def refund(round_question: RoundQuestion) -> bool:
    """Refund the question."""
    return rounds.refund_question(round_question_id=round_question.pk, now=LATER)


def resume(player: Player, round_question: RoundQuestion) -> rounds.Start:
    """Resume the round of a question that was refunded."""
    return rounds.resume(player=player, round_id=round_question.round_id, now=LATER)


def owned(player: Player) -> tuple[int, int]:
    """Return the player's free and paid energy."""
    wallet = Wallet.objects.get(player=player)
    return wallet.free_energy, wallet.paid_energy


def sweep() -> int:
    """Refund what was withdrawn."""
    return rounds.refund_withdrawn(until=timezone.now() + timedelta(minutes=1))


@pytest.mark.django_db
class TestRefund:
    def test_the_point_goes_back_into_the_bucket_it_came_from_once(self) -> None:
        player = make_player()
        round_question = start(player)

        assert [refund(round_question), refund(round_question)] == [True, False]

        assert owned(player) == (20, 0)
        entry = LedgerEntry.objects.get(player=player, type="QUESTION_RETURNED")
        assert (entry.amount, entry.asset) == (1, "FREE_ENERGY")
        assert entry.idempotency_key == "return:question:k1:1"

    def test_a_paid_point_is_paid_again(self) -> None:
        player = make_player()
        grant(
            player=player,
            goods=Goods(paid_energy=1),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key="prize",
            now=NOON,
        )
        for number in range(20):
            wallets.charge_question(player=player, key=f"spent:{number}", now=NOON)
        round_question = start(player)
        assert owned(player) == (0, 0)

        refund(round_question)

        assert owned(player) == (0, 1)

    def test_with_premium_there_is_nothing_to_refund_but_another_question_comes(self) -> None:
        player = make_player()
        grant(
            player=player,
            goods=Goods(premium=Plan.MONTH, premium_days=30),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key="prize",
            now=NOON,
        )
        round_question = start(player)

        assert refund(round_question)

        assert not LedgerEntry.objects.filter(type="QUESTION_RETURNED").exists()
        assert resume(player, round_question).round_question.number == 1

    def test_an_answered_question_is_not_refunded(self) -> None:
        player = make_player()
        round_question = start(player)
        tap(player, round_question)

        assert not refund(round_question)

        assert owned(player) == (18, 0)

    def test_it_costs_ten_statements(self, django_assert_num_queries: Any) -> None:
        round_question = start(make_player())

        # Two savepoints; question; charge key, entry, reversal, wallet, INSERT; the question again;
        # and whom it belongs to.
        with django_assert_num_queries(2 + 1 + 5 + 1 + 1):
            refund(round_question)

    def test_what_never_was_is_not_refunded(self) -> None:
        assert not rounds.refund_question(round_question_id=10**6, now=LATER)


@pytest.mark.django_db
class TestResuming:
    def test_a_question_that_was_refunded_cannot_be_answered_and_another_takes_its_place(
        self,
    ) -> None:
        player = make_player()
        second = tap(player, start(player)).next
        assert second is not None
        refund(second)

        with pytest.raises(QuestionRefundedError):
            tap(player, second)
        resumed = resume(player, second)

        assert resumed.charge is not None
        assert (resumed.round_question.number, resumed.round_question.round_id) == (
            2,
            second.round_id,
        )
        assert resumed.round_question.question_id != second.question_id
        assert owned(player) == (18, 0)
        answer = tap(player, resumed.round_question)
        assert answer.next is not None
        assert answer.next.number == 3
        assert rounds.outcomes(Round.objects.get()) == [True, True]

    def test_each_question_of_one_number_is_paid_and_refunded_on_its_own(self) -> None:
        player = make_player()
        round_question = start(player)

        for second in range(3):
            rounds.refund_question(
                round_question_id=round_question.pk, now=LATER + timedelta(seconds=second)
            )
            assert owned(player) == (20, 0)
            round_question = resume(player, round_question).round_question
            assert owned(player) == (19, 0)

        assert round_question.number == 1
        assert RoundQuestion.objects.count() == 4

    def test_resuming_twice_returns_to_the_question_that_is_waited_for(self) -> None:
        player = make_player()
        round_question = start(player)
        refund(round_question)
        first = resume(player, round_question)

        again = resume(player, round_question)

        assert (again.round_question.pk, again.charge) == (first.round_question.pk, None)
        assert owned(player) == (19, 0)

    def test_the_button_that_started_the_round_resumes_it(self) -> None:
        player = make_player()
        refund(start(player))

        again = rounds.start(player=player, mode=MIX, key="k1", now=LATER)

        assert again.charge is not None
        assert (Round.objects.count(), RoundQuestion.objects.count()) == (1, 2)

    def test_who_still_sees_the_question_before_it_continues_as_well(self) -> None:
        player = make_player()
        first = start(player)
        second = tap(player, first).next
        assert second is not None
        with pytest.raises(AlreadyAnsweredError):
            tap(player, first)
        refund(second)

        with pytest.raises(QuestionRefundedError) as refusal:
            tap(player, first)

        assert refusal.value.round_question.round_id == second.round_id

    def test_a_question_that_another_has_taken_the_place_of_is_stale(self) -> None:
        player = make_player()
        round_question = start(player)
        refund(round_question)
        resume(player, round_question)

        with pytest.raises(StaleTapError):
            tap(player, round_question)

    def test_a_round_that_is_over_or_another_players_is_not_resumed(self) -> None:
        player = make_player()
        round_question = start(player)
        refund(round_question)
        with pytest.raises(StaleTapError):
            resume(make_player(2), round_question)
        rounds.stop(player=player, round_id=round_question.round_id, now=LATER)

        with pytest.raises(StaleTapError):
            resume(player, round_question)
        with pytest.raises(StaleTapError):
            tap(player, round_question)


@pytest.mark.django_db
class TestWithdrawal:
    def test_a_withdrawn_question_is_refunded_to_all_who_wait_with_it(self) -> None:
        players = [make_player(number) for number in (1, 2, 3, 4)]
        Question.objects.exclude(quiz_id="QUICK_MIX_A1A2-7").update(is_enabled=False)
        asked = [start(player) for player in players]
        Question.objects.update(is_enabled=True)
        tap(players[2], asked[2])
        rounds.stop(player=players[3], round_id=asked[3].round_id, now=LATER)

        question_bank.disable(question_id=asked[0].question_id)

        assert [sweep(), sweep()] == [2, 0]
        assert [owned(player)[0] for player in players] == [20, 20, 18, 20]

    def test_one_that_cannot_be_refunded_does_not_hold_up_the_others(self) -> None:
        players = [make_player(number) for number in (1, 2, 3)]
        for player in players:
            start(player)
        Question.objects.update(is_enabled=False)
        # Its key belongs to something else: a conflict that nobody foresees.
        ledger.post(
            player=players[0],
            type=EntryType.PRIZE,
            asset=Asset.PAID_ENERGY,
            direction=Direction.CREDIT,
            amount=1,
            deltas=Deltas(paid_energy=1),
            source=Source.SYSTEM,
            key="return:question:k1:1",
            request={},
            now=LATER,
        )

        assert [sweep(), sweep()] == [2, 0]
        assert [owned(player)[0] for player in players] == [19, 20, 20]

    def test_the_task_does_it(self) -> None:
        player = make_player()
        start(player)
        Question.objects.update(is_enabled=False)

        assert tasks.refund_withdrawn() == 1
        assert owned(player) == (20, 0)


def test_a_tap_on_a_withdrawn_question_says_so_and_brings_another(road: Road, bank: None) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    question = road.tap(anna, "Quick mix")
    player = Player.objects.get()
    Question.objects.filter(pk=RoundQuestion.objects.get().question_id).update(is_enabled=False)
    assert sweep() == 1

    another = road.tap(anna, right(question))

    toast = road.sandbox.toasts(anna)[-1]
    assert toast["text"] == (
        "This question was taken out, and its energy is yours again. Here is another one!"
    )
    assert toast["show_alert"]
    assert another["text"].startswith("A1 · Quick mix\n●○○○○○○○○○ 1/10\n\n")
    assert another["text"].split("\n")[3] != question["text"].split("\n")[3]
    assert len(labels(another)) == 5
    assert owned(player) == (19, 0)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def race(self, monkeypatch: pytest.MonkeyPatch) -> tuple[Player, list[str]]:
        """Answer a question and refund it at once; return both outcomes."""
        player = make_player()
        with transaction.atomic():
            round_question = start(player)
        meet_after(monkeypatch, rounds, "_lock_round_question")

        results = run_together(
            transaction.atomic(partial(tap, player, round_question)),
            partial(refund, round_question),
        )

        return player, [
            str(one) if isinstance(one, bool) else type(one).__name__ for one in results
        ]

    def test_a_question_is_answered_or_refunded_and_never_both(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player, results = self.race(monkeypatch)

        first = RoundQuestion.objects.order_by("pk")[0]
        if results == ["Answer", "False"]:
            assert (first.is_correct, first.refunded_at, owned(player)) == (True, None, (18, 0))
        else:
            assert results == ["QuestionRefundedError", "True"]
            assert (first.is_correct, first.refunded_at, owned(player)) == (None, LATER, (20, 0))

    def test_without_the_lock_only_the_database_keeps_them_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        locking = QuerySet.select_for_update

        def unlocked(rows: Any, **options: Any) -> Any:
            return rows if rows.model is RoundQuestion else locking(rows, **options)

        monkeypatch.setattr(QuerySet, "select_for_update", unlocked)
        compile_anew(monkeypatch)

        _, results = self.race(monkeypatch)

        assert results not in (["Answer", "False"], ["QuestionRefundedError", "True"])


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def test_an_answered_question_is_not_refunded(self) -> None:
        player = make_player()
        round_question = start(player)
        tap(player, round_question)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            RoundQuestion.objects.filter(pk=round_question.pk).update(refunded_at=LATER)

    def test_a_question_is_not_answered_and_refunded_at_once(self) -> None:
        round_question = start(make_player())

        with (
            pytest.raises(DatabaseError, match="roundquestion_answered_or_refunded"),
            transaction.atomic(),
        ):
            RoundQuestion.objects.filter(pk=round_question.pk).update(
                refunded_at=LATER, answered_at=LATER, choice=1, is_correct=True
            )

    def test_what_was_refunded_stays_so(self) -> None:
        round_question = start(make_player())
        refund(round_question)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            RoundQuestion.objects.filter(pk=round_question.pk).update(refunded_at=None)
