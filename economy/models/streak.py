"""Streaks, their days, and what keeps or brings them back. Product rules, section 7."""

from datetime import date
from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from economy.models.ledger import LedgerEntry, never_truncated
from economy.streak_rules import DAY, OUTCOME_MOVES, SHIELDABLE, Outcome
from quizarena.staff import dates

# The outcomes of a day of which the player is notified.
NOTICE_OUTCOMES = (*SHIELDABLE, Outcome.SHIELDED)


class StreakQuerySet(models.QuerySet["Streak"]):
    """Questions about streaks."""

    def due(self, *, today: date) -> Self:
        """Return the streaks that have days to roll over, or to shield after the fact."""
        return self.filter(
            Q(current__gt=0, rolled_over_through__lt=today - DAY)
            | Exists(StreakDay.objects.shieldable().filter(player=OuterRef("player")))
        )

    def waiting(self, *, day: date) -> Self:
        """Return the streaks that run and have not been played for on `day` or later."""
        return self.filter(current__gt=0, last_active_day__lt=day)


class Streak(models.Model):
    """A player's streak as its days have made it, up to and including `rolled_over_through`."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="streak"
    )
    current = models.PositiveIntegerField()
    best = models.PositiveIntegerField()
    last_active_day = models.DateField()
    rolled_over_through = models.DateField()

    objects = StreakQuerySet.as_manager()

    class Meta:
        indexes = [
            # How many running streaks an outage would end.
            models.Index(
                fields=["last_active_day"], condition=Q(current__gt=0), name="streak_running"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(best__gte=F("current"), best__gt=0), name="streak_best_is_the_best"
            ),
            models.CheckConstraint(
                condition=Q(rolled_over_through__gte=F("last_active_day")),
                name="streak_active_days_are_rolled_over",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "streaks"),
        ]

    def __str__(self) -> str:
        return f"streak of {self.current}"


class StreakDayQuerySet(models.QuerySet["StreakDay"]):
    """Questions about days."""

    def undelivered(self) -> Self:
        """Return the saved days and lost streaks that await their notice, oldest first."""
        return self.filter(outcome__in=NOTICE_OUTCOMES, notified_at=None).order_by("pk")

    def shieldable(self) -> Self:
        """Return the days of outages that have cost a player something."""
        return self.filter(outcome__in=SHIELDABLE, day__in=OutageDay.objects.values("day"))


class StreakDay(models.Model):
    """The outcome of one day of a player's streak.

    A day on which there was no streak has no row. So a MISSED day is one that ended a streak.
    """

    # The constraint that each day is there once is the index, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="streak_days", db_index=False
    )
    day = models.DateField()
    outcome = models.CharField(
        max_length=16, choices=[(one.value, one.replace("_", " ").lower()) for one in Outcome]
    )
    # The streak that the day prolonged, kept or, missed, ended.
    length = models.PositiveIntegerField()
    # The saver that was used.
    entry = models.OneToOneField(
        LedgerEntry, null=True, on_delete=models.PROTECT, related_name="streak_day"
    )
    notified_at = models.DateTimeField(null=True)

    objects = StreakDayQuerySet.as_manager()

    class Meta:
        indexes = [
            # Who has played on a day: rows of a day lie close to each other.
            BrinIndex(fields=["day"], name="streak_day_by_day"),
            # Of which days players have to be notified.
            models.Index(
                fields=["id"],
                condition=Q(outcome__in=[one.value for one in NOTICE_OUTCOMES], notified_at=None),
                name="streak_day_unsent",
            ),
            # Whom an outage day has cost something.
            models.Index(
                fields=["day", "player"],
                condition=Q(outcome__in=[one.value for one in SHIELDABLE]),
                name="streak_day_shieldable",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["player", "day"], name="streak_day_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=[outcome.value for outcome in Outcome]),
                name="streak_day_outcome_is_known",
            ),
            models.CheckConstraint(condition=Q(length__gt=0), name="streak_day_is_of_a_streak"),
            models.CheckConstraint(
                condition=Q(outcome="FROZEN_SAVER", entry__isnull=False)
                | (~Q(outcome="FROZEN_SAVER") & Q(entry=None)),
                name="streak_day_of_a_saver_has_its_entry",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="outcome_moves",
                field="outcome",
                transitions=[(old.value, new.value) for old, new in OUTCOME_MOVES],
            ),
            pgtrigger.ReadOnly(name="day_stays", fields=["player", "day"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "the days of streaks"),
        ]

    def __str__(self) -> str:
        return f"{dates.day(self.day)}: {self.outcome}"

    @property
    def streak(self) -> int:
        """The streak when the day is over."""
        return 0 if self.outcome == Outcome.MISSED else self.length


class PerfectRound(models.Model):
    """A round of ten right answers that counts towards earning a lost streak back."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    round_key = models.CharField(max_length=64)
    finished_at = models.DateTimeField()

    class Meta:
        indexes = [
            # How many of the window of a loss there are.
            models.Index(fields=["player", "finished_at"], name="perfect_round_of_a_window"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["player", "round_key"], name="perfect_round_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "perfect rounds"),
        ]

    def __str__(self) -> str:
        return self.round_key


class OutageDay(models.Model):
    """A day on which an outage of ours kept players from playing: it costs nobody a streak."""

    day = models.DateField(primary_key=True)
    # Who has declared it; nobody where it follows from recorded downtime.
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        permissions = [("declare_outage", "Can declare a day an outage of ours")]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="outage_day_has_a_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "outage days"),
        ]

    def __str__(self) -> str:
        return f"{dates.day(self.day)}: {self.reason}"
