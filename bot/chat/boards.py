"""Standings that players have before them while a tournament is played.

A message shows them until its player goes on; bot/messages/boards.py keeps it up to date.
"""

from django.db.models import Count, F, Max, Q

from bot.chat.models import TournamentBoard
from bot.chat.navigation import Data
from bot.queue.models import InboxUpdate
from quizarena.game.models import Pairing, QuestionVersion, Tournament
from quizarena.players.models import Player

# More than a round has players.
_ROUND = 1_000


def version_of(tournament: Tournament) -> int:
    """Return a number that grows with each player who finishes a round, and with each round."""
    counted = Pairing.objects.filter(tournament=tournament).aggregate(
        number=Max("round__number"),
        finished=Count("pk", filter=Q(round__ended_at=None, answered__gte=F("tournament__length"))),
    )
    number: int = counted["number"] or 0
    finished: int = counted["finished"]
    return number * _ROUND + finished


def round_of(version: int) -> int:
    """Return the number of the round at a version."""
    return version // _ROUND


def watch(
    *,
    player: Player,
    tournament: Tournament,
    message_id: int,
    update_id: int,
    version: int,
    above: str = "",
    answered: QuestionVersion | None = None,
) -> None:
    """Note that a message shows the player the standings, as they were at `version`.

    `update_id` is the tap that has led to them, `above` what stands above them until the next
    round, and `answered` the question that this is about. A player has one such message for each
    tournament: the last. A step of the caller's transaction.
    """
    board = TournamentBoard(
        player=player,
        tournament=tournament,
        message_id=message_id,
        update_id=update_id,
        version=version,
        above=above,
        answered=answered,
    )
    TournamentBoard.objects.bulk_create(
        [board],
        update_conflicts=True,
        unique_fields=["player", "tournament"],
        update_fields=["message_id", "update_id", "version", "above", "answered"],
    )


def has_gone_on(board: TournamentBoard) -> bool:
    """Return whether the message was tapped again: then it shows something else, or will.

    What its row about the answered question brings is a message below: it stays as it is.
    """
    taps = InboxUpdate.objects.filter(
        player_key=board.player.telegram_id,
        update_id__gt=board.update_id,
        payload__callback_query__message__message_id=board.message_id,
    )
    tapped = taps.values_list("payload__callback_query__data", flat=True)
    return not all(str(data).split(":")[0] in (Data.REPORT, Data.RULE) for data in tapped)


def unwatch(*, player: Player, tournament: Tournament) -> None:
    """Note that no message shows the player the standings any more."""
    TournamentBoard.objects.filter(player=player, tournament=tournament).delete()
