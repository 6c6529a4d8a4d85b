"""Standings that players have before them while a tournament is played.

A message shows them until its player goes on; bot/messages/boards.py keeps it up to date.
"""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Count, F, Max, Q

from bot.chat.navigation import Data
from quizarena.game.models import Pairing, QuestionVersion, Tournament
from quizarena.game.tournament_play import Board
from quizarena.players.models import Player

# More than a round has players.
_ROUND = 1_000


def version_of(board: Board) -> int:
    """Return the version of the standings of a tournament that is played; see `version_now`.

    It is 0, which is out of date, if the last round has ended while they were read.
    """
    if board.current is None:
        return 0
    return board.current.number * _ROUND + board.finished_current


def version_now(tournament: Tournament) -> int:
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
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bot_tournamentboard AS board
              (player_id, tournament_id, message_id, update_id, version, above, answered_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (player_id, tournament_id) DO UPDATE SET
              message_id = excluded.message_id, update_id = excluded.update_id,
              version = excluded.version, above = excluded.above,
              answered_id = excluded.answered_id
            """,
            [
                player.pk,
                tournament.pk,
                message_id,
                update_id,
                version,
                above,
                answered.pk if answered else None,
            ],
        )


def gone_on(board_ids: Sequence[int]) -> set[int]:
    """Return whose messages were tapped again: they show something else, or will. One query.

    What its row about the answered question brings is a message below: it stays as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT board.id FROM bot_tournamentboard AS board
            JOIN players_player AS player ON player.id = board.player_id
            WHERE board.id = ANY(%(ids)s) AND EXISTS (
              SELECT FROM bot_inboxupdate AS tap
              WHERE tap.player_key = player.telegram_id AND tap.update_id > board.update_id
                AND tap.payload #> '{callback_query,message,message_id}'
                  = to_jsonb(board.message_id)
                AND split_part(
                  coalesce(tap.payload #>> '{callback_query,data}', ''), ':', 1
                ) <> ALL(%(beside)s)
            )
            """,
            {"ids": list(board_ids), "beside": [Data.REPORT.value, Data.RULE.value]},
        )
        return {pk for (pk,) in cursor.fetchall()}


def unwatch(*, player: Player, tournament: Tournament) -> None:
    """Note that no message shows the player the standings any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM bot_tournamentboard WHERE player_id = %s AND tournament_id = %s",
            [player.pk, tournament.pk],
        )
