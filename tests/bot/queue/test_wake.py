"""A worker is woken by the name of its task: what wakes stands below what works."""

from typing import Any

import pytest

from bot import tasks
from bot.queue import wake
from quizarena.celery import app


def test_the_task_that_is_called_is_there() -> None:
    assert tasks.work_inbox.name == wake.WORK_INBOX


def test_one_worker_is_called_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(app, "send_task", lambda name, **options: sent.append((name, options)))
    wake.worker_started()

    wake.call_worker()
    wake.call_worker()

    assert sent == [("bot.tasks.work_inbox", {"retry": False, "ignore_result": True})]


def test_a_worker_that_came_lets_another_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda name, **_: sent.append(name))
    wake.worker_started()
    wake.call_worker()

    wake.worker_started()
    wake.call_worker()

    assert sent == ["bot.tasks.work_inbox"] * 2
