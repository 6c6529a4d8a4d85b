"""A round that is given up: the energy of its open question comes back at once, and once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.db.models import QuerySet

from economy import wallets
from economy.errors import NoEnergyError
from economy.goods import Goods, Plan
from economy.grants import grant
from economy.models import EntryType, LedgerEntry, Source
from quizarena.game import rounds
from quizarena.game.errors import LockedModeError, NoQuestionsError, StaleTapError
from quizarena.game.models import Mode, Question, Round, RoundQuestion
from quizarena.game.rounds import Stop
from quizarena.players.models import Player
from tests.concurrency import compile_anew, meet_after, overlap, run_together
from tests.game.test_question_refunds import owned, refund, resume
from tests.game.test_round import bank
from tests.game.test_rounds import LATER, MIX, NOON, SPRINT, start, tap
from tests.game.test_selection import make_player

__all__ = ["bank"]


def stop(player: Player, round_question: RoundQuestion) -> Stop:
    """Give up the round of the question."""
    return rounds.stop(player=player, round_id=round_question.round_id, now=LATER)


def start_another(player: Player, key: str = "k2", *, mode: Mode = SPRINT) -> rounds.Start:
    """Start a round in another mode."""
    return rounds.start(player=player, mode=mode, key=key, now=LATER)


def returned() -> list[str]:
    """Return the keys of what was returned, the oldest first."""
    entries = LedgerEntry.objects.filter(type="QUESTION_RETURNED").order_by("pk")
    return list(entries.values_list("idempotency_key", flat=True))


def spend(player: Player, count: int) -> None:
    """Use up so many points of energy."""
    for number in range(count):
        wallets.charge_question(player=player, key=f"spent:{number}", now=NOON)


@pytest.mark.django_db
class TestStopped:
    def test_the_open_question_is_refunded_and_what_was_answered_stays_paid(self) -> None:
        player = make_player()
        second = tap(player, start(player)).next
        assert second is not None

        stopped = stop(player, second)

        assert stopped.has_returned_energy
        assert (stopped.played.state, stopped.played.finished_at) == ("STOPPED", LATER)
        assert (owned(player), returned()) == ((19, 0), ["return:question:k1:2"])
        second.refresh_from_db()
        assert (second.refunded_at, second.answered_at) == (LATER, None)

    def test_a_second_stop_and_a_late_answer_are_stale_and_return_nothing(self) -> None:
        player = make_player()
        round_question = start(player)
        stop(player, round_question)

        with pytest.raises(StaleTapError):
            stop(player, round_question)
        with pytest.raises(StaleTapError):
            tap(player, round_question)

        assert not refund(round_question)
        assert (owned(player), returned()) == ((20, 0), ["return:question:k1:1"])

    def test_a_question_that_was_refunded_before_is_not_refunded_again(self) -> None:
        player = make_player()
        round_question = start(player)
        refund(round_question)

        assert not stop(player, round_question).has_returned_energy

        assert (owned(player), returned()) == ((20, 0), ["return:question:k1:1"])

    def test_the_question_in_its_place_is_refunded_on_its_own(self) -> None:
        player = make_player()
        round_question = start(player)
        refund(round_question)
        resume(player, round_question)

        stopped = rounds.stop(
            player=player, round_id=round_question.round_id, now=LATER + timedelta(seconds=1)
        )

        assert stopped.has_returned_energy
        assert owned(player) == (20, 0)
        assert returned() == ["return:question:k1:1", "return:question:k1:1:1"]

    def test_with_premium_nothing_comes_back_because_nothing_was_taken(self) -> None:
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

        assert not stop(player, round_question).has_returned_energy

        assert returned() == []
        assert Round.objects.get().state == "STOPPED"

    @pytest.mark.parametrize("other", [0, 10**30])
    def test_a_round_that_is_not_the_open_one_is_stale(self, other: int) -> None:
        player = make_player()
        start(player)

        with pytest.raises(StaleTapError):
            rounds.stop(player=player, round_id=other, now=LATER)

        assert Round.objects.get().state == "OPEN"

    def test_it_costs_eight_statements(self, django_assert_num_queries: Any) -> None:
        player = make_player()
        round_question = start(player)

        # Question; round; charge key, entry, reversal, wallet, INSERT; the question again.
        with django_assert_num_queries(1 + 1 + 5 + 1):
            stop(player, round_question)


@pytest.mark.out_of_order
@pytest.mark.django_db
class TestAnotherRound:
    def test_it_returns_the_energy_of_the_open_question(self) -> None:
        player = make_player()
        start(player)

        another = start_another(player)

        assert another.has_returned_energy
        assert another.charge is not None
        assert another.charge.energy.free == 19
        assert (owned(player), returned()) == ((19, 0), ["return:question:k1:1"])

    def test_the_point_that_comes_back_pays_for_it(self) -> None:
        player = make_player()
        spend(player, 19)
        start(player)
        assert owned(player) == (0, 0)

        another = start_another(player)

        assert another.round_question.mode == "ARTIKEL_SPRINT"
        assert owned(player) == (0, 0)

    def test_tapped_again_it_returns_to_its_question_and_returns_nothing_more(self) -> None:
        player = make_player()
        start(player)
        another = start_another(player)

        again = start_another(player)

        assert again.round_question.pk == another.round_question.pk
        assert (again.charge, again.has_returned_energy) == (None, False)
        assert (owned(player), returned()) == ((19, 0), ["return:question:k1:1"])

    @pytest.mark.parametrize(
        ("mode", "refusal"),
        [(Mode.CASES_PRACTICE, LockedModeError), (Mode.ARTIKEL_SPRINT, NoQuestionsError)],
    )
    def test_a_refusal_gives_up_nothing(self, mode: Mode, refusal: type[Exception]) -> None:
        Question.objects.filter(category="ARTIKEL_SPRINT").update(is_enabled=False)
        player = make_player()
        first = start(player)

        with pytest.raises(refusal):
            start_another(player, mode=mode)

        assert (owned(player), returned()) == ((19, 0), [])
        assert tap(player, first).graded.is_correct

    def test_without_energy_what_waits_for_another_question_stays_open(self) -> None:
        player = make_player()
        first = start(player)
        refund(first)
        spend(player, 20)

        with pytest.raises(NoEnergyError):
            start_another(player)

        assert Round.objects.get().state == "OPEN"


@pytest.mark.django_db
class TestOpenQuestion:
    def test_it_is_the_latest_of_the_open_round(self) -> None:
        player = make_player()
        assert rounds.open_question(player=player) is None
        second = tap(player, start(player)).next
        assert second is not None

        found = rounds.open_question(player=player)

        assert found == second
        assert rounds.open_question(player=make_player(2)) is None
        stop(player, second)
        assert rounds.open_question(player=player) is None

    def test_resuming_costs_nothing(self) -> None:
        player = make_player()
        second = tap(player, start(player)).next
        assert second is not None

        resumed = resume(player, second)

        assert (resumed.round_question, resumed.charge) == (second, None)
        assert owned(player) == (18, 0)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def race(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *callers: Callable[[Player, RoundQuestion], Any],
    ) -> tuple[Player, list[str]]:
        """Do both at once with one open question; return the player and both outcomes."""
        player = make_player()
        with transaction.atomic():
            round_question = start(player)
        meet_after(monkeypatch, rounds, "_lock_round_question", "_lock_latest_question")

        results = run_together(
            *(transaction.atomic(partial(caller, player, round_question)) for caller in callers)
        )

        return player, [type(result).__name__ for result in results]

    def unlock_questions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let questions of rounds be read without their lock."""
        locking = QuerySet.select_for_update

        def unlocked(rows: Any, **options: Any) -> Any:
            return rows if rows.model is RoundQuestion else locking(rows, **options)

        monkeypatch.setattr(QuerySet, "select_for_update", unlocked)
        compile_anew(monkeypatch)

    def test_an_answer_and_a_stop_have_one_outcome(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player, results = self.race(monkeypatch, tap, stop)

        first, *following = RoundQuestion.objects.order_by("pk")
        assert Round.objects.get().state == "STOPPED"
        if results == ["Answer", "Stop"]:
            # The answer counts, and what is refunded is the question that it has brought.
            (second,) = following
            assert (first.is_correct, first.refunded_at) == (True, None)
            assert (second.is_correct, second.refunded_at) == (None, LATER)
            assert (owned(player), returned()) == ((19, 0), ["return:question:k1:2"])
        else:
            assert results == ["StaleTapError", "Stop"]
            assert following == []
            assert (first.is_correct, first.refunded_at) == (None, LATER)
            assert (owned(player), returned()) == ((20, 0), ["return:question:k1:1"])

    def test_without_the_lock_only_the_database_keeps_them_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        self.unlock_questions(monkeypatch)

        _, results = self.race(monkeypatch, tap, stop)

        assert results not in (["Answer", "Stop"], ["StaleTapError", "Stop"])

    def test_a_stop_behind_an_answer_gives_up_what_that_has_brought(self) -> None:
        player = make_player()
        with transaction.atomic():
            round_question = start(player)

        answered, stopped = overlap(
            partial(tap, player, round_question),
            transaction.atomic(partial(stop, player, round_question)),
        )

        assert answered.graded.is_correct
        assert stopped.has_returned_energy
        assert (owned(player), returned()) == ((19, 0), ["return:question:k1:2"])

    def test_an_answer_behind_a_stop_is_stale(self) -> None:
        player = make_player()
        with transaction.atomic():
            round_question = start(player)

        stopped, answered = overlap(
            partial(stop, player, round_question),
            transaction.atomic(partial(tap, player, round_question)),
        )

        assert stopped.has_returned_energy
        assert isinstance(answered, StaleTapError)
        assert (owned(player), returned()) == ((20, 0), ["return:question:k1:1"])

    def test_of_two_stops_one_returns_the_energy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player, results = self.race(monkeypatch, stop, stop)

        assert sorted(results) == ["StaleTapError", "Stop"]
        assert (owned(player), returned()) == ((20, 0), ["return:question:k1:1"])

    def test_a_stop_and_another_round_return_it_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def another(player: Player, _: RoundQuestion) -> rounds.Start:
            return start_another(player)

        player, results = self.race(monkeypatch, stop, another)

        assert results in (["Stop", "Start"], ["StaleTapError", "Start"])
        assert [*Round.objects.order_by("pk").values_list("mode", "state")] == [
            (MIX, "STOPPED"),
            (SPRINT, "OPEN"),
        ]
        assert (owned(player), returned()) == ((19, 0), ["return:question:k1:1"])

    def test_a_refund_and_a_stop_return_it_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refunded(_: Player, round_question: RoundQuestion) -> bool:
            return refund(round_question)

        player, results = self.race(monkeypatch, refunded, stop)

        assert results == ["bool", "Stop"]
        assert (owned(player), returned()) == ((20, 0), ["return:question:k1:1"])
