"""Questions of rounds are kept for 400 days; the figures that come of them, for ever.

Product rules, section 16. Of questions the figures are added up day by day (question_counts.py);
of players they are added up here, when the questions go.
"""

from datetime import datetime, timedelta

from django.db import connection

from quizarena.game.play_counts import bounds
from quizarena.game.question_counts import counted_up_to

KEEP_FOR = timedelta(days=400)

# What waits for an answer belongs to a round that can be continued.
_PURGE = """
WITH old AS (
  SELECT id FROM game_roundquestion
  WHERE shown_at < %(before)s
    AND (answered_at < %(before)s OR refunded_at < %(before)s)
  ORDER BY id LIMIT %(limit)s
), purged AS (
  DELETE FROM game_roundquestion WHERE id IN (SELECT id FROM old)
  RETURNING player_id, mode, question_id, answered_at, is_correct
), counted AS (
  INSERT INTO game_pastanswers (player_id, mode, level, answered, correct)
  SELECT purged.player_id, purged.mode, question.level, count(*), count(*) FILTER (WHERE is_correct)
  FROM purged JOIN game_question AS question ON question.id = purged.question_id
  WHERE answered_at IS NOT NULL
  GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (player_id, mode, level) DO UPDATE SET
    answered = game_pastanswers.answered + excluded.answered,
    correct = game_pastanswers.correct + excluded.correct
)
SELECT count(*) FROM purged
"""


def purge(*, now: datetime, limit: int) -> int:
    """Delete at most `limit` questions of rounds from before KEEP_FOR; return how many.

    None of a day that the figures of questions do not have yet. One statement, which adds the
    answers to those that their players have given before.
    """
    counted = counted_up_to()
    if counted is None:
        return 0
    before = min(now - KEEP_FOR, bounds(counted.day)[1])
    with connection.cursor() as cursor:
        cursor.execute(_PURGE, {"before": before, "limit": limit})
        return int(cursor.fetchone()[0])
