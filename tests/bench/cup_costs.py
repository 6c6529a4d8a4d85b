"""What the messages of a cup of 100 cost: statements, and processor time of this process.

How long somebody waits depends on what else the machine does; these figures hardly do.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.utils import timezone

from bot import application
from bot.chat.navigation import Data
from bot.messages import boards, notices
from bot.queue import inbox
from bot.tasks import WORK_FOR
from quizarena.game.models import Pairing, Tournament, TournamentRound
from tests.bench.cup import PLAYERS, begin
from tests.bench.processes import cpu_seconds
from tests.bench.report import Figure
from tests.bench.statements import message, tap

FIRST = 9_100_000_000


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Let a cup be played to the end of its second round, step by step, and measure each kind."""
    for number in range(PLAYERS):
        _work([message("/start", player=FIRST + number)])
    cup = begin()
    yield from _figures("a notice of the first round", _notify())
    yield from _round(cup, "first round")
    yield from _figures("standings in a message, round over", _boards())
    yield from _figures("a notice of the second round", _notify())
    yield from _round(cup, "second round")


def _round(cup: Tournament, name: str) -> Iterator[Figure]:
    """Let everybody play the round that is open, in step, and measure taps and standings."""
    current = TournamentRound.objects.get(tournament=cup, ended_at=None)
    pairings = {
        one.player.telegram_id: one.pk
        for one in Pairing.objects.filter(round=current).select_related("player")
    }
    play = [tap(f"{Data.TOURNAMENT_PLAY}:{cup.pk}", player=one) for one in pairings]
    yield from _figures(f"first question, {name}", _work(play))
    for number in range(1, cup.length + 1):
        taps = [
            tap(f"{Data.TOURNAMENT_ANSWER}:{pk}:{number}:0", player=one)
            for one, pk in pairings.items()
        ]
        if number == cup.length:
            half = _work(taps[: PLAYERS // 2])
            yield from _figures(f"last answer, {name}", half)
            yield from _figures(f"standings in a message, {name}", _boards())
            _work(taps[PLAYERS // 2 :])
        else:
            sample = _work(taps)
            if number == 3:
                yield from _figures(f"an answer, {name}", sample)


Sample = tuple[int, int, float, float]


def _measured(act: Callable[[], int]) -> Sample:
    """Return how many messages there were, statements, and processor time: ours, PostgreSQL's."""
    statements = 0

    def counted(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*arguments)

    servers = cpu_seconds()
    began = time.process_time()
    with connection.execute_wrapper(counted):
        count = act()
    used = time.process_time() - began
    servers_used = cpu_seconds().get("postgresql", 0.0) - servers.get("postgresql", 0.0)
    return count, statements, used, servers_used


def _work(updates: list[dict[str, Any]]) -> Sample:
    """Receive the updates, and measure everything that they cause."""
    for update in updates:
        inbox.receive(raw=json.dumps(update).encode(), now=timezone.now())
    return _measured(
        lambda: inbox.work(
            handle=application.handle,
            slow_down=application.slow_down,
            give_up=application.give_up,
            until=timezone.now() + WORK_FOR * 100,
        )
    )


def _notify() -> Sample:
    return _measured(
        lambda: notices.send_due_notices(transactional=True, until=timezone.now() + WORK_FOR * 100)
    )


def _boards() -> Sample:
    return _measured(lambda: boards.update(until=timezone.now() + WORK_FOR * 100))


def _figures(what: str, sample: Sample) -> Iterator[Figure]:
    count, statements, used, servers_used = sample
    assert count, what
    settings: dict[str, str | int | float] = {"messages": count, "players": PLAYERS}
    yield Figure(
        what=f"statements, {what}", unit="count", samples=[statements / count], settings=settings
    )
    yield Figure(
        what=f"processor, {what}: our own process",
        unit="ms",
        samples=[used * 1_000 / count],
        settings=settings,
    )
    yield Figure(
        what=f"processor, {what}: PostgreSQL",
        unit="ms",
        samples=[servers_used * 1_000 / count],
        settings=settings,
    )
