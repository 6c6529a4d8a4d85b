"""The running system as a Django application."""

from functools import partial
from typing import Any

from celery.signals import heartbeat_sent
from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Health and heartbeats, and what the siblings below have to know of each other."""

    name = "quizarena.ops"

    def ready(self) -> None:
        """Let every Celery worker leave its signs of life, and the game say what promos ask."""
        from promos import activity as asked
        from promos import levels
        from promos.referral_rules import FAST
        from quizarena.game import activity, statistics

        levels.read_with(statistics.level)
        asked.read_with(partial(activity.answered, fast=FAST))
        heartbeat_sent.connect(_worker_is_alive, dispatch_uid="ops.worker_is_alive")


def _worker_is_alive(**kwargs: Any) -> None:
    """Leave a sign of life for each queue of this worker (Celery asks every two seconds)."""
    from quizarena.celery import app
    from quizarena.ops import heartbeats

    for queue in app.amqp.queues.consume_from:
        heartbeats.beat(f"worker-{queue}")
