"""Who is a friend of a player, put together from what several apps know."""

from promos import referrals
from quizarena.players.models import Player

# Of more than so many only the latest count.
FRIENDS_MAX = 200


def friend_ids(player: Player) -> set[int]:
    """Return the friends of a player: whom one has invited, and by whom one was invited.

    Whoever else becomes a friend, by a duel, is added here.
    """
    return referrals.friend_ids(player=player, at_most=FRIENDS_MAX)
