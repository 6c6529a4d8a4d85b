"""What beat runs: `celery --app quizarena beat --scheduler quizarena.ops.scheduler:Scheduler`."""

import time
from typing import Any, Self

import structlog
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from quizarena.ops import controls, heartbeats

WATCH_EVERY_S = 60.0

log = structlog.get_logger(__name__)


class Entry(ModelEntry):
    """One schedule of the settings and its row, which has all of its options."""

    @classmethod
    def from_entry(cls, name: str, app: Any = None, **entry: Any) -> Self:
        """Bring the row `name` in line with the settings, whatever schedule it had before.

        A tick's time to live is `expires` to Celery and `expire_seconds` to django-celery-beat,
        which drops the former.
        """
        options = dict(entry.pop("options", {}))
        if "expires" in options:
            options["expire_seconds"] = round(options.pop("expires"))
        stored: Self = super().from_entry(name, app=app, options=options, **entry)  # type: ignore[no-untyped-call]
        return stored


class Scheduler(DatabaseScheduler):
    """The schedule in the database, recording with each tick that beat is alive.

    Beat also watches the controls. It is no job of the schedule, since whoever can pause one of
    those could pause the watch over them, too.
    """

    _watched_at = float("-inf")

    Entry = Entry

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, leave a sign of life, and return the seconds until the next tick."""
        pause: float = super().tick(*args, **kwargs)
        heartbeats.beat("beat")
        monotonic = time.monotonic()
        if monotonic - self._watched_at >= WATCH_EVERY_S:
            self._watched_at = monotonic
            _watch_controls()
        return pause


def _watch_controls() -> None:
    """Watch the controls; never raise, since that must not keep beat from its schedule."""
    try:
        controls.watch(now=timezone.now())
    except DatabaseError as error:
        log.warning("controls.not_watched", error=type(error).__name__)
        close_old_connections()
    except Exception:
        log.exception("controls.not_watched")
