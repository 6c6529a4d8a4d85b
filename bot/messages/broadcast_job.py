"""The job that carries broadcasts out, as far as each is.

The list of recipients is made page by page, and a few seconds of messages are put into the outbox
ahead of the sender, which paces them with everything else (bot/queue/outbox.py). Whatever is
written down belongs to one transaction under the lock of the broadcast, so the next run
continues where the last one has ended, or died.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from bot.messages import broadcasts, reminders
from bot.messages.broadcasts import Action
from bot.messages.models import Broadcast, BroadcastRecipient, BroadcastStatus, Delivered
from bot.queue import outbox
from bot.queue.models import CallState, Lane, OutgoingCall
from quizarena import sweeps
from quizarena.players.models import Player
from quizarena.staff import alerts, dates
from quizarena.staff.models import Alert

# So many messages may wait for the sender, five seconds' worth: what a pause has to take back.
AHEAD = reminders.QUEUE_MAX // 2
# So many players are looked at for the list of recipients at once.
PAGE = 5_000
# A broadcast without progress for so long needs a person.
STUCK_AFTER = timedelta(minutes=5)
# Of so many messages sent last the rate is taken.
RATE_SAMPLE = 10 * outbox.BULK_PER_SECOND
# When so many were refused before one has arrived, it is the message that Telegram does not want.
FUTILE = 20


def run(*, until: datetime) -> int:
    """Start what is due and continue what is under way; return how many sends have ended.

    Any number may run at once: a broadcast that another job has locked is left to it.
    """
    return sweeps.one_by_one(
        due=lambda seen: [pk for pk in _under_way(now=timezone.now()) if pk not in seen],
        apply=partial(_work_on, until),
        until=until,
    )


def _work_on(until: datetime, broadcast_id: int) -> int:
    """Take the broadcast a step further, and further steps while its list is being made."""
    ended = _continue(broadcast_id)
    while timezone.now() < until and _is_being_gathered(broadcast_id):
        ended += _continue(broadcast_id)
    return ended


def _under_way(*, now: datetime) -> list[int]:
    """Return the broadcasts that are due, run, or have calls on their way."""
    alive = Broadcast.objects.filter(
        Q(status=BroadcastStatus.RUNNING)
        | Q(status=BroadcastStatus.SCHEDULED, scheduled_at__lte=now),
        # The index's own condition.
        status__in=[BroadcastStatus.SCHEDULED, BroadcastStatus.RUNNING],
    )
    queued = BroadcastRecipient.objects.filter(outcome=Delivered.QUEUED).values("broadcast")
    return sorted(
        {*alive.values_list("pk", flat=True), *queued.values_list("broadcast", flat=True)}
    )


def _is_being_gathered(broadcast_id: int) -> bool:
    gathering = Broadcast.objects.filter(status=BroadcastStatus.RUNNING, is_gathered=False)
    return gathering.filter(pk=broadcast_id).exists()


@transaction.atomic(durable=True)
def _continue(broadcast_id: int) -> int:
    """Take the broadcast a step further; return how many sends have ended.

    Locks it, unless another job has.
    """
    rows = Broadcast.objects.select_for_update(no_key=True, skip_locked=True)
    broadcast = rows.filter(pk=broadcast_id).first()
    if broadcast is None:
        return 0
    now = timezone.now()
    if broadcast.status == BroadcastStatus.SCHEDULED:
        _start_if_due(broadcast, now=now)
    ended = _record_outcomes(broadcast, now=now)
    if broadcast.status == BroadcastStatus.RUNNING and ended and _is_futile(broadcast):
        why = f"Telegram has refused the first {broadcast.refused:,} messages."
        broadcasts.hold_back(broadcast, Action.PAUSE, why=why, now=now)
    if broadcast.status == BroadcastStatus.RUNNING:
        moved = _gather(broadcast, now=now) + _fill(broadcast, now=now)
        if ended or moved:
            broadcast.progressed_at = now
        if broadcast.is_gathered and not broadcast.left:
            broadcast.status, broadcast.ended_at, broadcast.changed_at = (
                BroadcastStatus.DONE,
                now,
                now,
            )
            broadcasts.record(broadcast, "done", staff=None)
    broadcast.save(update_fields=_WRITTEN_BY_THE_JOB)
    return ended


_WRITTEN_BY_THE_JOB = [
    "status",
    "changed_at",
    "started_at",
    "ended_at",
    "progressed_at",
    "cursor",
    "is_gathered",
    "recipients",
    *(outcome.lower() for outcome in Delivered.values if outcome not in ("PENDING", "QUEUED")),
]


def _start_if_due(broadcast: Broadcast, *, now: datetime) -> None:
    """Begin a scheduled broadcast if its time has come.

    Unless it has outgrown one person, or the campaign that it announces is over, or begins later.
    """
    assert broadcast.scheduled_at is not None
    if broadcast.scheduled_at > now:
        return
    if not broadcast.is_approved and broadcasts.needs_approval(
        broadcast, staff=broadcast.scheduled_by, at=broadcast.scheduled_at, now=now
    ):
        why = (
            "It reaches more players than who scheduled it reaches alone: a second person has to "
            "approve it."
        )
        broadcasts.hold_back(broadcast, Action.WITHDRAW, why=why, now=now)
        return
    if why := broadcasts.announcement_fault(broadcast, at=now):
        broadcasts.hold_back(broadcast, Action.WITHDRAW, why=why, now=now)
        return
    broadcast.status, broadcast.changed_at = BroadcastStatus.RUNNING, now
    broadcast.started_at = broadcast.progressed_at = now
    # Now, because a broadcast without recipients is done in the same transaction.
    broadcast.save(update_fields=["status", "changed_at", "started_at", "progressed_at"])
    broadcasts.record(broadcast, "running", staff=None)


def _gather(broadcast: Broadcast, *, now: datetime) -> int:
    """Write the recipients among the next PAGE players down; return how many players that were."""
    if broadcast.is_gathered:
        return 0
    following = Player.objects.filter(pk__gt=broadcast.cursor).order_by("pk").values("pk")[:PAGE]
    page = list(following.values_list("pk", flat=True))
    if not page:
        broadcast.is_gathered = True
        return 0
    chosen = broadcasts.segment(broadcast, now=now).filter(
        pk__gt=broadcast.cursor, pk__lte=page[-1]
    )
    query, parameters = chosen.order_by("pk").values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            # The query is Django's own, and what is asked for in it are parameters.
            "INSERT INTO bot_broadcastrecipient (broadcast_id, player_id) "  # noqa: S608
            f"SELECT %s, chosen.id FROM ({query}) AS chosen (id) ON CONFLICT DO NOTHING",
            [broadcast.pk, *parameters],
        )
        broadcast.recipients += cursor.rowcount
    broadcast.cursor = page[-1]
    return len(page)


def _fill(broadcast: Broadcast, *, now: datetime) -> int:
    """Put messages into the outbox as far as there is room; return how many recipients it took.

    Broadcasts that run at once share the room.
    """
    running = Broadcast.objects.filter(status=BroadcastStatus.RUNNING).count()
    share = AHEAD // max(1, running)
    room = min(share - broadcasts.queued(broadcast).count(), outbox.bulk_room(at_most=AHEAD))
    if room <= 0:
        return 0
    pending = broadcast.addressees.filter(outcome=Delivered.PENDING).order_by("pk")
    taken = list(pending.select_related("player")[:room])
    players = Player.objects.filter(pk__in=[recipient.player_id for recipient in taken])
    willing = set(broadcasts.reachable(players).values_list("pk", flat=True))
    written = [recipient for recipient in taken if recipient.player_id in willing]
    with outbox.collecting(lane=Lane.BULK) as call_ids:
        for recipient in written:
            broadcasts.send(broadcast, recipient.player, language=recipient.player.language)
    for recipient, call_id in zip(written, call_ids, strict=True):
        recipient.outcome, recipient.call_id = Delivered.QUEUED, call_id
    BroadcastRecipient.objects.bulk_update(written, ["outcome", "call"])
    gone = [recipient.pk for recipient in taken if recipient.player_id not in willing]
    _store_outcomes(broadcast, {Delivered.LEFT_OUT: gone}, now=now)
    return len(taken)


# The outcome of a recipient, by the state in which their call has ended.
_OUTCOMES = {
    CallState.SENT: Delivered.SENT,
    CallState.REFUSED: Delivered.REFUSED,
    CallState.GIVEN_UP: Delivered.GIVEN_UP,
    CallState.MAYBE_SENT: Delivered.MAYBE_SENT,
}


def _is_futile(broadcast: Broadcast) -> bool:
    """Return whether FUTILE messages were refused and none has arrived.

    Who has blocked the bot says nothing about the message.
    """
    return broadcast.refused >= FUTILE and not (broadcast.sent or broadcast.maybe_sent)


def _record_outcomes(broadcast: Broadcast, *, now: datetime) -> int:
    """Copy how calls have ended; return how many had.

    The outcome of a call that is no longer there cannot be found out.
    """
    waiting = dict(broadcasts.queued(broadcast).values_list("call_id", "pk"))
    if not waiting:
        return 0
    calls = OutgoingCall.objects.filter(pk__in=waiting)
    known = {pk: (state, error) for pk, state, error in calls.values_list("pk", "state", "error")}
    ended: dict[str, list[int]] = defaultdict(list)
    for call_id, recipient_id in waiting.items():
        state, error = known.get(call_id, (CallState.MAYBE_SENT, ""))
        outcome = _OUTCOMES.get(CallState(state))
        if outcome is Delivered.REFUSED and error.startswith("Forbidden"):
            outcome = Delivered.BLOCKED
        if outcome is not None:
            ended[outcome].append(recipient_id)
    _store_outcomes(broadcast, ended, now=now)
    return sum(map(len, ended.values()))


def _store_outcomes(
    broadcast: Broadcast, ended: Mapping[str, Sequence[int]], *, now: datetime
) -> None:
    """Store the outcome of recipients, by outcome, and count them."""
    for outcome, pks in ended.items():
        broadcast.addressees.filter(pk__in=pks).update(outcome=outcome, finished_at=now)
        counted = getattr(broadcast, outcome.lower()) + len(pks)
        setattr(broadcast, outcome.lower(), counted)


# --- Watching -------------------------------------------------------------------------------------


def watch(*, now: datetime) -> int:
    """Raise an alert for each running broadcast that is stuck, and resolve those of the others.

    Return how many are stuck.
    """
    running = Broadcast.objects.filter(status=BroadcastStatus.RUNNING)
    stuck = list(running.filter(progressed_at__lt=now - STUCK_AFTER))
    for broadcast in stuck:
        assert broadcast.progressed_at is not None
        alerts.raise_alert(
            kind=broadcasts.STUCK,
            key=str(broadcast.pk),
            summary=f"{broadcast} has made no progress since "
            f"{dates.time(broadcast.progressed_at)}.",
            details={"left": broadcast.left, "sent": broadcast.sent},
            subject=broadcast,
            now=now,
        )
    keys = {str(broadcast.pk) for broadcast in stuck}
    for alert in Alert.objects.filter(kind=broadcasts.STUCK, resolved_at=None).exclude(
        key__in=keys
    ):
        alerts.resolve(kind=broadcasts.STUCK, key=alert.key, now=now)
    return len(stuck)


def rate(broadcast: Broadcast) -> float:
    """Return how many messages a second were sent recently; 0 while that is unknown."""
    latest = list(
        broadcast.addressees.filter(outcome=Delivered.SENT)
        .order_by("-pk")
        .values_list("finished_at", flat=True)[:RATE_SAMPLE]
    )
    moments = [moment for moment in latest if moment is not None]
    seconds = (max(moments) - min(moments)).total_seconds() if moments else 0.0
    return (len(moments) - 1) / seconds if seconds else 0.0
