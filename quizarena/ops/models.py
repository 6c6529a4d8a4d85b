"""Signs of life."""

from django.db import models


class Heartbeat(models.Model):
    """When a kind of process (worker, beat, sender) was last seen alive."""

    name = models.CharField(max_length=32, primary_key=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} seen {self.seen_at:%Y-%m-%d %H:%M:%S}"
