"""Questions, what they are asked in, and what they bring. Product rules, section 11."""

from quizarena.game.models.daily import (
    DAILY_LENGTH,
    DAILY_LEVELS,
    DAILY_PAUSE_DAYS,
    DailyAnswer,
    DailyQuestion,
    DailyRun,
    DailySet,
)
from quizarena.game.models.league import (
    TIER_NAMES,
    LeagueGroup,
    LeagueMember,
    LeaguePlayer,
)
from quizarena.game.models.points import (
    POINTS,
    POINTS_PER_DAY,
    BoardCount,
    DayPoints,
    PointEvent,
    PointKind,
    Span,
    WeekPoints,
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
    "IMPORT_UNFINISHED",
    "OPTIONS",
    "POINTS",
    "POINTS_PER_DAY",
    "TIER_NAMES",
    "BoardCount",
    "DailyAnswer",
    "DailyQuestion",
    "DailyRun",
    "DailySet",
    "DayPoints",
    "ImportState",
    "LeagueGroup",
    "LeagueMember",
    "LeaguePlayer",
    "Level",
    "Mode",
    "PointEvent",
    "PointKind",
    "Question",
    "QuestionImport",
    "QuestionVersion",
    "Round",
    "RoundQuestion",
    "RoundState",
    "Span",
    "WeekPoints",
]
