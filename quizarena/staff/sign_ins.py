"""Failed sign-ins: what strangers cause, so counted within bounds and purged; and lock-outs.

A lock-out is no row of its own: it is read from these counts. A right password changes none of
them, so it ends no lock-out; an hour without another failure does, or Security.
"""

import ipaddress
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.base import AxesHandler
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, Q, Sum
from django.http import HttpRequest
from django.utils import timezone

from quizarena.staff import audit, devices
from quizarena.staff.models import SignInFailure

KEPT_FOR = timedelta(days=30)
PURGE_BATCH = 5_000

# So many failures lock out for an hour after the last of them: of one name from one address, of
# one address with whatever names, and of one name from wherever.
LOCKED_FOR = timedelta(hours=1)
FAILURES_OF_BOTH = 5
FAILURES_OF_ADDRESS = 30
FAILURES_OF_NAME = 20

# So many rows an hour; what is over it is counted in a row without a name or without an address.
# An address has room until it is locked out: the names of accounts always have some, and with less
# room for others one would see by the sentence above the form who has an account.
ROWS_PER_ADDRESS = FAILURES_OF_ADDRESS
ROWS_PER_NAME = 50
ROWS_PER_HOUR = 1_000


def record_failure(*, username: str, address: str, now: datetime) -> SignInFailure:
    """Count a failed sign-in, in its own row as long as there is room for one.

    The name of an account stays even if there is no room, or strangers could guess uncounted.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    name, origin = _name(username), _origin(address)
    rows = SignInFailure.objects.filter(hour=hour)
    if not rows.filter(address=origin, username=name).exists():
        is_account = User.objects.filter(username=name).exists()
        if rows.count() >= ROWS_PER_HOUR:
            name, origin = name if is_account else "", ""
        elif not is_account and rows.filter(address=origin).count() >= ROWS_PER_ADDRESS:
            name = ""
        elif rows.filter(username=name).count() >= ROWS_PER_NAME:
            origin = ""
    failure, _ = SignInFailure.objects.update_or_create(
        hour=hour,
        address=origin,
        username=name,
        defaults={"times": F("times") + 1, "last_at": now},
        create_defaults={"times": 1, "last_at": now},
    )
    return failure


def locked_until(
    *, username: str, address: str, now: datetime, is_known: bool = False
) -> datetime | None:
    """Return until when nobody signs in with this name from this address; None if one may.

    For a browser that the account has signed in with before (`is_known`), only the failures with
    this very name from this very address count: strangers elsewhere cannot keep its owner out.
    """
    name, origin = _name(username), _origin(address)
    recent = SignInFailure.objects.filter(last_at__gt=now - LOCKED_FOR)
    of_name, of_address = Q(username=name), Q(address=origin)
    ends = []
    for which, failures_max in (
        (of_name & of_address, FAILURES_OF_BOTH),
        (of_address, FAILURES_OF_ADDRESS),
        (of_name, FAILURES_OF_NAME),
    ):
        # What stands for all the others is nobody's.
        if (which is not of_address and not name) or (which is not of_name and not origin):
            continue
        if is_known and which in (of_address, of_name):
            continue
        found = recent.filter(which).aggregate(
            failures=Sum(F("times") - F("lifted_times")), last=Max("last_at")
        )
        if (found["failures"] or 0) >= failures_max:
            ends.append(found["last"] + LOCKED_FOR)
    return max(ends, default=None)


@transaction.atomic
def lift(*, failure: SignInFailure, by: User, reason: str, now: datetime) -> int:
    """End the lock-outs of the name and of the address of `failure`; return of how many failures.

    What has happened stays written down. Records it in the audit log.
    """
    which = Q(pk=failure.pk)
    if failure.username:
        which |= Q(username=failure.username)
    if failure.address:
        which |= Q(address=failure.address)
    counted = SignInFailure.objects.filter(
        which, last_at__gt=now - LOCKED_FOR, lifted_times__lt=F("times")
    )
    failures = sum(
        row.times - row.lifted_times for row in counted.select_for_update().order_by("pk")
    )
    counted.update(lifted_times=F("times"))
    audit.record(
        actor=by,
        action="signinfailure.lifted",
        obj=failure,
        summary=f"Lock-out of {failure} ended: {reason}",
        details={"failures": failures, "reason": reason},
    )
    return failures


class LockOuts(AxesHandler):
    """What django-axes asks before a password is looked at, answered from our own counts.

    Its own tables would have a row for each name, address and browser that strangers make up, with
    what they posted, without bounds.
    """

    def is_locked(self, request: HttpRequest, credentials: Any = None) -> bool:
        """Return whether the name or the address is locked out."""
        username = str((credentials or {}).get("username", ""))
        until = locked_until(
            username=username,
            address=request.META.get("REMOTE_ADDR", ""),
            now=timezone.now(),
            is_known=devices.knows(request, username=username),
        )
        # For the sentence above the form (quizarena.staff.forms).
        request.locked_until = until  # type: ignore[attr-defined]
        return until is not None

    def user_login_failed(
        self, sender: Any, credentials: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        """Count it; not while it is locked out, or a lock-out would go on for ever."""
        if getattr(request, "locked_until", None) is None:
            record_failure(
                username=str(credentials.get("username", "")),
                address=request.META.get("REMOTE_ADDR", "") if request else "",
                now=timezone.now(),
            )


def purge(*, now: datetime) -> int:
    """Delete what is older than KEPT_FOR, at most PURGE_BATCH of it; return how many."""
    old = SignInFailure.objects.filter(last_at__lte=now - KEPT_FOR).values("pk")[:PURGE_BATCH]
    return SignInFailure.objects.filter(pk__in=old).delete()[0]


def _name(username: str) -> str:
    return username.replace("\0", "")[:150]


def _origin(address: str) -> str:
    """Return the address; of IPv6 its /64, all of which one stranger has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
