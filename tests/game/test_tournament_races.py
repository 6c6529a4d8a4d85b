"""Tournaments when two do something at the same moment: one outcome, whoever was faster."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from economy.models import LedgerEntry
from quizarena.game import cups, private_tournaments, tournament_play, tournaments
from quizarena.game.models import (
    Badge,
    CupPrize,
    Pairing,
    Tournament,
    TournamentAnswer,
    TournamentNotice,
    TournamentPlayer,
    TournamentRound,
)
from quizarena.players.models import Player
from tests.concurrency import meet_after, overlap, run_together, take_row_locks_away
from tests.game.duelling import player
from tests.game.touring import (
    HALF_HOUR,
    INSTANT,
    MINUTE,
    OPENS,
    STARTS,
    advance,
    bank,
    begun,
    cup,
    current,
    join,
    make,
    pairing_of,
    play,
    registered,
    run,
    show,
    start,
    tap,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _bank(transactional_db: None) -> None:
    bank()


def names(results: list[Any]) -> list[str]:
    """Return what came of each, sorted."""
    return sorted(type(result).__name__ for result in results)


class TestRegistration:
    def last_place(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let two players register at once for the last place of a private tournament."""
        tournament = make(player())
        for _ in range(6):
            join(player(), tournament)
        two = [player(), player()]
        meet_after(monkeypatch, QuerySet, "count")

        return run_together(*[partial(join, one, tournament) for one in two])

    def test_one_gets_the_last_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert names(self.last_place(monkeypatch)) == ["TournamentFullError", "TournamentPlayer"]

        assert TournamentPlayer.objects.count() == 8

    def test_without_the_lock_the_trigger_turns_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.last_place(monkeypatch)

        assert "TournamentFullError" not in names(results)
        assert TournamentPlayer.objects.count() == 8

    def twice(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let a player register with two devices at once."""
        registered(1)
        anna = player("Anna")
        meet_after(monkeypatch, tournaments, "_refuse_if_closed")
        register = partial(cups.register, player=anna, now=OPENS)
        return run_together(register, register)

    def test_two_devices_register_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = self.twice(monkeypatch)

        assert first == second

    def test_without_the_lock_the_constraint_turns_one_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        assert names(self.twice(monkeypatch)) == ["IntegrityError", "TournamentPlayer"]

    def test_two_who_are_first_open_one_cup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        meet_after(monkeypatch, cups, "is_open")

        run_together(*[partial(cups.register, player=player(), now=OPENS) for _ in range(2)])

        assert (Tournament.objects.count(), TournamentPlayer.objects.count()) == (1, 2)

    def at_the_end(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let somebody register in the last moment while the job begins the cup."""
        registered(4)
        meet_after(monkeypatch, tournaments, "lock")
        return run_together(
            partial(cups.register, player=player("Last"), now=STARTS - INSTANT),
            partial(advance, cup(), now=STARTS),
        )

    def test_who_is_registered_plays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_the_end(monkeypatch)

        assert Pairing.objects.count() == TournamentPlayer.objects.count()


class TestEndOfARound:
    def clock_and_last_player(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let the last answer of a round and the clock end it at the same moment."""
        four = begun(4)
        for one in four[:3]:
            play(one, cup(), [True] * 7, now=STARTS)
        last = four[3]
        play(last, cup(), [True] * 6, now=STARTS)
        pairing = pairing_of(last, cup())
        meet_after(monkeypatch, tournaments, "lock", "_open_round")
        return run_together(
            partial(tap, last, pairing, 7, now=STARTS + HALF_HOUR - INSTANT),
            partial(advance, cup(), now=STARTS + HALF_HOUR),
        )

    def test_it_ends_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock_and_last_player(monkeypatch)

        assert list(TournamentRound.objects.values_list("number", flat=True)) == [1, 2]
        assert Pairing.objects.filter(round__number=2).count() == 4
        outcomes = Pairing.objects.filter(round__number=1).values_list("outcome", "correct")
        answers = TournamentAnswer.objects.count()
        # Whoever was faster: the last answer counts, or it came too late.
        assert sorted(outcomes) == (
            [("DRAW", 7)] * 4
            if answers == 28
            else [("DRAW", 7), ("DRAW", 7), ("LOSS", 6), ("WIN", 7)]
        )

    def test_without_the_lock_one_of_them_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the locks away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.clock_and_last_player(monkeypatch)

        assert any(isinstance(result, Exception) for result in results)

    def last_two(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let the last two players give their last answers at once."""
        four = begun(4)
        for one in four[:2]:
            play(one, cup(), [True] * 7, now=STARTS)
        for one in four[2:]:
            play(one, cup(), [True] * 6, now=STARTS)
        pairings = [pairing_of(one, cup()) for one in four[2:]]
        meet_after(monkeypatch, tournament_play, "_round_of", "_question_and_next")
        return run_together(
            *[
                partial(tap, one, pairing, 7, now=STARTS + MINUTE)
                for one, pairing in zip(four[2:], pairings, strict=True)
            ]
        )

    def test_of_two_last_answers_the_second_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert names(self.last_two(monkeypatch)) == ["Answer", "Answer"]

        assert list(TournamentRound.objects.values_list("number", flat=True)) == [1, 2]

    def test_without_the_lock_nobody_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: each sees that the other has not finished."""
        monkeypatch.setattr(
            tournaments,
            "lock",
            lambda tournament_id: Tournament.objects.get(pk=tournament_id),
        )

        four = begun(4)
        for one in four[:2]:
            play(one, cup(), [True] * 7, now=STARTS)
        for one in four[2:]:
            play(one, cup(), [True] * 6, now=STARTS)
        pairings = [pairing_of(one, cup()) for one in four[2:]]
        meet_after(monkeypatch, tournaments, "is_due")
        run_together(
            *[
                partial(tap, one, pairing, 7, now=STARTS + MINUTE)
                for one, pairing in zip(four[2:], pairings, strict=True)
            ]
        )

        assert list(TournamentRound.objects.values_list("number", flat=True)) == [1]

    def test_two_schedulers_begin_and_end_it_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        registered(5)
        for now in (STARTS, *(STARTS + number * HALF_HOUR for number in (1, 2, 3))):
            with monkeypatch.context() as patched:
                meet_after(patched, tournaments, "lock")
                together = run_together(*[partial(advance, cup(), now=now)] * 2)
            assert sorted(together) == [False, True]

        assert cup().state == "FINISHED"
        assert TournamentNotice.objects.filter(kind="RESULT").count() == 5
        assert TournamentRound.objects.count() == 3

    def test_one_device_answers_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        one = begun(4)[0]
        play(one, cup(), [True], now=STARTS)
        pairing = pairing_of(one, cup())
        meet_after(monkeypatch, tournament_play, "_round_of")

        results = run_together(*[partial(tap, one, pairing, 2, now=STARTS + MINUTE)] * 2)

        assert names(results) == ["Answer", "RoundAnsweredError"]
        assert TournamentAnswer.objects.count() == 2


def at_once(call: Callable[[], Any]) -> Any:
    """Return what `call` does on another connection, or what it raises where it has to wait."""

    def impatient() -> Any:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '500ms'")
            return call()

    [result] = run_together(impatient)
    return result


class TestNobodyWaits:
    """A hundred play at once: only a step that is due keeps others waiting."""

    def test_for_who_looks(self) -> None:
        one, other = begun(4)[:2]
        show(other, cup(), now=STARTS)
        pairing = pairing_of(other, cup())

        with transaction.atomic():
            show(one, cup(), now=STARTS)
            result = at_once(partial(tap, other, pairing, 1, now=STARTS))

        assert names([result]) == ["Answer"]

    def test_without_leaving_the_others_alone_they_do(self) -> None:
        """Show that the test above can fail: lock all pairings, and the answer has to wait."""
        one = begun(4)[0]
        show(one, cup(), now=STARTS)
        pairing = pairing_of(one, cup())

        with transaction.atomic():
            tournaments._lock_pairings(current(cup()))
            result = at_once(partial(tap, one, pairing, 1, now=STARTS))

        assert "lock timeout" in str(result)

    def two_of_eighteen(self) -> Any:
        """Let two give their last answers while sixteen have not begun; return the second's."""
        one, other = begun(18)[:2]
        for player_ in (one, other):
            play(player_, cup(), [True] * 6, now=STARTS)
        mine, theirs = pairing_of(one, cup()), pairing_of(other, cup())
        with transaction.atomic():
            tap(one, mine, 7, now=STARTS + MINUTE)
            return at_once(partial(tap, other, theirs, 7, now=STARTS + MINUTE))

    def test_for_a_last_answer_when_it_is_none_of_the_last_few(self) -> None:
        assert names([self.two_of_eighteen()]) == ["Answer"]

    def test_but_among_the_last_few_they_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tournament_play, "LAST_FEW", 18)

        assert "lock timeout" in str(self.two_of_eighteen())

    def test_and_what_no_answer_ends_the_job_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tournament_play, "LAST_FEW", 0)
        for one in begun(4):
            play(one, cup(), [True] * 7, now=STARTS)
        before = current(cup()).number

        run(STARTS + MINUTE)

        assert (before, current(cup()).number) == (1, 2)

    def test_who_begins_a_round_while_it_ends_sees_the_next(self) -> None:
        one = begun(4)[0]
        late = STARTS + HALF_HOUR

        _, view = overlap(
            partial(advance, cup(), now=late),
            transaction.atomic(
                partial(
                    tournament_play.play, player=one, tournament_id=cup().pk, now=late - INSTANT
                )
            ),
        )

        assert (view.current.number, view.next) == (2, None)
        started = Pairing.objects.filter(player=one).order_by("round__number")
        assert list(started.values_list("started_at", flat=True)) == [None, None]


class TestPrizes:
    def test_two_workers_grant_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        CupPrize.objects.create(place_from=1, place_to=1, paid_energy=10)
        four = begun(4)
        play(four[0], cup(), [True] * 7, now=STARTS)
        for number in (1, 2, 3):
            advance(cup(), now=STARTS + number * HALF_HOUR)
        winner = TournamentPlayer.objects.get(prize__isnull=False)
        grant = partial(
            tournaments.grant_prize,
            tournament_player_id=winner.pk,
            now=STARTS + 3 * HALF_HOUR,
        )

        assert sorted(run_together(grant, grant)) == [False, True]

        assert LedgerEntry.objects.filter(type="PRIZE").count() == 1


class TestKilled:
    """A worker that dies loses the step that it was at, and nothing else."""

    def die(self, monkeypatch: pytest.MonkeyPatch, name: str, now: datetime) -> None:
        """Let the worker die right after a function of the step has returned."""

        def dead(*args: Any, **kwargs: Any) -> Any:
            real(*args, **kwargs)
            raise SystemExit

        real = getattr(tournaments, name)
        with monkeypatch.context() as patched:
            patched.setattr(tournaments, name, dead)
            with pytest.raises(SystemExit):
                advance(cup(), now=now)

    def test_at_each_place_of_each_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        CupPrize.objects.create(place_from=1, place_to=4, paid_energy=10)
        four = registered(4)
        for name in ("_draw", "_pairs", "_notify"):
            self.die(monkeypatch, name, STARTS)
            assert (cup().state, TournamentRound.objects.count()) == ("OPEN", 0)
        run(STARTS)
        for number in (1, 2, 3):
            play(four[0], cup(), [True] * 7, now=STARTS + (number - 1) * HALF_HOUR)
            names_of_step = ("_end_round", "_draw", "_notify") if number < 3 else (
                "_end_round", "_prizes", "_award_badges", "_notify",
            )  # fmt: skip
            for name in names_of_step:
                self.die(monkeypatch, name, STARTS + number * HALF_HOUR)
                assert TournamentRound.objects.filter(ended_at=None).get().number == number
                assert not Pairing.objects.filter(round__number=number).exclude(outcome="").exists()
            advance(cup(), now=STARTS + number * HALF_HOUR)
        # Between the end and the prizes, and between a prize and the note that it was granted.
        assert not LedgerEntry.objects.filter(type="PRIZE").exists()
        run(STARTS + 3 * HALF_HOUR)
        run(STARTS + 3 * HALF_HOUR)

        assert (cup().state, Badge.objects.get().kind) == ("FINISHED", "CUP_FIRST")
        assert LedgerEntry.objects.get(type="PRIZE").player == four[0]


def test_it_is_begun_or_taken_back_and_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    anna = player("Anna")
    tournament = make(anna)
    join(player(), tournament)

    def back(one: Player) -> Tournament:
        with transaction.atomic():
            return private_tournaments.leave(player=one, tournament_id=tournament.pk, now=OPENS)

    meet_after(monkeypatch, tournaments, "lock")
    run_together(partial(back, anna), partial(start, anna, tournament, now=OPENS))

    tournament.refresh_from_db()
    assert tournament.state in ("RUNNING", "CALLED_OFF")
