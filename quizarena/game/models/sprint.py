"""Sprints: sixty seconds of nouns whose article is asked for."""

from datetime import timedelta

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from quizarena.game.models.question import OPTIONS, QuestionVersion

# So long a sprint lasts, and so much later an answer may arrive: Telegram takes its time, too.
SPRINT_LENGTH = timedelta(seconds=60)
SPRINT_GRACE = timedelta(seconds=2)
_SECONDS = int((SPRINT_LENGTH + SPRINT_GRACE).total_seconds())

# An answer arrives in time, in its order, while the sprint is open, and is graded as its version
# says.
ANSWER_IN_TIME = f"""
SELECT sprint.started_at, sprint.state INTO STRICT current
FROM game_sprint AS sprint WHERE sprint.id = NEW.sprint_id;
IF current.state <> 'OPEN' THEN
  RAISE EXCEPTION 'This sprint is over.';
END IF;
IF NEW.answered_at < current.started_at
  OR NEW.answered_at > current.started_at + interval '{_SECONDS} seconds'
THEN
  RAISE EXCEPTION 'An answer in a sprint comes within its time.';
END IF;
IF NEW.number <> 1 + (SELECT count(*) FROM game_sprintanswer WHERE sprint_id = NEW.sprint_id) THEN
  RAISE EXCEPTION 'The questions of a sprint are answered in their order.';
END IF;
IF NOT EXISTS (
  SELECT FROM game_sprintquestion AS question
  JOIN game_questionversion AS version ON version.id = question.version_id
  WHERE question.sprint_id = NEW.sprint_id AND question.number = NEW.number
    AND (version.correct_option_id = NEW.choice) = NEW.is_correct
) THEN
  RAISE EXCEPTION 'An answer in a sprint is graded as the version says that was shown.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the number is a constant.
RESULT_COUNTS = """
IF (
  SELECT count(*) <> NEW.answered OR count(*) FILTER (WHERE is_correct) <> NEW.correct
  FROM game_sprintanswer WHERE sprint_id = NEW.id
) THEN
  RAISE EXCEPTION 'The result of a sprint counts its answers.';
END IF;
RETURN NEW;
"""


class SprintState(models.TextChoices):
    """Where a sprint stands."""

    OPEN = "OPEN", "open"
    FINISHED = "FINISHED", "finished"


SPRINT_MOVES = ((SprintState.OPEN, SprintState.FINISHED),)


class Sprint(models.Model):
    """One sprint of one player, and its result once it is over."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="sprints", db_index=False
    )
    # The button that started it: tapped twice, it starts one sprint.
    start_key = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=SprintState, default=SprintState.OPEN)
    started_at = models.DateTimeField()
    # When it was over: at the latest when its time was.
    finished_at = models.DateTimeField(null=True)
    answered = models.PositiveSmallIntegerField(null=True)
    correct = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes = [
            # The best result of a player.
            models.Index(
                F("player"),
                F("correct").desc(),
                condition=Q(state="FINISHED"),
                name="sprint_best",
            ),
            # Whose time is over.
            models.Index(
                fields=["started_at"], condition=Q(state="OPEN"), name="sprint_unfinished"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "start_key"], name="sprint_one_per_start_key"
            ),
            models.UniqueConstraint(
                fields=["player"], condition=Q(state="OPEN"), name="sprint_one_open_per_player"
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", finished_at=None, answered=None, correct=None)
                | Q(
                    state="FINISHED",
                    finished_at__isnull=False,
                    answered__isnull=False,
                    correct__isnull=False,
                ),
                name="sprint_finished_has_its_result",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None)
                | Q(
                    finished_at__gte=F("started_at"),
                    finished_at__lte=F("started_at") + SPRINT_LENGTH,
                ),
                name="sprint_ends_within_its_time",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="sprint_moves",
                field="state",
                transitions=[(old.value, new.value) for old, new in SPRINT_MOVES],
            ),
            pgtrigger.Trigger(
                name="result_counts",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__state="FINISHED"),
                func=RESULT_COUNTS,
            ),
            pgtrigger.Protect(
                name="finished_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="FINISHED"),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"sprint {self.pk} ({self.state})"


class SprintQuestion(models.Model):
    """A question that was drawn for a sprint, frozen as it read then."""

    sprint = models.ForeignKey(
        Sprint, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sprint", "number"], name="sprintquestion_number_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of sprint {self.sprint_id}"


class SprintAnswer(models.Model):
    """The answer to a question of a sprint."""

    sprint = models.ForeignKey(
        Sprint, on_delete=models.PROTECT, related_name="answers", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField()
    is_correct = models.BooleanField()
    answered_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The answers of a day.
            BrinIndex(fields=["answered_at"], name="sprintanswer_by_day"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sprint", "number"], name="sprintanswer_number_once"),
            models.CheckConstraint(
                condition=Q(choice__lt=OPTIONS), name="sprintanswer_choice_exists"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="in_time",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("current", "record")],
                func=ANSWER_IN_TIME,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"answer {self.number} in sprint {self.sprint_id}"
