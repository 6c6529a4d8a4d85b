"""Claiming, working, failing, taking over: the inbox by itself."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction

from bot.queue import client, inbox
from bot.queue.inbox import Claim
from bot.queue.models import InboxUpdate, OutgoingCall
from quizarena.players.models import Player
from tests.concurrency import Meeting, run_together

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
Json = dict[str, Any]


def make_update(update_id: int, *, player: int | None = None, **fields: Any) -> InboxUpdate:
    """Store an update as it came at noon, of the given player."""
    return InboxUpdate.objects.create(
        **{
            "update_id": update_id,
            "kind": "message",
            "player_key": player,
            "payload": {"update_id": update_id},
            "received_at": NOON,
            "due_at": NOON,
            **fields,
        }
    )


def working(update_id: int, *, player: int | None = None, attempts: int = 1) -> Claim:
    """Store an update that was claimed at noon, and return the claim."""
    make_update(update_id, player=player, state="WORKING", claimed_at=NOON, attempts=attempts)
    return Claim(update_id=update_id, attempt=attempts)


def claimed(now: datetime, *, limit: int = 10) -> list[int]:
    """Claim what is due and return the update ids."""
    return [one.update_id for one in inbox.claim(now=now, limit=limit)]


def say(payload: Json, text: str = "Hallo") -> None:
    """Handle an update: send a message through the outbox."""
    client.run(client.bot().send_message(4711, text))


def fail(payload: Json) -> None:
    """Handle an update: say something, meet somebody, and fail."""
    say(payload)
    Player.objects.create(telegram_id=1, first_name="X", created_at=NOON, last_seen_at=NOON)
    raise ZeroDivisionError("nothing \0 to divide")


def ignore(payload: Json) -> None:
    """Do nothing."""


def work(
    handle: Callable[[Json], None],
    *,
    slow_down: Callable[[Json], None] = ignore,
    give_up: Callable[[Json], None] = ignore,
) -> int:
    """Work on everything that is due at the frozen time, and return how many claims that took."""
    return inbox.work(
        handle=handle, slow_down=slow_down, give_up=give_up, until=NOON + timedelta(days=1)
    )


@pytest.mark.django_db
class TestClaim:
    def test_oldest_first_and_one_of_each_player(self) -> None:
        for update_id, player in [(10, 1), (11, 1), (12, 2), (13, None), (14, None), (15, 2)]:
            make_update(update_id, player=player)

        assert claimed(NOON) == [10, 12, 13, 14]
        assert claimed(NOON) == []

    def test_what_is_due_earlier_comes_first(self) -> None:
        make_update(1, player=1)
        make_update(2, player=2, due_at=NOON - timedelta(seconds=1))
        make_update(3, player=3)

        assert claimed(NOON, limit=1) == [2]
        assert claimed(NOON, limit=1) == [1]

    def test_no_more_than_asked_for(self) -> None:
        for number in range(15):
            make_update(number, player=number)

        assert claimed(NOON, limit=4) == [0, 1, 2, 3]
        assert len(claimed(NOON)) == 10

    def test_nothing_before_it_is_due(self) -> None:
        make_update(1, due_at=NOON + timedelta(microseconds=1))

        assert claimed(NOON) == []
        assert claimed(NOON + timedelta(microseconds=1)) == [1]

    def test_a_later_update_waits_for_the_retry_of_an_earlier_one(self) -> None:
        make_update(1, player=1, due_at=NOON + timedelta(seconds=9))
        make_update(2, player=1)

        assert claimed(NOON) == []
        assert claimed(NOON + timedelta(seconds=9)) == [1]

    def test_a_late_earlier_update_waits_for_the_later_one_that_is_worked_on(self) -> None:
        working(2, player=1)
        make_update(1, player=1)

        assert claimed(NOON) == []

    @pytest.mark.parametrize(
        "ended", [{"state": "DEAD"}, {"state": "DONE", "done_at": NOON}], ids=["dead", "done"]
    )
    def test_what_has_ended_holds_up_nobody(self, ended: Json) -> None:
        make_update(1, player=1, **ended)
        make_update(2, player=1)

        assert claimed(NOON) == [2]

    def test_a_claim_is_numbered_and_dated(self) -> None:
        make_update(1, attempts=2)

        assert inbox.claim(now=NOON) == [Claim(update_id=1, attempt=3)]
        row = InboxUpdate.objects.get()
        assert (row.state, row.attempts, row.claimed_at) == ("WORKING", 3, NOON)

    def test_the_backlog_of_one_player_delays_nobody(self) -> None:
        InboxUpdate.objects.bulk_create(
            InboxUpdate(
                update_id=number,
                kind="message",
                player_key=1,
                payload={},
                received_at=NOON,
                due_at=NOON,
            )
            for number in range(16_000)
        )
        make_update(20_000, player=2)

        begin = time.perf_counter()
        found = claimed(NOON)

        assert found == [0, 20_000]
        # A join of the backlog with itself takes twelve seconds here, on a quiet machine.
        assert time.perf_counter() - begin < 5


@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    def claim_and_stay(self, barrier: Barrier) -> list[int]:
        """Claim, and end the transaction only when the other one has claimed as well."""
        with transaction.atomic():
            found = claimed(NOON, limit=5)
            barrier.wait(5)
        return found

    def test_two_workers_share_the_updates_without_waiting_for_each_other(self) -> None:
        for number in range(10):
            make_update(number, player=number)

        claim = partial(self.claim_and_stay, Barrier(2))
        first, second = run_together(claim, claim)

        assert sorted(first + second) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
        assert len(first) == len(second) == 5

    def test_two_workers_never_have_updates_of_one_player(self) -> None:
        for number in range(10):
            make_update(number, player=1)

        claim = partial(self.claim_and_stay, Barrier(2))
        first, second = run_together(claim, claim)

        assert sorted([first, second]) == [[], [0]]

    def test_updates_of_one_player_are_never_worked_on_at_once(self) -> None:
        """The earlier one came late: both are claimed."""
        assert self.meetings(working(1, player=7), working(2, player=7)) == 0

    def test_updates_of_two_players_are_worked_on_at_once(self) -> None:
        """Show that the test above can fail."""
        assert self.meetings(working(1, player=7), working(2, player=8)) == 2

    def meetings(self, *claims: Claim) -> int:
        """Work on all claims at once; return how many handlers saw another one at work."""
        meeting = Meeting(2)
        met: list[int] = []

        def handle(payload: Json) -> None:
            if meeting.wait():
                met.append(payload["update_id"])

        run_together(
            *(
                partial(inbox.process, one, handle=handle, slow_down=ignore, give_up=ignore)
                for one in claims
            )
        )

        assert {row.state for row in InboxUpdate.objects.all()} == {"DONE"}
        return len(met)

    def test_the_claim_of_a_living_worker_is_not_taken_over(self) -> None:
        one = working(1, player=7)
        begun, may_end = Event(), Event()

        def slow(payload: Json) -> None:
            begun.set()
            assert may_end.wait(5), "The sweep waits for the worker."

        def sweep() -> int:
            begun.wait(5)
            taken = inbox.release_expired_claims(now=NOON + timedelta(hours=1))
            may_end.set()
            return taken

        _, taken = run_together(
            partial(inbox.process, one, handle=slow, slow_down=ignore, give_up=ignore), sweep
        )

        assert taken == 0
        assert InboxUpdate.objects.get().state == "DONE"


@pytest.mark.django_db
class TestTakeOver:
    def test_a_claim_is_good_for_ten_seconds(self) -> None:
        working(1)

        assert inbox.release_expired_claims(now=NOON + timedelta(seconds=9.999)) == 0
        assert inbox.release_expired_claims(now=NOON + timedelta(seconds=10)) == 1
        assert inbox.claim(now=NOON) == [Claim(update_id=1, attempt=2)]

    def test_a_claim_that_was_taken_over_does_nothing(self) -> None:
        first = working(1, player=7)
        inbox.release_expired_claims(now=NOON + timedelta(seconds=10))

        inbox.process(first, handle=say, slow_down=ignore, give_up=ignore)
        unclaimed = InboxUpdate.objects.get().state
        (second,) = inbox.claim(now=NOON)
        inbox.process(first, handle=say, slow_down=ignore, give_up=ignore)
        before = OutgoingCall.objects.count()
        inbox.process(second, handle=say, slow_down=ignore, give_up=ignore)

        assert (unclaimed, before) == ("NEW", 0)
        assert InboxUpdate.objects.get().state == "DONE"
        assert OutgoingCall.objects.count() == 1

    def test_a_done_update_is_not_worked_on_again(self) -> None:
        one = working(1)

        inbox.process(one, handle=say, slow_down=ignore, give_up=ignore)
        inbox.process(one, handle=say, slow_down=ignore, give_up=ignore)

        assert OutgoingCall.objects.count() == 1

    def test_an_update_that_kills_its_workers_is_dead_at_last(self) -> None:
        make_update(1, player=7)
        now, claims = NOON, 0

        while inbox.claim(now=now):
            claims += 1
            now += timedelta(seconds=10)
            inbox.release_expired_claims(now=now)

        assert claims == 20
        row = InboxUpdate.objects.get()
        assert (row.state, row.last_error) == (
            "DEAD",
            "The worker died while it was processing this update.",
        )


@pytest.mark.django_db
class TestWork:
    def test_what_an_update_causes_is_committed_with_it(self) -> None:
        make_update(1, player=7)

        with time_machine.travel(NOON, tick=False):
            count = work(say)

        assert count == 1
        row = InboxUpdate.objects.get()
        assert (row.state, row.done_at, row.attempts) == ("DONE", NOON, 1)
        call = OutgoingCall.objects.get()
        assert (call.caused_by_id, call.method, call.chat_key, call.state) == (
            1,
            "sendMessage",
            4711,
            "PENDING",
        )
        assert call.parameters == {"chat_id": 4711, "text": "Hallo"}

    def test_a_handler_that_fails_once_is_called_again_a_second_later(self) -> None:
        make_update(1, player=7)
        with time_machine.travel(NOON, tick=False):
            work(fail)
        after_failure = InboxUpdate.objects.get()

        early = claimed(NOON + timedelta(seconds=0.999))
        with time_machine.travel(NOON + timedelta(seconds=1), tick=False):
            count = work(say)

        assert (after_failure.state, after_failure.due_at) == ("NEW", NOON + timedelta(seconds=1))
        assert (early, count) == ([], 1)
        row = InboxUpdate.objects.get()
        assert (row.state, row.attempts) == ("DONE", 2)
        assert OutgoingCall.objects.count() == 1

    def test_nothing_of_a_failed_handler_stays_but_its_traceback(self) -> None:
        make_update(1, player=7)

        with time_machine.travel(NOON, tick=False):
            work(fail)

        assert not OutgoingCall.objects.exists()
        assert not Player.objects.exists()
        error = InboxUpdate.objects.get().last_error
        assert "in fail" in error
        assert error.endswith("ZeroDivisionError: nothing  to divide\n")

    def test_an_error_of_the_database_is_a_failure_like_any_other(self) -> None:
        def handle(payload: Json) -> None:
            say(payload)
            Player.objects.create(first_name="no id", created_at=NOON, last_seen_at=NOON)

        make_update(1, player=7)

        with time_machine.travel(NOON, tick=False):
            work(handle)

        assert InboxUpdate.objects.get().state == "NEW"
        assert "IntegrityError" in InboxUpdate.objects.get().last_error
        assert not OutgoingCall.objects.exists()

    def test_a_handler_that_always_fails_is_tried_five_times_and_holds_up_only_its_player(
        self,
    ) -> None:
        poison, later, other = 1, 2, 3
        make_update(poison, player=7)
        make_update(later, player=7)
        make_update(other, player=8)
        done_at: dict[int, float] = {}
        tries: list[float] = []

        def handle(payload: Json) -> None:
            after = (datetime.now(tz=UTC) - NOON).total_seconds()
            if payload["update_id"] == poison:
                tries.append(after)
                fail(payload)
            done_at[payload["update_id"]] = after

        for second in range(60):
            with time_machine.travel(NOON + timedelta(seconds=second), tick=False):
                work(handle, give_up=partial(say, text="Entschuldigung"))

        assert tries == [0, 1, 4, 13, 40]
        assert done_at == {other: 0, later: 40}
        dead = InboxUpdate.objects.get(pk=poison)
        assert (dead.state, dead.attempts) == ("DEAD", 5)
        assert "ZeroDivisionError" in dead.last_error
        # Nothing of the five tries, one apology.
        assert [call.parameters["text"] for call in OutgoingCall.objects.all()] == [
            "Entschuldigung"
        ]
        assert not Player.objects.exists()

    def test_an_apology_that_fails_too_changes_nothing(self) -> None:
        one = working(1, attempts=5)

        inbox.process(one, handle=fail, slow_down=ignore, give_up=fail)

        assert InboxUpdate.objects.get().state == "DEAD"
        assert not OutgoingCall.objects.exists()

    def test_a_worker_whose_time_is_over_finishes_what_it_has_claimed(self) -> None:
        for number in range(15):
            make_update(number, player=number)

        with time_machine.travel(NOON, tick=False):
            first = inbox.work(handle=ignore, slow_down=ignore, give_up=ignore, until=NOON)
            second = inbox.work(
                handle=ignore, slow_down=ignore, give_up=ignore, until=NOON + timedelta(seconds=1)
            )

        assert (first, second) == (10, 5)

    def test_a_dead_update_can_be_given_all_its_tries_again(self) -> None:
        make_update(1, state="DEAD", attempts=5)
        make_update(2)

        with time_machine.travel(NOON, tick=False):
            again = inbox.try_again(update_id=1), inbox.try_again(update_id=2)
            work(fail)

        assert again == (True, False)
        row = InboxUpdate.objects.get(pk=1)
        assert (row.state, row.attempts) == ("NEW", 1)

    @pytest.mark.out_of_order
    def test_what_ended_long_ago_is_deleted_and_a_batch_is_bounded(self) -> None:
        for number in range(5):
            make_update(number, state="DONE", done_at=NOON - timedelta(days=30))
        make_update(10, state="DONE", done_at=NOON)
        make_update(11, state="DEAD", received_at=NOON)
        make_update(12, received_at=NOON - timedelta(days=30))
        make_update(13, state="DEAD", received_at=NOON - timedelta(days=30))

        assert inbox.purge(before=NOON, limit=3) == 3
        assert inbox.purge(before=NOON, limit=3) == 3
        assert inbox.purge(before=NOON, limit=3) == 0
        kept = InboxUpdate.objects.order_by("pk").values_list("pk", flat=True)
        assert [*kept] == [10, 11, 12]


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the functions."""

    def move(self, old: str, new: str) -> None:
        make_update(1, state=old, claimed_at=NOON, done_at=NOON if old == "DONE" else None)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE bot_inboxupdate SET state = %s, done_at = %s WHERE update_id = 1",
                [new, NOON if new == "DONE" else None],
            )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("NEW", "WORKING"),
            ("WORKING", "NEW"),
            ("WORKING", "DONE"),
            ("WORKING", "DEAD"),
            ("DEAD", "NEW"),
        ],
    )
    def test_a_move_of_an_updates_life(self, old: str, new: str) -> None:
        self.move(old, new)

        assert InboxUpdate.objects.get().state == new

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("NEW", "DONE"),
            ("NEW", "DEAD"),
            ("DONE", "NEW"),
            ("DONE", "WORKING"),
            ("DONE", "DEAD"),
            ("DEAD", "WORKING"),
            ("DEAD", "DONE"),
        ],
    )
    def test_every_other_move_is_refused(self, old: str, new: str) -> None:
        with pytest.raises(DatabaseError, match="Invalid transition"):
            self.move(old, new)

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"state": "LOST"}, "inbox_state_is_known"),
            ({"state": "WORKING"}, "inbox_working_has_claimed_at"),
            ({"state": "DONE"}, "inbox_done_has_done_at"),
            ({"done_at": NOON}, "inbox_done_has_done_at"),
        ],
    )
    def test_a_row_that_makes_no_sense(self, fields: Json, name: str) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            make_update(1, **fields)

    def test_one_row_per_update(self) -> None:
        make_update(1)

        with pytest.raises(IntegrityError), transaction.atomic():
            make_update(1)
