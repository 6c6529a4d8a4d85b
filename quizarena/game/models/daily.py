"""The daily challenge: a day's questions, and every player's run through them."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from quizarena.game.models.frozen_question import FrozenQuestion, order_of_its_options
from quizarena.game.models.question import OPTIONS, Level
from quizarena.staff import dates

# The levels of a day's questions, in the order in which they are asked.
DAILY_LEVELS = (Level.A1, Level.A1, Level.A2, Level.A2, Level.A2, Level.B1, Level.B1)
DAILY_LENGTH = len(DAILY_LEVELS)
# A question that was in a challenge is in none of so many days after it.
DAILY_PAUSE_DAYS = 30

# Whoever starts the challenge meanwhile waits for this lock, and sees the question that is stored.
ONLY_BEFORE_THE_FIRST_RUN = """
PERFORM FROM game_dailyset WHERE id = NEW.set_id FOR UPDATE;
IF EXISTS (SELECT FROM game_dailyrun WHERE set_id = NEW.set_id) THEN
  RAISE EXCEPTION 'Somebody has started this daily challenge: its questions stay.';
END IF;
RETURN NEW;
"""
NOT_AGAIN = f"""
IF EXISTS (
  SELECT FROM game_dailyquestion AS other
  JOIN game_dailyset AS other_set ON other_set.id = other.set_id
  JOIN game_questionversion AS other_version ON other_version.id = other.version_id
  JOIN game_questionversion AS version ON version.question_id = other_version.question_id
  JOIN game_dailyset AS own_set ON own_set.id = NEW.set_id
  WHERE version.id = NEW.version_id AND other.id <> NEW.id
    AND abs(other_set.day - own_set.day) <= {DAILY_PAUSE_DAYS}
) THEN
  RAISE EXCEPTION 'This question is in a daily challenge of the {DAILY_PAUSE_DAYS} days around.';
END IF;
RETURN NEW;
"""
# Foreign keys are only checked at the commit: the lock is what a replacement waits for.
RUN_ON_ITS_DAY = f"""
IF TG_OP = 'INSERT' THEN
  PERFORM FROM game_dailyset WHERE id = NEW.set_id FOR SHARE;
END IF;
SELECT starts_at, ends_at INTO STRICT span FROM game_dailyset WHERE id = NEW.set_id;
IF NEW.started_at < span.starts_at OR NEW.started_at >= span.ends_at
  OR NEW.finished_at >= span.ends_at
THEN
  RAISE EXCEPTION 'A daily challenge is played on its day.';
END IF;
IF NEW.finished_at IS NOT NULL AND (
  SELECT count(*) <> {DAILY_LENGTH} OR count(*) FILTER (WHERE is_correct) <> NEW.score
  FROM game_dailyanswer WHERE run_id = NEW.id
) THEN
  RAISE EXCEPTION 'A finished run has {DAILY_LENGTH} answers, and its score counts them.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the number is a constant.
ANSWER_ON_ITS_DAY = """
SELECT run.started_at, run.finished_at, daily_set.ends_at INTO STRICT state
FROM game_dailyrun AS run JOIN game_dailyset AS daily_set ON daily_set.id = run.set_id
WHERE run.id = NEW.run_id;
IF state.finished_at IS NOT NULL THEN
  RAISE EXCEPTION 'This run of a daily challenge is finished.';
END IF;
IF NEW.answered_at < state.started_at OR NEW.answered_at >= state.ends_at THEN
  RAISE EXCEPTION 'A daily challenge is played on its day.';
END IF;
IF NEW.number <> 1 + (SELECT count(*) FROM game_dailyanswer WHERE run_id = NEW.run_id) THEN
  RAISE EXCEPTION 'The questions of a daily challenge are answered in their order.';
END IF;
RETURN NEW;
"""


class DailySet(models.Model):
    """The daily challenge of one business day: the same for all players."""

    day = models.DateField(unique=True)
    # The instants between which it is played, by the business zone of the time it was drawn.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    drawn_at = models.DateTimeField()

    class Meta:
        verbose_name = "daily challenge"
        permissions = [("plan_dailyset", "Can draw daily challenges ahead and replace questions")]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="dailyset_starts_before_it_ends"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"Daily challenge of {dates.day(self.day)}"


class DailyQuestion(FrozenQuestion):
    """One of the seven questions of a day, as it is shown to everybody."""

    set = models.ForeignKey(
        DailySet, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    # What the question had when it was drawn: another one than DAILY_LEVELS asks for if the bank
    # had no other.
    level = models.CharField(max_length=2, choices=Level)

    class Meta:
        constraints = [
            *FrozenQuestion.Meta.constraints,
            models.UniqueConstraint(fields=["set", "number"], name="dailyquestion_number_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=DAILY_LENGTH),
                name="dailyquestion_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="dailyquestion_level_is_known"
            ),
        ]
        triggers = [
            order_of_its_options(),
            pgtrigger.Trigger(
                name="before_the_first_run",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=ONLY_BEFORE_THE_FIRST_RUN,
            ),
            pgtrigger.Trigger(
                name="not_again",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=NOT_AGAIN,
            ),
            pgtrigger.ReadOnly(name="slot_is_fixed", fields=["set", "number"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of set {self.set_id}"


class DailyRun(models.Model):
    """One player's way through the challenge of a day; without `finished_at` it can be resumed."""

    # The constraint is the index, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="daily_runs", db_index=False
    )
    set = models.ForeignKey(DailySet, on_delete=models.PROTECT, related_name="runs", db_index=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # Right answers of a finished run.
    score = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes = [
            # The runs of a day: how many have done worse, and the distribution of results.
            models.Index(
                fields=["set", "score"],
                include=["started_at", "finished_at"],
                name="dailyrun_results",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["player", "set"], name="dailyrun_one_per_player_and_day"
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None, score=None)
                | Q(
                    finished_at__gte=F("started_at"),
                    finished_at__isnull=False,
                    score__isnull=False,
                    score__lte=DAILY_LENGTH,
                ),
                name="dailyrun_finished_has_score",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="finished_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
            pgtrigger.Trigger(
                name="on_its_day",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("span", "RECORD")],
                func=RUN_ON_ITS_DAY,
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of set {self.set_id}"


class DailyAnswer(models.Model):
    """A player's answer to one question of a daily challenge."""

    run = models.ForeignKey(
        DailyRun, on_delete=models.PROTECT, related_name="answers", db_index=False
    )
    # That of the question.
    number = models.PositiveSmallIntegerField()
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField()
    is_correct = models.BooleanField()
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="dailyanswer_given_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=DAILY_LENGTH),
                name="dailyanswer_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(choice__lt=OPTIONS), name="dailyanswer_choice_exists"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="final", operation=pgtrigger.Update),
            pgtrigger.Trigger(
                name="on_its_day",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("state", "RECORD")],
                func=ANSWER_ON_ITS_DAY,
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.number} of run {self.run_id}"
