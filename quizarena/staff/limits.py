"""How much each role may do without a second person. Product rules, section 14.

An app declares its limits with their defaults; Security may set other values, which hold at once.
Lowering one takes one person, raising it two. A lower limit undoes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from quizarena.staff import approvals, audit, reasons
from quizarena.staff.errors import LimitError
from quizarena.staff.limit_models import MOST, Limit, LimitChange
from quizarena.staff.models import ApprovalRequest

# The kind of request for approval.
RAISE = "limit_raise"
MAY_SET = "staff.set_limit"
# What a client of the API may do, which has no role.
API_CLIENTS = "API clients"
# Who has every permission has an Administrator's limits.
ADMINISTRATOR = "Administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One limit, for every role that can do what it limits."""

    name: str
    # "Refunds of one person on a day", and what it is counted in.
    label: str
    unit: str
    # By role, as long as Security has set nothing: read when it is asked for.
    defaults: Callable[[], Mapping[str, int]]

    @property
    def most(self) -> int:
        """Return what it can be raised to at most."""
        return MOST[self.name]

    def in_words(self, value: int) -> str:
        """Return a value with its unit."""
        return f"{value:,} {self.unit}"


kinds: dict[str, Kind] = {}


def declare(kind: Kind) -> None:
    """Make a limit known; belongs into the AppConfig.ready of its app."""
    kinds[kind.name] = kind


def values(name: str) -> dict[str, int]:
    """Return the limit of every role that has one. One statement."""
    found = dict(kinds[name].defaults())
    for role, value in Limit.objects.filter(name=name).values_list("role", "value"):
        if role in found and value is not None:
            found[role] = value
    return found


def of(name: str, *, staff: User | None) -> int:
    """Return the limit of a member of staff: the largest of their roles, 0 without one that has it.

    What nobody in particular does has the least of all.
    """
    by_role = values(name)
    if staff is None:
        return min(by_role.values())
    return max((by_role.get(role, 0) for role in _roles_of(staff)), default=0)


def of_api_clients(name: str) -> int:
    """Return the limit of clients of the API."""
    return values(name)[API_CLIENTS]


def _roles_of(staff: User) -> Collection[str]:
    roles = set(staff.groups.values_list("name", flat=True))
    return {*roles, ADMINISTRATOR} if staff.is_superuser else roles


# --- What Security does ---------------------------------------------------------------------------


def register() -> None:
    """Make the approval of a raise known; called once, when the process starts."""
    approvals.register(
        kind=RAISE,
        label="Raise limit",
        permission=MAY_SET,
        preview=_preview,
        perform=_perform,
        refusals=(LimitError,),
    )


def change(
    *, name: str, role: str, value: int, reason: str, staff: User, now: datetime
) -> LimitChange | ApprovalRequest:
    """Set the limit of a role, or ask a second person to raise it; return what there is now.

    Two transactions, since a limit is locked after a request: the first makes its row. The second
    locks the limit, or what approvals.ask locks. Raises LimitError for what is no new limit,
    BadReasonError, and OtherRequestOpenError while another raise waits for approval.
    """
    _check(name, role, value)
    limit, _ = Limit.objects.get_or_create(name=name, role=role)
    if value > values(name)[role]:
        return approvals.ask(
            kind=RAISE,
            subject=limit,
            title=f"{kinds[name].label}, {role}: {kinds[name].in_words(value)}",
            parameters={"value": value},
            reason=reason,
            maker=staff,
            now=now,
        )
    with transaction.atomic():
        limit = _lock(limit.pk)
        _check(name, role, value)
        if value > values(name)[role]:
            raise LimitError("it has just been changed; open the page again")
        why = reasons.normalise(reason)
        return _set(limit, value, reason=why, staff=staff, request=None, now=now)


def preview(*, name: str, role: str, value: int) -> list[tuple[str, str, str]]:
    """Return what a change does, in words. Raises LimitError."""
    _check(name, role, value)
    kind, before = kinds[name], values(name)[role]
    return [
        (f"{kind.label}, {role}", kind.in_words(before), kind.in_words(value)),
        (
            "Decided by",
            "–",
            "you, and a second member of Security" if value > before else "you alone, at once",
        ),
    ]


def history() -> Sequence[LimitChange]:
    """Return what has been changed, the latest first, at most 100."""
    beside = ("limit", "changed_by", "request__decided_by")
    return list(LimitChange.objects.select_related(*beside).order_by("-pk")[:100])


def waiting(*, now: datetime) -> list[tuple[Limit, ApprovalRequest]]:
    """Return the limits that somebody wants to raise, each with the request."""
    found = list(Limit.objects.order_by("pk"))
    requests = approvals.waiting_about(found, kind=RAISE, now=now)
    return [(limit, requests[str(limit.pk)]) for limit in found if str(limit.pk) in requests]


def _check(name: str, role: str, value: int) -> None:
    kind = kinds.get(name)
    by_role = values(name) if kind else {}
    if kind is None or role not in by_role:
        raise LimitError("this role has no such limit")
    if not 0 <= value <= kind.most:
        raise LimitError(f"it is between 0 and {kind.in_words(kind.most)}")
    if value == by_role[role]:
        raise LimitError(f"it is {kind.in_words(value)} already")


def _lock(limit_id: int) -> Limit:
    return Limit.objects.select_for_update(no_key=True).get(pk=limit_id)


def _preview(*, request: ApprovalRequest, now: datetime) -> list[tuple[str, str, str]]:
    limit = Limit.objects.get(pk=request.subject_id)
    value = request.parameters["value"]
    rows = preview(name=limit.name, role=limit.role, value=value)[:1]
    if value < values(limit.name)[limit.role]:
        raise LimitError("it is higher already")
    return rows


def _perform(*, request: ApprovalRequest, now: datetime) -> None:
    """Raise the limit, in the name of who asked for it."""
    limit = _lock(int(request.subject_id))
    if approvals.preview_of(request, now=now) != request.preview:
        raise LimitError("it has just been changed; open the request again")
    _set(
        limit,
        request.parameters["value"],
        reason=request.reason,
        staff=request.maker,
        request=request,
        now=now,
    )


def _set(
    limit: Limit,
    value: int,
    *,
    reason: str,
    staff: User,
    request: ApprovalRequest | None,
    now: datetime,
) -> LimitChange:
    kind, before = kinds[limit.name], values(limit.name)[limit.role]
    written = LimitChange.objects.create(
        limit=limit,
        before=before,
        after=value,
        reason=reason,
        changed_by=staff,
        request=request,
        at=now,
    )
    audit.record(
        actor=staff,
        action="limit.changed",
        obj=limit,
        summary=f"{kind.label}, {limit.role}: {before:,} → {kind.in_words(value)}. {reason}",
        details={
            "changed": {limit.role: [before, value]},
            "approved_by": str(request.decided_by) if request else "",
            "reason": reason,
        },
    )
    return written
