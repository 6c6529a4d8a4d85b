"""What players own, and the ledger that alone can change it. Product rules, sections 3, 6 and 7."""

from economy.models.control import (
    ControlFinding,
    ControlRun,
    VerificationFinding,
    VerificationRun,
)
from economy.models.entitlement import (
    ModeSpan,
    NoticeKind,
    PremiumNotice,
    PremiumSpan,
    Span,
    SpanQuerySet,
    SpanStatus,
    active_sql,
)
from economy.models.ledger import (
    AMOUNT_MAX,
    ASSETS,
    STAFF_TYPES,
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    Source,
    Wallet,
    never_truncated,
)
from economy.models.streak import (
    OutageDay,
    PerfectRound,
    Streak,
    StreakDay,
)

__all__ = [
    "AMOUNT_MAX",
    "ASSETS",
    "STAFF_TYPES",
    "Asset",
    "ControlFinding",
    "ControlRun",
    "Direction",
    "EntryType",
    "LedgerEntry",
    "ModeSpan",
    "NoticeKind",
    "OutageDay",
    "PerfectRound",
    "PremiumNotice",
    "PremiumSpan",
    "Source",
    "Span",
    "SpanQuerySet",
    "SpanStatus",
    "Streak",
    "StreakDay",
    "VerificationFinding",
    "VerificationRun",
    "Wallet",
    "active_sql",
    "never_truncated",
]
