"""Several clients at once, each a process with a connection of its own."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context

CLIENTS = 8
# Long enough for every client to have its turn ready.
SOON_SECONDS = 0.3

# Does one thing, for the client of that number, in that round of it.
Work = Callable[[int, int], None]


@contextmanager
def clients() -> Iterator[ProcessPoolExecutor]:
    """Start the clients; they keep their connections, and what is prepared on them."""
    pool = ProcessPoolExecutor(CLIENTS, mp_context=get_context("spawn"), initializer=_set_up)
    with pool:
        yield pool


def per_second(pool: ProcessPoolExecutor, work: Work, *, seconds: int) -> float:
    """Let every client do `work` as often as it can; return how often a second all together did."""
    begin = time.time() + SOON_SECONDS
    turns = [pool.submit(_repeat, work, client, begin, seconds) for client in range(CLIENTS)]
    return sum(turn.result() for turn in turns) / seconds


def _set_up() -> None:
    """Make a Django of this process."""
    import django

    django.setup()


def _repeat(work: Work, client: int, begin: float, seconds: int) -> int:
    """Do `work` from `begin` on for some seconds; return how often that was."""
    # No other turn of any client has the same numbers.
    first = time.time_ns()
    time.sleep(max(0.0, begin - time.time()))
    end = begin + seconds
    for done in count():
        if time.time() >= end:
            return done
        work(client, first + done)
    raise AssertionError(os.getpid())
