"""Points and leagues for tests: players who earn what a test asks for, when it asks for it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import uuid4

from quizarena.game import leagues, points
from quizarena.game.models import DayPoints, LeagueMember, LeaguePlayer, PointKind, WeekPoints
from quizarena.game.points import Earned
from quizarena.players.models import Player
from tests.factories import PlayerFactory

# A Wednesday in Berlin, an hour ahead, and the Monday of its week.
TODAY = date(2026, 12, 16)
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
WEEK = date(2026, 12, 14)
# Midnight in Berlin, with which the week ends.
WEEK_ENDS = datetime(2026, 12, 20, 23, tzinfo=UTC)
NEXT_WEEK = date(2026, 12, 21)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

_numbers = count()


def earn(
    player: Player,
    kind: PointKind = PointKind.ANSWER,
    *,
    key: str | None = None,
    now: datetime = NOON,
) -> Earned | None:
    """Give the player the points of something, by default of one more right answer."""
    key = f"test:{next(_numbers)}" if key is None else key
    return points.earn(player=player, kind=kind, key=key, now=now)


def earn_many(player: Player, wanted: int, *, now: datetime = NOON) -> None:
    """Give the player so many points, a multiple of five, within one day."""
    assert wanted % 5 == 0
    for _ in range(wanted // 10):
        earn(player, now=now)
    if wanted % 10:
        earn(player, PointKind.REVIEW, now=now)


def players_with(*wanted: int, now: datetime = NOON) -> list[Player]:
    """Return new players with so many points each, who have earned them one after the other."""
    found = []
    for number, earned in enumerate(wanted):
        player = PlayerFactory.create(first_name=f"Spieler {uuid4().hex[:1]}{number}")
        earn_many(player, earned, now=now + number * SECOND)
        found.append(player)
    return found


def of_day(player: Player, day: date = TODAY) -> int:
    """Return the points of a day as they are stored."""
    return DayPoints.objects.filter(player=player, day=day).values_list("points", flat=True).get()


def of_week(player: Player, week: date = WEEK) -> int:
    """Return the points of a week as they are stored."""
    return (
        WeekPoints.objects.filter(player=player, week=week).values_list("points", flat=True).get()
    )


def update_all(now: datetime) -> int:
    """Let the job do everything that is due; return of how many rows."""
    done = 0
    while batch := leagues.update(now=now):
        done += batch
    return done


def member(player: Player, week: date = WEEK) -> LeagueMember:
    """Return a player's week in the league."""
    return LeagueMember.objects.select_related("group").get(player=player, week=week)


def tiers(players: Sequence[Player]) -> list[int]:
    """Return the tiers of the players, in their order."""
    found = dict(LeaguePlayer.objects.values_list("player", "tier"))
    return [found[player.pk] for player in players]
