"""Carries out the deletion of accounts: everything of everybody whose seven days are over.

Product rules, section 16. What is erased where stands in quizarena/ops/personal_data.py. The player
has a pseudonym first (quizarena/players/deletions.py); what stands elsewhere follows in batches,
each a transaction of its own, so that a run that dies is continued by the next one.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from payments import subscriptions
from payments.models import Purchase, PurchaseStatus, Refund, Subscription
from promos.models import DenylistEntry
from quizarena import sweeps
from quizarena.game import duels
from quizarena.game.duel_rules import DuelState
from quizarena.game.errors import DuelGoneError
from quizarena.game.models import Duel
from quizarena.players import deletions
from quizarena.players.models import DeletionRequest, DeletionState, Player

BATCH = 1_000

Parameter = str | int | datetime | None

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A statement that erases at most `limit` rows of one table; it is repeated until none is left.

    It knows the player_id, the telegram_id, and begun_at.
    """

    table: str
    statement: str


# In this order: an update says which calls are of its player.
STEPS = (
    Step(
        table="game_roundquestion",
        statement="""
            UPDATE game_roundquestion SET text = '…' WHERE id IN (
              SELECT id FROM game_roundquestion
              WHERE player_id = %(player_id)s AND text NOT IN ('', '…') LIMIT %(limit)s
            )""",
    ),
    Step(
        table="game_reviewlog",
        statement="""
            UPDATE game_reviewlog SET text = '…' WHERE id IN (
              SELECT log.id FROM game_reviewlog AS log
              JOIN game_reviewcard AS card ON card.id = log.card_id
              WHERE card.player_id = %(player_id)s AND log.text NOT IN ('', '…')
              LIMIT %(limit)s
            )""",
    ),
    Step(
        table="payments_supportfile",
        statement="""
            DELETE FROM payments_supportfile WHERE id IN (
              SELECT file.id FROM payments_supportfile AS file
              JOIN payments_supportrequest AS request ON request.id = file.request_id
              WHERE request.player_id = %(player_id)s LIMIT %(limit)s
            )""",
    ),
    # Nobody is there to be answered: what waits is closed.
    Step(
        table="payments_supportrequest",
        statement="""
            UPDATE payments_supportrequest
            SET text = '…', attachments = '[]', album = '',
                answer = CASE WHEN answer = '' THEN '' ELSE '…' END,
                answered_at = coalesce(answered_at, %(begun_at)s),
                notified_at = coalesce(notified_at, %(begun_at)s),
                solved_at = CASE
                  WHEN thread_id IS NULL THEN coalesce(solved_at, %(begun_at)s)
                END
            WHERE id IN (
              SELECT id FROM payments_supportrequest
              WHERE player_id = %(player_id)s
                AND (text <> '…' OR attachments <> '[]' OR album <> '' OR answer NOT IN ('', '…')
                     OR notified_at IS NULL OR (thread_id IS NULL AND solved_at IS NULL))
              LIMIT %(limit)s
            )""",
    ),
    # What has not been sent is not sent any more.
    Step(
        table="players_staffmessage",
        statement="""
            UPDATE players_staffmessage
            SET text = '…', reason = '…', notified_at = coalesce(notified_at, %(begun_at)s)
            WHERE id IN (
              SELECT id FROM players_staffmessage
              WHERE player_id = %(player_id)s
                AND (text <> '…' OR reason <> '…' OR notified_at IS NULL)
              LIMIT %(limit)s
            )""",
    ),
    Step(
        table="players_noteversion",
        statement="""
            UPDATE players_noteversion SET text = '…' WHERE id IN (
              SELECT version.id FROM players_noteversion AS version
              JOIN players_note AS note ON note.id = version.note_id
              WHERE note.player_id = %(player_id)s AND version.text <> '…' LIMIT %(limit)s
            )""",
    ),
    Step(
        table="bot_outgoingcall",
        statement="""
            DELETE FROM bot_outgoingcall WHERE id IN (
              SELECT id FROM bot_outgoingcall
              WHERE chat_key = %(telegram_id)s
                AND created_at <= %(begun_at)s AND state <> 'SENDING'
              LIMIT %(limit)s
            )""",
    ),
    # Answers to taps name no chat. A statement of their own: with an OR every call would be read.
    Step(
        table="bot_outgoingcall",
        statement="""
            DELETE FROM bot_outgoingcall WHERE id IN (
              SELECT call.id FROM bot_outgoingcall AS call
              JOIN bot_inboxupdate AS cause ON cause.update_id = call.caused_by_id
              WHERE cause.player_key = %(telegram_id)s AND call.chat_key IS NULL
                AND call.created_at <= %(begun_at)s AND call.state <> 'SENDING'
              LIMIT %(limit)s
            )""",
    ),
    # The row stays for its id, by which Telegram's repetition of it would be known.
    Step(
        table="bot_inboxupdate",
        statement="""
            UPDATE bot_inboxupdate SET payload = '{}', player_key = NULL, last_error = ''
            WHERE update_id IN (
              SELECT update_id FROM bot_inboxupdate
              WHERE player_key = %(telegram_id)s AND received_at <= %(begun_at)s
                AND state IN ('DONE', 'DEAD')
              LIMIT %(limit)s
            )""",
    ),
    Step(
        table="bot_card",
        statement="""
            UPDATE bot_card SET file_id = '' WHERE id IN (
              SELECT id FROM bot_card WHERE player_id = %(player_id)s AND file_id <> ''
              LIMIT %(limit)s
            )""",
    ),
    Step(
        table="bot_tournamentboard",
        statement="DELETE FROM bot_tournamentboard WHERE player_id = %(player_id)s",
    ),
    Step(
        table="bot_remindersettings",
        statement="DELETE FROM bot_remindersettings WHERE player_id = %(player_id)s",
    ),
    Step(
        table="bot_staffplayer",
        statement="DELETE FROM bot_staffplayer WHERE player_id = %(player_id)s",
    ),
    Step(
        table="bot_playerratelimit",
        statement="DELETE FROM bot_playerratelimit WHERE player_key = %(telegram_id)s",
    ),
    Step(
        table="bot_ratelimit",
        statement="DELETE FROM bot_ratelimit WHERE name = 'chat:' || %(telegram_id)s::text",
    ),
    Step(
        table="staff_chatlinkfailures",
        statement="DELETE FROM staff_chatlinkfailures WHERE telegram_id = %(telegram_id)s",
    ),
    # An answer of the API may name the player by the Telegram id.
    Step(
        table="api_idempotencyrecord",
        statement="""
            DELETE FROM api_idempotencyrecord WHERE id IN (
              SELECT id FROM api_idempotencyrecord
              WHERE body ~ ('(^|[^0-9])' || %(telegram_id)s::text || '([^0-9]|$)')
              LIMIT %(limit)s
            )""",
    ),
)
# What is append-only, or changed by nobody but its service. A function of the database erases what
# one is known by there, and can do nothing else (bot/migrations/0020_erase_personal_data.py).
GUARDED = (
    "payments_purchase",
    "payments_purchaseevent",
    "payments_refund",
    "payments_difference",
    "payments_startransaction",
    "promos_denylistentry",
    "game_fairplayfinding",
    "game_questionreport",
    "economy_controlfinding",
    "staff_approvalrequest",
    "staff_auditentry",
    "staff_alert",
)


def erase_due(*, until: datetime) -> int:
    """Carry out the deletions that are due until it is `until`; return how many are done."""

    def due(seen: Collection[int]) -> list[int]:
        running = DeletionRequest.objects.running().filter(due_at__lte=timezone.now())
        return list(
            running.exclude(pk__in=seen).order_by("due_at").values_list("pk", flat=True)[:10]
        )

    return sweeps.one_by_one(due=due, apply=lambda pk: _erase(pk, until=until), until=until)


def _erase(request_id: int, *, until: datetime) -> bool:
    """Carry out one deletion, or a part of it; return whether it is done."""
    now = timezone.now()
    request = DeletionRequest.objects.select_related("player").get(pk=request_id)
    if request.state == DeletionState.ASKED:
        if reasons := _begin(request, now=now):
            _clear_the_way(player=request.player, now=now)
            log.info("deletion.waits", request=request_id, reasons=reasons)
            return False
        request.refresh_from_db()
        if request.state != DeletionState.ERASING:
            return False  # Cancelled meanwhile.
    known: dict[str, Parameter] = {
        "player_id": request.player_id,
        "telegram_id": request.telegram_id,
        "begun_at": request.begun_at,
        "limit": BATCH,
    }
    for step in STEPS:
        while _run(step.statement, known):
            if timezone.now() >= until:
                return False
    for table in GUARDED:
        _run(
            "SELECT erase_personal_data(%(request)s, %(table)s)",
            {"request": request_id, "table": table},
        )
    if _is_on_its_way(known):
        return False
    done = deletions.finish(request_id=request_id, now=timezone.now())
    log.info("deletion.done", request=request_id)
    return done


# --- What a deletion waits for --------------------------------------------------------------------


@transaction.atomic
def _begin(request: DeletionRequest, *, now: datetime) -> list[str]:
    """Let the deletion begin unless something has to end before; return what.

    Locks the player, the request and the player's purchases: no refund is asked for meanwhile.
    """
    player = Player.objects.select_for_update().get(pk=request.player_id)
    DeletionRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    purchases = Purchase.objects.select_for_update(of=("self",)).filter(player=request.player_id)
    list(purchases.order_by("pk").values_list("pk"))
    reasons = obstacles(player=player, now=now)
    if not reasons:
        deletions.begin(request_id=request.pk, now=now)
    return reasons


def obstacles(*, player: Player, now: datetime) -> list[str]:
    """Return in words what has to end before the player's Telegram id can be given up."""
    purchases = Purchase.objects.filter(player=player)
    running: Mapping[str, Callable[[], bool]] = {
        "a subscription that is not cancelled at Telegram": Subscription.objects.filter(
            player=player, expires_at__gt=now
        )
        .exclude(canceled_at__isnull=False, cancel_due_at=None)
        .exists,
        # Its Stars may have to go back, for which Telegram wants to know to whom.
        "a payment that is not credited": purchases.filter(
            status__in=[PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDIT_REVIEW]
        ).exists,
        # If it is not made, it has failed half an hour later (OPEN_FOR).
        "a payment that Telegram is making": purchases.filter(
            status=PurchaseStatus.PRECHECKOUT_OK
        ).exists,
        "a refund that is not complete": Refund.objects.filter(
            purchase__player=player, finished_at=None
        ).exists,
        "a duel that nobody has accepted": _open_duels(player).exists,
        # Or whoever was turned away would be back, as somebody else, a week later.
        "a suspension, which staff have to lift": lambda: player.suspended_at is not None,
        "the deny list of promo codes, which staff have to take the player off": (
            DenylistEntry.objects.filter(player=player).exists
        ),
        "an update that is being worked on": lambda: _exists(
            "SELECT FROM bot_inboxupdate WHERE player_key = %(telegram_id)s"
            " AND state IN ('NEW', 'WORKING')",
            {"telegram_id": player.telegram_id},
        ),
    }
    return [reason for reason, holds in running.items() if holds()]


def _clear_the_way(*, player: Player, now: datetime) -> None:
    """Cancel what the player has left open: a subscription, duels that nobody has accepted."""
    subscriptions.cancel(player=player, now=now)
    for duel_id in list(_open_duels(player).values_list("pk", flat=True)):
        # Expired or accepted meanwhile: that is the end of it, too.
        with suppress(DuelGoneError), transaction.atomic():
            duels.cancel(player=player, duel_id=duel_id, now=now)


def _open_duels(player: Player) -> QuerySet[Duel]:
    return Duel.objects.filter(creator=player, state=DuelState.PENDING)


def _is_on_its_way(known: Mapping[str, Parameter]) -> bool:
    """Return whether something of the player is still in the queues from before the deletion."""
    return _exists(
        """
        SELECT FROM bot_outgoingcall
        WHERE chat_key = %(telegram_id)s AND created_at <= %(begun_at)s
        UNION ALL
        SELECT FROM bot_inboxupdate
        WHERE player_key = %(telegram_id)s AND received_at <= %(begun_at)s
        """,
        known,
    )


# --- Statements -----------------------------------------------------------------------------------


def _run(statement: str, parameters: Mapping[str, Parameter]) -> int:
    """Run a statement as a transaction of its own; return of how many rows it was."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: int = cursor.rowcount
        return rows


def _exists(query: str, parameters: Mapping[str, Parameter]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({query})", parameters)
        return bool(cursor.fetchone()[0])
