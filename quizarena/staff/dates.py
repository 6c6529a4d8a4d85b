"""How staff read days and hours: one format everywhere, in the business time zone.

The formats themselves stand in quizarena/formats/en/formats.py, where Django finds them, too.
"""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import dateformat, timezone, translation
from django.utils.formats import get_format
from django.utils.timesince import timesince

# What a box for a moment shows and takes; what else it takes stands in DATETIME_INPUT_FORMATS.
DAY_INPUT_FORMAT = "%d %b %Y"
INPUT_FORMAT, INPUT_FORMAT_TO_THE_SECOND = "%d %b %Y, %H:%M", "%d %b %Y, %H:%M:%S"


def zone_name() -> str:
    """Return the zone of all times in the admin, as pages and headings name it."""
    return settings.TIME_ZONE


def moment(instant: datetime) -> str:
    """Return day, year and time: 29 Nov 2026, 06:57."""
    return _formatted(timezone.localtime(instant), "DATETIME_FORMAT")


def to_the_second(instant: datetime) -> str:
    """Return day, year and time with seconds: 29 Nov 2026, 06:57:03."""
    return f"{moment(instant)}:{instant:%S}"


def day(of: date) -> str:
    """Return a day of the calendar, or that of an instant: 29 Nov 2026."""
    return _formatted(_local(of), "DATE_FORMAT")


def days(first: date, last: date) -> str:
    """Return a day, or the first and the last of several: 3 Nov 2026 to 5 Nov 2026."""
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def short_day(of: date) -> str:
    """Return a day without its year, as charts have it: 29 Nov."""
    return _formatted(_local(of), "MONTH_DAY_FORMAT")


def time(instant: datetime) -> str:
    """Return hour and minute: 06:57."""
    return _formatted(timezone.localtime(instant), "TIME_FORMAT")


def for_csv(instant: datetime) -> str:
    """Return an instant as spreadsheets sort it, in the zone that the heading names."""
    return f"{timezone.localtime(instant):%Y-%m-%d %H:%M:%S}"


def span(duration: timedelta) -> str:
    """Return a length of time in the one unit that says most: 12 s, 5 minutes, 2 days."""
    seconds = duration.total_seconds()
    if seconds < 1:
        return "under a second"
    if seconds < 60:
        return f"{seconds:.0f} s"
    now = timezone.now()
    return timesince(now - duration, now, depth=1).replace("\xa0", " ")


def _local(of: date) -> date:
    return timezone.localtime(of) if isinstance(of, datetime) else of


def _formatted(of: date, name: str) -> str:
    with translation.override("en"):  # Staff read English, whatever is active.
        return dateformat.format(of, get_format(name))
