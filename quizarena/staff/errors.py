"""What the ground floor refuses. Nothing has been changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quizarena.staff.models import ApprovalRequest


class StaffError(Exception):
    """Staff cannot do this. Nothing has been changed."""


class BadReasonError(StaffError, ValueError):
    """A reason is missing, or is longer than it may be."""


class AlertResolvedError(StaffError):
    """The alert is resolved already."""


class InboxError(StaffError):
    """Something in the staff inbox cannot be done. Nothing has been changed."""


class NotWaitingError(InboxError):
    """It waits no longer, or not for this member of staff."""


class ClaimedError(InboxError):
    """Somebody else has claimed it."""


class NotClaimedError(InboxError):
    """This member of staff has not claimed it."""


class ChannelNotConfiguredError(StaffError):
    """The channel for alerts has no address in the environment."""


class DeliveryNotFailedError(StaffError):
    """Only what has failed is sent again."""


class TemplateNameError(StaffError, ValueError):
    """A template cannot be called like this, or there is none any more."""


class HoldsAnotherRoleError(StaffError):
    """Security cannot be combined with another role."""


class FactorError(StaffError):
    """A code of the second factor cannot be taken. Only the count of wrong ones has changed."""


class ApprovalError(StaffError):
    """The request cannot be asked or decided like this. Nothing has been changed."""


class LimitError(StaffError):
    """A limit cannot be set to this. Nothing has been changed."""


class OtherRequestOpenError(ApprovalError):
    """Something else of this kind is being asked about this subject; only one can be open."""

    def __init__(self, request: "ApprovalRequest") -> None:
        super().__init__(
            f"{request.maker} has another open request for this; it has to be decided first"
        )
        self.request = request


class NotOpenError(ApprovalError):
    """The request has been decided, or its time is over."""


class OwnRequestError(ApprovalError):
    """Whoever asked is never the one who decides."""


class DependentError(ApprovalError):
    """One has changed the account of the other, or somebody has changed the checker's recently."""


class NotAllowedError(ApprovalError):
    """This member of staff may not do this."""


class ChangedError(ApprovalError):
    """The action would no longer do what it did when it was asked for."""

    def __init__(self, preview: Sequence[Sequence[str]]) -> None:
        super().__init__(
            "its effect has changed since it was requested; "
            "withdraw or decline it, and request it again"
        )
        self.preview = preview


class RefusedError(ApprovalError):
    """The action itself refuses; the original error is its cause."""
