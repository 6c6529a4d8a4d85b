"""One message to many players: what operators do with it, and the job that carries it out.

The list of recipients is made page by page, and a few seconds of messages are put into the outbox
ahead of the sender, which paces them with everything else (bot/queue/outbox.py). Whatever is
written down belongs to one transaction under the lock of the broadcast, so whoever comes next goes
on where the last one has ended, or died.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from telegram import InlineKeyboardMarkup

from bot.chat.models import ReminderSettings, StaffPlayer
from bot.messages import buttons, markup, reminders
from bot.messages.models import Broadcast, BroadcastRecipient, BroadcastStatus, Delivered
from bot.queue import outbox
from bot.queue.models import CallState, Lane, OutgoingCall
from economy.adjustments import lock_staff
from economy.models import PremiumSpan
from economy.streak_rules import DAY
from economy.wallets import business_zone
from payments.models import Purchase
from quizarena import sweeps
from quizarena.players.models import Player
from quizarena.staff import alerts, approvals, audit, dates, reasons
from quizarena.staff.errors import StaffError
from quizarena.staff.models import Alert, ApprovalRequest

# So many messages may wait for the sender, five seconds' worth: what a pause has to take back.
AHEAD = reminders.QUEUE_MAX // 2
# So many players are looked at for the list of recipients at once.
PAGE = 5_000
# A broadcast that has not come further for so long needs a person.
STUCK_AFTER = timedelta(minutes=5)
# Recipients are counted up to here for a forecast.
COUNTED_MAX = 1_000_000
# Of so many messages sent last the rate is taken.
RATE_SAMPLE = 10 * outbox.BULK_PER_SECOND

# When so many were refused before one has arrived, it is the message that Telegram does not want.
FUTILE = 20

STUCK = "broadcast_stuck"
HELD = "broadcast_held"
APPROVAL = "broadcast_start"


class BroadcastError(Exception):
    """The broadcast cannot do this. Nothing has been changed."""


class IllegalMoveError(BroadcastError):
    """The broadcast is not where it would have to be for this."""


class ChangedMeanwhileError(BroadcastError):
    """Somebody has been faster: it is no longer what the member of staff has seen."""


class IncompleteError(BroadcastError):
    """It cannot be sent as it is; the message says what is missing."""


class NoPlayerError(BroadcastError):
    """Nobody knows to which chat a preview goes."""


REFUSALS = (BroadcastError, StaffError)


# --- To whom --------------------------------------------------------------------------------------


def segment(broadcast: Broadcast, *, now: datetime) -> QuerySet[Player]:
    """Return the players whom the broadcast is for and who can be reached at `now`.

    Who has blocked the bot, is suspended, or wants no news is left out. Active and lapsed count
    business days since the last answered question, like the segments of promo campaigns.
    """
    players = reachable(Player.objects.all())
    today = now.astimezone(business_zone()).date()
    if broadcast.for_language:
        players = players.filter(language=broadcast.for_language)
    if broadcast.for_active_days is not None:
        players = players.filter(
            streak__last_active_day__gt=today - broadcast.for_active_days * DAY
        )
    if broadcast.for_lapsed_days is not None:
        players = players.filter(
            streak__last_active_day__lte=today - broadcast.for_lapsed_days * DAY
        )
    if broadcast.for_premium is not None:
        has_premium = Exists(PremiumSpan.objects.active(now).filter(player=OuterRef("pk")))
        players = players.filter(has_premium if broadcast.for_premium else ~has_premium)
    if broadcast.for_paid is not None:
        charged = Purchase.objects.filter(player=OuterRef("pk"), charge_id__isnull=False)
        players = players.filter(Exists(charged) if broadcast.for_paid else ~Exists(charged))
    return players


def reachable(players: QuerySet[Player]) -> QuerySet[Player]:
    """Return of `players` those who may get a broadcast."""
    mute = ReminderSettings.objects.filter(player=OuterRef("pk"), news=False)
    return players.filter(~Exists(mute), bot_blocked_at=None, suspended_at=None)


def audience(broadcast: Broadcast, *, now: datetime) -> int:
    """Return how many players the broadcast would reach now, counted up to COUNTED_MAX."""
    return segment(broadcast, now=now).values("pk")[:COUNTED_MAX].count()


def forecast(recipients: int, *, per_second: float | None = None) -> timedelta:
    """Return how long so many messages take, at the pace of the bulk lane unless told another."""
    return timedelta(seconds=recipients / (per_second or outbox.BULK_PER_SECOND))


def in_words(broadcast: Broadcast) -> str:
    """Return whom the broadcast is for."""
    parts = [
        f"language {broadcast.get_for_language_display()}" if broadcast.for_language else "",
        f"active in the last {broadcast.for_active_days} days" if broadcast.for_active_days else "",
        f"away for {broadcast.for_lapsed_days} days or more" if broadcast.for_lapsed_days else "",
        {True: "with Premium", False: "without Premium", None: ""}[broadcast.for_premium],
        {True: "who have paid", False: "who have never paid", None: ""}[broadcast.for_paid],
    ]
    return ", ".join(filter(None, parts)) or "everybody"


# --- What it says ---------------------------------------------------------------------------------


def message(broadcast: Broadcast, *, language: str) -> tuple[str, InlineKeyboardMarkup]:
    """Return what a player of that language gets. The language has to be active."""
    keyboard = buttons.broadcast(
        label=broadcast.label(language), screen=broadcast.screen, url=broadcast.url
    )
    return broadcast.text(language), keyboard


def faults(broadcast: Broadcast) -> dict[str, str]:
    """Return by field what keeps the broadcast from being sent, in sentences."""
    found: dict[str, str] = {}
    for language in broadcast.languages:
        try:
            markup.check(broadcast.text(language))
        except markup.MarkupError as error:
            found[f"text_{language}"] = str(error)
        if (broadcast.screen or broadcast.url) and not broadcast.label(language).strip():
            found[f"label_{language}"] = "What does the button say?"
    if told := url_fault(broadcast.url):
        found["url"] = told
    return found


_check_url = URLValidator(schemes=["https"])


def url_fault(url: str) -> str:
    """Return what is wrong with the address that a button leads to; empty if nothing is."""
    try:
        if url:
            _check_url(url)
    except ValidationError:
        return "The address has to begin with https://, and a site has to follow."
    return ""


@transaction.atomic
def preview(*, broadcast: Broadcast, staff: User) -> Player:
    """Send the broadcast, in each language, to the member of staff alone; return as which player.

    Raises NoPlayerError while no chat is linked (bot/screens/staff_chats/linking.py), and
    IncompleteError.
    """
    own = StaffPlayer.objects.select_related("player").filter(user=staff).first()
    if own is None:
        raise NoPlayerError("Link your chat first.")
    if wrong := faults(broadcast):
        raise IncompleteError(" ".join(wrong.values()))
    with outbox.collecting():
        for language in broadcast.languages:
            _send(broadcast, own.player, language=language)
    return own.player


def _send(broadcast: Broadcast, player: Player, *, language: str) -> None:
    with translation.override(language):
        reminders.tell(player, *message(broadcast, language=language))


# --- What operators do ----------------------------------------------------------------------------


class Verb(StrEnum):
    """What can be done with a broadcast."""

    SCHEDULE = "schedule"
    WITHDRAW = "withdraw"
    PAUSE = "pause"
    CONTINUE = "continue"
    STOP = "stop"

    def is_due(self, broadcast: Broadcast) -> bool:
        """Return whether it makes sense for the broadcast as it stands."""
        return broadcast.status in _FROM[self]


# verb: (from where, to where, how it is told)
_FROM: dict[Verb, tuple[BroadcastStatus, ...]] = {
    Verb.SCHEDULE: (BroadcastStatus.DRAFT,),
    Verb.WITHDRAW: (BroadcastStatus.SCHEDULED,),
    Verb.PAUSE: (BroadcastStatus.RUNNING,),
    Verb.CONTINUE: (BroadcastStatus.PAUSED,),
    Verb.STOP: (
        BroadcastStatus.DRAFT,
        BroadcastStatus.SCHEDULED,
        BroadcastStatus.RUNNING,
        BroadcastStatus.PAUSED,
    ),
}
_TO = {
    Verb.SCHEDULE: BroadcastStatus.SCHEDULED,
    Verb.WITHDRAW: BroadcastStatus.DRAFT,
    Verb.PAUSE: BroadcastStatus.PAUSED,
    Verb.CONTINUE: BroadcastStatus.RUNNING,
    Verb.STOP: BroadcastStatus.STOPPED,
}


@transaction.atomic
def create(*, broadcast: Broadcast, staff: User, now: datetime) -> tuple[Broadcast, bool]:
    """Store a draft; return it, and whether it is new: once per `key`."""
    broadcast.owner, broadcast.created_at, broadcast.changed_at = staff, now, now
    try:
        with transaction.atomic():
            broadcast.save(force_insert=True)
    except IntegrityError:
        return Broadcast.objects.get(key=broadcast.key), False
    _record(broadcast, "created", staff=staff)
    return broadcast, True


@transaction.atomic
def edit(
    *, broadcast_id: int, terms: Mapping[str, Any], seen_at: datetime, staff: User, now: datetime
) -> Broadcast:
    """Give a draft the `terms`, by the names of its fields. Locks it.

    Raises ChangedMeanwhileError if it was changed after `seen_at`, and IllegalMoveError if it is
    no draft any more.
    """
    broadcast = lock(broadcast_id)
    if broadcast.changed_at != seen_at:
        raise ChangedMeanwhileError("Somebody else has changed it meanwhile.")
    if broadcast.status != BroadcastStatus.DRAFT:
        raise IllegalMoveError(f"It is {broadcast.get_status_display()}: only a draft changes.")
    changed = {name: value for name, value in terms.items() if getattr(broadcast, name) != value}
    before = {name: getattr(broadcast, name) for name in changed}
    for name, value in changed.items():
        setattr(broadcast, name, value)
    broadcast.changed_at = now
    broadcast.save(update_fields=[*changed, "changed_at"])
    _record(
        broadcast,
        "edited",
        staff=staff,
        changed={name: [before[name], value] for name, value in changed.items()},
    )
    return broadcast


@transaction.atomic
def carry_out(
    verb: Verb,
    *,
    broadcast_id: int,
    seen_at: datetime,
    reason: str,
    staff: User,
    now: datetime,
    at: datetime | None = None,
) -> Broadcast | ApprovalRequest:
    """Do `verb` to the broadcast, or ask a second person for it; return what has come of it.

    `seen_at` is the `changed_at` that the member of staff has seen; if it is another one now, or
    if it needs a second person only since a moment ago, raises ChangedMeanwhileError. `at` is when
    a scheduled one starts, at once if it is None or past; a second person is not asked for what is
    past. Raises IllegalMoveError, IncompleteError and BadReasonError. Locks the request for an
    approval, and then the broadcast; to schedule one, the member of staff before both.
    """
    words = reasons.tidy(reason)
    request = None
    if verb is Verb.SCHEDULE:
        lock_staff(staff)
        draft = Broadcast.objects.get(pk=broadcast_id)
        if draft.changed_at == seen_at and needs_approval(draft, staff=staff, at=at, now=now):
            request = approvals.ask(
                kind=APPROVAL,
                subject=draft,
                parameters={"at": at.isoformat() if at else None},
                reason=words,
                maker=staff,
                now=now,
            )
    broadcast = lock(broadcast_id)
    if broadcast.changed_at != seen_at:
        raise ChangedMeanwhileError(
            f"Somebody was faster: it was changed and is {broadcast.get_status_display()} by now."
        )
    if request is not None:
        return request
    if verb is Verb.SCHEDULE and needs_approval(broadcast, staff=staff, at=at, now=now):
        raise ChangedMeanwhileError("It reaches more players by now: a second person is needed.")
    return _move(broadcast, verb, reason=words, staff=staff, now=now, at=at)


def _move(
    broadcast: Broadcast,
    verb: Verb,
    *,
    reason: str,
    staff: User | None,
    now: datetime,
    at: datetime | None = None,
    is_approved: bool = False,
) -> Broadcast:
    """Move a locked broadcast. What has not left when it is paused or stopped is taken back."""
    if not verb.is_due(broadcast):
        raise IllegalMoveError(f"It is {broadcast.get_status_display()}.")
    fields = ["status", "changed_at"]
    match verb:
        case Verb.SCHEDULE:
            if wrong := faults(broadcast):
                raise IncompleteError(" ".join(wrong.values()))
            broadcast.scheduled_at, broadcast.is_approved = max(at or now, now), is_approved
            broadcast.scheduled_by = staff
            fields += ["scheduled_at", "scheduled_by", "is_approved"]
        case Verb.WITHDRAW:
            broadcast.scheduled_at, broadcast.is_approved = None, False
            broadcast.scheduled_by = None
            fields += ["scheduled_at", "scheduled_by", "is_approved"]
        case Verb.CONTINUE:
            broadcast.progressed_at = now
            fields.append("progressed_at")
        case Verb.STOP:
            broadcast.ended_at = now
            fields.append("ended_at")
        case Verb.PAUSE:
            pass
    broadcast.status, broadcast.changed_at = _TO[verb], now
    broadcast.save(update_fields=fields)
    if verb in (Verb.PAUSE, Verb.STOP):
        _take_back(broadcast)
    # Whatever it was held back for, somebody has decided now.
    alerts.settle(kind=HELD, key=str(broadcast.pk), now=now)
    _record(broadcast, broadcast.get_status_display(), staff=staff, reason=reason)
    return broadcast


def _hold(broadcast: Broadcast, verb: Verb, *, why: str, now: datetime) -> None:
    """Move a locked broadcast without being asked to, and tell staff."""
    _move(broadcast, verb, reason=why, staff=None, now=now)
    alerts.raise_alert(
        kind=HELD,
        key=str(broadcast.pk),
        summary=f"{broadcast} is {broadcast.get_status_display()}. {why}",
        details={"sent": broadcast.sent, "refused": broadcast.refused},
        subject=broadcast,
        now=now,
    )


def lock(broadcast_id: int) -> Broadcast:
    """Lock the broadcast until the transaction ends."""
    return Broadcast.objects.select_for_update(no_key=True).get(pk=broadcast_id)


def _record(broadcast: Broadcast, verb: str, *, staff: User | None, **details: Any) -> None:
    told = f"{broadcast}: {verb}. {details.get('reason', '')}".strip()
    audit.record(
        actor=staff, action=f"broadcast.{verb}", obj=broadcast, summary=told, details=details
    )


# --- By two people --------------------------------------------------------------------------------


def needs_approval(
    broadcast: Broadcast, *, staff: User | None, at: datetime | None, now: datetime
) -> bool:
    """Return whether the broadcast, sent by `staff` at `at`, reaches too many for one person.

    What the same person sends alone on that day of business counts (product rules, section 8).
    """
    limit: int = settings.BROADCAST_APPROVAL_PLAYERS
    reached = _reach(broadcast, limit=limit, now=now)
    if reached <= limit and staff is not None:
        for other in _others_of_day(broadcast, staff=staff, at=max(at or now, now)):
            reached += _reach(other, limit=limit, now=now)
    return reached > limit


def _reach(broadcast: Broadcast, *, limit: int, now: datetime) -> int:
    """Return how many players the broadcast is for, counted to one more than `limit`."""
    if broadcast.is_gathered:
        return broadcast.recipients
    return segment(broadcast, now=now).values("pk")[: limit + 1].count()


def _others_of_day(broadcast: Broadcast, *, staff: User, at: datetime) -> QuerySet[Broadcast]:
    """Return what `staff` send without a second person on the day of business of `at`."""
    day = at.astimezone(business_zone()).date()
    begins = datetime.combine(day, time.min, tzinfo=business_zone())
    ends = datetime.combine(day + timedelta(days=1), time.min, tzinfo=business_zone())
    return Broadcast.objects.filter(
        scheduled_by=staff, is_approved=False, scheduled_at__gte=begins, scheduled_at__lt=ends
    ).exclude(pk=broadcast.pk)


def register() -> None:
    """Make the approval and the alert known; called once, when the process starts."""
    approvals.register(
        kind=APPROVAL,
        label="Start broadcast",
        permission="bot.approve_broadcast",
        preview=_preview_start,
        perform=_start_approved,
        refusals=REFUSALS,
        headers=("What", "As it would be sent"),
    )
    alerts.declare(
        kind=STUCK, label="Broadcast does not come further", runbook="docs/runbooks/broadcasts.md"
    )
    alerts.declare(
        kind=HELD, label="Broadcast was held back", runbook="docs/runbooks/broadcasts.md"
    )


def _preview_start(*, request: ApprovalRequest, now: datetime) -> Sequence[Sequence[str]]:
    """Return what would be sent. Raises IllegalMoveError and IncompleteError."""
    broadcast = Broadcast.objects.get(pk=int(request.subject_id))
    if broadcast.status != BroadcastStatus.DRAFT:
        raise IllegalMoveError(f"It is {broadcast.get_status_display()}, not a draft.")
    if wrong := faults(broadcast):
        raise IncompleteError(" ".join(wrong.values()))
    at = _at(request)
    if at is not None and at <= now:
        raise IllegalMoveError("Its time has passed: choose another time.")
    return [
        ("Name", broadcast.name),
        ("To", in_words(broadcast)),
        ("Players", _reach_in_words(broadcast, now=now)),
        ("When", dates.moment(at) if at else "at once"),
        *((f"Text ({language})", broadcast.text(language)) for language in broadcast.languages),
        *(
            (f"Button ({language})", broadcast.label(language))
            for language in broadcast.languages
            if broadcast.label(language)
        ),
        ("Button leads to", broadcast.url or broadcast.get_screen_display() or "–"),
    ]


def _reach_in_words(broadcast: Broadcast, *, now: datetime) -> str:
    limit: int = settings.BROADCAST_APPROVAL_PLAYERS
    if _reach(broadcast, limit=limit, now=now) > limit:
        return f"more than {limit:,}"
    return f"with the others that the same person sends on that day more than {limit:,}"


def _at(request: ApprovalRequest) -> datetime | None:
    at = request.parameters["at"]
    return datetime.fromisoformat(at) if at else None


def _start_approved(*, request: ApprovalRequest, now: datetime) -> None:
    """Schedule the broadcast, in the name of whoever asked."""
    broadcast = lock(int(request.subject_id))
    if approvals.preview_of(request, now=now) != request.preview:
        raise IllegalMoveError("It has just been changed.")
    _move(
        broadcast,
        Verb.SCHEDULE,
        reason=request.reason,
        staff=request.maker,
        now=now,
        at=_at(request),
        is_approved=True,
    )


# --- The job --------------------------------------------------------------------------------------


def run(*, until: datetime) -> int:
    """Start what is due and go on with what is under way; return how many recipients it settled.

    Any number may run at once: a broadcast that somebody has locked is theirs.
    """
    return sweeps.one_by_one(
        due=lambda seen: [pk for pk in _under_way(now=timezone.now()) if pk not in seen],
        settle=partial(_work_on, until),
        until=until,
    )


def _work_on(until: datetime, broadcast_id: int) -> int:
    """Take the broadcast a step further, and as many as its list takes while it is made."""
    settled = _go_on(broadcast_id)
    while timezone.now() < until and _is_being_gathered(broadcast_id):
        settled += _go_on(broadcast_id)
    return settled


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
def _go_on(broadcast_id: int) -> int:
    """Take the broadcast a step further; return how many recipients are settled by it.

    Locks it, unless somebody else has.
    """
    rows = Broadcast.objects.select_for_update(no_key=True, skip_locked=True)
    broadcast = rows.filter(pk=broadcast_id).first()
    if broadcast is None:
        return 0
    now = timezone.now()
    if broadcast.status == BroadcastStatus.SCHEDULED:
        _start_if_due(broadcast, now=now)
    settled = _settle(broadcast, now=now)
    if broadcast.status == BroadcastStatus.RUNNING and settled and _is_futile(broadcast):
        why = f"Telegram has refused the first {broadcast.refused:,} messages."
        _hold(broadcast, Verb.PAUSE, why=why, now=now)
    if broadcast.status == BroadcastStatus.RUNNING:
        moved = _gather(broadcast, now=now) + _fill(broadcast, now=now)
        if settled or moved:
            broadcast.progressed_at = now
        if broadcast.is_gathered and not broadcast.left:
            broadcast.status, broadcast.ended_at, broadcast.changed_at = (
                BroadcastStatus.DONE,
                now,
                now,
            )
            _record(broadcast, "done", staff=None)
    broadcast.save(update_fields=_WRITTEN_BY_THE_JOB)
    return settled


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
    """Begin a scheduled broadcast if its time has come, unless it has outgrown one person."""
    assert broadcast.scheduled_at is not None
    if broadcast.scheduled_at > now:
        return
    if not broadcast.is_approved and needs_approval(
        broadcast, staff=broadcast.scheduled_by, at=broadcast.scheduled_at, now=now
    ):
        why = "It reaches more players than when it was scheduled: a second person is needed."
        _hold(broadcast, Verb.WITHDRAW, why=why, now=now)
        return
    broadcast.status, broadcast.changed_at = BroadcastStatus.RUNNING, now
    broadcast.started_at = broadcast.progressed_at = now
    # Now, because what has nobody to reach is done in the same breath.
    broadcast.save(update_fields=["status", "changed_at", "started_at", "progressed_at"])
    _record(broadcast, "running", staff=None)


def _gather(broadcast: Broadcast, *, now: datetime) -> int:
    """Write the recipients among the next PAGE players down; return how many players that were."""
    if broadcast.is_gathered:
        return 0
    following = Player.objects.filter(pk__gt=broadcast.cursor).order_by("pk").values("pk")[:PAGE]
    page = list(following.values_list("pk", flat=True))
    if not page:
        broadcast.is_gathered = True
        return 0
    chosen = segment(broadcast, now=now).filter(pk__gt=broadcast.cursor, pk__lte=page[-1])
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
    room = min(share - _queued(broadcast).count(), outbox.bulk_room(at_most=AHEAD))
    if room <= 0:
        return 0
    pending = broadcast.addressees.filter(outcome=Delivered.PENDING).order_by("pk")
    taken = list(pending.select_related("player")[:room])
    players = Player.objects.filter(pk__in=[recipient.player_id for recipient in taken])
    willing = set(reachable(players).values_list("pk", flat=True))
    written = [recipient for recipient in taken if recipient.player_id in willing]
    with outbox.collecting(lane=Lane.BULK) as call_ids:
        for recipient in written:
            _send(broadcast, recipient.player, language=recipient.player.language)
    for recipient, call_id in zip(written, call_ids, strict=True):
        recipient.outcome, recipient.call_id = Delivered.QUEUED, call_id
    BroadcastRecipient.objects.bulk_update(written, ["outcome", "call"])
    gone = [recipient.pk for recipient in taken if recipient.player_id not in willing]
    _end(broadcast, {Delivered.LEFT_OUT: gone}, now=now)
    return len(taken)


def _queued(broadcast: Broadcast) -> QuerySet[BroadcastRecipient]:
    return broadcast.addressees.filter(outcome=Delivered.QUEUED)


# How the end of a call is told of its recipient.
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


def _settle(broadcast: Broadcast, *, now: datetime) -> int:
    """Copy how calls have ended; return how many had.

    Nobody will ever know of a call that is no longer there.
    """
    waiting = dict(_queued(broadcast).values_list("call_id", "pk"))
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
    _end(broadcast, ended, now=now)
    return sum(map(len, ended.values()))


def _end(broadcast: Broadcast, ended: Mapping[str, Sequence[int]], *, now: datetime) -> None:
    """Store the outcome of recipients, by outcome, and count them."""
    for outcome, pks in ended.items():
        broadcast.addressees.filter(pk__in=pks).update(outcome=outcome, settled_at=now)
        counted = getattr(broadcast, outcome.lower()) + len(pks)
        setattr(broadcast, outcome.lower(), counted)


def _take_back(broadcast: Broadcast) -> None:
    """Take the calls of a locked broadcast back that have not left."""
    waiting = dict(_queued(broadcast).values_list("call_id", "pk"))
    taken = outbox.take_back(call_ids=waiting)
    pks = [waiting[call_id] for call_id in taken]
    broadcast.addressees.filter(pk__in=pks).update(outcome=Delivered.PENDING, call=None)


# --- Watching -------------------------------------------------------------------------------------


def watch(*, now: datetime) -> int:
    """Raise an alert for each running broadcast that is stuck, and settle those that are not.

    Return how many are stuck.
    """
    running = Broadcast.objects.filter(status=BroadcastStatus.RUNNING)
    stuck = list(running.filter(progressed_at__lt=now - STUCK_AFTER))
    for broadcast in stuck:
        assert broadcast.progressed_at is not None
        alerts.raise_alert(
            kind=STUCK,
            key=str(broadcast.pk),
            summary=f"{broadcast} has not come further since "
            f"{dates.time(broadcast.progressed_at)}.",
            details={"left": broadcast.left, "sent": broadcast.sent},
            subject=broadcast,
            now=now,
        )
    keys = {str(broadcast.pk) for broadcast in stuck}
    for alert in Alert.objects.filter(kind=STUCK, settled_at=None).exclude(key__in=keys):
        alerts.settle(kind=STUCK, key=alert.key, now=now)
    return len(stuck)


def rate(broadcast: Broadcast) -> float:
    """Return how many messages a second have left lately; 0 while nobody can tell."""
    latest = list(
        broadcast.addressees.filter(outcome=Delivered.SENT)
        .order_by("-pk")
        .values_list("settled_at", flat=True)[:RATE_SAMPLE]
    )
    moments = [moment for moment in latest if moment is not None]
    seconds = (max(moments) - min(moments)).total_seconds() if moments else 0.0
    return (len(moments) - 1) / seconds if seconds else 0.0
