"""Which question comes next."""

from quizarena.game.errors import NoQuestionsError
from quizarena.game.models import Mode, QuestionVersion
from quizarena.players.models import Player

# So many questions of a mode go by before one of them returns.
RECENT = 20


def next_question(*, player: Player, mode: Mode) -> QuestionVersion:
    """Return a random enabled question of `mode`, as it reads now, that is none of the last 20.

    A bank too small for that gives the one that was shown longest ago. One statement. Raises
    NoQuestionsError when nothing is enabled.
    """
    rows = QuestionVersion.objects.raw(
        """
        WITH recent AS (
          SELECT id, question_id FROM game_showing
          WHERE player_id = %s AND mode = %s ORDER BY id DESC LIMIT %s
        )
        SELECT version.* FROM game_question AS question
        JOIN game_questionversion AS version
          ON version.question_id = question.id AND version.number = question.version
        WHERE question.category = %s AND question.is_enabled
        ORDER BY
          (SELECT max(recent.id) FROM recent WHERE recent.question_id = question.id) NULLS FIRST,
          random()
        LIMIT 1
        """,
        [player.pk, mode.value, RECENT, mode.value],
    )
    for version in rows:
        return version
    raise NoQuestionsError(mode)
