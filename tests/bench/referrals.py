"""Invitations: what a look at 100,000 of them costs, and how many come to count in a second."""

import resource
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from promos import referrals
from promos.models import Referral
from quizarena.players.models import Player
from tests.bench.clients import clients
from tests.bench.report import Figure

REFERRALS = 100_000
# Each inviter has brought so many.
PER_INVITER = 10
# Of a hundred, so many have played on two days and lack an answer, so many more on one day only.
NEARLY, ONE_DAY = 30, 30
# So many answer their last question, and count in the run that is measured.
COUNTING = 3_000
FIRST_TELEGRAM_ID = 7 * 10**15

_POPULATE = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO players_player
  (telegram_id, first_name, last_name, username, language, awaits, created_at, last_seen_at)
SELECT {FIRST_TELEGRAM_ID} + number, 'Bench', '', '', 'de', '', now(), now()
FROM generate_series(1, {REFERRALS + REFERRALS // PER_INVITER}) AS number;
CREATE TEMPORARY TABLE bench_pair ON COMMIT DROP AS
SELECT invited.id AS invited, inviter.id AS inviter, number
FROM generate_series(1, {REFERRALS}) AS number
JOIN players_player AS invited ON invited.telegram_id = {FIRST_TELEGRAM_ID} + number
JOIN players_player AS inviter
  ON inviter.telegram_id = {FIRST_TELEGRAM_ID + REFERRALS} + 1 + number / {PER_INVITER} %
     {REFERRALS // PER_INVITER};
INSERT INTO promos_inviter (player_id, code, created_at)
SELECT inviter, translate(upper(lpad(to_hex(min(number)), 10, 'x')), '01258B', 'GHJKMN'), now()
FROM (SELECT inviter, row_number() OVER (ORDER BY inviter) AS number
      FROM (SELECT DISTINCT inviter FROM bench_pair) AS one) AS numbered GROUP BY inviter;
INSERT INTO promos_referral
  (inviter_id, invited_id, started_at, status, answers, days, fast_answers, score, reasons, cleared)
SELECT inviter, invited, now() - interval '3 days', 'STARTED', 0, 0, 0, 0, '[]', '[]'
FROM bench_pair;
INSERT INTO economy_streakday (player_id, day, outcome, length)
SELECT invited, current_date - back, 'PLAYED', 1
FROM bench_pair, generate_series(0, 1) AS back
WHERE number % 100 < {NEARLY} OR (number % 100 < {NEARLY + ONE_DAY} AND back = 1);
INSERT INTO game_round (player_id, mode, start_key, state, started_at, finished_at)
SELECT invited, 'ARTIKEL_SPRINT', 'bench' || back, 'FINISHED',
       now() - back * interval '1 day', now() - back * interval '1 day'
FROM bench_pair, generate_series(0, 1) AS back
WHERE number % 100 < {NEARLY} OR (number % 100 < {NEARLY + ONE_DAY} AND back = 1);
INSERT INTO game_roundquestion
  (round_id, number, player_id, mode, question_id, version_id, "order", shown_at, answered_at,
   choice, is_correct)
SELECT round.id, place, round.player_id, round.mode, version.question_id, version.id,
       '{{0,1,2,3}}', round.started_at - interval '5 seconds', round.started_at, 1, true
FROM game_round AS round, generate_series(1, 10) AS place,
     (SELECT id, question_id FROM game_questionversion LIMIT 1) AS version
WHERE round.start_key IN ('bench0', 'bench1') AND NOT (round.start_key = 'bench0' AND place = 10);
"""  # noqa: S608 -- the numbers are constants.

_LAST_ANSWER = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO game_roundquestion
  (round_id, number, player_id, mode, question_id, version_id, "order", shown_at, answered_at,
   choice, is_correct)
SELECT round.id, 10, round.player_id, round.mode, version.question_id, version.id,
       '{{0,1,2,3}}', round.started_at - interval '5 seconds', round.started_at, 1, true
FROM (SELECT * FROM game_round AS one WHERE start_key = 'bench0' AND NOT EXISTS (
        SELECT FROM game_roundquestion WHERE round_id = one.id AND number = 10)
      ORDER BY id LIMIT {COUNTING}) AS round,
     (SELECT id, question_id FROM game_questionversion LIMIT 1) AS version
"""  # noqa: S608 -- the number is a constant.


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Look at all of them, then let some thousand count, each in a process of its own."""
    _populate()
    sizes: dict[str, str | int | float] = {"referrals": REFERRALS, "counting": COUNTING}
    turns, counting, megabytes, statements = [], [], [], []
    for _ in range(min(repetitions, 3)):
        with clients() as pool:
            taken, _counted, peak, executed = pool.submit(_look).result()
        turns.append(taken)
        megabytes.append(peak)
        statements.append(executed)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_LAST_ANSWER)
        with clients() as pool:
            more, counted, _peak, _statements = pool.submit(_look).result()
        assert counted == COUNTING, counted
        counting.append(counted / max(more - taken, 0.001))
    what = "a look at 100,000 invitations of which none counts"
    yield Figure(what=what, unit="s", samples=turns, target="< 60", settings=sizes)
    yield Figure(what=f"{what}: statements", unit="count", samples=statements, settings=sizes)
    yield Figure(
        what=f"{what}: peak memory", unit="MB", samples=megabytes, target="flat", settings=sizes
    )
    yield Figure(
        what="invitations that come to count, on top of it",
        unit="1/s",
        samples=counting,
        settings=sizes,
    )


def _look() -> tuple[float, int, float, int]:
    """Look at all; return seconds, how many counted, the most MB, and the statements."""
    now = timezone.now()
    began = time.perf_counter()
    statements = count()

    def counting(execute: Any, *parts: Any) -> Any:
        next(statements)
        return execute(*parts)

    with connection.execute_wrapper(counting):
        counted = referrals.check(now=now, until=now + timedelta(hours=1))
    taken = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    megabytes = peak * (1 if sys.platform == "darwin" else 1024) / 1e6
    return taken, counted, megabytes, next(statements)


def _populate() -> None:
    """Make the players, who has invited whom, and what they have answered."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_POPULATE)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert Referral.objects.count() >= REFERRALS
    assert Player.objects.filter(telegram_id__gte=FIRST_TELEGRAM_ID).exists()
