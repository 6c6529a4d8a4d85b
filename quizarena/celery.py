"""The Celery application."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

app = Celery("quizarena")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@heartbeat_sent.connect
def worker_is_alive(**kwargs: Any) -> None:
    """Leave a sign of life of this worker (Celery sends the signal every two seconds)."""
    from quizarena.ops import heartbeats

    heartbeats.beat("worker")
