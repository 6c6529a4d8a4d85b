"""How each question plays: a day's answers are added once the day is over, and never read again.

The page of a question reads these figures (QuestionFigures) and never the answers, which may be
purged. Which day is next stands in QuestionCount, in the same transaction as the figures.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.game import points
from quizarena.game.models import OPTIONS, QuestionCount, RoundQuestion
from quizarena.game.play_counts import bounds, is_final
from quizarena.game.report_rules import SECONDS_MAX

DAY = timedelta(days=1)


def _by_option(condition: str) -> str:
    """Return an array with how many of the answers that fit chose each option."""
    counts = (
        f"count(*) FILTER (WHERE choice = {option} AND {condition})" for option in range(OPTIONS)
    )
    return f"ARRAY[{', '.join(counts)}]"


def _by_second() -> str:
    counts = (f"count(*) FILTER (WHERE took = {n})" for n in range(SECONDS_MAX + 1))
    return f"ARRAY[{', '.join(counts)}]"


def _zeros(length: int) -> str:
    return f"array_fill(0, ARRAY[{length}])"


def _sum(column: str) -> str:
    """Return the sum of two arrays, element by element."""
    pairs = f"unnest(game_questionfigures.{column}, excluded.{column})"
    added = "array_agg(old + new ORDER BY number)"
    return f"(SELECT {added} FROM {pairs} WITH ORDINALITY AS pair(old, new, number))"  # noqa: S608


# A player who has no level in a mode plays it at A1 (levels.FIRST).
_COUNT = f"""
WITH answer AS (
  SELECT round_question.version_id, choice, is_correct,
    least(floor(extract(epoch FROM answered_at - shown_at)), {SECONDS_MAX})::int AS took,
    question.level = coalesce(player_level.level, 'A1') AS is_at_level,
    question.looked_at IS NULL OR answered_at > question.looked_at AS is_fresh
  FROM game_roundquestion AS round_question
  JOIN game_question AS question ON question.id = round_question.question_id
  LEFT JOIN game_playerlevel AS player_level
    ON player_level.player_id = round_question.player_id
    AND player_level.mode = round_question.mode
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
), answered AS (
  SELECT version_id, count(*) AS answered, count(*) FILTER (WHERE is_correct) AS "right",
    {_by_option("true")} AS chosen, {_by_second()} AS seconds,
    count(*) FILTER (WHERE is_at_level) AS level_answered,
    count(*) FILTER (WHERE is_at_level AND is_correct) AS level_right,
    {_by_option("is_at_level AND is_fresh")} AS level_chosen
  FROM answer GROUP BY version_id
), shown AS (
  SELECT version_id, count(*) AS shown FROM game_roundquestion
  WHERE shown_at >= %(begin)s AND shown_at < %(end)s AND refunded_at IS NULL
  GROUP BY version_id
)
INSERT INTO game_questionfigures (
  version_id, shown, answered, "right", chosen, seconds, level_answered, level_right, level_chosen,
  counted_at
)
SELECT version_id, coalesce(shown, 0), coalesce(answered, 0), coalesce("right", 0),
  coalesce(chosen, {_zeros(OPTIONS)}), coalesce(seconds, {_zeros(SECONDS_MAX + 1)}),
  coalesce(level_answered, 0), coalesce(level_right, 0),
  coalesce(level_chosen, {_zeros(OPTIONS)}), %(now)s
FROM answered FULL JOIN shown USING (version_id)
ORDER BY version_id
ON CONFLICT (version_id) DO UPDATE SET
  shown = game_questionfigures.shown + excluded.shown,
  answered = game_questionfigures.answered + excluded.answered,
  "right" = game_questionfigures."right" + excluded."right",
  chosen = {_sum("chosen")},
  seconds = {_sum("seconds")},
  level_answered = game_questionfigures.level_answered + excluded.level_answered,
  level_right = game_questionfigures.level_right + excluded.level_right,
  level_chosen = {_sum("level_chosen")},
  counted_at = excluded.counted_at
"""  # noqa: S608 -- the names are constants.


def count(*, now: datetime, until: datetime) -> int:
    """Add every day that is over and was not counted, the earliest first; return how many.

    Each is a transaction of its own, and what has no time before `until` is left to the next run.
    Ends where somebody else is counting.
    """
    counted = 0
    while count_next_day(now=now):
        counted += 1
        if timezone.now() >= until:
            break
    return counted


@transaction.atomic(durable=True)
def count_next_day(*, now: datetime) -> bool:
    """Add the earliest day that was not counted, once; return False if there is none yet.

    A day is over an hour after its end, when whatever was answered in it has been written down.
    Locks the counts; returns False when somebody else has them, too.
    """
    if not advisory_locks.try_lock(Space.QUESTION_COUNTS):
        return False
    day = _next_day()
    if day is None or not is_final(now, day=day):
        return False
    begin, end = bounds(day)
    asked: dict[str, Any] = {"begin": begin, "end": end, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, asked)
    QuestionCount.objects.update_or_create(id=1, defaults={"day": day, "counted_at": now})
    return True


def counted_up_to() -> QuestionCount | None:
    """Return up to which day the figures are, and when that was counted."""
    return QuestionCount.objects.first()


def _next_day() -> date | None:
    """Return the day after the last one that was counted, or that of the first question ever."""
    last = counted_up_to()
    if last is not None:
        return last.day + DAY
    first = RoundQuestion.objects.order_by("pk").values_list("shown_at", flat=True).first()
    return points.today(first) if first is not None else None
