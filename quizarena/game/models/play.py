"""How much was played: counted by business day, so that no page has to read every answer."""

from django.db import models
from django.db.models import F, Q

from quizarena.game.models.question import Level
from quizarena.staff import dates


class PlayDay(models.Model):
    """One business day of everybody, as it was when it was counted last."""

    day = models.DateField(unique=True)
    # Who has answered anything, and who has started for the first time, whether they answered.
    active_players = models.PositiveIntegerField()
    new_players = models.PositiveIntegerField()
    # Finished ones.
    rounds = models.PositiveIntegerField()
    challenges = models.PositiveIntegerField()
    answers = models.PositiveIntegerField()
    right = models.PositiveIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(right__lte=F("answers")), name="playday_right_among_answers"
            ),
            models.CheckConstraint(
                condition=Q(active_players__lte=F("answers")), name="playday_active_have_answered"
            ),
        ]

    def __str__(self) -> str:
        return f"Play of {dates.day(self.day)}"


class PlayDayMode(models.Model):
    """The answers of a business day in one mode and at one level; what has none has no row."""

    day = models.DateField()
    # A Mode, or DUEL, TOURNAMENT, PLACEMENT or REVIEW (quizarena/game/play_counts.py).
    mode = models.CharField(max_length=32)
    level = models.CharField(max_length=2, choices=Level)
    answers = models.PositiveIntegerField()
    right = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "mode", "level"], name="playdaymode_once_per_mode_and_level"
            ),
            models.CheckConstraint(
                condition=Q(answers__gte=1, right__lte=F("answers")),
                name="playdaymode_right_among_answers",
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="playdaymode_level_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode} {self.level} on {dates.day(self.day)}"


class FirstDayCohort(models.Model):
    """Who has started on a business day, and how many of them came how far.

    Whoever answers on the seventh day without the second counts there all the same.
    """

    day = models.DateField(unique=True)
    started = models.PositiveIntegerField()
    # On the day of the start.
    answered = models.PositiveIntegerField()
    finished_round = models.PositiveIntegerField()
    # Who has answered on the day after it, and six days after it; NULL before that day has begun.
    day_2 = models.PositiveIntegerField(null=True)
    day_7 = models.PositiveIntegerField(null=True)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered__lte=F("started"), finished_round__lte=F("started"))
                & (Q(day_2=None) | Q(day_2__lte=F("started")))
                & (Q(day_7=None) | Q(day_7__lte=F("started"))),
                name="firstdaycohort_steps_among_started",
            ),
            models.CheckConstraint(
                condition=Q(day_7=None) | Q(day_2__isnull=False),
                name="firstdaycohort_day_7_after_day_2",
            ),
        ]

    def __str__(self) -> str:
        return f"Players who started on {dates.day(self.day)}"
