"""The staff inbox: everything of every app that waits for a person, in one list.

An app declares a source; what waits is read from the app's own table and copied nowhere. Stored is
only who looks after it: a claim.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import CharField, QuerySet, Value
from django.urls import reverse

from quizarena.staff import alerts, audit
from quizarena.staff.errors import ClaimedError, NotClaimedError, NotWaitingError
from quizarena.staff.models import InboxClaim

# Something waits longer than its source allows.
LATE = "inbox.late"
# So many of each source are read for a page, so many for a badge, which says "99+" from there.
PER_SOURCE = 100
BADGE_MAX = 100


class Waiting(Protocol):
    """Return what waits now and is `user`'s business; without a user, all that waits.

    Cheap by an index of its own, however much does not wait.
    """

    def __call__(self, *, user: User | None, now: datetime) -> QuerySet[Any]:
        """Return the rows."""


class Resolve(Protocol):
    """Close the thing in the name of `staff` for the reason in `note`; record it."""

    def __call__(self, *, pk: Any, staff: User, note: str, now: datetime) -> object:
        """Do it, or raise a StaffError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of thing that waits for a person."""

    name: str
    # What one of them is called.
    label: str
    # The next step, as a button says it.
    step: str
    # The page of the sidebar whose badge counts it.
    page: str
    # Who may see it, and so look after it.
    permission: str
    waiting: Waiting
    # Since when a row waits: the name of a column.
    since: str
    # The longest first, in the order of an index.
    order: tuple[str, ...]
    late_after: timedelta
    colour: str = "warning"
    # Name and symbol in the sidebar's group of what waits, if the page stands there.
    menu: tuple[str, str] | None = None
    related: tuple[str, ...] = ()
    describe: Callable[[Any], object] = str
    # What a single row is called, where that is not the label.
    kind: Callable[[Any], str] | None = None
    # Where the next step is taken: by default on the row's own page.
    address: Callable[[Any], str] | None = None
    # The alerts that say the same as a row: whoever sees the row is not shown them as well.
    alerts: tuple[str, ...] = ()
    resolve: Resolve | None = None
    resolve_permission: str = ""

    def is_seen_by(self, user: Any) -> bool:
        """Return whether the user has to do with such things."""
        return bool(user.has_perm(self.permission))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that waits."""

    source: Source
    pk: str
    kind: str
    what: object
    since: datetime
    late_at: datetime
    address: str
    owner: User | None


sources: dict[str, Source] = {}


def register(source: Source) -> None:
    """Make a source known; belongs into the AppConfig.ready of its app.

    A page in the sidebar's group of what waits gets its names from the source.
    """
    sources[source.name] = source
    app, model, *view = source.page.split(".")
    if source.menu is not None and not view:
        options = apps.get_model(app, model)._meta
        options.verbose_name = _lowered(source.label)
        options.verbose_name_plural = _lowered(source.menu[0])


def seen_by(user: Any) -> list[Source]:
    """Return the sources that the user has to do with."""
    return [source for source in sources.values() if source.is_seen_by(user)]


def items(
    *,
    user: User,
    now: datetime,
    only: Iterable[Source] | None = None,
    per_source: int = PER_SOURCE,
) -> list[Item]:
    """Return what waits and the user may see; first what is late, or will be next.

    Of each source at most `per_source`, the oldest. One query per source, and one for the claims.
    """
    rows: list[tuple[Source, Any]] = []
    for source in seen_by(user) if only is None else only:
        waiting = source.waiting(user=user, now=now).select_related(*source.related)
        rows += [(source, row) for row in waiting.order_by(*source.order)[:per_source]]
    owners = _owners(rows)
    found = [
        Item(
            source=source,
            pk=str(row.pk),
            kind=source.kind(row) if source.kind else source.label,
            what=source.describe(row),
            since=getattr(row, source.since),
            late_at=getattr(row, source.since) + source.late_after,
            address=source.address(row) if source.address else _page_of(row),
            owner=owners.get((source.name, str(row.pk))),
        )
        for source, row in rows
    ]
    return heapq.nsmallest(len(found), found, key=lambda item: (item.late_at, item.source.name))


def counts(*, user: Any, now: datetime) -> dict[str, int]:
    """Return how many of each source wait for the user, at most BADGE_MAX each. One query."""
    parts = [
        source.waiting(user=user, now=now)
        .order_by(*source.order)
        .annotate(source_name=Value(source.name, output_field=CharField()))
        .values_list("source_name", flat=True)[:BADGE_MAX]
        for source in seen_by(user)
    ]
    found = dict.fromkeys((source.name for source in seen_by(user)), 0)
    if parts:
        first, *others = parts
        for name in first.union(*others, all=True) if others else first:
            found[name] += 1
    return found


# --- Who looks after it ---------------------------------------------------------------------------


@transaction.atomic
def claim(*, source: Source, pk: str, staff: User, now: datetime) -> InboxClaim:
    """Let `staff` look after a thing that waits; whoever does already keeps it.

    Locks the claim. Raises NotWaitingError, and ClaimedError if somebody else looks after it.
    """
    row = _waiting_row(source, pk, staff, now)
    made = InboxClaim(source=source.name, object_id=pk, owner=staff, claimed_at=now)
    InboxClaim.objects.bulk_create([made], ignore_conflicts=True)
    claimed = _lock(source, pk)
    if claimed.owner_id != staff.pk:
        raise ClaimedError(f"{claimed.owner} looks after it")
    if claimed.claimed_at == now:
        _record(staff, "claimed", source, row, f"claimed by {staff}")
    return claimed


@transaction.atomic
def hand_over(
    *, source: Source, pk: str, staff: User, to: User, note: str, now: datetime
) -> InboxClaim:
    """Let `to` look after it from now on, whoever did before. Locks the claim.

    Raises NotWaitingError: also if `to` may not see it.
    """
    row = _waiting_row(source, pk, staff, now)
    if not to.is_active or not source.is_seen_by(to):
        raise NotWaitingError(f"{to} may not see it")
    made = InboxClaim(source=source.name, object_id=pk, owner=to, claimed_at=now)
    InboxClaim.objects.bulk_create([made], ignore_conflicts=True)
    claimed = _lock(source, pk)
    before = claimed.owner
    claimed.owner, claimed.claimed_at = to, now
    claimed.save(update_fields=["owner", "claimed_at"])
    _record(
        staff,
        "handed_over",
        source,
        row,
        f"handed over to {to}. {note}".strip(),
        {"from": str(before), "to": str(to), "note": note},
    )
    return claimed


@transaction.atomic
def release(*, source: Source, pk: str, staff: User, now: datetime) -> None:
    """Let it wait for anybody again. Locks the claim.

    Raises NotWaitingError, and NotClaimedError if `staff` does not look after it.
    """
    row = _waiting_row(source, pk, staff, now)
    if not InboxClaim.objects.filter(source=source.name, object_id=pk, owner=staff).delete()[0]:
        raise NotClaimedError("you do not look after it")
    _record(staff, "released", source, row, f"released by {staff}")


@transaction.atomic
def resolve(*, source: Source, pk: str, staff: User, note: str, now: datetime) -> None:
    """Close it with a note, as its source does that. Raises NotWaitingError and what that raises.

    The source locks and records; the claim is deleted.
    """
    row = _waiting_row(source, pk, staff, now)
    if source.resolve is None or not staff.has_perm(source.resolve_permission):
        raise NotWaitingError("it cannot be closed here")
    source.resolve(pk=row.pk, staff=staff, note=note, now=now)
    InboxClaim.objects.filter(source=source.name, object_id=pk).delete()


# --- What a job does ------------------------------------------------------------------------------


def watch(*, now: datetime) -> int:
    """Raise an alert for each source of which something is late, and resolve those of the others.

    Return how many sources are late. One query and one write per source.
    """
    late_sources = 0
    for source in sources.values():
        due = {f"{source.since}__lte": now - source.late_after}
        late = list(
            source.waiting(user=None, now=now)
            .filter(**due)
            .order_by(*source.order)
            .values_list(source.since, flat=True)[:BADGE_MAX]
        )
        if not late:
            alerts.resolve(kind=LATE, key=source.name, now=now)
            continue
        late_sources += 1
        number = f"{len(late)}+" if len(late) == BADGE_MAX else str(len(late))
        hours = int(source.late_after / timedelta(hours=1))
        alerts.raise_alert(
            kind=LATE,
            key=source.name,
            summary=f"{source.label}: {number} waiting for more than {hours} hours.",
            details={"source": source.name, "oldest": min(late)},
            now=now,
        )
    return late_sources


def purge_claims(*, now: datetime) -> int:
    """Delete the claims of what waits no longer; return how many. One query per source."""
    claimed: dict[str, list[str]] = defaultdict(list)
    for name, pk in InboxClaim.objects.values_list("source", "object_id"):
        claimed[name].append(pk)
    gone = 0
    for name, pks in claimed.items():
        still: set[str] = set()
        if name in sources:
            waiting = sources[name].waiting(user=None, now=now).filter(pk__in=pks)
            still = {str(pk) for pk in waiting.order_by().values_list("pk", flat=True)}
        over = InboxClaim.objects.filter(source=name, claimed_at__lt=now)
        gone += over.filter(object_id__in=set(pks) - still).delete()[0]
    return gone


# --- Details --------------------------------------------------------------------------------------


def _owners(rows: Sequence[tuple[Source, Any]]) -> dict[tuple[str, str], User]:
    """Return who looks after which of the rows."""
    if not rows:
        return {}
    claims = InboxClaim.objects.filter(
        source__in={source.name for source, _ in rows}, object_id__in={str(row.pk) for _, row in rows}
    ).select_related("owner")
    return {(one.source, one.object_id): one.owner for one in claims}


def _waiting_row(source: Source, pk: str, staff: User, now: datetime) -> Any:
    """Return the row if it waits and `staff` may see it."""
    row = None
    if source.is_seen_by(staff):
        row = source.waiting(user=staff, now=now).order_by().filter(pk=pk).first()
    if row is None:
        raise NotWaitingError("it is not waiting any more")
    return row


def _lock(source: Source, pk: str) -> InboxClaim:
    """Lock the claim until the transaction ends."""
    claims = InboxClaim.objects.select_for_update(of=("self",)).select_related("owner")
    return claims.get(source=source.name, object_id=pk)


def _record(
    staff: User,
    verb: str,
    source: Source,
    row: models.Model,
    what: str,
    details: dict[str, Any] | None = None,
) -> None:
    """Leave a row in the history of the thing itself."""
    audit.record(
        actor=staff,
        action=f"inbox.{verb}",
        obj=row,
        summary=f"{source.label} “{row}”: {what}"[: audit.SUMMARY_MAX_LENGTH],
        details={"source": source.name, **(details or {})},
    )


def _page_of(row: models.Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _lowered(title: str) -> str:
    """Return the title as it stands within a sentence; API stays in capitals."""
    return title if title[:2].isupper() else f"{title[0].lower()}{title[1:]}"
