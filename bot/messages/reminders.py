"""What the bot says on its own, to whom, and when. Product rules, sections 7, 10 and 12.

At most two messages a day by the player's own clock: each takes one of the day's two slots, which
the database keeps (Reminder). A kind that is due to many at one instant (ten in the evening in
Berlin) is a sweep over those who want it, page by page, that any worker can continue.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode

from bot.chat import dates, local_time, navigation
from bot.chat.local_time import LATE, SLOTS
from bot.chat.models import ReminderSettings, Zone
from bot.messages import buttons, texts
from bot.messages.models import Reminder, ReminderKind, ReminderSweep
from bot.queue import client, outbox
from bot.queue.models import Lane
from bot.screens.offers import texts as offers_texts
from economy.models import Streak
from economy.streak_rules import DAY, midnight_after
from economy.wallets import business_zone
from payments import offers
from payments.offer_rules import Touchpoint
from payments.offers import Proposal
from quizarena.game import points, reviews
from quizarena.game.models import DailyRun, ReviewCard
from quizarena.players.models import Player

# So many reminders and broadcast messages may wait for the sender. Broadcasts stop at half of it,
# so that a reminder is never behind more than five seconds of them.
QUEUE_MAX = 10 * outbox.BULK_PER_SECOND
# An offer holds locks on its player, whose taps wait for the page to end.
OFFERS_PAGE = 30

log = structlog.get_logger(__name__)


# --- Slots ----------------------------------------------------------------------------------------


class _LocalDay(Func):
    """The date that the clock of a zone shows."""

    template = "(%(expressions)s)::date"
    arg_joiner = " AT TIME ZONE "


def with_a_free_slot(players: QuerySet[Player], *, kind: str, now: datetime) -> QuerySet[Player]:
    """Return of `players` those who can get `kind` now: awake, and with a free slot."""
    today = Reminder.objects.filter(
        Q(ordinal=SLOTS[-1]) | Q(kind=kind), player=OuterRef("pk"), day=OuterRef("local_day")
    )
    return (
        awake(players, now=now)
        .alias(local_day=_LocalDay(Value(now), F("zone")))
        .filter(~Exists(today))
    )


def awake(players: QuerySet[Player], *, now: datetime) -> QuerySet[Player]:
    """Return of `players` those for whom it is no quiet hour."""
    zone = Coalesce("reminder_settings__zone", Value(Zone.BERLIN))
    return players.alias(zone=zone).filter(zone__in=local_time.awake(now))


def take_slot(*, settings: ReminderSettings, kind: str, now: datetime) -> bool:
    """Take a slot of the player's day for a message of `kind`; return False if none is free."""
    day = local_time.local_day(now, zone=settings.zone)
    return bool(_take_slots([settings.player_id], kind=kind, day=day, now=now))


def _take_slots(player_ids: Collection[int], *, kind: str, day: date, now: datetime) -> set[int]:
    """Give each player a slot of the day; return who has got one.

    Whoever has none left, or has had this kind, gets none; the former is stored as skipped. The
    constraints decide, so that it does not matter who else does the same at this moment.
    """
    left, served = set(player_ids), set[int]()
    for ordinal in (*SLOTS, None):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO bot_reminder (player_id, kind, day, ordinal, created_at)
                SELECT player, %s, %s, %s::smallint, %s FROM unnest(%s::bigint[]) AS player
                ON CONFLICT DO NOTHING RETURNING player_id
                """,
                # All take them in the same order, so nobody waits for each other.
                [kind, day, ordinal, now, sorted(left)],
            )
            stored = {player for (player,) in cursor.fetchall()}
        left -= stored
        if ordinal is not None:
            served |= stored
        if not left:
            break
    return served


# --- Sweeps ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A kind of reminder that is due to many players at one instant.

    `moments` are the instants at which it is due in a zone around the day. `wanted` are the
    settings of those who want it at that instant, `needed` those of the players who have a reason.
    `way` is the button to what it reminds of. At a `touchpoint` an offer may stand below it, in
    the same message.
    """

    moments: Callable[[date, str], Sequence[datetime]]
    wanted: Callable[["QuerySet[ReminderSettings]", ReminderSweep], "QuerySet[ReminderSettings]"]
    needed: Callable[["QuerySet[Player]", datetime], "QuerySet[Player]"]
    render: Callable[[Player, str, datetime], str]
    way: Callable[[], InlineKeyboardButton] = navigation.play
    touchpoint: Touchpoint | None = None


def _risky(players: "QuerySet[Player]", now: datetime) -> "QuerySet[Player]":
    """Return those whose streak runs, is rolled over, and has nothing of today."""
    today = points.today(now)
    return players.filter(
        streak__current__gt=0,
        streak__rolled_over_through__gte=today - DAY,
        streak__last_active_day__lt=today,
    )


def _idle(players: "QuerySet[Player]", now: datetime) -> "QuerySet[Player]":
    """Return those who have not played today, and are not reminded of cards instead."""
    played = Streak.objects.filter(player=OuterRef("pk"), last_active_day__gte=points.today(now))
    return players.exclude(Exists(played)).exclude(
        Exists(_due_cards(now)), reminder_settings__review=True
    )


def _without_challenge(players: "QuerySet[Player]", now: datetime) -> "QuerySet[Player]":
    """Return those who have not finished today's challenge."""
    return players.exclude(Exists(_finished_challenges(now)))


def _with_cards(players: "QuerySet[Player]", now: datetime) -> "QuerySet[Player]":
    """Return those with cards that are due, who are not reminded of the challenge instead."""
    return players.filter(Exists(_due_cards(now))).exclude(
        ~Exists(_finished_challenges(now)), reminder_settings__daily_challenge=True
    )


def _finished_challenges(now: datetime) -> "QuerySet[DailyRun]":
    """Return today's challenge of the player of the query around it, if it is finished."""
    return DailyRun.objects.filter(
        player=OuterRef("pk"), set__day=points.today(now), finished_at__isnull=False
    )


def _due_cards(now: datetime) -> "QuerySet[ReviewCard]":
    """Return the cards that are due to the player of the query around it."""
    return ReviewCard.objects.askable().filter(player=OuterRef("pk"), due_at__lte=now)


def _render_risk(player: Player, zone: str, now: datetime) -> str:
    today = now.astimezone(business_zone()).date()
    ends_at = midnight_after(today, zone=business_zone())
    return texts.streak_risk(days=player.streak.current, ends_at=ends_at)


def _render_daily(player: Player, zone: str, now: datetime) -> str:
    return texts.daily_round(name=player.first_name)


def _render_challenge(player: Player, zone: str, now: datetime) -> str:
    return texts.daily_challenge(name=player.first_name)


def _render_review(player: Player, zone: str, now: datetime) -> str:
    return texts.review(name=player.first_name, due=reviews.due(player=player, now=now))


def _hours(day: date, zone: str) -> list[datetime]:
    """Return every hour of the day that players can choose."""
    return [local_time.daily_at(day, hour=hour, zone=zone) for hour in local_time.HOURS]


SWEEPS = {
    ReminderKind.STREAK_RISK: Sweep(
        moments=lambda day, zone: [
            local_time.streak_risk_at(day, zone=zone, business=business_zone())
        ],
        wanted=lambda settings, sweep: settings.filter(zone=sweep.zone, streak_risk=True),
        needed=_risky,
        render=_render_risk,
        touchpoint=Touchpoint.EVENING,
    ),
    ReminderKind.DAILY_ROUND: Sweep(
        moments=_hours,
        # Who has not played has not finished the challenge: of the two that they want, one comes.
        wanted=lambda settings, sweep: settings.filter(
            zone=sweep.zone, daily_round=True, daily_challenge=False, daily_hour=_hour(sweep)
        ),
        needed=_idle,
        render=_render_daily,
    ),
    ReminderKind.DAILY_CHALLENGE: Sweep(
        moments=_hours,
        wanted=lambda settings, sweep: settings.filter(
            zone=sweep.zone, daily_challenge=True, daily_hour=_hour(sweep)
        ),
        needed=_without_challenge,
        render=_render_challenge,
        way=navigation.daily,
    ),
    ReminderKind.REVIEW: Sweep(
        moments=_hours,
        wanted=lambda settings, sweep: settings.filter(
            zone=sweep.zone, review=True, daily_hour=_hour(sweep)
        ),
        needed=_with_cards,
        render=_render_review,
        way=navigation.review_now,
    ),
}


def _hour(sweep: ReminderSweep) -> int:
    return sweep.due_at.astimezone(ZoneInfo(sweep.zone)).hour


def remind(*, until: datetime) -> int:
    """Remind everybody who is due, until it is `until`; return how many were.

    A page of players is a transaction. What a reminder says is only true for LATE, so it neither
    starts nor leaves later than that. A sweep that fails is logged and continued the next time.
    """
    now = timezone.now()
    _open_sweeps(now)
    count = 0
    for sweep_id in _unfinished(now):
        try:
            while timezone.now() < until and (page := _remind_page(sweep_id)) is not None:
                count += page
        except Exception:  # Of whatever kind: it is this sweep's alone.
            log.exception("reminder.sweep_failed", sweep=sweep_id)
    return count


def _unfinished(now: datetime) -> list[int]:
    sweeps = ReminderSweep.objects.filter(due_at__gt=now - LATE, finished_at=None)
    return list(sweeps.order_by("due_at", "pk").values_list("pk", flat=True))


def _open_sweeps(now: datetime) -> None:
    """Make sure that there is a sweep of everything that has become due."""
    wanted = {
        (due_at, kind.value, zone.value)
        for kind, sweep in SWEEPS.items()
        for zone in Zone
        # East of here it may be tomorrow, west of here yesterday.
        for day in (now.date() - DAY, now.date(), now.date() + DAY)
        for due_at in sweep.moments(day, zone)
        if now - LATE < due_at <= now
    }
    known = ReminderSweep.objects.filter(due_at__gt=now - LATE)
    wanted -= set(known.values_list("due_at", "kind", "zone"))
    if wanted:
        ReminderSweep.objects.bulk_create(
            [
                ReminderSweep(due_at=due_at, kind=kind, zone=zone)
                for due_at, kind, zone in sorted(wanted)
            ],
            ignore_conflicts=True,
        )


@transaction.atomic(durable=True)
def _remind_page(sweep_id: int) -> int | None:
    """Look at the next players of a sweep and remind who needs it; return how many.

    None: there is nothing to do here now. Locks the sweep, and leaves it to whoever has it.
    """
    sweeps = ReminderSweep.objects.select_for_update(skip_locked=True)
    sweep = sweeps.filter(pk=sweep_id, finished_at=None).first()
    room = outbox.bulk_room(at_most=QUEUE_MAX)
    now = timezone.now()
    if sweep is None or not room or now >= sweep.due_at + LATE:
        return None
    rules = SWEEPS[ReminderKind(sweep.kind)]
    wanted = rules.wanted(ReminderSettings.objects.all(), sweep).filter(player__gt=sweep.cursor)
    size = room if rules.touchpoint is None else min(room, OFFERS_PAGE)
    page = list(wanted.order_by("player").values_list("player", flat=True)[:size])
    count = _remind_players(sweep, page, now=now)
    if page:
        sweep.cursor = page[-1]
    if len(page) < size:
        sweep.finished_at = now
    sweep.save(update_fields=["cursor", "finished_at"])
    return count


def _remind_players(sweep: ReminderSweep, page: Sequence[int], *, now: datetime) -> int:
    """Remind those of the page who need it and have a free slot; return how many.

    Whoever cannot be reminded has the slot back.
    """
    kind = ReminderKind(sweep.kind)
    rules = SWEEPS[kind]
    reachable = Player.objects.filter(pk__in=page, bot_blocked_at=None, suspended_at=None)
    needed = {player.pk: player for player in rules.needed(reachable, now).select_related("streak")}
    day = local_time.local_day(sweep.due_at, zone=sweep.zone)
    served = _take_slots(needed, kind=kind, day=day, now=now) if needed else set()
    with outbox.collecting(lane=Lane.BULK, expires_at=sweep.due_at + LATE):
        reminded = {pk for pk in sorted(served) if _remind_one(needed[pk], sweep=sweep, now=now)}
    if reminded != served:
        Reminder.objects.filter(player__in=served - reminded, kind=kind, day=day).delete()
    return len(reminded)


def _remind_one(player: Player, *, sweep: ReminderSweep, now: datetime) -> bool:
    """Remind the player; False, and logged, if that fails: the other players are not affected."""
    rules = SWEEPS[ReminderKind(sweep.kind)]
    try:
        with dates.speaking_to(player, zone=sweep.zone):
            text = rules.render(player, sweep.zone, now)
            text, proposal = _with_offer(text, player=player, touchpoint=rules.touchpoint, now=now)
            send_reminder(player, text, buttons.reminder(rules.way(), proposal))
    except Exception:
        log.exception("reminder.failed", kind=sweep.kind, player=player.pk)
        return False
    return True


def _with_offer(
    text: str, *, player: Player, touchpoint: Touchpoint | None, now: datetime
) -> tuple[str, Proposal | None]:
    """Return the text with the offer of the touchpoint, if any; a defect costs the offer alone."""
    if touchpoint is None:
        return text, None
    try:
        with transaction.atomic():
            proposal = offers.propose(player=player, touchpoint=touchpoint, now=now)
            if proposal is None:
                return text, None
            return offers_texts.with_reminder(text, proposal, now=now), proposal
    except Exception:
        log.exception("reminder.offer_failed", player=player.pk, touchpoint=touchpoint)
        return text, None


def send_reminder(
    player: Player, text: str, keyboard: InlineKeyboardMarkup, *, effect: str | None = None
) -> None:
    """Send the player a message, with an `effect` or none; belongs inside outbox.collecting()."""
    message = client.bot().send_message(
        player.telegram_id,
        text,
        parse_mode=ParseMode.HTML,
        reply_markup=keyboard,
        message_effect_id=effect,
    )
    client.run(message)


def purge(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` reminders, and the sweeps, from before `before`; return how many."""
    sweeps = ReminderSweep.objects.filter(due_at__lt=before).delete()[0]
    oldest = Reminder.objects.filter(created_at__lt=before).order_by("pk")
    ids = list(oldest.values_list("pk", flat=True)[:limit])
    return sweeps + Reminder.objects.filter(pk__in=ids).delete()[0]
