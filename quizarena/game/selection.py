"""Which question comes next."""

from django.db import connection

from quizarena.game.errors import NoQuestionsError
from quizarena.game.models import Mode, Question, QuestionVersion
from quizarena.players.models import Player

# So many questions of a mode go by before one of them returns.
RECENT = 20

_FIELDS = QuestionVersion._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_NEXT = f"""
WITH recent AS (
  SELECT id, question_id FROM game_roundquestion
  WHERE player_id = %(player)s AND mode = %(mode)s ORDER BY id DESC LIMIT %(recent)s
)
SELECT question.level, {", ".join(f"version.{field.column}" for field in _FIELDS)}
FROM game_question AS question
JOIN game_questionversion AS version
  ON version.question_id = question.id AND version.number = question.version
WHERE question.category = %(mode)s AND question.is_enabled
ORDER BY
  (SELECT max(recent.id) FROM recent WHERE recent.question_id = question.id) NULLS FIRST,
  random()
LIMIT 1
"""  # noqa: S608 -- the columns are constants.


def next_question(*, player: Player, mode: Mode) -> QuestionVersion:
    """Return a random enabled question of `mode`, as it reads now, that is none of the last 20.

    A bank too small for that gives the one that was shown longest ago. One statement. Raises
    NoQuestionsError when nothing is enabled.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"player": player.pk, "mode": mode.value, "recent": RECENT})
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
