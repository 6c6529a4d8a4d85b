"""Keeping the standings of a tournament up to date in the messages that show them.

An edit goes out when somebody has finished a round, or the next one has begun, at most one for each
message and run of the job. It is of the same lane as answers, so it never overtakes what the
player has tapped meanwhile. A worker that dies edits again what it has not committed.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from telegram.constants import ParseMode

from bot.chat import boards, dates
from bot.chat.answered import below
from bot.chat.models import TournamentBoard
from bot.queue import client, outbox
from bot.screens.tournament import buttons, texts
from quizarena import sweeps
from quizarena.game import tournament_play
from quizarena.game.models import Tournament
from quizarena.game.tournament_play import Board
from quizarena.game.tournament_rules import TournamentState

BATCH = 200
# What could not be sent by then is followed by something newer.
TIMELY = timedelta(minutes=5)


def update(*, until: datetime) -> int:
    """Edit the standings that have changed, until it is `until`; return how many."""
    shown = TournamentBoard.objects.values_list("tournament", flat=True).distinct()
    edited = 0
    for tournament in Tournament.objects.filter(pk__in=shown).order_by("pk"):
        edited += _update(tournament, until=until)
        if timezone.now() >= until:
            break
    return edited


def _update(tournament: Tournament, *, until: datetime) -> int:
    version = boards.version_of(tournament)
    has_ended = tournament.state != TournamentState.RUNNING

    def due(seen: Collection[int]) -> list[int]:
        rows = TournamentBoard.objects.filter(tournament=tournament).exclude(pk__in=seen)
        if not has_ended:
            rows = rows.exclude(version=version)
        return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])

    if not due(()):
        return 0
    # After the version: who finishes in between is shown now and once more.
    shown = tournament_play.board_of(tournament)
    return sweeps.one_by_one(
        due=due, apply=lambda board_id: _edit(board_id, shown, version), until=until
    )


@transaction.atomic
def _edit(board_id: int, shown: Board, version: int) -> bool:
    """Edit one message unless its player has gone on, or does so now; for the last time at the end.

    Returns whether it was edited.
    """
    rows = TournamentBoard.objects.select_for_update(of=["self"], skip_locked=True)
    board = rows.select_related("player", "answered").filter(pk=board_id).first()
    if board is None:
        return False
    if boards.has_gone_on(board):
        board.delete()
        return False
    player = board.player
    view = tournament_play.view_of(shown.tournament, player=player)
    is_same_round = boards.round_of(version) == boards.round_of(board.version)
    with (
        dates.speaking_to(player),
        outbox.collecting(expires_at=timezone.now() + TIMELY),
    ):
        keyboard, above = buttons.page(view), board.above if is_same_round else ""
        if is_same_round and board.answered is not None:
            keyboard = below(board.answered, keyboard)
        client.run(
            client.bot().edit_message_text(
                above + texts.page(view, player=player, shown=shown),
                chat_id=player.telegram_id,
                message_id=board.message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard,
            )
        )
    if shown.tournament.state == TournamentState.RUNNING:
        board.version = version
        board.save(update_fields=["version"])
    else:
        board.delete()
    return True
