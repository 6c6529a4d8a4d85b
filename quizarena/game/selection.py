"""Which question comes next. Product rules, section 11: level, continuous play."""

import random
from datetime import datetime
from typing import Any

from django.db import connection

from economy.streak_rules import DAY, midnight_after
from economy.wallets import business_zone
from quizarena.game.errors import NoQuestionsError
from quizarena.game.models import Level, Mode, Question, QuestionVersion
from quizarena.players.models import Player

# So many questions of a mode go by before one of them returns.
RECENT = 20
# Of the questions, these shares are of the player's level, of the one below, of the one above.
AT_LEVEL, BELOW, ABOVE = 0.7, 0.2, 0.1

_FIELDS = QuestionVersion._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]

# So many questions that a player has been shown before are drawn, then one of them comes again.
SEEN_MAX = 16

# So many random ids of a topic are tried before all its questions are read.
PROBES = 64
_OF_TOPIC = "category = %(mode)s AND level = tries.level AND is_enabled AND topic = shuffled.topic"

_LEVELS = f"ARRAY{[level.value for level in Level]}"
# Where a question may come from, in the order of `tries`; the later ones are only looked at when
# the earlier ones have none.
#
# FRESH draws from the level that is tried: a random topic, then a random question of it that is
# none of `avoided`. If the player has been shown that before, the next topic is drawn, and the
# topics once more when all have been; of the first SEEN_MAX that were all shown before the one
# comes that was so longest ago. So a topic comes the less often the more of it has been seen, and
# nothing is counted or remembered for it: each question that is drawn is looked up in an index.
#
# One index answers every part of a draw: each step of the recursion finds the next topic. In a
# topic random ids are tried, of which any is as likely as another; where none of them is a question
# that is left, one of all that are left is taken. So a topic of thousands is not read, and one
# whose ids lie far apart has few to read. Every topic is drawn before any is again, so one that has
# a question left is found.
_NEXT = f"""
WITH own AS MATERIALIZED (
  SELECT array_position({_LEVELS}, coalesce(
    (SELECT level::text FROM game_playerlevel WHERE player_id = %(player)s AND mode = %(mode)s),
    '{Level.A1}'
  )) AS number
), recent AS MATERIALIZED (
  SELECT id, question_id FROM game_roundquestion
  WHERE player_id = %(player)s AND mode = %(mode)s
  ORDER BY shown_at DESC, id DESC LIMIT {RECENT}
), today AS MATERIALIZED (
  SELECT id, question_id FROM game_roundquestion
  WHERE player_id = %(player)s AND mode = %(mode)s AND shown_at >= %(midnight)s
), avoided AS MATERIALIZED (
  SELECT question_id FROM recent
  UNION ALL SELECT question_id FROM today
  UNION ALL SELECT version.question_id FROM game_dailyset AS daily_set
    JOIN game_dailyquestion AS daily_question ON daily_question.set_id = daily_set.id
    JOIN game_questionversion AS version ON version.id = daily_question.version_id
    WHERE daily_set.day = %(day)s
), tries AS MATERIALIZED (
  SELECT source, known.level FROM own CROSS JOIN LATERAL (
    VALUES ('FRESH', 1, own.number + %(step)s),
           ('FRESH', 2, own.number),
           ('REPEATED', 3, own.number),
           ('FRESH', 4, own.number - 1),
           ('FRESH', 5, own.number + 1),
           ('FRESH', 6, own.number - 2),
           ('FRESH', 7, own.number + 2),
           ('FRESH', 8, own.number - 3),
           ('FRESH', 9, own.number + 3)
  ) AS try (source, place, number)
  JOIN unnest({_LEVELS}) WITH ORDINALITY AS known (level, number) ON known.number = try.number
  ORDER BY try.place
), chosen AS MATERIALIZED (
  SELECT found.id FROM tries CROSS JOIN LATERAL (
    (
      WITH RECURSIVE topics (topic) AS (
        (SELECT topic FROM game_question
         WHERE category = %(mode)s AND level = tries.level AND is_enabled
           AND tries.source = 'FRESH'
         ORDER BY topic LIMIT 1)
        UNION ALL
        SELECT following.topic FROM topics CROSS JOIN LATERAL (
          SELECT topic FROM game_question
          WHERE category = %(mode)s AND level = tries.level AND is_enabled
            AND topic > topics.topic
          ORDER BY topic LIMIT 1
        ) AS following
      ), shuffled AS (
        -- The number keeps what is drawn from a topic once from being drawn again.
        SELECT topic, number FROM topics CROSS JOIN generate_series(1, {SEEN_MAX}) AS number
        WHERE (number - 1) * (SELECT count(*) FROM topics) < {SEEN_MAX}
        ORDER BY number, random()
      ), drawn AS MATERIALIZED (
        SELECT picked.id, (
          SELECT shown_at FROM game_roundquestion
          WHERE player_id = %(player)s AND question_id = picked.id
          ORDER BY shown_at DESC LIMIT 1
        ) AS seen_at
        FROM shuffled
        CROSS JOIN LATERAL (
          (
            SELECT hit.id
            FROM (
              SELECT lowest.id + floor(random() * (highest.id - lowest.id + 1))::bigint AS id
              FROM (
                SELECT id FROM game_question
                WHERE {_OF_TOPIC} ORDER BY id LIMIT 1
              ) AS lowest
              CROSS JOIN (
                SELECT id FROM game_question
                WHERE {_OF_TOPIC} ORDER BY id DESC LIMIT 1
              ) AS highest
              CROSS JOIN generate_series(1, {PROBES} + 0 * shuffled.number)
            ) AS probe
            CROSS JOIN LATERAL (
              SELECT id FROM game_question
              WHERE {_OF_TOPIC} AND id = probe.id AND id NOT IN (SELECT question_id FROM avoided)
              LIMIT 1
            ) AS hit
            LIMIT 1
          )
          UNION ALL
          (
            SELECT ids[1 + floor(random() * cardinality(ids))::integer]
            FROM (
              SELECT array_agg(id) AS ids FROM game_question
              WHERE {_OF_TOPIC} AND id NOT IN (SELECT question_id FROM avoided)
            ) AS those_left
            WHERE ids IS NOT NULL
          )
          LIMIT 1
        ) AS picked
        LIMIT {SEEN_MAX}
      )
      (SELECT id FROM drawn WHERE seen_at IS NULL LIMIT 1)
      UNION ALL
      (SELECT id FROM drawn ORDER BY seen_at LIMIT 1)
      LIMIT 1
    )
    UNION ALL
    (
      SELECT today.question_id FROM today
      JOIN game_question AS question ON question.id = today.question_id
      WHERE tries.source = 'REPEATED' AND category = %(mode)s AND level = tries.level
        AND is_enabled AND today.question_id NOT IN (SELECT question_id FROM recent)
      GROUP BY today.question_id ORDER BY max(today.id) LIMIT 1
    )
  ) AS found
  LIMIT 1
)
SELECT question.level, {", ".join(f"version.{field.column}" for field in _FIELDS)}
FROM game_question AS question
JOIN game_questionversion AS version
  ON version.question_id = question.id AND version.number = question.version
WHERE question.id = coalesce((SELECT id FROM chosen), (
  SELECT any_question.id FROM game_question AS any_question
  LEFT JOIN (
    SELECT question_id, max(id) AS latest FROM (TABLE recent UNION ALL TABLE today) AS each
    GROUP BY question_id
  ) AS shown ON shown.question_id = any_question.id
  WHERE category = %(mode)s AND is_enabled
  ORDER BY shown.latest NULLS FIRST, random()
  LIMIT 1
))
"""  # noqa: S608 -- the columns and levels are constants.


def next_question(*, player: Player, mode: Mode, now: datetime) -> QuestionVersion:
    """Return a question for the player in `mode`, as it reads now. One statement.

    Its level is drawn around the player's own, then a topic of the level, then a question that is
    none of the last 20 of the mode and was not asked today, also in the daily challenge. What the
    player has been shown before makes way for another draw, up to 16 times. What the drawn level
    does not have comes from the player's own. That one repeats what was asked longest
    ago today, if it is none of the last 20; else the nearest level helps out, the easier one
    first; and a mode too small for that gives what was shown longest ago. Raises NoQuestionsError
    when nothing is enabled.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, parameters(player=player, mode=mode, now=now))
        row = cursor.fetchone()
    if row is None:
        raise NoQuestionsError(mode)
    level, *columns = row
    version = QuestionVersion.from_db(connection.alias, _NAMES, columns)
    # The level is shown with the question; the rest is not worth the bytes.
    version.question_row = Question.from_db(
        connection.alias, ["id", "level"], [version.question_row_id, level]
    )
    return version


def parameters(*, player: Player, mode: Mode, now: datetime) -> dict[str, Any]:
    """Return what the statement asks with; the step to another level is drawn here."""
    day = now.astimezone(business_zone()).date()
    return {
        "player": player.pk,
        "mode": mode.value,
        "day": day,
        "midnight": midnight_after(day - DAY, zone=business_zone()),
        "step": step(random.random()),
    }


def step(roll: float) -> int:
    """Return how far from the player's level a question is drawn. Pure; `roll` is in 0..1."""
    if roll < AT_LEVEL:
        return 0
    return -1 if roll < AT_LEVEL + BELOW else 1
