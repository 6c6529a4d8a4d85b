"""What staff should look at for fair play: found every night, decided by people alone.

What is worth a look says fair_play_rules. Nothing follows from a finding, or from its confirmation,
but what staff do about it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from economy.wallets import business_zone
from quizarena.game import fair_play_rules, league_rules, points
from quizarena.game.errors import FindingDecidedError
from quizarena.game.fair_play_rules import FindingKind, FindingState
from quizarena.game.models import SPRINT_GRACE, SPRINT_LENGTH, FairPlayFinding
from quizarena.game.play_counts import bounds
from quizarena.players.models import Player
from quizarena.staff import audit, reasons

# So many days are looked at again each night: what a missed night has left is found then.
DAYS = 7

# The answers of all kinds with how long they took; a challenge and a sprint show their next
# question with the answer to the last one. A sprint may have begun on the day before.
_FAST = """
SELECT player_id, day, count(*) AS answers, count(*) FILTER (WHERE took < %(fastest)s) AS fast
FROM (
  SELECT player_id, (answered_at AT TIME ZONE %(zone)s)::date AS day, answered_at - shown_at AS took
  FROM game_roundquestion WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT player_id, (answered_at AT TIME ZONE %(zone)s)::date, answered_at - shown_at
  FROM game_duelanswer WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT player_id, (answered_at AT TIME ZONE %(zone)s)::date, answered_at - shown_at
  FROM game_tournamentanswer JOIN game_pairing AS pairing ON pairing.id = pairing_id
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT player_id, (answered_at AT TIME ZONE %(zone)s)::date, answered_at - shown_at
  FROM game_placementquestion JOIN game_placement AS placement ON placement.id = placement_id
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
  UNION ALL
  SELECT player_id, daily_set.day, answered_at
    - lag(answered_at, 1, run.started_at) OVER (PARTITION BY run.id ORDER BY answer.number)
  FROM game_dailyset AS daily_set
  JOIN game_dailyrun AS run ON run.set_id = daily_set.id
  JOIN game_dailyanswer AS answer ON answer.run_id = run.id
  WHERE daily_set.day BETWEEN %(first_day)s AND %(last_day)s
  UNION ALL
  SELECT player_id, (answered_at AT TIME ZONE %(zone)s)::date, took FROM (
    SELECT sprint.player_id, answer.answered_at, answer.answered_at
      - lag(answer.answered_at, 1, sprint.started_at)
        OVER (PARTITION BY sprint.id ORDER BY answer.number) AS took
    FROM game_sprintanswer AS answer JOIN game_sprint AS sprint ON sprint.id = answer.sprint_id
    WHERE answer.answered_at >= %(begin)s - %(sprint)s AND answer.answered_at < %(end)s
  ) AS of_sprints WHERE answered_at >= %(begin)s
  UNION ALL
  SELECT player_id, (answered_at AT TIME ZONE %(zone)s)::date, elapsed_ms * interval '1 ms'
  FROM game_reviewlog JOIN game_reviewcard AS card ON card.id = card_id
  WHERE answered_at >= %(begin)s AND answered_at < %(end)s
) AS answer
GROUP BY player_id, day
HAVING count(*) FILTER (WHERE took < %(fastest)s) >= %(fast_min)s
"""

# Pairs are only made of those who have answered the same challenge or duel alike and have something
# wrong in it; then everything that both have finished is compared.
_ALIKE = """
WITH played AS MATERIALIZED (
  SELECT 'daily' AS source, run.set_id AS id, run.player_id,
    array_agg(choice ORDER BY number) AS choices, count(*) AS questions,
    count(*) FILTER (WHERE NOT is_correct) AS wrong
  FROM game_dailyset AS daily_set
  JOIN game_dailyrun AS run ON run.set_id = daily_set.id
  JOIN game_dailyanswer AS answer ON answer.run_id = run.id
  WHERE daily_set.day BETWEEN %(first_day)s AND %(last_day)s AND run.finished_at IS NOT NULL
  GROUP BY run.set_id, run.player_id
  UNION ALL
  SELECT 'duel', duel.id, answer.player_id,
    array_agg(choice ORDER BY number), count(*), count(*) FILTER (WHERE NOT is_correct)
  FROM game_duel AS duel JOIN game_duelanswer AS answer ON answer.duel_id = duel.id
  WHERE duel.ended_at >= %(begin)s AND duel.ended_at < %(end)s AND duel.state = 'COMPLETED'
  GROUP BY duel.id, answer.player_id
), evidence AS MATERIALIZED (
  SELECT source, id, choices FROM played WHERE wrong > 0
  GROUP BY source, id, choices HAVING count(*) BETWEEN 2 AND %(common_from)s - 1
), pair AS MATERIALIZED (
  SELECT one.player_id AS player_id, two.player_id AS other_id
  FROM evidence JOIN played AS one USING (source, id, choices)
  JOIN played AS two USING (source, id, choices)
  WHERE one.player_id < two.player_id
  GROUP BY one.player_id, two.player_id HAVING sum(one.wrong) >= %(wrong_min)s
)
SELECT pair.player_id, pair.other_id, sum(one.questions)::int AS questions,
  coalesce(sum(one.wrong) FILTER (WHERE evidence.id IS NOT NULL), 0)::int AS wrong,
  count(*) FILTER (WHERE one.choices <> two.choices) AS differing
FROM pair
JOIN played AS one ON one.player_id = pair.player_id
JOIN played AS two
  ON two.player_id = pair.other_id AND two.source = one.source AND two.id = one.id
LEFT JOIN evidence ON evidence.source = one.source AND evidence.id = one.id
  AND evidence.choices = one.choices AND evidence.choices = two.choices
GROUP BY pair.player_id, pair.other_id
"""

_LOSES = """
WITH ended AS MATERIALIZED (
  SELECT creator_id, opponent_id, result FROM game_duel
  WHERE ended_at >= %(begin)s AND ended_at < %(end)s AND result <> ''
), side AS MATERIALIZED (
  SELECT creator_id AS player_id, opponent_id AS other_id,
    result = 'CREATOR' AS won, result = 'OPPONENT' AS lost FROM ended
  UNION ALL
  SELECT opponent_id, creator_id, result = 'OPPONENT', result = 'CREATOR' FROM ended
)
SELECT player_id, other_id, count(*) FILTER (WHERE lost) AS lost, count(*) AS duels,
  (SELECT count(*) FROM side AS any_side
   WHERE any_side.player_id = side.player_id AND any_side.won) AS won
FROM side GROUP BY player_id, other_id HAVING count(*) FILTER (WHERE lost) >= %(lost_min)s
"""

# What nobody has decided yet gets the latest figures; what was decided stays as it was seen.
_RECORD = """
INSERT INTO game_fairplayfinding
  (kind, player_id, other_id, first_day, last_day, figures, found_at, state, note)
VALUES (%(kind)s, %(player)s, %(other)s, %(first_day)s, %(last_day)s, %(figures)s, %(now)s,
  'OPEN', '')
ON CONFLICT (kind, player_id, other_id, first_day) DO UPDATE SET figures = EXCLUDED.figures
WHERE game_fairplayfinding.state = 'OPEN' AND game_fairplayfinding.figures <> EXCLUDED.figures
RETURNING found_at = %(now)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What has been counted about one or two accounts and is worth a look."""

    kind: FindingKind
    player_id: int
    other_id: int | None
    first_day: date
    last_day: date
    figures: dict[str, int]


def find(*, now: datetime) -> int:
    """Record what is worth a look in the latest days and their weeks; return how much is new.

    Once per kind, accounts and day or week, however often it is found. Of accounts that are all
    suspended nothing is recorded: that has been dealt with. Each finding is a statement of its own.
    """
    found = suspicions(last_day=points.today(now))
    suspended = _suspended({player for one in found for player in (one.player_id, one.other_id)})
    return sum(
        _record(one, now=now) for one in found if not {one.player_id, one.other_id} <= suspended
    )


def suspicions(*, last_day: date) -> list[Suspicion]:
    """Return what is worth a look in the days up to `last_day` and in the weeks that they touch."""
    first_day = last_day - timedelta(days=DAYS - 1)
    weeks = sorted({league_rules.week_of(first_day), league_rules.week_of(last_day)})
    found = list(_fast(first_day, last_day))
    for week in weeks:
        found += [*_alike(week), *_losing(week)]
    return found


def _fast(first_day: date, last_day: date) -> Iterator[Suspicion]:
    for player_id, day, answers, fast in _rows(_FAST, first_day, last_day):
        if fair_play_rules.answers_too_fast(fast=fast):
            yield Suspicion(
                kind=FindingKind.FAST_ANSWERS,
                player_id=player_id,
                other_id=None,
                first_day=day,
                last_day=day,
                figures={"fast": fast, "answers": answers},
            )


def _alike(week: date) -> Iterator[Suspicion]:
    for player_id, other_id, questions, wrong, differing in _of_week(_ALIKE, week):
        if fair_play_rules.answers_alike(questions=questions, wrong=wrong, differing=differing):
            yield Suspicion(
                kind=FindingKind.SAME_ANSWERS,
                player_id=player_id,
                other_id=other_id,
                first_day=week,
                last_day=_last_day(week),
                figures={"questions": questions, "wrong": wrong},
            )


def _losing(week: date) -> Iterator[Suspicion]:
    for player_id, other_id, lost, duels, won in _of_week(_LOSES, week):
        if fair_play_rules.only_loses(lost=lost, duels=duels, won=won):
            yield Suspicion(
                kind=FindingKind.ONLY_LOSES_TO,
                player_id=player_id,
                other_id=other_id,
                first_day=week,
                last_day=_last_day(week),
                figures={"lost": lost},
            )


def _last_day(week: date) -> date:
    return week + league_rules.WEEK - timedelta(days=1)


def _of_week(sql: str, week: date) -> list[tuple[Any, ...]]:
    return _rows(sql, week, _last_day(week))


def _rows(sql: str, first_day: date, last_day: date) -> list[tuple[Any, ...]]:
    asked: dict[str, Any] = {
        "first_day": first_day,
        "last_day": last_day,
        "begin": bounds(first_day)[0],
        "end": bounds(last_day)[1],
        "zone": business_zone().key,
        "sprint": SPRINT_LENGTH + SPRINT_GRACE,
        "fastest": points.FASTEST_ANSWER,
        "fast_min": fair_play_rules.FAST_ANSWERS_MIN,
        "wrong_min": fair_play_rules.SAME_WRONG_MIN,
        "common_from": fair_play_rules.COMMON_FROM,
        "lost_min": fair_play_rules.LOST_MIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _suspended(player_ids: set[int | None]) -> set[int | None]:
    """Return which of them are suspended; None, the other of who is alone, always is."""
    ids = [pk for pk in player_ids if pk is not None]
    found = Player.objects.filter(pk__in=ids, suspended_at__isnull=False)
    return {None, *found.values_list("pk", flat=True)}


def _record(one: Suspicion, *, now: datetime) -> bool:
    """Record a finding; return whether it is new."""
    row: dict[str, Any] = {
        "kind": one.kind.value,
        "player": one.player_id,
        "other": one.other_id,
        "first_day": one.first_day,
        "last_day": one.last_day,
        "figures": json.dumps(one.figures),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, row)
        recorded = cursor.fetchone()
    return bool(recorded and recorded[0])


# --- What staff decide ----------------------------------------------------------------------------


@transaction.atomic
def decide(
    verdict: FindingState, *, finding_id: int, note: str, staff: User, now: datetime
) -> FairPlayFinding:
    """Dismiss or confirm a finding, with a note, and record it in the audit log.

    Nothing else changes. Locks the finding. Raises FindingDecidedError if it has been decided, and
    BadReasonError for an empty note.
    """
    note = reasons.normalise(note)
    finding = _lock(finding_id)
    if finding.state != FindingState.OPEN:
        raise FindingDecidedError(finding)
    finding.state = verdict.value
    finding.decided_at = now
    finding.decided_by = staff
    finding.note = note
    finding.save(update_fields=["state", "decided_at", "decided_by", "note"])
    audit.record(
        actor=staff,
        action=f"fairplayfinding.{verdict.lower()}",
        obj=finding,
        summary=f"{finding}: {verdict.lower()}. {note}",
        details={
            "reason": note,
            "kind": finding.kind,
            "player": finding.player_id,
            "other": finding.other_id,
            "figures": finding.figures,
        },
    )
    return finding


def _lock(finding_id: int) -> FairPlayFinding:
    """Lock a finding until the transaction ends."""
    return FairPlayFinding.objects.select_for_update().get(pk=finding_id)
