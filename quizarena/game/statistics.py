"""How a player answers: per mode and per level."""

from dataclasses import dataclass

from django.db.models import Count, Q

from quizarena.game.models import RoundQuestion
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


def _accuracy(player: Player, field: str) -> list[Accuracy]:
    answered = RoundQuestion.objects.filter(player=player, answered_at__isnull=False)
    rows = answered.values_list(field).annotate(
        answered=Count("id"), right=Count("id", filter=Q(is_correct=True))
    )
    return [
        Accuracy(of=of, answered=answered, right=right)
        for of, answered, right in rows.order_by("-answered", field)
    ]
