"""The errors of promos. Nothing has been changed."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum


class Refusal(StrEnum):
    """Why a code is not accepted: the error codes of product rules, section 8."""

    INVALID = "E_PROMO_INVALID"
    EXPIRED = "E_PROMO_EXPIRED"
    ALREADY_USED = "E_PROMO_ALREADY_USED"
    NOT_APPLICABLE = "E_PROMO_NOT_APPLICABLE"
    RATE_LIMITED = "E_PROMO_RATE_LIMITED"
    PAUSED = "E_PROMO_PAUSED"

    @property
    def http_status(self) -> int:
        """Return what the API answers with."""
        return _HTTP_STATUS[self]


_HTTP_STATUS = {
    Refusal.INVALID: 404,
    Refusal.EXPIRED: 410,
    Refusal.ALREADY_USED: 409,
    Refusal.NOT_APPLICABLE: 422,
    Refusal.RATE_LIMITED: 429,
    Refusal.PAUSED: 409,
}


class PromosError(Exception):
    """Promos cannot do this. Nothing has been changed."""


class IllegalMoveError(PromosError):
    """The campaign is not where it would have to be for this."""


class ChangedMeanwhileError(PromosError):
    """It has changed since the member of staff saw it."""


class KeyReusedError(PromosError):
    """The idempotency key belongs to another request."""


class BadTermsError(PromosError, ValueError):
    """A campaign cannot have these terms; `field` is the one that is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class IncompleteError(PromosError):
    """The campaign cannot run as it is; `reasons` say what is missing, in sentences."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class BulkRefusedError(PromosError):
    """Some of the drafts cannot be changed like this, and so none was; `reasons` name each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(f"nothing was changed. {' '.join(reasons)}")
        self.reasons = reasons


class NotAttachableError(PromosError):
    """The reservation is over, belongs to somebody else, or the campaign's budget is used up."""


class BadBatchError(PromosError, ValueError):
    """A batch of codes cannot be made like this."""


class CodesGoneError(PromosError):
    """The raw codes are not there any more: downloaded long ago, or revoked."""


class AlreadySoError(PromosError):
    """It is so already."""


class NoRewardError(PromosError):
    """There is no such reward of this player (any more)."""


class NotYetError(PromosError):
    """The reward cannot be chosen before `at`; `is_deferred` says that the month is used up."""

    def __init__(self, *, at: datetime, is_deferred: bool) -> None:
        super().__init__(f"can be chosen from {at} on")
        self.at = at
        self.is_deferred = is_deferred
