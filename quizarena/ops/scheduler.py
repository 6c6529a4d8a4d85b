"""What beat runs: `celery --app quizarena beat --scheduler quizarena.ops.scheduler:Scheduler`."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from quizarena.ops import heartbeats


class Scheduler(DatabaseScheduler):
    """The schedule in the database, telling with each tick that beat is alive."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, leave a sign of life, and return the seconds until the next tick."""
        pause: float = super().tick(*args, **kwargs)
        heartbeats.beat("beat")
        return pause
