"""Duels when two do something at the same moment: one outcome, whoever was faster."""

from functools import partial
from typing import Any

import pytest

from economy import wallets
from quizarena import advisory_locks
from quizarena.game import duel_play, duel_terms, duels
from quizarena.game.errors import DuelGoneError
from quizarena.game.models import Duel, DuelAnswer, DuelNotice
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.game.challenges import make_bank
from tests.game.duelling import (
    INSTANT,
    NOON,
    OVER,
    TOO_LATE_TO_ACCEPT,
    accept,
    accepted,
    again,
    cancel,
    create,
    find,
    finish,
    give_tickets,
    notices,
    play,
    played,
    player,
    tap,
    tickets_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _bank(transactional_db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=40)


def names(results: list[Any]) -> list[str]:
    """Return what came of each, sorted."""
    return sorted(type(result).__name__ for result in results)


class TestMaking:
    def make_twice(self, monkeypatch: pytest.MonkeyPatch, *, keys: tuple[str, str]) -> list[Any]:
        """Let two devices make the third duel of a day, which costs the only ticket."""
        anna = player("Anna")
        give_tickets(anna)
        wallets.grant_welcome_energy(player=anna, now=NOON)
        create(anna)
        create(anna)
        meet_after(monkeypatch, duels, "_next_of_day")

        return run_together(*[partial(create, anna, key=key) for key in keys])

    def test_two_taps_on_one_button_make_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = self.make_twice(monkeypatch, keys=("u1", "u1"))

        assert first == second
        assert Duel.objects.count() == 3
        assert tickets_of(Player.objects.get()) == 0

    def test_one_ticket_makes_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert names(self.make_twice(monkeypatch, keys=("u1", "u2"))) == [
            "Duel",
            "TicketNeededError",
        ]

        assert Duel.objects.count() == 3

    @pytest.mark.parametrize("keys", [("u1", "u1"), ("u1", "u2")])
    def test_without_the_lock_the_constraints_turn_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, str]
    ) -> None:
        """Show that the tests above can fail: take the lock away, and they must."""
        take_row_locks_away(monkeypatch)

        assert names(self.make_twice(monkeypatch, keys=keys)) == ["Duel", "IntegrityError"]

        assert Duel.objects.count() == 3

    def nine_and_two_more(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let a player who has nine live duels accept two more at once."""
        anna = player("Anna")
        for _ in range(9):
            accepted(player(), anna)
        more = [create(player()), create(player())]
        meet_after(monkeypatch, duel_terms, "live")

        return run_together(*[partial(accept, anna, duel) for duel in more])

    def test_ten_are_live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert names(self.nine_and_two_more(monkeypatch)) == ["Duel", "DuelLimitError"]

    def test_without_the_lock_eleven_would_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert names(self.nine_and_two_more(monkeypatch)) == ["Duel", "Duel"]


class TestOpenDuels:
    def look_together(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let two players look for an opponent at once."""
        anna, ben = player("Anna"), player("Ben")
        meet_after(monkeypatch, duels, "_takeable")

        return run_together(partial(find, anna), partial(find, ben))

    def test_two_who_look_at_once_find_each_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.look_together(monkeypatch)

        assert Duel.objects.get().state == "ACCEPTED"

    def test_without_the_lock_both_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(advisory_locks, "lock", lambda *_: None)

        self.look_together(monkeypatch)

        assert [duel.state for duel in Duel.objects.all()] == ["PENDING", "PENDING"]

    def take_together(self, monkeypatch: pytest.MonkeyPatch, *, by_link: bool) -> list[Any]:
        """Let two players take the same duel at once."""
        anna, ben, carla = player("Anna"), player("Ben"), player("Carla")
        duel = create(anna) if by_link else find(anna)
        if by_link:
            meet_after(monkeypatch, duels, "by_token")
            return run_together(partial(accept, ben, duel), partial(accept, carla, duel))
        meet_after(monkeypatch, duels, "_takeable", "by_token")
        return run_together(partial(find, ben), partial(accept, carla, duel))

    def test_of_two_with_the_link_one_plays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        results = self.take_together(monkeypatch, by_link=True)

        assert names(results) == ["Duel", "DuelGoneError"]
        duel = Duel.objects.get()
        [gone] = [result for result in results if isinstance(result, DuelGoneError)]
        assert gone.duel.opponent == duel.opponent
        assert DuelNotice.objects.filter(duel=duel).count() == 3

    def test_without_the_lock_the_second_is_turned_away_by_the_database(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.take_together(monkeypatch, by_link=True)

        assert "DuelGoneError" not in names(results)
        assert names(results)[0] == "Duel"
        assert DuelNotice.objects.count() == 3

    def test_an_open_one_is_taken_once_by_whichever_road(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found, linked = self.take_together(monkeypatch, by_link=False)

        first = Duel.objects.order_by("pk")[0]
        assert (first.state, first.opponent is None) == ("ACCEPTED", False)
        taker = str(first.opponent and first.opponent.first_name)
        if isinstance(linked, DuelGoneError):
            assert (found, taker) == (first, "Ben")
        else:
            # Who has looked for one waits with one of their own.
            assert (linked, taker) == (first, "Carla")
            assert (found.creator.first_name, found.state) == ("Ben", "PENDING")


class TestAnswering:
    def last_answers(self, monkeypatch: pytest.MonkeyPatch) -> tuple[Duel, list[Any]]:
        """Let both players give their last answer at once."""
        anna, ben = player("Anna"), player("Ben")
        duel = accepted(anna, ben)
        play(anna, duel, [True, True])
        play(ben, duel, [True, False])
        meet_after(monkeypatch, duel_play, "_given")

        results = run_together(
            partial(tap, anna, duel, 3), partial(tap, ben, duel, 3, now=NOON + INSTANT)
        )
        duel.refresh_from_db()
        return duel, results

    def test_the_last_answers_of_both_at_once_end_it_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        duel, results = self.last_answers(monkeypatch)

        assert names(results) == ["Answer", "Answer"]
        assert (duel.state, duel.result) == ("COMPLETED", "CREATOR")
        assert (duel.creator_score, duel.opponent_score) == (3, 2)
        assert duel.ended_at == NOON + INSTANT
        assert [name for name, kind, _ in notices(duel) if kind == "RESULT"] == ["Anna", "Ben"]
        # Whoever was faster still waited for the other.
        assert sorted(result.view.duel.is_live for result in results) == [False, True]

    def test_without_the_lock_the_guard_of_the_answers_keeps_them_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: who reads too early thinks that both are alone.

        The database's own lock makes the second wait, so the duel ends nevertheless.
        """
        take_row_locks_away(monkeypatch)

        _, results = self.last_answers(monkeypatch)

        views = [result.view for result in results if isinstance(result, duel_play.Answer)]
        assert [view.other_answered for view in views] == [2, 2]

    def answer_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let two devices of one player give the last answer at once."""
        anna, ben = player("Anna"), player("Ben")
        duel = accepted(anna, ben)
        play(anna, duel, [True] * 2)
        play(ben, duel, [True, True, False])
        meet_after(monkeypatch, duel_play, "_given")

        return run_together(
            partial(tap, anna, duel, 3, right=False), partial(tap, anna, duel, 3, right=True)
        )

    def test_two_devices_give_one_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert names(self.answer_twice(monkeypatch)) == ["Answer", "DuelAnsweredError"]

        duel = Duel.objects.get()
        given = DuelAnswer.objects.get(number=3, player=duel.creator)
        assert (duel.state, duel.creator_score) == ("COMPLETED", 2 + given.is_correct)

    def test_without_the_lock_one_of_them_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert "DuelAnsweredError" not in names(self.answer_twice(monkeypatch))
        assert DuelAnswer.objects.filter(number=3).count() == 2


class TestEnding:
    def expiry_against_answer(self, monkeypatch: pytest.MonkeyPatch) -> tuple[Duel, list[Any]]:
        """Let a player give the last answer in the last moment, while the job ends the duel."""
        anna, ben = player("Anna"), player("Ben")
        duel = accepted(anna, ben)
        play(anna, duel, [True] * 3)
        play(ben, duel, [True] * 2)
        meet_after(monkeypatch, duels, "lock")

        results = run_together(
            partial(finish, duel, now=OVER), partial(tap, ben, duel, 3, now=OVER - INSTANT)
        )
        duel.refresh_from_db()
        return duel, results

    def test_the_last_answer_or_the_end_but_not_both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        duel, (ended, answered) = self.expiry_against_answer(monkeypatch)

        if ended is True:
            assert type(answered).__name__ == "DuelOverError"
            assert (duel.state, duel.result, duel.ended_at) == ("WALKOVER", "CREATOR", OVER)
        else:
            assert type(answered).__name__ == "Answer"
            assert (duel.state, duel.result) == ("COMPLETED", "DRAW")
            assert duel.ended_at == OVER - INSTANT
        assert duel.notices.filter(kind="RESULT").count() == 2

    def test_without_the_lock_the_database_lets_only_one_of_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: nobody gets a reason any more."""
        take_row_locks_away(monkeypatch)

        duel, results = self.expiry_against_answer(monkeypatch)

        assert "DuelOverError" not in names(results)
        answers = DuelAnswer.objects.filter(duel=duel).count()
        assert (duel.state, answers) in [("WALKOVER", 5), ("COMPLETED", 6)]

    def two_jobs(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let two jobs end a duel that has cost a ticket."""
        anna = player("Anna")
        give_tickets(anna)
        duel = [create(anna) for _ in range(3)][2]
        meet_after(monkeypatch, duels, "lock")

        return run_together(*[partial(finish, duel, now=TOO_LATE_TO_ACCEPT)] * 2)

    def test_two_jobs_end_it_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert sorted(map(str, self.two_jobs(monkeypatch))) == ["False", "True"]

        assert tickets_of(Player.objects.get()) == 1
        assert DuelNotice.objects.count() == 1

    def test_without_the_lock_one_of_them_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert "False" not in map(str, self.two_jobs(monkeypatch))
        assert tickets_of(Player.objects.get()) == 1

    def test_accepted_or_canceled_but_not_both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anna, ben = player("Anna"), player("Ben")
        duel = create(anna)
        meet_after(monkeypatch, duels, "by_token", "lock")

        results = run_together(partial(accept, ben, duel), partial(cancel, anna, duel))

        assert names(results) == ["Duel", "DuelGoneError"]
        duel.refresh_from_db()
        assert duel.state == ("ACCEPTED" if isinstance(results[0], Duel) else "CANCELED")


class TestAgain:
    def ask_together(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let both players ask for a rematch at once."""
        anna, ben = player("Anna"), player("Ben")
        duel = played(anna, ben)
        meet_after(monkeypatch, duels, "_following")

        return run_together(partial(again, anna, duel), partial(again, ben, duel))

    def test_both_ask_at_once_and_play(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = self.ask_together(monkeypatch)

        assert first == second
        assert Duel.objects.get(pk=first.pk).state == "ACCEPTED"
        assert Duel.objects.count() == 2

    def test_without_the_lock_the_constraint_turns_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert names(self.ask_together(monkeypatch)) == ["Duel", "IntegrityError"]

    def test_a_rematch_is_accepted_while_it_expires(self, monkeypatch: pytest.MonkeyPatch) -> None:
        anna, ben = player("Anna"), player("Ben")
        rematch = again(anna, played(anna, ben))
        meet_after(monkeypatch, duels, "by_token", "lock")

        taken, ended = run_together(
            partial(accept, ben, rematch, now=TOO_LATE_TO_ACCEPT - INSTANT),
            partial(finish, rematch, now=TOO_LATE_TO_ACCEPT),
        )

        rematch.refresh_from_db()
        if ended is True:
            assert (type(taken).__name__, rematch.state) == ("DuelGoneError", "EXPIRED")
        else:
            assert (type(taken).__name__, rematch.state) == ("Duel", "ACCEPTED")


def test_nobody_waits_for_each_other_in_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two players who accept each other's duels at the same moment."""
    anna, ben = player("Anna"), player("Ben")
    hers, his = create(anna), create(ben)
    meet_after(monkeypatch, duels, "lock_player")
    results = run_together(partial(accept, ben, hers), partial(accept, anna, his))

    assert names(results) == ["Duel", "Duel"]
