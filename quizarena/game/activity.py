"""What players have answered on which day, for many of them at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from economy.wallets import business_zone


class Span(NamedTuple):
    """From when up to, not at, when a player's answers are asked for."""

    player_id: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredDay:
    """What one player has answered on one business day, and how much of it in less than `fast`."""

    day: date
    answers: int
    fast: int
    first_at: datetime
    last_at: datetime


# A player's questions are found by the index on the player; nobody asks for years of them.
_ANSWERED = """
SELECT span.player_id, (answered_at AT TIME ZONE %(zone)s)::date AS day, count(*),
       count(*) FILTER (WHERE answered_at - shown_at < %(fast)s), min(answered_at), max(answered_at)
FROM unnest(%(players)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[])
  AS span (player_id, since, until)
JOIN game_roundquestion AS round_question ON round_question.player_id = span.player_id
  AND answered_at >= span.since AND answered_at < span.until
GROUP BY span.player_id, day
ORDER BY span.player_id, day
"""


def answered(spans: Sequence[Span], *, fast: timedelta) -> dict[int, list[AnsweredDay]]:
    """Return by player the business days with answers within their span, the earliest first.

    Each player has at most one span, and may be missing if there is no answer. One query.
    """
    if not spans:
        return {}
    players, since, until = zip(*spans, strict=True)
    asked: dict[str, Any] = {
        "players": list(players),
        "since": list(since),
        "until": list(until),
        "zone": business_zone().key,
        "fast": fast,
    }
    days: dict[int, list[AnsweredDay]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERED, asked)
        for player_id, day, answers, quick, first_at, last_at in cursor:
            days[player_id].append(
                AnsweredDay(
                    day=day, answers=answers, fast=quick, first_at=first_at, last_at=last_at
                )
            )
    return days
