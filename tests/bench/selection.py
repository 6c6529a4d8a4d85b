"""The next question: one statement at a large bank, beside the least that brings a question."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from quizarena.game import selection
from quizarena.game.models import Mode, Question
from quizarena.players.models import Player
from tests.bench.report import Figure

# Questions of the mode, all at one level, so that every draw has them all before it.
QUESTIONS = 10_000
# As a bank has them, and the worst: each question of the topic that is drawn is counted.
TOPICS = (50, 1)
MODE = Mode.QUICK_MIX_A1A2
DRAWS = 200
WARMING_UP = 10
FIRST_TELEGRAM_ID = 7 * 10**15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a player has been shown in the mode: on earlier days, and today."""

    what: str
    before: int = 0
    today: int = 0


CASES = (
    _Case(what="a new player"),
    _Case(what="a player with 3,000 questions, 30 of them today", before=2_970, today=30),
    _Case(what="a player with 5,000 questions, 200 of them today", before=4_800, today=200),
    _Case(what="a player with 5,000 questions, 1,000 of them today", before=4_000, today=1_000),
    # Nearly every draw has been shown before, so that sixteen are made.
    _Case(what="a player with 9,990 questions, 30 of them today", before=9_960, today=30),
)

# What was played cannot be truncated while triggers fire; the versions of new questions need them.
_FILL_BANK = """
SET LOCAL session_replication_role = replica;
TRUNCATE game_question CASCADE;
SET LOCAL session_replication_role = origin;
INSERT INTO game_question
  (id, quiz_id, question, option_1, option_2, option_3, option_4, correct_option_id, explanation,
   level, category, topic, key, is_enabled, version)
SELECT number, 'bench-' || number, 'Welches Wort passt hier, Nummer ' || number || '?',
  'eins', 'zwei', 'drei', 'vier', 1, repeat('Weil es so ist. ', 8), 'A1', %(mode)s,
  'thema-' || number %% %(topics)s, 'key-' || number, true, 1
FROM generate_series(1, %(questions)s) AS number
"""
_SHOW = """
SET LOCAL session_replication_role = replica;
WITH played AS (
  INSERT INTO game_round (player_id, mode, start_key, state, started_at, finished_at)
  VALUES (%(player)s, %(mode)s, 'bench', 'STOPPED', %(now)s, %(now)s) RETURNING id
)
INSERT INTO game_roundquestion
  (round_id, number, player_id, mode, question_id, version_id, "order", shown_at, answered_at,
   choice, is_correct)
SELECT played.id, row_number() OVER (), %(player)s, %(mode)s, version.question_id, version.id,
  '{0,1,2,3}', shown.at, shown.at + interval '5 seconds', 1, true
FROM played, (
  SELECT number, %(midnight)s - number * interval '1 minute' AS at
  FROM generate_series(1, %(before)s) AS number
  UNION ALL
  SELECT %(before)s + number, %(now)s - number * interval '1 millisecond'
  FROM generate_series(1, %(today)s) AS number
) AS shown
JOIN game_questionversion AS version ON version.question_id = 1 + shown.number %% %(questions)s
"""
# A random question of a topic as it reads now, whatever was shown: nothing less brings one.
_FLOOR = """
SELECT question.level, version.* FROM game_question AS question
JOIN game_questionversion AS version
  ON version.question_id = question.id AND version.number = question.version
WHERE question.id = (
  SELECT id FROM game_question
  WHERE category = %(mode)s AND level = 'A1' AND is_enabled AND topic = %(topic)s
  OFFSET floor(random() * 100) LIMIT 1
)
"""


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Draw questions for players of different pasts, in turns with the floor."""
    for topics in TOPICS:
        _fill_bank(topics)
        for number, case in enumerate(CASES):
            player = _player(FIRST_TELEGRAM_ID + 10 * topics + number, case)
            ours, floor = [], []
            # The first round warms up.
            for _ in range(repetitions + 1):
                floor.append(_milliseconds(_least))
                ours.append(_milliseconds(lambda: _draw(player)))  # noqa: B023 -- called at once.
            what = f"next question of {QUESTIONS:,} in {topics} topics, {case.what}"
            settings: dict[str, str | int | float] = {
                "draws": DRAWS,
                "floor_milliseconds": median(median(one) for one in floor[1:]),
            }
            yield Figure(
                what=f"{what}: median",
                unit="ms",
                samples=[median(one) for one in ours[1:]],
                target="<= 5",
                settings=settings,
            )
            yield Figure(
                what=f"{what}: p95",
                unit="ms",
                samples=[quantiles(one, n=20)[-1] for one in ours[1:]],
                settings=settings,
            )
            yield Figure(
                what=f"{what}: ratio to the floor",
                unit="ratio",
                samples=[
                    median(mine) / median(least)
                    for mine, least in zip(ours[1:], floor[1:], strict=True)
                ],
                settings=settings,
            )


def _draw(player: Player) -> None:
    selection.next_question(player=player, mode=MODE, now=timezone.now())


def _least() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FLOOR, {"mode": MODE.value, "topic": "thema-0"})
        assert cursor.fetchone()


def _milliseconds(draw: Callable[[], None]) -> list[float]:
    """Return how long each of many draws takes."""
    taken = []
    for number in range(WARMING_UP + DRAWS):
        began = time.perf_counter()
        draw()
        if number >= WARMING_UP:
            taken.append((time.perf_counter() - began) * 1_000)
    return taken


@transaction.atomic
def _fill(topics: int) -> None:
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {"mode": MODE.value, "topics": topics, "questions": QUESTIONS}
        for statement in _FILL_BANK.split(";\n"):
            cursor.execute(statement, asked if "%(" in statement else None)


def _fill_bank(topics: int) -> None:
    """Store the bank in place of what was there."""
    _fill(topics)
    _analyze()
    assert Question.objects.filter(category=MODE).count() == QUESTIONS


def _player(telegram_id: int, case: _Case) -> Player:
    """Return a player who has been shown what the case says."""
    now = timezone.now()
    player = Player.objects.create(
        telegram_id=telegram_id, first_name="Bench", created_at=now, last_seen_at=now
    )
    midnight: datetime = selection.parameters(player=player, mode=MODE, now=now)["midnight"]
    assert now - midnight > timedelta(milliseconds=case.today), "It is too soon after midnight."
    with transaction.atomic(), connection.cursor() as cursor:
        asked: dict[str, Any] = {
            "player": player.pk,
            "mode": MODE.value,
            "now": now,
            "midnight": midnight,
            "before": case.before,
            "today": case.today,
            "questions": QUESTIONS,
        }
        for statement in _SHOW.split(";\n"):
            cursor.execute(statement, asked if "%(" in statement else None)
    _analyze()
    return player


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) game_question, game_questionversion, game_roundquestion")
