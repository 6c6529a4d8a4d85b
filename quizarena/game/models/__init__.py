"""Questions, and what they are asked in: rounds, daily challenges, placements.

Product rules, section 11.
"""

from quizarena.game.models.daily import (
    DAILY_LENGTH,
    DAILY_LEVELS,
    DAILY_PAUSE_DAYS,
    DailyAnswer,
    DailyQuestion,
    DailyRun,
    DailySet,
)
from quizarena.game.models.level import (
    FALL_PERCENT,
    LATEST_ANSWERS,
    LEVEL_WINDOW,
    LEVELLED_MODES,
    PLACEMENT_LENGTH,
    RISE_PERCENT,
    LevelReason,
    Placement,
    PlacementQuestion,
    PlayerLevel,
)
from quizarena.game.models.question import (
    CONTENT,
    IMPORT_UNFINISHED,
    OPTIONS,
    ImportState,
    Level,
    Mode,
    Question,
    QuestionImport,
    QuestionVersion,
)
from quizarena.game.models.round import (
    Round,
    RoundQuestion,
    RoundState,
)

__all__ = [
    "CONTENT",
    "DAILY_LENGTH",
    "DAILY_LEVELS",
    "DAILY_PAUSE_DAYS",
    "FALL_PERCENT",
    "IMPORT_UNFINISHED",
    "LATEST_ANSWERS",
    "LEVELLED_MODES",
    "LEVEL_WINDOW",
    "OPTIONS",
    "PLACEMENT_LENGTH",
    "RISE_PERCENT",
    "DailyAnswer",
    "DailyQuestion",
    "DailyRun",
    "DailySet",
    "ImportState",
    "Level",
    "LevelReason",
    "Mode",
    "Placement",
    "PlacementQuestion",
    "PlayerLevel",
    "Question",
    "QuestionImport",
    "QuestionVersion",
    "Round",
    "RoundQuestion",
    "RoundState",
]
