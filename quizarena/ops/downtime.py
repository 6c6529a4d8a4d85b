"""When nobody could play because of us, and which days that spoils. Product rules, section 7.

heartbeats.py writes down each silence when it is over; here it is judged, from what is recorded
and nothing else.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import transaction

from economy import streak_rules, streaks, wallets
from economy.models import OutageDay
from economy.streak_rules import DAY, midnight_after
from quizarena.ops.models import Downtime

# Without the one an answer is not worked on, without the other the next question does not arrive.
# Web servers leave no signs of life; Telegram keeps for 24 h what they do not take.
# "worker" is what was recorded before workers were named by their queues.
PLAYING_NEEDS = ("worker-default", "worker", "sender")
# More than this on one day makes it an outage day. It is as long as the part of a day in which
# somebody with a job or a school has time to play; a deployment or a failover is over in minutes.
OUTAGE_MIN = timedelta(hours=2)
BATCH = 100


def shield_outages(*, now: datetime) -> list[OutageDay]:
    """Judge the downtime that is over and not judged yet; return the days that are now shielded.

    Safe to run twice at once. A day that is an outage day already stays as it is.
    """
    shielded = []
    for downtime in Downtime.objects.filter(judged_at=None).order_by("pk")[:BATCH]:
        with transaction.atomic():
            shielded += streaks.shield_downtime(
                days=[day for day in days_of(downtime) if away_on(day) > OUTAGE_MIN],
                reason="Recorded downtime: the bot could not answer.",
                now=now,
            )
            downtime.judged_at = now
            downtime.save(update_fields=["judged_at"])
    return shielded


def days_of(downtime: Downtime) -> list[date]:
    """Return the business days on which it fell."""
    zone = wallets.business_zone()
    # What ends at midnight does not fall on the day that begins.
    last_moment = downtime.ended_at - timedelta.resolution
    first, last = (instant.astimezone(zone).date() for instant in (downtime.began_at, last_moment))
    return streak_rules.days(first, last)


def away_on(day: date) -> timedelta:
    """Return how long on a business day something was missing that playing needs."""
    zone = wallets.business_zone()
    # In UTC, so that the hour which a change of the clocks leaves out is not counted.
    begins, over = (midnight_after(one, zone=zone).astimezone(UTC) for one in (day - DAY, day))
    silences = Downtime.objects.filter(
        process__in=PLAYING_NEEDS, ended_at__gt=begins, began_at__lt=over
    ).values_list("began_at", "ended_at")
    return _covered((max(begins, began), min(over, ended)) for began, ended in silences)


def _covered(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Return how much time the spans cover together; what two of them cover counts once."""
    covered, until = timedelta(), None
    for began, ended in sorted(spans):
        start = began if until is None else max(began, until)
        if ended > start:
            covered += ended - start
            until = ended
    return covered
