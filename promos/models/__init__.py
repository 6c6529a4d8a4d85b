"""Campaigns, their codes, and who has redeemed them; who has invited whom, and what for.

Product rules, sections 8 and 9.

The limits are the database's: a redemption that is inserted or moved counts itself into its
campaign, nothing else may write the counters, and a CHECK keeps them within the limits. Locks are
taken in the order Wallet, Redemption, Campaign, and Inviter, Referral, Reward, Wallet. On a
campaign everybody waits who has the same code, so it comes last. Only what takes goods back locks
their redemption before the wallet; nobody else waits for that one.
"""

from promos.models.archive import (
    LIVE_ARCHIVE,
    UNFINISHED_ARCHIVE,
    ArchiveStatus,
    BatchArchive,
    BatchArchivePart,
    SheetLanguage,
)
from promos.models.attempt import Attempt, Block, Channel, DenylistEntry
from promos.models.campaign import (
    ENERGY_MAX,
    GRANT_DAYS,
    HOLDOUT_MAX,
    OVER,
    RUNNING,
    Campaign,
    CampaignKind,
    CampaignStatus,
    Scope,
)
from promos.models.code import Batch, Code, Derivation
from promos.models.redemption import (
    PAYMENT_LOCK_TTL,
    RESERVATION_TTL,
    Redemption,
    RedemptionStatus,
)
from promos.models.referral import (
    COUNTING,
    REFUSED,
    Inviter,
    Referral,
    ReferralNotice,
    ReferralNoticeKind,
    ReferralReward,
    ReferralStatus,
    RewardChoice,
)
from promos.models.uplift import GroupCount, Participant, Uplift

__all__ = [
    "COUNTING",
    "ENERGY_MAX",
    "GRANT_DAYS",
    "HOLDOUT_MAX",
    "LIVE_ARCHIVE",
    "OVER",
    "PAYMENT_LOCK_TTL",
    "REFUSED",
    "RESERVATION_TTL",
    "RUNNING",
    "UNFINISHED_ARCHIVE",
    "ArchiveStatus",
    "Attempt",
    "Batch",
    "BatchArchive",
    "BatchArchivePart",
    "Block",
    "Campaign",
    "CampaignKind",
    "CampaignStatus",
    "Channel",
    "Code",
    "DenylistEntry",
    "Derivation",
    "GroupCount",
    "Inviter",
    "Participant",
    "Redemption",
    "RedemptionStatus",
    "Referral",
    "ReferralNotice",
    "ReferralNoticeKind",
    "ReferralReward",
    "ReferralStatus",
    "RewardChoice",
    "Scope",
    "SheetLanguage",
    "Uplift",
]
