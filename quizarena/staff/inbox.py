"""The staff inbox: everything of every app that waits for a person, in one list.

An app declares a source; what waits is read from the app's own table and copied nowhere. Stored is
only who has claimed it. It is resolved on its own page, and is gone from here with its cause.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import connection, models, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from quizarena.staff import alerts, audit
from quizarena.staff.errors import ClaimedError, NotClaimedError, NotWaitingError
from quizarena.staff.models import InboxClaim
from quizarena.staff.plans import custom_plans

# Something waits longer than its source allows.
LATE = "inbox.late"
# A page shows so many of each source, and as many of all sources together.
PER_SOURCE = 100
# A number is counted up to this, and says "100+" from there.
COUNT_MAX = 100

# SQL with `%s`, and the values.
Statement = tuple[str, tuple[Any, ...]]


class Waiting(Protocol):
    """Returns what waits now and is `user`'s business; without a user, all that waits.

    Cheap by an index, however much of the table does not wait. The primary key is `pk`.
    """

    def __call__(self, *, user: User | None, now: datetime) -> QuerySet[Any]:
        """Return the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of thing that waits for a person."""

    name: str
    # What several of them are called, as a heading, and what one is.
    title: str
    label: str
    # What is to be done about one, as a link says it.
    step: str
    # The page of the sidebar whose number they are.
    page: str
    # Who may see it, and so claim it.
    permission: str
    waiting: Waiting
    # Since when a row waits: the name of a column.
    since: str
    # The longest first, in the order of an index.
    order: tuple[str, ...]
    # One that waits longer is late.
    late_after: timedelta
    # Whether the same rows wait whoever asks, and whenever: what counts them is put together once.
    is_the_same_for_all: bool = False
    # Whether an alert is raised when one is late.
    is_watched: bool = True
    related: tuple[str, ...] = ()
    describe: Callable[[Any], object] = str
    # What one row is called, where that is not the label.
    kind: Callable[[Any], str] | None = None
    # Where the next step is taken: by default on the row's own page.
    address: Callable[[Any], str] | None = None
    # Alerts that say the same as a row: whoever sees the row is not shown them as well.
    alerts: tuple[str, ...] = ()

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


def declare(source: Source) -> None:
    """Make a source known; belongs into the AppConfig.ready of its app."""
    sources[source.name] = source


def seen_by(user: Any) -> list[Source]:
    """Return the sources that the user has to do with."""
    return [source for source in sources.values() if source.is_seen_by(user)]


def items(
    *, user: User, now: datetime, only: Source | None = None, owner: User | None = None
) -> list[Item]:
    """Return what waits and the user may see; first what is late, or will be next.

    Of each source at most PER_SOURCE, the oldest, and as many of all together; with `owner` only
    what that one has claimed. One query per source, and one for the claims.
    """
    mine = _claimed(InboxClaim.objects.filter(owner=owner)) if owner is not None else {}
    rows: list[tuple[Source, Any]] = []
    with custom_plans():
        for source in seen_by(user):
            if only is not None and source is not only:
                continue
            waiting = source.waiting(user=user, now=now)
            if owner is not None:
                waiting = waiting.filter(pk__in=mine.get(waiting.model._meta.label_lower, []))
            if source.related:
                waiting = waiting.select_related(*source.related)
            rows += [(source, row) for row in waiting.order_by(*source.order)[:PER_SOURCE]]
        owners = _owners(rows)
    found = [_item(source, row, owners) for source, row in rows]
    found.sort(key=lambda item: (item.late_at, item.source.name))
    return found[:PER_SOURCE]


def one(*, source: Source, pk: str, user: User, now: datetime) -> Item:
    """Return a thing that waits. Raises NotWaitingError."""
    row = _waiting_row(source, pk, user, now)
    return _item(source, row, _owners([(source, row)]))


def row_of(*, source: Source, pk: str, user: User, now: datetime) -> models.Model:
    """Return the row of a thing that waits. Raises NotWaitingError."""
    row: models.Model = _waiting_row(source, pk, user, now)
    return row


def count(querysets: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """Return how many rows each queryset has, at most COUNT_MAX. One statement for all of them."""
    return _count({name: _statement(rows) for name, rows in querysets.items()})


def count_waiting(
    user: Any, *, now: datetime, also: Mapping[str, Callable[[], QuerySet[Any]]]
) -> dict[str, int]:
    """Return how many wait for the user by the name of the source, and of `also`, as `count` does.

    Every page of the admin asks for it. To put a statement together takes longer than to execute
    it, so it is done once where the same rows are meant each time: in `also`, and in sources of
    which `is_the_same_for_all`.
    """
    return _count(
        {
            source.name: _statement_of_source(source)
            if source.is_the_same_for_all
            else _statement(_in_order(source, user=user, now=now))
            for source in seen_by(user)
        }
        | {name: _statement_of(rows) for name, rows in also.items()}
    )


def waiting_for(user: Any, *, now: datetime) -> dict[str, QuerySet[Any]]:
    """Return what waits for the user, by the name of the source, to be counted."""
    return {source.name: _in_order(source, user=user, now=now) for source in seen_by(user)}


def shown(number: int) -> str:
    """Return a number that was counted, as a page shows it."""
    return f"{COUNT_MAX}+" if number >= COUNT_MAX else str(number)


def candidates(source: Source) -> QuerySet[User]:
    """Return who may have such a thing handed over."""
    allowed: QuerySet[User] = User.objects.with_perm(
        source.permission, backend="django.contrib.auth.backends.ModelBackend"
    )
    return allowed.filter(is_staff=True).order_by("username")


# --- Who has claimed it ---------------------------------------------------------------------------


@transaction.atomic
def claim(*, source: Source, pk: str, staff: User, now: datetime) -> InboxClaim:
    """Let `staff` claim a thing that waits; whoever has claimed it before keeps it.

    Locks the claim. Raises NotWaitingError, and ClaimedError if it is somebody else's.
    """
    row = _waiting_row(source, pk, staff, now)
    claimed = _lock(row)
    if claimed.owner_id == staff.pk:
        return claimed
    if claimed.owner is not None:
        raise ClaimedError(f"{claimed.owner} has claimed it")
    _give(claimed, staff, now=now)
    _record(staff, "claimed", source, row, f"claimed by {staff}.")
    return claimed


@transaction.atomic
def continue_claim(
    *, of: models.Model, to: models.Model, owner: User | None, now: datetime
) -> None:
    """Let a new row that belongs to another one have its owner, or `owner` if nobody has it.

    Who does not see such things any more does not get it: nobody else could claim it. Locks the
    new claim.
    """
    before = InboxClaim.objects.select_related("owner").filter(
        object_type=of._meta.label_lower, object_id=str(of.pk), owner__isnull=False
    )
    found = next((claim.owner for claim in before), owner)
    # Whose account is switched off has no permissions.
    if found is None or not any(
        source.is_seen_by(found)
        for source in sources.values()
        if source.page == to._meta.label_lower
    ):
        return
    _give(_lock(to), found, now=now)
    audit.record(
        actor=None,
        action="inbox.continued",
        obj=to,
        summary=f"It is {found}'s, as what came before it was.",
    )


@transaction.atomic
def hand_over(
    *, source: Source, pk: str, staff: User, to: User, note: str, now: datetime
) -> InboxClaim:
    """Let `to` have it from now on, whoever had claimed it. Locks the claim.

    Raises NotWaitingError: also if it does not wait for `to`.
    """
    row = _waiting_row(source, pk, staff, now)
    try:
        _waiting_row(source, pk, to, now)
    except NotWaitingError as error:
        raise NotWaitingError(f"it does not wait for {to}") from error
    claimed = _lock(row)
    before = claimed.owner
    _give(claimed, to, now=now)
    _record(
        staff,
        "handed_over",
        source,
        row,
        f"handed over to {to}. {note}".strip(),
        {"from": before and str(before), "to": str(to), "note": note},
    )
    return claimed


@transaction.atomic
def release(*, source: Source, pk: str, staff: User, now: datetime) -> None:
    """Let it wait for anybody again. Locks the claim.

    Raises NotWaitingError, and NotClaimedError if `staff` has not claimed it.
    """
    row = _waiting_row(source, pk, staff, now)
    claimed = _lock(row)
    if claimed.owner_id != staff.pk:
        raise NotClaimedError("you have not claimed it")
    claimed.owner, claimed.claimed_at = None, None
    claimed.save(update_fields=["owner", "claimed_at"])
    _record(staff, "released", source, row, f"released by {staff}.")


@transaction.atomic
def note(*, source: Source, pk: str, staff: User, text: str, now: datetime) -> None:
    """Write a note about it into its history, in the audit log. Raises NotWaitingError."""
    row = _waiting_row(source, pk, staff, now)
    _record(staff, "noted", source, row, text, {"note": text})


# --- What a job does ------------------------------------------------------------------------------


def watch(*, now: datetime) -> int:
    """Raise an alert for each source of which something is late, and resolve those of the others.

    Return how many sources are late. A query and a write per source.
    """
    late_sources = 0
    for source in sources.values():
        if not source.is_watched:
            continue
        late = list(
            source.waiting(user=None, now=now)
            .filter(**{f"{source.since}__lte": now - source.late_after})
            .order_by(*source.order)
            .values_list(source.since, flat=True)[:COUNT_MAX]
        )
        if not late:
            alerts.resolve(kind=LATE, key=source.name, now=now)
            continue
        late_sources += 1
        hours = int(source.late_after / timedelta(hours=1))
        alerts.raise_alert(
            kind=LATE,
            key=source.name,
            summary=f"{source.title}: {shown(len(late))} waiting for more than {hours} hours.",
            details={"source": source.name, "oldest": min(late)},
            now=now,
        )
    return late_sources


def purge_claims(*, now: datetime) -> int:
    """Delete the claims of what waits no longer; return how many. One query per source."""
    claimed = _claimed(InboxClaim.objects.all())
    still: dict[str, set[str]] = defaultdict(set)
    for source in sources.values():
        waiting = source.waiting(user=None, now=now).order_by()
        label = waiting.model._meta.label_lower
        if label in claimed:
            found = waiting.filter(pk__in=claimed[label]).values_list("pk", flat=True)
            still[label].update(str(pk) for pk in found)
    return sum(
        InboxClaim.objects.filter(
            object_type=label, object_id__in=set(pks) - still[label]
        ).delete()[0]
        for label, pks in claimed.items()
    )


# --- Details --------------------------------------------------------------------------------------


def _in_order(source: Source, *, user: Any, now: datetime) -> QuerySet[Any]:
    return source.waiting(user=user, now=now).order_by(*source.order)


def _statement(rows: QuerySet[Any]) -> Statement | None:
    """Return what counts the rows, at most COUNT_MAX; None if they cannot be but none."""
    try:
        # Django's own union would put every part together three times.
        return rows.values("pk")[:COUNT_MAX].query.sql_with_params()
    except EmptyResultSet:
        return None


@cache
def _statement_of(rows: Callable[[], QuerySet[Any]]) -> Statement | None:
    return _statement(rows())


@cache
def _statement_of_source(source: Source) -> Statement | None:
    return _statement(_in_order(source, user=None, now=timezone.now()))


def _count(statements: Mapping[str, Statement | None]) -> dict[str, int]:
    """Execute all of them as one, and return what they have counted, by their names."""
    found = dict.fromkeys(statements, 0)
    known = [(name, *statement) for name, statement in statements.items() if statement is not None]
    if known:
        # The statements are Django's; all values travel beside them.
        parts = (
            f"SELECT {number} FROM ({sql}) AS part"  # noqa: S608
            for number, (_, sql, _) in enumerate(known)
        )
        values = [value for _, _, of_part in known for value in of_part]
        with custom_plans(), connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), values)
            for (number,) in cursor.fetchall():
                found[known[number][0]] += 1
    return found


def _item(source: Source, row: Any, owners: Mapping[tuple[str, str], User | None]) -> Item:
    since = getattr(row, source.since)
    return Item(
        source=source,
        pk=str(row.pk),
        kind=source.kind(row) if source.kind else source.label,
        what=source.describe(row),
        since=since,
        late_at=since + source.late_after,
        address=source.address(row) if source.address else _page_of(row),
        owner=owners.get((row._meta.label_lower, str(row.pk))),
    )


def _owners(rows: Sequence[tuple[Source, Any]]) -> dict[tuple[str, str], User | None]:
    """Return who has claimed which of the rows."""
    if not rows:
        return {}
    claims = InboxClaim.objects.filter(
        object_type__in={row._meta.label_lower for _, row in rows},
        object_id__in=[str(row.pk) for _, row in rows],
    ).select_related("owner")
    return {(one.object_type, one.object_id): one.owner for one in claims}


def _claimed(claims: QuerySet[InboxClaim]) -> dict[str, list[str]]:
    """Return the keys of what is claimed, by model."""
    found: dict[str, list[str]] = defaultdict(list)
    for label, pk in claims.values_list("object_type", "object_id"):
        found[label].append(pk)
    return found


def _waiting_row(source: Source, pk: str, staff: User, now: datetime) -> Any:
    """Return the row if it waits and `staff` may see it."""
    row = None
    if source.is_seen_by(staff):
        waiting = source.waiting(user=staff, now=now).order_by()
        try:
            key = waiting.model._meta.pk.to_python(pk)
        except ValidationError:
            key = None
        row = waiting.filter(pk=key).first() if key is not None else None
    if row is None:
        raise NotWaitingError("it is not waiting any more")
    return row


def _lock(row: models.Model) -> InboxClaim:
    """Lock the claim until the transaction ends, making it if new."""
    # Without its owner: PostgreSQL joins a row that it has waited for with the owner of before.
    claimed, _ = InboxClaim.objects.select_for_update().get_or_create(
        object_type=row._meta.label_lower, object_id=str(row.pk)
    )
    return claimed


def _give(claimed: InboxClaim, owner: User, *, now: datetime) -> None:
    claimed.owner, claimed.claimed_at = owner, now
    claimed.save(update_fields=["owner", "claimed_at"])


def _record(
    staff: User,
    verb: str,
    source: Source,
    row: models.Model,
    what: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Leave a row in the history of the thing itself."""
    audit.record(
        actor=staff,
        action=f"inbox.{verb}",
        obj=row,
        summary=f"{source.label}: {what}",
        details={"source": source.name, **(details or {})},
    )


def _page_of(row: models.Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
