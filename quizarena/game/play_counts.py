"""How much is played: each business day counted once an hour, and final once it can change no more.

A page of the admin reads the counts and never the answers. Whatever was missed is counted by the
next run, back to the longest report.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from economy.streak_rules import DAY, midnight_after
from economy.wallets import business_zone
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.game import points
from quizarena.game.models import FirstDayCohort, Mode, PlayDay, PlayDayMode
from quizarena.players.models import Player

# So many days back are counted when they have not been.
COUNTED_DAYS = 90
# Whoever answers in the last moment has been written down by then.
LATE = timedelta(hours=1)
# A cohort's second and seventh day, counted from its first.
SECOND_DAY, SEVENTH_DAY = timedelta(days=1), timedelta(days=6)

# What is answered elsewhere than in the rounds of a Mode.
DUEL, TOURNAMENT, PLACEMENT = "DUEL", "TOURNAMENT", "PLACEMENT"
SPRINT, REVIEW = "SPRINT", "REVIEW"

# Everything that was answered on a day. What a round, a sprint or a review asked is counted at the
# level that the question has now; the others have stored theirs.
_ANSWERS = f"""
  SELECT round_question.player_id, round_question.mode, question.level, is_correct
  FROM game_roundquestion AS round_question
  JOIN game_question AS question ON question.id = round_question.question_id
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT run.player_id, '{Mode.DAILY_CHALLENGE.value}', question.level, is_correct
  FROM game_dailyset AS daily_set
  JOIN game_dailyrun AS run ON run.set_id = daily_set.id
  JOIN game_dailyanswer AS answer ON answer.run_id = run.id
  JOIN game_dailyquestion AS question
    ON question.set_id = daily_set.id AND question.number = answer.number
  WHERE daily_set.day = %(day)s
  UNION ALL
  SELECT answer.player_id, '{DUEL}', question.level, is_correct
  FROM game_duelanswer AS answer
  JOIN game_duelquestion AS question
    ON question.duel_id = answer.duel_id AND question.number = answer.number
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT pairing.player_id, '{TOURNAMENT}', question.level, is_correct
  FROM game_tournamentanswer AS answer
  JOIN game_pairing AS pairing ON pairing.id = answer.pairing_id
  JOIN game_tournamentquestion AS question
    ON question.round_id = pairing.round_id AND question.number = answer.number
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT placement.player_id, '{PLACEMENT}', question.level, is_correct
  FROM game_placementquestion AS question
  JOIN game_placement AS placement ON placement.id = question.placement_id
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT sprint.player_id, '{SPRINT}', question.level, is_correct
  FROM game_sprintanswer AS answer
  JOIN game_sprint AS sprint ON sprint.id = answer.sprint_id
  JOIN game_sprintquestion AS asked
    ON asked.sprint_id = answer.sprint_id AND asked.number = answer.number
  JOIN game_questionversion AS version ON version.id = asked.version_id
  JOIN game_question AS question ON question.id = version.question_id
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT card.player_id, '{REVIEW}', question.level, log.is_right
  FROM game_reviewlog AS log
  JOIN game_reviewcard AS card ON card.id = log.card_id
  JOIN game_question AS question ON question.id = card.question_id
  WHERE log.answered_at >= %(begin)s AND log.answered_at < %(end)s
"""  # noqa: S608 -- the names are constants.

_COUNT_DAY = f"""
INSERT INTO game_playday
  (day, active_players, new_players, rounds, challenges, answers, "right", counted_at)
SELECT %(day)s, count(DISTINCT player_id),
  (SELECT count(*) FROM players_player WHERE started_at >= %(begin)s AND started_at < %(end)s),
  (SELECT count(*) FROM game_round
   WHERE state = 'FINISHED' AND sample_day IS NULL
     AND finished_at >= %(begin)s AND finished_at < %(end)s),
  (SELECT count(run.finished_at) FROM game_dailyset AS daily_set
   JOIN game_dailyrun AS run ON run.set_id = daily_set.id WHERE daily_set.day = %(day)s),
  count(*), count(*) FILTER (WHERE is_correct), %(now)s
FROM ({_ANSWERS}) AS answer
"""  # noqa: S608 -- the names are constants.

_COUNT_MODES = f"""
INSERT INTO game_playdaymode (day, mode, level, answers, "right")
SELECT %(day)s, mode, level, count(*), count(*) FILTER (WHERE is_correct)
FROM ({_ANSWERS}) AS answer GROUP BY mode, level
"""  # noqa: S608 -- the names are constants.

# A player's answers are found by the indexes on the player: a cohort has few of the past.
_COUNT_COHORT = """
WITH cohort AS MATERIALIZED (
  SELECT id FROM players_player WHERE started_at >= %(begin)s AND started_at < %(end)s
), answered AS MATERIALIZED (
  SELECT DISTINCT id, (answered_at AT TIME ZONE %(zone)s)::date AS day FROM (
    SELECT cohort.id, answered_at FROM cohort
    JOIN game_roundquestion AS answer ON answer.player_id = cohort.id
    UNION ALL
    SELECT cohort.id, answered_at FROM cohort
    JOIN game_dailyrun AS run ON run.player_id = cohort.id
    JOIN game_dailyanswer AS answer ON answer.run_id = run.id
    UNION ALL
    SELECT cohort.id, answered_at FROM cohort
    JOIN game_duelanswer AS answer ON answer.player_id = cohort.id
    UNION ALL
    SELECT cohort.id, answered_at FROM cohort
    JOIN game_pairing AS pairing ON pairing.player_id = cohort.id
    JOIN game_tournamentanswer AS answer ON answer.pairing_id = pairing.id
    UNION ALL
    SELECT cohort.id, answered_at FROM cohort
    JOIN game_placement AS placement ON placement.player_id = cohort.id
    JOIN game_placementquestion AS answer ON answer.placement_id = placement.id
    UNION ALL
    SELECT cohort.id, answered_at FROM cohort
    JOIN game_sprint AS sprint ON sprint.player_id = cohort.id
    JOIN game_sprintanswer AS answer ON answer.sprint_id = sprint.id
    UNION ALL
    SELECT cohort.id, log.answered_at FROM cohort
    JOIN game_reviewcard AS card ON card.player_id = cohort.id
    JOIN game_reviewlog AS log ON log.card_id = card.id
  ) AS answer
  WHERE answered_at >= %(begin)s AND answered_at < %(seventh_ends)s
), finished AS MATERIALIZED (
  SELECT DISTINCT cohort.id FROM cohort
  JOIN game_round AS round ON round.player_id = cohort.id
  WHERE state = 'FINISHED' AND sample_day IS NULL
    AND finished_at >= %(begin)s AND finished_at < %(end)s
)
INSERT INTO game_firstdaycohort
  (day, started, answered, finished_round, day_2, day_7, counted_at)
SELECT %(day)s, (SELECT count(*) FROM cohort),
  count(*) FILTER (WHERE day = %(day)s),
  (SELECT count(*) FROM finished),
  CASE WHEN %(now)s >= %(second_begins)s THEN count(*) FILTER (WHERE day = %(second)s) END,
  CASE WHEN %(now)s >= %(seventh_begins)s THEN count(*) FILTER (WHERE day = %(seventh)s) END,
  %(now)s
FROM answered
"""


def count(*, now: datetime, until: datetime) -> int:
    """Count today and every day whose count is not final, the latest first; return how many.

    Each is a transaction of its own, and what has no time before `until` is left to the next run.
    Ends where somebody else is counting. Without players there is nothing to count.
    """
    counted = 0
    for day in _due(now):
        if not count_day(day=day, now=now):
            break
        counted += 1
        if timezone.now() >= until:
            break
    return counted


def count_day(*, day: date, now: datetime) -> bool:
    """Count a business day, and how far those have come who started on it, in place of before.

    Counting it again gives the same unless something has been added. Locks the counts; returns
    False when somebody else has them.
    """
    begin, end = bounds(day)
    second_begins, _ = bounds(day + SECOND_DAY)
    seventh_begins, seventh_ends = bounds(day + SEVENTH_DAY)
    asked: dict[str, Any] = {
        "day": day,
        "begin": begin,
        "end": end,
        "second": day + SECOND_DAY,
        "second_begins": second_begins,
        "seventh": day + SEVENTH_DAY,
        "seventh_begins": seventh_begins,
        "seventh_ends": seventh_ends,
        "zone": business_zone().key,
        "now": now,
    }
    with transaction.atomic():
        if not advisory_locks.try_lock(Space.PLAY_COUNTS):
            return False
        with connection.cursor() as cursor:
            for model, sql in (
                (PlayDay, _COUNT_DAY),
                (PlayDayMode, _COUNT_MODES),
                (FirstDayCohort, _COUNT_COHORT),
            ):
                model._base_manager.filter(day=day).delete()
                cursor.execute(sql, asked)
    return True


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the instants at which a business day begins and ends."""
    zone = business_zone()
    return midnight_after(day - DAY, zone=zone), midnight_after(day, zone=zone)


def is_final(counted_at: datetime, *, day: date) -> bool:
    """Return whether a count of so late has everything that happened on the business day."""
    return counted_at >= bounds(day)[1] + LATE


def _due(now: datetime) -> Iterator[date]:
    """Return the days that are to be counted, the latest first."""
    first = Player.objects.order_by("pk").values_list("created_at", flat=True).first()
    if first is None:
        return
    today = points.today(now)
    # What is final for the cohort of a day is final for the day, too.
    counted = dict(
        FirstDayCohort.objects.filter(day__gt=today - timedelta(days=COUNTED_DAYS)).values_list(
            "day", "counted_at"
        )
    )
    for back in range(COUNTED_DAYS):
        day = today - timedelta(days=back)
        if day < points.today(first):
            return
        if day not in counted or not is_final(counted[day], day=day + SEVENTH_DAY):
            yield day
