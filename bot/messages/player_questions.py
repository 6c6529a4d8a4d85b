"""Why a player did not get a message: in words, for staff."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bot.chat import local_time, reminder_settings
from bot.messages.models import Broadcast, Reminder
from bot.messages.notices import SOURCES
from bot.messages.player_timeline import text_of
from bot.queue.models import FAILED_STATES, CallState, OutgoingCall
from promos import holdout
from quizarena.players import why
from quizarena.players.models import Player
from quizarena.players.why import Answer
from quizarena.staff import dates
from quizarena.staff.desk import object_link

# So many of the latest messages are shown, and of those that did not arrive.
CALLS = 20
FAILED = 10
SKIPPED = 5
# Of so many broadcasts of so long it is said that the player was held out.
BROADCASTS = 10
HELD_OUT_FOR = timedelta(days=30)
# One line of a narrow page.
TEXT_LENGTH = 40


def _message(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    settings = reminder_settings.settings_of(player)
    day = local_time.local_day(now, zone=settings.zone)
    slots = Reminder.objects.filter(player=player, day=day)
    return Answer(
        sentence=_what_is_in_the_way(player, now=now, zone=settings.zone),
        facts=(
            ("Zone of the player", settings.get_zone_display()),
            ("Wants", _wanted(settings)),
            (
                "Reminders of today",
                ", ".join(
                    f"{one.get_kind_display()}{'' if one.ordinal else ' (skipped: no slot left)'}"
                    for one in slots.order_by("pk")
                )
                or "none",
            ),
            ("Skipped before, since two were sent that day", _skipped(player, day) or "none"),
            ("Waits to be sent", _waiting(player) or "nothing"),
            ("Last one that did not arrive", _last_failed(player)),
            *[("Left out of broadcast", line) for line in _held_out_of(player, now=now)],
        ),
        headers=("When", "Message", "State", "Error"),
        rows=[
            (
                dates.to_the_second(one.created_at),
                object_link(one, text_of(one, at_most=TEXT_LENGTH)),
                CallState(one.state).label,
                one.error or "–",
            )
            for one in _calls(player)
        ],
    )


def _sends(player: Player) -> QuerySet[OutgoingCall]:
    sends = OutgoingCall.objects.filter(chat_key=player.telegram_id, method__startswith="send")
    return sends.order_by("-pk")


def _calls(player: Player) -> list[OutgoingCall]:
    """Return the latest messages, and the latest that did not arrive, however long ago."""
    latest = {one.pk: one for one in _sends(player)[:CALLS]}
    failed = {one.pk: one for one in _sends(player).filter(state__in=FAILED_STATES)[:FAILED]}
    return [one for _, one in sorted({**latest, **failed}.items(), reverse=True)]


def _last_failed(player: Player) -> str | SafeString:
    last = _sends(player).filter(state__in=FAILED_STATES).first()
    if last is None:
        return "none that is still stored"
    return format_html(
        "{}: {} ({}: {})",
        dates.moment(last.created_at),
        object_link(last, text_of(last, at_most=TEXT_LENGTH)),
        CallState(last.state).label,
        last.error or "no error is stored",
    )


def _skipped(player: Player, today: date) -> str:
    """Return the latest reminders of earlier days that were skipped."""
    earlier = Reminder.objects.filter(player=player, ordinal=None, day__lt=today)
    return ", ".join(
        f"{one.get_kind_display()} on {dates.short_day(one.day)}"
        for one in earlier.order_by("-day", "-pk")[:SKIPPED]
    )


def _what_is_in_the_way(player: Player, *, now: datetime, zone: str) -> str:
    if player.deleted_at is not None:
        return "The account is deleted: nobody is there to be sent anything."
    if player.bot_blocked_at is not None:
        return (
            f"The player has blocked the bot since {dates.moment(player.bot_blocked_at)}: what is"
            " about money or support waits until they are back, everything else is dropped."
        )
    if player.suspended_at is not None:
        return (
            f"The player is suspended since {dates.moment(player.suspended_at)}: only what is about"
            " money or support is sent."
        )
    if not local_time.is_awake(now, zone=zone):
        return "It is a quiet hour where the player lives: reminders wait for the morning."
    return "Nothing is in the way: at most two reminders a day are sent, and each kind once."


def _wanted(settings: Any) -> str:
    """Return which messages the player has not switched off."""
    switches = {
        "streak_risk": "streak at risk",
        "daily_round": "daily round",
        "daily_challenge": "daily challenge",
        "review": "review",
        "premium": "Premium",
        "duels": "duels",
        "news": "news",
    }
    return ", ".join(label for name, label in switches.items() if getattr(settings, name)) or "none"


def _waiting(player: Player) -> str:
    """Return of which kinds something is due to the player."""
    return ", ".join(
        source.name for source in SOURCES if source.due().filter(player=player).exists()
    )


def _held_out_of(player: Player, *, now: datetime) -> list[str | SafeString]:
    """Return the latest broadcasts that left the player out for the holdout of a campaign."""
    announcing = Broadcast.objects.filter(
        started_at__gt=now - HELD_OUT_FOR, announces__holdout_percent__gt=0
    )
    return [
        format_html(
            "{}: it announces {}, of which the player is held out, by chance and for comparison",
            object_link(one),
            about,
        )
        for one in announcing.select_related("announces").order_by("-pk")[:BROADCASTS]
        if (about := one.announces)
        and holdout.is_held_out(
            key=about.holdout_key, percent=about.holdout_percent, player_id=player.pk
        )
    ]


_QUESTION = why.Question(
    code="message",
    title="Why has a message not come?",
    permission="bot.view_outgoingcall",
    answer=_message,
)


def declare() -> None:
    """Let the page “Why?” answer this question."""
    why.declare(_QUESTION)
