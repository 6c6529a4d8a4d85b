"""What beat runs: `celery --app quizarena beat --scheduler quizarena.ops.scheduler:Scheduler`."""

from typing import Any, Self

from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from quizarena.ops import heartbeats


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
    """The schedule in the database, telling with each tick that beat is alive."""

    Entry = Entry

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, leave a sign of life, and return the seconds until the next tick."""
        pause: float = super().tick(*args, **kwargs)
        heartbeats.beat("beat")
        return pause
