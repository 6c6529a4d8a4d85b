"""How long it is kept who has entered which code. Product rules, section 16."""

from datetime import datetime, timedelta

from promos.models import Attempt

# The database keeps them as long, too (promos/models/attempt.py).
KEEP_FOR = timedelta(days=180)


def purge(*, now: datetime, limit: int) -> int:
    """Delete at most `limit` attempts that are older than KEEP_FOR; return how many.

    What was accepted stays as a redemption.
    """
    old = Attempt.objects.filter(at__lt=now - KEEP_FOR).order_by("pk")
    oldest = list(old.values_list("pk", flat=True)[:limit])
    return Attempt.objects.filter(pk__in=oldest).delete()[0]
