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


class HoldsAnotherRoleError(StaffError):
    """Nobody holds Security and another role."""


class ApprovalError(StaffError):
    """The request cannot be asked or decided like this. Nothing has been changed."""


class AskedOtherwiseError(ApprovalError):
    """Something else of this kind is being asked about this subject; only one can be open."""

    def __init__(self, request: "ApprovalRequest") -> None:
        super().__init__(f"{request.maker} has asked for it otherwise, and that is still open")
        self.request = request


class NotOpenError(ApprovalError):
    """The request has been decided, or its time is over."""


class OwnRequestError(ApprovalError):
    """Whoever asked is never the one who decides."""


class DependentError(ApprovalError):
    """One of the two persons has had power over the account of the other, or too lately anybody."""


class NotAllowedError(ApprovalError):
    """This member of staff may not do this."""


class ChangedError(ApprovalError):
    """The action would no longer do what it did when it was asked for."""

    def __init__(self, preview: Sequence[Sequence[str]]) -> None:
        super().__init__(
            "it would not do any more what was shown when it was asked for; "
            "withdraw or decline it, and ask again"
        )
        self.preview = preview


class RefusedError(ApprovalError):
    """The action itself refuses; the original error is its cause."""
