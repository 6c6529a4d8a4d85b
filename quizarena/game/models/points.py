"""Points: what they were for, each once, and their sums per day and week."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from economy.models import never_truncated

# More than that does not count on a business day.
POINTS_PER_DAY = 400


class PointKind(models.TextChoices):
    """What brings points."""

    ANSWER = "ANSWER", "right answer"
    REVIEW = "REVIEW", "right answer in a review"
    DAILY = "DAILY", "daily challenge"
    DUEL_WON = "DUEL_WON", "duel won"
    DUEL_DRAWN = "DUEL_DRAWN", "duel drawn"


POINTS = {
    PointKind.ANSWER: 10,
    PointKind.REVIEW: 5,
    PointKind.DAILY: 20,
    PointKind.DUEL_WON: 20,
    PointKind.DUEL_DRAWN: 10,
}

# The row of the week is the lock of all that a player earns in it. A replay inserts nothing. Who
# earns the week's first points waits from then on for a place in a group.
COUNT_POINTS = f"""
SELECT points INTO before_week FROM game_weekpoints
WHERE player_id = NEW.player_id AND week = NEW.week FOR UPDATE;
IF NOT FOUND THEN
  IF EXISTS (
    SELECT FROM game_pointevent WHERE player_id = NEW.player_id AND key = NEW.key
  ) THEN
    RETURN NULL;
  END IF;
  INSERT INTO game_weekpoints (player_id, week, points, reached_at)
  VALUES (NEW.player_id, NEW.week, 0, NEW.at)
  ON CONFLICT DO NOTHING;
  SELECT points INTO before_week FROM game_weekpoints
  WHERE player_id = NEW.player_id AND week = NEW.week FOR UPDATE;
END IF;
IF EXISTS (
  SELECT FROM game_pointevent WHERE player_id = NEW.player_id AND key = NEW.key
) THEN
  RETURN NULL;
END IF;
SELECT points INTO before_day FROM game_daypoints
WHERE player_id = NEW.player_id AND day = NEW.day;
before_day := coalesce(before_day, 0);
NEW.points := least(NEW.earned, {POINTS_PER_DAY} - before_day);
NEW.day_total := before_day + NEW.points;
NEW.week_total := before_week + NEW.points;
IF NEW.points > 0 THEN
  INSERT INTO game_daypoints (player_id, day, points, reached_at)
  VALUES (NEW.player_id, NEW.day, NEW.day_total, NEW.at)
  ON CONFLICT (player_id, day) DO UPDATE
  SET points = excluded.points, reached_at = excluded.reached_at;
  UPDATE game_weekpoints SET points = NEW.week_total, reached_at = NEW.at
  WHERE player_id = NEW.player_id AND week = NEW.week;
  IF before_week = 0 AND NOT EXISTS (
    SELECT FROM game_leagueplayer
    WHERE player_id = NEW.player_id AND opted_out_at IS NOT NULL
  ) THEN
    INSERT INTO game_leaguemember (player_id, week, joined_at, outcome)
    VALUES (NEW.player_id, NEW.week, NEW.at, '')
    ON CONFLICT DO NOTHING;
  END IF;
END IF;
RETURN NEW;
"""  # noqa: S608 -- the number is a constant.
ONLY_EVENTS = """
IF pg_trigger_depth() > 1 THEN
  RETURN coalesce(NEW, OLD);
END IF;
RAISE EXCEPTION 'Points are counted only by an event.';
"""


def only_events() -> pgtrigger.Trigger:
    """Return the trigger that refuses every write to a sum but that of an event."""
    return pgtrigger.Trigger(
        name="only_events",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=ONLY_EVENTS,
    )


class PointEvent(models.Model):
    """One thing that a player has earned points for: append-only, once per player and key."""

    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="point_events", db_index=False
    )
    # What it was for: `answer:<round question>`.
    key = models.CharField(max_length=64)
    kind = models.CharField(max_length=12, choices=PointKind)
    earned = models.PositiveSmallIntegerField()
    # Of these what counts: nothing once the day has POINTS_PER_DAY. Set by the database, as are the
    # sums of the player's day and week with this event.
    points = models.PositiveSmallIntegerField()
    day_total = models.PositiveSmallIntegerField()
    week_total = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    # The business day, and the Monday of its week.
    day = models.DateField()
    week = models.DateField()

    class Meta:
        constraints = [
            # The index of a player's events, too.
            models.UniqueConstraint(fields=["player", "key"], name="pointevent_once_per_key"),
            models.CheckConstraint(
                condition=models.Q(
                    *(Q(kind=kind.value, earned=earned) for kind, earned in POINTS.items()),
                    _connector=Q.OR,
                ),
                name="pointevent_earns_what_its_kind_does",
            ),
            models.CheckConstraint(
                condition=Q(points__lte=F("earned")), name="pointevent_counts_what_is_earned"
            ),
            models.CheckConstraint(
                condition=Q(day_total__lte=POINTS_PER_DAY), name="pointevent_within_the_day"
            ),
            models.CheckConstraint(
                condition=Q(week__week_day=2, day__gte=F("week"), day__lt=F("week") + 7),
                name="pointevent_week_begins_on_its_monday",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="count_points",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("before_day", "integer"), ("before_week", "integer")],
                func=COUNT_POINTS,
            ),
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "points"),
        ]

    def __str__(self) -> str:
        return f"{self.points} points for {self.key}"


class DayPoints(models.Model):
    """The points of a player on a business day. Only the database writes here."""

    pk = models.CompositePrimaryKey("player_id", "day")
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="day_points", db_index=False
    )
    day = models.DateField()
    points = models.PositiveSmallIntegerField()
    # Since when: of two with as many points, who had them first is ahead.
    reached_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The leaderboard of a day, upwards and downwards from any player.
            models.Index(
                F("day"), F("points").desc(), F("reached_at"), F("player"), name="daypoints_board"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__lte=POINTS_PER_DAY), name="daypoints_within_the_day"
            ),
        ]
        triggers = [only_events(), never_truncated("never_truncated", "points")]

    def __str__(self) -> str:
        return f"{self.points} points of player {self.player_id} on {self.day}"


class WeekPoints(models.Model):
    """The points of a player in a week, Monday to Sunday. Only the database writes here."""

    pk = models.CompositePrimaryKey("player_id", "week")
    player = models.ForeignKey(
        "players.Player", on_delete=models.PROTECT, related_name="week_points", db_index=False
    )
    # Its Monday.
    week = models.DateField()
    points = models.PositiveSmallIntegerField()
    reached_at = models.DateTimeField()

    class Meta:
        indexes = [
            # The leaderboard of a week, upwards and downwards from any player.
            models.Index(
                F("week"), F("points").desc(), F("reached_at"), F("player"), name="weekpoints_board"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__lte=7 * POINTS_PER_DAY), name="weekpoints_within_seven_days"
            ),
        ]
        triggers = [only_events(), never_truncated("never_truncated", "points")]

    def __str__(self) -> str:
        return f"{self.points} points of player {self.player_id} in the week of {self.week}"


class Span(models.TextChoices):
    """What a leaderboard is of."""

    DAY = "DAY", "day"
    WEEK = "WEEK", "week"


class BoardCount(models.Model):
    """How many players have exactly so many points, counted once a minute.

    From there comes the place of whoever has too many before them to be counted at each look.
    """

    span = models.CharField(max_length=4, choices=Span)
    # The day, or the Monday of the week.
    begins_on = models.DateField()
    points = models.PositiveSmallIntegerField()
    players = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["span", "begins_on", "points"], name="boardcount_once_per_points"
            ),
            models.CheckConstraint(
                condition=Q(span__in=Span.values), name="boardcount_span_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.players} players with {self.points} points"
