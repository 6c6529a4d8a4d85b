"""One message to many players: what it says, to whom, and what operators do with it.

bot/messages/broadcast_job.py sends it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import translation
from telegram import InlineKeyboardMarkup

from bot.chat.models import ReminderSettings, StaffPlayer
from bot.messages import buttons, markup, reminders
from bot.messages.models import Broadcast, BroadcastRecipient, BroadcastStatus, Delivered
from bot.queue import outbox
from economy.adjustments import lock_staff
from economy.models import PremiumSpan
from economy.streak_rules import DAY
from economy.wallets import business_zone
from payments.models import Purchase
from promos import holdout
from promos.models import RUNNING, Campaign, CampaignStatus
from quizarena.players.models import Player
from quizarena.staff import alerts, approvals, audit, dates, limits, reasons
from quizarena.staff.alert_models import Severity
from quizarena.staff.errors import StaffError
from quizarena.staff.models import ApprovalRequest

# Recipients are counted up to here for a forecast.
COUNTED_MAX = 1_000_000


STUCK = "broadcast_stuck"
HELD = "broadcast_held"
APPROVAL = "broadcast_start"


class BroadcastError(Exception):
    """The broadcast cannot do this. Nothing has been changed."""


class IllegalMoveError(BroadcastError):
    """The broadcast's status does not allow this."""


class ChangedMeanwhileError(BroadcastError):
    """The broadcast is no longer what the member of staff has seen."""


class IncompleteError(BroadcastError):
    """It cannot be sent as it is; the message says what is missing."""


class NoPlayerError(BroadcastError):
    """No chat is linked to which a preview could go."""


REFUSALS = (BroadcastError, StaffError)


# --- To whom --------------------------------------------------------------------------------------


def segment(broadcast: Broadcast, *, now: datetime) -> QuerySet[Player]:
    """Return the players whom the broadcast is for and who can be reached at `now`.

    Who has blocked the bot, is suspended, or wants no news is left out. Active and lapsed count
    business days since the last answered question, like the segments of promo campaigns. Who is
    held out of the campaign that it announces does not get it (product rules, section 8).
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
    if broadcast.announces is not None and broadcast.announces.holdout_percent:
        players = players.exclude(holdout.held_out(broadcast.announces))
    return players


def reachable(players: QuerySet[Player]) -> QuerySet[Player]:
    """Return of `players` those who may get a broadcast."""
    mute = ReminderSettings.objects.filter(player=OuterRef("pk"), news=False)
    return players.filter(~Exists(mute), bot_blocked_at=None, suspended_at=None)


def audience(broadcast: Broadcast, *, now: datetime) -> int:
    """Return how many players the broadcast would reach now, counted up to COUNTED_MAX."""
    return segment(broadcast, now=now).values("pk")[:COUNTED_MAX].count()


def forecast(recipients: int, *, per_second: float | None = None) -> timedelta:
    """Return how long so many messages take, at the pace of the bulk lane by default."""
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
    whom = ", ".join(filter(None, parts)) or "everybody"
    about = broadcast.announces
    if about is None or not about.holdout_percent:
        return whom
    return f"{whom}, but the holdout of {about.holdout_percent}% of “{about}”"


# --- What it says ---------------------------------------------------------------------------------


def message(broadcast: Broadcast, *, language: str) -> tuple[str, InlineKeyboardMarkup]:
    """Return what a player of that language gets. The language has to be active."""
    keyboard = buttons.broadcast(
        label=broadcast.label(language), screen=broadcast.screen, url=broadcast.url
    )
    return broadcast.text(language), keyboard


def faults(broadcast: Broadcast, *, at: datetime | None = None) -> dict[str, str]:
    """Return by field what keeps the broadcast from being sent (`at` then), in sentences."""
    found: dict[str, str] = {}
    for language in broadcast.languages:
        try:
            markup.check(broadcast.text(language))
        except markup.MarkupError as error:
            found[f"text_{language}"] = str(error)
        if (broadcast.screen or broadcast.url) and not broadcast.label(language).strip():
            found[f"label_{language}"] = "The button has no label."
    if fault := url_fault(broadcast.url):
        found["url"] = fault
    if fault := announcement_fault(broadcast, at=at):
        found["announces"] = fault
    return found


def announcement_fault(broadcast: Broadcast, *, at: datetime | None = None) -> str:
    """Return why the campaign that it is about cannot be announced (`at` then); empty if it can.

    Before the start of a campaign, who is held out of it may change. Who is compared is who is in
    the segment when it begins: what the others read before that would move some of them out of it.
    """
    about = broadcast.announces
    if about is None:
        return ""
    if about.status in RUNNING:
        if at is None or not about.holdout_percent or about.starts_at <= at:
            return ""
        return (
            f"The campaign “{about}” begins on {dates.moment(about.starts_at)}. It has a holdout: "
            "announce it then or later, so that both groups can be compared."
        )
    if about.status == CampaignStatus.DRAFT:
        return f"The campaign “{about}” is a draft. Start it before it is announced."
    return f"The campaign “{about}” is {about.get_status_display()}: nobody could use its code."


_check_url = URLValidator(schemes=["https"])


def url_fault(url: str) -> str:
    """Return what is wrong with the address that a button leads to; empty if nothing is."""
    try:
        if url:
            _check_url(url)
    except ValidationError:
        return "The address has to begin with https:// and to name a site."
    return ""


@transaction.atomic
def preview(*, broadcast: Broadcast, staff: User) -> Player:
    """Send the broadcast, in each language, to the member of staff alone; return as which player.

    Raises NoPlayerError while no chat is linked (bot/screens/staff_chats/linking.py), and
    IncompleteError.
    """
    own = StaffPlayer.objects.select_related("player").filter(user=staff).first()
    if own is None:
        raise NoPlayerError("No chat is linked to your account. Link yours first.")
    if wrong := faults(broadcast):
        raise IncompleteError(" ".join(wrong.values()))
    with outbox.collecting():
        for language in broadcast.languages:
            send(broadcast, own.player, language=language)
    return own.player


def send(broadcast: Broadcast, player: Player, *, language: str) -> None:
    """Send the player the broadcast; belongs inside outbox.collecting()."""
    with translation.override(language):
        reminders.send_reminder(player, *message(broadcast, language=language))


# --- What operators do ----------------------------------------------------------------------------


class Action(StrEnum):
    """What can be done with a broadcast."""

    SCHEDULE = "schedule"
    WITHDRAW = "withdraw"
    PAUSE = "pause"
    CONTINUE = "continue"
    STOP = "stop"

    def is_due(self, broadcast: Broadcast) -> bool:
        """Return whether it makes sense for the broadcast as it stands."""
        return broadcast.status in _FROM[self]


# The statuses from which an action can be taken, and the one to which it leads.
_FROM: dict[Action, tuple[BroadcastStatus, ...]] = {
    Action.SCHEDULE: (BroadcastStatus.DRAFT,),
    Action.WITHDRAW: (BroadcastStatus.SCHEDULED,),
    Action.PAUSE: (BroadcastStatus.RUNNING,),
    Action.CONTINUE: (BroadcastStatus.PAUSED,),
    Action.STOP: (
        BroadcastStatus.DRAFT,
        BroadcastStatus.SCHEDULED,
        BroadcastStatus.RUNNING,
        BroadcastStatus.PAUSED,
    ),
}
_TO = {
    Action.SCHEDULE: BroadcastStatus.SCHEDULED,
    Action.WITHDRAW: BroadcastStatus.DRAFT,
    Action.PAUSE: BroadcastStatus.PAUSED,
    Action.CONTINUE: BroadcastStatus.RUNNING,
    Action.STOP: BroadcastStatus.STOPPED,
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
    record(broadcast, "created", staff=staff)
    return broadcast, True


def only_drafts(broadcast: Broadcast) -> str:
    return f"This broadcast is {broadcast.get_status_display()}. Only drafts can be edited."


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
        raise ChangedMeanwhileError(
            "Somebody else has changed this broadcast meanwhile. Open the page again."
        )
    if broadcast.status != BroadcastStatus.DRAFT:
        raise IllegalMoveError(only_drafts(broadcast))
    changed = {name: value for name, value in terms.items() if getattr(broadcast, name) != value}
    before = {name: getattr(broadcast, name) for name in changed}
    for name, value in changed.items():
        setattr(broadcast, name, value)
    broadcast.changed_at = now
    broadcast.save(update_fields=[*changed, "changed_at"])
    record(
        broadcast,
        "edited",
        staff=staff,
        changed={name: [_plain(before[name]), _plain(value)] for name, value in changed.items()},
    )
    return broadcast


def _plain(value: Any) -> Any:
    """Return a term as the audit log can hold it."""
    return value.pk if isinstance(value, Campaign) else value


@transaction.atomic
def execute(
    action: Action,
    *,
    broadcast_id: int,
    seen_at: datetime,
    reason: str,
    staff: User,
    now: datetime,
    at: datetime | None = None,
) -> Broadcast | ApprovalRequest:
    """Take `action` on the broadcast, or ask a second person to; return the broadcast or request.

    `seen_at` is the `changed_at` that the member of staff has seen; if it is another one now, or
    if it needs a second person only since a moment ago, raises ChangedMeanwhileError. `at` is when
    a scheduled one starts, at once if it is None or past; a second person is not asked for what is
    past. Raises IllegalMoveError, IncompleteError and BadReasonError. Locks the request for an
    approval, and then the broadcast; to schedule one, the member of staff before both.
    """
    words = reasons.normalise(reason)
    request = None
    if action is Action.SCHEDULE:
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
            "Somebody else has changed this broadcast meanwhile; it is "
            f"{broadcast.get_status_display()} now."
        )
    if request is not None:
        return request
    if action is Action.SCHEDULE and needs_approval(broadcast, staff=staff, at=at, now=now):
        raise ChangedMeanwhileError(
            "This broadcast reaches more players than before: a second person has to approve it."
        )
    return _move(broadcast, action, reason=words, staff=staff, now=now, at=at)


def _move(
    broadcast: Broadcast,
    action: Action,
    *,
    reason: str,
    staff: User | None,
    now: datetime,
    at: datetime | None = None,
    is_approved: bool = False,
) -> Broadcast:
    """Move a locked broadcast. Pausing and stopping cancel the calls that have not left."""
    if not action.is_due(broadcast):
        raise IllegalMoveError(f"This broadcast is {broadcast.get_status_display()}.")
    fields = ["status", "changed_at"]
    match action:
        case Action.SCHEDULE:
            starts_at = max(at or now, now)
            if wrong := faults(broadcast, at=starts_at):
                raise IncompleteError(" ".join(wrong.values()))
            broadcast.scheduled_at, broadcast.is_approved = starts_at, is_approved
            broadcast.scheduled_by = staff
            fields += ["scheduled_at", "scheduled_by", "is_approved"]
        case Action.WITHDRAW:
            broadcast.scheduled_at, broadcast.is_approved = None, False
            broadcast.scheduled_by = None
            fields += ["scheduled_at", "scheduled_by", "is_approved"]
        case Action.CONTINUE:
            broadcast.progressed_at = now
            fields.append("progressed_at")
        case Action.STOP:
            broadcast.ended_at = now
            fields.append("ended_at")
        case Action.PAUSE:
            pass
    broadcast.status, broadcast.changed_at = _TO[action], now
    broadcast.save(update_fields=fields)
    if action in (Action.PAUSE, Action.STOP):
        _cancel_pending_calls(broadcast)
    # Whatever it was held back for, a person has decided now.
    alerts.resolve(kind=HELD, key=str(broadcast.pk), now=now)
    record(broadcast, broadcast.get_status_display(), staff=staff, reason=reason)
    return broadcast


def hold_back(broadcast: Broadcast, action: Action, *, why: str, now: datetime) -> None:
    """Move a locked broadcast without a person's decision, and alert staff."""
    _move(broadcast, action, reason=why, staff=None, now=now)
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


def record(broadcast: Broadcast, event: str, *, staff: User | None, **details: Any) -> None:
    """Leave a row in the audit log."""
    summary = f"{broadcast}: {event}. {details.get('reason', '')}".strip()
    audit.record(
        actor=staff, action=f"broadcast.{event}", obj=broadcast, summary=summary, details=details
    )


# --- By two people --------------------------------------------------------------------------------


# What Security has not set otherwise (quizarena.staff.limits).
REACH = limits.Kind(
    name="broadcast-day",
    label="Players whom the broadcasts of one person reach on a day",
    unit="players",
    defaults=lambda: dict.fromkeys(
        ("Operator", "Administrator"), settings.BROADCAST_APPROVAL_PLAYERS
    ),
)


def needs_approval(
    broadcast: Broadcast, *, staff: User | None, at: datetime | None, now: datetime
) -> bool:
    """Return whether the broadcast, sent by `staff` at `at`, reaches too many for one person.

    What the same person sends alone on that day of business counts (product rules, section 8).
    """
    limit = limits.of(REACH.name, staff=staff)
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
    """Make the limit, the approval and the alerts known; called once, when the process starts."""
    limits.declare(REACH)
    approvals.register(
        kind=APPROVAL,
        label="Start broadcast",
        permission="bot.approve_broadcast",
        preview=_preview_start,
        perform=_start_approved,
        refusals=REFUSALS,
        headers=("What", "As it would be sent"),
        takes_time=True,
    )
    alerts.declare(
        kind=STUCK, label="Broadcast makes no progress", runbook="docs/runbooks/broadcasts.md"
    )
    alerts.declare(
        kind=HELD,
        label="Broadcast was held back",
        runbook="docs/runbooks/broadcasts.md",
        severity=Severity.INFO,
    )


def _preview_start(*, request: ApprovalRequest, now: datetime) -> Sequence[Sequence[str]]:
    """Return what would be sent. Raises IllegalMoveError and IncompleteError."""
    broadcast = Broadcast.objects.get(pk=int(request.subject_id))
    if broadcast.status != BroadcastStatus.DRAFT:
        raise IllegalMoveError(f"This broadcast is {broadcast.get_status_display()}, not a draft.")
    at = _at(request)
    if wrong := faults(broadcast, at=at or now):
        raise IncompleteError(" ".join(wrong.values()))
    if at is not None and at <= now:
        raise IllegalMoveError("The start time has passed. Choose another one.")
    return [
        ("Name", broadcast.name),
        ("To", in_words(broadcast)),
        ("Players", _reach_in_words(broadcast, staff=request.maker, now=now)),
        ("When", dates.moment(at) if at else "at once"),
        *((f"Text ({language})", broadcast.text(language)) for language in broadcast.languages),
        *(
            (f"Button ({language})", broadcast.label(language))
            for language in broadcast.languages
            if broadcast.label(language)
        ),
        ("Button leads to", broadcast.url or broadcast.get_screen_display() or "–"),
    ]


def _reach_in_words(broadcast: Broadcast, *, staff: User, now: datetime) -> str:
    limit = limits.of(REACH.name, staff=staff)
    if _reach(broadcast, limit=limit, now=now) > limit:
        return f"more than {limit:,}"
    return f"more than {limit:,}, together with what the same person sends on that day"


def _at(request: ApprovalRequest) -> datetime | None:
    at = request.parameters["at"]
    return datetime.fromisoformat(at) if at else None


def _start_approved(*, request: ApprovalRequest, now: datetime) -> None:
    """Schedule the broadcast, in the name of whoever asked."""
    broadcast = lock(int(request.subject_id))
    if approvals.preview_of(request, now=now) != request.preview:
        raise IllegalMoveError("This broadcast has just been changed. Look at it again.")
    _move(
        broadcast,
        Action.SCHEDULE,
        reason=request.reason,
        staff=request.maker,
        now=now,
        at=_at(request),
        is_approved=True,
    )


# --- Calls on their way ---------------------------------------------------------------------------


def queued(broadcast: Broadcast) -> QuerySet[BroadcastRecipient]:
    """Return the recipients whose calls are on their way."""
    return broadcast.addressees.filter(outcome=Delivered.QUEUED)


def _cancel_pending_calls(broadcast: Broadcast) -> None:
    """Cancel the calls of a locked broadcast that have not left."""
    waiting = dict(queued(broadcast).values_list("call_id", "pk"))
    taken = outbox.cancel_pending(call_ids=waiting)
    pks = [waiting[call_id] for call_id in taken]
    broadcast.addressees.filter(pk__in=pks).update(outcome=Delivered.PENDING, call=None)
