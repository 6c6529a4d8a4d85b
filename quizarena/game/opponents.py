"""Whom players meet in a duel: how good they are, and by which name the other knows them."""

from collections import Counter

from quizarena.game.models import Level, RoundQuestion
from quizarena.players.models import Player

# So many of the last answers say which level a player has.
RECENT = 20


def level_of(player: Player) -> Level:
    """Return the level of most of the player's last answered questions, A1 before the first.

    Of two that are as frequent, the easier one.
    """
    answered = RoundQuestion.objects.filter(player=player, answered_at__isnull=False)
    recent = answered.order_by("-pk")[:RECENT]
    counted = Counter(recent.values_list("question__level", flat=True))
    return max(Level, key=lambda level: counted[level.value])
