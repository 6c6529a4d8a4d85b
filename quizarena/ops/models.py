"""Signs of life, and when there were none."""

from datetime import timedelta

import pgtrigger
from django.db import models
from django.db.models import F, Q

from quizarena.staff import dates


class Heartbeat(models.Model):
    """When a kind of process (a queue's worker, beat, sender) was last seen alive."""

    name = models.CharField(max_length=32, primary_key=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} seen {dates.to_the_second(self.seen_at)}"


class ProcessRun(models.Model):
    """One life of one process: when it started, and when it was last seen.

    Rows of a host that end one after the other are a process that keeps restarting.
    """

    process = models.CharField(max_length=32)
    # A container keeps its host name when its process is started again, and a new container has a
    # new one: what a deployment replaces does not count as a restart.
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["process", "host", "started_at"], name="processrun_one_per_start"
            ),
            models.CheckConstraint(
                condition=Q(seen_at__gte=F("started_at")), name="processrun_seen_after_its_start"
            ),
        ]
        indexes = [
            # The runs that began recently, for /readyz; and the old ones, to delete.
            models.Index(fields=["started_at"], name="processrun_started_at"),
        ]

    def __str__(self) -> str:
        return f"{self.process} on {self.host} since {dates.to_the_second(self.started_at)}"


class Downtime(models.Model):
    """That no process of a kind was alive, from its last sign of life to the next one."""

    process = models.CharField(max_length=32)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    # When it was decided which days it makes outage days; empty until then.
    judged_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "downtime"
        indexes = [
            # What fell on a day.
            models.Index(fields=["ended_at", "began_at"], name="downtime_of_a_day"),
            # What is left to judge.
            models.Index(fields=["id"], condition=Q(judged_at=None), name="downtime_unjudged"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["process", "began_at"], name="downtime_once"),
            models.CheckConstraint(
                condition=Q(ended_at__gt=F("began_at")), name="downtime_ends_after_it_begins"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="fact_stays", fields=["process", "began_at", "ended_at"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.process} away from {dates.to_the_second(self.began_at)}"

    @property
    def length(self) -> timedelta:
        """Return how long it lasted."""
        return self.ended_at - self.began_at
