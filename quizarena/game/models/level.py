"""What a player can do already: a level in each mode, and the placement that finds it."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from quizarena.game.models.frozen_question import FrozenQuestion, order_of_its_options
from quizarena.game.models.question import Level, Mode

# What is played in rounds has a level; the daily challenge is the same for all.
LEVELLED_MODES = tuple(mode for mode in Mode if mode is not Mode.DAILY_CHALLENGE)

# So many answers in a row, all of them since the level has changed, are looked at.
LEVEL_WINDOW = 20
# From this share of them right on, in percent, the level rises; below the other one it falls.
RISE_PERCENT = 80
FALL_PERCENT = 45

PLACEMENT_LENGTH = 8


class LevelReason(models.TextChoices):
    """Why a level is what it is."""

    CHOSEN = "CHOSEN", "chosen by the player"
    PLACED = "PLACED", "found by the placement"
    RAISED = "RAISED", "raised by the answers"
    LOWERED = "LOWERED", "lowered by the answers"


# The latest answers of a player in a mode, and whether they are right. `since` bounds nothing that
# is read: so the index gives the answers, and never more of them.
LATEST_ANSWERS = f"""
  SELECT is_correct, answered_at FROM game_roundquestion
  WHERE player_id = {{player}} AND mode = {{mode}} AND answered_at IS NOT NULL
  ORDER BY shown_at DESC, id DESC LIMIT {LEVEL_WINDOW}
"""  # noqa: S608 -- the number is a constant.

MOVED_BY_ANSWERS = f"""
IF NEW.reason NOT IN ('RAISED', 'LOWERED') THEN
  RETURN NEW;
END IF;
IF array_position(ARRAY['A1', 'A2', 'B1', 'B2'], NEW.level::text)
  <> array_position(ARRAY['A1', 'A2', 'B1', 'B2'], coalesce(OLD.level, 'A1')::text)
    + (CASE NEW.reason WHEN 'RAISED' THEN 1 ELSE -1 END)
THEN
  RAISE EXCEPTION 'Answers move a level by one step.';
END IF;
SELECT count(*) AS answered, count(*) FILTER (WHERE is_correct) AS correct INTO STRICT latest
FROM ({LATEST_ANSWERS.format(player="NEW.player_id", mode="NEW.mode")}) AS answer
WHERE answered_at > coalesce(OLD.since, '-infinity');
IF latest.answered < {LEVEL_WINDOW}
  OR (NEW.reason = 'RAISED' AND latest.correct * 100 < latest.answered * {RISE_PERCENT})
  OR (NEW.reason = 'LOWERED' AND latest.correct * 100 >= latest.answered * {FALL_PERCENT})
THEN
  RAISE EXCEPTION 'The answers since the last change do not move the level.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the numbers are constants.

ANSWER_OF_OPEN_PLACEMENT = """
SELECT finished_at INTO STRICT finished FROM game_placement WHERE id = NEW.placement_id FOR UPDATE;
IF finished IS NOT NULL THEN
  RAISE EXCEPTION 'This placement is finished.';
END IF;
IF TG_OP = 'INSERT' AND NEW.number <> 1 + (
  SELECT count(*) FROM game_placementquestion
  WHERE placement_id = NEW.placement_id AND answered_at IS NOT NULL
) THEN
  RAISE EXCEPTION 'The questions of a placement are asked one after the other.';
END IF;
RETURN NEW;
"""
FINISHED_WITH_ALL_ANSWERS = f"""
IF NEW.finished_at IS NOT NULL AND (
  SELECT count(*) <> {PLACEMENT_LENGTH} FROM game_placementquestion
  WHERE placement_id = NEW.id AND answered_at IS NOT NULL
) THEN
  RAISE EXCEPTION 'A finished placement has {PLACEMENT_LENGTH} answers.';
END IF;
RETURN NEW;
"""  # noqa: S608 -- the number is a constant.


class PlayerLevel(models.Model):
    """The level at which a player is asked in a mode; who has no row is at A1."""

    # The constraint is the index, too.
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="levels", db_index=False
    )
    mode = models.CharField(max_length=32, choices=Mode)
    level = models.CharField(max_length=2, choices=Level)
    reason = models.CharField(max_length=7, choices=LevelReason)
    # Only answers given after it move the level.
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["player", "mode"], name="playerlevel_one_per_player_and_mode"
            ),
            models.CheckConstraint(
                condition=Q(mode__in=LEVELLED_MODES), name="playerlevel_mode_has_levels"
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="playerlevel_level_is_known"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=LevelReason.values), name="playerlevel_reason_is_known"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="key_is_fixed", fields=["player", "mode"]),
            pgtrigger.Trigger(
                name="moved_by_answers",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("latest", "RECORD")],
                func=MOVED_BY_ANSWERS,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} in {self.mode}"


class Placement(models.Model):
    """Eight free questions that find the level at which a player begins."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="placements", db_index=False
    )
    # The business day on which it was started: one a day.
    day = models.DateField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # The level that was found.
    level = models.CharField(max_length=2, choices=Level, null=True)  # noqa: DJ001 -- not yet.

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["player", "day"], name="placement_one_per_day"),
            models.UniqueConstraint(
                fields=["player"],
                condition=Q(finished_at=None),
                name="placement_one_open_per_player",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None, level=None)
                | Q(
                    finished_at__gte=F("started_at"),
                    finished_at__isnull=False,
                    level__isnull=False,
                    level__in=Level.values,
                ),
                name="placement_finished_has_level",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="finished_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
            pgtrigger.Trigger(
                name="finished_with_all_answers",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=FINISHED_WITH_ALL_ANSWERS,
            ),
        ]

    def __str__(self) -> str:
        return f"placement {self.pk}"


class PlacementQuestion(FrozenQuestion):
    """A question of a placement as it was shown, and the answer."""

    placement = models.ForeignKey(
        Placement, on_delete=models.PROTECT, related_name="questions", db_index=False
    )
    # From 1.
    number = models.PositiveSmallIntegerField()
    # What the question had when it was asked.
    level = models.CharField(max_length=2, choices=Level)
    shown_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    # The bank's number of the chosen option.
    choice = models.PositiveSmallIntegerField(null=True)
    is_correct = models.BooleanField(null=True)

    class Meta:
        indexes = [
            # The answers of a day.
            BrinIndex(fields=["answered_at"], name="placementquestion_by_day"),
        ]
        constraints = [
            *FrozenQuestion.Meta.constraints,
            models.UniqueConstraint(
                fields=["placement", "number"], name="placementquestion_number_once"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=PLACEMENT_LENGTH),
                name="placementquestion_number_exists",
            ),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="placementquestion_level_is_known"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, choice=None, is_correct=None)
                | Q(answered_at__isnull=False, choice__isnull=False, is_correct__isnull=False),
                name="placementquestion_answered_wholly",
            ),
            models.CheckConstraint(
                condition=Q(choice=None) | Q(choice__lt=F("order__len")),
                name="placementquestion_choice_exists",
            ),
        ]
        triggers = [
            order_of_its_options(),
            pgtrigger.Protect(
                name="answered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__answered_at__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="as_it_was_shown",
                fields=["placement", "number", "version", "level", "order", "shown_at"],
            ),
            pgtrigger.Trigger(
                name="of_an_open_placement",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                declare=[("finished", "TIMESTAMPTZ")],
                func=ANSWER_OF_OPEN_PLACEMENT,
            ),
        ]

    def __str__(self) -> str:
        return f"question {self.number} of placement {self.placement_id}"
