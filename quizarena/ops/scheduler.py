"""What beat runs: `celery --app quizarena beat --scheduler quizarena.ops.scheduler:Scheduler`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import structlog
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from quizarena.ops import backups, controls, heartbeats

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

    It ends at once when it is asked to, whatever it is doing. Celery's handler of SIGTERM saves
    the schedule, and Celery saves it again on its way out. A handler runs in the midst of what it
    interrupts: if that is a statement, the save would wait for ever for the connection's lock,
    which nobody but the interrupted statement can give back, or, in a transaction, close the
    connection and save nothing. So `close` saves on the way out only, over a new connection.
    """

    _watched_at = float("-inf")
    _uses_the_connection = False

    Entry = Entry

    def setup_schedule(self) -> None:
        """Bring the rows of the schedule in line with the settings."""
        with self._using_the_connection():
            super().setup_schedule()  # type: ignore[no-untyped-call]

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, leave a sign of life, and return the seconds until the next tick."""
        with self._using_the_connection():
            pause: float = super().tick(*args, **kwargs)
            heartbeats.beat("beat")
            monotonic = time.monotonic()
            if monotonic - self._watched_at >= WATCH_EVERY_S:
                self._watched_at = monotonic
                _watch_controls()
            return pause

    def _do_sync(self) -> None:
        with self._using_the_connection():
            super()._do_sync()  # type: ignore[misc]

    def close(self) -> None:
        """Save when the tasks were last sent, unless a statement has been interrupted for it."""
        if not self._uses_the_connection:
            with self._using_the_connection():
                super().close()

    @contextmanager
    def _using_the_connection(self) -> Iterator[None]:
        # Celery saves in the midst of a tick, too, which goes on using it.
        before = self._uses_the_connection
        self._uses_the_connection = True
        try:
            yield
        except SystemExit:
            connection.close()  # What it was doing nobody has waited for.
            raise
        finally:
            self._uses_the_connection = before


def _watch_controls() -> None:
    """Watch controls and backups; never raise, since that must not keep beat from its schedule."""
    try:
        controls.watch(now=timezone.now())
        backups.watch(now=timezone.now())
    except DatabaseError as error:
        log.warning("controls.not_watched", error=type(error).__name__)
        close_old_connections()
    except Exception:
        log.exception("controls.not_watched")
