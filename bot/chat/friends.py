"""Who is a friend of a player, put together from what several apps know."""

from promos import referrals
from quizarena.game import duels
from quizarena.players.models import Player

# Of more than so many only the latest count.
FRIENDS_MAX = 200


def friend_ids(player: Player) -> set[int]:
    """Return the friends of a player: whom one has invited, by whom one was, and has duelled."""
    invited = referrals.friend_ids(player=player, at_most=FRIENDS_MAX)
    return invited | duels.opponent_ids(player=player, at_most=FRIENDS_MAX)
