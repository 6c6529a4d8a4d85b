"""By whose clock the bot speaks on its own. Pure; product rules, sections 7 and 10, decision 0015.

A streak's day is a day of the business zone, a quiet hour is one of the player's.
"""

from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from bot.chat.models import Zone

# From ten in the evening to eight in the morning players get nothing that they have not caused.
QUIET_BEGINS, QUIET_ENDS = time(22), time(8)
# Who has a streak to lose is reminded at this time, and at no other.
STREAK_RISK = time(22)
# At which full hours a daily reminder can come.
HOURS = range(QUIET_ENDS.hour, QUIET_BEGINS.hour)
# The slots of a day for what the bot says on its own.
SLOTS = (1, 2)
# A reminder that comes so much later than it was meant is none.
LATE = timedelta(hours=1)
# News are written down this long before the quiet hours at the latest, so that they leave in time.
LEAVES_WITHIN = timedelta(minutes=5)


def is_quiet(now: datetime, *, zone: str) -> bool:
    """Return whether the clock of `zone` is between QUIET_BEGINS and QUIET_ENDS."""
    return not QUIET_ENDS <= now.astimezone(ZoneInfo(zone)).time() < QUIET_BEGINS


def is_awake(now: datetime, *, zone: str) -> bool:
    """Return whether it is no quiet hour in `zone`, and will be none within LEAVES_WITHIN."""
    return not is_quiet(now, zone=zone) and not is_quiet(now + LEAVES_WITHIN, zone=zone)


def awake(now: datetime) -> list[Zone]:
    """Return the zones in which it `is_awake`."""
    return [zone for zone in Zone if is_awake(now, zone=zone)]


def quiet_at(now: datetime, *, zone: str) -> datetime:
    """Return when the quiet hours of the day of `now` begin in `zone`."""
    return _instant(local_day(now, zone=zone), QUIET_BEGINS, ZoneInfo(zone))


def local_day(now: datetime, *, zone: str) -> date:
    """Return the day that the calendar of `zone` shows."""
    return now.astimezone(ZoneInfo(zone)).date()


def streak_risk_at(day: date, *, zone: str, business: tzinfo) -> datetime:
    """Return when whoever lives in `zone` is reminded of the streak of the business day.

    Ten in the evening of that date, there or in the business zone, whichever comes first. East of
    it that is before people go to bed; west of it, where the business day ends in the afternoon,
    two hours before it ends. It is always on that business day and never in a quiet hour but at
    ten itself.
    """
    there = _instant(day, STREAK_RISK, ZoneInfo(zone))
    return min(there, _instant(day, STREAK_RISK, business))


def daily_at(day: date, *, hour: int, zone: str) -> datetime:
    """Return when it is that hour of that day in `zone`."""
    return _instant(day, time(hour), ZoneInfo(zone))


def _instant(day: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone)
