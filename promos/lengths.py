"""How long a campaign lasts, by the clock of the business: from 9:00 to 9:00 are whole days.

A week in which the clock changes has an hour more or less, and ends at the same time of day all the
same. Product rules, section 8.
"""

from datetime import UTC, datetime, timedelta

from economy.wallets import business_zone


def between(starts_at: datetime, ends_at: datetime) -> timedelta:
    """Return the length from one instant to the other."""
    length = _wall(ends_at) - _wall(starts_at)
    # Across the hour that comes twice the clock can show less than nothing.
    return length if length > timedelta(0) else ends_at - starts_at


def after(starts_at: datetime, length: timedelta) -> datetime:
    """Return when it ends, always after the start.

    Of an hour that comes twice it is the first, and a time that the clock leaves out is an hour
    later.
    """
    ends_at = (_wall(starts_at) + length).replace(tzinfo=business_zone()).astimezone(UTC)
    # Less than an hour, in the hour that comes twice.
    return ends_at if ends_at > starts_at else starts_at + length


def _wall(instant: datetime) -> datetime:
    return instant.astimezone(business_zone()).replace(tzinfo=None)
