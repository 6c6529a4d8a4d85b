"""Approvals: what one member of staff asks for and another one has to agree to.

An app registers a kind of action; this module knows nothing of what it does. A request begins the
order of locks: it is locked before anything that its action locks, so `ask` comes before the
caller's own locks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import F, Max, Q, QuerySet

from quizarena.staff import audit, dates, outcomes, reasons
from quizarena.staff.errors import (
    ChangedError,
    DependentError,
    NotAllowedError,
    NotOpenError,
    OtherRequestOpenError,
    OwnRequestError,
    RefusedError,
)
from quizarena.staff.models import AccountChange, ApprovalRequest, Outcome, RequestStatus
from quizarena.staff.roles import ROLES

EXPIRES_AFTER = timedelta(hours=72)
# So long nobody approves anything whose account somebody else has made or changed.
PROBATION = timedelta(hours=72)

# A run of the job stores so many as expired.
EXPIRED_AT_ONCE = 100

Rows = Sequence[Sequence[object]]


class Preview(Protocol):
    """Return what the action would do now, in rows of text, or raise one of the kind's refusals.

    The same state gives the same rows, so nothing in them depends on the clock alone. A request
    that is being asked is not stored yet.
    """

    def __call__(self, *, request: ApprovalRequest, now: datetime) -> Rows:
        """Return the rows."""


class Perform(Protocol):
    """Do what was approved, or raise one of the kind's refusals.

    Runs in the transaction of the decision, which holds the lock of the request and no other: so
    it locks, looks again, and stores intents only. Whoever approved is `request.decided_by`.
    """

    def __call__(self, *, request: ApprovalRequest, now: datetime) -> None:
        """Do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of action that needs a second person."""

    label: str
    # Who may approve and decline it.
    permission: str
    preview: Preview
    perform: Perform
    # What `preview` and `perform` raise when the action is not possible (any more).
    refusals: tuple[type[Exception], ...]
    # Above the rows of the preview.
    headers: Sequence[str]
    # Whether approving only begins it: how it ends is reported later (report_outcome).
    takes_time: bool


kinds: dict[str, Kind] = {}


def register(
    *,
    kind: str,
    label: str,
    permission: str,
    preview: Preview,
    perform: Perform,
    refusals: tuple[type[Exception], ...] = (),
    headers: Sequence[str] = ("What", "Before", "After"),
    takes_time: bool = False,
) -> None:
    """Make a kind of action known; belongs into the AppConfig.ready of its app."""
    kinds[kind] = Kind(
        label=label,
        permission=permission,
        preview=preview,
        perform=perform,
        refusals=refusals,
        headers=headers,
        takes_time=takes_time,
    )


def label_of(kind: str) -> str:
    """Return the label of the kind, or the name of one that no app has any more."""
    return kinds[kind].label if kind in kinds else kind


def roles_that_decide(kind: str) -> list[str]:
    """Return the roles whose members may approve requests of this kind."""
    permission = kinds[kind].permission if kind in kinds else ""
    return [role for role, permissions in ROLES.items() if permission in permissions]


def waiting_about(
    subjects: Iterable[models.Model], *, kind: str | Collection[str], now: datetime
) -> dict[str, ApprovalRequest]:
    """Return what waits for a second person, by the key of its subject. One statement.

    `subjects` are of one model.
    """
    subjects = list(subjects)
    if not subjects:
        return {}
    requests = ApprovalRequest.objects.waiting(now).filter(
        kind__in=[kind] if isinstance(kind, str) else kind,
        subject_type=subjects[0]._meta.label_lower,
        subject_id__in=[str(subject.pk) for subject in subjects],
    )
    return {one.subject_id: one for one in requests.select_related("maker").order_by("-id")}


@transaction.atomic
def ask(
    *,
    kind: str,
    subject: models.Model,
    title: str = "",
    parameters: Mapping[str, Any],
    reason: str,
    maker: User,
    now: datetime,
) -> ApprovalRequest:
    """Ask for approval and return the request; whoever asks for the same again gets the open one.

    The caller has checked that `maker` may ask. `title` says what it is about, if the name of
    `subject` does not say enough. `parameters` are plain JSON. Locks the open
    request of this kind about this subject. Raises OtherRequestOpenError if that one has other
    parameters, BadReasonError, and the kind's refusals.
    """
    request = ApprovalRequest(
        kind=kind,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        subject_name=(title or str(subject))[:200],
        parameters=dict(parameters),
        reason=reasons.normalise(reason),
        maker=maker,
        asked_at=now,
        expires_at=now + EXPIRES_AFTER,
    )
    found = _lock_open_like(request)
    if found is not None and found.status_at(now) == RequestStatus.EXPIRED:
        _decide(found, RequestStatus.EXPIRED, by=None, now=now)
        found = None
    if found is None:
        request.preview = preview_of(request, now=now)
        try:
            with transaction.atomic():
                request.save(force_insert=True)
        except IntegrityError:
            # Somebody else asked at the same moment.
            found = _lock_open_like(request)
            if found is None:
                raise
        else:
            _record(request, "asked", by=maker, reason=request.reason)
            return request
    if found.parameters != request.parameters:
        raise OtherRequestOpenError(found)
    return found


def preview_of(request: ApprovalRequest, *, now: datetime) -> list[list[str]]:
    """Return what the action would do now, as it is stored. Raises the kind's refusals."""
    rows = kinds[request.kind].preview(request=request, now=now)
    return [[str(cell) for cell in row] for row in rows]


def shown_to(user: Any, requests: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    """Return those that are the user's business: their own, what they may decide, what they see."""
    seen = [
        model._meta.label_lower
        for model in admin.site._registry
        if user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
    ]
    return requests.filter(Q(maker=user) | Q(kind__in=_decided_by(user)) | Q(subject_type__in=seen))


def decided_by(user: Any, requests: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    """Return those that the user may decide: not their own, and of kinds that are their business.

    Whether two accounts are two persons shows when one approves (check_independent).
    """
    return requests.filter(kind__in=_decided_by(user)).exclude(maker=user)


def _decided_by(user: Any) -> list[str]:
    return [name for name, kind in kinds.items() if user.has_perm(kind.permission)]


def check_independent(*, maker: User, checker: User, now: datetime) -> None:
    """Raise unless the accounts of `maker` and `checker` belong to two persons.

    They do when neither has made, re-roled or let in the other or set its
    password, and nobody has done so to the checker's within PROBATION (product rules, section 14).
    A password that one sets oneself does not count. Superusers are no exception. A trigger of
    ApprovalRequest holds the same rule. Raises DependentError.
    """
    if AccountChange.objects.filter(
        Q(user=checker, actor=maker) | Q(user=maker, actor=checker)
    ).exists():
        raise DependentError(
            f"{maker} and {checker} do not count as two persons, because one of them has made or "
            "changed the account of the other; somebody else has to approve it"
        )
    changes = AccountChange.objects.filter(Q(actor=None) | ~Q(actor=F("user")), user=checker)
    changed_at = changes.aggregate(last=Max("at"))["last"]
    if changed_at is not None and changed_at > now - PROBATION:
        until = dates.moment(changed_at + PROBATION)
        raise DependentError(
            f"the account of {checker} was made or changed by somebody else, and so approves "
            f"nothing for 72 hours; until {until} somebody else has to approve it"
        )


def preview(*, request: ApprovalRequest, checker: User, now: datetime) -> list[list[str]]:
    """Return what approving would do, or raise what `approve` would raise. Writes nothing."""
    kind = _check(request, checker, now=now)
    check_independent(maker=request.maker, checker=checker, now=now)
    try:
        preview = preview_of(request, now=now)
    except kind.refusals as error:
        raise RefusedError(str(error)) from error
    if preview != request.preview:
        raise ChangedError(preview)
    return preview


def approve(*, request_id: int, checker: User, now: datetime) -> ApprovalRequest:
    """Approve the request and do what was asked for, in one transaction.

    Locks the request, and then what its action locks. Raises NotOpenError, OwnRequestError,
    DependentError, NotAllowedError, ChangedError if the preview made anew is not the one that was
    asked for, and RefusedError if the action refuses; the request stays as it was, and whoever has
    asked is notified of the last two.
    """
    try:
        return _approve(request_id=request_id, checker=checker, now=now)
    except (ChangedError, RefusedError) as error:
        note_in_vain(request_id=request_id, checker=checker, error=error, now=now)
        raise


@transaction.atomic
def note_in_vain(
    *, request_id: int, checker: User, error: ChangedError | RefusedError, now: datetime
) -> None:
    """Notify whoever has asked that `checker` could not approve it, and why. Locks the request."""
    request = _lock(request_id)
    text = f"{checker} wanted to approve it, but {str(error).rstrip('.')}."
    outcomes.note(request, Outcome.FAILED, text=text, now=now)


@transaction.atomic
def _approve(*, request_id: int, checker: User, now: datetime) -> ApprovalRequest:
    request = _lock(request_id)
    preview(request=request, checker=checker, now=now)
    _decide(request, RequestStatus.APPROVED, by=checker, now=now)
    kind = kinds[request.kind]
    try:
        kind.perform(request=request, now=now)
    except kind.refusals as error:
        raise RefusedError(str(error)) from error
    return request


@transaction.atomic
def decline(*, request_id: int, checker: User, reason: str, now: datetime) -> ApprovalRequest:
    """Decline the request; nothing else happens. Locks it.

    Raises NotOpenError, OwnRequestError, NotAllowedError and BadReasonError.
    """
    request = _lock(request_id)
    _check(request, checker, now=now)
    _decide(request, RequestStatus.DECLINED, by=checker, now=now, reason=reasons.normalise(reason))
    return request


@transaction.atomic
def withdraw(*, request_id: int, maker: User, now: datetime) -> ApprovalRequest:
    """Take one's own request back; nothing else happens. Locks it.

    Raises NotOpenError, and NotAllowedError for anybody else's request.
    """
    request = _lock(request_id)
    _check_open(request, now=now)
    if request.maker_id != maker.pk:
        raise NotAllowedError(f"only {request.maker} can withdraw it")
    _decide(request, RequestStatus.WITHDRAWN, by=maker, now=now)
    return request


def expire_due(*, now: datetime) -> int:
    """Store as expired what nobody has decided in time; return how many. Locks each."""
    due = ApprovalRequest.objects.filter(status=RequestStatus.OPEN, expires_at__lte=now)
    expired = 0
    for request_id in due.order_by("expires_at").values_list("pk", flat=True)[:EXPIRED_AT_ONCE]:
        with transaction.atomic():
            request = _lock(request_id)
            if request.status == RequestStatus.OPEN:
                _decide(request, RequestStatus.EXPIRED, by=None, now=now)
                expired += 1
    return expired


def report_outcome(
    *, kind: str, subject: models.Model, outcome: Outcome, text: str, now: datetime
) -> None:
    """Notify whoever asked, if anybody had to, of how what was approved has ended."""
    approved = ApprovalRequest.objects.about(subject).filter(
        kind=kind, status=RequestStatus.APPROVED
    )
    if (request := approved.first()) is not None:
        outcomes.note(request, outcome, text=text, now=now)


def _lock(request_id: int) -> ApprovalRequest:
    """Lock the request until the transaction ends."""
    requests = ApprovalRequest.objects.select_for_update(of=("self",))
    # Without whoever has decided it: after waiting, that would be nobody, as it was before.
    return requests.select_related("maker").get(pk=request_id)


def _lock_open_like(request: ApprovalRequest) -> ApprovalRequest | None:
    """Lock the open request of the same kind about the same subject, expired or not."""
    return (
        ApprovalRequest.objects.select_for_update(of=("self",))
        .select_related("maker")
        .filter(
            kind=request.kind,
            subject_type=request.subject_type,
            subject_id=request.subject_id,
            status=RequestStatus.OPEN,
        )
        .first()
    )


def _check_open(request: ApprovalRequest, *, now: datetime) -> None:
    """Raise NotOpenError unless the request can be decided."""
    status = request.status_at(now)
    if status != RequestStatus.OPEN:
        by = f" by {request.decided_by}" if request.decided_by else ""
        raise NotOpenError(f"it is {status.label}{by}")


def _check(request: ApprovalRequest, checker: User, *, now: datetime) -> Kind:
    """Return the kind, or raise why the request is not the checker's to decide."""
    _check_open(request, now=now)
    kind = kinds.get(request.kind)
    if kind is None:
        raise NotAllowedError(f"requests of the kind {request.kind} are no longer supported")
    if request.maker_id == checker.pk:
        raise OwnRequestError("you cannot decide on your own request")
    if not checker.has_perm(kind.permission):
        raise NotAllowedError(f"{checker} has no permission to decide on {kind.label}")
    return kind


def _decide(
    request: ApprovalRequest,
    status: RequestStatus,
    *,
    by: User | None,
    now: datetime,
    reason: str = "",
) -> None:
    """Store where the locked request has gone, with its audit entry."""
    request.status = status
    request.decided_by = by
    request.decided_at = now
    request.decision_reason = reason
    request.save(update_fields=["status", "decided_by", "decided_at", "decision_reason"])
    _record(request, status.label, by=by, reason=reason)
    match status:
        case RequestStatus.APPROVED:
            then = "It is under way." if kinds[request.kind].takes_time else "It is done."
            outcomes.note(request, Outcome.APPROVED, text=f"By {by}. {then}", now=now)
        case RequestStatus.DECLINED:
            outcomes.note(request, Outcome.DECLINED, text=f"By {by}.", now=now)
        case RequestStatus.EXPIRED:
            hours = EXPIRES_AFTER // timedelta(hours=1)
            text = f"Nobody has decided within {hours} hours. It can be asked for again."
            outcomes.note(request, Outcome.EXPIRED, text=text, now=now)


def _record(request: ApprovalRequest, verb: str, *, by: User | None, reason: str) -> None:
    """Record the outcome of the request in the audit log."""
    sentence = f"{label_of(request.kind)} of {request.subject_name}: {verb}."
    audit.record(
        actor=by,
        action=f"approval.{verb}",
        obj=request,
        summary=f"{sentence} {reason}".strip(),
        details={
            "subject": [request.subject_type, request.subject_id],
            "parameters": request.parameters,
            "preview": request.preview,
        },
    )
