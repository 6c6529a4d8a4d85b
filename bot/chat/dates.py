"""How players read days and hours: by their own clock, in the language that is active.

The clock is set beside the language (`speaking_to`, `activate`), so a text takes neither of them
as a parameter. Where no player is set, times are those of the business zone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import dateformat, translation

from bot.chat import local_time
from bot.chat.models import ReminderSettings
from economy.wallets import business_zone
from quizarena.players.models import Player
from quizarena.prepared import prepared

# Django's format characters, by language: without the year, with it, the day alone.
_FORMATS = {
    "de": {"short": "d.m. H:i", "full": "d.m.Y H:i", "day": "d.m.Y", "short_day": "d.m."},
    "en": {"short": "j M, H:i", "full": "j M Y, H:i", "day": "j M Y", "short_day": "j M"},
    "uk": {"short": "d.m H:i", "full": "d.m.Y H:i", "day": "d.m.Y", "short_day": "d.m"},
}


class _Clock:
    """The zone of one player, looked up when the first time is printed: most texts have none."""

    def __init__(self, player: Player, zone: str | None = None) -> None:
        self._player = player
        if zone is not None:
            self.zone = ZoneInfo(zone)

    @cached_property
    def zone(self) -> ZoneInfo:
        name = _chosen_zone.first(player_id=self._player.pk)
        return ZoneInfo(name) if name else business_zone()


@prepared
def _chosen_zone(*, player_id: int) -> QuerySet[ReminderSettings, str]:
    return ReminderSettings.objects.filter(player_id=player_id).values_list("zone", flat=True)


_clock: ContextVar[_Clock | None] = ContextVar("clock", default=None)


@contextmanager
def speaking_to(
    player: Player | None, *, language: str | None = None, zone: str | None = None
) -> Iterator[None]:
    """Use the player's language and clock inside; `language` is that of somebody unknown.

    `zone` spares the query where the player's is known already. With neither player nor language,
    no language is active and times are those of the business zone.
    """
    token = _clock.set(_Clock(player, zone) if player else None)
    try:
        with translation.override(player.language if player else language):
            yield
    finally:
        _clock.reset(token)


def activate(player: Player) -> None:
    """Use the player's language and clock until the surrounding `speaking_to` ends."""
    translation.activate(player.language)
    _clock.set(_Clock(player))


def zone() -> ZoneInfo:
    """Return the zone by which times are printed now."""
    clock = _clock.get()
    return clock.zone if clock else business_zone()


def short(instant: datetime) -> str:
    """Return day and time of what is near: `5 Dec, 18:30`."""
    return _formatted("short", instant)


def full(instant: datetime) -> str:
    """Return day, year and time: `5 Dec 2026, 18:30`."""
    return _formatted("full", instant)


def day(instant: datetime) -> str:
    """Return the day with its year: `5 Dec 2026`."""
    return _formatted("day", instant)


def short_day(moment: datetime | date) -> str:
    """Return the day without its year, of an instant or of a day of the calendar: `5 Dec`."""
    return _formatted("short_day", moment)


def recent_day(instant: datetime, *, now: datetime) -> str:
    """Return the day, with its year if that is not the year of `now`, as a short label needs it."""
    is_this_year = instant.astimezone(zone()).year == now.astimezone(zone()).year
    return short_day(instant) if is_this_year else day(instant)


def time(instant: datetime) -> str:
    """Return hour and minute."""
    return f"{instant.astimezone(zone()):%H:%M}"


def _formatted(name: str, moment: datetime | date) -> str:
    return formatted(
        moment, name=name, zone=zone(), language=(translation.get_language() or "en")[:2]
    )


def formatted(moment: datetime | date, *, name: str, zone: tzinfo, language: str) -> str:
    """Return `moment` in the format `name` of `language`, by the clock of `zone`. Pure."""
    local = moment.astimezone(zone) if isinstance(moment, datetime) else moment
    with translation.override(language):
        return dateformat.format(local, _FORMATS[language][name])


def streak_risk_time(zone: str, *, now: datetime) -> str:
    """Return when the reminder of a streak comes, by the clock of `zone`."""
    business = business_zone()
    today = now.astimezone(business).date()
    return clock(zone, now=local_time.streak_risk_at(today, zone=zone, business=business))


def clock(zone: str, *, now: datetime) -> str:
    """Return the time that the clock of `zone` shows."""
    return f"{now.astimezone(ZoneInfo(zone)):%H:%M}"
