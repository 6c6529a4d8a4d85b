"""How long it is kept who has entered which code. Product rules, section 16."""

from datetime import datetime, timedelta

from promos.models import Attempt

# The database keeps them as long, too (promos/models/attempt.py).
KEEP_FOR = timedelta(days=180)


def purge(*, now: datetime, limit: int) -> int:
    """Delete those of the oldest `limit` attempts that are older than KEEP_FOR; return how many.

    What was accepted stays as a redemption. The oldest are those with the lowest ids, give or take
    what was entered at the same time: no index on `at`, and no look at the whole table, is needed.
    """
    oldest = list(Attempt.objects.order_by("pk").values_list("pk", "at")[:limit])
    old = [pk for pk, at in oldest if at < now - KEEP_FOR]
    return Attempt.objects.filter(pk__in=old).delete()[0]
