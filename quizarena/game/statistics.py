"""How a player answers: per mode and per level."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from quizarena.game.models import PastAnswers, RoundQuestion
from quizarena.players.models import Player


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How many questions of one mode, or of one level, were answered, and how many right."""

    of: str
    answered: int
    right: int

    @property
    def percent(self) -> int:
        """Return the share of right answers, 0-100, rounded down: 100 is without a mistake."""
        return self.right * 100 // self.answered


def by_mode(player: Player) -> list[Accuracy]:
    """Return the player's accuracy in each mode that they have played, most played first."""
    return _accuracy(player, "mode")


def by_level(player: Player) -> list[Accuracy]:
    """Return the player's accuracy at each level that they were asked, easiest first."""
    return sorted(_accuracy(player, "question__level"), key=lambda accuracy: accuracy.of)


# So many answers at a level say whether somebody is at home there, with this share of them right.
LEVEL_ANSWERS = 10
LEVEL_PERCENT = 60


def level(player: Player) -> str:
    """Return the highest level (A1 to B2) at which the player is at home, or "" if there is none.

    At home means ten answers or more, six out of ten of them right.
    """
    at_home = [
        accuracy.of
        for accuracy in by_level(player)
        if accuracy.answered >= LEVEL_ANSWERS and accuracy.percent >= LEVEL_PERCENT
    ]
    return at_home[-1] if at_home else ""


def level_sql(player: str, *, before: str) -> str:
    """Return as SQL which level it was before an instant, NULL if there was none.

    `player` and `before` are SQL for the player's id and for the instant. Answers that are counted
    without their times are more than a year old, so they are from before it.
    """
    return f"""(
      SELECT level FROM (
        SELECT question.level, count(*) AS answered, count(*) FILTER (WHERE is_correct) AS correct
        FROM game_roundquestion AS shown JOIN game_question AS question
          ON question.id = shown.question_id
        WHERE shown.player_id = {player} AND shown.answered_at < {before}
        GROUP BY question.level
        UNION ALL
        SELECT level, answered, correct FROM game_pastanswers WHERE player_id = {player}
      ) AS counted (level, answered, correct)
      GROUP BY level
      HAVING sum(answered) >= {LEVEL_ANSWERS}
        AND sum(correct) * 100 / sum(answered) >= {LEVEL_PERCENT}
      ORDER BY level DESC LIMIT 1
    )"""  # noqa: S608 -- what is put in are constants.


def _accuracy(player: Player, field: str) -> list[Accuracy]:
    """Return what is kept of each question, and what was counted of those before."""
    answered = RoundQuestion.objects.filter(player=player, answered_at__isnull=False)
    found = {
        of: (number, right)
        for of, number, right in answered.values_list(field).annotate(
            answered=Count("id"), right=Count("id", filter=Q(is_correct=True))
        )
    }
    past = PastAnswers.objects.filter(player=player).values_list(field.removeprefix("question__"))
    for of, number, right in past.annotate(Sum("answered"), Sum("correct")):
        before, right_before = found.get(of, (0, 0))
        found[of] = (before + number, right_before + right)
    rows = sorted(found.items(), key=lambda row: (-row[1][0], row[0]))
    return [Accuracy(of=of, answered=number, right=right) for of, (number, right) in rows]
