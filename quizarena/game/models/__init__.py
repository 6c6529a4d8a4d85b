"""Questions, and what they are asked in: rounds, the daily challenge, duels. Product rules, 11."""

from quizarena.game.models.daily import (
    DAILY_LENGTH,
    DAILY_LEVELS,
    DAILY_PAUSE_DAYS,
    DailyAnswer,
    DailyQuestion,
    DailyRun,
    DailySet,
)
from quizarena.game.models.duel import (
    Duel,
    DuelAnswer,
    DuelNotice,
    DuelNoticeKind,
    DuelPrice,
    DuelQuestion,
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
    "DailyAnswer",
    "DailyQuestion",
    "DailyRun",
    "DailySet",
    "Duel",
    "DuelAnswer",
    "DuelNotice",
    "DuelNoticeKind",
    "DuelPrice",
    "DuelQuestion",
    "ImportState",
    "Level",
    "Mode",
    "Question",
    "QuestionImport",
    "QuestionVersion",
    "Round",
    "RoundQuestion",
    "RoundState",
]
