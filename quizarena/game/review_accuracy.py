"""How well the scheduler predicts: its log loss, by business day, from predictions and outcomes.

Staff see it beside how much is played. It is counted when nothing can be added to a day any more,
and again with the same result; what was missed is counted by the next run.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from quizarena.game import play_counts, points
from quizarena.game.models import ReviewAccuracy
from quizarena.game.play_counts import LATE

# The figure that is looked at is that of so many days: one of them has few predictions.
MONTH_DAYS = 30
# What the figure is to be at most.
TARGET = 0.34
# So many days back are counted when they have not been.
COUNTED_DAYS = 30

# What was a slip is no evidence.
_COUNT = """
INSERT INTO game_reviewaccuracy
  (day, predictions, log_loss, month_predictions, month_log_loss, counted_at)
SELECT %(day)s, count(*) FILTER (WHERE answered_at >= %(begin)s),
  avg(loss) FILTER (WHERE answered_at >= %(begin)s), count(*), avg(loss), %(now)s
FROM (
  SELECT log.answered_at, -ln(CASE WHEN log.is_right THEN log.predicted ELSE 1 - log.predicted END)
    AS loss
  FROM game_reviewlog AS log JOIN game_reviewquestion AS question ON question.id = log.question_id
  WHERE log.answered_at >= %(month_begin)s AND log.answered_at < %(end)s
    AND log.predicted IS NOT NULL AND question.undone_at IS NULL
) AS outcome
ON CONFLICT (day) DO UPDATE SET predictions = excluded.predictions, log_loss = excluded.log_loss,
  month_predictions = excluded.month_predictions, month_log_loss = excluded.month_log_loss,
  counted_at = excluded.counted_at
"""


def count(*, now: datetime) -> int:
    """Count every day that is over and has not been counted, the earliest first; return how many.

    Before the first answer in a review there is nothing to count.
    """
    last = points.today(now - LATE) - timedelta(days=1)
    days = [last - timedelta(days=back) for back in reversed(range(COUNTED_DAYS))]
    known = set(ReviewAccuracy.objects.filter(day__in=days).values_list("day", flat=True))
    first = _first_day()
    due = [day for day in days if first is not None and first <= day and day not in known]
    for day in due:
        count_day(day=day, now=now)
    return len(due)


def count_day(*, day: date, now: datetime) -> None:
    """Count a business day, in place of before. One statement."""
    begin, end = play_counts.bounds(day)
    month_begin, _ = play_counts.bounds(day - timedelta(days=MONTH_DAYS - 1))
    row: dict[str, Any] = {
        "day": day,
        "begin": begin,
        "end": end,
        "month_begin": month_begin,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, row)


def latest() -> ReviewAccuracy | None:
    """Return the latest day that was counted."""
    return ReviewAccuracy.objects.order_by("-day").first()


def _first_day() -> date | None:
    """Return the business day of the first answer in a review."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(answered_at) FROM game_reviewlog")
        (first,) = cursor.fetchone()
    return None if first is None else points.today(first)
