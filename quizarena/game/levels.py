"""A player's level in each mode: chosen, found by a placement, moved by answers.

Product rules, section 11. Moving it is a step of the answer's transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from quizarena.game.models import (
    FALL_PERCENT,
    LATEST_ANSWERS,
    LEVEL_WINDOW,
    LEVELLED_MODES,
    RISE_PERCENT,
    Level,
    LevelReason,
    Mode,
    PlayerLevel,
    Question,
    Round,
)
from quizarena.players.models import Player

# Where a player begins who has chosen nothing.
FIRST = Level.A1
# In which a first round is played.
FIRST_MODES = (Mode.QUICK_MIX_A1A2, Mode.ARTIKEL_SPRINT)
_ORDER = list(Level)
_LEVELS = f"(ARRAY{[level.value for level in Level]})"

_LATEST = f"""
SELECT stored.level, stored.since, latest.answered, latest.correct, EXISTS (
  SELECT FROM game_question WHERE category = %(mode)s AND is_enabled
    AND level = {_LEVELS}[1 + array_position({_LEVELS}, coalesce(stored.level::text, '{FIRST}'))]
)
FROM (VALUES (1)) AS always
LEFT JOIN game_playerlevel AS stored
  ON stored.player_id = %(player)s AND stored.mode = %(mode)s
CROSS JOIN LATERAL (
  SELECT count(*) AS answered, count(*) FILTER (WHERE is_correct) AS correct
  FROM ({LATEST_ANSWERS.format(player="%(player)s", mode="%(mode)s")}) AS answer
  WHERE answered_at > coalesce(stored.since, '-infinity')
) AS latest
"""  # noqa: S608 -- the parts are constants.


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """A level that answers have moved: so many of the latest were right."""

    mode: Mode
    old: Level
    new: Level
    answered: int
    right: int

    @property
    def is_rise(self) -> bool:
        """Whether the questions become harder."""
        return _ORDER.index(self.new) > _ORDER.index(self.old)


def moved(level: Level, *, answered: int, right: int) -> Level:
    """Return the level after the latest answers, `right` of them right. Pure."""
    if answered < LEVEL_WINDOW:
        return level
    number = _ORDER.index(level)
    if right * 100 >= RISE_PERCENT * answered:
        return _ORDER[min(number + 1, len(_ORDER) - 1)]
    if right * 100 < FALL_PERCENT * answered:
        return _ORDER[max(number - 1, 0)]
    return level


def of(player: Player) -> dict[Mode, Level]:
    """Return the player's level in every mode that has levels."""
    stored = PlayerLevel.objects.filter(player=player).values_list("mode", "level")
    levels = {Mode(mode): Level(level) for mode, level in stored}
    return {mode: levels.get(mode, FIRST) for mode in LEVELLED_MODES}


def overall(player: Player) -> Level:
    """Return the level at which the player meets others, whatever the mode.

    The one in the middle of the levels in the modes that the player plays, of two the easier one;
    those of the others stay as they were chosen. One query.
    """
    rounds = Round.objects.filter(player=player, mode=OuterRef("mode"))
    stored = PlayerLevel.objects.filter(player=player).annotate(is_played=Exists(rounds))
    rows = list(stored.values_list("level", "is_played"))
    found = [level for level, is_played in rows if is_played] or [level for level, _ in rows]
    ordered = sorted(map(Level, found), key=_ORDER.index)
    return ordered[(len(ordered) - 1) // 2] if ordered else FIRST


def first_mode(level: Level) -> Mode:
    """Return the free mode for a first round: the first one with questions of the level."""
    questions = Question.objects.filter(is_enabled=True, level=level, category__in=FIRST_MODES)
    modes = set(questions.order_by().values_list("category", flat=True).distinct())
    return next((mode for mode in FIRST_MODES if mode in modes), FIRST_MODES[0])


def choose(
    *,
    player: Player,
    level: Level,
    modes: Iterable[Mode] = LEVELLED_MODES,
    reason: LevelReason = LevelReason.CHOSEN,
    now: datetime,
) -> None:
    """Let the player be asked at `level` in these modes from now on; the last choice counts.

    Answers that were given before no longer move it. One statement.
    """
    PlayerLevel.objects.bulk_create(
        [
            PlayerLevel(player=player, mode=mode, level=level, reason=reason, since=now)
            # All take the rows in one order, so nobody waits for each other.
            for mode in sorted(modes)
        ],
        update_conflicts=True,
        unique_fields=["player", "mode"],
        update_fields=["level", "reason", "since"],
    )


def record_answer(*, player: Player, mode: Mode, now: datetime) -> LevelChange | None:
    """Look at the latest answers, the one just given included; return how they move the level.

    One statement, a few more when it moves. It does not rise above what the mode has questions for,
    and not at all when the player has chosen another one meanwhile: the choice counts.
    """
    latest = _latest(player, mode)
    new = moved(latest.level, answered=latest.answered, right=latest.right)
    if new == latest.level:
        return None
    change = LevelChange(
        mode=mode, old=latest.level, new=new, answered=latest.answered, right=latest.right
    )
    if change.is_rise and not latest.has_harder:
        return None
    return change if _move(player, change, since=latest.since, now=now) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Latest:
    """A stored level, and how many of the latest answers since then are right.

    `since` is None for who has nothing stored; `has_harder` says that the mode has questions for
    the level above.
    """

    level: Level
    since: datetime | None
    answered: int
    right: int
    has_harder: bool


def _latest(player: Player, mode: Mode) -> _Latest:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"player": player.pk, "mode": mode.value})
        level, since, answered, right, has_harder = cursor.fetchone()
    return _Latest(
        level=Level(level or FIRST),
        since=since,
        answered=answered,
        right=right,
        has_harder=has_harder,
    )


def _move(player: Player, change: LevelChange, *, since: datetime | None, now: datetime) -> bool:
    """Store the level, unless it is another one than was read; the database proves the answers."""
    reason = LevelReason.RAISED if change.is_rise else LevelReason.LOWERED
    if since is not None:
        stored = PlayerLevel.objects.filter(
            player=player, mode=change.mode, level=change.old, since=since
        )
        return stored.update(level=change.new, reason=reason, since=now) == 1
    new: dict[str, Any] = {"level": change.new, "reason": reason, "since": now}
    return PlayerLevel.objects.get_or_create(player=player, mode=change.mode, defaults=new)[1]
