"""Keeping the standings of a tournament up to date in the messages that show them.

An edit goes out when somebody has finished a round, or the next one has begun, at most one for each
message and run of the job. It is of the same lane as answers, and it is written down while the
player's taps wait, so it never overtakes what they lead to. A worker that dies edits again what it
has not committed.

Everybody's standings change at once, while all of them play: what they have in common is computed
once, and read and written for many messages in one transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from telegram.constants import ParseMode

from bot.chat import boards, dates, navigation
from bot.chat.answered import below
from bot.chat.models import ReminderSettings, TournamentBoard
from bot.queue import client, inbox, outbox
from bot.screens.tournament import buttons, texts
from economy.wallets import business_zone
from quizarena.game import tournament_play
from quizarena.game.models import Pairing, Tournament
from quizarena.game.tournament_play import Board, View
from quizarena.game.tournament_rules import TournamentState

# So many messages are of one transaction. Whoever of their players taps waits for its end.
BATCH = 25
# What could not be sent by then is followed by something newer.
TIMELY = timedelta(minutes=5)

log = structlog.get_logger(__name__)


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
    version = boards.version_now(tournament)
    due = TournamentBoard.objects.filter(tournament=tournament)
    if tournament.state == TournamentState.RUNNING:
        due = due.exclude(version=version)
    found = list(due.order_by("pk").values_list("pk", "player", "player__telegram_id"))
    if not found:
        return 0
    # After the version: who finishes in between is shown now and once more.
    shown = tournament_play.board_of(
        tournament, first=texts.SHOWN, also=[player_id for _, player_id, _ in found]
    )
    edited = 0
    for start in range(0, len(found), BATCH):
        batch = {pk: telegram_id for pk, _, telegram_id in found[start : start + BATCH]}
        try:
            edited += _edit(batch, shown, version)
        except Exception:  # Of whatever kind: the others' messages are none of it.
            log.exception("boards.left_behind", tournament=tournament.pk, boards=list(batch))
        if timezone.now() >= until:
            break
    return edited


@transaction.atomic
def _edit(batch: Mapping[int, int], shown: Board, version: int) -> int:
    """Edit messages whose players have not gone on and do not now; for the last time at the end.

    `batch` has the Telegram ids of the players by board. Returns how many were edited.
    """
    idle = inbox.lock_idle(batch.values())
    ids = [pk for pk, telegram_id in batch.items() if telegram_id in idle]
    rows = TournamentBoard.objects.select_for_update(of=["self"], skip_locked=True)
    locked = list(rows.select_related("player", "answered").filter(pk__in=ids).order_by("pk"))
    gone_on = boards.gone_on([board.pk for board in locked])
    waiting = [board for board in locked if board.pk not in gone_on]
    players = [board.player for board in waiting]
    views = tournament_play.views_of(shown.tournament, players=players)
    zones = dict(ReminderSettings.objects.filter(player__in=players).values_list("player", "zone"))
    usual = business_zone().key
    edited = []
    with outbox.collecting(expires_at=timezone.now() + TIMELY):
        for board in waiting:
            try:
                with dates.speaking_to(board.player, zone=zones.get(board.player_id, usual)):
                    _edit_one(board, *views[board.player_id], shown, version)
            except Exception:  # Of whatever kind: it is this one's alone.
                log.exception("boards.left_behind", board=board.pk)
            else:
                edited.append(board.pk)
    is_running = shown.tournament.state == TournamentState.RUNNING
    over = gone_on if is_running else {*gone_on, *edited}
    if over:
        TournamentBoard.objects.filter(pk__in=over).delete()
    if edited and is_running:
        TournamentBoard.objects.filter(pk__in=edited).update(version=version)
    return len(edited)


def _edit_one(
    board: TournamentBoard, view: View, past: Sequence[Pairing], shown: Board, version: int
) -> None:
    """Edit the message of one player; a step of `_edit`."""
    is_same_round = boards.round_of(version) == boards.round_of(board.version)
    keyboard, above = buttons.page(view), board.above if is_same_round else ""
    if is_same_round and board.answered is not None:
        keyboard = below(board.answered, keyboard)
    client.run(
        client.bot().edit_message_text(
            above + texts.page(view, player=board.player, shown=shown, past=past),
            chat_id=board.player.telegram_id,
            message_id=board.message_id,
            parse_mode=ParseMode.HTML,
            reply_markup=navigation.usable_by(board.player, keyboard),
        )
    )
