"""Collecting, claiming, pacing, recording: the outbox by itself, at a time of our own."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings
from telegram.error import TelegramError

from bot.queue import client, outbox
from bot.queue.models import CallState, InboxUpdate, Lane, OutgoingCall, RateLimit
from bot.queue.outbox import Delivery, Outcome
from tests.concurrency import meet_after, overlap, run_together, take_row_locks_away

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return the instant so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def make_call(chat: int | None, *, method: str = "sendMessage", **fields: Any) -> int:
    """Store a call that waits since noon, a new message unless said otherwise; return its id."""
    call = OutgoingCall.objects.create(
        **{
            "method": method,
            "chat_key": chat,
            "parameters": {"chat_id": chat},
            "paced": method.startswith("send"),
            "created_at": NOON,
            "due_at": NOON,
            **fields,
        }
    )
    return call.pk


def sent(delivery: Delivery, **fields: Any) -> Outcome:
    """Return the outcome of a call that went well, or as `fields` say."""
    return Outcome(
        **{
            "id": delivery.id,
            "claim_number": delivery.claim_number,
            "state": CallState.SENT,
            "due_at": NOON,
            "attempts": delivery.attempts + 1,
            **fields,
        }
    )


def rate_limited(delivery: Delivery, *, seconds: float) -> Outcome:
    """Return the outcome of a call that Telegram answered with a retry_after, at noon."""
    return sent(
        delivery,
        state=CallState.PENDING,
        due_at=after(seconds),
        attempts=delivery.attempts,
        rate_limited=True,
    )


def claims_are(age: timedelta) -> None:
    """Let every claim that no outcome has ended be so old, by the clock of the database."""
    OutgoingCall.objects.filter(state="SENDING").update(claimed_at=Now() - age)


def claimed(now: datetime, *, limit: int = 64) -> list[int]:
    """Take a turn that records nothing and return the ids of the claimed calls."""
    return [one.id for one in outbox.record_and_claim(outcomes=[], limit=limit, now=now)]


class Senders:
    """Senders that take turns; every call arrives at once."""

    def __init__(self, count: int = 1) -> None:
        self._flying: list[list[Delivery]] = [[] for _ in range(count)]
        self._turn = 0
        self.sent: list[tuple[float, int]] = []

    def run(self, *, seconds: float, every: float) -> None:
        """Let a sender have its turn `every` so many seconds, one after the other, from noon on."""
        for number in range(int(seconds / every) + 1):
            self.turn(number * every)

    def turn(self, at: float) -> None:
        """Let the next sender record what it has sent and claim more."""
        place = self._turn % len(self._flying)
        self._turn += 1
        self._flying[place] = outbox.record_and_claim(
            outcomes=[sent(one) for one in self._flying[place]], limit=64, now=after(at)
        )
        self.sent += [(at, one.id) for one in self._flying[place]]

    def seconds_of(self, *calls: int) -> list[float]:
        """Return when each of the calls left."""
        left = {call: at for at, call in self.sent}
        return [left[call] for call in calls]

    def most_within_a_second(self) -> int:
        """Return how many calls left in the busiest second, wherever it begins."""
        times = [at for at, _ in self.sent]
        return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


@pytest.mark.django_db
class TestOrder:
    def test_calls_of_one_chat_leave_one_after_the_other(self) -> None:
        first, second = make_call(1), make_call(1)
        other = make_call(2)

        (one, _) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        meanwhile = claimed(NOON)
        following = outbox.record_and_claim(outcomes=[sent(one)], limit=64, now=NOON)

        assert one.id == first
        assert meanwhile == []
        assert [call.id for call in following] == [second]
        assert OutgoingCall.objects.get(pk=other).state == "SENDING"

    def test_a_call_that_waits_for_its_next_try_holds_up_its_chat_only(self) -> None:
        make_call(1, due_at=after(4))
        make_call(1)
        other = make_call(2)

        assert claimed(NOON) == [other]

    def test_calls_without_a_chat_leave_together(self) -> None:
        calls = [make_call(None, method="answerCallbackQuery") for _ in range(3)]

        assert claimed(NOON) == calls

    def test_answers_overtake_bulk_messages(self) -> None:
        bulk = [make_call(chat, lane=Lane.BULK) for chat in range(3)]
        answers = [make_call(chat) for chat in range(10, 13)]

        assert claimed(NOON, limit=4) == [*answers, bulk[0]]

    def test_an_answer_does_not_wait_for_a_bulk_message_to_the_same_chat(self) -> None:
        make_call(1, lane=Lane.BULK)
        claimed(NOON)
        answer = make_call(1)

        assert claimed(NOON) == [answer]

    def test_a_bulk_message_waits_for_the_answers_to_its_chat(self) -> None:
        bulk = make_call(1, lane=Lane.BULK)
        make_call(1)

        (answer,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        meanwhile = claimed(NOON)
        following = outbox.record_and_claim(outcomes=[sent(answer)], limit=64, now=NOON)

        assert answer.lane == Lane.ANSWER
        assert meanwhile == []
        assert [call.id for call in following] == [bulk]

    def test_no_more_leave_than_there_is_room_for(self) -> None:
        calls = [make_call(chat) for chat in range(5)]

        assert claimed(NOON, limit=0) == []
        assert claimed(NOON, limit=3) == calls[:3]
        assert claimed(NOON, limit=3) == calls[3:]


@pytest.mark.django_db
class TestPace:
    def test_a_chat_gets_three_messages_at_once_and_then_one_a_second(self) -> None:
        calls = [make_call(1) for _ in range(6)]
        senders = Senders()

        senders.run(seconds=4, every=0.05)

        seconds = senders.seconds_of(*calls)
        assert [round(at) for at in seconds] == [0, 0, 0, 1, 2, 3]
        assert max(seconds[:3]) <= 0.1

    def test_after_a_rest_it_is_three_at_once_again(self) -> None:
        first = [make_call(1) for _ in range(3)]
        senders = Senders()
        senders.run(seconds=0.5, every=0.1)
        second = [make_call(1) for _ in range(4)]

        for at in (10.0, 10.1, 10.2, 10.3, 10.4):
            senders.turn(at)

        assert max(senders.seconds_of(*first)) <= 0.3
        assert senders.seconds_of(*second[:3]) == [10.0, 10.1, 10.2]
        assert second[3] not in [call for _, call in senders.sent]

    def test_edits_and_answers_to_taps_need_no_pace(self) -> None:
        for _ in range(3):
            make_call(1)
        senders = Senders()
        senders.run(seconds=0.3, every=0.1)
        edits = [make_call(1, method="editMessageText") for _ in range(5)]
        taps = [make_call(None, method="answerCallbackQuery") for _ in range(5)]

        for number in range(5):
            senders.turn(0.4 + number / 100)

        assert max(senders.seconds_of(*edits, *taps)) < 0.45

    def test_bulk_messages_leave_at_28_a_second_from_all_senders_together(self) -> None:
        for chat in range(400):
            make_call(chat, lane=Lane.BULK)
        senders = Senders(2)

        senders.run(seconds=5, every=0.05)

        assert senders.most_within_a_second() <= 31
        assert 140 <= len(senders.sent) <= 143

    def test_a_lane_at_rest_saves_up_no_burst(self) -> None:
        for chat in range(100):
            make_call(chat, lane=Lane.BULK)
        senders = Senders()
        senders.turn(0)
        senders.turn(0.01)
        begin = len(senders.sent)

        for number in range(20):
            senders.turn(60 + number / 20)

        assert begin <= 3
        assert len(senders.sent) - begin <= 31

    def test_answers_and_bulk_messages_share_the_pace_of_their_chat(self) -> None:
        calls = [make_call(1), make_call(1), make_call(1), make_call(1, lane=Lane.BULK)]
        senders = Senders()

        senders.run(seconds=2, every=0.05)

        assert [round(at) for at in sorted(senders.seconds_of(*calls))] == [0, 0, 0, 1]

    def test_answers_have_no_ceiling_unless_one_is_set(self) -> None:
        calls = [make_call(chat) for chat in range(100)]

        assert claimed(NOON, limit=200) == calls

    def test_a_ceiling_for_answers_is_kept_by_all_senders_together(
        self, settings: Settings
    ) -> None:
        settings.OUTGOING_ANSWERS_PER_SECOND = 10
        for chat in range(100):
            make_call(chat)
        senders = Senders(2)

        senders.run(seconds=3, every=0.05)

        assert senders.most_within_a_second() <= 11
        assert 30 <= len(senders.sent) <= 31

    def test_paces_of_chats_at_rest_are_forgotten(self) -> None:
        make_call(1)
        make_call(2, lane=Lane.BULK)
        claimed(NOON)

        assert outbox.purge_rate_limits(now=after(1)) == 0
        assert outbox.purge_rate_limits(now=after(1.001)) == 2
        assert [*RateLimit.objects.values_list("name", flat=True)] == ["bulk"]


@pytest.mark.django_db(transaction=True)
class TestTwoSenders:
    def test_two_senders_at_one_instant_keep_one_pace(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meet_after(monkeypatch, QuerySet, "get")

        assert self.claimed_together() == 3

    def test_without_the_lock_they_send_twice_as_much(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        meet_after(monkeypatch, QuerySet, "get")
        take_row_locks_away(monkeypatch)

        assert self.claimed_together() == 6

    def claimed_together(self) -> int:
        """Let two senders claim bulk messages at the same time; return how many in all."""
        for chat in range(50):
            make_call(chat, lane=Lane.BULK)
        RateLimit.objects.create(name="bulk", free_at=after(-60))
        first, second = run_together(partial(claimed, NOON), partial(claimed, NOON))
        assert not {*first} & {*second}
        return len(first) + len(second)

    def test_two_senders_share_the_answers_of_many_chats(self) -> None:
        calls = [make_call(chat) for chat in range(20)]

        first, second = run_together(
            partial(claimed, NOON, limit=10), partial(claimed, NOON, limit=10)
        )
        rest = claimed(NOON)

        assert sorted(first + second + rest) == calls


@pytest.mark.django_db
class TestStop:
    def test_while_telegram_wants_us_to_wait_nothing_leaves(self) -> None:
        answer, bulk = make_call(1), make_call(2, lane=Lane.BULK)

        stopping = outbox.record_and_claim(outcomes=[], limit=64, now=NOON, stop_until=after(5))

        assert stopping == []
        assert claimed(after(4.999)) == []
        assert claimed(after(5)) == [answer, bulk]

    def test_of_two_stops_the_longer_one_holds(self) -> None:
        call = make_call(1)

        outbox.record_and_claim(outcomes=[], limit=64, now=NOON, stop_until=after(5))
        outbox.record_and_claim(outcomes=[], limit=64, now=NOON, stop_until=after(2))

        assert claimed(after(4.999)) == []
        assert claimed(after(5)) == [call]

    def test_outcomes_are_recorded_all_the_same(self) -> None:
        make_call(1)
        (delivery,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)

        outbox.record_and_claim(outcomes=[sent(delivery)], limit=64, now=NOON, stop_until=after(5))

        assert OutgoingCall.objects.get().state == "SENT"


@pytest.mark.django_db
class TestChatsThatAreToldToWait:
    """Product rules, section 13."""

    def limit(self, *chats: int, at: datetime = NOON, seconds: float = 5, **fields: Any) -> None:
        """Let Telegram limit each chat, so many seconds after noon."""
        for chat in chats:
            make_call(chat, **fields)
        deliveries = outbox.record_and_claim(outcomes=[], limit=64, now=at)
        assert len(deliveries) == len(chats)
        outbox.record_and_claim(
            outcomes=[rate_limited(one, seconds=seconds) for one in deliveries], limit=64, now=at
        )

    def test_one_waits_and_ten_others_are_served_at_once(self) -> None:
        self.limit(1)
        others = [make_call(chat) for chat in range(11, 21)]

        assert claimed(NOON) == others
        assert claimed(after(4.999)) == []
        assert len(claimed(after(5))) == 1
        assert not RateLimit.objects.filter(name="stop").exists()

    def test_nothing_leaves_for_its_chat_whatever_it_is(self) -> None:
        """An edit needs no pace, an answer overtakes bulk, and a newer edit replaces the call."""
        self.limit(1, method="editMessageText", parameters={"chat_id": 1, "message_id": 5})
        make_call(1, method="editMessageText", parameters={"chat_id": 1, "message_id": 5})
        make_call(1)
        make_call(1, lane=Lane.BULK)
        OutgoingCall.objects.update(due_at=NOON)

        assert claimed(after(4.999)) == []
        assert len(claimed(after(5))) == 1

    def test_of_two_waits_the_longer_one_holds(self) -> None:
        self.limit(1, seconds=60)
        OutgoingCall.objects.all().delete()
        RateLimit.objects.update(limited_until=after(60), limited_at=after(-60))
        call = OutgoingCall.objects.create(
            method="sendMessage",
            chat_key=1,
            parameters={},
            paced=True,
            state=CallState.SENDING,
            created_at=NOON,
            due_at=NOON,
        )
        shorter = Outcome(
            id=call.pk,
            claim_number=0,
            state=CallState.PENDING,
            due_at=after(2),
            attempts=0,
            rate_limited=True,
        )

        outbox.record_and_claim(outcomes=[shorter], limit=0, now=NOON)

        assert RateLimit.objects.get(name="chat:1").limited_until == after(60)

    def test_a_call_without_a_chat_counts_as_its_players(self) -> None:
        update = InboxUpdate.objects.create(
            update_id=1, kind="x", player_key=7, payload={}, received_at=NOON, due_at=NOON
        )
        for _ in range(5):
            make_call(None, method="answerCallbackQuery", caused_by=update)
        taps = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)

        outbox.record_and_claim(
            outcomes=[rate_limited(tap, seconds=5) for tap in taps], limit=64, now=NOON
        )

        make_call(7)
        other = make_call(8)
        assert claimed(NOON) == [other]

    def test_two_chats_do_not_stop_everybody(self) -> None:
        self.limit(1, 2)
        other = make_call(3)

        assert claimed(NOON) == [other]

    def test_three_chats_within_the_same_seconds_stop_everybody(self) -> None:
        self.limit(1, at=NOON, seconds=9)
        self.limit(2, at=after(1.5), seconds=8)
        self.limit(3, at=after(2.9), seconds=5)
        other = make_call(4)

        assert claimed(after(8.999)) == []
        assert other in claimed(after(9))

    def test_three_chats_one_after_the_other_do_not(self) -> None:
        self.limit(1, at=NOON, seconds=60)
        self.limit(2, at=after(2), seconds=60)
        self.limit(3, at=after(4), seconds=60)
        other = make_call(4)

        assert claimed(after(4)) == [other]

    def test_a_bulk_call_that_is_limited_stops_everybody(self) -> None:
        self.limit(1, lane=Lane.BULK)
        answer = make_call(2)

        assert claimed(after(4.999)) == []
        assert answer in claimed(after(5))

    def test_a_chat_that_still_waits_is_not_forgotten(self) -> None:
        self.limit(1, seconds=60)

        assert outbox.purge_rate_limits(now=after(59)) == 0
        assert outbox.purge_rate_limits(now=after(61)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_chat_that_is_limited_and_a_claim_of_its_lane_do_not_lock_each_other_out() -> None:
    """One sender holds its lane and wants the chat, another one has the chat and continues."""
    RateLimit.objects.bulk_create([RateLimit(name="bulk", free_at=after(-60))])
    make_call(1)
    (answer,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
    for chat in range(2, 5):
        make_call(chat, lane=Lane.BULK)
    wait = rate_limited(answer, seconds=5)

    first, second = overlap(
        partial(outbox.record_and_claim, outcomes=[wait], limit=64, now=NOON),
        partial(claimed, NOON),
    )

    assert first == []
    assert len(second) == 3


@pytest.mark.django_db
class TestEditsOfOneMessage:
    """Product rules, section 13: they coalesce to the newest."""

    def edit(self, message: int = 5, *, chat: int = 1, **fields: Any) -> int:
        """Store an edit of a message's text."""
        parameters = {"chat_id": chat, "message_id": message}
        return make_call(chat, **{"method": "editMessageText", "parameters": parameters, **fields})

    def states(self) -> list[str]:
        """Return the state of every call, oldest first."""
        return [*OutgoingCall.objects.order_by("pk").values_list("state", flat=True)]

    def test_only_the_newest_leaves(self) -> None:
        *_, newest = [self.edit() for _ in range(10)]

        assert claimed(NOON) == [newest]
        assert self.states() == ["SUPERSEDED"] * 9 + ["SENDING"]
        assert OutgoingCall.objects.filter(finished_at=NOON).count() == 9

    def test_one_that_was_limited_is_superseded_too(self) -> None:
        self.edit()
        (older,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        newer = self.edit()
        outbox.record_and_claim(outcomes=[rate_limited(older, seconds=5)], limit=64, now=NOON)

        assert claimed(after(5)) == [newer]
        assert self.states() == ["SUPERSEDED", "SENDING"]

    def test_one_that_is_on_its_way_is_waited_for(self) -> None:
        self.edit()
        (older,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        newer = self.edit()

        assert claimed(NOON) == []
        following = outbox.record_and_claim(outcomes=[sent(older)], limit=64, now=NOON)
        assert [one.id for one in following] == [newer]
        assert self.states() == ["SENT", "SENDING"]

    def test_edits_of_other_messages_and_chats_are_made(self) -> None:
        first, other_chat = self.edit(5), self.edit(5, chat=2)
        second = self.edit(6)

        (one, two) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        following = outbox.record_and_claim(outcomes=[sent(one), sent(two)], limit=64, now=NOON)

        assert [one.id, two.id] == [first, other_chat]
        assert [call.id for call in following] == [second]

    def test_new_messages_are_never_superseded(self) -> None:
        parameters = {"chat_id": 1, "message_id": 5}
        calls = [make_call(1, parameters=parameters) for _ in range(2)]

        assert claimed(NOON) == calls[:1]
        assert self.states() == ["SENDING", "PENDING"]

    def test_a_text_replaces_the_buttons_and_not_the_other_way_round(self) -> None:
        self.edit(method="editMessageReplyMarkup")
        self.edit()
        text = self.edit()
        buttons = self.edit(method="editMessageReplyMarkup")

        (one,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        following = outbox.record_and_claim(outcomes=[sent(one)], limit=64, now=NOON)

        assert one.id == text
        assert [call.id for call in following] == [buttons]
        assert self.states() == ["SUPERSEDED", "SUPERSEDED", "SENT", "SENDING"]

    def test_what_was_superseded_is_not_made_again(self) -> None:
        older = self.edit()
        self.edit()
        claimed(NOON)

        assert not outbox.send_again(call_id=older)


@pytest.mark.django_db
class TestRecord:
    def test_an_outcome_is_written_down_whole(self) -> None:
        make_call(1)
        (delivery,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)

        outbox.record_and_claim(outcomes=[sent(delivery, message_id=17)], limit=0, now=after(1))

        row = OutgoingCall.objects.get()
        assert (row.state, row.attempts, row.message_id) == ("SENT", 1, 17)
        assert (row.claim_number, row.finished_at) == (1, after(1))

    def test_a_call_that_is_to_be_made_again_waits_for_its_time(self) -> None:
        call = make_call(1)
        (delivery,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        again = sent(
            delivery, state=CallState.PENDING, due_at=after(2), error="500", delivery_uncertain=True
        )

        outbox.record_and_claim(outcomes=[again], limit=64, now=NOON)

        assert claimed(after(1.999)) == []
        (delivery,) = outbox.record_and_claim(outcomes=[], limit=64, now=after(2))
        assert (delivery.id, delivery.attempts, delivery.delivery_uncertain) == (call, 1, True)
        assert OutgoingCall.objects.get().finished_at is None

    def test_an_outcome_for_a_call_that_is_not_under_way_is_ignored(self) -> None:
        make_call(1)
        (delivery,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        outbox.record_and_claim(outcomes=[sent(delivery)], limit=0, now=NOON)

        refused = sent(delivery, state=CallState.REFUSED)
        outbox.record_and_claim(outcomes=[refused], limit=0, now=NOON)

        assert OutgoingCall.objects.get().state == "SENT"


@pytest.mark.django_db
class TestFence:
    """An outcome counts only for the claim that it belongs to."""

    def claimed_twice(self) -> tuple[Delivery, Delivery]:
        """Let one sender claim a call, and another one after that one's claim has expired."""
        make_call(1)
        (first,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        claims_are(timedelta(seconds=30))
        outbox.release_expired_claims()
        (second,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        return first, second

    @pytest.mark.parametrize(
        ("state", "attempts"),
        [("SENT", 1), ("REFUSED", 1), ("GIVEN_UP", 1), ("MAYBE_SENT", 1), ("PENDING", 0)],
    )
    def test_a_sender_whose_claim_was_taken_over_changes_nothing(
        self, state: str, attempts: int
    ) -> None:
        first, second = self.claimed_twice()

        late = sent(first, state=CallState(state), attempts=attempts)
        outbox.record_and_claim(outcomes=[late], limit=0, now=NOON)
        row = OutgoingCall.objects.get()
        assert (row.state, row.attempts, row.delivery_uncertain) == ("SENDING", 1, True)
        assert claimed(NOON) == []

        outbox.record_and_claim(
            outcomes=[sent(second, state=CallState.REFUSED, error="Forbidden")], limit=0, now=NOON
        )
        row = OutgoingCall.objects.get()
        assert (row.state, row.attempts, row.error) == ("REFUSED", 2, "Forbidden")

    def test_an_outcome_that_is_recorded_twice_does_not_end_the_next_claim(self) -> None:
        """The database broke off while it answered, and the call was limited: no attempt."""
        make_call(1)
        (first,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)
        again = sent(first, state=CallState.PENDING, due_at=NOON, attempts=0)
        outbox.record_and_claim(outcomes=[again], limit=0, now=NOON)
        (second,) = outbox.record_and_claim(outcomes=[], limit=64, now=NOON)

        outbox.record_and_claim(outcomes=[again], limit=0, now=NOON)

        assert (first.claim_number, second.claim_number) == (1, 2)
        assert OutgoingCall.objects.get().state == "SENDING"


@pytest.mark.django_db
class TestTakeOver:
    def test_a_call_is_its_senders_for_thirty_seconds(self) -> None:
        make_call(1)
        claimed(NOON)

        claims_are(timedelta(seconds=20))
        assert outbox.release_expired_claims() == 0
        claims_are(timedelta(seconds=30))
        assert outbox.release_expired_claims() == 1

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_sender_whose_clock_is_wrong_takes_nothing_over(self, hours: int) -> None:
        make_call(1, due_at=NOON - timedelta(hours=2))

        with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=False):
            claimed(NOON)
            assert outbox.release_expired_claims() == 0
        assert outbox.release_expired_claims() == 0

    @pytest.mark.parametrize(
        ("fields", "state"),
        [
            ({}, "PENDING"),
            ({"attempts": 6}, "PENDING"),
            ({"attempts": 7}, "MAYBE_SENT"),
            ({"lane": Lane.BULK}, "MAYBE_SENT"),
            ({"lane": Lane.BULK, "method": "editMessageText"}, "PENDING"),
        ],
    )
    def test_an_answer_is_made_again_and_a_bulk_message_is_not(
        self, fields: dict[str, Any], state: str
    ) -> None:
        make_call(1, **fields)
        claimed(NOON)
        claims_are(timedelta(seconds=30))

        outbox.release_expired_claims()

        row = OutgoingCall.objects.get()
        assert (row.state, row.delivery_uncertain) == (state, True)
        assert row.attempts == fields.get("attempts", 0) + 1
        assert (row.finished_at is not None) == (state == "MAYBE_SENT")


@pytest.mark.django_db
class TestAfterwards:
    @pytest.mark.parametrize("state", ["REFUSED", "GIVEN_UP", "MAYBE_SENT"])
    def test_what_did_not_go_well_can_be_sent_again(self, state: str) -> None:
        call = make_call(1, state=state, finished_at=after(1), attempts=8)

        with time_machine.travel(after(100), tick=False):
            assert outbox.send_again(call_id=call)
            assert not outbox.send_again(call_id=call)

        assert claimed(after(100)) == [call]

    def test_what_was_sent_is_not_sent_again(self) -> None:
        call = make_call(1, state="SENT", finished_at=NOON)

        assert not outbox.send_again(call_id=call)

    def test_only_what_ended_long_ago_is_forgotten_and_a_batch_is_bounded(self) -> None:
        for _ in range(3):
            make_call(1, state="SENT", finished_at=after(-1))
        kept = [make_call(1, state="SENT", finished_at=NOON), make_call(1)]

        assert outbox.purge(before=NOON, limit=2) == 2
        assert outbox.purge(before=NOON, limit=2) == 1
        assert [*OutgoingCall.objects.order_by("pk").values_list("pk", flat=True)] == kept

    @pytest.mark.out_of_order
    def test_a_call_outlives_the_update_that_caused_it(self) -> None:
        update = InboxUpdate.objects.create(
            update_id=1, kind="message", payload={}, received_at=NOON, due_at=NOON
        )
        make_call(1, caused_by=update)

        update.delete()

        assert OutgoingCall.objects.get().caused_by is None


@pytest.mark.django_db
class TestCollecting:
    def test_what_handlers_send_becomes_rows_in_their_order(self) -> None:
        bot = client.bot()

        with time_machine.travel(NOON, tick=False), outbox.collecting(lane=Lane.BULK):
            client.run(bot.send_message(1, "eins"))
            client.run(bot.answer_callback_query("q1", "zwei"))
            client.run(bot.edit_message_text("drei", chat_id=1, message_id=5))
            client.run(bot.send_chat_action(1, "typing"))

        calls = OutgoingCall.objects.order_by("pk")
        assert [(call.method, call.chat_key, call.paced) for call in calls] == [
            ("sendMessage", 1, True),
            ("answerCallbackQuery", None, False),
            ("editMessageText", 1, False),
            ("sendChatAction", 1, False),
        ]
        assert {(call.state, call.lane, call.due_at) for call in calls} == {("PENDING", 1, NOON)}

    def test_an_update_without_answers_costs_no_statement(
        self, django_assert_num_queries: Any
    ) -> None:
        client.bot()

        with django_assert_num_queries(0), outbox.collecting():
            pass

    def test_many_answers_cost_one_statement(self, django_assert_num_queries: Any) -> None:
        bot = client.bot()

        with django_assert_num_queries(1), outbox.collecting():
            for number in range(50):
                client.run(bot.send_message(number, "Hallo"))

        assert OutgoingCall.objects.count() == 50

    def test_what_fails_inside_sends_nothing(self) -> None:
        bot = client.bot()

        def half() -> None:
            with outbox.collecting():
                client.run(bot.send_message(1, "Hallo"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half()

        assert not OutgoingCall.objects.exists()

    def test_nothing_can_be_sent_outside(self) -> None:
        bot = client.bot()

        with pytest.raises(TelegramError, match="sendMessage was called outside"):
            client.run(bot.send_message(1, "Hallo"))

    def test_a_handler_that_waits_for_something_else_is_an_error(self) -> None:
        with pytest.raises(client.HandlerWaitedError):
            client.run(asyncio.sleep(0))


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the functions."""

    def move(self, old: str, new: str) -> None:
        ended = {"PENDING": None, "SENDING": None}
        make_call(1, state=old, finished_at=ended.get(old, NOON))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE bot_outgoingcall SET state = %s, finished_at = %s",
                [new, ended.get(new, NOON)],
            )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("PENDING", "SENDING"),
            ("PENDING", "SUPERSEDED"),
            ("SENDING", "PENDING"),
            ("SENDING", "SENT"),
            ("SENDING", "REFUSED"),
            ("SENDING", "GIVEN_UP"),
            ("SENDING", "MAYBE_SENT"),
            ("REFUSED", "PENDING"),
            ("GIVEN_UP", "PENDING"),
            ("MAYBE_SENT", "PENDING"),
        ],
    )
    def test_a_move_of_a_calls_life(self, old: str, new: str) -> None:
        self.move(old, new)

        assert OutgoingCall.objects.get().state == new

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("PENDING", "SENT"),
            ("PENDING", "REFUSED"),
            ("PENDING", "MAYBE_SENT"),
            ("SENT", "PENDING"),
            ("SENT", "SENDING"),
            ("SENT", "MAYBE_SENT"),
            ("REFUSED", "SENT"),
            ("GIVEN_UP", "SENDING"),
            ("MAYBE_SENT", "SENT"),
            ("SENDING", "SUPERSEDED"),
            ("SUPERSEDED", "PENDING"),
        ],
    )
    def test_every_other_move_is_refused(self, old: str, new: str) -> None:
        with pytest.raises(DatabaseError, match="Invalid transition"):
            self.move(old, new)

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"state": "LOST", "finished_at": NOON}, "outbox_state_is_known"),
            ({"state": "SENT"}, "outbox_finished_has_finished_at"),
            ({"state": "REFUSED"}, "outbox_finished_has_finished_at"),
            ({"finished_at": NOON}, "outbox_finished_has_finished_at"),
            ({"state": "SENDING", "finished_at": NOON}, "outbox_finished_has_finished_at"),
        ],
    )
    def test_a_row_that_makes_no_sense(self, fields: dict[str, Any], name: str) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            make_call(1, **fields)
