"""Points: what brings how many, each thing once, and at most POINTS_PER_DAY on a business day.

One statement gives them: a trigger of its row looks for the key, applies the cap under the lock of
the player's week, and moves the sums of day and week along (quizarena/game/models/points.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Sum

from economy.wallets import business_zone
from quizarena.game import league_rules
from quizarena.game.models import (
    POINTS,
    POINTS_PER_DAY,
    DayPoints,
    PointEvent,
    PointKind,
    RoundQuestion,
)
from quizarena.players.models import Player

# Whoever answers faster has not read the question.
FASTEST_ANSWER = timedelta(milliseconds=700)

# A replay inserts nothing and returns nothing. What the trigger sets is 0 until then.
_EARN = """
INSERT INTO game_pointevent
  (player_id, key, kind, earned, points, day_total, week_total, at, day, week)
VALUES (%(player)s, %(key)s, %(kind)s, %(earned)s, 0, 0, 0, %(now)s, %(day)s, %(week)s)
RETURNING points, day_total
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """The points that something has brought, and those of the day with them."""

    points: int
    day_total: int

    @property
    def is_full(self) -> bool:
        """Whether nothing more counts today."""
        return self.day_total >= POINTS_PER_DAY


def earn(*, player: Player, kind: PointKind, key: str, now: datetime) -> Earned | None:
    """Give the player the points of `kind`, once per key; return None for a key that has had them.

    Less than that, down to none, when the day's cap is reached. One statement, which locks the
    player's points of the week; the week's first points also enter the player for its league.
    """
    day = today(now)
    row: dict[str, Any] = {
        "player": player.pk,
        "key": key,
        "kind": kind.value,
        "earned": POINTS[kind],
        "now": now,
        "day": day,
        "week": league_rules.week_of(day),
    }
    with connection.cursor() as cursor:
        cursor.execute(_EARN, row)
        counted = cursor.fetchone()
    return Earned(points=counted[0], day_total=counted[1]) if counted else None


def answered(
    *,
    player: Player,
    kind: PointKind = PointKind.ANSWER,
    key: str,
    is_correct: bool,
    shown_at: datetime,
    now: datetime,
) -> Earned | None:
    """Give the points of an answer if it is right and not faster than one can read."""
    if not is_correct or now - shown_at < FASTEST_ANSWER:
        return None
    return earn(player=player, kind=kind, key=key, now=now)


def daily_finished(*, player: Player, run_id: int, now: datetime) -> Earned | None:
    """Give the points of a finished daily challenge."""
    return earn(player=player, kind=PointKind.DAILY, key=daily_key(run_id=run_id), now=now)


def duel_won(*, player: Player, duel_id: object, now: datetime) -> Earned | None:
    """Give the points of a duel that the player has won."""
    return earn(player=player, kind=PointKind.DUEL_WON, key=f"duel:{duel_id}", now=now)


def duel_drawn(*, player: Player, duel_id: object, now: datetime) -> Earned | None:
    """Give the points of a draw, to one of the two; the other one needs a call of its own."""
    return earn(player=player, kind=PointKind.DUEL_DRAWN, key=f"duel:{duel_id}", now=now)


def answer_key(round_question: RoundQuestion) -> str:
    """Return the key of the points of an answer in a round."""
    return f"answer:{round_question.pk}"


def daily_key(*, run_id: int) -> str:
    """Return the key of the points of a finished daily challenge."""
    return f"daily:{run_id}"


def daily_answer_key(*, run_id: int, number: int) -> str:
    """Return the key of the points of an answer in a daily challenge."""
    return f"daily:{run_id}:{number}"


def duel_answer_key(*, duel_id: int, number: int) -> str:
    """Return the key of the points of an answer in a duel."""
    return f"duel:{duel_id}:{number}"


def tournament_answer_key(*, pairing_id: int, number: int) -> str:
    """Return the key of the points of an answer in a round of a tournament."""
    return f"tournament:{pairing_id}:{number}"


def sprint_answer_key(*, sprint_id: int, number: int) -> str:
    """Return the key of the points of an answer in a sprint."""
    return f"sprint:{sprint_id}:{number}"


def review_answer_key(*, review_question_id: int) -> str:
    """Return the key of the points of an answer in a review."""
    return f"review:{review_question_id}"


def of_keys(*, player: Player, keys: Iterable[str]) -> int:
    """Return how many points these have brought the player in all. One query."""
    found = PointEvent.objects.filter(player=player, key__in=list(keys))
    return found.aggregate(points=Sum("points"))["points"] or 0


def of_day(*, player: Player, now: datetime) -> int:
    """Return the player's points of the business day."""
    points = DayPoints.objects.filter(player=player, day=today(now))
    return points.values_list("points", flat=True).first() or 0


def today(now: datetime) -> date:
    """Return the business day of an instant."""
    return now.astimezone(business_zone()).date()


def this_week(now: datetime) -> date:
    """Return the Monday of the business week of an instant."""
    return league_rules.week_of(today(now))
