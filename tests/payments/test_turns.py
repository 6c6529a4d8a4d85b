"""While Telegram hangs, the queue for money goes on. Product rules, section 13."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from bot.tasks import send_notices
from payments import purchases, tasks, telegram
from quizarena import advisory_locks, turns
from quizarena.advisory_locks import Space
from tests.factories import PlayerFactory
from tests.payments import steps


@pytest.fixture
def hanging_telegram(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """Yield a Telegram that takes every connection and never answers; a call lasts 0.3 s."""
    monkeypatch.setattr(telegram, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(turns, "WORK_FOR", timedelta(seconds=1))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        settings.TELEGRAM_API_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield listener


def calls(listener: socket.socket) -> int:
    """Return how many connections there have been."""
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def wait_for_much(now: Any) -> None:
    """Let twenty refunds and twenty links wait for Telegram."""
    for _ in range(20):
        purchase = steps.credit(steps.pay(steps.open_purchase(PlayerFactory.create(), now=now)))
        steps.ask_refund(purchase, now=now)
        purchases.open_purchase(
            player=PlayerFactory.create(),
            product_code="PREMIUM_MONTH",
            now=now,
            is_subscription=True,
        )


class Worker:
    """The two places of the queue, which take jobs in the order in which they come."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def send(self, job: Callable[[], Any]) -> "Future[tuple[Any, float]]":
        """Send a job; its future tells what it returned and how long it held its place."""

        def run() -> tuple[Any, float]:
            begin = time.monotonic()
            try:
                return job(), time.monotonic() - begin
            finally:
                connection.close()

        return self._pool.submit(run)


def test_no_job_holds_the_queue_longer_than_twenty_seconds() -> None:
    """A refund of a subscription that begins at the last moment asks Telegram twice."""
    call = telegram.TIMEOUT_S
    assert call == httpx.Timeout(5.0, connect=2.0)
    assert turns.WORK_FOR.total_seconds() + 2 * (2.0 + 5.0) == 19.0


@pytest.mark.django_db(transaction=True)
def test_while_telegram_hangs_one_place_is_free(hanging_telegram: socket.socket) -> None:
    wait_for_much(timezone.now())

    with Worker() as worker:
        first = [worker.send(tasks.finish_refunds), worker.send(tasks.make_invoice_links)]
        others = [worker.send(tasks.finish_refunds), worker.send(tasks.make_invoice_links)]
        notices = worker.send(lambda: send_notices(transactional=True))
        held = [one.result(30)[1] for one in (*first, *others)]
        notices.result(30)
        asked = calls(hanging_telegram)

    # One job had its turn, and it began nothing after its second was over.
    assert max(held) < 20
    assert 1 <= asked <= 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("job", [tasks.finish_refunds, tasks.make_invoice_links])
def test_a_second_tick_does_nothing_while_the_first_has_its_turn(
    hanging_telegram: socket.socket, job: Callable[[], int]
) -> None:
    wait_for_much(timezone.now())

    with Worker() as worker:
        with advisory_locks.locked(Space.CRITICAL_JOB, "telegram"):
            assert worker.send(job).result(30)[0] == 0
        assert calls(hanging_telegram) == 0
        worker.send(job).result(30)

    assert calls(hanging_telegram) >= 1
