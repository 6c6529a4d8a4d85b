"""The errors of payments. Nothing has been changed."""

from datetime import datetime
from enum import StrEnum


class PaymentsError(Exception):
    """Payments cannot do this. Nothing has been changed."""


class Refusal(StrEnum):
    """Why something cannot be bought, or paid, now."""

    NOT_FOR_SALE = "NOT_FOR_SALE"
    TOO_SOON = "TOO_SOON"
    LOWER_PLAN = "LOWER_PLAN"
    SUSPENDED = "SUSPENDED"
    # Only when a subscription is opened:
    SUBSCRIBED = "SUBSCRIBED"
    # The reservation is over or another's, its budget used up, or it is for another product.
    PROMO_EXPIRED = "PROMO_EXPIRED"
    PROMO_NOT_FITTING = "PROMO_NOT_FITTING"
    TOO_MANY_TODAY = "TOO_MANY_TODAY"
    # Only at the pre-checkout; the discount is not for this player any more.
    PROMO_NOT_APPLICABLE = "PROMO_NOT_APPLICABLE"
    UNKNOWN = "UNKNOWN"
    NOT_YOURS = "NOT_YOURS"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    EXPIRED = "EXPIRED"
    ALREADY_PAID = "ALREADY_PAID"


class RefusedError(PaymentsError):
    """It cannot be bought or paid now; with TOO_SOON it can be from `until` on."""

    def __init__(self, refusal: Refusal, *, until: datetime | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.until = until


class NotCreditableError(PaymentsError):
    """The purchase is not waiting to be credited, or its product is unknown."""


class NotRefundableError(PaymentsError):
    """Nothing has been paid, or it has been given back."""


class TooManyRequestsError(PaymentsError):
    """The player has asked so often that support should answer first."""


class DailyLimitError(PaymentsError):
    """The player has done this `limit` times today; tomorrow it can be done again."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} times on one day")
        self.limit = limit


class AnsweredError(PaymentsError):
    """The question has been answered already."""


class NotAnsweredError(PaymentsError):
    """Something of the thread waits for an answer, and so it is not solved."""


class UnknownPlaceholderError(PaymentsError):
    """A template has a placeholder that nothing fills."""


class StaleOfferError(PaymentsError):
    """The offer was not made to the player, not of this, or its time is over."""


class PriceError(PaymentsError):
    """The product cannot cost this, or costs it already."""
