"""Failed sign-ins: what strangers cause, so counted within bounds and purged."""

import ipaddress
from datetime import datetime, timedelta

from django.db.models import F

from quizarena.staff.models import SignInFailure

KEPT_FOR = timedelta(days=30)
# So many rows an hour; what is over it is counted in a row without a name or without an address.
ROWS_PER_ADDRESS = 20
ROWS_PER_NAME = 50
ROWS_PER_HOUR = 1_000
PURGE_BATCH = 5_000


def record_failure(*, username: str, address: str, now: datetime) -> SignInFailure:
    """Count a failed sign-in, in its own row as long as there is room for one."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    name, origin = username.replace("\0", "")[:150], _origin(address)
    rows = SignInFailure.objects.filter(hour=hour)
    if not rows.filter(address=origin, username=name).exists():
        if rows.count() >= ROWS_PER_HOUR:
            name = origin = ""
        elif rows.filter(address=origin).count() >= ROWS_PER_ADDRESS:
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


def purge(*, now: datetime) -> int:
    """Delete what is older than KEPT_FOR, at most PURGE_BATCH of it; return how many."""
    old = SignInFailure.objects.filter(last_at__lte=now - KEPT_FOR).values("pk")[:PURGE_BATCH]
    return SignInFailure.objects.filter(pk__in=old).delete()[0]


def _origin(address: str) -> str:
    """Return the address; of IPv6 its /64, all of which one stranger has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
