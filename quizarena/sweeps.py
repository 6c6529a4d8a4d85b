"""Working through rows that are due, one by one."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import structlog
from django.utils import timezone

log = structlog.get_logger(__name__)


def one_by_one(
    *,
    due: Callable[[Collection[int]], Sequence[int]],
    apply: Callable[[int], int],
    until: datetime,
) -> int:
    """Apply `apply` to each id that is due until none is left or it is `until`; return the sum.

    `due` returns the ids of the next few, without those that it is given. `apply` has a
    transaction of its own for each; one that fails is logged and left for the next time, and does
    not hold up its neighbours.
    """
    seen: list[int] = []
    done = 0
    while timezone.now() < until and (ids := due(seen)):
        for one in ids:
            try:
                done += apply(one)
            except Exception:  # Of whatever kind: it is this one's alone.
                log.exception("sweep.left_behind", id=one)
        seen += ids
    return done
