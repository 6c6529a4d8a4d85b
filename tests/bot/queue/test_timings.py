"""What webhook, workers and senders count of what they do, for /metrics."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import RequestFactory
from telegram.error import BadRequest, RetryAfter

from bot.queue import inbox, webhook
from bot.queue.models import CallState, Lane
from bot.queue.outbox import Delivery
from bot.queue.sender import Sender, build_bot
from quizarena.ops import timings
from tests.factories import InboxUpdateFactory

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
UPDATE = {"update_id": 1, "message": {"from": {"id": 7}, "text": "Hallo"}}


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    """Begin with nothing in memory, at a noon that stays."""
    timings.clear()
    with time_machine.travel(NOON, tick=False):
        yield
    timings.clear()


def counted() -> dict[str, float]:
    """Return what this process has counted, without its buckets and sums."""
    return {
        f"{name.removeprefix('quizarena_')} {label}".strip(): value
        for (name, label, bucket), value in timings.counted().items()
        if bucket == ""
    }


def observed(family: timings.Family, label: str = "") -> list[str]:
    """Return the buckets in which something of the family was counted."""
    return sorted(
        bucket
        for name, of, bucket in timings.counted()
        if (name, of) == (family.name, label) and bucket != timings.SUM
    )


def post(secret: str) -> None:
    """Send an update to the webhook."""
    request = RequestFactory().post(
        webhook.PATH,
        json.dumps(UPDATE),
        content_type="application/json",
        headers={"X-Telegram-Bot-Api-Secret-Token": secret},
    )
    webhook.application(request.environ, lambda *_: bytes)


@pytest.mark.django_db
class TestWebhook:
    def test_every_answer_is_counted_by_its_status_and_timed(self) -> None:
        post(settings.TELEGRAM_WEBHOOK_SECRET)
        post("wrong")
        post("wrong")

        assert counted() == {"webhook_requests_total 200": 1, "webhook_requests_total 403": 2}
        assert observed(timings.ACKNOWLEDGEMENT)


@pytest.mark.django_db(transaction=True)
class TestWorker:
    def work(self, *, fails: bool = False) -> None:
        """Work on what is due."""

        def handle(payload: object) -> None:
            if fails:
                raise ZeroDivisionError

        inbox.work(
            handle=handle, slow_down=handle, give_up=lambda _: None, until=NOON + timedelta(days=1)
        )

    def test_an_update_is_timed_from_its_arrival(self) -> None:
        InboxUpdateFactory.create(received_at=NOON - timedelta(seconds=3), due_at=NOON)

        self.work()

        assert counted() == {"updates_total done": 1}
        assert observed(timings.UPDATE) == ["5"]
        assert len(observed(timings.HANDLING)) == 1

    def test_a_failure_is_counted_and_not_timed(self) -> None:
        InboxUpdateFactory.create(due_at=NOON)
        InboxUpdateFactory.create(due_at=NOON, player_key=8, attempts=4)

        self.work(fails=True)

        assert counted() == {"updates_total failed": 1, "updates_total dead": 1}
        assert observed(timings.UPDATE) == observed(timings.HANDLING) == []

    def test_what_came_too_fast_is_counted_as_dropped_only_if_nobody_is_asked_to_wait(self) -> None:
        for number in range(13):
            InboxUpdateFactory.create(
                received_at=NOON,
                due_at=NOON + timedelta(microseconds=number),
                payload={"message": {"text": "1"}},
            )
        with time_machine.travel(NOON + timedelta(seconds=1), tick=False):
            self.work()

        assert counted() == {"updates_total done": 11, "updates_total dropped": 2}


class TestSender:
    @pytest.mark.parametrize(
        ("error", "lane", "expected"),
        [
            (None, Lane.ANSWER, {"telegram_calls_total sent": 1}),
            (BadRequest("chat not found"), Lane.BULK, {"telegram_calls_total refused": 1}),
            (
                RetryAfter(timedelta(seconds=3)),
                Lane.BULK,
                {"telegram_calls_total pending": 1, "telegram_rate_limited_total bulk": 1},
            ),
        ],
    )
    def test_each_call_by_how_it_has_ended(
        self,
        error: Exception | None,
        lane: Lane,
        expected: dict[str, float],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def api_request(*_: object, **__: object) -> dict[str, int]:
            if error is not None:
                raise error
            return {"message_id": 17}

        monkeypatch.setattr("telegram.Bot.do_api_request", api_request)
        delivery = Delivery(
            id=1, method="sendMessage", chat_key=1, parameters={}, files=None, lane=lane,
            created_at=NOON - timedelta(seconds=20), attempts=0, delivery_uncertain=False,
            claim_number=1,
        )  # fmt: skip

        asyncio.run(Sender(build_bot())._deliver(delivery))

        assert counted() == expected
        assert len(observed(timings.CALL)) == 1
        assert observed(timings.DELIVERY, "answer") == (["30"] if error is None else [])
        assert observed(timings.DELIVERY, "bulk") == []

    def test_every_way_in_which_a_call_can_end_has_its_label(self) -> None:
        ends = {*CallState.values} - {CallState.SENDING, CallState.SUPERSEDED}

        assert {state.lower() for state in ends} == {*timings.CALLS.values}
        assert tuple(lane.label for lane in Lane) == timings.DELIVERY.values
        assert timings.RATE_LIMITED.values == timings.DELIVERY.values
