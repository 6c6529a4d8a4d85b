"""Signs of life, when there were none, and how the product does day by day."""

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


class ProductDay(models.Model):
    """How the product did on one business day, and what came of the players who started on it.

    Recorded by a job (quizarena/ops/product_days.py), so that no page counts players.
    """

    day = models.DateField(unique=True)
    # Who has answered anything on the day, and on any of the 7 and 30 days that end with it.
    active = models.PositiveIntegerField()
    active_7 = models.PositiveIntegerField()
    active_30 = models.PositiveIntegerField()
    # Payments of the day with their Stars, by how many players, and the Stars refunded on it.
    purchases = models.PositiveIntegerField()
    payers = models.PositiveIntegerField()
    stars = models.PositiveIntegerField()
    refunded_stars = models.PositiveIntegerField()
    # Of the 30 days that end with it: who has paid, and Stars without those refunded.
    payers_30 = models.PositiveIntegerField()
    net_stars_30 = models.IntegerField()
    # The cohort: who started on the day, and how many of them have answered on the 1st, 7th and
    # 30th day after it; NULL until that day is over.
    new_players = models.PositiveIntegerField()
    retained_1 = models.PositiveIntegerField(null=True)
    retained_7 = models.PositiveIntegerField(null=True)
    retained_30 = models.PositiveIntegerField(null=True)
    # What they have paid by the end of the 30th day after it, refunds taken off.
    cohort_payers = models.PositiveIntegerField(null=True)
    cohort_net_stars = models.IntegerField(null=True)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(active__lte=F("active_7"), active_7__lte=F("active_30")),
                name="productday_active_in_a_day_are_in_a_month",
            ),
            models.CheckConstraint(
                condition=Q(payers__lte=F("purchases")) & Q(payers__lte=F("payers_30")),
                name="productday_payers_have_purchases",
            ),
            models.CheckConstraint(
                condition=(Q(retained_1=None) | Q(retained_1__lte=F("new_players")))
                & (Q(retained_7=None) | Q(retained_7__lte=F("new_players")))
                & (Q(retained_30=None) | Q(retained_30__lte=F("new_players")))
                & (Q(cohort_payers=None) | Q(cohort_payers__lte=F("new_players"))),
                name="productday_retained_have_started",
            ),
            models.CheckConstraint(
                condition=Q(retained_30=None, cohort_payers=None, cohort_net_stars=None)
                | Q(
                    retained_30__isnull=False,
                    cohort_payers__isnull=False,
                    cohort_net_stars__isnull=False,
                ),
                name="productday_month_is_known_at_once",
            ),
        ]

    def __str__(self) -> str:
        return f"The product on {dates.day(self.day)}"


class MetricTotal(models.Model):
    """A number that only grows, for /metrics: a counter, or a part of a histogram.

    `bucket` is the upper bound of the histogram's bucket (each count stands in one alone), `sum`
    for the seconds of all, and empty for a counter.
    """

    name = models.CharField(max_length=64)
    label = models.CharField(max_length=24, blank=True, default="")
    bucket = models.CharField(max_length=8, blank=True, default="")
    value = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name", "label", "bucket"], name="metrictotal_one_per_series"
            ),
            models.CheckConstraint(condition=Q(value__gte=0), name="metrictotal_is_not_negative"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="only_grows",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.value < OLD.value"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.label} {self.bucket}".strip()


class MetricPosition(models.Model):
    """Up to which row of an append-only table its totals have counted."""

    source = models.CharField(max_length=32, primary_key=True)
    position = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.source} up to {self.position}"


class BackupKind(models.TextChoices):
    """What was done with a backup."""

    BACKUP = "BACKUP", "backup"
    REHEARSAL = "REHEARSAL", "restore, as a rehearsal"


class Backup(models.Model):
    """That a backup was made, or restored to see whether it can be."""

    kind = models.CharField(max_length=9, choices=BackupKind)
    # The moment that it holds: what was committed later is not in it.
    began_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    # In bytes; of a rehearsal there is none.
    size = models.PositiveBigIntegerField(null=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "began_at"], name="backup_once"),
            models.CheckConstraint(
                condition=Q(recorded_at__gte=F("began_at")), name="backup_recorded_when_made"
            ),
            models.CheckConstraint(
                condition=Q(kind="BACKUP", size__gt=0) | Q(kind="REHEARSAL", size=None),
                name="backup_has_its_size",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display().capitalize()} of {dates.moment(self.began_at)}"
