"""The Celery application, and the scheduler that beat runs."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent
from django_celery_beat.schedulers import DatabaseScheduler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

app = Celery("quizarena")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class Scheduler(DatabaseScheduler):
    """The schedule in the database, telling with each tick that beat is alive."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, leave a sign of life, and return the seconds until the next tick."""
        from quizarena.ops import heartbeats

        pause: float = super().tick(*args, **kwargs)
        heartbeats.beat("beat")
        return pause


@heartbeat_sent.connect
def worker_is_alive(**kwargs: Any) -> None:
    """Leave a sign of life of this worker (Celery sends it every two seconds)."""
    from quizarena.ops import heartbeats

    heartbeats.beat("worker")
